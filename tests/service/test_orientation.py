"""`parkwatt orientation` and its route, on the demo park's own twin."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from core.errors import ConfigError
from service import orientation_command
from service.http.app import make_app
from service.runner import Runtime


def test_the_twins_arrays_face_where_they_were_put(demo_park: Runtime) -> None:
    found = orientation_command.told(demo_park.park, demo_park.store, None, 60, demo_park.clock.now())
    assert [f["array"] for f in found] == [a.id for a in demo_park.park.arrays]
    for line in found:
        print(orientation_command._words(line))
        assert "refused" in line or not line["differs"]


def test_the_route_says_the_same(demo_park: Runtime) -> None:
    client = TestClient(make_app(demo_park, "secret-of-this-test"), base_url="http://127.0.0.1:8080")
    array = demo_park.park.arrays[0].id
    told = client.get(f"/api/v1/orientation?array={array}&days=60").json()
    assert told == orientation_command.told(demo_park.park, demo_park.store, array, 60, demo_park.clock.now())
    assert client.get("/api/v1/orientation?array=nowhere").status_code == 404
    assert client.get("/api/v1/orientation?days=0").status_code == 422
    with pytest.raises(ConfigError, match="there is no array"):
        orientation_command.told(demo_park.park, demo_park.store, "nowhere", 60, demo_park.clock.now())
