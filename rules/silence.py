"""Devices that no longer report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Literal

from pydantic import Field

from core.park import DeviceAssignment, Park, Point
from core.store import AlertRecord
from core.timebase import SLOT
from rules.facts import Facts, Moment
from rules.lifecycle import MISSING, Observation
from rules.sun import sun_elevation_deg
from rules.watch import Cadence, Watch

_SLEEPERS = frozenset({"pv", "weather"})
_DARK_DEG, _UP_DEG = -12.0, 10.0  # the sun's elevation: who reports below the one never sleeps, above the other nobody
_ALL_SILENT_MIN_POINTS = 2  # with a single meter its own alert says it all


class Silence(Watch):
    """No reading of a point's device for longer than `intervals` of its own intervals, at least `min_minutes`.

    When every point is silent the fault is the broker's, the network's or our own: that is one alert of the park, and
    the points' alerts are held. After such a pause every device has its own time again to be heard.
    """

    kind: Literal["silence"]
    of: Literal["point", "park"] = "point"
    intervals: float = Field(3.0, gt=0.0, description="missed reports")
    min_minutes: float = Field(30.0, gt=0.0)

    @property
    def cadence(self) -> Cadence:
        return "now"

    def entities(self, park: Park, at: datetime) -> list[str]:
        if self.of == "park":
            return [park.id] if len(_metered(park, at)) >= _ALL_SILENT_MIN_POINTS else []
        return [p.id for p, _ in _metered(park, at)]

    def observe(self, entity: str, facts: Facts, moment: Moment, alert: AlertRecord | None) -> Observation:
        metered, silent = self._silent(facts, moment.at)
        everybody = len(metered) >= _ALL_SILENT_MIN_POINTS and len(silent) == len(metered)
        if self.of == "park":
            if not everybody:
                return _over(alert, moment.at)
            if alert is None and moment.at - facts.listening_since < timedelta(minutes=self.min_minutes):
                return MISSING
            return self._observation(max(silent.values()), moment.at)
        device = next((d for p, d in metered if p.id == entity), None)
        if device is None or entity not in silent:
            return _over(alert, moment.at)
        if everybody or (alert is None and moment.at - facts.listening_since < self._patience(device)):
            return MISSING
        return self._observation(silent[entity], moment.at, device)

    def replay_instants(self, entity: str, facts: Facts, start: datetime, end: datetime) -> list[datetime]:
        """Look when a past silence had become too long, when it ended, and at the end."""
        found = {end}
        for point, device in facts.park.assignments():
            if self.of == "point" and point.id != entity:
                continue
            for since, until in facts.silences.get(point.id, ()):
                found |= {self._due(facts.park, point, device, since), until}
            if device.id in facts.heard:
                found.add(self._due(facts.park, point, device, facts.heard[device.id]))
        return sorted(t for t in found if start <= t <= end)

    def _silent(
        self, facts: Facts, at: datetime
    ) -> tuple[Sequence[tuple[Point, DeviceAssignment]], Mapping[str, datetime]]:
        """Return every metered point, and since when those are silent that are: the same for every point asked."""
        key = (self.intervals, self.min_minutes, at)
        found = facts.silent.get(key)
        if found is None:
            metered = _metered(facts.park, at)
            silent = {p.id: since for p, d in metered if (since := self._silent_since(p, d, facts, at))}
            facts.silent.clear()  # the next instant has an answer of its own
            found = facts.silent[key] = (metered, silent)
        return found

    def _silent_since(self, point: Point, device: DeviceAssignment, facts: Facts, at: datetime) -> datetime | None:
        """Return when the silence that is too long at `at` began; None where there is none."""
        past = next((s for s, e in facts.silences.get(point.id, ()) if s <= at < e), None)
        heard = facts.heard.get(device.id)
        if past is None and (heard is None or heard <= at):
            past = max(filter(None, (heard, device.valid_from, None if heard else facts.watching_since)), default=at)
        return past if past is not None and at >= self._due(facts.park, point, device, past) else None

    def _due(self, park: Park, point: Point, device: DeviceAssignment, since: datetime) -> datetime:
        """Return when a silence that began at `since` has become too long.

        Many inverters and small weather stations sleep from dusk to dawn. One that was last heard in low sun gets
        until the sun has been well up for its whole patience; one that was heard in the night does not sleep.
        """
        patience = self._patience(device)
        if point.role not in _SLEEPERS or not _DARK_DEG <= _sun(park, since) <= _UP_DEG:
            return since + patience
        for quarters in range(96):
            up = since + quarters * SLOT
            if quarters and _sun(park, up) > _UP_DEG and _sun(park, up + patience) > _UP_DEG:
                return up + patience
        return since + timedelta(days=1)

    def _patience(self, device: DeviceAssignment) -> timedelta:
        return max(self.intervals * timedelta(seconds=device.interval_s), timedelta(minutes=self.min_minutes))

    def _observation(self, since: datetime, at: datetime, device: DeviceAssignment | None = None) -> Observation:
        minutes = (at - since) / timedelta(minutes=1)
        params: dict[str, float | str] = {"since_at": since.isoformat(), "silent_minutes": minutes}
        return Observation(
            active=True, value=minutes, since=since, params=params | ({"device": device.id} if device else {})
        )


def _sun(park: Park, at: datetime) -> float:
    return sun_elevation_deg(at, park.latitude, park.longitude)


def _over(alert: AlertRecord | None, at: datetime) -> Observation:
    """Report that there is no silence, and how long an open one lasted."""
    if alert is None:
        return Observation(active=False)
    told = (alert.params or {}).get("since_at")
    since = datetime.fromisoformat(told) if isinstance(told, str) else alert.active_at
    return Observation(active=False, params={"silent_minutes": (at - since) / timedelta(minutes=1)})


def _metered(park: Park, at: datetime) -> Sequence[tuple[Point, DeviceAssignment]]:
    """Return every point with the device that serves it at `at`."""
    return [(p, d) for p in park.points if (d := p.device_at(at))]
