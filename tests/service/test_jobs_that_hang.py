"""A job that does not return is named by /healthz, with who waits for it; those that need not wait go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.clock import ManualClock
from service.http import make_app
from service.runner import JobHealth, Jobs, Runtime, opened
from tests.service.test_weather_job import park_of

BEGUN = datetime(2026, 6, 20, 10, 3, 11, tzinfo=UTC)


class Served:
    """An opened park whose jobs are begun by hand."""

    def __init__(self, runtime: Runtime, clock: ManualClock) -> None:
        self.clock, self.jobs, self.runtime = clock, Jobs(runtime), runtime
        self.page = TestClient(make_app(runtime, "token"), base_url="http://127.0.0.1:8080")
        self.end = threading.Event()
        self.threads: list[threading.Thread] = []

    def begin(self, name: str, work: Callable[[datetime], object]) -> JobHealth:
        """Run a job in a thread of its own."""
        health = self.runtime.jobs[name] = JobHealth()
        thread = threading.Thread(target=self.jobs._watched, args=(name, health, work))
        thread.start()
        self.threads.append(thread)
        return health

    def hang(self, name: str) -> JobHealth:
        """Run a job that comes to no end of its own, and return when it has begun."""
        reached = threading.Event()
        health = self.begin(name, lambda _: (reached.set(), self.end.wait()))
        assert reached.wait(60)
        return health

    def let_go(self) -> None:
        """Let what hangs come to its end."""
        self.end.set()
        for thread in self.threads:
            thread.join(60)

    def problems(self) -> list[str]:
        return self.page.get("/healthz").json()["problems"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    clock = ManualClock(BEGUN)
    with opened(park_of(tmp_path, ""), clock, "", "serve") as runtime:
        served = Served(runtime, clock)
        yield served
        served.let_go()


@pytest.mark.parametrize("name", ["weather", "foretell", "diagnose"])
def test_it_is_named_with_its_beginning_and_its_length_while_others_run(served: Served, name: str) -> None:
    health, ran = served.hang(name), []
    served.clock.advance(timedelta(minutes=9))
    assert served.problems() == []
    served.clock.advance(timedelta(minutes=5))
    assert served.problems() == [f"{name}: has not returned since 2026-06-20 10:03:11 UTC, silent for 14 min"]
    told = served.page.get("/healthz")
    assert (told.status_code, told.json()["jobs"][name]["silent_s"]) == (503, 840.0)
    assert f'parkwatt_job_silent_seconds{{job="{name}"}} 840.0' in served.page.get("/metrics").text
    served.begin("compute", ran.append)
    served.threads[-1].join(60)
    assert ran == [BEGUN + timedelta(minutes=14)]
    served.let_go()
    assert (served.problems(), health.runs, health.running_since) == ([], 1, None)


def test_who_waits_for_it_is_not_blamed(served: Served) -> None:
    served.hang("compute")
    rules = served.begin("rules", lambda _: None)
    while rules.waiting_since is None:
        pass
    served.clock.advance(timedelta(minutes=20))
    expected = "compute: has not returned since 2026-06-20 10:03:11 UTC, silent for 20 min; held up: rules"
    assert served.problems() == [expected]
    served.let_go()
    assert (served.problems(), rules.runs) == ([], 1)


def test_a_job_that_gets_on_may_take_its_time(served: Served) -> None:
    health = served.hang("compute")
    served.clock.advance(timedelta(minutes=9))
    health.alive_s = served.clock.monotonic_s()  # a season of a long past is computed
    served.clock.advance(timedelta(minutes=9))
    assert served.problems() == []
