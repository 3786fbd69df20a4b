"""The job that asks the weather service: only where the park names one, and its silence stops nothing else."""

from __future__ import annotations

from pathlib import Path

from core.clock import SystemClock
from core.park_file import load_park
from service.runner import JobHealth, Jobs, opened
from tests.ingest.weather.answers import of_question, serving

PARK = """
id: small
name: Small
latitude: 31.2
longitude: 121.5
timezone: Asia/Shanghai
points:
  - {id: grid, role: grid, name: Grid}
  - {id: roof, role: pv, name: Roof}
  - {id: sky, role: weather, name: Satellite, source: service}
arrays:
  - {id: roof, name: Roof, point: roof, dc_kwp: 100, ac_kw: 90, tilt: 10, azimuth: 180}
"""


def park_of(folder: Path, service: str):
    (folder / "PARK.yaml").write_text(PARK + service)
    return load_park(folder / "PARK.yaml")


def test_it_runs_where_the_park_names_a_service_and_survives_its_silence(tmp_path: Path) -> None:
    clock = SystemClock()
    with serving(of_question) as (url, asked):
        park = park_of(tmp_path, f"weather_service: {{url: '{url}', archive_url: '{url}'}}\n")
        with opened(park, clock, "", "serve") as runtime:
            jobs, health = Jobs(runtime), JobHealth()
            jobs._watched("weather", health, jobs._run_weather)
            assert (health.runs, health.failures) == (1, 0)
            assert asked
            assert set(runtime.store.latest()["device"]) == {"sky-service"}
    with opened(park, clock, "", "serve") as runtime:
        jobs, health = Jobs(runtime), JobHealth()
        jobs._watched("weather", health, jobs._run_weather)
        assert (health.runs, health.failures) == (0, 1)
        assert "does not answer" in str(health.last_error)


def test_without_a_service_nobody_is_asked(tmp_path: Path) -> None:
    with opened(park_of(tmp_path, ""), SystemClock(), "", "serve") as runtime:
        jobs = Jobs(runtime)
        jobs.start()
        jobs.stop()
        assert "weather" not in runtime.jobs
