"""Who is told what while people look after alerts: silences, acknowledgements, restarts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import Retryable
from core.handled import handled, of
from core.handling import Act, ActKind, Ended, Silence
from core.store import AlertRecord
from rules.lifecycle import AlertState
from rules.notify.notice import Notice
from rules.notify.pipeline import Notifier
from tests.rules.conftest import World, make_park

NOW = datetime(2026, 11, 16, 23, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PARK = make_park(receivers=[{"id": "log", "kind": "log", "language": "en"}])


class Desk:
    """A world whose one receiver keeps what it is told; it may fail."""

    def __init__(self) -> None:
        self.world = World(PARK)
        self.state = self.world.state
        self.got: list[list[tuple[str, str]]] = []
        self.fails = False
        self.start()

    def start(self) -> None:
        self.notifier = Notifier(self.world.park, self.state)
        for line in self.notifier._lines:
            line._sender = self

    def send(self, notice: Notice) -> None:
        if self.fails:
            raise Retryable("not now")
        self.got.append([(t.alert.entity, t.why) for t in notice.told])

    def at(self, hours: float) -> list[tuple[str, str]]:
        before = len(self.got)
        self.notifier.send(NOW + hours * HOUR)
        return [told for notice in self.got[before:] for told in notice]

    def fire(self, entity: str = "pv-a", severity: str = "warning", hours: float = 0) -> AlertRecord:
        at = NOW + hours * HOUR
        alert = AlertRecord(
            f"meter_silent/{entity}", "meter_silent", entity, severity, "firing", at, at,
            params={"since_at": at.isoformat(), "silent_minutes": 40.0, "device": "x"},
        )  # fmt: skip
        self.state.save_alerts([alert])
        return alert

    def resolve(self, alert: AlertRecord, hours: float) -> None:
        self.state.save_alerts([replace(alert, state="resolved", resolved_at=NOW + hours * HOUR)])

    def silence(self, start: float, end: float, rule: str | None = None, entity: str | None = None) -> None:
        times = (NOW + start * HOUR, NOW + end * HOUR)
        self.state.quiet.append(Silence(rule, entity, *times, times[0], "Li Wei", "inverter is being changed"))

    def act(self, alert: AlertRecord, kind: ActKind = ActKind.ACK, hours: float = 0) -> None:
        at = NOW + hours * HOUR
        self.state.add_act(Act(alert.fingerprint, alert.active_at, kind, at, "Li Wei", "on it", alert.severity))


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_silenced_alert_is_told_once_when_the_silence_ends(desk: Desk) -> None:
    desk.silence(-1, 5, entity="pv-a")
    desk.fire("pv-a")
    desk.fire("grid")
    assert [desk.at(h) for h in (0, 4.9, 5, 6)] == [[("grid", "new")], [], [("pv-a", "new")], []]


def test_what_was_told_before_a_silence_is_told_once_more_after_it(desk: Desk) -> None:
    desk.fire("pv-a")
    assert desk.at(0) == [("pv-a", "new")]
    desk.silence(1, 60, rule="meter_silent")
    assert [desk.at(h) for h in (1, 25, 49, 59.9)] == [[], [], [], []]
    desk.start()
    assert [desk.at(h) for h in (60, 61)] == [[("pv-a", "repeat")], []]


def test_what_ended_under_a_silence_is_told_to_those_who_knew_when_the_silence_ends(desk: Desk) -> None:
    known = desk.fire("pv-a")
    desk.at(0)
    desk.silence(1, 5)  # of everything: only a test can write it
    unknown = desk.fire("pv-b", hours=1)
    assert desk.at(1) == []
    desk.resolve(known, 2)
    desk.resolve(unknown, 2)
    assert desk.at(2) == []
    desk.start()
    assert [desk.at(h) for h in (5, 6)] == [[("pv-a", "resolved")], []]


def test_what_began_anew_under_a_silence_is_new_after_it(desk: Desk) -> None:
    first = desk.fire("pv-a")
    desk.at(0)
    desk.silence(1, 5, entity="pv-a")
    desk.at(1)
    desk.resolve(first, 2)
    desk.at(2)
    desk.fire("pv-a", hours=3)
    assert [desk.at(h) for h in (3, 5, 6)] == [[], [("pv-a", "new")], []]


def test_worse_under_a_silence_waits_for_its_end_and_an_ended_silence_counts_at_once(desk: Desk) -> None:
    alert = desk.fire("pv-a")
    desk.at(0)
    desk.silence(1, 20, entity="pv-a")
    desk.at(1)
    desk.state.save_alerts([replace(alert, severity="critical")])
    assert desk.at(2) == []
    desk.state.quiet[0] = replace(desk.state.quiet[0], ended=Ended(NOW + 3 * HOUR, "Ann", "done early"))
    assert desk.at(3) == [("pv-a", "worse")]


def test_an_acknowledged_alert_is_not_repeated_but_its_end_is_told(desk: Desk) -> None:
    alert = desk.fire("pv-a")
    desk.fire("pv-b")
    desk.at(0)
    desk.act(alert, hours=1)
    assert [desk.at(h) for h in (24, 48)] == [[("pv-b", "repeat")], [("pv-b", "repeat")]]
    desk.resolve(alert, 49)
    assert desk.at(49) == [("pv-a", "resolved")]
    desk.fire("pv-a", hours=50)
    assert desk.at(50) == [("pv-a", "new")]
    assert desk.at(72) == [("pv-b", "repeat"), ("pv-a", "repeat")]  # a new life is nobody's yet


def test_who_was_never_told_is_told_of_an_acknowledged_alert_too(desk: Desk) -> None:
    desk.act(desk.fire("pv-a"))
    assert [desk.at(h) for h in (0, 24)] == [[("pv-a", "new")], []]


def test_taking_back_an_acknowledgement_brings_the_repeats_back(desk: Desk) -> None:
    alert = desk.fire("pv-a")
    desk.at(0)
    desk.act(alert, hours=1)
    assert desk.at(24) == []
    desk.act(alert, ActKind.UNACK, 25)
    assert desk.at(25) == [("pv-a", "repeat")]


def test_a_graver_alert_breaks_an_acknowledgement_for_good(desk: Desk) -> None:
    alert = desk.fire("pv-a")
    desk.at(0)
    desk.act(alert, hours=1)
    desk.state.save_alerts([replace(alert, severity="critical")])
    assert desk.at(2) == [("pv-a", "worse")]
    desk.state.save_alerts([alert])
    assert of(alert, handled(desk.state, [alert], NOW + 3 * HOUR)).acknowledged is None
    assert desk.at(26) == [("pv-a", "repeat")]
    assert [a.kind for a in desk.state.done] == [ActKind.ACK, ActKind.BROKEN]


def test_a_silence_that_passes_while_the_receiver_is_down_is_not_forgotten(desk: Desk) -> None:
    desk.fire("pv-a")
    desk.at(0)
    desk.fails = True
    desk.fire("pv-b")
    desk.at(0.5)
    desk.silence(0.6, 0.7, entity="pv-a")
    desk.at(0.65)
    desk.fails = False
    assert desk.at(2) == [("pv-a", "repeat"), ("pv-b", "new")]


# -- whatever happens in whatever order

ENTITIES = ("pv-a", "pv-b")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["fire", "worse", "milder", "resolve", "ack", "unack", "silence", "end", "fail", "mend", "wait"]),
        st.sampled_from(ENTITIES),
        st.integers(0, 30),
    ),
    max_size=25,
)  # fmt: skip


def lived(desk: Desk, steps: list[tuple[str, str, int]], *, restarts: bool) -> list[tuple[float, str, str]]:
    """Let things happen an hour or more apart; return (hour, entity, why) of everything told."""
    told: list[tuple[float, str, str]] = []
    hour = 0.0
    for what, entity, size in steps:
        hour += 1 + (size if what == "wait" else 0)
        done(desk, what, entity, size, hour)
        if restarts:
            desk.start()
        told += [(hour, *t) for t in desk.at(hour)]
        for e in ENTITIES:
            quiet = any(s.entity == e and s.holds(NOW + hour * HOUR) for s in desk.state.quiet)
            assert not (quiet and any(t[:2] == (hour, e) for t in told)), "told under a silence"
    return told


def done(desk: Desk, what: str, entity: str, size: int, hour: float) -> None:
    alert = next((a for a in desk.state.alerts() if a.entity == entity), None)
    if what == "fire" and alert is None:
        desk.fire(entity, hours=hour)
    elif what in {"worse", "milder"} and alert:
        desk.state.save_alerts([replace(alert, severity="critical" if what == "worse" else "warning")])
    elif what == "resolve" and alert:
        desk.resolve(alert, hour)
    elif what in {"ack", "unack"} and alert:
        desk.act(alert, ActKind(what), hour)
    elif what == "silence":
        desk.silence(hour, hour + size + 1, entity=entity)
    elif what == "end":
        ended = Ended(NOW + hour * HOUR, "Ann", "done")
        desk.state.quiet = [replace(s, ended=s.ended or ended) if s.entity == entity else s for s in desk.state.quiet]
    elif what in {"fail", "mend"}:
        desk.fails = what == "fail"


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_restarts_neither_lose_nor_double_anything(steps: list[tuple[str, str, int]]) -> None:
    steps = [s for s in steps if s[0] not in {"fail", "mend"}]  # how long a pause is, is forgotten with a restart
    assert lived(Desk(), steps, restarts=True) == lived(Desk(), steps, restarts=False)


@settings(max_examples=80, deadline=None)
@given(STEPS, st.booleans())
def test_in_the_end_every_receiver_knows_how_things_stand(steps: list[tuple[str, str, int]], restarts: bool) -> None:
    desk = Desk()
    told = lived(desk, steps, restarts=restarts)
    desk.fails = False
    desk.state.quiet = []
    last = 1000.0
    told += [(last, *t) for t in desk.at(last)]
    for entity in ENTITIES:
        whys = [why for _, e, why in told if e == entity]
        firing = any(a.entity == entity and a.state == AlertState.FIRING for a in desk.state.alerts())
        assert firing == bool(whys and whys[-1] != "resolved"), "knows how it stands"
        assert all(why == "new" for why in whys[:1]), "hears of it first as new"
        assert all(one != "resolved" or two == "new" for one, two in pairwise(whys))
    desk.start()
    assert desk.at(last + 0.5) == []
