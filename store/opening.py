"""From a park description to its store."""

from __future__ import annotations

from core.clock import Clock
from core.errors import ConfigError
from core.park import EmbeddedStore as EmbeddedSettings
from core.park import InfluxStore as InfluxSettings
from core.park import Park, secret
from core.store import Store
from store.embedded import EmbeddedStore
from store.influx import InfluxStore


def open_store(park: Park, clock: Clock | None = None) -> Store:
    """Open the store a park asks for; makes the folders above its file. Raises ConfigError in words to act on."""
    settings = park.store
    if isinstance(settings, InfluxSettings):
        return InfluxStore(
            settings.url,
            settings.database,
            park.id,
            username=settings.username,
            password=_password(settings),
            timeout_s=settings.timeout_s,
            clock=clock,
        )
    return _open_file(settings, park.id, clock)


def _open_file(settings: EmbeddedSettings, park_id: str, clock: Clock | None) -> EmbeddedStore:
    try:
        settings.path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the folder of {settings.path} cannot be made: {error}", "check store.path") from error
    return EmbeddedStore(settings.path, park_id, settings.memory_limit_mb, settings.threads, clock)


def _password(settings: InfluxSettings) -> str | None:
    try:
        password = secret(settings.password_env, settings.password_file)
    except OSError as error:
        raise ConfigError(f"the password file cannot be read: {error}", "check store.password_file") from error
    if settings.password_env and password is None:
        raise ConfigError(
            f"the environment variable {settings.password_env} is not set", "it is named in store.password_env"
        )
    return password
