"""The description of a park: what PARK.yaml says, validated whole.

Everything that changes with time carries `valid_from` and `valid_to` (half-open). Times written without an offset
are park time. `core/park_file.py` reads the file and turns every fault into line, reason and hint.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, Field, PrivateAttr, field_validator, model_validator

from core.dated import (
    FIRST_YEAR,
    LAST_YEAR,
    Dated,
    Day,
    DeviceId,
    Identifier,
    Model,
    Share,
    When,
    overlapping,
    valid_one,
)
from core.holidays import Calendar
from core.park_pv import Array, ForecastService
from core.text import Language, Text

__all__ = [
    "FIRST_YEAR",
    "LAST_YEAR",
    "Alerts",
    "Array",
    "Broker",
    "CarbonChoice",
    "Dated",
    "DeviceAssignment",
    "DeviceId",
    "EmbeddedStore",
    "ForecastService",
    "Http",
    "Identifier",
    "InfluxStore",
    "Model",
    "Park",
    "Point",
    "Receiver",
    "Reports",
    "Rules",
    "Shard",
    "Share",
    "Target",
    "Tariff",
    "Tls",
    "When",
    "overlapping",
    "secret",
    "valid_one",
]


class DeviceAssignment(Dated):
    """A device that serves a point for a time."""

    id: DeviceId
    template: Identifier
    ratio: float = Field(1.0, gt=0.0, description="CT ratio x PT ratio; 1 where the device already applies it")
    direction: Literal["normal", "reversed"] = "normal"
    rating_kw: float | None = Field(None, gt=0.0, description="largest power this point can draw or deliver")
    rollover_kwh: float | None = Field(
        None, gt=0.0, description="count at which its registers start again; default that of the template"
    )
    netting: Literal["sum", "phases"] | None = Field(
        None, description="whether phases are added before counting, or each counts alone; default that of the template"
    )
    interval_s: float = Field(60.0, gt=0.0, description="how often the device reports when all is well")
    serial: str | None = None
    accuracy_class: str | None = None
    calibrated_on: Day | None = None


class Point(Model):
    """A place where energy or weather is measured."""

    id: Identifier
    role: Literal["grid", "pv", "load", "storage", "weather"]
    name: Text
    parent: Identifier | None = None
    group: Identifier | None = Field(None, description="points of one group are shown together, e.g. a building")
    source: Literal["station", "service"] = Field(
        "station", description="service: nobody measures here, a weather service computes (role weather only)"
    )
    devices: tuple[DeviceAssignment, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _fed_by_service(cls, value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
        if isinstance(value, dict) and value.get("source") == "service" and not value.get("devices"):
            own = {"id": f"{value.get('id')}-service", "template": "json", "interval_s": 3600.0}
            return {**value, "devices": [own]}
        return value

    @model_validator(mode="after")
    def _weather_alone_is_computed(self) -> Point:
        if self.source == "service" and self.role != "weather":
            raise ValueError("source: service is for points of the role weather")
        return self

    def device_at(self, instant: datetime) -> DeviceAssignment | None:
        """Return the device that served the point at `instant`."""
        return valid_one(self.devices, instant)


class Tariff(Dated):
    """What a kWh costs at the grid connection."""

    import_per_kwh: float
    export_per_kwh: float = 0.0
    currency: str = "CNY"
    source: str = ""


class Target(Dated):
    """Tiers of one monthly ratio: green from `green` on, yellow from `yellow` on, red below."""

    quantity: Literal["self_sufficiency", "self_consumption", "net_zero_ratio"] = "self_sufficiency"
    green: float = Field(ge=0.0)
    yellow: float = Field(ge=0.0)
    source: str = ""

    @model_validator(mode="after")
    def _ordered(self) -> Target:
        if self.yellow > self.green:
            raise ValueError("yellow must not be above green")
        return self


class CarbonChoice(Dated):
    """Which row of the factor table converts grid import to carbon."""

    scheme: Identifier = "location"
    region: str = "CN"


class Shard(Model):
    """What one of several collectors receives: everything on some topics, or what some devices publish."""

    topics: tuple[str, ...] = Field((), description="MQTT filters, e.g. site-north/#")
    devices: tuple[DeviceId, ...] = ()

    @field_validator("topics")
    @classmethod
    def _filters(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for topic in value:
            levels = topic.split("/")
            if not topic or "#" in levels[:-1] or any(c in level and level != c for level in levels for c in "+#"):
                raise ValueError(f"{topic!r} is no MQTT filter; + and # stand for whole levels, # only for the last")
        return value

    @model_validator(mode="after")
    def _holds_something(self) -> Shard:
        if not self.topics and not self.devices:
            raise ValueError("a shard names topics or devices")
        return self


class Broker(Model):
    """The MQTT broker. The password comes from the environment or a file, never from the YAML."""

    host: str = "127.0.0.1"
    port: int = Field(1883, ge=1, le=65535)
    client_id: str | None = Field(None, description="stable; default parkwatt-<park id>")
    topics: tuple[str, ...] | None = Field(None, description="subscribe to these instead of the templates' own")
    shards: dict[Identifier, Shard] = Field(
        default_factory=dict, description="several collectors, each with its share: parkwatt ingest --shard NAME"
    )
    username: str | None = None
    password_env: str | None = None
    password_file: Path | None = None
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    keepalive_s: int = Field(60, ge=5, le=3600)

    @model_validator(mode="after")
    def _topics_or_shards(self) -> Broker:
        if self.topics and self.shards:
            raise ValueError("topics and shards exclude each other: write the topics into the shards")
        return self


class EmbeddedStore(Model):
    """DuckDB in one file."""

    kind: Literal["embedded"] = "embedded"
    path: Path = Path("data/parkwatt.duckdb")
    memory_limit_mb: int = Field(128, ge=32)
    threads: int = Field(2, ge=1)


class InfluxStore(Model):
    """InfluxDB 2 where `bucket` is given, otherwise InfluxDB 1.x or openGemini. Secrets never stand in the YAML."""

    kind: Literal["influx"]
    url: str = Field(pattern=r"^https?://")
    database: str = Field("parkwatt", description="what InfluxQL calls it; beside `bucket` its name, if not given")
    username: str | None = Field(None, description="1.x and openGemini")
    password_env: str | None = Field(None, description="1.x and openGemini")
    password_file: Path | None = Field(None, description="1.x and openGemini")
    bucket: str | None = Field(None, min_length=1, description="InfluxDB 2; needs org and a token as well")
    org: str | None = Field(None, min_length=1, description="InfluxDB 2")
    token_env: str | None = Field(None, description="InfluxDB 2: the environment variable that holds the token")
    token_file: Path | None = Field(None, description="InfluxDB 2: the file that holds the token")
    timeout_s: float = Field(10.0, gt=0.0)

    @model_validator(mode="before")
    @classmethod
    def _database_of_bucket(cls, value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
        if isinstance(value, dict) and isinstance(value.get("bucket"), str) and not value.get("database"):
            # InfluxDB 2 itself reads a bucket `a/b` as database a with retention policy b.
            return {**value, "database": value["bucket"].partition("/")[0]}
        return value

    @model_validator(mode="after")
    def _one_interface(self) -> InfluxStore:
        token = self.token_env or self.token_file
        if not (self.bucket or self.org or token):
            return self
        if not (self.bucket and self.org and token):
            raise ValueError(
                "InfluxDB 2 needs bucket, org and token_env or token_file; 1.x and openGemini none of them"
            )
        if self.username or self.password_env or self.password_file:
            raise ValueError(
                "InfluxDB 2 is opened with a token: leave out username and password, or bucket, org and token"
            )
        return self


class Tls(Model):
    """The page's own certificate, where no proxy in front has one."""

    cert_file: Path = Field(description="PEM; the certificate and those it rests on")
    key_file: Path


def _network(text: str) -> str:
    try:
        return str(ip_network(text, strict=False))
    except ValueError:
        raise ValueError("is no address and no network (write it like 10.0.0.7 or 172.16.0.0/12)") from None


class Http(Model):
    """Where the page listens, and who may see it."""

    listen: str = "127.0.0.1"
    port: int = Field(8080, ge=0, le=65535)
    hosts: tuple[str, ...] = Field((), description="host names under which the page is asked for, besides `listen`")
    admin_password_file: Path | None = Field(
        None, description="the password of the user `admin`, who is made at the start where there are no users"
    )
    trusted_proxies: tuple[Annotated[str, AfterValidator(_network)], ...] = Field(
        (), description="addresses or networks whose X-Forwarded-For and X-Forwarded-Proto count"
    )
    tls: Tls | None = None
    import_folders: tuple[Path, ...] = Field(
        (),
        description="folders whose files a token or somebody signed in may import; commands of this machine need none",
    )
    session_hours: float = Field(12.0, gt=0.0, le=24 * 90, description="after so long one signs in again")


class Receiver(Model):
    """Where alerts go. An Apprise URL or webhook address is a secret and may come from the environment."""

    id: Identifier
    kind: Literal["log", "webhook", "apprise"]
    url: str | None = None
    url_env: str | None = None
    language: Language = Language.ZH
    severity: Literal["info", "warning", "critical"] = "info"

    @model_validator(mode="after")
    def _has_address(self) -> Receiver:
        if self.kind != "log" and not (self.url or self.url_env):
            raise ValueError(f"a receiver of kind {self.kind} needs url or url_env")
        return self


CHINESE_ZONES = {"Asia/Shanghai", "Asia/Urumqi", "Asia/Chongqing", "Asia/Harbin", "PRC"}


class Rules(Model):
    """The library rules are on unless switched off; further files add to them."""

    disable: tuple[str, ...] = ()
    files: tuple[Path, ...] = ()
    params: dict[str, dict[str, float]] = Field(default_factory=dict, description="rule id -> parameter -> value")


class Alerts(Model):
    """What people may do with alerts."""

    longest_silence_days: int = Field(14, ge=1, le=366, description="how long alerts may be kept quiet at most")


class WorkCalendar(Model):
    """Which days are worked: public holidays of a country, and the park's own days."""

    country: Literal["CN"] | None = Field(
        None, description="whose public holidays and make-up workdays hold; in a Chinese time zone CN"
    )
    closed: tuple[Day, ...] = Field((), description="further days off, e.g. a works holiday")
    worked: tuple[Day, ...] = Field((), description="weekend days or holidays that are worked")

    @model_validator(mode="after")
    def _one_or_other(self) -> WorkCalendar:
        both = sorted(set(self.closed) & set(self.worked))
        if both:
            raise ValueError(f"{both[0]} cannot be closed and worked")
        return self


class Reports(Model):
    """Reports that were made are kept as they were, beside the state file."""

    kept_per_month: int = Field(12, ge=1, le=1000, description="of each month; the oldest goes when one more is made")


class Park(Model):
    """A whole park, as one PARK.yaml describes it."""

    id: Identifier
    name: Text
    latitude: float = Field(ge=-90.0, le=90.0)
    longitude: float = Field(ge=-180.0, le=180.0)
    altitude_m: float = Field(0.0, ge=-430.0, le=6000.0)
    timezone: str
    area_ha: float | None = Field(None, gt=0.0)
    notice: Text | None = Field(
        None, description="a line every page and report shows, e.g. where replayed data come from"
    )
    languages: tuple[Language, ...] = (Language.ZH, Language.EN)
    mqtt: Broker = Broker()
    store: Annotated[EmbeddedStore | InfluxStore, Field(discriminator="kind")] = EmbeddedStore()
    state: Path = Field(Path("data/state.sqlite"), description="alerts, marks, quarantine, archived configurations")
    http: Http = Http()
    points: tuple[Point, ...] = Field(min_length=1)
    arrays: tuple[Array, ...] = ()
    weather_service: ForecastService | None = Field(
        None, description="asked for the weather of every point with `source: service`; nobody is asked without it"
    )
    tariffs: tuple[Tariff, ...] = ()
    targets: tuple[Target, ...] = ()
    carbon: tuple[CarbonChoice, ...] = Field((), description="in China, where absent, the national average")
    receivers: tuple[Receiver, ...] = (Receiver(id="log", kind="log"),)
    rules: Rules = Rules()
    alerts: Alerts = Alerts()
    reports: Reports = Reports()
    calendar: WorkCalendar = WorkCalendar()

    _zone: ZoneInfo = PrivateAttr()
    _digest: str = PrivateAttr(default="")

    @field_validator("store", mode="before")
    @classmethod
    def _store_kind(cls, value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
        if isinstance(value, dict) and "kind" not in value:
            return {"kind": "influx" if "url" in value else "embedded", **value}
        return value

    @model_validator(mode="before")
    @classmethod
    def _carbon_of_china(cls, value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
        if isinstance(value, dict) and value.get("timezone") in CHINESE_ZONES and "carbon" not in value:
            return {**value, "carbon": [{}]}
        return value

    @model_validator(mode="before")
    @classmethod
    def _calendar_of_china(cls, value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
        if isinstance(value, dict) and value.get("timezone") in CHINESE_ZONES:
            own = value.get("calendar") or {}
            if isinstance(own, dict) and "country" not in own:
                return {**value, "calendar": {**own, "country": "CN"}}
        return value

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("no such time zone; write it like Asia/Shanghai")
        return value

    def model_post_init(self, _context: object) -> None:
        self._zone = ZoneInfo(self.timezone)
        for element in self._dated():
            for end in ("valid_from", "valid_to"):
                # Frozen for everybody else: here alone park time becomes UTC, once, before anyone reads it.
                object.__setattr__(element, end, self._utc(getattr(element, end)))

    def _dated(self) -> list[Dated]:
        devices = [d for p in self.points for d in p.devices]
        limits = [c for a in self.arrays for c in a.curtailments]
        return [*devices, *self.arrays, *limits, *self.tariffs, *self.targets, *self.carbon]

    def _utc(self, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return (value if value.tzinfo else value.replace(tzinfo=self._zone)).astimezone(UTC)

    @property
    def zone(self) -> ZoneInfo:
        """The park's time zone."""
        return self._zone

    @property
    def days(self) -> Calendar:
        """Which days are worked here."""
        own = self.calendar
        return Calendar(own.country or "", frozenset(own.closed), frozenset(own.worked))

    @property
    def digest(self) -> str:
        """SHA-256 of the file this was read from; archived with every run."""
        return self._digest

    def point(self, point_id: str) -> Point:
        """Return the point called `point_id`."""
        return next(p for p in self.points if p.id == point_id)

    def by_role(self, role: str) -> tuple[Point, ...]:
        """Return the points of one role, in the file's order."""
        return tuple(p for p in self.points if p.role == role)

    def top_loads(self) -> tuple[Point, ...]:
        """Return the load points that are not below another load point: their sum is what sub-meters explain."""
        loads = {p.id for p in self.by_role("load")}
        return tuple(p for p in self.by_role("load") if p.parent not in loads)

    def assignments(self) -> list[tuple[Point, DeviceAssignment]]:
        """Return every (point, device) pair."""
        return [(p, d) for p in self.points for d in p.devices]

    def arrays_of(self, point_id: str) -> tuple[Array, ...]:
        """Return the arrays behind one PV point."""
        return tuple(a for a in self.arrays if a.point == point_id)


def secret(env: str | None, file: Path | None) -> str | None:
    """Return a secret from the environment or a file; None where neither is configured."""
    if env:
        return os.environ.get(env)
    if file:
        return file.read_text().strip()
    return None
