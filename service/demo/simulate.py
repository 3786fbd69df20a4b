"""The live park: device-shaped telegrams over MQTT, each a pure function of its time."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.clock import Clock, SystemClock
from core.errors import ConfigError
from core.park import Broker, Park
from core.park_file import load_park
from service.demo.faults import HISTORY_DAYS, Faults
from service.demo.plant import Plant, epoch_of
from service.demo.publisher import Ledger, Publisher, last_acknowledged
from service.demo.site import PARK_ID
from service.demo.telegrams import check_templates, telegrams

LONG_GAP = timedelta(hours=6)  # a longer hole is filled with coarser telegrams
COARSE_S = 900.0
CHUNK = timedelta(hours=2)
LONGEST_TICK_S = 0.5
SETTLE_S = 5.0


def simulate(
    plant: Plant,
    broker: Broker,
    clock: Clock,
    stop: threading.Event,
    *,
    interval_s: float = 60.0,
    since: datetime | None = None,
    ledger_path: Path | None = None,
    qos: int = 1,
) -> int:
    """Publish what every device sends from `since` (default: now) until `stop` is set; return how many were confirmed.

    What lies between `since` and now is published first, so that there is no hole after the history.
    """
    check_templates(plant.park)
    ledger = Ledger(ledger_path) if ledger_path else None
    done = since or clock.now()
    try:
        with Publisher(broker, f"parkwatt-simulator-{plant.park.id}", ledger, qos) as publisher:
            while not stop.is_set():
                done = _publish_until(clock.now(), done, plant, publisher, stop, interval_s)
                publisher.collect()
                stop.wait(min(LONGEST_TICK_S, interval_s / 4))
            publisher.settle(SETTLE_S)
        return publisher.acked
    finally:
        if ledger:
            ledger.close()


def _publish_until(
    now: datetime, done: datetime, plant: Plant, publisher: Publisher, stop: threading.Event, interval_s: float
) -> datetime:
    step = max(interval_s, COARSE_S) if now - done > LONG_GAP else interval_s
    while done < now and not stop.is_set():
        end = min(done + CHUNK, now)
        for telegram in telegrams(plant, done, end, step):
            if stop.is_set():
                return telegram.time - timedelta(milliseconds=1)
            publisher.publish(telegram, stop)
        publisher.collect()
        done = end
    return done


def plan(park: Park, kind: str, seed: int, days: int = HISTORY_DAYS) -> Faults:
    """Return the faults of a kind: demo, random or none."""
    start = epoch_of(park)
    if kind == "none":
        return Faults.none()
    return Faults.random(park, seed, start, days) if kind == "random" else Faults.demo(park, seed, start, days)


def begin(park: Park, ledger: Path | None, days: int, now: datetime) -> datetime:
    """Return from when on telegrams are due: after the ledger's last one, else after the demo's history, else now."""
    last = last_acknowledged(ledger) if ledger else None
    if last is not None:
        # Once more what went out around the end: the same telegram twice changes nothing, a missing one does.
        return min(now, last - timedelta(minutes=2))
    if park.id == PARK_ID:
        return min(now, epoch_of(park) + timedelta(days=days))
    return now


def main(argv: Sequence[str] | None = None) -> int:
    """Run as a process of its own until SIGTERM or Ctrl-C."""
    arguments = _arguments(argv)
    try:
        park = load_park(arguments.park)
        check_templates(park)
        kind = arguments.faults or ("demo" if park.id == PARK_ID else "none")
        plant = Plant(park, arguments.seed, plan(park, kind, arguments.seed, arguments.days))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    clock, stop = SystemClock(), threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    since = arguments.since or begin(park, arguments.ledger, arguments.days, clock.now())
    if arguments.back is not None:
        since = min(since, clock.now() - timedelta(days=arguments.back))
    simulate(
        plant,
        _broker(park.mqtt, arguments),
        clock,
        stop,
        interval_s=arguments.interval,
        since=since,
        ledger_path=arguments.ledger,
    )
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="parkwatt simulate", description="Publish the twin of a park over MQTT.")
    parser.add_argument("park", type=Path, metavar="PARK.yaml")
    parser.add_argument("--interval", type=_seconds, default=60.0, metavar="S", help="between telegrams of a device")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another park of the same shape")
    parser.add_argument("--ledger", type=Path, metavar="FILE", help="write down what was sent and acknowledged")
    parser.add_argument(
        "--faults", choices=("demo", "random", "none"), help="default: demo in the demo park, else none"
    )
    parser.add_argument("--days", type=int, default=HISTORY_DAYS, help="days of history the demo park started with")
    parser.add_argument("--back", type=_seconds, metavar="DAYS", help="publish the days up to now first")
    parser.add_argument("--username", help="at the broker, instead of the one in PARK.yaml")
    parser.add_argument("--password-file", type=Path, metavar="FILE", help="its password")
    parser.add_argument("--since", type=_instant, metavar="TIME", help="publish everything since then (ISO 8601)")
    return parser.parse_args(argv)


def _broker(configured: Broker, arguments: argparse.Namespace) -> Broker:
    """Return the park's broker, with the meters' user instead of the collector's where one is given."""
    if arguments.username is None:
        return configured
    user = {"username": arguments.username, "password_file": arguments.password_file, "password_env": None}
    return configured.model_copy(update=user)


def _seconds(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise argparse.ArgumentTypeError("must be more than zero")
    return value


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


if __name__ == "__main__":
    sys.exit(main())
