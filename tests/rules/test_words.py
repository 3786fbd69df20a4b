from __future__ import annotations

from datetime import UTC, datetime

import pytest

from core.store import AlertRecord
from core.text import Language
from rules.library_file import library_rules
from rules.words import fill, speaker

AT = datetime(2026, 11, 12, 16, 0, tzinfo=UTC)
PARAMS: dict[str, dict[str, float | str]] = {
    "deficit_day": {
        "day": "2026-11-13",
        "deficit_kwh": 412.3,
        "plan_kwh": -150.2,
        "beyond_kwh": 262.1,
        "load_kwh": 2143.0,
        "generation_kwh": 1730.7,
        "expected_kwh": 1801.0,
        "weather_by_days_kwh": -160.4,
        "pv_by_days_kwh": -70.3,
        "use_by_days_kwh": -31.4,
        "first_day": "2026-11-13",
        "to_day": "2026-11-14",
        "total_kwh": 700.0,
    },
    "self_sufficiency_month": {
        "month": "2026-11",
        "day": "2026-11-13",
        "tier": "red",
        "ratio": 0.321,
        "target_ratio": 0.5,
        "short_kwh": 11432.0,
    },
    "month_foreseen": {
        "month": "2026-11",
        "day": "2026-11-13",
        "miss_ratio": 0.85,
        "low_kwh": -9120.0,
        "net_kwh": -4300.0,
        "high_kwh": 800.0,
        "left_days": 17.0,
        "plan_kwh": 1250.0,
    },
    "pv_below_expectation": {
        "since_day": "2026-11-13",
        "index": 0.893,
        "reference_index": 1.004,
        "shortfall_share": 0.111,
        "lost_kwh": 240.3,
        "lost_money": 173.0,
        "currency": "CNY",
        "days": 3.0,
    },
    "pv_below_weather_service": {
        "since_day": "2026-11-13",
        "index": 0.74,
        "reference_index": 1.0,
        "shortfall_share": 0.26,
        "lost_kwh": 1240.3,
        "days": 7.0,
    },
    "pv_outage": {
        "code_fault": "outage",
        "code_remedy": "outage",
        "since_day": "2026-11-13",
        "what": "",
        "lost_kwh": 240.3,
        "lost_money": 173.0,
        "currency": "CNY",
    },
    "pv_shadow_or_dirt": {
        "code_fault": "shading",
        "code_remedy": "shading",
        "since_day": "2026-11-13",
        "what": "",
        "lost_kwh": 2240.3,
    },
    "readings_wrong": {
        "code_fault": "units",
        "code_remedy": "units",
        "since_day": "2026-11-13",
        "what": "temp_air_c: °F",
        "lost_kwh": "",
    },
    "pv_below_clear_sky": {"since_day": "2026-11-13", "index": 0.71, "days": 14.0},
    "meter_silent": {"since_at": "2026-11-13T02:05:00+00:00", "silent_minutes": 200.0, "device": "inv-a"},
    "park_silent": {"since_at": "2026-11-13T02:05:00+00:00", "silent_minutes": 45.2},
    "meter_replaced": {"event_at": "2026-11-13T02:05:00+00:00", "before": 91234.5, "after": 2.0, "code": "replaced"},
    "sensor_fault": {"event_at": "2026-11-13T02:05:00+00:00", "what": "GHI/POA", "code": "sensor_fault"},
    "meter_doubtful": {"event_at": "2026-11-12T16:00:00+00:00", "phase": "L2", "code": "phase_reversed"},
    "device_clock": {"event_at": "2026-11-13T02:05:00+00:00", "hours": 30.0, "code": "stale_time"},
    "broker_dropped": {
        "event_at": "2026-11-13T02:05:00+00:00",
        "event_end_at": "2026-11-13T02:06:00+00:00",
        "messages": 2000.0,
    },
    "session_forgotten": {
        "event_at": "2026-11-13T02:05:00+00:00",
        "event_end_at": "2026-11-13T02:06:00+00:00",
        "shard": "north",
    },
}
TITLES = {
    "deficit_day": (
        "11 月 13 日距净零差 412 kWh，比计划差 262 kWh",
        "13 November: 412 kWh short of net zero, 262 kWh worse than planned",
    ),
    "self_sufficiency_month": (
        "11 月至今自给率 32.1 %，目标 50.0 %：未达标",
        "November so far: self-sufficiency 32.1 %, target 50.0 % (below target)",
    ),
    "month_foreseen": (
        "11 月净零不达标的概率为 85.0 %",
        "November will miss net zero with a probability of 85.0 %",
    ),
    "pv_below_expectation": (
        "车棚：发电低于应发 11 %，自 11 月 13 日起，少发约 240 kWh（约 173 元）",
        "Car park: 11 % below what it should yield since 13 November, about 240 kWh lost (about CNY 173)",
    ),
    "pv_below_weather_service": (
        "车棚：发电低于气象服务辐照所应有 26 %，自 11 月 13 日起，少发约 1,240 kWh",
        "Car park: 26 % below what the weather service's sun should yield since 13 November, about 1,240 kWh lost",
    ),
    "pv_outage": (
        "车棚：停机，自 11 月 13 日起，少发约 240 kWh（约 173 元）",
        "Car park: outage since 13 November, about 240 kWh lost (about CNY 173)",
    ),
    "pv_shadow_or_dirt": (
        "车棚：遮挡，自 11 月 13 日起，少发约 2,240 kWh",
        "Car park: shading since 13 November, about 2,240 kWh lost",
    ),
    "readings_wrong": (
        "气象站：单位错误（气温: °F），自 11 月 13 日起",
        "Weather station: wrong unit (air temperature: °F) since 13 November",
    ),
    "pv_below_clear_sky": (
        "车棚：14 天里最好的一天也只有晴空发电量的 0.71",
        "Car park: even the best of 14 days reached only 0.71 of clear-sky energy",
    ),
    "meter_silent": (
        "A 楼屋顶光伏：自 11 月 13 日 10:05 起没有数据",
        "Roof A: no data since 13 November, 10:05",
    ),
    "park_silent": (
        "小园区：自 11 月 13 日 10:05 起所有设备都没有数据",
        "Small park: no device has reported since 13 November, 10:05",
    ),
    "meter_replaced": (
        "A 馆：电表读数归零或跳变，是否换过电表？",
        "Hall A: the register jumped. Was the meter replaced?",
    ),
    "sensor_fault": ("气象站：传感器数据不可信（GHI/POA）", "Weather station: the sensor is not credible (GHI/POA)"),
    "meter_doubtful": (
        "A 馆：电表数据自相矛盾，疑似接线或变比有误",
        "Hall A: the meter contradicts itself or its neighbours",
    ),
    "device_clock": (
        "A 馆：设备时钟落后一天以上，读数记在了过去",
        "Hall A: the device's clock is more than a day behind",
    ),
    "broker_dropped": (
        "小园区：MQTT 代理丢弃了 2,000 条消息",
        "Small park: messages dropped by the MQTT broker: 2,000",
    ),
    "session_forgotten": (
        "小园区：MQTT 代理丢失了采集程序的会话（north）",
        "Small park: the MQTT broker had forgotten the collector's session (north)",
    ),
}
ENTITIES = {
    "pv_below_expectation": "car-park",
    "pv_below_weather_service": "car-park",
    "pv_outage": "car-park",
    "pv_shadow_or_dirt": "car-park",
    "readings_wrong": "weather",
    "pv_below_clear_sky": "car-park",
    "meter_silent": "pv-a",
    "meter_replaced": "hall-a",
    "sensor_fault": "weather",
    "meter_doubtful": "hall-a",
    "device_clock": "hall-a",
}
RULES = [r.id for r in library_rules()]


def alert(rule: str, state: str = "firing", **changes: object) -> AlertRecord:
    params = {**PARAMS.get(rule, {}), **changes}
    return AlertRecord(f"{rule}/e", rule, ENTITIES.get(rule, "small"), "warning", state, AT, fired_at=AT, params=params)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_speaks_both_languages(world, rule: str) -> None:
    say = speaker(world.park)
    titles = tuple(say(alert(rule), language).title for language in (Language.ZH, Language.EN))
    assert titles == TITLES[rule]
    for language in Language:
        for state in ("firing", "resolved"):
            words = say(alert(rule, state), language)
            for text in (words.title, words.detail, words.advice):
                assert text
                assert not set(text) & set("{}[]–")
                assert any("一" <= c <= "鿿" for c in text) == (language is Language.ZH)


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_can_speak_without_any_parameter(world, rule: str) -> None:
    bare = AlertRecord(f"{rule}/e", rule, "unknown", "info", "firing", AT)
    for language in Language:
        words = speaker(world.park)(bare, language)
        assert not set(words.title + words.detail + words.advice) & set("{}[]")


def test_details_and_ends(world) -> None:
    say = speaker(world.park)
    assert say(alert("deficit_day"), Language.ZH).detail == (
        "最后一天（11 月 14 日）：当日用电 2,140 kWh，光伏发电 1,730 kWh（应发 1,800 kWh）；计划净余额 −150 kWh。"
        "该日无法逐项分解，以往日为比：天气 −160 kWh，光伏相对应发 −70.3 kWh，用电相对往日 −31.4 kWh（负值使净余额变差）。"
    )
    assert say(alert("self_sufficiency_month"), Language.EN).detail == (
        "As of 13 November, another 11.4 MWh of consumption would have had to come from own PV to be on target."
    )
    assert say(alert("meter_silent"), Language.ZH).detail == "设备 inv-a 已有 3 小时 20 分钟没有上报。"
    assert say(alert("deficit_day", "resolved"), Language.ZH).title == (
        "11 月 13 日至 11 月 14 日距净零共差 700 kWh，现已回到容许范围"
    )
    one_day = say(alert("deficit_day", "resolved", to_day=""), Language.EN)
    assert one_day.title == "13 November: 700 kWh short of net zero; back within the margin since"
    assert say(alert("pv_below_expectation", "resolved"), Language.EN).title == (
        "Car park: yield is back to normal; since 13 November about 240 kWh was lost (about CNY 173)"
    )


def test_what_is_not_known_is_left_out(world) -> None:
    say = speaker(world.park)
    no_plan = alert("deficit_day", plan_kwh="", beyond_kwh="", expected_kwh=float("nan"), weather_by_days_kwh="")
    assert say(no_plan, Language.EN).title == "13 November: 412 kWh short of net zero"
    assert say(no_plan, Language.EN).detail == "Last day, 14 November: Consumption 2,140 kWh, PV generation 1,730 kWh."
    unpriced = alert("pv_below_expectation", lost_money="")
    assert say(unpriced, Language.ZH).title.endswith("少发约 240 kWh")


def test_an_alert_of_a_rule_that_is_gone_or_off_still_has_words(make_world) -> None:
    say = speaker(make_world(rules={"disable": ["deficit_day"]}).park)
    assert say(alert("deficit_day"), Language.EN).title == TITLES["deficit_day"][1]
    assert say(alert("old_rule"), Language.ZH).title == "小园区：规则 old_rule 已不存在"


def test_own_rules_write_their_quantity(make_world, tmp_path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "rules:\n  - id: dear\n    severity: info\n"
        "    watch: {kind: threshold, scope: park, quantity: import_kwh, above: 500}\n"
        "    text: {title: '{name}: {quantity} {value} > {bound}', detail: d, advice: a, resolved: r}\n"
    )
    say = speaker(make_world(rules={"files": [str(own)]}).park)
    assert say(alert("dear", value=612.4, bound=500.0), Language.EN).title == "Small park: import 612 kWh > 500 kWh"


def test_optional_parts_need_all_their_parameters() -> None:
    known = {"a": "1", "b": "2"}
    assert fill("{a}[ and {b}][ but {c} {a}][!]", known.get) == "1 and 2!"
    assert fill("{c}", known.get) == "–"


def test_negative_numbers_carry_a_real_minus_sign(world) -> None:
    say = speaker(world.park)
    for language in Language:
        detail = say(alert("deficit_day"), language).detail
        assert "−160 kWh" in detail
        assert "-1" not in detail
