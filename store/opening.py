"""From a park description to its store."""

from __future__ import annotations

from pathlib import Path

from core.clock import Clock
from core.errors import ConfigError
from core.park import EmbeddedStore as EmbeddedSettings
from core.park import InfluxStore as InfluxSettings
from core.park import Park, secret
from core.store import Store
from store.embedded import EmbeddedStore
from store.influx import InfluxStore
from store.influx_http import InfluxHttp
from store.influx_v1 import InfluxV1
from store.influx_v2 import InfluxV2


def open_store(park: Park, clock: Clock | None = None) -> Store:
    """Open the store a park asks for; makes the folders above its file. Raises ConfigError in words to act on."""
    settings = park.store
    if isinstance(settings, InfluxSettings):
        return InfluxStore(_server(settings, clock), park.id, clock)
    return _open_file(settings, park.id, clock)


def _open_file(settings: EmbeddedSettings, park_id: str, clock: Clock | None) -> EmbeddedStore:
    try:
        settings.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder of {settings.path} cannot be made: {error}", "check store.path") from error
    return EmbeddedStore(settings.path, park_id, settings.memory_limit_mb, settings.threads, clock)


def _server(settings: InfluxSettings, clock: Clock | None) -> InfluxHttp:
    if settings.bucket is None or settings.org is None:
        password = _secret("password", settings.password_env, settings.password_file)
        return InfluxV1(settings.url, settings.database, settings.username, password, settings.timeout_s, clock)
    token = _secret("token", settings.token_env, settings.token_file)
    if not token:
        raise ConfigError("the token of InfluxDB is empty", "check store.token_file")
    return InfluxV2(settings.url, settings.bucket, settings.org, token, settings.database, settings.timeout_s, clock)


def _secret(name: str, env: str | None, file: Path | None) -> str | None:
    try:
        found = secret(env, file)
    except OSError as error:
        raise ConfigError(f"the {name} file cannot be read: {error}", f"check store.{name}_file") from error
    if env and not found:
        raise ConfigError(f"the environment variable {env} is not set", f"it is named in store.{name}_env")
    return found
