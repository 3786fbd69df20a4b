"""How alerts stand with the people who look after them: taken on by whom, quiet until when, what was said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.handling import Act, ActKind, Silence
from core.store import AlertRecord, State

GRAVITY = ("info", "warning", "critical")  # from the mildest on
Life = tuple[str, datetime]


@dataclass(frozen=True)
class Handled:
    """What people did with one life of an alert; `silences` are those in force for it.

    `outgrown` is an acknowledgement that no longer counts because the alert is graver than when it was given.
    """

    acknowledged: Act | None = None
    outgrown: Act | None = None
    silences: tuple[Silence, ...] = ()
    acts: tuple[Act, ...] = ()

    @property
    def silence(self) -> Silence | None:
        """Return the silence in force that ends last."""
        return max(self.silences, key=lambda s: s.until, default=None)


UNTOUCHED = Handled()


def life_of(alert: AlertRecord) -> Life:
    """Name one life of an alert: the same cause later is another."""
    return alert.fingerprint, alert.active_at


def handled(state: State, alerts: Sequence[AlertRecord], now: datetime) -> dict[Life, Handled]:
    """Return how every one of these alerts stands at `now`."""
    acts: dict[Life, list[Act]] = {}
    for act in state.acts([life_of(a) for a in alerts]):
        acts.setdefault((act.fingerprint, act.active_at), []).append(act)
    in_force = [s for s in state.silences(since=now) if s.holds(now)]
    return {life_of(a): standing(a, acts.get(life_of(a), ()), in_force) for a in alerts}


def standing(alert: AlertRecord, acts: Sequence[Act], in_force: Iterable[Silence]) -> Handled:
    """Return how one alert stands, from what was done with it and the silences in force."""
    is_open = alert.state != "resolved"
    quiet = tuple(s for s in in_force if is_open and s.covers(alert.rule, alert.entity))
    last = next((a for a in reversed(acts) if a.kind is not ActKind.COMMENT), None)
    taken = last if last and last.kind is ActKind.ACK else None
    worse = taken is not None and gravity(alert.severity) > gravity(taken.severity)
    return Handled(None if worse else taken, taken if worse else None, quiet, tuple(acts))


def of(alert: AlertRecord, found: Mapping[Life, Handled]) -> Handled:
    """Return how an alert stands among those looked up."""
    return found.get(life_of(alert), UNTOUCHED)


def gravity(severity: str) -> int:
    """Return how grave a severity is; an unknown one counts as the mildest."""
    return GRAVITY.index(severity) if severity in GRAVITY else 0
