"""The outlooks on record: one a day of each period, said once and never rewritten; the month's also as series."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd

from core.errors import ConfigError, Rejected, Retryable
from core.frames import instant
from core.outlook_words import DAY, MONTH, YEAR, numbers
from core.park import Park
from core.quantities import Period, Scope
from core.statements import Json, Kind, Statement
from core.store import State, Store
from core.timebase import day_bounds, day_of, month_bounds
from core.weather import WeatherService, believable
from models import outlook, plan, plant, rollup, rows
from models.baselines import Baselines
from models.foretelling import HISTORY_DAYS, read_past, trimmed
from models.outlook import Foretold
from models.past import Clear, Past
from models.rows import Row
from models.series import SlotSeries, grid_of, to_us
from models.sky import sky_over

GRACE = timedelta(minutes=20)  # after midnight, for the last readings of the day
ASK_AGAIN = timedelta(minutes=15)  # a service that did not answer and did not say when it would
PATIENCE = timedelta(hours=1)  # after midnight; then the day is foretold without it
FORECAST_HOURS = 7 * 24
MISS, PLAN = "outlook_miss_probability", "outlook_plan_kwh"
NET = ("outlook_net_p10_kwh", "outlook_net_p50_kwh", "outlook_net_p90_kwh")
log = logging.getLogger(__name__)


class Outlooks:
    """Says what day, month and year will come to, once a local day."""

    def __init__(self, park: Park, store: Store, state: State, weather: WeatherService | None = None) -> None:
        self._park, self._store, self._state, self._weather = park, store, state, weather
        self._clear = Clear(park)
        self._done: date | None = None
        self._asked: tuple[date, pd.DataFrame | None] | None = None  # the service's answer of a day
        self._again: datetime | None = None  # when to ask a service again that did not answer

    def ask(self, now: datetime) -> None:
        """Ask the weather service, where there is one and today is not said yet. It may take its time: hold no lock."""
        today = day_of(now - GRACE, self._park.zone)
        if self._weather is None or self._done == today or (self._heard(today) and not self._due(now)):
            return
        self._again = None
        try:
            answer = self._weather.forecast(self._park.latitude, self._park.longitude, now, FORECAST_HOURS)
            self._asked = (today, believable(self._weather.name, answer))
        except (Retryable, Rejected, ConfigError) as error:
            log.warning("no forecast: %s", error)
            self._asked = (today, None)
            if isinstance(error, Retryable):
                self._again = now + max(timedelta(seconds=error.retry_after_s or 0), ASK_AGAIN)

    def _heard(self, today: date) -> bool:
        return self._asked is not None and self._asked[0] == today

    def _due(self, now: datetime) -> bool:
        return self._again is not None and now >= self._again

    def run(self, now: datetime) -> list[Statement]:
        """Say what has not been said today; return what is new.

        Of the running month also what would have been said on its earlier days, from no more than was known then, so
        that its course can be seen; such statements say that they are late.
        """
        today = day_of(now - GRACE, self._park.zone)
        if self._done == today or day_of(now, self._park.zone) != today or self._waiting(today, now):
            return []
        said = self._said(today)
        first = today.replace(day=1)
        backlog = [first + timedelta(days=n) for n in range((today - first).days)]
        backlog = [d for d in backlog if d not in said]
        if not backlog and today in said:
            self._done = today
            return []
        start = today - timedelta(days=HISTORY_DAYS)
        earlier = trimmed(read_past(self._park, self._store, start, today - timedelta(days=1)))
        baselines = Baselines(self._park, self._state, earlier, now)
        told = [d for d in backlog if earlier.days and d > earlier.days[0]]
        new = [self._statement(MONTH, d, now, self._known(earlier, baselines, d), None, d) for d in told]
        if today not in said:
            known = self._known(earlier, baselines, today)
            foretold = self._foretold(known, today)
            periods = ((DAY, today), (DAY, today + timedelta(days=1)), (MONTH, today), (YEAR, today))
            new += [self._statement(subject, first, now, known, foretold, today) for subject, first in periods]
        self._state.add_statements(new)
        self._write_series(new)
        if any("refused" not in s.body for s in new if s.body["as_of_day"] == today.isoformat()):
            self._done = today
        return [s for s in new if "refused" not in s.body]

    def _waiting(self, today: date, now: datetime) -> bool:
        """Say whether the service may still answer in time: what is said of a day is not said anew."""
        if self._weather is None:
            return False
        if not self._heard(today):
            self.ask(now)
        return self._again is not None and now < day_bounds(today, self._park.zone)[0] + PATIENCE

    def _said(self, today: date) -> set[date]:
        """Return the days of this month on which its outlook was said, by the day whose beginning it was known at."""
        start, end = month_bounds(today.year, today.month, self._park.zone)
        found = self._state.statements(Kind.OUTLOOK, start, end, entity=self._park.id, every=True)
        own = [s.body for s in found if s.subject == MONTH and s.start == start]
        return {date.fromisoformat(str(b["as_of_day"])) for b in own if "refused" not in b}

    def _known(self, earlier: Past, baselines: Baselines, day: date) -> plan.Known:
        return plan.known(self._park, earlier.before(day), self._clear, baselines.on(day))

    def _statement(
        self, subject: str, first: date, now: datetime, known: plan.Known, foretold: Foretold | None, as_of: date
    ) -> Statement:
        days = days_of(subject, first)
        start, end = day_bounds(days[0], self._park.zone)[0], day_bounds(days[-1], self._park.zone)[1]
        body = outlook.body(known, days, as_of, foretold)
        late = now >= day_bounds(as_of, self._park.zone)[1]
        told: dict[str, Json] = {**body, "as_of_day": as_of.isoformat(), "late": late}
        if subject == MONTH:
            planned = self._planned(start, end)
            told["plan_kwh"] = planned
        return Statement(Kind.OUTLOOK, self._park.id, start, end, now, outlook.VERSION, told, subject)

    def _planned(self, start: datetime, end: datetime) -> Json:
        """Return what the month was planned to come to, in kWh; None where it has no plan."""
        for said in self._state.statements(Kind.PLAN, start, end, entity=self._park.id):
            if said.subject == plan.MONTH and said.start == start:
                return said.body["net_balance_kwh"]
        return None

    def _foretold(self, known: plan.Known, today: date) -> Foretold | None:
        """Return what the weather service foretells; what it does not answer is drawn from climatology."""
        if self._weather is None:
            return None
        answer = self._asked[1] if self._asked is not None and self._asked[0] == today else None
        if answer is None:
            return None
        return foretold_of(self._park, known, self._weather.name, answer, today, self._errors(known))

    def _errors(self, known: plan.Known) -> float:
        """Return the standard deviation of clearness foretold for the same day in the last weeks."""
        seen = known.past.seen
        if not seen:
            return outlook.FORECAST_ERROR
        start, end = (
            day_bounds(seen[max(0, len(seen) - 60)], self._park.zone)[0],
            day_bounds(seen[-1], self._park.zone)[1],
        )
        said = [
            s
            for s in self._state.statements(Kind.OUTLOOK, start, end, entity=self._park.id)
            if s.subject == DAY and isinstance(s.body.get("foretold"), dict)
        ]
        return outlook.forecast_error(known, [s.body for s in said])

    def _write_series(self, said: Sequence[Statement]) -> None:
        """Keep the month's outlook by the last day it was known at."""
        for statement in said:
            body = statement.body
            if statement.subject != MONTH or "refused" in body:
                continue
            day = date.fromisoformat(str(body["as_of_day"])) - timedelta(days=1)
            values = dict(zip(NET, numbers(body["net_balance_kwh"]), strict=True))
            values[MISS] = numbers([body["miss_probability"]])[0]
            if body.get("plan_kwh") is not None:
                values[PLAN] = numbers([body["plan_kwh"]])[0]
            one, none = np.ones(1), np.zeros(1)
            found = [
                Row(Scope.PARK, self._park.id, q, SlotSeries(np.array([v]), one, none, none.astype(np.int64)))
                for q, v in values.items()
            ]
            label = np.array([to_us(day_bounds(day, self._park.zone)[0])], dtype=np.int64)
            self._store.write_slots(Period.DAY, rows.frame(found, label, slice(None)))


def days_of(subject: str, day: date) -> list[date]:
    """Return the days of the day, month or year that holds `day`."""
    if subject == DAY:
        return [day]
    first = day.replace(day=1) if subject == MONTH else date(day.year, 1, 1)
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1) if subject == MONTH else date(day.year + 1, 1, 1)
    return [first + timedelta(days=n) for n in range((after - first).days)]


def foretold_of(
    park: Park, known: plan.Known, service: str, answer: pd.DataFrame, today: date, error: float
) -> Foretold | None:
    """Return a service's hours as clearness and air temperature of whole days from `today` on; None without any.

    Irradiance goes through the same expectation as measured irradiance.
    """
    if answer.empty or not park.arrays:
        return None
    frame = answer.sort_values("start")
    starts = np.array([to_us(instant(t)) for t in frame["start"]], dtype=np.int64)
    last = day_of(instant(frame["start"].iloc[-1]), park.zone)
    grid = grid_of(today, max(last, today), park.zone, day_bounds(max(last, today), park.zone)[1])
    step = int(np.median(np.diff(starts))) if len(starts) > 1 else 3_600_000_000
    at = np.searchsorted(starts, grid.edges_us[:-1], side="right") - 1
    inside = (at >= 0) & (grid.edges_us[:-1] < starts[np.maximum(at, 0)] + step)

    def series(name: str) -> SlotSeries:
        values = frame[name].to_numpy(dtype=float)[np.maximum(at, 0)]
        known_here = inside & np.isfinite(values)
        none = np.zeros(grid.size)
        return SlotSeries(np.where(known_here, values, np.nan), known_here.astype(float), none, none.astype(np.int64))

    gauges = {q: series(q) for q in ("ghi_wm2", "temp_air_c", "wind_speed_ms")}
    points = [p.id for p in park.by_role("weather")] or [""]
    made = plant.plant_of(park, {}, dict.fromkeys(points, gauges), sky_over(park, grid), grid)
    periods = rollup.days_of(grid)
    expected = sum(periods.sums(s.value) for s in made.expected.values())
    measured = np.min([periods.share(1.0 - s.estimated) for s in made.expected.values()], axis=0)
    cloudless = outlook.cloudless_kwh(known, grid.days)
    clear = {
        d: float(e / c)
        for d, e, c, m in zip(grid.days, np.asarray(expected), cloudless, measured, strict=True)
        if c > 0 and m >= outlook.WHOLE_FORECAST and np.isfinite(e)
    }
    air = gauges["temp_air_c"]
    mean = periods.sums(air.value) / np.maximum(periods.sums(air.known.astype(float)), 1.0)
    covered = periods.share(air.known.astype(float))
    warm = {d: float(t) for d, t, s in zip(grid.days, mean, covered, strict=True) if s >= outlook.WHOLE_FORECAST}
    return Foretold(service, clear, warm, error) if clear else None
