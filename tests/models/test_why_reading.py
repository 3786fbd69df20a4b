"""From stored series and statements to a split: days without a plan, gaps, changed clocks, storage, and who is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from core.findings import Fault, statement_of
from core.frames import slots_frame
from core.park import Array, Park
from core.quantities import Period
from core.statements import FOREVER, Kind, Statement
from core.text import Language
from core.timebase import day_bounds, slot_index
from core.why import Cause, Gap, Note, Part, Why
from core.why_waterfall import document, steps
from core.why_words import CAUSES, GAPS, NOTES, sentence
from models.calibration import nameplate_kwp
from models.diagnosis import Diagnosis
from models.why import why, whys
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.why_park import SAID, baseline, finding, make_park, opened, plan, predict, write

DAY = date(2026, 6, 10)
ROLES = {"grid": "grid", "pv": "pv", "hall": "load", "kiosk": "load", "mast": "weather"}
ARRAYS = {"east": "pv", "west": "pv"}
# 80 expected of 100 planned, 72 made; hall uses 60 of 50 planned; one kWh nobody meters.
SERIES = {
    ("park", "test", "net_balance_kwh"): 72.0 - 81.0,
    ("park", "test", "load_kwh"): 81.0,
    ("park", "test", "residual_kwh"): 1.0,
    ("point", "pv", "generation_kwh"): 72.0,
    ("point", "hall", "load_kwh"): 60.0,
    ("point", "kiosk", "load_kwh"): 20.0,
    ("point", "mast", "temp_air_c"): 5.0,
    ("array", "east", "expected_kwh"): 50.0,
    ("array", "west", "expected_kwh"): 30.0,
}
LOADS = {"hall": 50.0, "kiosk": 20.0}
ONE_UNMETERED = {("unmetered", ""): -1.0}


class Kept:
    """A park with a store, and what a split of it says."""

    def __init__(self, folder: Path, park: Park) -> None:
        self.park = park
        self.store, self.state = opened(folder)

    def say(self, *statements: Statement) -> None:
        self.state.add_statements(statements)

    def write(self, days: list[date], **more) -> None:
        write(self.park, self.store, days, **{"kwh": SERIES, **more})

    def why(self, first: date, last: date | None = None, until: datetime | None = None, class_of=None) -> Why:
        until = until or day_bounds((last or first) + timedelta(days=1), self.park.zone)[1]
        classes = class_of or (lambda _: "mon")
        return why(self.park, self.store, self.state, first, last or first, until, predict, classes)


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    found = Kept(tmp_path, make_park(ROLES, ARRAYS))
    yield found
    closed(found.store, found.state)


def closed(store: EmbeddedStore, state: SqliteState) -> None:
    store.close()
    state.close()


def told(found: Why) -> dict[tuple[str, str], float]:
    return {(p.cause.value, p.entity): p.kwh for p in found.parts}


def usual(kept: Kept, *days: date) -> None:
    kept.say(
        *(plan(kept.park, d, {"east": 60.0, "west": 40.0}, LOADS) for d in days),
        baseline("hall", 50.0, 0.4),
        baseline("kiosk", 20.0),
        finding("west", "string_loss", dict.fromkeys(days, 6.0)),
    )


def test_a_day_measured_whole(kept: Kept) -> None:
    kept.write([DAY])
    usual(kept, DAY)
    found = kept.why(DAY)
    # West: 40 planned, 30 by the weather, a fifth of it lost.
    assert told(found) == {
        ("weather", ""): -10.0 - 9.0,
        ("finding", "west"): -7.0,
        ("temperature", ""): -2.0,
        ("above_baseline", "hall"): -8.0,
        ("unmetered", ""): -1.0,
    }
    assert (found.plan_kwh, found.actual_kwh, found.unexplained_kwh) == (30.0, -9.0, -2.0)
    assert sum(told(found).values()) + found.unexplained_kwh == found.difference_kwh
    assert not found.withheld


def learned(array: str, start: date, factor: float) -> Statement:
    park = make_park(ROLES, ARRAYS)
    begin, kwp = day_bounds(start, park.zone)[0], nameplate_kwp(next(a for a in park.arrays if a.id == array))
    body = {"factor": factor, "scatter": 0.01, "nameplate_kwp": kwp, "first_day": DAY.isoformat()}
    return Statement(Kind.CALIBRATION, array, begin, FOREVER, begin, "t", body)


def test_a_factor_learned_on_a_day_says_what_its_plan_lacked(kept: Kept) -> None:
    before, after = DAY - timedelta(days=1), DAY + timedelta(days=1)
    kept.write([before, DAY, after])
    loads = {"hall": 60.0, "kiosk": 20.0}
    for day in (before, DAY):
        kept.say(plan(kept.park, day, {"east": 50.0, "west": 30.0}, loads, calibration={"east": 1.0, "west": 1.0}))
    kept.say(plan(kept.park, after, {"east": 50.0, "west": 30.0}, loads, calibration={"east": 0.9, "west": 0.9}))
    kept.say(learned("east", after, 0.9), learned("west", after, 0.9))
    # A tenth less than the nameplate says of 80 kWh: the plan was 8 too high, and 72 are what was to be expected.
    assert told(kept.why(DAY)) == {("plan_scale", ""): -8.0} | ONE_UNMETERED
    assert kept.why(DAY).unexplained_kwh == 0
    # The day before it was not learned on, and is held against what was known.
    assert told(kept.why(before)) == ONE_UNMETERED
    assert kept.why(before).unexplained_kwh == -8.0
    # From the day it counts on the stored expectation has the factor, and so has the plan.
    assert told(kept.why(after)) == ONE_UNMETERED
    assert kept.why(after).unexplained_kwh == -8.0


def test_a_plan_that_does_not_say_how_it_was_calibrated_is_taken_as_it_is(kept: Kept) -> None:
    kept.write([DAY])
    kept.say(plan(kept.park, DAY, {"east": 50.0, "west": 30.0}, {"hall": 60.0, "kiosk": 20.0}))
    kept.say(*(learned(a, DAY + timedelta(days=1), 0.9) for a in ARRAYS))
    assert told(kept.why(DAY)) == ONE_UNMETERED
    assert kept.why(DAY).unexplained_kwh == -8.0


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100)])
def test_a_day_on_which_the_clock_changes_has_its_own_length(kept: Kept, day: date, slots: int) -> None:
    # An hour of the kiosk is unknown to everybody but the grid meter.
    kept.write([day], unknown={("point", "kiosk", "load_kwh"): range(4), ("park", "test", "residual_kwh"): range(4)})
    usual(kept, day)
    found = kept.why(day)
    assert told(found)["missing_data", ""] == pytest.approx(-4 * 1.0 / slots, abs=0.001)
    assert told(found)["unmetered", ""] == pytest.approx(-1.0 + 4 * 1.0 / slots, abs=0.001)
    assert sum(told(found).values()) + found.unexplained_kwh == pytest.approx(found.difference_kwh, abs=0.004)


def test_hours_in_which_the_grid_meter_was_silent_are_missing_not_zero(kept: Kept) -> None:
    silent = [("park", "test", q) for q in ("net_balance_kwh", "load_kwh", "residual_kwh")]
    kept.write([DAY], unknown=dict.fromkeys(silent, range(48)))
    usual(kept, DAY)
    found = kept.why(DAY)
    # Booked is half the day. PV made 36 in the other half, the loads used 40, and nothing unmetered was planned.
    assert told(found)["missing_data", ""] == pytest.approx(-(36.0 - 40.0))
    assert told(found)["above_baseline", "hall"] == pytest.approx(-8.0)
    assert found.actual_kwh == pytest.approx(-4.5)


@pytest.mark.parametrize(
    ("said", "gap", "words"),
    [
        (None, Gap.NO_PLAN, "there was no plan"),
        ({"refused": "too_few_days"}, Gap.PLAN_REFUSED, "no plan could be made"),
        ({"net_balance_kwh": 4.0}, Gap.PLAN_WITHOUT_PARTS, "does not say what it is made of"),
    ],
)
def test_a_day_without_a_usable_plan_is_refused_by_name(kept: Kept, said, gap: Gap, words: str) -> None:
    kept.write([DAY])
    if said is not None:
        kept.say(Statement(**{**vars(plan(kept.park, DAY, {}, {})), "body": said}))
    found = kept.why(DAY)
    assert found.refused is gap
    assert words in sentence(found, kept.park, Language.EN)
    assert "无法解释差额" in sentence(found, kept.park, Language.ZH)
    assert found.plan_refusal == (said or {}).get("refused", "")


def test_days_without_data_or_to_come_are_left_out_and_the_running_one_counts_so_far(kept: Kept) -> None:
    days = [DAY + timedelta(days=n) for n in range(4)]
    kept.write([days[0], days[2]])
    usual(kept, *days)
    noon = day_bounds(days[2], kept.park.zone)[0] + timedelta(hours=12)
    found = kept.why(days[0], days[3], until=noon)
    assert found.days == 2
    assert found.left_out == {"no_data": 1, "future": 1}
    assert found.until == noon
    # Nothing of the past says how a day goes by: loads by the hours, PV by what a clear sky gives before noon.
    assert 30.0 - 35.0 + 25.0 < found.plan_kwh < 30.0 - 35.0 + 60.0
    today = kept.why(days[2], until=noon)
    assert found.plan_kwh == pytest.approx(30.0 + today.plan_kwh, abs=0.01)
    parts = told(today)
    assert parts["above_baseline", "hall"] == pytest.approx(-5.0)  # 30 of 25 kWh; the cold is not known before night
    assert ("temperature", "") not in parts
    assert sum(parts.values()) + today.unexplained_kwh == pytest.approx(today.difference_kwh, abs=0.004)
    assert Note.SO_FAR in today.notes
    assert Note.NO_TEMPERATURE not in today.notes


def test_days_by_themselves_are_what_they_are_asked_for_one_by_one(kept: Kept) -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    kept.write(days)
    usual(kept, *days[:2])
    noon = day_bounds(days[2], kept.park.zone)[0] + timedelta(hours=12)
    found = whys(kept.park, kept.store, kept.state, days[0], days[2], noon, predict, lambda _: "mon")
    assert list(found) == days[:2]  # the third has no plan, and is not over
    for day in days[:2]:
        alone = kept.why(day)
        assert (found[day].parts, found[day].difference_kwh) == (alone.parts, alone.difference_kwh)


def test_a_sky_nobody_measured_is_not_split(kept: Kept) -> None:
    clear = {("array", a, "expected_kwh"): "rung_clear_sky" for a in ARRAYS}
    kept.write([DAY], reasons=clear)
    usual(kept, DAY)
    found = kept.why(DAY)
    assert told(found)["pv_not_split", ""] == pytest.approx(72.0 - 100.0)
    assert ("weather", "") not in told(found)
    assert Note.ONLY_CLEAR_SKY in found.notes
    assert "weather and faults cannot be told apart" in sentence(found, kept.park, Language.EN)


def test_a_day_off_nobody_had_planned_is_the_calendar(kept: Kept) -> None:
    kept.write([DAY])
    usual(kept, DAY)
    found = kept.why(DAY, class_of=lambda _: "sun")
    assert told(found)["calendar", ""] == pytest.approx(35.0)
    assert told(found)["above_baseline", "hall"] == pytest.approx(-33.0)


def test_a_baseline_the_plan_was_not_made_by_splits_nothing(kept: Kept) -> None:
    kept.write([DAY])
    kept.say(plan(kept.park, DAY, {"east": 60.0, "west": 40.0}, LOADS, baselines={}), baseline("hall", 50.0))
    found = kept.why(DAY)
    assert told(found)["load_not_split", "hall"] == -10.0
    assert Note.NO_BASELINE in found.notes


def test_without_a_thermometer_nothing_is_laid_to_temperature(kept: Kept) -> None:
    kept.write([DAY], kwh={k: v for k, v in SERIES.items() if k[2] != "temp_air_c"})
    usual(kept, DAY)
    found = kept.why(DAY)
    assert ("temperature", "") not in told(found)
    assert Note.NO_TEMPERATURE in found.notes


def test_more_unexplained_than_a_fifth_withholds_the_sentence(kept: Kept) -> None:
    kept.write(
        [DAY], kwh={**SERIES, ("point", "pv", "generation_kwh"): 40.0, ("park", "test", "net_balance_kwh"): -41.0}
    )
    usual(kept, DAY)
    found = kept.why(DAY)
    assert found.unexplained_kwh == -34.0
    assert found.withheld
    assert "no sentence is said" in sentence(found, kept.park, Language.EN)


def test_what_storage_kept_is_a_part(tmp_path: Path) -> None:
    kept = Kept(tmp_path, make_park({**ROLES, "cell": "storage"}, ARRAYS))
    kept.write([DAY], kwh={**SERIES, ("park", "test", "charge_kwh"): 30.0, ("park", "test", "discharge_kwh"): 10.0})
    usual(kept, DAY)
    found = kept.why(DAY)
    assert told(found)["storage", ""] == -20.0
    assert found.actual_kwh == -29.0
    assert found.notes == (Note.AT_GRID,)
    closed(kept.store, kept.state)


def test_a_park_whose_loads_nobody_meters_is_its_own_load(tmp_path: Path) -> None:
    kept = Kept(tmp_path, make_park({"grid": "grid", "pv": "pv"}, {}))
    series = {("park", "test", "net_balance_kwh"): -9.0, ("park", "test", "load_kwh"): 81.0,
              ("point", "pv", "generation_kwh"): 72.0}  # fmt: skip
    kept.write([DAY], kwh=series)
    kept.say(plan(kept.park, DAY, {"pv": 90.0}, {}, residual_kwh=70.0), baseline("test", 70.0))
    found = kept.why(DAY)
    # No array is described behind the meter, so its plan is the meter's own and nothing tells weather from faults.
    assert told(found) == {("pv_not_split", ""): -18.0, ("above_baseline", "test"): -11.0}
    assert found.notes == (Note.NO_ARRAY, Note.NO_TEMPERATURE)
    assert "Test above its baseline −11.0 kWh" in sentence(found, kept.park, Language.EN)
    closed(kept.store, kept.state)


def said(
    parts: dict[str, float], unexplained: float = 0.0, days: int = 1, last: date = DAY, plan_kwh: float = 100.0
) -> Why:
    """Return a split whose parts are loads above their baseline."""
    made = tuple(Part(Cause.ABOVE_BASELINE, kwh, name) for name, kwh in parts.items())
    actual = plan_kwh + sum(parts.values()) + unexplained
    return Why(DAY, last, days, {}, plan_kwh, actual, made, made, unexplained)


def test_sentence_and_picture_name_the_same_causes_and_the_same_rest() -> None:
    park = make_park(dict.fromkeys("abcdefghijkl", "load"), {})
    why = said({n: -100.0 - 10.0 * k for k, n in enumerate("abcdefghij")} | {"k": -3.0, "l": 2.0})
    english = sentence(why, park, Language.EN)
    named = [s for s in steps(why, park, Language.EN) if s.kind == "cause"]
    assert len(named) == 6
    assert all(f"{s.name} {s.text}" in english for s in named)
    (rest,) = (s for s in steps(why, park, Language.EN) if s.kind == "others")
    assert f"; other causes {rest.text}." in english
    assert sum(s.kwh for s in steps(why, park, Language.EN)[1:-1]) == pytest.approx(why.difference_kwh)


def test_a_day_exactly_as_planned_is_said_without_an_empty_list() -> None:
    park = make_park({"hall": "load"}, {})
    assert sentence(said({}), park, Language.EN) == "10 June 2026: net balance 100.0 kWh, as planned."
    assert sentence(said({}), park, Language.ZH) == "2026 年 6 月 10 日净余额 100.0 kWh，与计划相符。"
    nothing = said({"hall": 0.01}, unexplained=-0.01)
    assert sentence(nothing, park, Language.EN) == "10 June 2026: net balance 100.0 kWh, as planned."
    both = said({"hall": -40.0, "kiosk": 40.0})
    assert sentence(both, park, Language.EN).startswith("10 June 2026: net balance 100.0 kWh, as planned: ")


def test_a_month_that_rests_on_one_day_says_so() -> None:
    park = make_park({"hall": "load"}, {})
    first, last = date(2026, 6, 1), date(2026, 6, 30)
    one = replace(said({"hall": -40.0}), first=first, last=last, left_out={"no_plan": 29})
    assert sentence(one, park, Language.EN).startswith("June 2026 (1 of 30 days): net balance ")
    assert sentence(one, park, Language.ZH).startswith("2026 年 6 月（30 天中的 1 天）净余额")
    assert document(one, park, Language.EN)["period"] == "June 2026 (1 of 30 days)"
    whole = replace(one, days=30)
    assert sentence(whole, park, Language.EN).startswith("June 2026: ")


def test_every_cause_has_words() -> None:
    assert set(CAUSES) == set(Cause)
    assert set(GAPS) == set(Gap)
    assert set(NOTES) == set(Note)


def test_an_order_in_the_log_is_counted_once_however_many_know_of_it(tmp_path: Path) -> None:
    # 50 kWh expected of the east, evenly; from noon to midnight 1 kW is allowed. The log says so, and the search
    # for faults, which reads the log, makes a finding of it.
    park = make_park(ROLES, {"east": "pv"})
    noon, midnight = (day_bounds(DAY, park.zone)[0] + timedelta(hours=h) for h in (12, 24))
    order = {"valid_from": noon, "valid_to": midnight, "limit_kw": 1.0}
    (east,) = park.arrays
    limited = park.model_copy(update={"arrays": (Array(**{**east.model_dump(), "curtailments": (order,)}),)})
    kept = Kept(tmp_path, limited)
    made = 25.0 + 12.0
    plain = {k: v for k, v in SERIES.items() if k[1] not in {"west", "pv"}}
    kept.write([DAY], kwh={**plain, ("park", "test", "net_balance_kwh"): made - 81.0})
    held(kept, DAY, 25.0 / 48, 12.0 / 48)
    kept.say(plan(park, DAY, {"east": 50.0}, LOADS), baseline("hall", 50.0, 0.4), baseline("kiosk", 20.0))
    found = Diagnosis(limited, kept.store, kept.state).findings(DAY, DAY)
    assert [(f.code, f.entity, round(f.lost_kwh, 3)) for f in found] == [(Fault.CURTAILMENT, "east", 13.0)]
    kept.say(*(statement_of(f, SAID) for f in found))
    why = kept.why(DAY)
    assert {k: v for k, v in told(why).items() if k[0] in {"weather", "finding", "curtailment"}} == {
        ("curtailment", ""): -13.0
    }
    assert why.unexplained_kwh == 0.0
    closed(kept.store, kept.state)


def test_an_order_nobody_heeded_is_said(tmp_path: Path) -> None:
    park = make_park(ROLES, {"east": "pv"})
    (east,) = park.arrays
    noon, midnight = (day_bounds(DAY, park.zone)[0] + timedelta(hours=h) for h in (12, 24))
    order = {"valid_from": noon, "valid_to": midnight, "limit_kw": 1.0}
    limited = park.model_copy(update={"arrays": (Array(**{**east.model_dump(), "curtailments": (order,)}),)})
    kept = Kept(tmp_path, limited)
    plain = {k: v for k, v in SERIES.items() if k[1] not in {"west", "pv"}}
    kept.write([DAY], kwh={**plain, ("park", "test", "net_balance_kwh"): 50.0 - 81.0})
    kept.say(plan(park, DAY, {"east": 50.0}, LOADS))
    for made, heeded in ((25.0, False), (20.0, False), (12.2, True)):  # in the 12 hours for which 12 kWh were allowed
        held(kept, DAY, 25.0 / 48, made / 48)
        assert (Note.NOT_HEEDED not in kept.why(DAY).notes) == heeded
    closed(kept.store, kept.state)


def test_an_outage_is_no_curtailment_though_an_order_held(tmp_path: Path) -> None:
    park = make_park(ROLES, {"east": "pv"})
    (east,) = park.arrays
    noon, midnight = (day_bounds(DAY, park.zone)[0] + timedelta(hours=h) for h in (12, 24))
    order = {"valid_from": noon, "valid_to": midnight, "limit_kw": 10.0}
    limited = park.model_copy(update={"arrays": (Array(**{**east.model_dump(), "curtailments": (order,)}),)})
    kept = Kept(tmp_path, limited)
    plain = {k: v for k, v in SERIES.items() if k[1] not in {"west", "pv"}}
    kept.write([DAY], kwh={**plain, ("array", "east", "expected_kwh"): 480.0})
    held(kept, DAY, 5.0, 0.0)
    found = Diagnosis(limited, kept.store, kept.state).findings(DAY, DAY)
    assert [(f.code, round(f.lost_kwh, 3)) for f in found] == [(Fault.OUTAGE, 240.0)]
    closed(kept.store, kept.state)


def held(kept: Kept, day: date, before: float, after: float) -> None:
    """Store generation of the PV meter: kWh per slot before and after noon."""
    starts = slot_index(*day_bounds(day, kept.park.zone))
    values = [before] * 48 + [after] * 48
    named = {"scope": "point", "entity": "pv", "quantity": "generation_kwh", "coverage": 1.0, "estimated": 0.0}
    slots = pd.DataFrame({"start": starts, "value": values, **named, "reasons": ""})
    kept.store.write_slots(Period.SLOT, slots_frame(slots))
    kept.store.write_slots(Period.DAY, slots_frame(slots[:1].assign(value=sum(values))))
