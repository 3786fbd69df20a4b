"""From alerts to people: who is told what, once.

What a receiver was told is remembered per alert and written after the message went out: a crash between the two
repeats a message, it never loses one. The memory survives a restart, so a deploy tells nobody anything twice.

While a silence covers an alert nobody is told of it, not even of its end; afterwards its receivers are told once how it
stands. An acknowledged alert is not repeated; that it grew worse or ended is told.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from core.errors import ConfigError, Rejected, Retryable
from core.handled import Handled, Life, handled, of
from core.handling import Act, ActKind, Silence
from core.park import Park, Receiver, secret
from core.store import AlertRecord, State
from core.text import Language
from core.words import AlertSpeaker
from rules.lifecycle import AlertState
from rules.notify.log import LogSender
from rules.notify.notice import Notice, Sender, Told, Why
from rules.notify.webhook import WebhookSender
from rules.rule import SEVERITIES
from rules.words import speaker

_log = logging.getLogger(__name__)

REPEAT = timedelta(hours=24)  # an open warning is told again; information is told once
_FIRST_RETRY, _LAST_RETRY = timedelta(minutes=1), timedelta(hours=1)
_MEMORY = "notified:"


@dataclass(frozen=True)
class Memory:
    """What a receiver was last told of one alert; `severity` is the gravest it ever heard.

    `held`: a silence has kept something from it since.
    """

    active_at: str
    severity: str
    told_at: str
    held: bool = False


@dataclass(frozen=True)
class Standing:
    """Firing alerts, what people did with them, and the silences in force."""

    alerts: Sequence[AlertRecord]
    handled: Mapping[Life, Handled]
    silences: Sequence[Silence]

    def silenced(self, alert: AlertRecord) -> bool:
        """Say whether nobody is to be told of it now."""
        return any(s.covers(alert.rule, alert.entity) for s in self.silences)

    def taken(self, alert: AlertRecord) -> bool:
        """Say whether somebody has acknowledged it."""
        return of(alert, self.handled).acknowledged is not None


class Notifier:
    """Tells every receiver of a park what changed for it."""

    def __init__(self, park: Park, state: State) -> None:
        self._state = state
        self._say = speaker(park)
        self._lines = [_Line(park, receiver, state) for receiver in park.receivers]

    def send(self, now: datetime) -> None:
        """Tell what is new, worse, over or due again. A receiver that fails is tried again and holds up no other."""
        standing = self._standing(now)
        told: set[str] = set()
        for line in self._lines:
            told |= line.tell(standing, self._say, now)
        stamped = [replace(a, last_sent_at=now) for a in standing.alerts if a.fingerprint in told]
        if stamped:
            self._state.save_alerts(stamped)

    def _standing(self, now: datetime) -> Standing:
        firing = [a for a in self._state.alerts() if a.state == AlertState.FIRING]
        found = handled(self._state, firing, now)
        for alert in firing:
            if of(alert, found).outgrown:  # for good: it does not count again when the alert gets milder
                broken = Act(alert.fingerprint, alert.active_at, ActKind.BROKEN, now, "", "", alert.severity)
                self._state.add_act(broken)
        return Standing(firing, found, [s for s in self._state.silences(since=now) if s.holds(now)])


class _Line:
    """One receiver with its memory and its troubles."""

    def __init__(self, park: Park, receiver: Receiver, state: State) -> None:
        self._park, self._receiver, self._state = park, receiver, state
        self._sender = sender_of(receiver)
        self._error = ""
        self._wait = timedelta(0)
        self._not_before: datetime | None = None

    def tell(self, standing: Standing, say: AlertSpeaker, now: datetime) -> set[str]:
        """Send what is due; return the fingerprints that were told."""
        wanted = [a for a in standing.alerts if _rank(a.severity) >= _rank(self._receiver.severity)]
        memory = self._held(a.fingerprint for a in wanted if standing.silenced(a))
        if self._not_before is not None and now < self._not_before:
            return set()
        taken = {a.fingerprint for a in wanted if standing.taken(a)}
        due = due_alerts([a for a in wanted if not standing.silenced(a)], memory, now, taken)
        is_open = {a.fingerprint for a in standing.alerts}
        ended = self._ended([f for f in memory if f not in is_open], memory)
        waiting = {a.fingerprint for a in ended if standing.silenced(a)}
        over = [a for a in ended if a.fingerprint not in waiting]
        notice = self._notice(sorted([*due, *((a, "resolved") for a in over)], key=_gravest_first), say, now)
        if notice.told and not self._sent(notice, now):
            return set()
        kept = {f: m for f, m in memory.items() if f in is_open or f in waiting}
        kept |= {a.fingerprint: _noted(a, kept.get(a.fingerprint), now) for a, _ in due}
        if kept != memory:
            self._remember(kept)
        return {a.fingerprint for a, _ in due}

    def _held(self, silenced: Iterable[str]) -> dict[str, Memory]:
        """Return what this receiver was told, having noted which of it a silence covers now."""
        memory = self._remembered()
        held = {f: replace(memory[f], held=True) for f in silenced if f in memory and not memory[f].held}
        if held:
            memory |= held
            self._remember(memory)
        return memory

    def _ended(self, over: Sequence[str], memory: Mapping[str, Memory]) -> list[AlertRecord]:
        """Return the ended alerts this receiver was told of; one that left no record is forgotten quietly."""
        if not over:
            return []
        since = min(datetime.fromisoformat(memory[f].active_at) for f in over)
        newest: dict[str, AlertRecord] = {}
        for alert in self._state.alerts(since=since):
            if alert.fingerprint in over and alert.resolved_at is not None and alert.fired_at is not None:
                before = newest.get(alert.fingerprint)
                if before is None or before.resolved_at is None or before.resolved_at <= alert.resolved_at:
                    newest[alert.fingerprint] = alert
        return list(newest.values())

    def _notice(self, due: Sequence[tuple[AlertRecord, Why]], say: AlertSpeaker, now: datetime) -> Notice:
        told = tuple(Told(a, why, {language: say(a, language) for language in Language}) for a, why in due)
        return Notice(self._park, now, self._receiver.language, told)

    def _sent(self, notice: Notice, now: datetime) -> bool:
        try:
            self._sender.send(notice)
        except (Retryable, Rejected) as error:
            self._failed(error, now)
            return False
        if self._error:
            _log.info("receiver %s works again", self._receiver.id)
        self._error, self._wait, self._not_before = "", timedelta(0), None
        return True

    def _failed(self, error: Retryable | Rejected, now: datetime) -> None:
        self._wait = min(max(2 * self._wait, _FIRST_RETRY), _LAST_RETRY)
        asked_s = error.retry_after_s if isinstance(error, Retryable) else None
        self._not_before = now + max(self._wait, timedelta(seconds=asked_s or 0.0))
        if str(error) != self._error:  # the same trouble is told once
            self._error = str(error)
            _log.error("receiver %s cannot be told, it will be tried again: %s", self._receiver.id, error)

    def _remembered(self) -> dict[str, Memory]:
        text = self._state.value(_MEMORY + self._receiver.id)
        return {f: Memory(**m) for f, m in json.loads(text).items()} if text else {}

    def _remember(self, memory: Mapping[str, Memory]) -> None:
        self._state.set_value(_MEMORY + self._receiver.id, json.dumps({f: asdict(m) for f, m in memory.items()}))


def due_alerts(
    wanted: Sequence[AlertRecord], memory: Mapping[str, Memory], now: datetime, taken: Collection[str] = ()
) -> list[tuple[AlertRecord, Why]]:
    """Return the open alerts to be told and why. When one is due again, all open ones that nobody took on are told."""
    news: list[tuple[AlertRecord, Why]] = []
    known: list[AlertRecord] = []
    for alert in wanted:
        before = memory.get(alert.fingerprint)
        if before is None:
            news.append((alert, "new"))
        elif _rank(alert.severity) > _rank(before.severity):
            news.append((alert, "worse"))
        elif alert.fingerprint in taken:
            continue
        elif before.held:
            news.append((alert, "repeat" if before.active_at == alert.active_at.isoformat() else "new"))
        elif alert.severity != "info":
            known.append(alert)
    late = any(now - datetime.fromisoformat(memory[a.fingerprint].told_at) >= REPEAT for a in known)
    return [*news, *((a, "repeat") for a in known)] if late else news


def sender_of(receiver: Receiver) -> Sender:
    """Return the way to a receiver. Raises ConfigError where its address is not to be had."""
    if receiver.kind == "log":
        return LogSender()
    url = receiver.url or secret(receiver.url_env, None)
    if not url:
        hint = f"set the environment variable {receiver.url_env}"
        raise ConfigError(f"receiver {receiver.id} has no address", hint)
    if receiver.kind == "webhook":
        return WebhookSender(url)
    from rules.notify.push import PushSender  # noqa: PLC0415 - Apprise is large, few parks need it

    return PushSender(receiver.id, url)


def _noted(alert: AlertRecord, before: Memory | None, now: datetime) -> Memory:
    gravest = max(alert.severity, before.severity if before else alert.severity, key=_rank)
    return Memory(alert.active_at.isoformat(), gravest, now.isoformat())


def _rank(severity: str) -> int:
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0


def _gravest_first(item: tuple[AlertRecord, Why]) -> tuple[bool, int, datetime]:
    alert, why = item
    return (why == "resolved", -_rank(alert.severity), alert.active_at)
