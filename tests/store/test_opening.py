from __future__ import annotations

import pytest
from pydantic import ValidationError

from core.errors import ConfigError
from core.park import EmbeddedStore as EmbeddedSettings
from core.park import InfluxStore as InfluxSettings
from store.embedded import EmbeddedStore
from store.influx import InfluxStore
from store.influx_v2 import InfluxV2
from store.opening import open_store

VARIABLE = "PARKWATT_TEST_SECRET"


def with_store(park, settings):
    return park.model_copy(update={"store": settings})


def test_the_embedded_store_makes_its_folder(small_park, tmp_path):
    path = tmp_path / "new" / "folder" / "park.duckdb"
    store = open_store(with_store(small_park, EmbeddedSettings(path=path)))
    assert isinstance(store, EmbeddedStore)
    assert store.info().kind == "embedded"
    store.close()
    assert path.exists()


def test_a_folder_that_cannot_be_made_is_named(small_park, tmp_path):
    (tmp_path / "file").write_text("")
    settings = EmbeddedSettings(path=tmp_path / "file" / "park.duckdb")
    with pytest.raises(ConfigError, match=r"folder of .*park\.duckdb cannot be made"):
        open_store(with_store(small_park, settings))


@pytest.mark.influx
def test_influx_gets_its_password_from_where_it_is_kept(small_park, tmp_path, influxd, monkeypatch):
    secret = tmp_path / "secret"
    secret.write_text("from file\n")
    settings = InfluxSettings(kind="influx", url=influxd, username="keeper", password_file=secret)
    store = open_store(with_store(small_park, settings))
    assert isinstance(store, InfluxStore)
    assert store._http._session.auth == ("keeper", "from file")
    store.close()
    monkeypatch.setenv(VARIABLE, "from environment")
    settings = InfluxSettings(kind="influx", url=influxd, username="keeper", password_env=VARIABLE)
    store = open_store(with_store(small_park, settings))
    assert store._http._session.auth == ("keeper", "from environment")
    store.close()


def test_a_secret_that_is_not_there_is_named(small_park, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    settings = InfluxSettings(kind="influx", url="http://127.0.0.1:9", password_env=VARIABLE)
    with pytest.raises(ConfigError, match="PARKWATT_TEST_SECRET is not set"):
        open_store(with_store(small_park, settings))
    settings = InfluxSettings(kind="influx", url="http://127.0.0.1:9", password_file=tmp_path / "none")
    with pytest.raises(ConfigError, match="password file cannot be read"):
        open_store(with_store(small_park, settings))


def test_a_bucket_is_opened_by_its_token(small_park, tmp_path, monkeypatch):
    kept = tmp_path / "token"
    kept.write_text("from file\n")
    place = {"kind": "influx", "url": "http://127.0.0.1:9", "bucket": "park/autogen", "org": "our org"}
    monkeypatch.setenv(VARIABLE, "from environment")
    for settings, token in (({"token_file": kept}, "from file"), ({"token_env": VARIABLE}, "from environment")):
        store = open_store(with_store(small_park, InfluxSettings(**place, **settings)))
        assert isinstance(store._http, InfluxV2)
        assert store._http.database == "park"
        assert store._http._token == token
        store.close()


def test_a_token_that_is_not_there_is_named(small_park, tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    (tmp_path / "empty").write_text("\n")
    place = {"kind": "influx", "url": "http://127.0.0.1:9", "bucket": "park", "org": "our org"}
    for settings, words in (
        ({"token_env": VARIABLE}, "PARKWATT_TEST_SECRET is not set .it is named in store.token_env"),
        ({"token_file": tmp_path / "none"}, "token file cannot be read"),
        ({"token_file": tmp_path / "empty"}, "token of InfluxDB is empty .check store.token_file"),
    ):
        with pytest.raises(ConfigError, match=words):
            open_store(with_store(small_park, InfluxSettings(**place, **settings)))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"bucket": "park"}, "needs bucket, org and token_env or token_file"),
        ({"org": "our org", "token_env": VARIABLE}, "needs bucket, org and token_env or token_file"),
        ({"bucket": "park", "org": "our org", "token_env": VARIABLE, "username": "keeper"}, "leave out username"),
    ],
)
def test_settings_of_two_versions_are_told_apart(settings, words):
    with pytest.raises(ValidationError, match=words):
        InfluxSettings(kind="influx", url="http://127.0.0.1:9", **settings)


def test_the_database_is_called_like_the_bucket_unless_it_has_a_name():
    place = {"kind": "influx", "url": "http://127.0.0.1:9", "org": "our org", "token_env": VARIABLE}
    assert InfluxSettings(**place, bucket="park").database == "park"
    assert InfluxSettings(**place, bucket="park", database="energy").database == "energy"
    assert InfluxSettings(kind="influx", url="http://127.0.0.1:9").database == "parkwatt"
