"""A weather service's hours through store and models: readings like any other, and a rung that says where they are from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pandas as pd
import pytest

from core.errors import ConfigError, Rejected
from core.park import ForecastService
from core.park_file import load_park, parse_park
from core.quality import ReadingFlag
from core.quantities import Period
from ingest.weather.feed import Feed, service_of
from models.compute import Compute
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.ingest.weather.answers import of_question, serving

NOW = datetime(2026, 6, 20, 10, 20, tzinfo=UTC)
PARK = """
id: small
name: Small
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
weather_service: {url: URL, archive_url: URL}
points:
  - {id: grid, role: grid, name: Grid}
  - {id: roof, role: pv, name: Roof}
  - {id: sky, role: weather, name: Satellite, source: service}
arrays:
  - {id: roof, name: Roof, point: roof, dc_kwp: 100, ac_kw: 90, tilt: 10, azimuth: 180}
"""


class Fixed:
    def now(self) -> datetime:
        return NOW

    def monotonic_s(self) -> float:
        return 0.0


@pytest.fixture
def opened(tmp_path):
    with serving(of_question) as (url, asked):
        (tmp_path / "PARK.yaml").write_text(PARK.replace("URL", url))
        park = load_park(tmp_path / "PARK.yaml")
        store, state = EmbeddedStore(tmp_path / "park.duckdb", park.id), SqliteState(tmp_path / "state.sqlite")
        yield park, store, state, asked
        store.close()
        state.close()


def test_hours_become_readings_and_an_expectation_that_names_its_rung(opened):
    park, store, state, _ = opened
    feed = Feed(park, service_of(park.weather_service, Fixed()), store, state)
    assert feed.run(NOW) == 7 * 24 * 3
    sent = store.readings(NOW - timedelta(days=8), NOW, devices=["sky-service"])
    assert set(sent["flags"]) == {int(ReadingFlag.SERVICE)}
    assert set(sent["time"].dt.minute) == {30}
    Compute(park, store, state).run(NOW)
    noon = datetime(2026, 6, 19, 4, tzinfo=UTC)
    rows = store.slots(Period.SLOT, noon, noon + timedelta(minutes=15), scope="array").set_index("quantity")
    assert rows.loc["expected_kwh", "reasons"] == "rung_service service_temperature uncalibrated"
    assert rows.loc["expected_kwh", "estimated"] == 0.0
    assert 11.0 < rows.loc["expected_kwh", "value"] < 14.0  # 590 W/m² on 100 kWp for a quarter of an hour


def test_the_same_answer_again_changes_nothing_and_a_mended_one_does(opened):
    park, store, state, _ = opened
    feed = Feed(park, service_of(park.weather_service, Fixed()), store, state)
    feed.run(NOW)
    state.settle(state.dirty())
    assert feed.run(NOW) == 0
    assert state.dirty() == []

    def mended(path: str, question: dict[str, str]) -> tuple[int, object]:
        status, document = of_question(path, question)
        document["hourly"]["temperature_2m"][30] += 1.0
        return status, document

    with serving(mended) as (url, _):
        again = Feed(park, service_of(ForecastService(url=url), Fixed()), store, state)
        assert again.run(NOW) == 2  # the hours on both sides of that instant
    assert state.dirty() != []


def test_what_no_weather_can_be_is_stored_nowhere(opened):
    park, store, state, _ = opened

    class Strange:
        name = "strange"
        answer: ClassVar = {"ghi_wm2": [100.0, 200.0], "temp_air_c": [20.0, 20.0], "wind_speed_ms": [2.0, 2.0]}

        def past(self, _lat, _lon, start, _end):
            return pd.DataFrame({"start": pd.date_range(start, periods=2, freq="h"), **self.answer, **self.wrong})

    for wrong, words in (
        ({"ghi_wm2": [100.0, 5000.0]}, "strange answers ghi_wm2 5000"),
        ({"temp_air_c": [90.0, 20.0]}, "strange answers temp_air_c 90"),
        ({"start": [NOW, NOW]}, "double or out of order"),
        ({"start": [NOW.replace(tzinfo=None), NOW.replace(tzinfo=None, hour=11)]}, "name no zone"),
    ):
        service = Strange()
        service.wrong = wrong
        with pytest.raises(Rejected, match=words):
            Feed(park, service, store, state).run(NOW)
    assert store.latest().empty


def test_nobody_is_asked_unless_the_park_says_so():
    without = PARK.replace("weather_service: {url: URL, archive_url: URL}\n", "").encode()
    assert parse_park(without).weather_service is None
    with pytest.raises(ConfigError, match="source: service"):
        parse_park(PARK.replace("URL", "http://x").replace(", source: service", "").encode())
    with pytest.raises(ConfigError, match="role weather"):
        parse_park(without.replace(b"role: pv, name: Roof", b"role: pv, name: Roof, source: service"))
