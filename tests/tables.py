"""Before/after tables of hard cases, computed by the real park in a real store: `python -m tests.tables`.

Every case sends register readings of a hall that draws 4 kW throughout, 1 kWh a quarter of an hour, and shows what was
booked before and after something more was known: further readings, or a correction, which is then undone.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd

from core.clock import ManualClock
from core.frames import readings_frame
from core.park_file import load_park
from core.quantities import Period
from core.text import Language
from core.timebase import day_bounds
from core.words import event_words
from service import corrections
from service.runner import Runtime, catch_up, opened

BERLIN = ZoneInfo("Europe/Berlin")
UTC = ZoneInfo("UTC")
STEP = timedelta(minutes=15)
PARK = """
id: tables
name: Tables
latitude: 52.5
longitude: 13.4
timezone: Europe/Berlin
http: {port: 0}
store: {path: FOLDER/park.duckdb}
state: FOLDER/state.sqlite
points:
  - {id: grid, role: grid, name: Grid, devices: [{id: grid-1, template: json, interval_s: 900}]}
  - {id: hall, role: load, name: Hall, devices: [{id: hall-1, template: json, interval_s: 900, rating_kw: 20}]}
"""
SIGNED = {"author": "Li Wei", "reason": "read off the displays"}
Line = tuple[str, ...]


@contextmanager
def park() -> Iterator[Runtime]:
    """Open an empty park in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="parkwatt-tables-") as folder:
        path = Path(folder) / "PARK.yaml"
        path.write_text(PARK.replace("FOLDER", folder), encoding="utf-8")
        with opened(load_park(path), ManualClock(at(1, month=1)), PARK, "ingest", "serve") as runtime:
            yield runtime


def at(day: int, hour: int = 0, minute: int = 0, month: int = 6) -> datetime:
    """Return a time of the park's summer, in UTC: differences of local times would forget the change of the clock."""
    return datetime(2026, month, day, hour, minute, tzinfo=BERLIN).astimezone(UTC)


def send(runtime: Runtime, first: datetime, shown: Sequence[float], now: datetime | None = None) -> None:
    """Let the hall's meter show these counts a quarter of an hour apart, and compute a little later."""
    times = pd.DatetimeIndex([first + n * STEP for n in range(len(shown))]).as_unit("us")
    columns = {"time": times, "device": "hall-1", "quantity": "energy_import_kwh", "channel": "", "value": list(shown)}
    runtime.store.append_readings(readings_frame(pd.DataFrame({**columns, "received_at": times, "flags": 0})))
    runtime.state.mark_dirty({("hall-1", t.date()) for t in times})
    until(runtime, now or times[-1].to_pydatetime() + timedelta(minutes=3))
    catch_up(runtime)


def until(runtime: Runtime, now: datetime) -> None:
    """Let time pass."""
    runtime.clock.advance(now - runtime.clock.now())


def counting(first: float, steps: int) -> list[float]:
    """Return what a display shows at 4 kW: one kWh more each time."""
    return [first + n for n in range(steps + 1)]


def booked(runtime: Runtime, period: Period, start: datetime, end: datetime) -> dict[datetime, tuple[str, str]]:
    """Return energy in kWh and reasons by start of the period."""
    found = runtime.store.slots(period, start, end, entities=["hall"], quantities=["load_kwh"])
    rows = zip(found["start"], found["value"], found["reasons"], strict=True)
    return {t.to_pydatetime(): ("unknown" if v != v else f"{v:.3f}", r) for t, v, r in rows}  # noqa: PLR0124 - NaN


def slots(runtime: Runtime, first: datetime, count: int) -> list[list[str]]:
    """Return energies of some slots as one column, and their reasons as another."""
    found = booked(runtime, Period.SLOT, first, first + count * STEP)
    own = [found.get(first + n * STEP, ("-", "")) for n in range(count)]
    return [[v for v, _ in own], [r for _, r in own]]


def day_total(runtime: Runtime, start: datetime) -> str:
    """Return the energy of one local day."""
    return booked(runtime, Period.DAY, start, start + timedelta(hours=1)).get(start, ("-", ""))[0]


def displayed(runtime: Runtime, first: datetime, count: int) -> list[str]:
    """Return what the display showed at both ends of some slots."""
    found = runtime.store.readings(first, first + (count + 1) * STEP, devices=["hall-1"])
    shown = {t.to_pydatetime(): v for t, v in zip(found["time"], found["value"], strict=True)}
    ends = [shown.get(first + n * STEP) for n in range(count + 1)]
    words = ["-" if v is None else f"{v:,.1f}" for v in ends]
    return [f"{a} -> {b}" for a, b in pairwise(words)]


def events(runtime: Runtime, first: datetime, last: datetime) -> list[Line]:
    """Return what the page says happened, in words."""
    found = runtime.state.events(first, last)
    told = [event_words(e, runtime.park, Language.EN) for e in found if e.entity == "hall" and e.code != "missing"]
    return [("", f"event: {words}") for words in told]


def beside(runtime: Runtime, first: datetime, columns: Sequence[Sequence[str]]) -> list[Line]:
    """Return a line per slot: when, what the display showed, and the columns."""
    shown = displayed(runtime, first, len(columns[0]))
    whens = [f"{(first + n * STEP).astimezone(BERLIN):%m-%d %H:%M}" for n in range(len(shown))]
    return [
        (when, display, *(c[n] for c in columns)) for n, (when, display) in enumerate(zip(whens, shown, strict=True))
    ]


def midnight_zero() -> list[Line]:
    """The register reads zero at midnight and is back half an hour later."""
    with park() as runtime:
        first, start = at(1, 23, 15), at(1)
        send(runtime, start, [*counting(5000, 95), 0.0, 0.0])
        (before, _), total = slots(runtime, first, 6), day_total(runtime, start)
        send(runtime, at(2, 0, 30), counting(5098, 8))
        after, why = slots(runtime, first, 6)
        return [
            ("slot", "display, kWh", "zero just seen", "it returned", "reasons"),
            *beside(runtime, first, (before, after, why)),
            ("day", "", total, day_total(runtime, start), ""),
            *events(runtime, start, at(2, 3)),
        ]


def rollover() -> list[Line]:
    """A display of five digits wraps."""
    with park() as runtime:
        first, start = at(1, 11, 30), at(1)
        shown = [n % 100_000.0 for n in counting(99_952.6, 96)]
        send(runtime, start, shown[:49])
        (before, _), total = slots(runtime, first, 4), day_total(runtime, start)
        send(runtime, at(1, 12, 15), shown[49:])
        after, why = slots(runtime, first, 4)
        return [
            ("slot", "display, kWh", "wrap just seen", "counting on", "reasons"),
            *beside(runtime, first, (before, after, why)),
            ("day", "", total, day_total(runtime, start), ""),
            *events(runtime, start, at(2)),
        ]


def replaced() -> list[Line]:
    """Another meter takes over at 12:05 and nobody told; then both displays are put on record, and it is undone."""
    with park() as runtime:
        first, start = at(1, 11, 30), at(1)
        send(runtime, start, [*counting(5000, 48), *counting(730.0 + 2 / 3, 47)])
        (before, why), total = slots(runtime, first, 4), day_total(runtime, start)
        told = events(runtime, start, at(2))
        change = {
            "kind": "replace",
            "point": "hall",
            "start": "2026-06-01T12:05",
            "last_kwh": 5048 + 1 / 3,
            "first_kwh": 730,
        }
        until(runtime, at(2, 6))
        entry = corrections.add(runtime, {**change, **SIGNED})
        (after, corrected), corrected_total = slots(runtime, first, 4), day_total(runtime, start)
        corrections.undo(runtime, entry.id, SIGNED)
        (undone, _), undone_total = slots(runtime, first, 4), day_total(runtime, start)
        return [
            ("slot", "display, kWh", "nobody told", "displays read", "undone", "reasons before", "reasons after"),
            *beside(runtime, first, (before, after, undone, why, corrected)),
            ("day", "", total, corrected_total, undone_total, "", ""),
            *told,
        ]


def ratio() -> list[Line]:
    """The CT is 200/5, entered as 1: corrected for ten days a month back, then undone."""
    with park() as runtime:
        start = at(1)
        send(runtime, start, counting(100.0, 96 * 40))
        days = [at(n) for n in (9, 10, 19, 20)]
        month = booked(runtime, Period.MONTH, start, at(2))
        before = [day_total(runtime, d) for d in days] + [v for v, _ in month.values()]
        asked = {"kind": "ratio", "point": "hall", "start": "2026-06-10", "end": "2026-06-20", "factor": 40}
        entry = corrections.add(runtime, {**asked, "author": "Li Wei", "reason": "CT is 200/5"})
        columns = [before]
        for undo in (False, True):
            if undo:
                corrections.undo(runtime, entry.id, {"author": "Li Wei", "reason": "only to show it"})
            month = booked(runtime, Period.MONTH, start, at(2))
            columns.append([day_total(runtime, d) for d in days] + [v for v, _ in month.values()])
        names = [f"{d.astimezone(BERLIN):%m-%d}" for d in days] + ["June"]
        per_day = ["96.0"] * len(days) + [f"{96 * 30:,.1f}"]
        return [
            ("day", "display's difference, kWh", "ratio 1", "ratio 40", "undone"),
            *((n, d, *(c[k] for c in columns)) for k, (n, d) in enumerate(zip(names, per_day, strict=True))),
        ]


def clock_change() -> list[Line]:
    """A gap from 20:00 to 4:00 runs evenly, until a late reading says that 2 kWh less flowed before midnight."""
    lines: list[Line] = [("day", "slots", "display, kWh", "with the gap", "late reading came", "reasons")]
    for day in (date(2026, 3, 29), date(2026, 6, 9), date(2026, 10, 25)):
        with park() as runtime:
            start, end = (t.astimezone(UTC) for t in day_bounds(day, BERLIN))
            count = int((end - start) / STEP)
            shown = counting(5000.0, count + 24)
            send(runtime, start, shown[: count - 15])
            send(runtime, end + 16 * STEP, shown[count + 16 :])
            before, reasons = booked(runtime, Period.DAY, start, end)[start]
            written = len(booked(runtime, Period.SLOT, start, end))
            send(runtime, end, [shown[count] - 2.0], end + timedelta(hours=7))
            display = f"{shown[0]:,.1f} -> {shown[count] - 2:,.1f}"
            lines.append((f"{day}", f"{written}", display, before, day_total(runtime, start), reasons))
    return lines


CASES: dict[str, Callable[[], list[Line]]] = {
    "a midnight zero": midnight_zero,
    "a rollover": rollover,
    "a replaced meter": replaced,
    "a CT ratio corrected a month back": ratio,
    "days of 92, 96 and 100 slots": clock_change,
}


def show(lines: list[Line]) -> None:
    """Print a table; a line of two is a sentence."""
    rows = [line for line in lines if len(line) == len(lines[0])]
    widths = [max(len(row[k]) for row in rows) for k in range(len(lines[0]))]
    for line in lines:
        cells = zip(line, widths, strict=True) if len(line) == len(widths) else ((line[-1], 0),)
        print("  " + "  ".join(f"{text:<{width}}" for text, width in cells).rstrip())


def main() -> None:
    """Print every case."""
    for name, case in CASES.items():
        print(f"\n{name}: {(case.__doc__ or '').strip()}")
        show(case())


if __name__ == "__main__":
    main()
