"""Reports made in the background, kept as they were, and handed out again."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from core.clock import ManualClock
from core.errors import ConfigError, Retryable
from core.park_file import load_park
from service import making
from service.http import make_app
from service.made_reports import MadeReports
from service.making import OVER, Maker
from service.runner import Runtime, opened
from tests.conftest import wait_for
from tests.service.conftest import NOVEMBER, SIX_WEEKS, fill, written

TOKEN = "secret-of-this-test"  # noqa: S105
BEARER = {"authorization": f"Bearer {TOKEN}"}
HERE = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    folder = tmp_path_factory.mktemp("made")
    with opened(load_park(written(folder)), ManualClock(NOVEMBER), SIX_WEEKS, "ingest", "serve") as made:
        fill(made)
        yield made


@pytest.fixture
def client(filled: Runtime) -> Iterator[TestClient]:
    with TestClient(make_app(filled, TOKEN), base_url=HERE, client=("127.0.0.1", 50000)) as asked:
        yield asked


def made(client: TestClient, month: str = "2026-10") -> dict:
    asked = client.post(f"/api/v1/reports/{month}", headers=BEARER)
    assert asked.status_code == 202
    job = asked.json()["id"]
    wait_for(lambda: client.get(f"/api/v1/report-jobs/{job}").json()["where"] in OVER, what="the report")
    return client.get(f"/api/v1/report-jobs/{job}").json()


def listed(client: TestClient, month: str = "2026-10") -> dict:
    view = client.get("/api/v1/reports/view?lang=en").json()
    return next(m for m in view["months"] if m["month"] == month)


def test_a_report_is_made_kept_and_handed_out_again_as_it_was(client: TestClient, filled: Runtime) -> None:
    assert listed(client)["made"] == []
    job = made(client)
    assert (job["where"], job["share"], job["error"], job["author"]) == ("done", 1.0, "", "parkwatt")
    first = job["made"]
    assert (first["made_text"], first["partial"], sorted(first["files"])) == (
        "2026-11-12 12:00", False, ["en.pdf", "json", "xlsx", "zh.pdf"]
    )  # fmt: skip
    path = f"/api/v1/reports/2026-10/made/{first['id']}"
    before = {name: client.get(f"{path}/{name}") for name in first["files"]}
    assert {n: hashlib.sha256(a.content).hexdigest() for n, a in before.items()} == first["files"]
    assert before["json"].json()["digest"] == first["digest"]
    assert before["en.pdf"].headers["content-type"] == "application/pdf"
    assert isinstance(filled.clock, ManualClock)
    filled.clock.advance(timedelta(minutes=5))
    second = made(client)["made"]
    assert [m["id"] for m in listed(client)["made"]] == [second["id"], first["id"]]
    assert client.get(f"{path}/xlsx").content == before["xlsx"].content
    month = listed(client, "2026-11")
    assert (month["open"], month["name"], month["made"]) == (True, "November 2026", [])
    assert made(client, "2026-11")["made"]["partial"] is True


@pytest.mark.parametrize(
    "path",
    [
        "2026-10/made/../../../state.sqlite",
        "2026-10/made/%2e%2e%2f%2e%2e/json",
        "2026-10/made/..%2f..%2fstate.sqlite/json",
        "2026-10/made/20261112T040000Z-000000000000/json",
        "..%2f..%2fetc/made/20261112T040000Z-000000000000/passwd",
        "2026-10/made/x/..%2f..%2f..%2fstate.sqlite",
        "2026-10/..%2f..%2fstate.sqlite",
        "%2e%2e/json",
    ],
)
def test_no_path_leads_elsewhere(client: TestClient, path: str) -> None:
    answer = client.get(f"/api/v1/reports/{path}")
    assert answer.status_code in {400, 404}
    assert b"SQLite" not in answer.content


def test_a_file_that_was_changed_or_an_index_that_was_damaged_is_not_handed_out(
    client: TestClient, filled: Runtime
) -> None:
    assert isinstance(filled.clock, ManualClock)
    filled.clock.advance(timedelta(hours=1))
    report = made(client)["made"]
    folder = filled.park.state.parent / "reports" / "2026-10" / report["id"]
    (workbook,) = folder.glob("*.xlsx")
    workbook.write_bytes(b"forged")
    answer = client.get(f"/api/v1/reports/2026-10/made/{report['id']}/xlsx")
    assert (answer.status_code, "its digest differs" in answer.json()["detail"]) == (400, True)
    index = (folder / "made.json").read_text()
    (folder / "made.json").write_text(index.replace(workbook.name, "../../../state.sqlite"))
    assert client.get(f"/api/v1/reports/2026-10/made/{report['id']}/xlsx").status_code == 400
    (folder / "made.json").write_text("{")
    assert report["id"] not in [m["id"] for m in listed(client)["made"]]


@pytest.mark.parametrize("month", ["2026-13", "x", "0000-01", "2027-01"])
def test_a_month_that_cannot_be_is_refused_in_words(client: TestClient, month: str) -> None:
    answer = client.post(f"/api/v1/reports/{month}", headers=BEARER)
    if answer.status_code == 202:  # it is one, but has not begun
        job = made(client, month)
        assert (job["where"], "has not begun" in job["error"]) == ("failed", True)
    else:
        assert (answer.status_code, "is not a month" in answer.json()["detail"]) == (400, True)


def test_only_operators_make_and_stop(client: TestClient) -> None:
    assert client.post("/api/v1/reports/2026-10").status_code == 401
    assert client.post("/api/v1/report-jobs/x/cancel").status_code == 401
    assert client.post("/api/v1/report-jobs/x/cancel", headers=BEARER).status_code == 400
    assert client.get("/api/v1/report-jobs/x").status_code == 400


# -- one at a time


class Slow:
    """A report that takes as long as the test wants, in place of the real one."""

    def __init__(self) -> None:
        self.begun, self.go_on = threading.Semaphore(0), threading.Semaphore(0)
        self.built: list[str] = []

    def build(self, _park, _store, _state, year: int, month: int, *_: object) -> str:
        self.built.append(f"{year}-{month:02d}")
        self.begun.release()
        assert self.go_on.acquire(timeout=20)
        return "built"

    def write(self, _built: str, folder: Path, progress) -> None:
        folder.mkdir(parents=True)
        (folder / "parkwatt-small.json").write_text('{"digest": "0123456789abcdef", "scope": {"partial": false}}')
        progress(1, 2)


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    stand_in = Slow()
    monkeypatch.setattr(making.monthly, "build", stand_in.build)
    monkeypatch.setattr(making.monthly, "write", stand_in.write)
    return stand_in


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    with opened(load_park(written(tmp_path)), ManualClock(NOVEMBER), SIX_WEEKS, "ingest", "serve") as runtime:
        yield Maker(runtime, MadeReports(runtime.park))


def over(maker: Maker, *jobs: making.Job) -> None:
    wait_for(lambda: all(maker.job(j.id).where in OVER for j in jobs), what="the jobs")


def test_one_is_made_at_a_time_and_the_same_month_once(slow: Slow, maker: Maker) -> None:
    first = maker.ask(2026, 10, "Ann")
    assert slow.begun.acquire(timeout=20)
    second = maker.ask(2026, 9, "Ann")
    assert maker.ask(2026, 10, "Bo") is first
    assert maker.ask(2026, 9, "Bo") is second
    assert (slow.built, second.where, len(maker.jobs())) == (["2026-10"], "queued", 2)
    slow.go_on.release(2)
    over(maker, first, second)
    assert (first.where, second.where, slow.built) == ("done", "done", ["2026-10", "2026-09"])
    maker.close()


def test_a_job_is_stopped_at_its_next_step_and_leaves_nothing(slow: Slow, maker: Maker) -> None:
    first, second = maker.ask(2026, 10, "Ann"), maker.ask(2026, 9, "Ann")
    assert slow.begun.acquire(timeout=20)
    assert maker.cancel(second.id).where == "cancelled"
    maker.cancel(first.id)
    again = maker.ask(2026, 10, "Ann")  # the one that is being stopped is not handed out again
    slow.go_on.release(2)
    over(maker, first, again)
    assert (first.where, again.where, slow.built) == ("cancelled", "done", ["2026-10", "2026-10"])
    folder = maker._runtime.park.state.parent / "reports"
    assert [p.name for p in folder.iterdir()] == ["2026-10"]
    assert maker.cancel(again.id).where == "done"
    maker.close()


def test_too_many_are_refused_and_an_ending_service_stops_them(slow: Slow, maker: Maker) -> None:
    jobs = [maker.ask(2024 + n // 12, n % 12 + 1, "Ann") for n in range(making.WAITING_AT_MOST)]
    with pytest.raises(Retryable, match="are waiting to be made already"):
        maker.ask(2020, 1, "Ann")
    assert slow.begun.acquire(timeout=20)
    slow.go_on.release()
    maker.close()
    assert len(slow.built) == 1
    assert jobs[0].where == "cancelled"
    with pytest.raises(Retryable, match="ending"):
        maker.ask(2026, 10, "Ann")


def test_the_oldest_of_a_month_goes_and_what_a_killed_process_left_too(tmp_path: Path) -> None:
    park = load_park(written(tmp_path))
    park = park.model_copy(update={"reports": park.reports.model_copy(update={"kept_per_month": 2})})
    (tmp_path / "reports" / ".making-dead").mkdir(parents=True)
    kept = MadeReports(park)
    for day in (1, 2, 3):
        place = kept.workplace("x")
        place.mkdir()
        (place / "parkwatt-small.json").write_text(f'{{"digest": "{day}123456789abcdef"}}')
        kept.keep(place, "2026-10", datetime(2026, 11, day, tzinfo=UTC), "Ann")
    assert [m.id for m in kept.of("2026-10")] == ["20261103T000000Z-3123456789ab", "20261102T000000Z-2123456789ab"]
    assert [p.name for p in (tmp_path / "reports").iterdir()] == ["2026-10"]
    assert kept.of("../2026-10") == []
    with pytest.raises(ConfigError, match="no such report"):
        kept.file("2026-10", "20261101T000000Z-1123456789ab", "json")
