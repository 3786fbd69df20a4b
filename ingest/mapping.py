"""How a foreign table is to be read: a mapping file that names its columns, units and way of writing."""

from __future__ import annotations

import codecs
from collections.abc import Mapping as Names
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from core.errors import ConfigError
from core.park_file import parse_model
from core.quantities import READING, Kind
from ingest.templates import UNITS, Channel

# Units that shift as well as stretch: (shift, multiply, divide), applied in this order.
_SHIFTED: Names[tuple[str, str], tuple[float, float, float]] = {
    ("°C", "°F"): (-32.0, 5.0, 9.0),
    ("°C", "K"): (-273.15, 1.0, 1.0),
}
_MORE: Names[tuple[str, str], tuple[float, float]] = {("kWh", "GWh"): (1e6, 1), ("kWh", "MJ"): (1, 3.6)}
ENCODINGS = ("utf-8", "gb18030", "latin-1")

# A bare number in YAML is a name all the same: meters are called 1001.
Word = Annotated[str, BeforeValidator(lambda v: str(v) if isinstance(v, int) and not isinstance(v, bool) else v)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TimeColumns(_Model):
    """Where the time of a row stands: in one column, or as a date and a time of day."""

    column: Word | None = None
    date: Word | None = None
    clock: Word | None = None
    format: str | None = Field(None, description="like %d.%m.%Y %H:%M; without it, ISO 8601 and its relatives")
    zone: str | None = Field(None, description="of times without an offset; default the park's")

    @model_validator(mode="after")
    def _one_way(self) -> TimeColumns:
        if (self.column is None) == (self.date is None or self.clock is None):
            raise ValueError("name either one column, or date and clock")
        return self

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str | None) -> str | None:
        if zone is not None and zone not in available_timezones():
            raise ValueError(f"there is no time zone {zone}; write it like Europe/Berlin")
        return zone

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns a time is made of, in order."""
        return (self.column,) if self.column is not None else tuple(c for c in (self.date, self.clock) if c is not None)


class NameColumn(_Model):
    """A column that names the device or quantity of its row; `names` says what the file's words mean here, ~ leaves one out."""

    column: Word
    names: dict[Word, str | None] = Field(default_factory=dict)


class ValueColumn(_Model):
    """A column of values and what they are."""

    column: Word
    device: str | None = None
    quantity: str | None = None
    channel: Channel = ""
    unit: str | None = Field(None, description="default the quantity's own")
    sign: Literal[1, -1] = 1
    kind: Literal["reading", "interval_energy"] = "reading"
    label: Literal["start", "end"] = Field("start", description="which end of its interval an interval energy names")

    @model_validator(mode="after")
    def _possible(self) -> ValueColumn:
        if self.quantity is None:
            if self.unit is not None or self.kind != "reading":
                raise ValueError("a unit or kind needs a quantity beside it")
            return self
        if self.quantity not in READING:
            raise ValueError(f"no quantity a device sends is called {self.quantity}")
        if self.kind == "interval_energy" and READING[self.quantity].kind is not Kind.REGISTER:
            raise ValueError("only energy_import_kwh and energy_export_kwh can be made of interval energies")
        if self.unit is not None and conversion(self.quantity, self.unit) is None:
            own = READING[self.quantity].unit
            raise ValueError(f"{self.unit} cannot become {own}; known are {', '.join(units_of(own))}")
        return self


class Mapping(_Model):
    """A mapping file. What it does not say is found out, or as Parkwatt itself writes."""

    encoding: Literal["utf-8", "utf-16", "gb18030", "gbk", "latin-1"] | None = None
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    decimal: Literal[".", ","] = "."
    thousands: Literal["", ",", ".", " ", "'"] = ""
    sheet: str | None = Field(None, description="of a workbook; default the first")
    header_row: int = Field(1, ge=1, le=1000, description="the line that names the columns")
    time: TimeColumns
    device: str | NameColumn | None = None
    quantity: NameColumn | None = None
    cells: tuple[ValueColumn, ...] = Field(alias="values", min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Mapping:
        if self.decimal == self.thousands:
            raise ValueError("decimal and thousands cannot be the same sign")
        for value in self.cells:
            if value.device is None and self.device is None:
                raise ValueError(f"nothing says which device {value.column} belongs to: add a device")
            if value.quantity is None and self.quantity is None:
                raise ValueError(f"nothing says which quantity {value.column} is: add a quantity")
        return self

    def zone(self, park_zone: ZoneInfo) -> ZoneInfo:
        """Return the zone of times written without an offset."""
        return ZoneInfo(self.time.zone) if self.time.zone else park_zone

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column of the file that is looked at, each once."""
        named = (c.column for c in (self.device, self.quantity) if isinstance(c, NameColumn))
        return tuple(dict.fromkeys((*self.time.columns, *named, *(v.column for v in self.cells))))


def load_mapping(path: Path) -> Mapping:
    """Read and validate a mapping file; raises ConfigError with every problem found."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "is the path right?") from error
    return parse_model(raw, str(path), Mapping, "time: {column: 时间}")


def conversion(quantity: str, unit: str) -> tuple[float, float, float] | None:
    """Return (shift, multiply, divide) from a unit to the one of the quantity; None where they do not fit."""
    own = READING[quantity].unit
    if (own, unit) in _SHIFTED:
        return _SHIFTED[own, unit]
    found = UNITS.get(own, {own: (1, 1)}).get(unit) or _MORE.get((own, unit))
    return None if found is None else (0.0, *found)


def units_of(own: str) -> list[str]:
    """Return the units that become `own`."""
    return [*UNITS.get(own, {own: (1, 1)}), *(u for o, u in (*_MORE, *_SHIFTED) if o == own)]


def same_encoding(name: str) -> str:
    """Return the one name of an encoding."""
    return "gb18030" if name == "gbk" else codecs.lookup(name).name
