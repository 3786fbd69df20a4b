"""What a park with many loads, arrays and meters is shown: the same figures, the worst first, the rest on request."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest

from core.quantities import Period
from core.text import Language
from core.timebase import SLOT, day_bounds, day_of
from dashboards.views import Habits, habits, multiples, overview, quality


@pytest.fixture
def park(lakeside):
    return lakeside


@pytest.fixture
def seen(park, store, state, now):
    def _seen(**more):
        return overview(park, store, state, now, Language.EN, lambda *_: pytest.fail("no alert speaks here"), **more)

    state.open.clear()
    return _seen


def one_by_one(park, store, now, point):
    """Add up what is usual in plain loops, as it is defined."""
    today = day_of(now, park.zone)
    start, end = day_bounds(today, park.zone)
    means = []
    for n in range((end - start) // SLOT):
        known = []
        for back in range(1, 15):
            day = today - timedelta(days=back)
            if (day.weekday() >= 5) != (today.weekday() >= 5):
                continue
            at = day_bounds(day, park.zone)[0] + n * SLOT
            rows = store.slots(Period.SLOT, at, at + SLOT, scope="point", entities=[point], quantities=["load_kwh"])
            known += [v for v in rows["value"] if math.isfinite(v)]
        means.append(sum(known) / len(known) if len(known) >= 3 else math.nan)
    return means


def test_what_is_usual_is_what_plain_loops_find(park, store, now):
    loads = Habits().loads(park, store, now)
    assert list(loads.ids) == [p.id for p in park.top_loads()]
    for point in ("bldg-lab", "smart-poles"):
        found = loads.usual[loads.ids.index(point)]
        np.testing.assert_allclose(found, one_by_one(park, store, now, point), rtol=1e-12)


@pytest.mark.parametrize("rows", [1, 2000, 10**9])
def test_reading_a_few_days_at_a_time_changes_nothing(park, store, now, monkeypatch, rows):
    whole = Habits().loads(park, store, now)
    monkeypatch.setattr(habits, "ROWS_PER_READ", rows)
    parts = Habits().loads(park, store, now)
    np.testing.assert_allclose(parts.usual, whole.usual, rtol=1e-12)
    np.testing.assert_array_equal(parts.today, whole.today)


def test_a_day_on_which_clocks_change_has_slots_of_its_own(park, store, now):
    berlin = type(park).model_validate(park.model_dump(exclude={"carbon"}) | {"timezone": "Europe/Berlin"})
    loads = Habits().loads(berlin, store, now.replace(month=10, day=25))
    assert loads.today.shape[1] == loads.usual.shape[1] == 100


def test_what_is_usual_is_kept_for_minutes_and_not_for_another_day(seen, park, store, now):
    kept = Habits()
    counts = []
    for _ in range(2):
        store.calls = 0
        seen(habits=kept)
        counts.append(store.calls)
    store.calls = 0
    kept.forget()
    seen(habits=kept)
    counts.append(store.calls)
    store.calls = 0
    kept.loads(park, store, now + timedelta(minutes=11))
    kept.loads(park, store, now + timedelta(days=1))
    assert (counts, store.calls) == ([6, 5, 6], 4)


def test_of_many_the_worst_are_shown_and_how_many_there_are_besides(seen, monkeypatch):
    whole = seen()
    assert (whole["buildings"]["more"], whole["arrays"]["more_text"]) == (0, None)
    monkeypatch.setattr(multiples, "SHOWN", 2)
    monkeypatch.setattr(quality, "METERS_SHOWN", 3)
    few, everything = seen(), seen(everything=True)
    for part in ("buildings", "arrays"):
        assert few[part]["items"] == whole[part]["items"][:2]
        assert everything[part] == whole[part]
    assert (few["buildings"]["more"], few["buildings"]["more_text"]) == (
        len(whole["buildings"]["items"]) - 2,
        f"{len(whole['buildings']['items']) - 2} more, closer to where they should be",
    )
    meters = whole["coverage"]["meters"]
    least = sorted(m["mean"] for m in meters if m["mean"] is not None)[:3]
    assert [m["mean"] for m in few["coverage"]["meters"]] == least
    assert few["coverage"]["more"] == len(meters) - 3
    assert everything["coverage"] == whole["coverage"]


def test_a_park_without_loads_has_none(park, store, now):
    bare = park.model_copy(update={"points": tuple(p for p in park.points if p.role != "load")})
    assert Habits().loads(bare, store, now).ids == ()
