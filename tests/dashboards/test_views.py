"""The first screen's document, on seeded data, with gaps, and for a park that has nothing yet."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from core.frames import readings_frame, slots_frame
from core.quantities import Period
from core.store import AlertRecord
from core.text import Language
from core.words import AlertWords
from dashboards.views import overview, words


def _plain_words(alert: AlertRecord, language: Language) -> AlertWords:
    return AlertWords({"zh": f"告警 {alert.rule}", "en": f"alert {alert.rule}"}[language], "")


@pytest.fixture
def look(lakeside, store, state, now):
    """The overview of the seeded park; keyword arguments replace what it is made from."""

    def _look(language: str = "en", **changed):
        given = {"park": lakeside, "store": store, "state": state, "now": now} | changed
        return overview(given["park"], given["store"], given["state"], given["now"], language, _plain_words)

    return _look


@pytest.fixture
def set_value(store):
    """Overwrite stored values, or blank them with None."""

    def _set(period: Period, quantity: str, value: float | None, **changed) -> None:
        frame = store.frames[period]
        chosen = (frame["quantity"] == quantity) & (frame["scope"] == changed.pop("scope", "park"))
        if "start" in changed:
            chosen &= frame["start"] >= changed.pop("start")
        frame.loc[chosen, "value"] = math.nan if value is None else value
        for column, content in changed.items():
            frame.loc[chosen, column] = content

    return _set


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_document_is_json_in_reading_order(look, language: str):
    view = look(language)
    json.dumps(view, allow_nan=False)
    assert list(view) == [
        "meta", "verdict", "numbers", "power", "today", "alerts", "arrays", "buildings", "coverage", "events",
        "corrections", "month",
    ]  # fmt: skip
    assert view["meta"]["language"] == language


def test_it_takes_six_queries(look, store):
    look()
    assert store.calls == 6


def test_the_verdict_names_the_month_the_gap_and_the_plan(look, set_value):
    set_value(Period.MONTH, "net_balance_kwh", -412.4)
    set_value(Period.MONTH, "net_zero_ratio", 0.97)
    set_value(Period.MONTH, "plan_net_balance_kwh", -150.2)
    english, chinese = look("en")["verdict"], look("zh")["verdict"]
    assert english["sentence"] == "November so far: 412 kWh short of net zero; the plan was 150 kWh short."
    assert chinese["sentence"] == "11 月至今：距净零差 412 kWh；原计划短缺 150 kWh。"
    assert (english["tier"], english["tier_word"], chinese["tier_word"]) == ("yellow", "close", "接近")


def test_a_plan_for_part_of_the_month_is_no_plan(look, set_value, now):
    set_value(Period.DAY, "plan_net_balance_kwh", None, start=now - timedelta(days=2))
    assert "plan" not in look("en")["verdict"]["sentence"]


def test_thin_data_are_not_judged(look, set_value):
    for quantity in ("net_balance_kwh", "net_zero_ratio", "self_sufficiency", "energy_performance_index"):
        set_value(Period.MONTH, quantity, 0.97, coverage=0.61)
    view = look("en")
    assert (
        view["verdict"]["sentence"]
        == "November so far: only 61.0 % of the data are measured, too few to judge net zero."
    )
    assert [n["tier"] for n in view["numbers"][:3]] == ["unknown"] * 3


def test_five_numbers_with_window_tier_and_coverage(look, set_value):
    set_value(Period.MONTH, "self_sufficiency", 0.523, coverage=0.998, estimated=0.002)
    set_value(Period.MONTH, "net_balance_kwh", -12_345.0)
    set_value(Period.MONTH, "energy_performance_index", 0.913)
    set_value(Period.MONTH, "carbon_kg", 9_876.0)
    numbers = look("en")["numbers"]
    assert [n["id"] for n in numbers] == ["self-sufficiency", "net-balance", "pv-index", "carbon", "alerts"]
    assert [(n["text"], n["unit"]) for n in numbers] == [
        ("52.3", "%"), ("−12.3", "MWh"), ("91.3", "%"), ("9,880", "kg CO₂"), ("2", ""),
    ]  # fmt: skip
    assert [n["tier"] for n in numbers] == ["green", "red", "yellow", None, "red"]
    assert numbers[0]["window"] == "1 November to now"
    assert (numbers[0]["coverage"], numbers[0]["estimated"]) == (0.998, 0.002)
    assert look("zh")["numbers"][0]["window"] == "11 月 1 日至今"


def test_trends_compare_whole_days_with_the_same_days_of_the_month_before(look, set_value):
    november = datetime(2026, 10, 31, 16, tzinfo=UTC)
    set_value(Period.DAY, "net_balance_kwh", -100.0)
    set_value(Period.DAY, "net_balance_kwh", -90.0, start=november)
    trend = look("en")["numbers"][1]["trend"]
    assert trend == {
        "text": "+200 kWh", "against": "20 whole days, vs 1–20 October −2,000 kWh", "direction": "up", "better": True,
    }  # fmt: skip
    assert look("zh")["numbers"][1]["trend"]["against"] == "20 个整日，对比 10 月 1–20 日 −2,000 kWh"


def test_a_thin_day_makes_no_trend(look, set_value):
    set_value(Period.DAY, "net_balance_kwh", -100.0, coverage=0.4)
    assert look("en")["numbers"][1]["trend"] is None


def test_on_the_first_of_the_month_there_is_no_trend(look):
    first = datetime(2026, 11, 1, 1, 0, tzinfo=UTC)
    view = look("en", now=first)
    assert view["verdict"]["sentence"].startswith("November so far")
    assert [n["trend"] for n in view["numbers"]] == [None] * 5


def test_power_now_follows_the_meters(look):
    power = look("en")["power"]
    assert power["source"] == "power"
    assert [(p["id"], p["text"], p["stale"]) for p in power["parts"]] == [
        ("sun", "360 kW", False), ("grid", "41.0 kW", False), ("buildings", "319 kW", False),
    ]  # fmt: skip
    assert [round(p["kw"], 3) for p in power["parts"]] == [360.5, -41.0, 319.5]
    assert power["parts"][0]["at_text"] == "14:19"


def test_ratio_and_direction_of_the_device_count(look, lakeside):
    points = [
        p.model_copy(
            update={"devices": tuple(d.model_copy(update={"ratio": 10.0, "direction": "reversed"}) for d in p.devices)}
        )
        if p.id == "grid"
        else p
        for p in lakeside.points
    ]
    parts = look("en", park=lakeside.model_copy(update={"points": tuple(points)}))["power"]["parts"]
    assert parts[1]["kw"] == 410.0


def test_a_silent_meter_is_named_and_never_counted_as_zero(look, store, now):
    newest = store.newest.copy()
    newest.loc[newest["device"] == "d-carport-2", "time"] = now - timedelta(hours=2)
    parts = {p["id"]: p for p in look("en", store=replace(store, newest=newest))["power"]["parts"]}
    assert parts["sun"]["absent"] == ["Car park 2 PV"]
    assert round(parts["sun"]["kw"], 1) == 323.1
    # What the buildings draw can then no longer be told from the balance: their own meters say it.
    assert parts["buildings"]["absent"] == ["Smart poles"]
    assert round(parts["buildings"]["kw"], 1) == 302.3


def test_old_power_is_stale_and_dated(look, store, now):
    newest = store.newest.assign(time=pd.Timestamp(now - timedelta(days=1)))
    parts = look("zh", store=replace(store, newest=newest))["power"]["parts"]
    assert {p["stale"] for p in parts} == {True}
    assert {p["at_text"] for p in parts} == {"11 月 20 日 14:20"}


def test_without_power_readings_the_last_slot_is_shown(look, store):
    power = look("en", store=replace(store, newest=readings_frame()))["power"]
    assert power["source"] == "slot"
    parts = {p["id"]: p for p in power["parts"]}
    assert parts["buildings"]["kw"] > 0
    assert parts["buildings"]["at_text"] == "14:00"
    assert parts["buildings"]["stale"] is False


def test_today_is_in_kw_with_gaps_and_estimates(look, set_value, now):
    set_value(Period.SLOT, "load_kwh", 30.0, start=now - timedelta(hours=1))
    today = look("en")["today"]
    load = next(s for s in today["series"] if s["id"] == "load_kwh")
    assert len(today["labels"]) == 96
    assert load["values"][55] == 120.0
    assert load["values"][12:17] == [None] * 5
    assert today["missing"] == [[12, 17]]
    assert [i for i, e in enumerate(load["estimated"]) if e] == [32, 33, 34, 35]
    assert len(load["values"]) == 57  # none for what has not happened yet
    assert {m["kind"] for m in today["marks"]} == {"alert", "event"}


def test_slots_on_their_way_are_no_gap_but_an_hour_of_silence_is(look, now):
    assert look("en", now=now + timedelta(minutes=10))["today"]["missing"] == [[12, 17]]
    assert look("en", now=now + timedelta(minutes=70))["today"]["missing"] == [[12, 17], [56, 62]]


@pytest.mark.parametrize(("day", "slots"), [((2026, 3, 29), 92), ((2026, 10, 25), 100)])
def test_days_have_as_many_slots_as_the_clock_gives_them(look, lakeside, day, slots: int):
    berlin = type(lakeside).model_validate(lakeside.model_dump() | {"timezone": "Europe/Berlin"})
    today = look("en", park=berlin, now=datetime(*day, 12, tzinfo=UTC))["today"]
    assert len(today["labels"]) == slots


def test_alerts_carry_since_energy_and_money(look):
    alerts = look("en")["alerts"]["items"]
    assert [a["title"] for a in alerts] == ["alert meter_stale", "alert pv_underperformance"]
    assert (alerts[0]["since_text"], alerts[0]["age_text"], alerts[0]["kwh_text"]) == ("09:45", "4 h ago", None)
    assert (alerts[1]["kwh_text"], alerts[1]["money_text"]) == ("713 kWh", "513 CNY")
    assert alerts[1]["entity"] == "Car park 2"


def test_pending_and_resolved_alerts_are_not_open(look, state):
    state.open = [replace(state.open[0], state="pending"), replace(state.open[1], state="resolved")]
    view = look("en")
    assert view["alerts"] == {"open": 0, "items": [], "more": 0, "more_text": None}
    assert (view["numbers"][4]["text"], view["numbers"][4]["tier"]) == ("0", "green")


def test_the_array_furthest_from_its_expectation_comes_first(look):
    items = look("en")["arrays"]["items"]
    assert [i["id"] for i in items] == ["carport-2", "hub-roof", "expo-roof", "carport-1"]
    assert [i["tier"] for i in items] == ["red", "yellow", "green", "green"]
    assert items[0]["index"] == pytest.approx(0.67, abs=0.01)
    assert len(items[0]["days"]) == 7
    assert items[0]["days"][-1]["day"] == "20 November"


def test_an_array_without_its_own_meter_is_unknown_and_last(look, store):
    frame = store.frames[Period.DAY]
    own = (frame["scope"] == "array") & (frame["entity"] == "carport-2")
    store.frames[Period.DAY] = frame[~(own & (frame["quantity"] != "expected_kwh"))]
    items = look("en")["arrays"]["items"]
    assert (items[-1]["id"], items[-1]["index"], items[-1]["tier"]) == ("carport-2", None, "unknown")
    assert items[-1]["days"][0]["actual"] is None


def test_buildings_are_compared_with_their_own_weekends(look):
    buildings = look("en")["buildings"]
    first = buildings["items"][0]
    assert (first["id"], first["difference_text"]) == ("bldg-lab", "+31 %")
    assert "weekend days" in buildings["note"]
    poles = next(i for i in buildings["items"] if i["id"] == "smart-poles")
    assert poles["coverage"] == pytest.approx(33 / 57, abs=0.01)
    assert poles["hours"][10:14] == [None] * 4


def test_coverage_per_meter_and_day(look):
    coverage = look("en")["coverage"]
    assert len(coverage["days"]) == 30
    meters = {m["id"]: m for m in coverage["meters"]}
    assert len(meters) == 12
    assert meters["grid"]["values"][0] == 1.0
    assert meters["smart-poles"]["values"][-4] == 0.75
    assert meters["weather"]["mean_text"] == "100 %"


def test_days_before_the_first_reading_are_no_loss(look, store):
    cut = datetime(2026, 11, 10, tzinfo=UTC)
    frames = {p: f[f["start"] >= cut] for p, f in store.frames.items()}
    values = look("en", store=replace(store, frames=frames))["coverage"]["meters"][0]["values"]
    assert values[:18] == [None] * 18
    assert None not in values[18:]


def test_events_are_told_in_words_newest_first(look):
    events = look("en")["events"]
    assert [e["code"] for e in events] == ["gap", "missing", "replaced"]
    assert events[2]["text"].startswith("Laboratory: meter replaced: register went from 48,211.4 to 0.3 kWh")


def test_the_month_day_by_day(look, set_value):
    set_value(Period.DAY, "net_balance_kwh", -1234.0)
    month = look("zh")["month"]
    assert month["title"] == "2026 年 11 月"
    assert [d["day"] for d in month["days"]] == list(range(1, 22))
    assert month["days"][0]["text"]["net_balance_kwh"] == "−1,230 kWh"
    assert [d["day"] for d in month["days"] if d["partial"]] == [21]
    assert [d["day"] for d in month["days"] if d["weekend"]] == [1, 7, 8, 14, 15, 21]
    assert [n["id"] for n in month["netting"]] == [
        "self_sufficiency", "self_sufficiency_15min", "self_sufficiency_day", "self_sufficiency_month",
    ]  # fmt: skip


def test_silence_is_said(look, now):
    meta = look("en", now=now + timedelta(hours=2))["meta"]
    assert meta["silent"] is True
    assert meta["last_data_text"] == "2026-11-21 14:19"
    assert look("en")["meta"]["silent"] is False


def test_a_new_park_is_empty_and_judged_by_nobody(look, store, state):
    nothing = replace(store, frames={}, newest=readings_frame())
    view = look("en", store=nothing, state=replace(state, open=[], happened=[]))
    json.dumps(view, allow_nan=False)
    assert view["meta"]["empty"] is True
    assert view["meta"]["last_data"] is None
    assert view["verdict"]["tier"] == "unknown"
    assert [n["text"] for n in view["numbers"]] == ["–", "–", "–", "–", "0"]
    assert all(v is None for m in view["coverage"]["meters"] for v in m["values"])


def test_unknown_values_become_null_everywhere(look, store):
    frames = {p: slots_frame(f.assign(value=math.nan)) for p, f in store.frames.items()}
    view = look("en", store=replace(store, frames=frames))
    json.dumps(view, allow_nan=False)
    assert view["meta"]["empty"] is False
    assert [n["value"] for n in view["numbers"][:4]] == [None] * 4


def test_a_small_park_without_targets_or_readings_today(small_park, store, state, now):
    view = overview(
        small_park,
        replace(store, frames={}),
        state,
        now,
        "zh",
        _plain_words,
        {"connected": True, "last_message_at": now},
    )
    json.dumps(view, allow_nan=False)
    assert view["meta"]["collector"]["last_message_at"] == "2026-11-21T06:20:00+00:00"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (words.energy_text(-412.4, signed=True), "−412 kWh"),
        (words.energy_text(9_999.0, signed=True), "+10,000 kWh"),
        (words.energy_text(10_000.0), "10.0 MWh"),
        (words.energy_text(math.nan, signed=True), "–"),
        (words.percent_text(1.0), "100 %"),
        (words.percent_text(0.9996), "100 %"),
        (words.percent_text(0.4449), "44.5 %"),
        (words.coverage_text(0.9996), "99.9 %"),
        (words.coverage_text(1.0), "100 %"),
        (words.points_text(-0.0004, Language.EN), "±0 points"),
        (words.carbon_text(21_793.8), "21.8 t CO₂"),
        (words.power_text(-0.01), "0 kW"),
        (words.power_text(12.34), "12.3 kW"),
        (words.points_text(-0.0034, Language.EN), "−0.3 points"),
        (words.points_text(0.012, Language.ZH), "+1.2 个百分点"),
        (words.age_text(timedelta(minutes=90), Language.ZH), "1 小时前"),
    ],
)
def test_numbers_are_written_for_people(written: str, expected: str):
    assert written == expected


def test_chinese_and_english_say_the_same_numbers(look):
    chinese, english = look("zh"), look("en")
    for one, other in itertools.chain(zip(chinese["numbers"], english["numbers"], strict=True)):
        assert (one["value"], one["tier"]) == (other["value"], other["tier"])
        assert one["title"] != other["title"]
