"""The split of a balance: exact Shapley values, parts that add up whatever is missing, and each cause in its place."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.why import Note
from models.why.facts import ArrayFacts, Flow, LoadFacts, MeterFacts, ParkFacts
from models.why.shapley import array_game, two_player_game
from models.why.split import Split, split

YES = np.array([True])
NO = np.array([False])


def one(value: float) -> np.ndarray:
    return np.array([value])


def array(planned=100.0, expected=80.0, clear=False, **lost: float) -> ArrayFacts:
    return ArrayFacts("roof", one(planned), one(expected), np.array([clear]), {k: one(v) for k, v in lost.items()})


def load(planned=50.0, predicted=(50.0, 50.0, 50.0, 50.0), actual=50.0, measured=True, name="hall") -> LoadFacts:
    return LoadFacts(
        name, one(planned), tuple(one(p) for p in predicted), one(actual), np.array([measured]), one(1.0), NO
    )


def park(meters=(), loads=(), rest=(5.0, 5.0), storage=(0.0, 0.0), balance=None, gone=None) -> ParkFacts:
    made = sum(float(m.actual[0]) for m in meters)
    used = sum(float(x.actual[0]) for x in loads) + rest[1] + storage[1]
    return ParkFacts(
        of=np.array([0]),
        days=1,
        time=one(1.0),
        balance=one(made - used if balance is None else balance),
        meters=tuple(meters),
        loads=tuple(loads),
        unmetered=Flow(one(rest[0]), one(rest[1]), YES),
        storage=Flow(one(storage[0]), one(storage[1]), YES),
        warm=YES,
        gone=gone or {},
    )


def meter(actual: float, *arrays: ArrayFacts, measured=True) -> MeterFacts:
    return MeterFacts("pv", arrays, one(actual), np.array([measured]))


def told(found: Split) -> dict[tuple[str, str, str], float]:
    return {(p.cause.value, p.entity, p.subject): round(float(p.kwh[0]), 6) for p in found.pieces}


def by_orders(planned: float, actual: float, lost: list[float], rescale: float) -> list[float]:
    """Shapley values by the definition: the mean over every order of substitution, calibration and weather first."""

    def worth(came: set[int]) -> float:
        model = 1.0 if 0 in came else 1.0 / rescale
        lit = actual if 1 in came else planned * rescale
        return model * lit * (1 - sum(lost[n - 2] for n in came if n > 1))

    players = range(len(lost) + 2)
    added = [0.0] * len(players)
    orders = list(itertools.permutations(players))
    for order in orders:
        came: set[int] = set()
        for player in order:
            added[player] += worth(came | {player}) - worth(came)
            came.add(player)
    return [a / len(orders) for a in added]


@given(st.floats(0, 1e4), st.floats(0, 1e4), st.lists(st.floats(0, 1), max_size=4), st.floats(0.7, 1.4))
def test_the_game_of_an_array_is_the_mean_over_all_orders(planned, actual, lost, rescale) -> None:
    lost = [share / max(sum(lost), 1.0) for share in lost]
    found = array_game(one(planned), one(actual), [one(x) for x in lost], rescale)
    values = [float(x[0]) for x in (*found[:2], *found[2])]
    assert values == pytest.approx(by_orders(planned, actual, lost, rescale), abs=1e-9)


def test_two_players_are_the_mean_of_both_orders() -> None:
    assert [float(x[0]) for x in two_player_game(one(10.0), one(14.0), one(12.0), one(20.0))] == [6.0, 4.0]


def test_what_a_plan_lacked_for_want_of_a_calibration_is_a_part_of_its_own() -> None:
    # 100 planned by the nameplate is 105 by the factor known since; the sky let 84 through, and 84 came.
    uncalibrated = replace(array(expected=84.0), rescale=one(1.05))
    found = split(park([meter(84.0, uncalibrated)], [load()]))
    # The model 5 % of the mean of 105 and 84; the weather -21 by the mean of both models.
    assert told(found) == {("weather", "roof", ""): -20.5, ("plan_scale", "roof", ""): 4.5}
    assert found.unexplained[0] == pytest.approx(0)


def test_weather_and_a_lost_string_share_what_both_take() -> None:
    # 100 planned, 80 by the weather, a tenth of it lost: weather alone -20, the string alone -10, together -28.
    found = split(park([meter(72.0, array(string_loss=8.0))], [load()]))
    assert told(found) == {("weather", "roof", ""): -19.0, ("finding", "roof", "string_loss"): -9.0}
    assert found.unexplained[0] == 0


def test_a_calendar_and_a_temperature_are_told_from_what_a_building_used_above_them() -> None:
    # Planned 50 on a workday at normal temperature; a holiday takes 20 off, the heat adds 10, both together -12.
    building = load(50.0, (50.0, 30.0, 60.0, 38.0), actual=45.0)
    found = split(park([], [building]))
    assert told(found) == {
        ("calendar", "hall", ""): 21.0,
        ("temperature", "hall", ""): -9.0,
        ("above_baseline", "hall", ""): -7.0,
    }


def test_curtailment_storage_and_what_is_unmetered_are_parts_of_their_own() -> None:
    found = split(
        park([meter(60.0, array(100.0, 100.0, curtailment=40.0))], [load()], rest=(5.0, 9.0), storage=(0, 3.0))
    )
    assert told(found) == {("curtailment", "roof", "curtailment"): -40.0, ("unmetered", "", ""): -4.0,
                           ("storage", "", ""): -3.0}  # fmt: skip


def test_what_generation_lacks_beside_every_finding_is_unexplained() -> None:
    found = split(park([meter(70.0, array(100.0, 100.0, string_loss=10.0))], [load()]))
    assert told(found) == {("finding", "roof", "string_loss"): -10.0}
    assert found.unexplained[0] == pytest.approx(-20.0)


def test_an_annotation_loses_nothing() -> None:
    found = split(park([meter(80.0, array(clipping=5.0, sensor=9.0))], [load()]))
    assert told(found) == {("weather", "roof", ""): -20.0}


def test_findings_that_claim_more_than_there_was_share_it() -> None:
    found = split(park([meter(0.0, array(100.0, 100.0, outage=90.0, string_loss=30.0))], [load()]))
    assert told(found) == {("finding", "roof", "outage"): -75.0, ("finding", "roof", "string_loss"): -25.0}
    assert Note.OVERLAPPING in found.notes
    assert found.unexplained[0] == pytest.approx(0.0)


def test_a_clear_sky_tells_no_weather() -> None:
    found = split(park([meter(40.0, array(100.0, 160.0, clear=True, outage=60.0))], [load()]))
    assert told(found) == {("pv_not_split", "pv", ""): -60.0}
    assert found.notes == {Note.ONLY_CLEAR_SKY}
    assert found.unexplained[0] == 0


def test_two_arrays_behind_one_meter_keep_their_own_weather() -> None:
    east, west = array(100.0, 80.0), ArrayFacts("west", one(50.0), one(60.0), NO, {"outage": one(6.0)})
    found = split(park([meter(130.0, east, west)], [load()]))
    assert told(found) == {("weather", "roof", ""): -20.0, ("weather", "west", ""): 9.5,
                           ("finding", "west", "outage"): -5.5}  # fmt: skip
    assert found.unexplained[0] == pytest.approx(-4.0)


def test_a_load_without_a_baseline_is_held_against_its_plan() -> None:
    nothing = (np.nan,) * 4
    found = split(park([], [load(50.0, nothing, actual=58.0)]))
    assert told(found) == {("load_not_split", "hall", ""): -8.0}
    assert found.notes == {Note.NO_BASELINE}


def test_whoever_came_after_the_plan_or_is_gone_is_named() -> None:
    new = load(np.nan, (np.nan,) * 4, actual=12.0, name="kiosk")
    found = split(park([], [new], gone={"barn": one(-30.0)}))
    assert told(found) == {("not_planned", "kiosk", ""): -12.0, ("not_planned", "barn", ""): 30.0}


def test_a_silent_sub_meter_takes_nothing_from_the_park() -> None:
    # The park's meters say 5 unmetered and 50 hall: nobody can say whose the 4 kWh above are.
    silent = load(actual=np.nan, measured=False)
    facts = park([], [silent], balance=-59.0)
    facts = ParkFacts(**{**vars(facts), "unmetered": Flow(one(5.0), one(np.nan), NO)})
    assert told(split(facts)) == {("missing_data", "", ""): -4.0}


def test_a_silent_pv_meter_leaves_a_hole_as_large_as_what_was_expected() -> None:
    facts = park([meter(np.nan, array(100.0, 80.0, string_loss=8.0), measured=False)], [load()], balance=np.nan)
    facts = ParkFacts(**{**vars(facts), "unmetered": Flow(one(5.0), one(np.nan), NO)})
    # Nothing is booked; the model with its causes says 72 made, 55 used.
    assert told(split(facts)) == {
        ("weather", "roof", ""): -19.0,
        ("finding", "roof", "string_loss"): -9.0,
        ("missing_data", "", ""): -17.0,
    }


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_parts_and_unexplained_add_up_to_the_difference(seed: int) -> None:
    facts = drawn(np.random.default_rng(seed))
    found = split(facts)
    added = found.unexplained + sum((p.kwh for p in found.pieces), np.zeros(facts.days))
    difference = facts.by_day(np.nan_to_num(facts.balance)) - facts.planned()
    assert np.allclose(added, difference, rtol=0, atol=1e-6)


def drawn(draw: np.random.Generator) -> ParkFacts:
    """Draw a park of some days in which meters fall silent, sensors fail and plans know too little."""
    days = int(draw.integers(1, 4))
    of = np.repeat(np.arange(days), draw.integers(1, 6, days))
    size = len(of)
    time = 1.0 / np.bincount(of)[of]

    def daily(scale: float, unknown: float = 0.0) -> np.ndarray:
        return np.where(draw.random(days) < unknown, np.nan, draw.uniform(0, scale, days))

    def flow(scale: float) -> tuple[np.ndarray, np.ndarray]:
        value = draw.uniform(0, scale, size)
        state = draw.choice(3, size, p=(0.7, 0.15, 0.15))  # measured, filled, unknown
        return np.where(state == 2, np.nan, value), state == 0

    meters = []
    for n in range(int(draw.integers(0, 3))):
        arrays = [
            ArrayFacts(
                f"a{n}{k}",
                daily(100, 0.1),
                np.where(draw.random(size) < 0.05, np.nan, draw.uniform(0, 30, size) * (draw.random() < 0.9)),
                draw.random(days) < 0.2,
                {s: daily(60) for s in ("outage", "curtailment", "underperformance") if draw.random() < 0.5},
            )
            for k in range(int(draw.integers(0, 3)))
        ]
        meters.append(MeterFacts(f"m{n}", tuple(arrays), *flow(40)))
    loads = []
    for n in range(int(draw.integers(0, 3))):
        predicted = tuple(daily(80) + (np.nan if draw.random() < 0.1 else 0.0) for _ in range(4))
        weight = draw.uniform(0.1, 1, size)
        weight /= np.bincount(of, weights=weight)[of]
        loads.append(LoadFacts(f"l{n}", daily(80, 0.1), predicted, *flow(30), weight, draw.random(days) < 0.2))
    total, measured = flow(90)  # consumption of the park
    kept, stored = flow(10)
    made = sum((m.actual for m in meters), np.zeros(size))
    everything = np.all([measured, stored, *(m.measured for m in meters)], axis=0)
    rest = total - sum((x.actual for x in loads), np.zeros(size))
    rest_measured = np.all([everything, *(x.measured for x in loads)], axis=0)
    return ParkFacts(
        of, days, time, made - total - kept, tuple(meters), tuple(loads), Flow(daily(9), rest, rest_measured),
        Flow(daily(3), kept, stored), np.ones(days, dtype=bool), {"barn": -daily(20)} if draw.random() < 0.3 else {},
    )  # fmt: skip
