"""How stored values become columns on one axis."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from core.frames import slots_frame
from core.quantities import Period
from service.http.columns import columns_of

START = datetime(2026, 11, 1, tzinfo=UTC)
SLOT = timedelta(minutes=15)


def rows(*given: tuple[str, datetime, float, str]) -> pd.DataFrame:
    names, starts, values, reasons = zip(*given, strict=True)
    return slots_frame(
        {"start": pd.to_datetime(list(starts), utc=True), "scope": "point", "entity": list(names),
         "quantity": "load_kwh", "value": list(values), "coverage": 1.0, "estimated": 0.0, "reasons": list(reasons)}
    )  # fmt: skip


def listed(one: object) -> dict[str, object]:
    assert isinstance(one, dict)
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in one.items()}


def series_of(found: dict[str, object]) -> list[dict[str, object]]:
    series = found["series"]
    assert isinstance(series, list)
    return [listed(one) for one in series]


def test_a_slot_without_a_row_is_unknown_and_measured_to_no_part() -> None:
    found = columns_of(rows(("a", START, 1.0, ""), ("a", START + 2 * SLOT, 3.0, "gap")), Period.SLOT, START)
    (one,) = series_of(found)
    assert (str(found["first"])[:16], found["step_s"]) == ("2026-11-01T00:00", 900)
    assert str(one["value"]) == "[1.0, nan, 3.0]"
    assert (one["coverage"], one["reasons"]) == ([1.0, 0.0, 1.0], {"gap": [2]})


def test_entities_share_an_axis_that_begins_with_the_earliest() -> None:
    found = columns_of(rows(("a", START + SLOT, 1.0, ""), ("b", START, 2.0, "")), Period.SLOT, START)
    assert str([one["value"] for one in series_of(found)]) == "[[nan, 1.0], [2.0, nan]]"
    assert [one["entity"] for one in series_of(found)] == ["a", "b"]


def test_months_are_named_one_by_one_for_they_are_not_equally_long() -> None:
    months = [START, datetime(2026, 12, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]
    found = columns_of(rows(*(("a", month, 1.0, "") for month in months)), Period.MONTH, START)
    assert [str(start)[:10] for start in listed(found)["start"]] == ["2026-11-01", "2026-12-01", "2027-01-01"]  # type: ignore[attr-defined]


def test_nothing_is_an_axis_without_anybody() -> None:
    found = columns_of(slots_frame(), Period.SLOT, START)
    assert (str(found["first"])[:16], found["series"]) == ("2026-11-01T00:00", [])
