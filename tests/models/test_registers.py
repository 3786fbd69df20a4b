"""Register readings to slot energies: the named cases one by one, and what holds for all of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.quality import Reason
from models.power import profile
from models.registers import read_register
from models.series import bit, grid_of, to_us
from models.slotting import slot_energy

MINUTE_US = 60_000_000
START = datetime(2026, 10, 1, tzinfo=UTC)
ALWAYS = (-(2**62), 2**62)


def us(minutes: float) -> int:
    return to_us(START) + int(minutes * MINUTE_US)


def edges(slots: int) -> np.ndarray:
    return np.array([us(15 * n) for n in range(slots + 1)], dtype=np.int64)


def read(readings: list[tuple[float, float]], rating_kw: float | None = 100.0, interval_s: float = 300.0):
    times = np.array([us(m) for m, _ in readings], dtype=np.int64)
    return read_register(times, np.array([v for _, v in readings]), rating_kw=rating_kw, interval_s=interval_s)


def steady(first: int, last: int, start: float, per_step: float = 1.0, step: int = 5) -> list[tuple[float, float]]:
    return [(m, start + per_step * n) for n, m in enumerate(range(first, last + 1, step))]


def codes(curve) -> list[str]:
    return [e.reason.value for e in curve.events]


def test_normal_readings_split_at_slot_edges_by_straight_line():
    curve = read([(-5, 100.0), (5, 101.0), (20, 104.0), (35, 104.0)])
    slots = slot_energy(curve, edges(3), ALWAYS)
    # at 0: 100.5; at 15: 101 + 3 * 10/15 = 103.0; at 30: 104.0; at 45: nothing beyond 35 min
    assert slots.value.tolist() == [2.5, 1.0, 0.0]
    assert slots.coverage.tolist() == pytest.approx([1.0, 1.0, 1 / 3])
    assert slots.reasons.tolist() == [0, 0, bit(Reason.MISSING)]


def test_beyond_the_last_reading_is_unknown_not_zero():
    slots = slot_energy(read(steady(0, 30, 7.0)), edges(4), ALWAYS)
    assert slots.value.tolist()[:2] == [3.0, 3.0]
    assert np.isnan(slots.value[2:]).all()
    assert slots.coverage.tolist() == [1.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("readings", [[], [(3.0, 55.0)], [(3.0, float("nan")), (8.0, float("nan"))]])
def test_none_or_one_reading_says_nothing(readings):
    slots = slot_energy(read(readings), edges(2), ALWAYS)
    assert np.isnan(slots.value).all()
    assert slots.coverage.tolist() == [0.0, 0.0]
    assert slots.reasons.tolist() == [bit(Reason.MISSING)] * 2


def test_quarter_hour_history_from_a_minute_device_is_no_gap():
    slots = slot_energy(read([(0, 1.0), (15, 2.0), (30.5, 3.0), (45, 4.0)], interval_s=60.0), edges(3), ALWAYS)
    assert slots.coverage.tolist() == [1.0, 1.0, 1.0]
    assert slots.estimated.tolist() == [0.0, 0.0, 0.0]


def test_hourly_history_from_a_minute_device_is_no_gap():
    slots = slot_energy(read(steady(0, 600, 1.0, 4.0, step=60), interval_s=60.0), edges(8), ALWAYS)
    assert slots.value.tolist() == [1.0] * 8
    assert slots.coverage.tolist() == [1.0] * 8
    missing = [r for r in steady(0, 600, 1.0, 4.0, step=60) if not 120 < r[0] < 300]
    gone = slot_energy(read(missing, interval_s=60.0), edges(20), ALWAYS)
    assert gone.coverage.tolist() == [1.0] * 8 + [0.0] * 12
    assert np.nansum(gone.value) == 20.0


def test_a_frozen_display_that_catches_up_lost_nothing():
    running = steady(0, 60, 100.0, 2.0, step=15)  # 8 kWh an hour, until 108 at 60 min
    frozen = [(m, 108.0) for m in range(75, 361, 15)]
    back = steady(375, 480, 150.0, 2.0, step=15)  # as if it had counted all the time
    curve = read(running + frozen + back, rating_kw=20.0, interval_s=900.0)
    slots = slot_energy(curve, edges(32), ALWAYS)
    assert slots.value.sum() == pytest.approx(64.0)
    assert codes(curve) == ["gap"]
    assert slots.value[4:25].tolist() == [2.0] * 21
    assert slots.estimated[4:25].tolist() == [1.0] * 21
    assert slots.coverage[:4].tolist() == [1.0] * 4


def test_a_spike_after_a_flat_stretch_is_still_a_spike():
    flat = [(m, 100.0) for m in range(0, 300, 15)]
    curve = read([*flat, (300, 140.0), *[(m, 100.0) for m in range(315, 600, 15)]], rating_kw=20.0, interval_s=900.0)
    assert codes(curve) == ["spurious"]
    assert slot_energy(curve, edges(36), ALWAYS).value.sum() == 0.0


def test_energy_over_a_gap_is_measured_in_total_and_spread_evenly():
    curve = read([(0, 10.0), (60, 18.0)])
    slots = slot_energy(curve, edges(4), ALWAYS)
    assert slots.value.tolist() == [2.0, 2.0, 2.0, 2.0]
    assert slots.coverage.tolist() == [0.0] * 4
    assert slots.estimated.tolist() == [1.0] * 4
    assert slots.reasons.tolist() == [bit(Reason.GAP)] * 4
    assert codes(curve) == ["gap"]


def test_energy_over_a_gap_follows_the_points_own_power():
    power = profile(np.array([us(0), us(30), us(30.001), us(60)]), np.array([4.0, 4.0, 12.0, 12.0]), us(31) - us(0))
    slots = slot_energy(read([(0, 10.0), (60, 18.0)]), edges(4), ALWAYS, power)
    assert slots.value.tolist() == pytest.approx([1.0, 1.0, 3.0, 3.0], abs=0.001)
    assert slots.value.sum() == 8.0


@pytest.mark.parametrize("zero", [0.0, 3.0])
def test_a_dip_that_returns_is_left_out(zero):
    readings = [*steady(0, 20, 5000.0), (25, zero), *steady(30, 60, 5006.0)]
    curve = read(readings)
    slots = slot_energy(curve, edges(4), ALWAYS)
    assert codes(curve) == ["spurious"]
    assert curve.events[0].left_out == 1
    assert slots.value.tolist() == [3.0, 3.0, 3.0, 3.0]
    assert slots.coverage.tolist() == [1.0] * 4


def test_a_dip_that_returns_is_left_out_without_a_rating_too():
    readings = [*steady(0, 20, 5000.0), (25, 0.0), *steady(30, 60, 5006.0)]
    assert slot_energy(read(readings, rating_kw=None), edges(4), ALWAYS).value.tolist() == [3.0, 3.0, 3.0, 3.0]


def test_ten_minutes_of_zeros_after_midnight_are_one_dip():
    readings = [*steady(0, 20, 5000.0), (25, 0.0), (27, 0.0), (30, 0.0), (32, 0.0), *steady(35, 60, 5007.0)]
    curve = read(readings)
    assert [(e.reason.value, e.left_out) for e in curve.events] == [("spurious", 4)]
    assert slot_energy(curve, edges(4), ALWAYS).value.sum() == 12.0


def test_a_spike_that_returns_is_left_out():
    curve = read([*steady(0, 20, 5000.0), (25, 99_000.0), *steady(30, 60, 5006.0)])
    assert codes(curve) == ["spurious"]
    assert slot_energy(curve, edges(4), ALWAYS).value.sum() == 12.0


def test_rounding_backwards_is_jitter_and_counts_nothing_twice():
    curve = read([(0, 5000.01), (5, 5000.02), (10, 5000.01), (15, 5000.02), (20, 5000.03), (30, 5000.05)])
    slots = slot_energy(curve, edges(2), ALWAYS)
    assert slots.value.tolist() == [0.01, 0.03]
    assert slots.coverage.tolist() == [1.0, 1.0]
    assert slots.reasons.tolist() == [bit(Reason.JITTER), 0]
    assert curve.events == ()


def test_a_full_display_rolls_over():
    curve = read([*steady(0, 25, 99_994.5), *steady(30, 60, 0.5)])
    assert codes(curve) == ["rollover"]
    assert slot_energy(curve, edges(4), ALWAYS).value.tolist() == [3.0, 3.0, 3.0, 3.0]


def test_a_reset_counts_the_new_register_and_bounds_what_is_unknown():
    curve = read([*steady(0, 20, 5000.0), (25, 0.25), *steady(30, 60, 1.25)])
    (event,) = curve.events
    assert event.reason is Reason.RESET
    assert (event.before_wh, event.after_wh, event.counted_wh) == (5_004_000, 250, 250)
    # 1.2 x 100 kW for 5 min, 10 Wh of the display, and what a 32-bit float would round near 5,004 kWh
    assert event.bound_wh == pytest.approx(10_000 + 10 + 1.2 - 250, abs=0.01)
    slots = slot_energy(curve, edges(4), ALWAYS)
    assert slots.value.tolist() == [3.0, 2.25, 3.0, 3.0]
    assert slots.coverage.tolist() == pytest.approx([1.0, 2 / 3, 1.0, 1.0])
    assert slots.reasons.tolist() == [0, bit(Reason.RESET), 0, 0]


def test_the_count_of_a_replacement_is_not_consumption():
    curve = read([*steady(0, 20, 5000.0), *steady(25, 60, 300.0)])
    (event,) = curve.events
    assert event.reason is Reason.REPLACED
    assert (event.counted_wh, event.uncounted_wh) == (0, -4_704_000)
    slots = slot_energy(curve, edges(4), ALWAYS)
    assert slots.value.tolist() == [3.0, 2.0, 3.0, 3.0]
    assert slots.coverage.tolist() == pytest.approx([1.0, 2 / 3, 1.0, 1.0])


def test_a_jump_that_stays_is_implausible_and_not_counted():
    curve = read([*steady(0, 20, 5000.0), *steady(25, 60, 9000.0)])
    assert codes(curve) == ["implausible"]
    slots = slot_energy(curve, edges(4), ALWAYS)
    assert slots.value.tolist() == [3.0, 2.0, 3.0, 3.0]
    assert curve.events[0].uncounted_wh == 3_996_000


def test_a_slot_wholly_inside_an_unknown_step_is_unknown():
    curve = read([(0, 5000.0), (14, 5001.0), (31, 800.0), (36, 801.0), (45, 802.0)], interval_s=600.0)
    assert codes(curve) == ["replaced"]
    slots = slot_energy(curve, edges(3), ALWAYS)
    assert slots.value[0] == 1.0
    assert np.isnan(slots.value[1])
    assert slots.value[2] == 2.0


def test_contradicting_last_readings_wait_for_those_that_decide():
    readings = [*steady(0, 20, 5000.0), (25, 0.0)]
    held = slot_energy(read(readings), edges(2), ALWAYS)
    assert held.value.tolist() == [3.0, 1.0]
    assert held.coverage.tolist() == pytest.approx([1.0, 1 / 3])
    assert codes(read(readings)) == []
    assert codes(read([*readings, (30, 0.5), (35, 1.5)])) == ["reset"]
    assert codes(read([*readings, (30, 5006.0)])) == ["spurious"]


def test_without_rating_the_data_tell_what_is_too_much():
    readings = [*steady(0, 150, 5000.0, step=1), *steady(151, 300, 90_000.0, step=1)]
    assert codes(read(readings, rating_kw=None, interval_s=60.0)) == ["implausible"]
    few = [(0, 1.0), (5, 90_000.0), (10, 90_001.0), (15, 90_002.0), (20, 90_003.0)]
    assert codes(read(few, rating_kw=None)) == []


def test_only_the_devices_own_time_counts():
    curve = read(steady(0, 60, 5000.0))
    before = slot_energy(curve, edges(4), (ALWAYS[0], us(20)))
    after = slot_energy(curve, edges(4), (us(20), ALWAYS[1]))
    assert before.value.tolist()[:2] == [3.0, 1.0]
    assert after.value.tolist()[1:] == [2.0, 3.0, 3.0]
    assert np.isnan(before.value[2:]).all()
    assert np.isnan(after.value[0])
    assert (before.coverage + after.coverage).tolist() == pytest.approx([1.0] * 4)


def test_silence_of_years_is_not_spread():
    curve = read([(0, 1.0), (5, 2.0), (401 * 1440, 90.0), (401 * 1440 + 5, 91.0)])
    assert codes(curve) == ["missing"]
    assert np.isnan(slot_energy(curve, edges(8), ALWAYS).value[1:]).all()


@pytest.mark.parametrize(("day", "slots"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 7, 1), 96)])
def test_a_local_day_holds_all_its_slots(day, slots):
    zone = ZoneInfo("Europe/Berlin")
    grid = grid_of(day, day, zone, datetime(2027, 1, 1, tzinfo=UTC))
    assert grid.size == grid.closed == slots
    first = datetime(day.year, day.month, day.day, tzinfo=zone)
    times = np.array([to_us(first.astimezone(UTC) + timedelta(minutes=5 * n)) for n in range(slots * 3 + 1)])
    curve = read_register(times, np.arange(len(times)) * 0.1, rating_kw=100.0, interval_s=300.0)
    energy = slot_energy(curve, grid.edges_us, ALWAYS)
    assert energy.value.sum() == pytest.approx(slots * 0.3)
    assert energy.coverage.min() == 1.0


# -- what holds for any readings

SPACINGS = st.lists(st.integers(1, 4000), min_size=2, max_size=60)


@st.composite
def torn_registers(draw):
    """A register of a 100 kW point with resets, replacements, dips, spikes, jitter, duplicates and gaps."""
    seconds = np.cumsum(draw(SPACINGS))
    shares = draw(st.lists(st.floats(0, 1), min_size=len(seconds), max_size=len(seconds)))
    spans = np.diff(seconds, prepend=0)
    shown = np.cumsum(np.round(np.array(shares) * 100_000 * spans / 3600)).astype(np.int64) + draw(
        st.sampled_from([0, 17, 5_000_000, 99_990_000_000])
    )
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(shown) - 1))
        kind = draw(st.sampled_from(["reset", "replace", "dip", "spike", "jitter", "fall"]))
        if kind == "reset":
            shown[at:] -= shown[at]
        elif kind == "replace":
            shown[at:] += draw(st.integers(-2_000_000, 50_000_000))
        elif kind == "dip":
            shown[at] = 0
        elif kind == "spike":
            shown[at] += 80_000_000
        elif kind == "jitter":
            shown[at] -= 1
        else:
            shown[at:] = shown[at:] // 2
    return seconds, np.maximum(shown, 0)


@given(torn_registers(), st.randoms(use_true_random=False), st.sampled_from([None, 100.0]))
@settings(max_examples=300, deadline=None)
def test_slots_and_events_make_up_the_register_to_the_watt_hour(register, random, rating_kw):
    seconds, shown = register
    order = list(range(len(seconds)))
    random.shuffle(order)
    order += order[:3]  # reordered, and some of them twice
    times = np.array([to_us(START) + int(seconds[k]) * 1_000_000 for k in order], dtype=np.int64)
    curve = read_register(times, shown[order] / 1000.0, rating_kw=rating_kw, interval_s=600.0)
    span = int(seconds[-1]) // 900 + 2
    slots = slot_energy(curve, edges(span), ALWAYS)
    last = int(np.flatnonzero(to_us(START) + seconds * 1_000_000 == curve.times_us[-1])[-1])

    wh = np.rint(slots.value[slots.known] * 1000).astype(int)
    assert wh.sum() == curve.count_wh[-1]
    raw = int(shown[last]) - int(shown[0])
    uncounted = sum(e.uncounted_wh for e in curve.events)
    jitter = raw - uncounted - int(curve.count_wh[-1])
    assert -(2 * 1000 + 2.4e-7 * shown.max()) <= jitter <= 0  # the display may end just below its high-water mark
    assert (wh >= 0).all()
    assert ((slots.coverage + slots.estimated) <= 1 + 1e-9).all()
    assert (slots.known == (slots.coverage + slots.estimated > 0)).all()


@given(torn_registers(), st.integers(1, 20))
@settings(max_examples=150, deadline=None)
def test_any_cut_of_the_time_telescopes(register, cut):
    seconds, shown = register
    times = to_us(START) + seconds.astype(np.int64) * 1_000_000
    curve = read_register(times, shown / 1000.0, rating_kw=100.0, interval_s=600.0)
    whole_edges = edges(60)
    whole = slot_energy(curve, whole_edges, ALWAYS)
    left = slot_energy(curve, whole_edges[: cut + 1], ALWAYS)
    right = slot_energy(curve, whole_edges[cut:], ALWAYS)
    np.testing.assert_array_equal(whole.value, np.concatenate([left.value, right.value]))


@given(torn_registers())
@settings(max_examples=150, deadline=None)
def test_where_the_count_began_does_not_matter(register):
    """A day is computed from whatever readings surround it; the watt-hours of its slots must not depend on them."""
    seconds, _ = register
    shown = np.cumsum(np.diff(seconds, prepend=0) * 25) // 3  # an honest meter
    times = to_us(START) + seconds.astype(np.int64) * 1_000_000
    whole = read_register(times, shown / 1000.0, rating_kw=100.0, interval_s=600.0)
    late = read_register(times[1:], shown[1:] / 1000.0, rating_kw=100.0, interval_s=600.0)
    inside = slot_energy(whole, edges(60), (int(times[1]), ALWAYS[1]))
    np.testing.assert_array_equal(inside.value, slot_energy(late, edges(60), ALWAYS).value)


@pytest.mark.parametrize(
    ("at", "by"), [([10, 50, 200], 3.0), ([10, 50, 200], -3.0), ([100, 101], 3.0), ([100, 101, 102], -3.0)]
)
def test_a_blip_the_rating_allows_is_no_energy(at, by):
    # Half a kWh every five minutes; 100 kW allow ten, so nothing tells a blip of three but that it is over.
    values = 1000.0 + 0.5 * np.arange(289)
    values[at] += by
    curve = read([(5 * n, v) for n, v in enumerate(values)])
    assert curve.count_wh[-1] == 144_000
    assert set(codes(curve)) - {"gap"} == {"spurious"}
    assert sum(e.left_out for e in curve.events) == len(at)


def test_a_fall_to_another_count_is_no_blip():
    values = 1000.0 + 0.5 * np.arange(289)
    values[100:] -= 800.0
    curve = read([(5 * n, v) for n, v in enumerate(values)])
    assert codes(curve) == ["replaced"]
    assert curve.count_wh[-1] == 143_500
