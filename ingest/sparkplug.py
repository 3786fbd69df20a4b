"""Sparkplug B: births give names and types, data may hold aliases only, sequence numbers show what was missed.

Births are followed per edge node. Where a telegram is missing from the sequence, or data come before any birth, the
node is asked to be born again, and until it is, what names itself by alias goes to quarantine: an alias of a birth that
was missed could stand for another metric, and a volt would become a kilowatt-hour. Births are kept, so a replay reads
those telegrams later. See https://sparkplug.eclipse.org (Sparkplug 3.0, chapters 5 and 6).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

import orjson

from core.clock import Clock
from ingest import tahu

log = logging.getLogger(__name__)

NAMESPACE = "spBv1.0/"
KEPT_UNDER = "sparkplug.birth."
KEPT_BIRTHS = 4  # of one node or device; older names are forgotten
MOST_NODES = 2_000
REBIRTH_EVERY_S = 10.0
REBIRTH_AT_MOST_S = 300.0
_SEQUENCE = 256
_BIRTHS = frozenset({"NBIRTH", "DBIRTH"})
_DEATHS = frozenset({"NDEATH", "DDEATH"})

# A telegram's metrics as decode.py reads them, and what is wrong with it: code and words.
Document: TypeAlias = dict[str, Any]
Fault = tuple[str, str]
Told = tuple[list[Document], list[Fault]]
Publish = Callable[[str, bytes], None]


class Address(NamedTuple):
    """Who published what, from the topic; device is "" for the edge node itself."""

    group: str
    kind: str
    node: str
    device: str

    @staticmethod
    def of(topic: str) -> Address | None:
        """Take a Sparkplug topic apart; None where it is none."""
        levels = topic.split("/")
        if not topic.startswith(NAMESPACE) or len(levels) not in {4, 5}:
            return None
        _, group, kind, node, *device = levels
        if kind[1:] not in {"BIRTH", "DATA", "DEATH"} or kind[:1] != ("D" if device else "N"):
            return None
        return Address(group, kind, node, device[0] if device else "")

    @property
    def key(self) -> str:
        """What births are kept under."""
        return "/".join((self.group, self.node, *([self.device] if self.device else [])))


@dataclass(frozen=True)
class Birth:
    """What a birth said: when, and the name and type behind each alias, the type behind each name."""

    time_ms: int
    aliases: Mapping[int, tuple[str, int | None]] = field(default_factory=dict)
    types: Mapping[str, int | None] = field(default_factory=dict)

    @staticmethod
    def of(payload: tahu.Payload) -> Birth:
        """Read a birth certificate."""
        named = [m for m in payload.metrics if m.name is not None]
        aliases = {m.alias: (str(m.name), m.datatype) for m in named if m.alias is not None}
        return Birth(payload.time_ms or 0, aliases, {str(m.name): m.datatype for m in named})

    def same_names(self, other: Birth) -> bool:
        """Say whether both mean the same."""
        return (self.aliases, self.types) == (other.aliases, other.types)


def documents(payload: tahu.Payload, birth: Birth | None, no_birth: Fault) -> Told:
    """Return the metrics of a telegram, one object per time, by name; what has no name is a fault."""
    by_time: dict[int | None, dict[str, Any]] = {}
    nameless = 0
    for metric in payload.metrics:
        name, datatype = metric.name, metric.datatype
        if name is None:
            name, known = _behind(birth, metric.alias)
            datatype = datatype if datatype is not None else known
        elif datatype is None and birth is not None:
            datatype = birth.types.get(name)
        if name is None:
            nameless += 1
            continue
        stamp = metric.time_ms if metric.time_ms is not None else payload.time_ms
        by_time.setdefault(stamp, {})[name] = metric.typed(datatype)
    faults = []
    if nameless:
        code, words = no_birth if birth is None else ("unknown_alias", "the birth certificate does not have it")
        faults.append((code, f"{nameless} metrics have an alias and no name; {words}"))
    return [{"timestamp": stamp, "metrics": metrics} for stamp, metrics in by_time.items()], faults


def _behind(birth: Birth | None, alias: int | None) -> tuple[str | None, int | None]:
    if birth is None or alias is None:
        return None, None
    return birth.aliases.get(alias, (None, None))


def alone(payload: bytes) -> Told:
    """Read one telegram without having seen any other."""
    try:
        return documents(tahu.parse(payload), None, ("no_birth", "a telegram alone does not tell what they stand for"))
    except ValueError as error:
        return [], [("not_protobuf", str(error))]


@dataclass
class _Node:
    births: dict[str, Birth] = field(default_factory=dict)
    seq: int | None = None
    gap: bool = False
    session: float | bool | str | None = None  # bdSeq: which session of the node a death belongs to
    asked: int = 0
    ask_again_s: float = 0.0


class Nodes:
    """Follows the edge nodes of a broker; used by one thread, in the order telegrams come."""

    def __init__(self, clock: Clock, publish: Publish | None = None, kept: Mapping[str, str] | None = None) -> None:
        self._clock = clock
        self._publish = publish
        self._nodes: dict[tuple[str, str], _Node] = {}
        self._kept: dict[str, list[Birth]] = {k: _births(v) for k, v in (kept or {}).items()}
        self._unsaved: dict[str, None] = {}
        self.rebirths_asked = 0

    def take(self, topic: str, payload: bytes, *, ours: bool = True) -> Told:
        """Read one telegram and remember what it says for the next ones.

        Of a device that is not `ours` only the place in the node's sequence is of use.
        """
        address = Address.of(topic)
        if address is None:
            return [], [("unknown_topic", "not a topic of Sparkplug B")]
        try:
            told = tahu.parse(payload)
        except ValueError as error:
            return [], [("not_protobuf", str(error))]
        node = self._node(address)
        if node is None:
            return documents(told, None, ("no_birth", f"more than {MOST_NODES} edge nodes publish"))
        if address.kind in _DEATHS:
            self._died(node, address, told)
            return [], []
        self._in_order(node, address, told.seq)
        if address.kind in _BIRTHS:
            return documents(told, self._born(node, address, told, ours), ("no_birth", ""))
        return self._data(node, address, told) if ours else ([], [])

    def forget_order(self) -> None:
        """Take the next telegram of every node as following: they are about to be read a second time."""
        for node in self._nodes.values():
            node.seq = None

    def unsaved(self) -> Iterator[tuple[str, str]]:
        """Yield keys and values to keep: births of other names than those kept. Call `saved` once they are."""
        for key in self._unsaved:
            yield KEPT_UNDER + key, orjson.dumps([_told(b) for b in self._kept[key]]).decode()

    def saved(self) -> None:
        """Note that what `unsaved` gave is kept."""
        self._unsaved.clear()

    # -- one node

    def _node(self, address: Address) -> _Node | None:
        key = (address.group, address.node)
        if key not in self._nodes and len(self._nodes) >= MOST_NODES:
            return None
        return self._nodes.setdefault(key, _Node())

    def _in_order(self, node: _Node, address: Address, seq: int | None) -> None:
        if address.kind == "NBIRTH":
            node.gap = False
        elif node.seq is not None and seq is not None and seq % _SEQUENCE != (node.seq + 1) % _SEQUENCE:
            node.gap = True
        node.seq = seq if seq is not None else node.seq

    def _born(self, node: _Node, address: Address, told: tahu.Payload, ours: bool) -> Birth:
        birth = Birth.of(told)
        if address.kind == "NBIRTH":
            # Its devices are born again after it; what they said before counts no more.
            node.births.clear()
            node.asked, node.ask_again_s = 0, 0.0
            session = told.named("bdSeq")
            node.session = session.value if session else None
        if not ours:
            return birth
        node.births[address.device] = birth
        kept = self._kept.setdefault(address.key, [])
        if birth.aliases and not (kept and kept[-1].same_names(birth)):
            self._kept[address.key] = [*kept, birth][-KEPT_BIRTHS:]
            self._unsaved[address.key] = None
        return birth

    def _died(self, node: _Node, address: Address, told: tahu.Payload) -> None:
        if address.kind == "DDEATH":
            self._in_order(node, address, told.seq)
            node.births.pop(address.device, None)
            return
        session = told.named("bdSeq")
        if session is None or session.value == node.session:  # not the will of a session that is over already
            node.births.clear()
            node.seq = None

    def _data(self, node: _Node, address: Address, told: tahu.Payload) -> Told:
        birth = None if node.gap else node.births.get(address.device)
        fault = ("no_birth", "the edge node was asked to be born again")
        if node.gap:
            fault = ("sequence_gap", "a telegram before it was missed; the edge node was asked to be born again")
        read, faults = documents(told, birth, fault)
        if faults or node.gap:
            self._ask(node, address)
        return read, faults

    def _ask(self, node: _Node, address: Address) -> None:
        now_s = self._clock.monotonic_s()
        if self._publish is None or (node.asked and now_s < node.ask_again_s):
            return
        node.ask_again_s = now_s + min(REBIRTH_EVERY_S * 2**node.asked, REBIRTH_AT_MOST_S)
        node.asked = min(node.asked + 1, 30)
        self.rebirths_asked += 1
        log.info("asking edge node %s of group %s to be born again", address.node, address.group)
        self._publish(
            f"{NAMESPACE}{address.group}/NCMD/{address.node}", rebirth_request(int(self._clock.now().timestamp() * 1e3))
        )


class Archive:
    """Reads telegrams again that once had no birth, with the births kept since."""

    def __init__(self, kept: Mapping[str, str]) -> None:
        self._kept = {k: _births(v) for k, v in kept.items()}

    def take(self, topic: str, payload: bytes, *, ours: bool = True) -> Told:  # noqa: ARG002 - only ours come here
        """Read one telegram with the birth before it, or the first one after it: the one that was asked for."""
        address = Address.of(topic)
        if address is None:
            return [], [("unknown_topic", "not a topic of Sparkplug B")]
        try:
            told = tahu.parse(payload)
        except ValueError as error:
            return [], [("not_protobuf", str(error))]
        if address.kind in _DEATHS:
            return [], []
        if address.kind in _BIRTHS:
            return documents(told, Birth.of(told), ("no_birth", ""))
        births: Sequence[Birth] = self._kept.get(address.key, ())
        before = [b for b in births if told.time_ms is not None and b.time_ms <= told.time_ms]
        birth = before[-1] if before else next(iter(births), None)
        return documents(told, birth, ("no_birth", "no birth certificate came since"))


def rebirth_request(time_ms: int) -> bytes:
    """Return the command that asks an edge node to be born again."""
    metric = {"name": "Node Control/Rebirth", "timestamp": time_ms, "datatype": tahu.BOOLEAN, "boolean_value": True}
    return tahu.build(time_ms, [metric])


def _told(birth: Birth) -> Document:
    """Return a birth as plain values, to be kept."""
    aliases = [[alias, name, kind] for alias, (name, kind) in birth.aliases.items()]
    return {"time_ms": birth.time_ms, "aliases": aliases, "types": dict(birth.types)}


def _births(kept: str) -> list[Birth]:
    return [
        Birth(b["time_ms"], {alias: (name, kind) for alias, name, kind in b["aliases"]}, b["types"])
        for b in orjson.loads(kept)
    ]
