"""Putting on record what people do with alerts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.errors import ConfigError
from core.handled import Handled, handled, of
from core.handling import Act, ActKind, AskedAct, AskedEnd, AskedSilence, Ended, Silence, placed, read
from core.store import AlertFilter, AlertRecord
from rules.words import rule_names
from service.access import Who
from service.runner import Runtime

Given = Mapping[str, Any]  # Any: JSON, checked by core.handling
NAMED = {"session", "token"}  # the page and the commands of this machine have no name of their own


def signed(who: Who, given: str | None) -> str:
    """Return who is to be named as author: a user by its own name, else who says to have written it."""
    if who.how in NAMED:
        return who.name
    if given is None and who.how == "page":
        raise ConfigError("author: say who you are")
    return given or who.name


def act(runtime: Runtime, who: Who, kind: ActKind, given: Given) -> Act:
    """Acknowledge an alert, take that back, or comment on it. Raises ConfigError where it cannot be."""
    asked = read(AskedAct, given)
    now = runtime.clock.now()
    alert, standing = _found(runtime, asked)
    if kind is ActKind.COMMENT and not asked.text:
        raise ConfigError("text: a comment says something")
    if kind is ActKind.ACK and alert.state != "firing":
        raise ConfigError("this alert is over: there is nothing to acknowledge", "look at the list again")
    if kind is ActKind.ACK and standing.acknowledged:
        raise ConfigError(f"{standing.acknowledged.author} has acknowledged it already")
    if kind is ActKind.UNACK and not standing.acknowledged:
        raise ConfigError("nobody has acknowledged this alert")
    author = signed(who, asked.author)
    made = Act(alert.fingerprint, alert.active_at, kind, now, author, asked.text, alert.severity)
    return runtime.state.add_act(made)


def _found(runtime: Runtime, asked: AskedAct) -> tuple[AlertRecord, Handled]:
    rule, _, entity = asked.fingerprint.partition("/")
    wanted = AlertFilter(start=asked.active_at, rule=rule, entity=entity)
    lives = [
        a
        for a in runtime.state.alert_history(wanted, _MANY)
        if (a.fingerprint, a.active_at) == (asked.fingerprint, asked.active_at)
    ]
    if not lives:
        raise ConfigError("there is no such alert", "look at the list again: it may have begun anew")
    return lives[0], of(lives[0], handled(runtime.state, lives, runtime.clock.now()))


_MANY = 10_000


def silence(runtime: Runtime, who: Who, given: Given) -> Silence:
    """Keep alerts quiet for a time. Raises ConfigError where it cannot be."""
    asked = read(AskedSilence, given)
    if asked.rule is not None and asked.rule not in rule_names(runtime.park):
        raise ConfigError(f"rule: this park has no rule {asked.rule}")
    if asked.entity is not None and asked.entity not in entities(runtime):
        raise ConfigError("entity: this park has no point or array of that name")
    made = placed(asked, signed(who, asked.author), runtime.park, runtime.clock.now())
    return runtime.state.add_silence(made)


def end_silence(runtime: Runtime, who: Who, number: int, given: Given) -> Silence:
    """End a silence before its time. Raises ConfigError where there is none or it is over."""
    asked = read(AskedEnd, given)
    ended = Ended(runtime.clock.now(), signed(who, asked.author), asked.reason)
    return runtime.state.end_silence(number, ended)


def entities(runtime: Runtime) -> list[str]:
    """Return what an alert may be about: the park, its points and arrays, and whatever an open alert names."""
    park = runtime.park
    known = [park.id, *(p.id for p in park.points), *(a.id for a in park.arrays)]
    return list(dict.fromkeys([*known, *(a.entity for a in runtime.state.alerts())]))
