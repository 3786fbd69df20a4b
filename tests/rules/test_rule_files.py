from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from rules.library_file import library_rules, load_rules
from rules.rule import Rule
from rules.threshold import Threshold

TEXT = {"title": "t", "detail": "d", "advice": "a", "resolved": "r"}
OWN = {
    "id": "own",
    "severity": "info",
    "watch": {"kind": "threshold", "scope": "park", "quantity": "load_kwh", "above": 1},
    "text": TEXT,
}


def problems(world_park) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_rules(world_park)
    return [str(p) for p in caught.value.problems]


def test_the_library_is_on_unless_switched_off(make_world) -> None:
    every = {r.id for r in library_rules()}
    assert every >= {"deficit_day", "self_sufficiency_month", "pv_below_expectation", "meter_silent", "meter_replaced"}
    assert {r.id for r in load_rules(make_world().park)} == every
    park = make_world(rules={"disable": ["deficit_day"]}).park
    assert {r.id for r in load_rules(park)} == every - {"deficit_day"}


def test_parameters_come_from_the_park_and_must_exist(make_world) -> None:
    park = make_world(rules={"params": {"pv_below_expectation": {"drop": 0.08, "days": 4}}}).park
    (rule,) = [r for r in load_rules(park) if r.id == "pv_below_expectation"]
    assert (rule.watch.drop, rule.watch.days, rule.watch.low) == (0.08, 4, 0.90)
    wrong = {"deficit_day": {"margin": 3.0, "margin_share": 7.0}, "defict_day": {"a": 1.0}}
    found = problems(make_world(rules={"params": wrong, "disable": ["nothing"]}).park)
    assert any("deficit_day.margin: is not a parameter of this rule (it has margin_share" in p for p in found)
    assert any("deficit_day.margin_share" in p and "less than or equal to 1" in p for p in found)
    assert any(p.startswith("rules.params: there is no rule defict_day") for p in found)
    assert any(p.startswith("rules.disable: there is no rule nothing") for p in found)


def test_faults_of_a_file_are_named_with_their_place(make_world, tmp_path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("rules:\n  - {id: deficit_day, severity: loud}\n")
    broken = tmp_path / "broken.yaml"
    broken.write_text("rules: [\n")
    other = tmp_path / "other.yaml"
    other.write_text("- a\n")
    files = [str(p) for p in (bad, broken, other, tmp_path / "none.yaml")]
    found = problems(make_world(rules={"files": files}).park)
    assert any("bad.yaml: deficit_day.severity" in p for p in found)
    assert any("broken.yaml" in p and p.startswith("line ") for p in found)
    assert any("other.yaml: must hold a list of rules (start it with `rules:`)" in p for p in found)
    assert any("none.yaml" in p for p in found)


def test_an_id_is_used_once(make_world, tmp_path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("rules:\n  - " + str({**OWN, "id": "deficit_day"}) + "\n")
    assert any(
        "the rule id deficit_day is used twice" in p for p in problems(make_world(rules={"files": [str(own)]}).park)
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [("30min", timedelta(minutes=30)), ("2 h", timedelta(hours=2)), ("3d", timedelta(days=3)), (0, timedelta(0))],
)
def test_durations_are_written_with_their_unit(written: object, expected: timedelta) -> None:
    assert Rule.model_validate({**OWN, "for": written}).holds_for == expected


def test_a_duration_without_unit_is_refused() -> None:
    with pytest.raises(ValidationError, match="30min, 2h or 3d"):
        Rule.model_validate({**OWN, "for": 30})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"quantity": "lod_kwh"}, "no derived quantity"),
        ({"below": 2.0}, "either below or above"),
        ({"clear": 2.0}, "wrong side"),
    ],
)
def test_a_threshold_that_makes_no_sense_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Threshold.model_validate({**OWN["watch"], **changes})
