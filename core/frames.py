"""The tables everything meets in, as pandas frames with fixed columns.

READINGS: one row per value a device sent.
SLOTS: one row per value of a slot, day or month.
ALERTS: one row per alert that fired, for those who see nothing but the store.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt
import pandas as pd

READING_COLUMNS = ("time", "device", "quantity", "channel", "value", "received_at", "flags")
READING_KEY = ("device", "quantity", "channel", "time")
SLOT_COLUMNS = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
ALERT_COLUMNS = ("start", "rule", "entity", "severity", "until", "title_zh", "title_en")
ALERT_KEY = ("rule", "entity", "start")
SLOT_KEY = ("scope", "entity", "quantity", "start")

TIME_DTYPE = "datetime64[us, UTC]"

_READING_DTYPES = {
    "time": TIME_DTYPE,
    "device": "object",
    "quantity": "object",
    "channel": "object",
    "value": "float64",
    "received_at": TIME_DTYPE,
    "flags": "int16",
}
_SLOT_DTYPES = {
    "start": TIME_DTYPE,
    "scope": "object",
    "entity": "object",
    "quantity": "object",
    "value": "float64",
    "coverage": "float64",
    "estimated": "float64",
    "reasons": "object",
}
_ALERT_DTYPES = {
    "start": TIME_DTYPE,
    "rule": "object",
    "entity": "object",
    "severity": "float64",
    "until": TIME_DTYPE,
    "title_zh": "object",
    "title_en": "object",
}


def readings_frame(columns: dict[str, object] | pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a readings frame with exactly READING_COLUMNS and their types; empty without argument.

    `time` is the device's own time, `received_at` ours; `channel` is "" for the device's total and otherwise names
    a phase ("l1"), string or tariff register; `value` is as sent, in the unit of its quantity; `flags` is a
    ReadingFlag. The three names may be categories of texts instead of texts: `coded` reads both.
    """
    return _frame(columns, READING_COLUMNS, _READING_DTYPES)


def coded(names: pd.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return a column of texts as numbers and the texts they stand for; -1 where there is none."""
    if not isinstance(names.dtype, pd.CategoricalDtype):
        plain, distinct = pd.factorize(names.to_numpy(dtype="object"))
        return plain.astype(np.int64), distinct.tolist()
    codes = names.cat.codes.to_numpy(np.int64)
    used = np.bincount(codes[codes >= 0], minlength=len(names.cat.categories)) > 0
    number = np.append(np.cumsum(used) - 1, -1)  # a code of -1 takes the last place
    return number[codes], names.cat.categories[used].tolist()


def slots_frame(columns: dict[str, object] | pd.DataFrame | None = None) -> pd.DataFrame:
    """Return a slots frame with exactly SLOT_COLUMNS and their types; empty without argument.

    `value` is NaN where nothing is known (never zero). `coverage` is the share of the period that was measured,
    `estimated` the share that was filled; both in [0, 1]. `reasons` holds sorted reason codes, space-separated.
    """
    return _frame(columns, SLOT_COLUMNS, _SLOT_DTYPES)


def alerts_frame(columns: dict[str, object] | pd.DataFrame | None = None) -> pd.DataFrame:
    """Return an alerts frame with exactly ALERT_COLUMNS and their types; empty without argument.

    `start` is when the condition began, `until` when the alert was resolved, NaT while it stands. `severity` is 1 for a
    notice, 2 for a warning, 3 for a critical alert. The titles are what people read, in both languages.
    """
    if columns is not None:
        columns = pd.DataFrame(columns)
        # A column of nothing but NaT has no time zone.
        columns = columns.assign(until=pd.to_datetime(columns["until"], utc=True))
    return _frame(columns, ALERT_COLUMNS, _ALERT_DTYPES)


def instant(value: object) -> datetime:
    """Return a pandas, numpy or Python time as an aware Python datetime in UTC."""
    stamp = pd.Timestamp(value)  # type: ignore[arg-type]  # the stubs list the union, callers hold one of it
    stamp = stamp.tz_localize(UTC) if stamp.tzinfo is None else stamp.tz_convert(UTC)
    return stamp.to_pydatetime()


def _frame(
    columns: dict[str, object] | pd.DataFrame | None, names: tuple[str, ...], dtypes: dict[str, str]
) -> pd.DataFrame:
    if columns is None:
        columns = {name: np.empty(0) for name in names}
        frame = pd.DataFrame({n: pd.Series(dtype=dtypes[n]) for n in names})
        return frame
    frame = pd.DataFrame(columns)
    missing = [n for n in names if n not in frame.columns]
    if missing:
        raise ValueError(f"columns missing: {', '.join(missing)}")
    plain = {n: t for n, t in dtypes.items() if not isinstance(frame[n].dtype, pd.CategoricalDtype)}
    if tuple(frame.columns) == names and all(frame[n].dtype == t for n, t in plain.items()):
        return frame  # pandas would copy a year of rows to leave them as they are
    return frame.loc[:, list(names)].astype(plain)
