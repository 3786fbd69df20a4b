"""Inverters whose faults somebody labelled: what the checks of meters tell of them, and nothing else."""

from __future__ import annotations

import pytest

from tests import labelled


def test_every_stretch_that_stands_still_is_told_and_nothing_else():
    found = labelled.marked("stale")
    print(f"\nprecision {found.precision():.2f}, recall {found.recall(by_day=True):.2f} by daylight")
    assert (found.caught, found.episodes) == (3, 3)
    assert found.precision() == 1.0
    assert found.recall(by_day=True) == pytest.approx(0.95, abs=0.01)


def test_what_is_told_of_single_values_is_right():
    """Five of the six are within one and a half times the rating, and no value alone says more."""
    found = labelled.marked("outliers")
    assert found.precision() == 1.0
    assert (found.caught, found.episodes) == (1, 6)
