"""Reading PARK.yaml: every fault with its line, reason and hint, all of them at once."""

from __future__ import annotations

import codecs
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
from core.park import Park
from core.park_checks import cross_checks

Location: TypeAlias = tuple[int | str, ...]
M = TypeVar("M", bound=BaseModel)
FEW_KEYS = 8  # so many are told one by one


def load_park(path: Path) -> Park:
    """Read and validate a park description; relative paths in it are taken from its own folder.

    Raises ConfigError with every problem found.
    """
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", "is the path right?") from error
    try:
        park = parse_park(raw, str(path))
    except ConfigError as error:
        raise ConfigError(error.problems, file=str(path)) from None
    return _anchored(park, path.resolve().parent)


def parse_park(raw: bytes, name: str = "PARK.yaml") -> Park:
    """Validate the bytes of a park description."""
    document, lines = _read_mapping(raw, name, "id: my-park"), _Lines(raw)
    try:
        park = Park.model_validate(document)
    except ValidationError as error:
        raise ConfigError([_problem(e, lines) for e in error.errors()]) from None
    problems = [Problem(p.path, p.reason, p.hint, lines.of(_location(p.path))) for p in cross_checks(park)]
    if problems:
        raise ConfigError(problems)
    park._digest = hashlib.sha256(raw).hexdigest()  # noqa: SLF001 - the loader is the digest's only author
    return park


def parse_model(raw: bytes, name: str, model: type[M], example: str) -> M:
    """Validate the bytes of another YAML file that people write, with the same care."""
    document, lines = _read_mapping(raw, name, example), _Lines(raw)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise ConfigError([_problem(e, lines, model) for e in error.errors()]) from None


def _read_mapping(raw: bytes, name: str, example: str) -> dict[Any, Any]:  # Any: YAML keys and values
    document = _read_yaml(raw, name)
    if document is None:
        raise ConfigError(f"{name} is empty", f"it holds a mapping of keys, e.g. `{example}`")
    if not isinstance(document, dict):
        raise ConfigError(f"{name} must hold a mapping of keys, e.g. `{example}`")
    return document


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # Any: YAML can be anything
        """Construct a value; one that cannot be read is told with its line."""
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError, TypeError) as error:
            # What PyYAML's own constructors raise where a tag like !!bool stands before something else.
            reason = f"holds a value that cannot be read: {error}"
            raise yaml.constructor.ConstructorError(None, None, reason, node.start_mark) from None


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


def _day(loader: _Loader, node: yaml.ScalarNode) -> Any:  # Any: a date, a time, or what was written
    try:
        return loader.construct_yaml_timestamp(node)
    except ValueError:
        return node.value  # no day of the calendar: the field that wanted one says so, with its place and line


_Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _unique_mapping)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _day)


def _read_yaml(raw: bytes, name: str) -> Any:  # Any: a YAML document can be anything
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        hint = "save it as UTF-8" + _other_code(raw)
        raise ConfigError([Problem(name, "is not UTF-8 text", hint, line)]) from None
    try:
        # A copy shares nothing with the nodes it was made from. Otherwise each of its texts would keep a page of them
        # alive, for as long as the program runs.
        return pickle.loads(pickle.dumps(_Loader(text).get_single_data()))  # noqa: S301 - pickled in this very line
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        reason = error.problem or "is not valid YAML"
        hint = "" if isinstance(error, yaml.constructor.ConstructorError) else "check the indentation"
        raise ConfigError([Problem(name, reason, hint, mark.line + 1 if mark else None)]) from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        reason = f"holds a character that no text has (code {error.character})"
        raise ConfigError([Problem(name, reason, "save it as UTF-8", line)]) from None
    except RecursionError:
        raise ConfigError([Problem(name, "is nested too deeply to be a park")]) from None


def _other_code(raw: bytes) -> str:
    """Say which other code a text is likely in."""
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "; it reads as UTF-16"
    try:
        raw.decode("gb18030")
    except UnicodeDecodeError:
        return ""
    return "; it reads as GBK or GB 18030"


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
    "model_type": "write it like `key: value`",
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
        "model_type": "is no mapping of keys",
    }.get(error["type"], error["msg"].removeprefix("Value error, "))
    hint = _HINTS.get(error["type"], "")
    if error["type"] == "extra_forbidden":
        known = _known_keys(model, at[:-1])
        near = difflib.get_close_matches(str(at[-1]), known, n=1)
        hint = "remove it, or see the example in the user guide"
        if near:
            hint = f"did you mean {near[0]}?"
        elif 0 < len(known) <= FEW_KEYS:
            hint = f"here there are {', '.join(sorted(known))}"
    return Problem(_written(at), reason, hint, lines.of(at))


def _known_keys(model: type[BaseModel], at: Location) -> set[str]:
    """Return the keys that may stand at a place of the file."""
    schema = model.model_json_schema()
    places = [schema]
    for part in at:
        places = [inner for place in places for inner in _inside(place, part, schema)]
    return {key for place in places for key in place.get("properties", ())}


def _inside(place: dict[str, Any], part: int | str, schema: dict[str, Any]) -> list[dict[str, Any]]:  # Any: JSON Schema
    inner = place.get("items") if isinstance(part, int) else place.get("properties", {}).get(part)
    inner = inner or place.get("additionalProperties")
    if not isinstance(inner, dict):
        return []
    choices = inner.get("anyOf") or inner.get("oneOf") or [inner]
    return [schema["$defs"][c["$ref"].rpartition("/")[2]] if "$ref" in c else c for c in choices]


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
