"""Which registers of a meter make its energy: total, tariffs or phases, and never two of these."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest

from core.park import DeviceAssignment, Point
from core.quantities import READING, Kind
from models.points import NEEDED, point_series
from models.samples import Samples
from models.series import grid_of, to_us
from models.tariffs import tariff_events

DAY = date(2026, 6, 10)
GRID = grid_of(DAY, DAY, UTC, datetime(2026, 6, 12, tzinfo=UTC))
TIMES = np.arange(to_us(GRID.start), to_us(GRID.end) + 1, 900_000_000, dtype=np.int64)
IMPORT, EXPORT = "energy_import_kwh", "energy_export_kwh"


def register(kwh_per_day: float, start: float = 1000.0, step: float = 0.01) -> Samples:
    shown = start + np.floor(np.linspace(0, kwh_per_day, len(TIMES)) / step + 1e-6) * step
    return Samples(TIMES, shown, np.zeros(len(TIMES), dtype=bool))


def point(**terms: object) -> Point:
    device = DeviceAssignment(id="m", template="json", rating_kw=100.0, interval_s=900.0, **terms)
    return Point(id="hall", role="load", name="Hall", devices=(device,))


def imported(own: dict[tuple[str, str], Samples], **terms: object) -> float:
    series = point_series(point(**terms), {"m": own}, GRID).imported
    return round(float(series.value.sum()), 3)


def test_the_total_counts_and_tariffs_and_phases_only_split_it():
    tariffs = {(IMPORT, f"t{n}"): register(kwh) for n, kwh in enumerate((10.0, 20.0, 30.0, 40.0), 1)}
    phases = {(IMPORT, f"l{n}"): register(kwh) for n, kwh in enumerate((50.0, 30.0, 25.0), 1)}
    assert imported({(IMPORT, ""): register(101.0), **tariffs, **phases}) == 101.0
    assert imported(tariffs) == 100.0
    assert imported(phases) == 105.0  # each phase on its own: more than a meter that nets them
    assert imported({**tariffs, **phases}) == 100.0


def test_phases_that_feed_in_count_as_export_of_their_own():
    own = {(IMPORT, "l1"): register(24.0), (IMPORT, "l2"): register(24.0), (EXPORT, "l3"): register(12.0)}
    series = point_series(point(netting="phases"), {"m": own}, GRID)
    assert (round(series.imported.value.sum(), 3), round(series.exported.value.sum(), 3)) == (48.0, 12.0)


@pytest.mark.parametrize(
    ("total", "step", "told"), [(100.0, 0.01, []), (100.4, 0.01, []), (103.0, 1.0, []), (103.0, 0.01, [-3.0])]
)
def test_tariffs_that_differ_from_the_total_beyond_rounding_are_an_event(total, step, told):
    own = {(IMPORT, f"t{n}"): register(25.0, step=step) for n in range(1, 5)}
    own[IMPORT, ""] = register(total, 9000.0, step)
    found = tariff_events(point(), {"m": own}, GRID)
    assert [(e.code, round(float(e.params["energy"]), 2)) for e in found] == [("tariff_mismatch", e) for e in told]


def test_a_tariff_register_that_is_reset_is_no_mismatch():
    own = {(IMPORT, f"t{n}"): register(50.0) for n in (1, 2)} | {(IMPORT, ""): register(100.0)}
    broken = own[IMPORT, "t2"].readings.copy()
    broken[40:] -= broken[40]
    own[IMPORT, "t2"] = Samples(TIMES, broken, own[IMPORT, "t2"].uncertain)
    assert tariff_events(point(), {"m": own}, GRID) == []


def test_reactive_and_apparent_energy_is_kept_and_never_counted():
    others = [q.name for q in READING.values() if q.kind is Kind.REGISTER and q.unit != "kWh"]
    assert [n.removeprefix("energy_") for n in others] == [
        "reactive_import_kvarh", "reactive_export_kvarh", "reactive_q1_kvarh", "reactive_q2_kvarh",
        "reactive_q3_kvarh", "reactive_q4_kvarh", "apparent_kvah",
    ]  # fmt: skip
    assert set(others).isdisjoint(NEEDED)
    own = {(name, ""): register(70.0) for name in others}
    assert point_series(point(), {"m": own}, GRID).imported.known.sum() == 0
    assert imported({(IMPORT, ""): register(96.0), **own}) == 96.0


def test_a_declared_rollover_is_no_reset():
    shown = (990.0 + np.linspace(0, 48.0, len(TIMES))) % 1000.0
    own = {(IMPORT, ""): Samples(TIMES, np.round(shown, 2), np.zeros(len(TIMES), dtype=bool))}
    declared = point_series(point(rollover_kwh=1000.0), {"m": own}, GRID)
    assert [e.code for e in declared.events] == ["rollover"]
    assert round(float(declared.imported.value.sum()), 3) == 48.0
    assert [e.code for e in point_series(point(), {"m": own}, GRID).events] == ["reset"]


def test_a_ratio_that_changes_at_noon_multiplies_what_came_after():
    noon = datetime(2026, 6, 10, 12, 7, tzinfo=UTC)  # between two readings, inside a slot
    terms = {"id": "m", "template": "json", "rating_kw": 100.0, "interval_s": 900.0}
    devices = (DeviceAssignment(**terms, valid_to=noon), DeviceAssignment(**terms, ratio=40.0, valid_from=noon))
    both = Point(id="hall", role="load", name="Hall", devices=devices)
    own = {"m": {(IMPORT, ""): register(24.0)}}  # 1 kW before the ratio
    series = point_series(both, own, GRID)
    before, after = 12.117, 24.0 - 12.117  # the count at 12:07, to the watt-hour
    assert float(series.imported.value.sum()) == pytest.approx(before + 40 * after)
    assert series.imported.coverage.tolist() == pytest.approx([1.0] * 96)
    assert series.events == ()
