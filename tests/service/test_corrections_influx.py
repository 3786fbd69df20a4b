"""Every kind of correction on a real InfluxDB: every figure follows as on the embedded store, and comes back undone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from core.clock import ManualClock
from core.park_file import load_park
from core.quantities import Period
from service.cli import main
from service.http import make_app
from service.runner import Runtime, opened
from tests.service.conftest import NOVEMBER, OCTOBER, SIX_WEEKS, TOKEN, fill
from tests.service.test_corrections import ADD, BEARER, HERE, SIGN, SIGNED, document, figures, line

pytestmark = [pytest.mark.influx, pytest.mark.slow]

KINDS = {
    "ratio": {"point": "roof", "start": "2026-10-08", "end": "2026-10-10", "factor": 3},
    "exclude": {"device": "hall-1", "start": "2026-10-04T12:00", "end": "2026-10-05"},
    "shift": {"device": "grid-1", "start": "2026-10-12", "end": "2026-10-13", "seconds": 900},
    "set": {"point": "hall", "start": "2026-10-14", "end": "2026-10-15", "total_kwh": 700},
    "estimate": {"point": "hall", "start": "2026-10-16", "end": "2026-10-17"},
    "replace": {"point": "hall", "start": "2026-10-20T11:52", "last_kwh": 16696.667, "first_kwh": 56.667},
}


@pytest.fixture
def on_influx(tmp_path: Path, influxd: str) -> Iterator[Runtime]:
    folder = tmp_path / "influx"
    folder.mkdir()
    text = SIX_WEEKS.replace(
        "store: {path: FOLDER/park.duckdb}", f'store: {{kind: influx, url: "{influxd}", database: corr}}'
    )
    path = folder / "PARK.yaml"
    path.write_text(text.replace("FOLDER", str(folder)), encoding="utf-8")
    with opened(load_park(path), ManualClock(NOVEMBER), text, "ingest", "serve") as made:
        fill(made)
        yield made


def values(runtime: Runtime) -> pd.DataFrame:
    return pd.concat([runtime.store.slots(period, OCTOBER, NOVEMBER) for period in (Period.DAY, Period.MONTH)])


def test_every_kind_says_the_same_on_both_stores_and_is_undone(runtime: Runtime, on_influx: Runtime) -> None:
    parks = (runtime, on_influx)
    clients = [TestClient(make_app(r, TOKEN), base_url=HERE, client=("127.0.0.1", 50000)) for r in parks]
    before = figures(document(on_influx))
    untouched = values(on_influx)
    raw = on_influx.store.readings(OCTOBER, NOVEMBER)
    for number, (kind, asked) in enumerate(KINDS.items(), start=1):
        for client in clients:
            made = client.post("/api/v1/corrections", json={"kind": kind, **asked, **SIGNED}, headers=BEARER)
            assert (made.status_code, made.json().get("id")) == (200, number), (kind, made.json())
        embedded, influx = map(values, parks)
        pd.testing.assert_frame_equal(embedded, influx, rtol=1e-9)
        assert not influx.equals(untouched)
    listed = document(on_influx)["quality"]["corrections"]
    assert [(c["id"], c["in_force"]) for c in listed] == [(n, True) for n in range(1, 7)]
    assert document(on_influx)["quality"]["replaced_values"] > 0
    for number in range(1, 7):
        assert clients[1].post(f"/api/v1/corrections/{number}/undo", json=SIGNED, headers=BEARER).status_code == 200
    assert figures(document(on_influx)) == before
    pd.testing.assert_frame_equal(on_influx.store.readings(OCTOBER, NOVEMBER), raw)


def test_the_command_corrects_a_park_on_influx(on_influx: Runtime, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(on_influx.park.state.parent / "PARK.yaml")
    on_influx.state.close()
    assert main(["correct", path, "add", *ADD, *SIGN]) == 0
    with opened(on_influx.park, ManualClock(datetime(2026, 11, 12, 4, tzinfo=UTC)), "", "serve") as again:
        assert line(document(again), "generation_kwh") == 31 * 240.0 + 7 * 480.0
    assert main(["correct", path, "undo", "1", *SIGN]) == 0
    assert main(["correct", path, "list"]) == 0
    assert "undone by Li Wei" in capsys.readouterr().out
