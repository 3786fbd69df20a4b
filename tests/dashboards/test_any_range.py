"""What a view's answer holds, by literal values."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from core.errors import Rejected
from core.frames import slots_frame
from core.quantities import Period
from core.text import Language
from dashboards.panels import DASHBOARDS
from dashboards.views import Compare, Filters, Question, dashboard_view
from dashboards.views.spans import Grain, Span, axis_of, before, span_text

NOVEMBER = datetime(2026, 10, 31, 16, tzinfo=UTC)  # midnight in Shanghai
MORNING = datetime(2026, 11, 4, 2, 0, tzinfo=UTC)  # 10:00 on the fourth


class Store:
    """Slots and days of one park, as they are put in."""

    def __init__(self) -> None:
        self.rows: dict[Period, list[tuple]] = {p: [] for p in Period}

    def put(self, period, scope, entity, quantity, start, values, coverage=1.0, estimated=0.0) -> None:
        step = timedelta(minutes=15) if period is Period.SLOT else timedelta(days=1)
        for n, value in enumerate(values):
            if value is not None:
                self.rows[period].append((start + n * step, scope, entity, quantity, value, coverage, estimated, ""))

    def slots(self, period, start, end, *, scope=None, entities=None, quantities=None) -> pd.DataFrame:
        chosen = [
            r for r in self.rows[period]
            if start <= r[0] < end and scope in (None, r[1]) and (entities is None or r[2] in entities)
            and (quantities is None or r[3] in quantities)
        ]  # fmt: skip
        names = ["start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons"]
        return slots_frame(pd.DataFrame(chosen, columns=names)) if chosen else slots_frame()

    def info(self):
        return type("Info", (), {"first_reading": NOVEMBER})()


@pytest.fixture
def told(lakeside):
    """Ask a view of the first four days of November, at 10:00 on the fourth."""
    store = Store()

    def ask(dashboard="carbon", first=date(2026, 11, 1), last=date(2026, 11, 4), compare="", language="en", **filters):
        question = Question(first, last, Compare(compare), Filters(**filters))
        view = dashboard_view(lakeside, store, dashboard, question, MORNING, Language(language))
        json.dumps(view, allow_nan=False)
        return view

    ask.store = store
    return ask


def _panel(view, panel_id):
    return next(p for p in view["panels"] if p["id"] == panel_id)


def test_days_are_as_stored_and_a_missing_one_is_null(told):
    told.store.put(Period.DAY, "park", "lakeside", "carbon_kg", NOVEMBER, [100.0, None, 300.0, 40.0])
    view = told()
    series = _panel(view, "day-carbon")["series"][0]
    assert series["values"] == [100.0, None, 300.0, 40.0]
    assert series["coverage"] == [1.0, 0.0, 1.0, 1.0]
    assert series["estimated"] == 0.0
    assert (series["total"]["value"], series["total"]["text"], series["total"]["coverage"]) == (
        440.0,
        "440 kg CO₂",
        0.75,
    )
    assert view["axes"]["day"] == {
        "starts": [1793462400, 1793548800, 1793635200, 1793721600], "end": 1793808000, "elapsed": 4, "begins": 0,
        "running": 3,
    }  # fmt: skip
    assert view["range"] == {"from": "2026-11-01", "to": "2026-11-04", "days": 4, "text": "1–4 November 2026"}


def test_a_month_to_date_shows_the_number_that_is_stored_of_it(told):
    told.store.put(Period.DAY, "park", "lakeside", "carbon_kg", NOVEMBER, [100.0, None, 300.0, 40.0])
    told.store.put(Period.MONTH, "park", "lakeside", "carbon_kg", NOVEMBER, [445.5], coverage=0.8)
    total = _panel(told(), "carbon-today")["series"][0]["total"]
    assert (total["value"], total["coverage"]) == (445.5, 0.8)


def test_a_comparison_is_like_for_like_over_whole_days(told):
    told.store.put(Period.DAY, "park", "lakeside", "carbon_kg", NOVEMBER, [100.0, None, 300.0, 40.0])
    october = NOVEMBER - timedelta(days=31)
    told.store.put(Period.DAY, "park", "lakeside", "carbon_kg", october, [80.0, 500.0, 220.0, 400.0])
    series = _panel(told(compare="month"), "day-carbon")["series"][0]
    assert series["before"] == [80.0, 500.0, 220.0, 400.0]
    assert series["difference"] == {
        "text": "+100 kg CO₂ (+33 %)",
        "words": "100 kg CO₂ more than 1–4 October 2026 (+33 %), over the 2 of 3 days both have",
        "direction": "up", "better": False, "before": "300 kg CO₂",
    }  # fmt: skip
    chinese = _panel(told(compare="month", language="zh"), "day-carbon")["series"][0]["difference"]["words"]
    assert chinese == "比 2026 年 10 月 1–4 日 多 100 kg CO₂ (+33 %)（3 日中两边都有数据的 2 日）"


def test_nothing_to_compare_with_is_said(told):
    told.store.put(Period.DAY, "park", "lakeside", "carbon_kg", NOVEMBER, [100.0, 1.0, 1.0])
    found = _panel(told(compare="year"), "day-carbon")["series"][0]["difference"]
    assert (found["text"], found["words"]) == (None, "nothing to compare with: 1–4 November 2025")


def test_a_ratio_of_a_range_is_the_ratio_of_its_sums(told):
    told.store.put(Period.DAY, "array", "carport-2", "energy_performance_index", NOVEMBER, [0.5, 1.0, None])
    told.store.put(Period.DAY, "array", "carport-2", "expected_kwh", NOVEMBER, [300.0, 100.0, 50.0])
    view = told("pv", last=date(2026, 11, 3))
    ranked = _panel(view, "array-ranking")["series"]
    assert [(s["entity"], s["total"]["value"], s["total"]["tier"]) for s in ranked][:1] == [("carport-2", 0.625, "red")]


def test_a_ratio_is_measured_no_better_than_the_range_it_speaks_of(told):
    """Two of four days are known: neither the sum nor its ratio is more than half measured, and nobody is judged."""
    for quantity, values in (
        ("generation_kwh", [50.0, 150.0]),
        ("load_kwh", [100.0, 100.0]),
        ("net_zero_ratio", [0.5, 1.5]),
    ):
        told.store.put(Period.DAY, "park", "lakeside", quantity, NOVEMBER, values)
    strip = _panel(told("park-overview", first=date(2026, 10, 30), last=date(2026, 11, 2)), "net-zero")["series"][0]
    assert strip["total"]["value"] == 1.0
    assert (strip["total"]["coverage"], strip["total"]["tier"]) == (0.5, "unknown")


def test_slots_become_kilowatts_and_hours_their_mean(told):
    told.store.put(Period.SLOT, "park", "lakeside", "generation_kwh", NOVEMBER, [1.0, 2.0, None, 3.0, 5.0])
    told.store.put(Period.DAY, "park", "lakeside", "generation_kwh", NOVEMBER, [11.0])
    slots = _panel(told("pv"), "pv-power")["series"][0]
    assert slots["values"][:6] == [4.0, 8.0, None, 12.0, 20.0, None]
    hours = _panel(told("pv", last=date(2026, 11, 30)), "pv-power")
    assert (hours["period"], hours["note"]) == ("hour", "mean power of the hour")
    assert hours["series"][0]["values"][:3] == [8.0, 20.0, None]
    assert len(hours["series"][0]["values"]) == 720


@pytest.mark.parametrize(
    ("days", "period", "points"), [(1, "slot", 96), (15, "slot", 1440), (62, "hour", 1488), (365, "day", 365)]
)
def test_points_stay_few_enough(told, days, period, points):
    told.store.put(Period.DAY, "park", "lakeside", "generation_kwh", NOVEMBER, [11.0])
    view = told("pv", last=date(2026, 11, 1) + timedelta(days=days - 1))
    assert _panel(view, "pv-power")["period"] == period
    assert len(view["axes"][period]["starts"]) == points


def test_years_are_told_by_month(told):
    told.store.put(Period.DAY, "park", "lakeside", "carbon_kg", NOVEMBER, [100.0, None, 300.0, 40.0])
    view = told(first=date(2023, 1, 1), last=date(2026, 12, 31))
    shown = _panel(view, "day-carbon")
    assert (shown["period"], shown["title"], shown["note"]) == ("month", "Carbon of grid import", "per month")
    assert shown["series"][0]["values"][45:] == [None, 440.0, None]


def test_a_filter_leaves_what_one_array_has_of_its_own(told):
    told.store.put(Period.DAY, "array", "carport-2", "generation_kwh", NOVEMBER, [10.0, 20.0])
    told.store.put(Period.DAY, "park", "lakeside", "generation_kwh", NOVEMBER, [110.0, 120.0])
    view = told("pv", array="carport-2")
    assert view["filter"] == {"kind": "array", "id": "carport-2", "name": "Car park 2"}
    assert {s["entity"] for p in view["panels"] for s in p.get("series", [])} == {"carport-2"}
    assert _panel(view, "pv-today")["series"][0]["total"]["value"] == 30.0
    assert _panel(view, "pv-power")["export"] == {
        "series": "generation_kwh,expected_kwh", "scope": "array", "period": "slot", "entity": "carport-2",
    }  # fmt: skip


def test_of_many_the_twelve_to_look_at(told, lakeside):
    loads = [lakeside.point("bldg-lab").model_copy(update={"id": f"load-{n}"}) for n in range(40)]
    for n, point in enumerate(loads):
        told.store.put(Period.DAY, "point", point.id, "load_kwh", NOVEMBER, [float(n)])
    park = lakeside.model_copy(update={"points": (*lakeside.points, *loads)})
    question = Question(date(2026, 11, 1), date(2026, 11, 4))
    view = dashboard_view(park, told.store, "buildings", question, MORNING, Language.EN)
    ranked = _panel(view, "building-share")
    assert [s["entity"] for s in ranked["series"]] == [f"load-{n}" for n in range(39, 27, -1)]
    assert ranked["more"] == 34  # 28 of them and the six of the park
    whole = Question(date(2026, 11, 1), date(2026, 11, 4), filters=Filters(all=True))
    assert (
        _panel(dashboard_view(park, told.store, "buildings", whole, MORNING, Language.EN), "building-share")["more"]
        == 0
    )


def test_a_heat_map_has_a_cell_per_clock_time(told):
    told.store.put(Period.SLOT, "array", "carport-2", "generation_kwh", NOVEMBER, [0.25, None, 1.0])
    told.store.put(Period.DAY, "array", "carport-2", "generation_kwh", NOVEMBER, [1.25])
    (carpet,) = [c for c in _panel(told("pv"), "array-heat")["carpets"] if c["entity"] == "carport-2"]
    assert (carpet["rows"], len(carpet["cells"]), carpet["cells"][:4]) == (96, 384, [1.0, None, 4.0, None])
    assert carpet["elapsed"] == 3 * 96 + 38  # 10:00, less what may still be on its way


def test_clocks_that_change_keep_their_days():
    zone = ZoneInfo("Europe/Berlin")
    axis = axis_of(Span(date(2026, 10, 24), date(2026, 10, 26)), Grain.SLOT, zone)
    assert np.bincount(axis.day_of).tolist() == [96, 100, 96]
    assert axis_of(Span(date(2026, 3, 29), date(2026, 3, 29)), Grain.HOUR, zone).size == 23


@pytest.mark.parametrize(
    ("first", "last", "by", "expected"),
    [
        ("2026-10-01", "2026-10-31", "month", ("2026-09-01", "2026-09-30")),
        ("2026-03-31", "2026-03-31", "month", ("2026-02-28", "2026-02-28")),
        ("2026-11-01", "2026-11-21", "month", ("2026-10-01", "2026-10-21")),
        ("2026-01-01", "2026-12-31", "month", ("2025-01-01", "2025-12-31")),
        ("2024-02-01", "2024-02-29", "year", ("2023-02-01", "2023-02-28")),
        ("2024-02-29", "2024-02-29", "year", ("2023-02-28", "2023-02-28")),
        ("2026-11-16", "2026-11-22", "week", ("2026-11-09", "2026-11-15")),
    ],
)
def test_what_a_range_is_compared_with(first, last, by, expected):
    found = before(Span(date.fromisoformat(first), date.fromisoformat(last)), Compare(by))
    assert (found.first.isoformat(), found.last.isoformat()) == expected


@pytest.mark.parametrize(
    ("first", "last", "zh", "en"),
    [
        ("2026-10-05", "2026-10-05", "2026 年 10 月 5 日", "5 October 2026"),
        ("2026-10-01", "2026-10-31", "2026 年 10 月", "October 2026"),
        ("2026-01-01", "2026-12-31", "2026 年", "2026"),
        ("2026-10-28", "2026-11-03", "2026 年 10 月 28 日 – 2026 年 11 月 3 日", "28 October 2026 – 3 November 2026"),
    ],
)
def test_ranges_in_words(first, last, zh, en):
    span = Span(date.fromisoformat(first), date.fromisoformat(last))
    assert (span_text(span, Language.ZH), span_text(span, Language.EN)) == (zh, en)


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        (date(2026, 11, 2), date(2026, 11, 1), "`to` lies before `from`"),
        (date(1, 1, 1), date(2026, 11, 1), "`from` must lie between 1970 and 2199"),
        (date(2026, 1, 1), date(9999, 12, 31), "`to` must lie between 1970 and 2199"),
        (date(1976, 1, 1), date(2026, 1, 1), "ask for at most 3660 days"),
    ],
)
def test_ranges_nobody_can_mean(told, first, last, message):
    with pytest.raises(Rejected, match=message):
        told(first=first, last=last)


@pytest.mark.parametrize("filters", [{"array": "nowhere"}, {"building": "<b>"}])
def test_filters_that_name_nothing(told, filters):
    with pytest.raises(Rejected, match="there is no such"):
        told("pv", **filters)


@pytest.mark.parametrize("dashboard", DASHBOARDS)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_an_empty_store_is_no_error(told, dashboard, language):
    view = told(dashboard, compare="year", language=language)
    assert not [p for p in view["panels"] if p["kind"] == "number"]
