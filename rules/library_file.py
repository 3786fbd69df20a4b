"""Reading rule files: the library, the park's own, and the park's parameters over both."""

from __future__ import annotations

from importlib import resources
from typing import Any

import yaml
from pydantic import ValidationError

from core.errors import ConfigError, Problem
from core.park import Park
from rules.rule import Rule


def load_rules(park: Park) -> tuple[Rule, ...]:
    """Return the rules that are on for a park. Raises ConfigError with every problem found."""
    return tuple(r for r in all_rules(park) if r.id not in park.rules.disable)


def all_rules(park: Park) -> tuple[Rule, ...]:
    """Return every rule a park knows, also those switched off: their past alerts still need words."""
    sources = [(f.name, f.read_text(encoding="utf-8")) for f in _library()]
    problems: list[Problem] = []
    for path in park.rules.files:
        try:
            sources.append((str(path), path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem("rules.files", f"cannot read {path}: {error}"))
    rules: dict[str, Rule] = {}
    for name, text in sources:
        for raw in _entries(name, text, problems):
            rule = _rule(raw, name, park, problems)
            if rule and rule.id in rules:
                problems.append(Problem(name, f"the rule id {rule.id} is used twice", "every id is used once"))
            elif rule:
                rules[rule.id] = rule
    problems += _unknown_ids(park, rules)
    if problems:
        raise ConfigError(problems)
    return tuple(rules.values())


def library_rules() -> tuple[Rule, ...]:
    """Return the library as shipped."""
    problems: list[Problem] = []
    raws = [raw for f in _library() for raw in _entries(f.name, f.read_text(encoding="utf-8"), problems)]
    return tuple(Rule.model_validate(raw) for raw in raws)


def _library() -> list[Any]:  # Any: importlib's Traversable
    folder = resources.files("rules").joinpath("library")
    return sorted((f for f in folder.iterdir() if f.name.endswith(".yaml")), key=lambda f: f.name)


def _entries(name: str, text: str, problems: list[Problem]) -> list[dict[str, Any]]:  # Any: a YAML document
    try:
        document = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        problems.append(Problem(name, error.problem or "is not valid YAML", "check the indentation", line))
        return []
    entries = document.get("rules") if isinstance(document, dict) else None
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        problems.append(Problem(name, "must hold a list of rules", "start it with `rules:`"))
        return []
    return entries


def _rule(raw: dict[str, Any], name: str, park: Park, problems: list[Problem]) -> Rule | None:
    rule_id = str(raw.get("id", "?"))
    try:
        Rule.model_validate(raw)
    except ValidationError as error:
        problems += [Problem(f"{name}: {rule_id}.{_place(e['loc'])}", e["msg"]) for e in error.errors()]
        return None
    changed = {**raw, "watch": {**raw["watch"], **park.rules.params.get(rule_id, {})}}
    try:
        return Rule.model_validate(changed)
    except ValidationError as error:
        for e in error.errors():
            unknown = e["type"] == "extra_forbidden"
            known = ", ".join(_numbers(raw))
            problems.append(
                Problem(
                    f"rules.params.{rule_id}.{e['loc'][-1]}",
                    "is not a parameter of this rule" if unknown else e["msg"],
                    f"it has {known}" if unknown else "",
                )
            )
        return None


def _numbers(raw: dict[str, Any]) -> list[str]:
    watch = Rule.model_validate(raw).watch
    return [n for n, v in watch.model_dump().items() if isinstance(v, int | float) and not isinstance(v, bool)]


def _place(location: tuple[int | str, ...]) -> str:
    return ".".join(str(part) for part in location)


def _unknown_ids(park: Park, rules: dict[str, Rule]) -> list[Problem]:
    named = [("rules.disable", i) for i in park.rules.disable] + [("rules.params", i) for i in park.rules.params]
    hint = f"rules are {', '.join(sorted(rules))}"
    return [Problem(where, f"there is no rule {i}", hint) for where, i in named if i not in rules]
