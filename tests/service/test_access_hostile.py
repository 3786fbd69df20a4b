"""What somebody hostile tried: each of these once worked."""

# ruff: noqa: F811 - fixtures are imported

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from service.runner import Runtime
from tests.service.test_access import SERVICE, bearer, open_park, park, signed, token_of, visitor  # noqa: F401 - fixtures


def bring(client: TestClient, headers: dict[str, str], *files: Path, mapping: Path | None = None):
    query = {"mapping": str(mapping)} if mapping else {}
    return client.post("/api/v1/import", params=query, json=[str(f) for f in files], headers=headers)


def test_a_token_brings_in_no_file_that_the_owner_did_not_put_there(park: Runtime, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("hunter2,of the house\n1,2\n", encoding="utf-8")
    client, ann = visitor(park), visitor(park)
    for answer in (
        bring(client, bearer(token_of(park, "import")), secret),
        bring(client, bearer(token_of(park, "admin", name="adm")), secret, mapping=secret),
        bring(ann, signed(ann, "Ann"), secret),
    ):
        assert answer.status_code == 400
        assert "hunter2" not in answer.text
        assert "may import no file from there" in answer.json()["detail"]
    told = bring(client, bearer(SERVICE), secret)
    assert "hunter2" in told.json()["detail"]  # who reads files on this machine anyway is told why


@pytest.mark.parametrize("open_park", [", import_folders: [FOLDER/in]"], indirect=True)
def test_only_what_lies_below_the_folders_is_brought_in(park: Runtime, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    good, bad, link = tmp_path / "in" / "good.csv", tmp_path / "in" / "bad.csv", tmp_path / "in" / "link.csv"
    good.write_text("time,grid-1.energy_import_kwh\n2026-11-12T00:00:00Z,1\n2026-11-12T00:15:00Z,hunter2\n", "utf-8")
    bad.write_text("hunter2,of the house\n1,2\n", encoding="utf-8")
    secret = tmp_path / "secret.csv"
    secret.write_text(good.read_text("utf-8"), encoding="utf-8")
    link.symlink_to(secret)
    client, token = visitor(park), bearer(token_of(park, "import"))
    for path in (secret, link, tmp_path / "in" / ".." / "secret.csv", tmp_path / "in2", Path("in/good.csv")):
        assert "may import no file from there" in bring(client, token, path).json()["detail"], path
    assert "may import no file from there" in bring(client, token, good, mapping=secret).json()["detail"]
    quoted = bring(client, token, bad)
    assert (quoted.status_code, "hunter2" in quoted.text) == (400, False)
    assert bring(client, token, good, mapping=bad).status_code == 400
    done = bring(client, token, good)
    assert (done.status_code, done.json()["new"], done.json()["rejected"]) == (200, 1, 1)
    assert "hunter2" not in done.text
