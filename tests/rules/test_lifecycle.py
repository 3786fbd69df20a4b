from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.store import AlertRecord
from rules.lifecycle import MISSING, Observation, Terms, step

START = datetime(2026, 11, 13, 16, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ON = Observation(active=True, value=1.0)
OFF = Observation(active=False, value=0.0)
TIMES = ("active_at", "fired_at", "resolved_at", "last_sent_at", "keep_firing_since")


def terms(**changes: object) -> Terms:
    return Terms("r", "e", "warning", **changes)


def run(seen: list[Observation], t: Terms, reload: bool = False) -> list[str]:
    alert = None
    states = []
    for n, observation in enumerate(seen):
        alert = step(alert, observation, START + n * MINUTE, t)
        states.append(alert.state if alert else "-")
        if reload and alert:
            alert = reloaded(alert)
    return states


def reloaded(alert: AlertRecord) -> AlertRecord:
    text = json.dumps(asdict(alert), default=lambda t: t.isoformat())
    row = {k: datetime.fromisoformat(v) if k in TIMES and v else v for k, v in json.loads(text).items()}
    return AlertRecord(**row)


def test_without_for_it_fires_at_once() -> None:
    assert run([OFF, ON, ON, OFF, OFF], terms()) == ["-", "firing", "firing", "resolved", "-"]


def test_for_is_waited_out_and_a_break_starts_it_anew() -> None:
    t = terms(holds_for=2 * MINUTE)
    assert run([ON, ON, OFF, ON, ON, ON, ON], t) == [
        "pending",
        "pending",
        "-",
        "pending",
        "pending",
        "firing",
        "firing",
    ]


def test_keep_firing_for_bridges_a_short_recovery() -> None:
    t = terms(keep_firing_for=2 * MINUTE)
    assert run([ON, OFF, ON, OFF, OFF, OFF, OFF], t) == [
        "firing",
        "firing",
        "firing",
        "firing",
        "firing",
        "resolved",
        "-",
    ]


@pytest.mark.parametrize(
    ("on_missing", "expected"),
    [
        ("hold", ["-", "firing", "firing", "firing"]),
        ("alert", ["firing", "firing", "firing", "firing"]),
        ("clear", ["-", "firing", "resolved", "-"]),
    ],
)
def test_missing_data_means_what_the_rule_says(on_missing: str, expected: list[str]) -> None:
    assert run([MISSING, ON, MISSING, MISSING], terms(on_missing=on_missing)) == expected


def test_the_beginning_is_dated_by_the_data_and_never_in_the_future() -> None:
    began = START - timedelta(days=9)
    alert = step(None, Observation(active=True, since=began), START, terms(holds_for=timedelta(days=1)))
    assert (alert.state, alert.active_at, alert.fired_at) == ("firing", began, START)
    later = step(None, Observation(active=True, since=START + MINUTE), START, terms())
    assert later.active_at == START


def test_what_was_known_stays_known_and_is_refreshed() -> None:
    first = step(None, Observation(active=True, value=3.0, params={"day": "a", "kwh": 1.0}), START, terms())
    second = step(first, Observation(active=True, severity="critical", params={"kwh": 2.0}), START + MINUTE, terms())
    assert (second.value, second.severity, second.params) == (3.0, "critical", {"day": "a", "kwh": 2.0})
    held = step(second, MISSING, START + 2 * MINUTE, terms())
    assert held == second
    gone = step(second, Observation(active=False), START + 3 * MINUTE, terms())
    assert (gone.state, gone.resolved_at, gone.params) == ("resolved", START + 3 * MINUTE, {"day": "a", "kwh": 2.0})


SEEN = st.lists(st.sampled_from([ON, OFF, MISSING]), max_size=40)
MINUTES = st.integers(0, 6).map(lambda n: n * MINUTE)


@given(SEEN, MINUTES, MINUTES)
def test_missing_data_never_resolve_a_held_alert(seen: list[Observation], holds: timedelta, keep: timedelta) -> None:
    t = terms(holds_for=holds, keep_firing_for=keep)
    alert = None
    for n, observation in enumerate(seen):
        before = alert
        alert = step(alert, observation, START + n * MINUTE, t)
        if observation is MISSING and before is not None and before.state != "resolved":
            assert alert == before


@given(SEEN, MINUTES, MINUTES, st.sampled_from(["hold", "alert", "clear"]))
def test_a_restart_changes_nothing(seen: list[Observation], holds: timedelta, keep: timedelta, on_missing: str) -> None:
    t = terms(holds_for=holds, keep_firing_for=keep, on_missing=on_missing)
    assert run(seen, t, reload=True) == run(seen, t)


@given(SEEN, MINUTES, MINUTES, st.sampled_from(["hold", "alert", "clear"]))
def test_nothing_fires_before_its_time(
    seen: list[Observation], holds: timedelta, keep: timedelta, on_missing: str
) -> None:
    t = terms(holds_for=holds, keep_firing_for=keep, on_missing=on_missing)
    alert = None
    for n, observation in enumerate(seen):
        alert = step(alert, observation, START + n * MINUTE, t)
        if alert is not None and alert.state == "firing":
            assert alert.fired_at - alert.active_at >= holds
            assert alert.fired_at <= START + n * MINUTE
