"""How often the string rule is right and wrong on seeded, noisy years; the table is in rules/README.md.

Daily indices scatter by `scatter` with heavy tails (Student t, 4 degrees of freedom), twice as much on days below
2 kWh/m2, and by 1 % in common; each array has a model bias of its own of 3 % (standard deviations).
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from core.store import AlertRecord
from rules.facts import Facts, day_table, judged_at
from rules.library_file import library_rules
from rules.replay import replayed

START = date(2026, 1, 1)
FAULT_AFTER = 45
(RULE,) = [r for r in library_rules() if r.id == "pv_below_expectation"]


def run(world, draw: np.random.Generator, days: int, scatter: float, depth=lambda _: 0.0) -> list[AlertRecord]:
    bias = {a.id: draw.normal(1.0, 0.03) for a in world.park.arrays}
    for n in range(days):
        sun = float(np.clip(draw.gamma(3.0, 1.1), 0.2, 6.5))
        dim = 1.0 if sun > 2 else 2.0
        common = draw.normal(0.0, 0.01 * dim)
        for array, usual in bias.items():
            index = usual * (1 + common + draw.standard_t(4) / np.sqrt(2) * scatter * dim)
            lost = depth(n) if array == "roof-a" else 0.0
            world.store.array(array, START + timedelta(days=n), index * (1 - lost), sun)
    last = START + timedelta(days=days - 1)
    table = day_table(world.park, world.store, START, last, RULE.watch.quantities())
    facts = Facts(park=world.park, days=table)
    return replayed([RULE], facts, judged_at(START, world.park.zone), judged_at(last, world.park.zone))


@pytest.mark.parametrize(("scatter", "expected"), [(0.015, 0), (0.025, 1)])
def test_false_alarms_in_eight_array_years(make_world, scatter: float, expected: int) -> None:
    draw = np.random.default_rng(1)
    assert sum(len(run(make_world(), draw, 365, scatter)) for _ in range(4)) == expected


@pytest.mark.parametrize(("scatter", "expected"), [(0.015, (20, 20)), (0.025, (20, 18))])
def test_a_string_of_ten_within_a_week_and_dated_to_the_day(make_world, scatter: float, expected: object) -> None:
    draw = np.random.default_rng(2)
    found = dated = 0
    for _ in range(20):
        world = make_world()
        alerts = run(world, draw, FAULT_AFTER + 7, scatter, lambda n: 0.10 if n >= FAULT_AFTER else 0.0)
        begun = [
            (a.active_at.astimezone(world.park.zone).date() - START).days - FAULT_AFTER
            for a in alerts
            if a.entity == "roof-a" and a.state == "firing"
        ]
        found += bool(begun)
        dated += any(abs(n) <= 1 for n in begun)
    assert (found, dated) == expected


@pytest.mark.parametrize(("scatter", "expected"), [(0.015, 1), (0.025, 2)])
def test_dirt_of_three_per_mille_a_day_for_twenty_days(make_world, scatter: float, expected: int) -> None:
    draw = np.random.default_rng(3)
    fired = 0
    for _ in range(20):
        alerts = run(make_world(), draw, FAULT_AFTER + 20, scatter, lambda n: 0.003 * max(0, n - FAULT_AFTER))
        # An array whose model is too high passes 0.90 on the way; that is no fall against its own past.
        fired += any(a.entity == "roof-a" and a.state == "firing" and a.params["reference_index"] != 1 for a in alerts)
    assert fired == expected
