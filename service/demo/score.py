"""How well Parkwatt finds what the twin hid: many seeds, each through import, models and rules in a folder of its own.

`python -m service.demo.score --seeds 20` prints one line per planted or claimed event and a summary per kind. Every
fourth seed has no fault at all: whatever is claimed there is false.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import ManualClock
from core.park import Park
from core.park_file import load_park
from core.quality import Event
from core.store import AlertRecord
from ingest.files import import_files
from service.demo.faults import Fault, Faults, Replacement, Silence, StringLoss
from service.demo.history import write_history
from service.demo.plant import Plant, epoch_of
from service.demo.simulate import plan as plan_of
from service.demo.site import park_yaml
from service.runner import catch_up, opened

END = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)
SEASON_STEP = timedelta(days=46)  # eight histories' ends, spread over a year
SEASONS = 8
FAULTLESS_EVERY = 4
ALERT_WITHIN = timedelta(days=3)
EVENT_WITHIN = timedelta(hours=1)
JUMPS = frozenset({"reset", "replaced", "rollover", "implausible", "spurious"})
REPLACED = frozenset({"reset", "replaced"})
GAPS = frozenset({"gap", "missing"})
KINDS = ("string loss", "replacement", "silence")


@dataclass(frozen=True)
class Claim:
    """Something Parkwatt says has happened; `told` is when it could first have said so."""

    kind: str
    code: str
    entity: str
    start: datetime
    end: datetime
    told: datetime


@dataclass(frozen=True)
class Outcome:
    """One planted event and whether it was found, or a claim nothing was planted for."""

    seed: int
    kind: str
    entity: str
    verdict: str  # found | missed | false
    planted: datetime | None = None
    claim: Claim | None = None


def score(seed: int, folder: Path, faults: str | None = None) -> list[Outcome]:
    """Run one seed and return its outcomes.

    `faults` is random, demo or none; by default they are random, and every fourth seed has none.
    """
    until = END - SEASON_STEP * (seed % SEASONS)
    text = park_yaml(until)
    config = folder / "PARK.yaml"
    config.write_text(text, encoding="utf-8")
    park = load_park(config)
    kind = faults or ("none" if seed % FAULTLESS_EVERY == 0 else "random")
    plan = plan_of(park, kind, seed)
    write_history(Plant(park, seed, plan), until, folder / "history.parquet")
    now = until + timedelta(minutes=5)
    with opened(park, ManualClock(now), text, "ingest", "serve") as runtime:
        import_files(park, runtime.store, runtime.state, [folder / "history.parquet"], runtime.clock, None)
        catch_up(runtime)
        start = epoch_of(park)
        claims = [*_from_alerts(runtime.state.alerts(start)), *_from_events(runtime.state.events(start, now), park)]
    return list(compare(seed, plan, claims))


def compare(seed: int, plan: Faults, claims: Iterable[Claim]) -> Iterator[Outcome]:
    """Match planted events with claims; what is left on either side is missed or false."""
    left = list(claims)
    for fault in plan.planned:
        kind, entity = _named(fault)
        matching = [c for c in left if c.kind == kind and c.entity == entity and _fits(c, fault)]
        verdict = "found" if matching else "missed"
        first = min(matching, key=lambda c: c.told, default=None)
        yield Outcome(seed, kind, entity, verdict, fault.start, first)
        left = [c for c in left if c not in matching]
    for claim in left:
        yield Outcome(seed, claim.kind, claim.entity, "false", None, claim)


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the outcomes as text: one line each, then a summary per kind."""
    lines = [f"{'seed':>4}  {'event':12} {'where':14} {'verdict':8} {'planted (UTC)':17} {'claimed (UTC)':17} lag"]
    lines += [_line(o) for o in outcomes]
    lines += ["", f"{'event':12} {'planted':>7} {'found':>6} {'missed':>7} {'false':>6}"]
    for kind in KINDS:
        count = {v: sum(o.kind == kind and o.verdict == v for o in outcomes) for v in ("found", "missed", "false")}
        planted = count["found"] + count["missed"]
        lines.append(f"{kind:12} {planted:7} {count['found']:6} {count['missed']:7} {count['false']:6}")
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run seeds 1 to N and print the table; end with 1 where something was missed or claimed in vain."""
    parser = argparse.ArgumentParser(description="Plant faults in the demo park and see which are found.")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--faults", choices=("random", "demo", "none"), help="default: random, every fourth seed none")
    arguments = parser.parse_args(argv)
    outcomes: list[Outcome] = []
    for seed in range(arguments.first, arguments.first + arguments.seeds):
        with tempfile.TemporaryDirectory(prefix="parkwatt-score-") as folder:
            outcomes += score(seed, Path(folder), arguments.faults)
        sys.stderr.write(f"seed {seed} done\n")
    sys.stdout.write(table(outcomes) + "\n")
    return int(any(o.verdict != "found" for o in outcomes))


def _from_alerts(alerts: Iterable[AlertRecord]) -> Iterator[Claim]:
    kinds = {"pv_below_expectation": "string loss", "meter_silent": "silence"}
    for alert in alerts:
        if alert.rule in kinds and alert.fired_at is not None:
            end = alert.resolved_at or datetime.max.replace(tzinfo=UTC)
            yield Claim(kinds[alert.rule], alert.rule, alert.entity, alert.active_at, end, alert.fired_at)


def _from_events(events: Iterable[Event], park: Park) -> Iterator[Claim]:
    points = {p.id for p in park.points}
    for event in events:
        if event.entity not in points:
            continue
        kind = "replacement" if event.code in JUMPS else "silence" if event.code in GAPS else None
        if kind:
            yield Claim(kind, event.code, event.entity, event.start, event.end, event.end)


def _named(fault: Fault) -> tuple[str, str]:
    if isinstance(fault, StringLoss):
        return "string loss", fault.array
    if isinstance(fault, Replacement | Silence):
        return ("replacement" if isinstance(fault, Replacement) else "silence"), fault.point
    raise ValueError(f"{type(fault).__name__} is not scored")


def _fits(claim: Claim, fault: Fault) -> bool:
    if isinstance(fault, StringLoss):
        return abs(claim.start - fault.start) <= ALERT_WITHIN
    if isinstance(fault, Silence):
        return claim.start < fault.end and claim.end > fault.start
    near = claim.start - EVENT_WITHIN <= fault.start <= claim.end + EVENT_WITHIN
    return near and claim.code in REPLACED


def _line(outcome: Outcome) -> str:
    planted, claim = outcome.planted, outcome.claim
    written = [f"{t:%Y-%m-%d %H:%M}" if t else "-" for t in (planted, claim.start if claim else None)]
    lag = f"told after {(claim.told - planted) / timedelta(days=1):.1f} d" if planted and claim else ""
    name = f"{outcome.kind:12} {outcome.entity:14} {outcome.verdict:8}"
    return f"{outcome.seed:4}  {name} {written[0]:17} {written[1]:17} {lag} {claim.code if claim else ''}".rstrip()


if __name__ == "__main__":
    sys.exit(main())
