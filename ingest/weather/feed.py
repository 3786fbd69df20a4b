"""Bringing a weather service's past into the store, as the readings of a point with `source: service`."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

import numpy as np
import pandas as pd

from core.clock import Clock
from core.frames import readings_frame
from core.park import ForecastService, Park, Point
from core.quality import ReadingFlag
from core.quantities import READING
from core.store import State, Store
from core.weather import WEATHER_COLUMNS, WeatherService, believable
from ingest.appending import append_what_fits
from ingest.batch import touched
from ingest.weather.open_meteo import OpenMeteo

AGAIN = timedelta(days=3)  # services mend their recent past; it is asked for again
FIRST_ASK = timedelta(days=7)  # where the store is empty
log = logging.getLogger(__name__)

_UNTIL = "weather/fed_until/"


def service_of(choice: ForecastService, clock: Clock) -> WeatherService:
    """Return the service PARK.yaml names."""
    return OpenMeteo(choice, clock)


class Feed:
    """Keeps the points with `source: service` in step with their service."""

    def __init__(self, park: Park, service: WeatherService, store: Store, state: State) -> None:
        self._park = park
        self._service = service
        self._store = store
        self._state = state
        self._points = [p for p in park.points if p.source == "service"]

    def run(self, now: datetime) -> int:
        """Ask for what is new and what may have been mended, and store what differs; return how many readings did.

        Raises what the service raises. A crash at any point only repeats work.
        """
        return sum(self._fed(point, now) for point in self._points)

    def _fed(self, point: Point, now: datetime) -> int:
        device = point.device_at(now)
        if device is None:
            return 0
        end = now.replace(minute=0, second=0, microsecond=0)
        start = self._since(device.id, end)
        weather = self._service.past(self._park.latitude, self._park.longitude, start, end)
        sent = _readings(believable(self._service.name, weather), device.id, now)
        # What stays the same makes no day be computed again.
        fresh = sent[(sent["value"] != self._store.held(sent)["value"]).to_numpy()].reset_index(drop=True)
        if not fresh.empty:
            pairs = touched(fresh)
            self._state.mark_dirty(pairs)
            refused = append_what_fits(self._store, fresh)
            if refused:
                log.warning("the store refuses weather of a service", extra={"rows": len(refused), "device": device.id})
            self._state.mark_dirty(pairs)
        self._state.set_value(_UNTIL + device.id, end.isoformat())
        return len(fresh)

    def _since(self, device: str, end: datetime) -> datetime:
        """Return from when on to ask: a little before where it ended, else from the first reading of the park on."""
        stored = self._state.value(_UNTIL + device)
        if stored:
            return min(datetime.fromisoformat(stored), end) - AGAIN
        return min(self._store.info().first_reading or end, end - FIRST_ASK)


def _readings(weather: pd.DataFrame, device: str, now: datetime) -> pd.DataFrame:
    """Return a service's hours as readings: each hour's mean at its middle, flagged as computed."""
    long = weather.melt("start", list(WEATHER_COLUMNS[1:]), "quantity").dropna(subset="value")
    low = long["quantity"].map({name: READING[name].low for name in WEATHER_COLUMNS[1:]})
    high = long["quantity"].map({name: READING[name].high for name in WEATHER_COLUMNS[1:]})
    beyond = (long["value"] < low) | (long["value"] > high)
    flags = int(ReadingFlag.SERVICE) | np.where(beyond, int(ReadingFlag.OUT_OF_RANGE), 0)
    named = pd.DataFrame({"time": long["start"] + pd.Timedelta(minutes=30), "value": long["value"], "flags": flags})
    return readings_frame(named.assign(quantity=long["quantity"], device=device, channel="", received_at=now))
