"""Open-Meteo: open-source weather models, forecast and past (https://open-meteo.com/en/docs).

Its free service is for non-commercial use; a paid plan has a key, and the program can be hosted oneself. Data: CC BY
4.0, with a visible link. An hour is labelled by its end: radiation is the mean of the hour before, temperature and
wind are instants.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import orjson
import pandas as pd
import requests
import urllib3

from core.clock import Clock
from core.errors import ConfigError, Rejected, Retryable
from core.park import ForecastService
from core.weather import WEATHER_COLUMNS, believable

HOUR = timedelta(hours=1)
LAST_S = 7_258_118_400  # 2200-01-01
HOUR_S = 3600
RECENT_DAYS = 92  # the forecast service also knows so much of the past; older is in the archive
LONGEST_FORECAST_H = 16 * 24
PIECE_DAYS = 366  # of the archive, asked for at once
WHOLE_ANSWER = 3  # times the timeout, for all of an answer
PART_BYTES = 1 << 16
MOST_BYTES = 32 << 20  # a year of hours has half a megabyte
BACK_OFF_S = 3600.0  # its limits are per minute, hour and day, and it does not say when one ends
Floats: TypeAlias = npt.NDArray[np.float64]
_ASKED = {"shortwave_radiation": "W/m²", "temperature_2m": "°C", "wind_speed_10m": "m/s"}


class OpenMeteo:
    """Asks Open-Meteo, its paid service, or one's own."""

    name = "open-meteo"

    def __init__(self, choice: ForecastService, clock: Clock) -> None:
        """Take where to ask; the clock decides between recent weather and the archive."""
        self._choice = choice
        self._clock = clock
        self._session = requests.Session()

    def past(self, lat: float, lon: float, start: datetime, end: datetime) -> pd.DataFrame:
        first, last = _hour(start), _hour(end - timedelta(microseconds=1))
        if last < first:
            return _hours(_frame([], dict.fromkeys(_ASKED, np.zeros(0))))
        recent = self._clock.now().date() - timedelta(days=RECENT_DAYS - 1)
        parts = []
        while first <= last:
            until = min(last, first + timedelta(days=PIECE_DAYS))
            if first.date() < recent:
                until = min(until, datetime.combine(recent, datetime.min.time(), UTC) - HOUR)
                days = {"start_date": first.date().isoformat(), "end_date": (until + HOUR).date().isoformat()}
                parts.append(self._asked(f"{self._choice.archive_url.rstrip('/')}/v1/archive", lat, lon, days))
            else:
                parts.append(self._recent(lat, lon, first, until))
            first = until + HOUR
        found = pd.concat(parts, ignore_index=True).drop_duplicates("start")
        return _within(found, _hour(start), last)

    def forecast(self, lat: float, lon: float, now: datetime, hours: int) -> pd.DataFrame:
        first = _hour(now)
        last = first + HOUR * (min(hours, LONGEST_FORECAST_H) - 1)
        return _within(self._recent(lat, lon, first, last), first, last)

    def _recent(self, lat: float, lon: float, first: datetime, last: datetime) -> pd.DataFrame:
        span = {"start_hour": first.strftime("%Y-%m-%dT%H:%M"), "end_hour": (last + HOUR).strftime("%Y-%m-%dT%H:%M")}
        return self._asked(f"{self._choice.url.rstrip('/')}/v1/forecast", lat, lon, span)

    def _asked(self, url: str, lat: float, lon: float, span: dict[str, str]) -> pd.DataFrame:
        terms = {"latitude": f"{lat:.4f}", "longitude": f"{lon:.4f}", "hourly": ",".join(_ASKED), **span}
        terms |= {"wind_speed_unit": "ms", "timezone": "GMT", "timeformat": "unixtime"}
        key = os.environ.get(self._choice.api_key_env) if self._choice.api_key_env else None
        if self._choice.api_key_env and not key:
            raise ConfigError(
                f"the environment has no {self._choice.api_key_env}", "it should hold the key of the plan"
            )
        if key:
            terms["apikey"] = key
        timeout_s = self._choice.timeout_s
        try:
            # As a stream: `timeout` is only how long it may be silent, and an answer that drips would never end.
            with self._session.get(url, params=terms, timeout=timeout_s, allow_redirects=False, stream=True) as answer:
                body = self._body(url, answer)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # Reading the stream by hand raises what lies below requests. Its own words would hold the whole address, and that may hold the key.
            raise Retryable(f"{self.name} at {url} does not answer ({type(error).__name__})") from None
        return self._read(url, answer, body)

    def _body(self, url: str, answer: requests.Response) -> bytes:
        deadline_s = self._clock.monotonic_s() + WHOLE_ANSWER * self._choice.timeout_s
        parts, size = [], 0
        # read1 returns what has come; read would wait for all of a part.
        while part := answer.raw.read1(PART_BYTES, decode_content=True):
            parts.append(part)
            size += len(part)
            if size > MOST_BYTES:
                raise Rejected(f"{self.name} at {url} answers with more than {MOST_BYTES >> 20} MB")
            if self._clock.monotonic_s() > deadline_s:
                raise Retryable(f"{self.name} at {url} did not end its answer in time")
        return b"".join(parts)

    def _read(self, url: str, answer: requests.Response, body: bytes) -> pd.DataFrame:
        document = _document(body)
        reason = str(document.get("reason", answer.reason))[:200] if isinstance(document, dict) else answer.reason
        if answer.status_code == requests.codes.too_many_requests:
            raise Retryable(f"{self.name} wants a pause: {reason}", BACK_OFF_S)
        if answer.status_code >= requests.codes.server_error:
            raise Retryable(f"{self.name} at {url} fails: {answer.status_code} {reason}")
        if answer.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
            raise ConfigError(f"{self.name} at {url} refuses the key: {reason}", "see weather_service.api_key_env")
        if answer.status_code != requests.codes.ok:
            raise Rejected(f"{self.name} at {url} refuses the question: {answer.status_code} {reason}")
        if isinstance(document, dict) and document.get("error"):
            raise Rejected(f"{self.name} at {url} refuses the question: {reason}")
        try:
            labels, columns = _table(document)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise Rejected(f"{self.name} at {url} answers in another shape than documented: {error}") from error
        return _hours(believable(f"{self.name} at {url}", _frame(labels, columns)))


def _document(body: bytes) -> Any:  # Any: a foreign document
    try:
        return orjson.loads(body)
    except ValueError:
        return None


def _table(document: Any) -> tuple[list[int], dict[str, Floats]]:  # Any: a foreign document
    """Return an answer's labels and columns; raises KeyError, TypeError or ValueError where it is not as documented."""
    units, hourly = document["hourly_units"], document["hourly"]
    for name, unit in {"time": "unixtime", **_ASKED}.items():
        if units[name] != unit:
            raise ValueError(f"{name} in {units[name]!r}, not {unit!r}")
    if document.get("utc_offset_seconds", 0) != 0:
        raise ValueError(f"times {document['utc_offset_seconds']!r} s off UTC")
    labels = hourly["time"]
    columns = {name: _numbers(name, hourly[name]) for name in _ASKED}
    if any(len(column) != len(labels) for column in columns.values()):
        raise ValueError("columns of different lengths")
    if not isinstance(labels, list) or any(
        type(stamp) is not int or stamp % HOUR_S or not 0 <= stamp < LAST_S for stamp in labels
    ):
        raise ValueError("times that are no full hours of 1970 to 2200")
    return labels, columns


def _numbers(name: str, values: Any) -> Floats:  # Any: a foreign document
    # numpy alone would read "12" and true as numbers.
    if not isinstance(values, list) or any(type(v) not in {int, float, type(None)} for v in values):
        raise TypeError(f"{name} is no list of numbers")
    return np.array(values, dtype=float)


def _frame(labels: list[int], columns: dict[str, Floats]) -> pd.DataFrame:
    """Return an answer as a table, each row still what belongs to its label."""
    times = pd.to_datetime(pd.Series(labels, dtype="int64"), unit="s", utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame(dict(zip(WEATHER_COLUMNS, (times, *(columns[name] for name in _ASKED)), strict=True)))


def _hours(labelled: pd.DataFrame) -> pd.DataFrame:
    """Return what belongs to the hours between successive labels: the first label only begins one."""
    ghi, air, wind = (labelled[name].to_numpy() for name in WEATHER_COLUMNS[1:])
    values = (ghi[1:], (air[1:] + air[:-1]) / 2.0, (wind[1:] + wind[:-1]) / 2.0)
    frame = pd.DataFrame(dict(zip(WEATHER_COLUMNS, (labelled["start"].iloc[:-1], *values), strict=True)))
    whole = labelled["start"].diff().iloc[1:].to_numpy() == HOUR
    kept: pd.DataFrame = frame.loc[whole]
    return kept.reset_index(drop=True)


def _within(found: pd.DataFrame, first: datetime, last: datetime) -> pd.DataFrame:
    """Return every hour from `first` to `last`; those the service does not know are NaN."""
    hours = pd.date_range(first, last, freq="h", unit="us")
    whole: pd.DataFrame = found.set_index("start").reindex(hours).rename_axis("start").reset_index()
    return whole.loc[:, list(WEATHER_COLUMNS)]


def _hour(instant: datetime) -> datetime:
    return instant.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
