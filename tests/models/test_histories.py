"""A short cut of the random register histories; `make torture ARGS=histories` is the whole run."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.torture import histories


def test_every_kind_of_fault_is_accounted_for() -> None:
    tallies = histories.tallied(10 * len(histories.FAULTS), seed=7)
    assert [line for t in tallies.values() for line in t.shown] == []
    told = {kind: t.events for kind, t in tallies.items()}
    assert {k: told[k] for k in ("none", "gap", "jitter", "duplicate", "reorder", "1 kWh display")} == dict.fromkeys(
        ("none", "gap", "jitter", "duplicate", "reorder", "1 kWh display"), 0
    )
    assert {
        k: told[k] for k in ("dip", "spike", "reset", "replaced", "jump that stays", "32-bit wrap")
    } == dict.fromkeys(("dip", "spike", "reset", "replaced", "jump that stays", "32-bit wrap"), 10)


@pytest.mark.parametrize("kind", list(histories.FAULTS))
@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_any_history_is_accounted_for(kind: str, seed: int) -> None:
    assert histories.one(kind, seed, 0)[1] == []
