"""The copy of the alerts in InfluxDB: one point per alert, at the time its condition began."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from core.frames import ALERT_KEY, alerts_frame
from store import line_protocol
from store.influx_http import Series
from store.rows import micros_of, times_of

FIELDS = ("severity", "until", "title_zh", "title_en")

_SECOND_US = 1_000_000


def starts(park_id: str, alerts: pd.DataFrame) -> list[str]:
    """Return the start of every alert's line."""
    names = zip(alerts["rule"], alerts["entity"], strict=True)
    return [line_protocol.series("alert", {"park": park_id, "rule": rule, "entity": e}) for rule, e in names]


def columns(alerts: pd.DataFrame) -> list[list[str]]:
    """Return the fields of every alert as text; `until` in seconds, `open` 1 while there is none."""
    standing = alerts["until"].isna()
    until = micros_of(alerts["until"].fillna(alerts["start"])) / _SECOND_US
    return [
        line_protocol.number_fields("severity", alerts["severity"].to_numpy(dtype="float64")),
        line_protocol.number_fields("until", np.where(standing, np.nan, until)),
        line_protocol.number_fields("open", np.where(standing, 1.0, 0.0)),
        line_protocol.text_fields("title_zh", alerts["title_zh"].tolist()),
        line_protocol.text_fields("title_en", alerts["title_en"].tolist()),
    ]


def frame(answer: Iterable[Series]) -> pd.DataFrame:
    """Return the series of an answer as an ALERTS frame sorted by ALERT_KEY."""
    rows = [
        (*values, series.tags["rule"], series.tags["entity"])
        for series in answer
        for values in zip(*series.columns, strict=True)
    ]
    found = pd.DataFrame(rows, columns=["start", *FIELDS, "rule", "entity"])
    until = found["until"].astype("float64")
    ended = times_of(np.rint(until.fillna(0).to_numpy() * _SECOND_US).astype("int64")).to_series()
    alerts = found.assign(
        start=times_of(found["start"].to_numpy(dtype="int64")),
        until=ended.reset_index(drop=True).where(until.notna()),
    )
    return alerts_frame(alerts).sort_values(list(ALERT_KEY), kind="stable", ignore_index=True)
