from __future__ import annotations

from datetime import date, timedelta

import pytest

from core.text import Language
from core.why import Cause, Part, Why, packed, unpacked
from rules.facts import Explained
from rules.words import speaker

RULE = "deficit_day"
BY_DAYS = ("weather_by_days_kwh", "pv_by_days_kwh", "use_by_days_kwh")
D13, D14, D15, D16, D17, D18 = (date(2026, 11, d) for d in range(13, 19))


def test_a_winter_day_as_planned_is_no_news(world) -> None:
    world.store.balance(D13, net=-400.0, plan=-380.0)
    assert world.walk([D13], RULE) == ["-"]


def test_worse_than_planned_by_more_than_a_tenth_of_the_load_is(world) -> None:
    world.store.balance(D13, net=-480.0, plan=-380.0)  # exactly the margin
    world.store.balance(D14, net=-481.0, plan=-380.0)
    world.store.balance(D15, net=-300.0, plan=-380.0)
    assert world.walk([D13, D14, D15], RULE) == ["-", "firing", "resolved"]
    (alert,) = world.history(RULE)
    assert (alert.severity, alert.value) == ("warning", -481.0)
    assert alert.active_at.isoformat() == "2026-11-13T16:00:00+00:00"


def test_small_parks_have_a_margin_of_20_kwh(world) -> None:
    world.store.balance(D13, net=-29.0, plan=-10.0, load=50.0)
    world.store.balance(D14, net=-31.0, plan=-10.0, load=50.0)
    assert world.walk([D13, D14], RULE) == ["-", "firing"]


def test_a_surplus_smaller_than_planned_is_no_deficit(world) -> None:
    world.store.balance(D13, net=10.0, plan=500.0)
    assert world.walk([D13], RULE) == ["-"]


def test_without_a_plan_a_short_day_is_information(world) -> None:
    world.store.balance(D13, net=-90.0)
    world.store.balance(D14, net=-110.0)
    world.store.balance(D15, net=-600.0, plan=-100.0)
    assert world.walk([D13, D14], RULE) == ["-", "firing"]
    assert (world.open(RULE).severity, world.open(RULE).params["beyond_kwh"]) == ("info", "")
    world.walk([D15], RULE)
    assert (world.open(RULE).severity, world.open(RULE).params["beyond_kwh"]) == ("warning", pytest.approx(500.0))


def test_thin_data_are_not_judged_and_hold(world) -> None:
    world.store.balance(D13, net=-500.0, plan=-100.0, coverage=0.89)
    world.store.balance(D14, net=-500.0, plan=-100.0, coverage=0.9)
    world.store.balance(D15, net=float("nan"), plan=-100.0)
    world.store.balance(D16, net=-100.0, plan=-100.0)
    assert world.walk([D13, D14, D15, D16], RULE) == ["-", "firing", "firing", "resolved"]


def test_the_margin_can_be_set_for_a_park(make_world) -> None:
    world = make_world(rules={"params": {"deficit_day": {"margin_share": 0.5, "margin_kwh": 600}}})
    world.store.balance(D13, net=-699.0, plan=-100.0)
    world.store.balance(D14, net=-701.0, plan=-100.0)
    assert world.walk([D13, D14], RULE) == ["-", "firing"]


@pytest.mark.parametrize(
    ("zone", "day", "active_at"),
    [
        ("Europe/Berlin", date(2026, 10, 25), "2026-10-24T22:00:00+00:00"),  # 25 hours
        ("Europe/Berlin", date(2026, 3, 29), "2026-03-28T23:00:00+00:00"),  # 23 hours
    ],
)
def test_days_on_which_the_clock_changes(make_world, zone: str, day: date, active_at: str) -> None:
    world = make_world(timezone=zone)
    world.store.balance(day, net=-500.0, plan=-100.0)
    assert world.walk([day], RULE) == ["firing"]
    assert world.open(RULE).active_at.isoformat() == active_at


def test_several_short_days_are_one_alert_with_their_sum(world) -> None:
    for day, net in ((D13, -500.0), (D14, -600.0), (D15, -700.0), (D16, 10.0)):
        world.store.balance(day, net=net, plan=-100.0)
    world.walk([D13, D14, D15, D16], RULE)
    (alert,) = world.history(RULE)
    assert (alert.params["first_day"], alert.params["to_day"]) == ("2026-11-13", "2026-11-15")
    assert alert.params["total_kwh"] == pytest.approx(1800.0)


@pytest.mark.parametrize(
    ("expected_kwh", "load", "severity", "causes"),
    [
        (500.0, 1000.0, "info", (-500.0, 0.0, 0.0)),
        (620.0, 1000.0, "warning", (-380.0, -120.0, 0.0)),
        (480.0, 1200.0, "warning", (-520.0, 20.0, -200.0)),
    ],
)
def test_a_day_that_only_the_clouds_made_short_is_information(
    world, expected_kwh: float, load: float, severity: str, causes: tuple[float, float, float]
) -> None:
    for n in range(1, 8):
        world.store.balance(D13 - timedelta(days=n), net=0.0, plan=0.0, load=1000.0)
    world.store.balance(D13, net=500.0 - load, plan=0.0, load=load)  # 500 kWh generated
    world.store.set("park", "small", D13, expected_kwh=expected_kwh)
    world.walk([D13], RULE)
    alert = world.open(RULE)
    assert (alert.severity, tuple(alert.params[k] for k in BY_DAYS)) == (severity, pytest.approx(causes))
    detail = speaker(world.park)(alert, Language.EN).detail
    assert "The day could not be split; by comparable days: weather −" in detail


def test_a_cloudless_envelope_says_nothing_of_the_weather(world) -> None:
    for n in range(1, 8):
        world.store.balance(D13 - timedelta(days=n), net=0.0, plan=0.0)
    world.store.balance(D13, net=-500.0, plan=0.0)
    world.store.set("park", "small", D13, expected_kwh=500.0, reasons="rung_clear_sky")
    world.walk([D13], RULE)
    assert (world.open(RULE).severity, world.open(RULE).params["weather_by_days_kwh"]) == ("warning", "")


def split_of(day: date, *parts: Part, plan_kwh: float = 0.0, unexplained: float = 0.0) -> Why:
    actual = plan_kwh + sum(p.kwh for p in parts) + unexplained
    return Why(day, day, 1, {}, plan_kwh, actual, parts, parts, unexplained)


CLOUDS, HALL = Part(Cause.WEATHER, -430.0), Part(Cause.ABOVE_BASELINE, -150.0, "hall-a")
STRING = Part(Cause.FINDING, -120.0, "roof-a", "string_loss")


@pytest.mark.parametrize(
    ("parts", "severity", "said"),
    [
        ((CLOUDS, STRING), "warning", "weather at the PV −430 kWh, strings or inverters lost at Roof A −120 kWh"),
        ((CLOUDS, Part(Cause.TEMPERATURE, -100.0)), "info",
         "weather at the PV −430 kWh, temperature (heating and cooling) −100 kWh"),
        ((CLOUDS, HALL, Part(Cause.STORAGE, 60.0)), "warning",
         "weather at the PV −430 kWh, Hall A above its baseline −150 kWh"),
    ],
)  # fmt: skip
def test_a_day_that_was_split_is_told_by_its_split_with_the_same_signs(world, parts, severity: str, said: str) -> None:
    for n in range(1, 8):  # comparable days would have laid all of it to the weather
        world.store.balance(D13 - timedelta(days=n), net=0.0, plan=0.0, load=1000.0)
    net = sum(p.kwh for p in parts if p.cause is not Cause.STORAGE)
    world.store.balance(D13, net=net, plan=0.0, load=1000.0)
    world.store.set("park", "small", D13, expected_kwh=1000.0 + net)
    world.splits[D13] = split_of(D13, *parts)
    world.walk([D13], RULE)
    alert = world.open(RULE)
    assert alert.severity == severity
    assert [alert.params[k] for k in BY_DAYS] == ["", "", ""]
    detail = speaker(world.park)(alert, Language.EN).detail
    assert f" The difference to the plan (negative made it worse): {said}." in detail
    assert "comparable days" not in detail
    assert "storage" not in detail
    (left,) = (
        (p for p in parts if p.cause in {Cause.FINDING, Cause.ABOVE_BASELINE}) if severity == "warning" else (None,)
    )
    assert alert.params["left_kwh"] == pytest.approx(left.kwh if left else 0.0)
    assert "与计划之差（负值使净余额变差）：光伏天气 −430 kWh，" in speaker(world.park)(alert, Language.ZH).detail


def test_a_split_with_too_much_unexplained_says_so_in_the_alert_too(world) -> None:
    world.store.balance(D13, net=-500.0, plan=0.0)
    world.splits[D13] = split_of(D13, Part(Cause.WEATHER, -200.0), unexplained=-300.0)
    world.walk([D13], RULE)
    assert world.open(RULE).severity == "warning"
    assert "More is unexplained (−300 kWh) than 20 %" in speaker(world.park)(world.open(RULE), Language.EN).detail


def test_only_short_days_are_asked_about_and_a_later_split_takes_the_place_of_like_days(world) -> None:
    for n in range(1, 8):
        world.store.balance(D13 - timedelta(days=n), net=0.0, plan=0.0, load=1000.0)
    world.walk([D13 - timedelta(days=1)], RULE)
    assert world.asked == []
    world.store.balance(D13, net=-500.0, plan=0.0, load=1000.0)
    world.store.set("park", "small", D13, expected_kwh=500.0)
    world.walk([D13], RULE)
    assert world.open(RULE).params["weather_by_days_kwh"] == pytest.approx(-500.0)
    world.splits[D13] = split_of(D13, Part(Cause.WEATHER, -500.0))
    world.walk([D13], RULE)
    alert = world.open(RULE)
    assert (alert.params["weather_by_days_kwh"], alert.severity) == ("", "info")
    assert "weather at the PV −500 kWh" in speaker(world.park)(alert, Language.EN).detail
    assert set(world.asked) == {(D13, D13)}


def test_days_are_asked_for_a_month_at_a_time(world) -> None:
    explained = Explained(world.explain, date(2026, 10, 20), D15)
    for day in (D13, D14, date(2026, 10, 21), D15, D18, date(2026, 10, 22)):
        world.splits[day] = split_of(day)
        explained.of(day)
    assert world.asked == [(date(2026, 11, 1), D15), (date(2026, 10, 20), date(2026, 10, 31)), (D18, D18)]
    assert explained.of(D18) is not None
    assert Explained(None, D13, D13).of(D13) is None


def test_what_an_alert_carries_of_a_split_is_read_back_or_left_out() -> None:
    split = split_of(D13, CLOUDS, HALL, plan_kwh=10.0, unexplained=-2.5)
    again = unpacked(packed(split))
    assert (again.parts, again.difference_kwh, again.unexplained_kwh) == (split.parts, split.difference_kwh, -2.5)
    for text in ("", "{}", "[]", "null", '{"parts": 1}', packed(split).replace("weather", "gone")):
        assert unpacked(text) is None


def why(world, language: Language) -> str:
    """Return the last of what the open alert says: how it came to be so severe."""
    detail = speaker(world.park)(world.open(RULE), language).detail
    if language is Language.ZH:
        return detail[detail.rindex("。", 0, -1) + 1 :]
    return detail[max(detail.rfind("A warning"), detail.rfind("Information only")) :]


def test_its_words_say_why_it_is_a_warning_or_information(world) -> None:
    for n in range(1, 8):
        world.store.balance(D13 - timedelta(days=n), net=0.0, plan=0.0)
    world.store.balance(D13, net=-500.0, plan=0.0)
    world.store.set("park", "small", D13, expected_kwh=620.0)
    world.walk([D13], RULE)
    assert why(world, Language.EN) == (
        "A warning, because without the weather −120 kWh are left, worse than the margin of 100 kWh."
    )
    assert why(world, Language.ZH) == "除去天气还有 −120 kWh，差于容许的 100 kWh，所以是警告。"
    world.store.balance(D16, net=-500.0, plan=0.0)
    world.store.set("park", "small", D16, expected_kwh=500.0)
    world.walk([D16], RULE)
    assert why(world, Language.EN) == (
        "Information only, because without the weather 0 kWh are left, no worse than the margin of 100 kWh."
    )
    assert why(world, Language.ZH) == "除去天气还有 0 kWh，不差于容许的 100 kWh，所以只是提示。"
    world.store.balance(D17, net=-500.0)
    world.walk([D17], RULE)
    assert why(world, Language.EN) == (
        "Information only: that day has no plan to be held against, and it is short by more than the margin of 100 kWh."
    )
    world.store.balance(D18, net=-500.0, plan=0.0)
    world.store.set("park", "small", D18, expected_kwh=500.0, reasons="rung_clear_sky")
    world.walk([D18], RULE)
    assert why(world, Language.EN) == (
        "A warning, because it is beyond the margin of 100 kWh and how much of it was the weather is not known."
    )
    assert why(world, Language.ZH) == "与计划之差超过容许的 100 kWh，天气占多少不得而知，所以是警告。"
