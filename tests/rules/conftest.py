"""A store and a state that hold just what rules ask for, and a park built day by day."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
import yaml

from core.errors import Retryable
from core.frames import readings_frame, slots_frame
from core.handling import Act, Silence
from core.park import Park
from core.park_file import parse_park
from core.quality import Event
from core.statements import Kind, Statement
from core.store import AlertRecord
from core.timebase import day_bounds
from core.why import Why

SMALL_PARK = Path(__file__).parents[1] / "data" / "small_park.yaml"
_TIMES = ("active_at", "fired_at", "resolved_at", "last_sent_at", "keep_firing_since")


def make_park(**changes: object) -> Park:
    """Return the small park with some keys of its file changed."""
    return parse_park(yaml.safe_dump({**yaml.safe_load(SMALL_PARK.read_text()), **changes}).encode())


class Days:
    """A store of day values and last readings, set by hand."""

    def __init__(self, park: Park) -> None:
        self.park = park
        self.rows: dict[tuple[str, str, str, date], tuple[float, float, str]] = {}
        self.heard: dict[str, datetime] = {}
        self.queries = 0
        self.broken = False

    def set(
        self, scope: str, entity: str, day: date, coverage: float = 1.0, reasons: str = "", **values: float
    ) -> None:
        for quantity, value in values.items():
            self.rows[scope, entity, quantity, day] = (value, coverage, reasons)

    def array(self, entity: str, day: date, index: float, sun: float = 3.0, **more: object) -> None:
        """One PV day: 100 kWh expected per kWh/m2 of sun."""
        more = {"reasons": "rung_poa", **more}
        self.set(
            "array",
            entity,
            day,
            energy_performance_index=index,
            irradiation_kwh_m2=sun,
            expected_kwh=100 * sun,
            generation_kwh=100 * sun * index,
            **more,
        )

    def balance(self, day: date, net: float, plan: float | None = None, load: float = 1000.0, **more: object) -> None:
        self.set("park", self.park.id, day, net_balance_kwh=net, load_kwh=load, generation_kwh=load + net, **more)
        if plan is not None:
            self.set("park", self.park.id, day, plan_net_balance_kwh=plan)

    def slots(
        self,
        _period: object,
        start: datetime,
        end: datetime,
        *,
        scope: str | None = None,
        entities: Sequence[str] | None = None,
        quantities: Sequence[str] | None = None,
    ) -> pd.DataFrame:
        self.queries += 1
        if self.broken:
            raise Retryable("the store is away")
        assert scope is None
        assert entities is None
        found = []
        for (s, e, q, day), (value, coverage, reasons) in self.rows.items():
            at = day_bounds(day, self.park.zone)[0]
            if start <= at < end and q in (quantities or (q,)):
                found.append((at, s, e, q, value, coverage, 0.0, reasons))
        columns = ("start", "scope", "entity", "quantity", "value", "coverage", "estimated", "reasons")
        return slots_frame(pd.DataFrame(found, columns=columns)) if found else slots_frame()

    def latest(self) -> pd.DataFrame:
        if self.broken:
            raise Retryable("the store is away")
        rows = [(t, d, "active_power_kw", "", 1.0, t, 0) for d, t in self.heard.items()]
        columns = ("time", "device", "quantity", "channel", "value", "received_at", "flags")
        return readings_frame(pd.DataFrame(rows, columns=columns)) if rows else readings_frame()


class Memory:
    """A state of alerts, events and small values; alerts go through text, as they do in a file."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], str] = {}
        self.small: dict[str, str] = {}
        self.happened: list[Event] = []
        self.done: list[Act] = []
        self.quiet: list[Silence] = []
        self.said: list[Statement] = []
        self.saves = 0

    def save_alerts(self, alerts: Sequence[AlertRecord]) -> None:
        self.saves += 1
        for alert in alerts:
            key = (alert.fingerprint, alert.active_at.isoformat())
            self.rows[key] = json.dumps(asdict(alert), default=lambda t: t.isoformat())

    def alerts(self, since: datetime | None = None) -> list[AlertRecord]:
        every = [self._alert(text) for text in self.rows.values()]
        return [a for a in every if a.state != "resolved" or (since and a.resolved_at >= since)]

    @staticmethod
    def _alert(text: str) -> AlertRecord:
        row = json.loads(text)
        return replace(AlertRecord(**row), **{k: datetime.fromisoformat(row[k]) for k in _TIMES if row[k]})

    def set_value(self, key: str, value: str) -> None:
        self.small[key] = value

    def value(self, key: str) -> str | None:
        return self.small.get(key)

    def add_act(self, act: Act) -> Act:
        self.done.append(act)
        return act

    def acts(self, lives: Iterable[tuple[str, datetime]]) -> list[Act]:
        wanted = set(lives)
        return [a for a in self.done if (a.fingerprint, a.active_at) in wanted]

    def silences(self, since: datetime | None = None) -> list[Silence]:
        return [s for s in self.quiet if since is None or s.end > since]

    def statements(self, kind: Kind, start: datetime, end: datetime) -> list[Statement]:
        return [s for s in self.said if s.kind is kind and s.start < end and s.end > start]

    def events(self, start: datetime, end: datetime) -> list[Event]:
        return [e for e in self.happened if e.start < end and e.end >= start]


class World:
    """A park with its store and state, and the engine over them."""

    def __init__(self, park: Park) -> None:
        self.park, self.store, self.state = park, Days(park), Memory()
        self.splits: dict[date, Why] = {}  # days somebody could split
        self.asked: list[tuple[date, date]] = []

    def engine(self):
        from rules.engine import RuleEngine  # noqa: PLC0415

        return RuleEngine(self.park, self.store, self.state, self.explain)

    def explain(self, first: date, last: date) -> dict[date, Why]:
        """Split what can be split of some days."""
        self.asked.append((first, last))
        return {day: why for day, why in self.splits.items() if first <= day <= last}

    def morning(self, day: date) -> datetime:
        """The instant half an hour after the end of a day."""
        return day_bounds(day, self.park.zone)[1] + timedelta(minutes=30)

    def walk(self, days: Iterable[date], rule: str, restart: bool = False) -> list[str]:
        """Evaluate each morning; return the state of one rule's alerts, "-" for none."""
        engine, seen = self.engine(), []
        for day in days:
            if restart:
                engine = self.engine()
            found = [a for a in engine.evaluate(self.morning(day)) if a.rule == rule]
            seen.append(" ".join(f"{a.state}" for a in found) or "-")
        return seen

    def open(self, rule: str) -> AlertRecord:
        (found,) = [a for a in self.state.alerts() if a.rule == rule]
        return found

    def history(self, rule: str) -> list[AlertRecord]:
        every = self.state.alerts(since=day_bounds(date(2000, 1, 1), self.park.zone)[0])
        return sorted((a for a in every if a.rule == rule), key=lambda a: a.active_at)


@pytest.fixture
def world() -> World:
    return World(make_park())


@pytest.fixture
def make_world():
    return lambda **changes: World(make_park(**changes))
