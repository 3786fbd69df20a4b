"""Rules at work: look, step, save. Nothing is saved before everything has been looked at."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from core.findings import findings_of
from core.park import Park
from core.statements import Kind
from core.store import AlertRecord, State, Store
from core.timebase import day_of
from rules.facts import (
    LONG_AGO,
    Explain,
    Explained,
    Facts,
    Moment,
    by_entity,
    closed_day,
    day_table,
    heard_devices,
    judged_at,
    moment,
    silences,
)
from rules.library_file import load_rules
from rules.lifecycle import AlertState, step
from rules.replay import WARM_UP, merge, replayed
from rules.rule import Rule

_JUDGED_DAY = "rules:judged_day"
_LISTENING = "rules:listening"
_MAX_DAYS_BEHIND = 62
_HELD = timedelta(days=1)  # findings of what ended earlier are of no interest
_OWN_PAUSE = timedelta(minutes=30)  # not evaluated for longer: silence may have been our own


class RuleEngine:
    """All rules of one park over its store and state. One evaluation at a time; every call may be repeated.

    `explain` splits the difference between plan and actual balance of some days, for rules that tell why.
    """

    def __init__(self, park: Park, store: Store, state: State, explain: Explain | None = None) -> None:
        self._park, self._store, self._state, self._explain = park, store, state, explain
        self._rules = sorted(load_rules(park), key=lambda r: r.watch.after_others)

    def evaluate(self, now: datetime) -> list[AlertRecord]:
        """Judge days closed since the last evaluation and the present; return alerts open now or ended just now.

        Where the store fails, its error passes through and no alert has changed.
        """
        known = {a.fingerprint: a for a in self._state.alerts() if a.state != AlertState.RESOLVED}
        last_day = closed_day(now, self._park.zone)
        moments = self._due(last_day, now)
        listening = self._listening(now)
        began = [day_of(a.active_at, self._park.zone) for a in known.values()]
        explained = Explained(self._explain, moments[0].day, last_day)
        facts = self._facts(min([moments[0].day, *began]), last_day, now, listening, explained)
        found, planned = self._stepped(facts, known, moments, now)
        gone = [_ended(a, now) for fingerprint, a in known.items() if fingerprint not in planned]
        changed = [a for a in (*found, *gone) if a != known.get(a.fingerprint)]
        if changed:
            self._state.save_alerts(changed)
        self._remember(last_day)
        self._state.set_value(_LISTENING, listening.stored())
        return [*found, *gone]

    def replay(self, start: datetime, end: datetime) -> list[AlertRecord]:
        """Judge every day and every silence of [start, end] as it was then; return the alerts found.

        For use after history was brought in: alerts that are still open carry their true beginning, ended ones become
        history. Repeating it changes nothing. What people were told before stays on record.
        """
        judged = self._judged_day()
        if judged is not None:
            end = max(end, judged_at(judged, self._park.zone))
        last_day = closed_day(end, self._park.zone)
        earlier = start - WARM_UP
        first_day = day_of(earlier, self._park.zone)
        facts = self._facts(first_day, last_day, end, None, Explained(self._explain, first_day, last_day))
        found = [a for a in replayed(self._rules, facts, earlier, end) if not a.resolved_at or a.resolved_at >= start]
        self._state.save_alerts(merge(found, self._state.alerts(since=start)))
        self._remember(last_day)
        return found

    def _stepped(
        self, facts: Facts, known: Mapping[str, AlertRecord], moments: Sequence[Moment], now: datetime
    ) -> tuple[list[AlertRecord], set[str]]:
        found: list[AlertRecord] = []
        planned: set[str] = set()
        for rule in self._rules:
            at = moments if rule.watch.cadence == "day" else [moment(now, self._park.zone)]
            for entity in rule.watch.entities(self._park, now):
                fingerprint = rule.terms(entity).fingerprint
                planned.add(fingerprint)
                own = _walked(rule, entity, facts, known.get(fingerprint), at)
                facts.tell(own)
                found += own
        return found, planned

    def _due(self, last_day: date, now: datetime) -> list[Moment]:
        """Return the moments to judge closed days at: missed ones at their own time, else the last one once more.

        Looking again at the last day lets late readings count.
        """
        judged = self._judged_day()
        if judged is None or judged >= last_day:
            return [Moment(now, last_day)]
        behind = min((last_day - judged).days, _MAX_DAYS_BEHIND)
        days = [last_day - timedelta(days=n) for n in range(behind - 1, -1, -1)]
        return [Moment(judged_at(d, self._park.zone), d) for d in days]

    def _judged_day(self) -> date | None:
        text = self._state.value(_JUDGED_DAY)
        return date.fromisoformat(text) if text else None

    def _remember(self, last_day: date) -> None:
        judged = self._judged_day()
        if judged is None or judged < last_day:
            self._state.set_value(_JUDGED_DAY, last_day.isoformat())

    def _facts(
        self, first: date, last: date, end: datetime, listening: _Listening | None, explained: Explained
    ) -> Facts:
        watches = [r.watch for r in self._rules]
        lookback = timedelta(days=max((w.lookback_days for w in watches), default=0))
        quantities = {q for w in watches for q in w.quantities()}
        events = by_entity(self._state.events(judged_at(first, self._park.zone) - lookback, end))
        return Facts(
            park=self._park,
            days=day_table(self._park, self._store, first - lookback, last, quantities),
            heard=listening.heard if listening else heard_devices(self._store),
            events=events,
            findings=by_entity(findings_of(self._state.statements(Kind.FINDING, end - _HELD, end))),
            silences=silences(events),
            explained=explained,
            listening_since=listening.since if listening else LONG_AGO,
            watching_since=listening.watching_since if listening else None,
        )

    def _listening(self, now: datetime) -> _Listening:
        """Read who was heard, and since when we have been listening without a pause.

        A pause is ours or everybody's: afterwards every device gets its own time again before it counts as silent.
        """
        heard = heard_devices(self._store)
        patience = max(
            _OWN_PAUSE, timedelta(seconds=3 * min((d.interval_s for _, d in self._park.assignments()), default=0))
        )
        deaf = now - max(heard.values(), default=LONG_AGO) > patience
        stored = self._state.value(_LISTENING)
        if not stored:
            return _Listening(heard, now, LONG_AGO, now, deaf)
        before = json.loads(stored)
        paused = now - datetime.fromisoformat(before["evaluated_at"]) > _OWN_PAUSE or (before["deaf"] and not deaf)
        since = now if paused else datetime.fromisoformat(before["since"])
        return _Listening(heard, now, since, datetime.fromisoformat(before["watching_since"]), deaf)


@dataclass(frozen=True)
class _Listening:
    heard: Mapping[str, datetime]
    evaluated_at: datetime
    since: datetime
    watching_since: datetime
    deaf: bool

    def stored(self) -> str:
        """Return what the next evaluation must know, as text."""
        times = {n: getattr(self, n).isoformat() for n in ("evaluated_at", "since", "watching_since")}
        return json.dumps(times | {"deaf": self.deaf})


def _walked(
    rule: Rule, entity: str, facts: Facts, alert: AlertRecord | None, moments: Iterable[Moment]
) -> list[AlertRecord]:
    """Step one alert through moments; return it as it stands, and those that ended on the way."""
    done: list[AlertRecord] = []
    for each in moments:
        before = alert
        alert = step(before, rule.watch.observe(entity, facts, each, before), each.at, rule.terms(entity))
        if alert is None and before is not None:
            done.append(_ended(before, each.at))
        elif alert is not None and alert.state == AlertState.RESOLVED:
            done.append(alert)
            alert = None
    return [*done, alert] if alert else done


def _ended(alert: AlertRecord, now: datetime) -> AlertRecord:
    """Close a record without a verdict: a pending one that never fired, or one whose rule or entity is gone."""
    return replace(alert, state=AlertState.RESOLVED.value, resolved_at=now)
