"""A short cut of the mutated payloads of `make torture`."""

from __future__ import annotations

import pytest

from ingest.templates import load_templates
from tests.torture import payloads

TEMPLATES = load_templates()


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_a_thousand_mutated_payloads_become_readings_or_a_reason(name: str) -> None:
    outcome = payloads.torture(TEMPLATES[name], 1000, seed=2)
    assert outcome.wrong == []
    assert outcome.payloads == 1000
    # The mutations reach both sides: a run that only ever fails to parse would test nothing.
    assert min(outcome.with_readings, outcome.with_reason) > 100
    assert outcome.json > 500 or TEMPLATES[name].messages[0].format != "json"


def test_mutations_are_the_same_with_the_same_seed() -> None:
    first, second = (payloads.torture(TEMPLATES["json"], 300, seed=3) for _ in range(2))
    assert first == second
