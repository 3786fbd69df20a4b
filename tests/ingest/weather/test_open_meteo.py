"""Open-Meteo's answers, recorded after its documentation, and everything else a server may say."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from core.clock import SystemClock
from core.errors import ConfigError, Rejected, Retryable
from core.park import ForecastService
from ingest.weather.open_meteo import OpenMeteo
from tests.ingest.weather.answers import documented, of_question, serving

NOW = datetime(2026, 6, 20, 10, 20, tzinfo=UTC)
PLACE = (31.2, 121.5)
HOUR = datetime(2026, 6, 20, 10, tzinfo=UTC)
LABEL = int(HOUR.timestamp())
UNITS = {"time": "unixtime", "shortwave_radiation": "W/m²", "temperature_2m": "°C", "wind_speed_10m": "m/s"}


class Fixed:
    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return SystemClock().monotonic_s()


def client(url: str, **terms) -> OpenMeteo:
    return OpenMeteo(ForecastService(url=url, archive_url=url, **terms), Fixed())


def test_an_hour_is_labelled_by_its_end_there_and_by_its_start_here():
    start = datetime(2026, 6, 20, 4, tzinfo=UTC)
    with serving(lambda *_: (200, documented(start, 4))) as (url, asked):
        found = client(url).past(*PLACE, start, start + timedelta(hours=3))
    assert found["start"].tolist() == [start + timedelta(hours=n) for n in range(3)]
    assert found["ghi_wm2"].tolist() == [100.0, 200.0, 300.0]  # of the labels 5, 6 and 7 o'clock
    assert found["temp_air_c"].tolist() == [10.5, 11.5, 12.5]  # between two instants
    assert found["wind_speed_ms"].tolist() == [2.0, 2.0, 2.0]
    path, question = asked[0]
    assert path == "/v1/forecast"
    assert question == {
        "latitude": "31.2000", "longitude": "121.5000", "hourly": "shortwave_radiation,temperature_2m,wind_speed_10m",
        "start_hour": "2026-06-20T04:00", "end_hour": "2026-06-20T07:00",
        "wind_speed_unit": "ms", "timezone": "GMT", "timeformat": "unixtime",
    }  # fmt: skip


def test_what_the_service_does_not_know_is_not_a_number():
    start = datetime(2026, 6, 20, 4, tzinfo=UTC)
    with serving(lambda *_: (200, documented(start, 4, shortwave_radiation=[0.0, None, 50.0, 60.0]))) as (url, _):
        found = client(url).past(*PLACE, start, start + timedelta(hours=5))
    assert found["ghi_wm2"].isna().tolist() == [True, False, False, True, True]
    assert len(found) == 5


def test_older_than_it_keeps_comes_from_the_archive_and_the_seam_is_whole():
    start = NOW - timedelta(days=100)
    with serving(of_question) as (url, asked):
        found = client(url).past(*PLACE, start, NOW)
    assert [path for path, _ in asked] == ["/v1/archive", "/v1/forecast"]
    assert len(found) == 100 * 24 + 1
    assert found["start"].diff().dropna().nunique() == 1
    assert found["ghi_wm2"].notna().all()


def test_a_leap_year_of_the_archive_has_its_29th_of_february():
    start = datetime(2024, 1, 1, tzinfo=UTC)
    with serving(of_question) as (url, _):
        found = client(url).past(*PLACE, start, datetime(2025, 1, 1, tzinfo=UTC))
    assert len(found) == 366 * 24
    assert (found["start"].dt.strftime("%m-%d") == "02-29").sum() == 24


def test_a_forecast_begins_with_the_hour_that_runs():
    with serving(of_question) as (url, _):
        found = client(url).forecast(*PLACE, NOW, 48)
    assert len(found) == 48
    assert found["start"].iloc[0] == datetime(2026, 6, 20, 10, tzinfo=UTC)
    assert found["ghi_wm2"].notna().all()


@pytest.mark.parametrize(
    ("status", "document", "error", "words"),
    [
        (400, {"error": True, "reason": "Latitude must be in range of -90 to 90°."}, Rejected, "Latitude must be"),
        (429, {"error": True, "reason": "Minutely API request limit exceeded."}, Retryable, "wants a pause"),
        (502, b"<html>bad gateway</html>", Retryable, "502"),
        (401, {"error": True, "reason": "The supplied API key is invalid."}, ConfigError, "refuses the key"),
        (302, b"", Rejected, "302"),
        (200, b"not json", Rejected, "another shape"),
        (200, {"hourly": {}}, Rejected, "another shape"),
        (200, documented(NOW, 3, temperature_2m=[1.0]), Rejected, "different lengths"),
        (200, documented(NOW, 3, temperature_2m=["mild", 1.0, 2.0]), Rejected, "another shape"),
        (200, documented(NOW, 3) | {"hourly_units": UNITS | {"shortwave_radiation": "kJ/m²"}}, Rejected, "kJ/m²"),
        (200, documented(NOW, 3) | {"hourly_units": UNITS | {"temperature_2m": "°F"}}, Rejected, "temperature_2m in '°F'"),
        (200, documented(NOW, 3) | {"hourly_units": UNITS | {"time": "iso8601"}}, Rejected, "time in 'iso8601'"),
        (200, documented(HOUR, 3) | {"utc_offset_seconds": 28800}, Rejected, "28800 s off UTC"),
        (200, {"error": True, "reason": "Data corrupted at path ''."}, Rejected, "Data corrupted"),
        (200, documented(NOW, 3), Rejected, "no full hours"),
        (200, documented(HOUR, 3, shortwave_radiation=[0.0, -40.0, 0.0]), Rejected, "ghi_wm2 -40 for 2026-06-20 11:00 UTC, which lies outside -5 to 1420"),
        (200, documented(HOUR, 3, shortwave_radiation=[0.0, 5000.0, 0.0]), Rejected, "ghi_wm2 5000"),
        (200, documented(HOUR, 3, temperature_2m=[20.0, 90.0, 20.0]), Rejected, "temp_air_c 90"),
        (200, documented(HOUR, 3, temperature_2m=[20.0, "21.0", 20.0]), Rejected, "temperature_2m is no list of numbers"),
        (200, documented(HOUR, 3, temperature_2m=[20.0, True, 20.0]), Rejected, "temperature_2m is no list of numbers"),
        (200, documented(HOUR, 3, wind_speed_10m=[2.0, -2.0, 2.0]), Rejected, "wind_speed_ms -2"),
        (200, documented(HOUR, 3, time=[LABEL, LABEL, LABEL + 3600]), Rejected, "double or out of order: 2026-06-20 10:00"),
        (200, documented(HOUR, 3, time=[LABEL + 3600, LABEL, LABEL + 7200]), Rejected, "double or out of order"),
        (200, documented(HOUR, 3, time=[LABEL, LABEL + 3600]), Rejected, "different lengths"),
        (200, documented(HOUR, 3, time=[LABEL, None, LABEL + 7200]), Rejected, "no full hours"),
        (200, documented(HOUR, 3, time=[LABEL, LABEL + 3600, 3600 * 10**12]), Rejected, "hours of 1970 to 2200"),
        (200, documented(HOUR, 3, time=[0, 10**18, 2 * 10**18]), Rejected, "another shape"),
    ],
)  # fmt: skip
def test_everything_else_a_server_says_has_a_name(status, document, error, words):
    with serving(lambda *_: (status, document)) as (url, _), pytest.raises(error, match=words):
        client(url).past(*PLACE, NOW - timedelta(hours=5), NOW)


def test_a_trace_of_light_below_zero_is_none():
    start = datetime(2026, 6, 20, 4, tzinfo=UTC)
    with serving(lambda *_: (200, documented(start, 3, shortwave_radiation=[0.0, -0.4, 50.0]))) as (url, _):
        found = client(url).past(*PLACE, start, start + timedelta(hours=2))
    assert found["ghi_wm2"].tolist() == [0.0, 50.0]


@pytest.mark.parametrize(
    "head",
    [b"Content-Length: 1000", b"Transfer-Encoding: chunked", b"Content-Encoding: gzip\r\nContent-Length: 4"],
)
def test_an_answer_that_breaks_off_or_cannot_be_unpacked_is_retryable(head):
    with breaking(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n\r\nzz{}") as url, pytest.raises(Retryable):
        client(url).forecast(*PLACE, NOW, 3)


def test_silence_is_retryable_and_tells_no_key(monkeypatch):
    monkeypatch.setenv("METEO_KEY", "s3cret")
    with serving(of_question) as (url, asked):
        client(url, api_key_env="METEO_KEY").forecast(*PLACE, NOW, 3)
        assert asked[0][1]["apikey"] == "s3cret"
    with pytest.raises(Retryable) as told:
        client(url, api_key_env="METEO_KEY").forecast(*PLACE, NOW, 3)
    assert "s3cret" not in str(told.value)
    monkeypatch.delenv("METEO_KEY")
    with pytest.raises(ConfigError, match="METEO_KEY"):
        client(url, api_key_env="METEO_KEY").forecast(*PLACE, NOW, 3)


def test_an_answer_that_drips_is_given_up(dripping):
    with pytest.raises(Retryable, match="did not end its answer in time"):
        client(dripping, timeout_s=0.2).forecast(*PLACE, NOW, 3)


def test_an_answer_without_measure_is_refused(monkeypatch):
    monkeypatch.setattr("ingest.weather.open_meteo.MOST_BYTES", 1 << 20)
    with serving(lambda *_: (200, b" " * (2 << 20))) as (url, _), pytest.raises(Rejected, match="more than 1 MB"):
        client(url).forecast(*PLACE, NOW, 3)


def test_an_answer_without_bottom_has_another_shape():
    with serving(lambda *_: (200, b"[" * 100_000)) as (url, _), pytest.raises(Rejected, match="another shape"):
        client(url).forecast(*PLACE, NOW, 3)


@pytest.fixture
def dripping() -> Iterator[str]:
    """A server that promises a megabyte and sends a byte now and then, for as long as somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def drip() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
                while True:
                    line.sendall(b" ")
                    time.sleep(0.02)

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.join()


@contextlib.contextmanager
def breaking(answer: bytes) -> Iterator[str]:
    """Serve one answer as it stands, and hang up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            with contextlib.suppress(OSError), listening.accept()[0] as line:
                line.recv(65536)
                line.sendall(answer)

        thread = threading.Thread(target=hang_up, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    thread.join()
