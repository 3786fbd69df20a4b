"""Reading PARK.yaml: every fault with its line, reason and hint, all of them at once."""

from __future__ import annotations

import difflib
import hashlib
import pickle
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import ConfigError, Problem
from core.park import Array, Dated, Park, overlapping

Location: TypeAlias = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)


def load_park(path: Path) -> Park:
    """Read and validate a park description; relative paths in it are taken from its own folder.

    Raises ConfigError with every problem found.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "is the path right?") from error
    park = parse_park(raw, str(path))
    return _anchored(park, path.resolve().parent)


def parse_park(raw: bytes, name: str = "PARK.yaml") -> Park:
    """Validate the bytes of a park description."""
    document, lines = _read_yaml(raw, name), _Lines(raw)
    if not isinstance(document, dict):
        raise ConfigError(f"{name} must hold a mapping of keys, e.g. `id: my-park`")
    try:
        park = Park.model_validate(document)
    except ValidationError as error:
        raise ConfigError([_problem(e, lines) for e in error.errors()]) from None
    problems = [Problem(p.path, p.reason, p.hint, lines.of(_location(p.path))) for p in _cross_checks(park)]
    if problems:
        raise ConfigError(problems)
    park._digest = hashlib.sha256(raw).hexdigest()  # noqa: SLF001 - the loader is the digest's only author
    return park


def parse_model(raw: bytes, name: str, model: type[M], example: str) -> M:
    """Validate the bytes of another YAML file that people write, with the same care."""
    document, lines = _read_yaml(raw, name), _Lines(raw)
    if not isinstance(document, dict):
        raise ConfigError(f"{name} must hold a mapping of keys, e.g. `{example}`")
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ConfigError([_problem(e, lines, model) for e in error.errors()]) from None


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice."""


def _unique_mapping(loader: _Loader, node: yaml.MappingNode) -> dict[Any, Any]:  # Any: YAML keys and values
    seen: set[str] = set()
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.constructor.ConstructorError(None, None, "a key must be one word", key.start_mark)
        if key.value in seen:
            raise yaml.constructor.ConstructorError(
                None, None, f"the key {key.value!r} is written twice", key.start_mark
            )
        seen.add(key.value)
    return loader.construct_mapping(node, deep=True)


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)


def _read_yaml(raw: bytes, name: str) -> Any:  # Any: a YAML document can be anything
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ConfigError([Problem(name, "is not UTF-8 text", "save it as UTF-8", line)]) from None
    try:
        # A copy shares nothing with the nodes it was made from. Otherwise each of its texts would keep a page of them
        # alive, for as long as the program runs.
        return pickle.loads(pickle.dumps(_Loader(text).get_single_data()))  # noqa: S301 - pickled in this very line
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        reason = error.problem or "is not valid YAML"
        hint = "" if isinstance(error, yaml.constructor.ConstructorError) else "check the indentation"
        raise ConfigError([Problem(name, reason, hint, mark.line + 1 if mark else None)]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem(name, f"is not valid YAML: {error}")]) from None
    except RecursionError:
        raise ConfigError([Problem(name, "is nested too deeply to be a park")]) from None
    except (ValueError, OverflowError) as error:
        raise ConfigError([Problem(name, f"holds a value that cannot be read: {error}")]) from None


class _Lines:
    """Which line of a valid YAML file something stands on; looked for only where a fault has to be told."""

    def __init__(self, raw: bytes) -> None:
        self._raw = raw

    def of(self, at: Location) -> int | None:
        """Return the line of a place, or of the nearest one around it."""
        while at and at not in self._known:
            at = at[:-1]
        return self._known.get(at)

    @cached_property
    def _known(self) -> dict[Location, int]:
        node = _Loader(self._raw.decode("utf-8-sig")).get_single_node()
        return dict(_lines(node, ())) if node else {}


def _lines(node: yaml.Node, at: Location) -> Iterator[tuple[Location, int]]:
    yield at, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield (*at, key.value), key.start_mark.line + 1
            for place, line in _lines(value, (*at, key.value)):
                if place != (*at, key.value):
                    yield place, line
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            yield from _lines(item, (*at, index))


def _location(path: str) -> Location:
    return tuple(int(p) if p.isdigit() else p for p in path.replace("[", ".").replace("]", "").split("."))


def _written(at: Location) -> str:
    text = ""
    for part in at:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


_HINTS = {
    "missing": "add it",
    "float_parsing": "write a number without unit",
    "int_parsing": "write a whole number",
    "string_type": "put it in quotes",
    "datetime_parsing": "write it like 2026-10-01 or 2026-10-01T08:00",
    "datetime_from_date_parsing": "write it like 2026-10-01 or 2026-10-01T08:00",
    "tuple_type": "write a list: one line per element, each starting with `- `",
    "string_pattern_mismatch": "ids are lower-case letters, digits, - and _",
}


def _problem(error: ErrorDetails, lines: _Lines, model: type[BaseModel] = Park) -> Problem:
    # Tagged unions put the tag into the location; the file does not have it.
    at = tuple(p for p in error["loc"] if p not in {"embedded", "influx"} or error["loc"][0] != "store")
    reason = {
        "extra_forbidden": "is not a known key",
        "missing": "is missing",
        "too_short": "is empty",
        "tuple_type": "is no list",
    }.get(error["type"], error["msg"].removeprefix("Value error, "))
    hint = _HINTS.get(error["type"], "")
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(at[-1]), _known_keys(model), n=1)
        hint = f"did you mean {near[0]}?" if near else "remove it, or see the example in the user guide"
    return Problem(_written(at), reason, hint, lines.of(at))


def _known_keys(model: type[BaseModel]) -> set[str]:
    schema = model.model_json_schema()
    keys = set(schema["properties"])
    for definition in schema.get("$defs", {}).values():
        keys.update(definition.get("properties", ()))
    return keys


def _cross_checks(park: Park) -> Iterator[Problem]:
    """Yield what no single field can see."""
    yield from _duplicates(park)
    yield from _references(park)
    yield from _device_terms(park)
    yield from _shards(park)
    for name in ("tariffs", "carbon"):
        yield from _overlap(getattr(park, name), name)
    if len(park.by_role("grid")) == 0:
        yield Problem("points", "no point has the role grid", "the balance hangs on the grid connection: add its meter")
    for name in ("arrays", "tariffs", "targets", "carbon"):
        for index, element in enumerate(getattr(park, name)):
            yield from _ordered(element, f"{name}[{index}]")
    for index, array in enumerate(park.arrays):
        for number, limit in enumerate(array.curtailments):
            yield from _ordered(limit, f"arrays[{index}].curtailments[{number}]")
    if park.weather_service and not any(p.source == "service" for p in park.points):
        reason = "no point takes the service's weather"
        yield Problem("weather_service", reason, "add a point of the role weather with `source: service`")


def _duplicates(park: Park) -> Iterator[Problem]:
    for name in ("points", "arrays", "receivers"):
        seen: dict[str, int] = {}
        for index, element in enumerate(getattr(park, name)):
            if element.id in seen and not (name == "arrays" and _apart(park, element)):
                yield Problem(f"{name}[{index}].id", f"{element.id} is used twice", "every id is used once")
            seen[element.id] = index


def _apart(park: Park, array: Array) -> bool:
    return overlapping([a for a in park.arrays if a.id == array.id]) is None


def _references(park: Park) -> Iterator[Problem]:
    roles = {p.id: p.role for p in park.points}
    for index, point in enumerate(park.points):
        if point.parent is not None and point.parent not in roles:
            yield Problem(f"points[{index}].parent", f"there is no point {point.parent}", _near(point.parent, roles))
        elif point.parent is not None and _circular(point.id, park):
            yield Problem(f"points[{index}].parent", f"{point.id} is its own ancestor", "the meter tree has no circles")
    for index, array in enumerate(park.arrays):
        for field, role in (("point", "pv"), ("weather", "weather")):
            wanted = getattr(array, field)
            if wanted is not None and roles.get(wanted) != role:
                candidates = [i for i, r in roles.items() if r == role]
                yield Problem(
                    f"arrays[{index}].{field}", f"there is no {role} point {wanted}", _near(wanted, candidates)
                )


def _circular(start: str, park: Park) -> bool:
    parents = {p.id: p.parent for p in park.points}
    at, seen = parents.get(start), {start}
    while at is not None and at not in seen:
        seen.add(at)
        at = parents.get(at)
    return at == start


def _device_terms(park: Park) -> Iterator[Problem]:
    holders: dict[str, list[tuple[str, Dated]]] = {}
    for p, point in enumerate(park.points):
        yield from _overlap(point.devices, f"points[{p}].devices")
        for d, device in enumerate(point.devices):
            yield from _ordered(device, f"points[{p}].devices[{d}]")
            if point.role != "weather":
                holders.setdefault(device.id, []).append((f"points[{p}].devices[{d}]", device))
    for device_id, held in holders.items():
        clash = overlapping([d for _, d in held])
        if clash:
            yield Problem(held[clash[1]][0], f"device {device_id} serves two points at once", "end one with valid_to")


def _shards(park: Park) -> Iterator[Problem]:
    known = {d.id for _, d in park.assignments()}
    held: dict[str, str] = {}
    for name, shard in park.mqtt.shards.items():
        for index, device in enumerate(shard.devices):
            at = f"mqtt.shards.{name}.devices[{index}]"
            if device not in known:
                yield Problem(at, f"there is no device {device}", _near(device, known))
            elif device in held:
                yield Problem(at, f"device {device} is in shard {held[device]} already", "every device is in one shard")
            held.setdefault(device, name)
    if park.mqtt.shards and park.store.kind == "embedded":
        reason = "the embedded store belongs to one process, so there is one collector"
        yield Problem("mqtt.shards", reason, "remove them, or give store.url of an InfluxDB")


def _overlap(elements: tuple[Dated, ...], path: str) -> Iterator[Problem]:
    clash = overlapping(elements)
    if clash:
        reason = f"overlaps in time with number {clash[0] + 1}"
        yield Problem(f"{path}[{clash[1]}]", reason, "end the earlier one with valid_to")


def _ordered(element: Dated, path: str) -> Iterator[Problem]:
    if element.valid_from and element.valid_to and element.valid_to <= element.valid_from:
        yield Problem(f"{path}.valid_to", "is not after valid_from")


def _near(word: str, known: Any) -> str:  # Any: any collection of names
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {near[0]}?" if near else "see `points`"


def _anchored(park: Park, folder: Path) -> Park:
    """Take relative paths from the folder of the file that names them."""

    def at(path: Path | None) -> Path | None:
        return path if path is None else folder / path

    broker = park.mqtt.model_copy(
        update={n: at(getattr(park.mqtt, n)) for n in ("password_file", "ca_file", "cert_file", "key_file")}
    )
    name = "path" if park.store.kind == "embedded" else "password_file"
    store = park.store.model_copy(update={name: at(getattr(park.store, name))})
    rules = park.rules.model_copy(update={"files": tuple(folder / f for f in park.rules.files)})
    tls = park.http.tls and park.http.tls.model_copy(
        update={n: folder / getattr(park.http.tls, n) for n in ("cert_file", "key_file")}
    )
    http = park.http.model_copy(
        update={
            "tls": tls,
            "admin_password_file": at(park.http.admin_password_file),
            "import_folders": tuple(folder / f for f in park.http.import_folders),
        }
    )
    changed = {"http": http, "mqtt": broker, "store": store, "state": folder / park.state, "rules": rules}
    return park.model_copy(update=changed)
