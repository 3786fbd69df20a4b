"""A first mapping for a file nobody described yet: best effort, for a person to complete."""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path

import yaml

from core.quantities import READING
from ingest.plain_text import encoding_of, is_workbook
from ingest.table_file import Reading, columns_of, connect

_LOOKED_AT = 30  # lines
_TIME = re.compile(r"时间|时刻|日期|time|date|zeit|datum|timestamp", re.IGNORECASE)
_DATE = re.compile(r"^(日期|date|datum|tag)$", re.IGNORECASE)
_CLOCK = re.compile(r"^(时刻|时间|clock|time|uhrzeit|zeit)$", re.IGNORECASE)
_DEVICE = re.compile(r"表号|电表|设备|仪表|逆变器编号|meter|device|serial|zähler", re.IGNORECASE)
_UNIT = re.compile(r"[(（\[]\s*([^)）\]]+?)\s*[)）\]]\s*$")
_INTERVAL = re.compile(r"区间|时段电量|用电量|发电量|interval|consumption|verbrauch", re.IGNORECASE)
# The first that fits counts; reverse before forward, reactive before active.
_QUANTITIES = (
    (r"反向.*(电能|电量)|上网电量|发电量|energy.*export|export.*energy|energy_export|einspeisung", "energy_export_kwh"),
    (r"正向.*(电能|电量)|有功总?电能|用电量|电表读数|表底|energy.*import|import.*energy|energy_import|bezug|verbrauch|register",
     "energy_import_kwh"),
    (r"无功功率|reactive", "reactive_power_kvar"),
    (r"直流功率|dc.?power", "dc_power_kw"),
    (r"功率因数|power.?factor|cos", "power_factor"),
    (r"有功功率|总功率|功率|power|leistung", "active_power_kw"),
    (r"电压|volt|spannung", "voltage_v"),
    (r"电流|current|strom", "current_a"),
    (r"频率|freq", "frequency_hz"),
    (r"斜面|倾斜.*辐|组件面|poa", "poa_wm2"),
    (r"辐照|辐射|irradiance|ghi|globalstrahlung", "ghi_wm2"),
    (r"(组件|背板).*温|module.*temp", "temp_module_c"),
    (r"温度|气温|temp", "temp_air_c"),
    (r"风速|wind", "wind_speed_ms"),
    (r"soc|荷电", "state_of_charge"),
)  # fmt: skip
_FORMATS = (
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%Y年%m月%d日 %H:%M:%S", "%Y年%m月%d日 %H:%M", "%Y年%m月%d日 %H时%M分",
    "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M", "%Y%m%d%H%M%S", "%Y%m%d%H%M", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M",
)  # fmt: skip
_PHASES = {"a": "l1", "b": "l2", "c": "l3", "l1": "l1", "l2": "l2", "l3": "l3"}


def propose(path: Path) -> str:
    """Return the text of a mapping for a file, as far as its header and first lines tell."""
    rows, encoding = _first_rows(path)
    at = max(range(len(rows)), key=lambda i: (_known(rows[i]), -i), default=0)
    names, below = (rows[at], rows[at + 1 :]) if rows else ([], [])
    return "\n".join([f"# Proposed from {path.name}; complete what is marked with ?, remove what is not wanted.",
                      *_head(at, encoding, below), *_time(names, below), *_values(names, below)]) + "\n"  # fmt: skip


def _first_rows(path: Path) -> tuple[list[list[str]], str]:
    with connect() as connection, tempfile.TemporaryDirectory(prefix="parkwatt-propose-") as folder:
        table = columns_of(connection, path, Path(folder), Reading(guess_latin=True))
        if not table.is_csv:
            found = connection.execute("SELECT * FROM read_parquet(?) LIMIT 20", [str(path)]).fetchall()
            return [list(table.names), *([str(cell) for cell in row] for row in found)], ""
        with table.data.open(encoding="utf-8-sig", newline="") as file:
            lines = [line[: 1 << 16] for line in islice(file, _LOOKED_AT)]
    encoding = "" if is_workbook(path) else encoding_of(path, guess_latin=True) or ""
    # A title stands above the names in many exports, and has no delimiter.
    delimiter = max(",;\t|", key=lambda d: sum(line.count(d) for line in lines))
    return [[c.strip() for c in row] for row in csv.reader(lines, delimiter=delimiter)], encoding


def _known(row: Sequence[str]) -> int:
    return sum(bool(_TIME.search(c) or _DEVICE.search(c) or _quantity(c)) for c in row if not _is_number(c))


def _head(at: int, encoding: str, below: Sequence[Sequence[str]]) -> list[str]:
    lines = [f"encoding: {encoding}"] if encoding not in {"", "utf-8"} else []
    lines += [f"header_row: {at + 1}"] if at else []
    cells = [c for row in below for c in row]
    if any(re.fullmatch(r"-?(\d{1,3}(\.\d{3})+|\d+),\d+", c) for c in cells):
        lines.append('decimal: ","')
        lines += ['thousands: "."'] if any(re.fullmatch(r"-?\d{1,3}(\.\d{3})+(,\d+)?", c) for c in cells) else []
    elif any(re.fullmatch(r"-?\d{1,3}(,\d{3})+(\.\d+)?", c) for c in cells):
        lines.append('thousands: ","')
    return lines


def _time(names: Sequence[str], below: Sequence[Sequence[str]]) -> list[str]:
    dates, clocks = ([i for i, n in enumerate(names) if p.search(n)] for p in (_DATE, _CLOCK))
    first = next((row for row in below if any(row)), [])
    if dates and clocks and dates[0] != clocks[0]:
        columns, keys = [dates[0], clocks[0]], ["date", "clock"]
    else:
        columns, keys = [i for i, n in enumerate(names) if _TIME.search(n)][:1], ["column"]
    if not columns:
        return ["time: {column: '?'}"]
    written = " ".join(first[i] for i in columns if i < len(first))
    found = next((f for f in _FORMATS if _fits(written, f)), None)
    lines = ["time:", *(f"  {key}: {_text(names[i])}" for key, i in zip(keys, columns, strict=True))]
    return [*lines, *([f'  format: "{found}"'] if found else []), "  # zone: Europe/Berlin    # default: the park's"]


def _values(names: Sequence[str], below: Sequence[Sequence[str]]) -> list[str]:
    taken = {n for n in names if _DATE.search(n) or _CLOCK.search(n) or _TIME.search(n)}
    device = next((n for n in names if _DEVICE.search(n) and not _quantity(n)), None)
    lines = []
    if device is not None:
        words = list(dict.fromkeys(r[names.index(device)] for r in below if len(r) > names.index(device)))[:20]
        named = ", ".join(f"{_text(w)}: '?'" for w in words if w)
        lines += ["device:", f"  column: {_text(device)}", f"  names: {{{named}}}    # what PARK.yaml calls them"]
    lines.append("values:")
    for name in names:
        quantity = _quantity(name)
        if name in taken or name == device or not name:
            continue
        where = "" if device is not None else ", device: '?'"
        if quantity is None:
            lines.append(f"  # - {{column: {_text(name)}{where}, quantity: '?'}}")
            continue
        lines.append(f"  - {{column: {_text(name)}{where}, quantity: {quantity}{_details(name, quantity)}}}")
    return lines if len(lines) > 1 else [*lines, "  - {column: '?', device: '?', quantity: '?'}"]


def _details(name: str, quantity: str) -> str:
    unit = _UNIT.search(name)
    phase = re.search(r"\b([abc]|l[123])\s*相|([abc])相|\b(l[123])\b", name, re.IGNORECASE)
    text = f", channel: {_PHASES[next(filter(None, phase.groups())).lower()]}" if phase else ""
    if unit and unit[1] != READING[quantity].unit:
        text += f", unit: {_text(unit[1])}"
    return text + (", kind: interval_energy" if _INTERVAL.search(name) else "")


def _quantity(name: str) -> str | None:
    if name in READING:
        return name
    return next((quantity for words, quantity in _QUANTITIES if re.search(words, name, re.IGNORECASE)), None)


def _fits(written: str, form: str) -> bool:
    try:
        datetime.strptime(written, form)  # noqa: DTZ007 - only the form is looked at
    except ValueError:
        return False
    return True


def _is_number(cell: str) -> bool:
    return bool(re.fullmatch(r"[-+\d.,: /]*", cell))


def _text(name: str) -> str:
    return yaml.safe_dump(name, allow_unicode=True, default_style='"', width=10_000).strip()
