"""Device templates: what a kind of device publishes, declared in YAML and checked before anything starts."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from core.errors import ConfigError, Problem
from core.park import DeviceAssignment, Park
from core.quantities import READING, Kind

# (multiply, divide) into the unit of the vocabulary; dividing by 1000 rounds correctly where times 0.001 does not.
UNITS: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "kWh": {"kWh": (1, 1), "Wh": (1, 1000), "MWh": (1000, 1)},
    "kW": {"kW": (1, 1), "W": (1, 1000), "MW": (1000, 1)},
    "kvar": {"kvar": (1, 1), "var": (1, 1000), "Mvar": (1000, 1)},
    "kVA": {"kVA": (1, 1), "VA": (1, 1000), "MVA": (1000, 1)},
    "kvarh": {"kvarh": (1, 1), "varh": (1, 1000), "Mvarh": (1000, 1)},
    "kVAh": {"kVAh": (1, 1), "VAh": (1, 1000), "MVAh": (1000, 1)},
    "V": {"V": (1, 1), "mV": (1, 1000), "kV": (1000, 1)},
    "A": {"A": (1, 1), "mA": (1, 1000)},
    "Hz": {"Hz": (1, 1), "mHz": (1, 1000)},
    "W/m²": {"W/m²": (1, 1), "kW/m²": (1000, 1)},
    "m/s": {"m/s": (1, 1), "km/h": (1, 3.6)},
    "°C": {"°C": (1, 1)},
    "1": {"1": (1, 1), "%": (1, 100)},
}

# Forty files are read at every start: the parser in C, where PyYAML has it, takes a tenth of the time.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Channel = Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,16}$")]
TimeForm = Literal["iso", "iso_local", "epoch"]
PayloadFormat = Literal["json", "line_protocol", "sparkplug_b"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Caveat(_Model):
    """Something its operator should know about the device, with where it is documented."""

    note: str
    source: str = ""


DEVICE = "{device}"
Keys = str | tuple[str, ...]


def _keys(path: Keys) -> tuple[str, ...]:
    """Cut a path into keys; one whose keys hold dots is written as a list of keys."""
    return tuple(path.split(".")) if isinstance(path, str) and path else tuple(path)


class DeviceTime(_Model):
    """Where the device's own time stands and how it is written.

    `iso` needs an offset; `iso_local` may lack one and is then park time; `epoch` is seconds or milliseconds.
    """

    path: Keys = Field(min_length=1)
    forms: tuple[TimeForm, ...] = Field(min_length=1)
    shared: bool = Field(False, description="of a telegram of several devices: stands once, beside them")

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The path, cut into keys."""
        return _keys(self.path)


class Several(_Model):
    """Where a telegram holds several devices and what names each.

    With `id` they are a list of objects, each with its id at that path. Without, they are an object whose keys are the
    ids, and each value an object or a list of them.
    """

    at: Keys = ""
    id: Keys = ""

    @cached_property
    def at_keys(self) -> tuple[str, ...]:
        """The path of what holds the devices, cut into keys."""
        return _keys(self.at)

    @cached_property
    def id_keys(self) -> tuple[str, ...]:
        """The path of a device's id, cut into keys; empty where the keys are the ids."""
        return _keys(self.id)


class ReadingSpec(_Model):
    """One value of a payload: where it stands, what it is, in which unit.

    A key that is a number counts the elements of a list, from 0. The empty path is the payload itself, a bare number.
    `divide` is for devices that send a multiple of the unit, like tenths of a kWh; `minus` is the value of the other
    direction where both are sent apart. `channels` names the elements where the device sends a list; `total: sum` then
    adds their sum as the total.
    """

    quantity: str
    path: Keys
    minus: Keys = ""
    unit: str | None = None
    divide: float = Field(1.0, gt=0.0)
    channel: Channel = ""
    channels: tuple[Channel, ...] = ()
    total: Literal["none", "sum"] = "none"
    negate: bool = False
    numeric_text: bool = False

    @field_validator("quantity")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in READING:
            near = difflib.get_close_matches(value, READING, n=1)
            raise ValueError(f"no device quantity is called {value}" + (f"; did you mean {near[0]}?" if near else ""))
        return value

    @model_validator(mode="after")
    def _unit_fits(self) -> ReadingSpec:
        units = UNITS[READING[self.quantity].unit]
        if self.unit is not None and self.unit not in units:
            raise ValueError(f"unit of {self.quantity} must be one of {', '.join(units)}")
        if self.total == "sum" and not self.channels:
            raise ValueError("total: sum needs channels")
        if self.minus and (self.channels or READING[self.quantity].kind is not Kind.GAUGE):
            raise ValueError("minus is for one gauge; registers of two directions are two readings")
        return self

    @cached_property
    def keys(self) -> tuple[str, ...]:
        """The path, cut into keys."""
        return _keys(self.path)

    @cached_property
    def minus_keys(self) -> tuple[str, ...]:
        """The path of what is taken off, cut into keys; empty where nothing is."""
        return _keys(self.minus)

    @cached_property
    def where(self) -> str:
        """The path, for people."""
        return ".".join(self.keys) or "the payload"

    @cached_property
    def scale(self) -> tuple[float, float]:
        """What to multiply and then divide by to reach the quantity's own unit and sign."""
        own = READING[self.quantity].unit
        multiply, divide = UNITS[own][self.unit or own]
        return (-multiply if self.negate else multiply), divide * self.divide


class Message(_Model):
    """One kind of message a device publishes, or a gateway for several of them.

    A level of the topic that is `+` may be anything, like the id of a gateway the device is behind.
    """

    topic: str
    format: PayloadFormat = "json"
    several: Several | None = Field(None, description="the telegram names its devices, not the topic")
    time: DeviceTime | None = None
    read: dict[str, str] = Field(default_factory=dict, description="block -> path of the object it is read from")
    readings: tuple[ReadingSpec, ...] = Field((), description="what is read from the payload itself")
    own_names: bool = Field(False, description="every quantity is accepted under its own name, `.channel` behind it")
    at: Keys = Field("", description="where the object with the own names stands")
    list: bool = Field(False, description="the payload may be a list of such objects, each with its own time")
    list_at: Keys = Field("", description="where that list stands")
    no_value: tuple[str, ...] = Field((), description="texts that stand in for a bare number while there is none")
    without_readings: Literal["quarantine", "ignore"] = "quarantine"

    @field_validator("topic")
    @classmethod
    def _one_device(cls, value: str) -> str:
        others = [level for level in value.replace(DEVICE, "", 1).split("/") if level != "+"]
        if any(c in level for level in others for c in "{}+#\x00"):
            raise ValueError("a topic holds {device} once, and no wildcards but a level +")
        return value

    @model_validator(mode="after")
    def _named(self) -> Message:
        if (DEVICE in self.topic) == (self.several is not None):
            raise ValueError("either the topic holds {device} once, or several says where the telegram names them")
        if self.several is not None and (self.bare or self.format != "json"):
            raise ValueError("several devices in a telegram are read from JSON objects")
        if self.time is not None and self.time.shared and (self.several is None or len(self.time.keys) != 1):
            raise ValueError("a shared time is one key beside several devices")
        if self.list_at and not self.list:
            raise ValueError("list_at says where a list stands")
        if self.no_value and not self.bare:
            raise ValueError("no_value is for bare numbers")
        if self.format != "json" and (self.bare or not self.list):
            raise ValueError(f"{self.format} holds a list of objects")
        return self

    @cached_property
    def at_keys(self) -> tuple[str, ...]:
        """The path of the object with the own names, cut into keys."""
        return _keys(self.at)

    @cached_property
    def list_keys(self) -> tuple[str, ...]:
        """The path of the list of objects, cut into keys."""
        return _keys(self.list_at)

    @cached_property
    def bare(self) -> bool:
        """Whether the payload may be a number and nothing else."""
        return any(not v.keys for v in self.readings)

    @cached_property
    def plain(self) -> bool:
        """Whether it is one device's JSON: nothing is to be known but the telegram itself."""
        return self.several is None and self.format != "sparkplug_b"

    @cached_property
    def _around_device(self) -> tuple[int, str, str]:
        """The level that names the device, and what stands before and behind it there; -1 without one."""
        for place, level in enumerate(self.topic.split("/")):
            before, device, behind = level.partition(DEVICE)
            if device:
                return place, before, behind
        return -1, "", ""

    @cached_property
    def open_levels(self) -> tuple[int, ...]:
        """Which levels of the topic may be anything."""
        return tuple(i for i, level in enumerate(self.topic.split("/")) if level == "+")

    @property
    def subscription(self) -> str:
        """The MQTT filter that catches this message of every device."""
        return "/".join("+" if DEVICE in level else level for level in self.topic.split("/"))

    def topic_of(self, device: str) -> str:
        """Return the topic one device publishes on, with + for the levels that may be anything."""
        return self.topic.replace(DEVICE, device)

    def device_in(self, topic: str) -> str | None:
        """Return the device a topic names, or None where the topic is not this message's.

        Where the telegram itself names its devices that is "".
        """
        own, given = self.topic.split("/"), topic.split("/")
        place, before, behind = self._around_device
        if len(own) != len(given) or any(
            o not in {g, "+"} and i != place for i, (o, g) in enumerate(zip(own, given, strict=True))
        ):
            return None
        if place < 0:
            return ""
        level = given[place]
        if not (level.startswith(before) and level.endswith(behind) and len(level) > len(before) + len(behind)):
            return None
        return level[len(before) : len(level) - len(behind)]


class Template(_Model):
    """A kind of device."""

    template: Name
    products: tuple[str, ...] = ()
    description: str = ""
    caveats: tuple[Caveat, ...] = ()
    netting: Literal["sum", "phases"] | None = None
    rollover_kwh: float | None = Field(None, gt=0.0, description="count at which its registers start again")
    blocks: dict[str, tuple[ReadingSpec, ...]] = Field(default_factory=dict)
    messages: tuple[Message, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _complete(self) -> Template:
        for message in self.messages:
            missing = [b for b in message.read if b not in self.blocks]
            if missing:
                raise ValueError(f"there is no block {missing[0]}")
            if bool(message.readings) == (bool(message.read) or message.own_names):
                raise ValueError("a message has either readings, or read or own_names or both")
            if message.at and not message.own_names:
                raise ValueError("at says where own_names stand")
            if message.bare and (message.time or message.list):
                raise ValueError("a bare number has no time and no list around it")
        if not all(spec.keys for block in self.blocks.values() for spec in block):
            raise ValueError("only readings of a message may have an empty path")
        topics = [m.topic for m in self.messages]
        if len(set(topics)) != len(topics):
            raise ValueError("a topic stands twice")
        return self

    @property
    def name(self) -> str:
        """What PARK.yaml calls it; also the file's name."""
        return self.template

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics its devices publish on, with {device} in place of the id."""
        return tuple(m.topic for m in self.messages)

    def device_in(self, topic: str) -> str | None:
        """Return the device a topic names, or None where no device of this kind publishes on it."""
        return next((d for m in self.messages if (d := m.device_in(topic)) is not None), None)

    def message_for(self, topic: str) -> Message | None:
        """Return the kind of message that is published on `topic`."""
        return next((m for m in self.messages if m.device_in(topic) is not None), None)


def load_templates(*folders: Path) -> dict[str, Template]:
    """Return the shipped templates by name, and those of `folders`, which may replace shipped ones.

    Raises ConfigError with every fault of every file.
    """
    found: dict[str, Template] = {}
    problems: list[Problem] = []
    for folder in (resources.files("ingest.devices"), *folders):
        for file in sorted(folder.iterdir(), key=lambda f: f.name):
            if not file.name.endswith(".yaml"):
                continue
            read = read_template(file)
            if isinstance(read, Template):
                found[read.template] = read
            else:
                problems += read
    if problems:
        raise ConfigError(problems)
    return found


def load_template(name: str, *folders: Path) -> Template:
    """Return one template by name; raises ConfigError where there is none."""
    templates = load_templates(*folders)
    if name not in templates:
        near = difflib.get_close_matches(name, templates, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(templates))}"
        raise ConfigError(f"there is no device template {name}", hint)
    return templates[name]


def read_template(file: Path | Traversable) -> Template | list[Problem]:
    """Return the template a file holds, or what is wrong with it."""
    try:
        document = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506 - a safe one
        template = Template.model_validate(document)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        return [Problem(file.name, f"cannot be read: {error}")]
    except ValidationError as error:
        return [_problem(file.name, e["loc"], e["msg"]) for e in error.errors()]
    stem = file.name.removesuffix(".yaml")
    if template.template != stem:
        return [Problem(f"{file.name}: template", f"is {template.template}", f"the file's name asks for {stem}")]
    return template


def _problem(file: str, location: tuple[int | str, ...], message: str) -> Problem:
    return Problem(f"{file}: {'.'.join(str(p) for p in location)}", message.removeprefix("Value error, "))


def with_templates(park: Park, templates: Mapping[str, Template]) -> Park:
    """Return the park whose devices have from their template what PARK.yaml does not say."""

    def whole(device: DeviceAssignment) -> DeviceAssignment:
        template = templates.get(device.template)
        if template is None or (template.netting is None and template.rollover_kwh is None):
            return device
        return device.model_copy(
            update={
                "netting": device.netting or template.netting,
                "rollover_kwh": device.rollover_kwh or template.rollover_kwh,
            }
        )

    points = tuple(p.model_copy(update={"devices": tuple(map(whole, p.devices))}) for p in park.points)
    return park.model_copy(update={"points": points})


def template_problems(park: Park, templates: Mapping[str, Template]) -> Iterator[Problem]:
    """Yield every device of a park whose template does not exist, or whose netting does not fit."""
    yield from _netting_problems(park, templates)
    for p, point in enumerate(park.points):
        for d, device in enumerate(point.devices):
            if device.template not in templates:
                near = difflib.get_close_matches(device.template, templates, n=1)
                hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(sorted(templates))}"
                path = f"points[{p}].devices[{d}].template"
                yield Problem(path, f"there is no device template {device.template}", hint)


def _netting_problems(park: Park, templates: Mapping[str, Template]) -> Iterator[Problem]:
    """Yield meters that net otherwise than is written, and points whose meters net differently without saying so."""
    for p, point in enumerate(park.points):
        own = [t.netting if (t := templates.get(d.template)) else None for d in point.devices]
        for d, device in enumerate(point.devices):
            path = f"points[{p}].devices[{d}].netting"
            if device.netting == "sum" and own[d] == "phases":
                reason = f"a {device.template} counts every phase on its own, which cannot be netted afterwards"
                yield Problem(path, reason, "write phases, or use a meter that adds the phases before it counts")
            elif (
                point.role in {"grid", "storage"}
                and device.netting is None
                and own[d]
                and any(o not in {None, own[d]} for o in own[:d])
            ):
                reason = f"counts {_NETTING[own[d]]}, the meter before it {_NETTING[next(o for o in own[:d] if o)]}"
                yield Problem(
                    path, reason, "import and export are not comparable: write netting at it to say that you know"
                )


_NETTING: Mapping[str | None, str] = {"sum": "the sum of its phases", "phases": "every phase on its own"}
