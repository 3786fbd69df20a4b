"""A running park: collector, models, rules and page wired together, woken by a scheduler.

The scheduler only wakes; every job computes what is outstanding. So late, missed, doubled and restarted runs are all
harmless.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.schedulers.background import BackgroundScheduler

from core.access import People
from core.clock import Clock
from core.errors import ConfigError, Retryable
from core.park import Park
from core.store import State, Store
from core.timebase import day_of
from core.words import AlertSpeaker
from ingest.collector import Collector, CollectorStatus
from ingest.shards import WHOLE
from ingest.templates import load_templates, with_templates
from ingest.unfinished import finish
from ingest.weather.feed import Feed, service_of
from models.compute import Compute, ComputeResult
from models.diagnosis import Diagnosis
from models.outlooks import Outlooks
from rules.engine import RuleEngine
from rules.notify.pipeline import Notifier
from rules.words import speaker
from service import basis, collectors
from service.lateness import Lateness
from service.memory import give_back
from service.transfer import refuse_unfinished
from service.watching import AlertCopy, CollectorLog
from service.why import explain_days
from store.access import AccessTables
from store.opening import open_store
from store.state import SqliteState

log = logging.getLogger(__name__)

COMPUTE_EVERY_S = 20
RULES_EVERY_S = 60
WATCH_EVERY_S = 60
FORETELL_EVERY_S = 300  # once a day there is something to say, soon after midnight
DIAGNOSE_EVERY_S = 300
# They ask somebody else, or search long and write no series: they hold up nobody meanwhile.
ASIDE = {"weather", "foretell", "diagnose"}
COMPACT_EVERY_H = 6
COMPACT_LAG = timedelta(days=3)  # days older than this seldom receive late readings
CLOCK_CHECK_S = 5.0
CLOCK_STEP_S = 2.0


@dataclass
class JobHealth:
    """How a scheduled job fares, for /healthz and /metrics."""

    runs: int = 0
    failures: int = 0
    missed: int = 0
    last_start: datetime | None = None
    last_success: datetime | None = None
    last_duration_s: float = 0.0
    last_error: str | None = None
    running_since: datetime | None = None  # None while it rests, or waits for its turn
    waiting_since: datetime | None = None  # for another job to end
    alive_s: float = 0.0  # by the monotonic clock, when it was last known to get on

    def begins(self, clock: Clock) -> None:
        """Note that it waits no longer."""
        self.waiting_since, self.running_since, self.alive_s = None, clock.now(), clock.monotonic_s()

    def silent_s(self, clock: Clock) -> float:
        """Return for how long a job that runs has not been known to get on; 0 where it does not run."""
        return clock.monotonic_s() - self.alive_s if self.running_since else 0.0

    def told(self, clock: Clock) -> dict[str, object]:
        """Return it as plain values, for whoever asks."""
        own = {name: value for name, value in vars(self).items() if name != "alive_s"}
        return own | {"silent_s": round(self.silent_s(clock), 1)}


@dataclass
class Runtime:
    """An opened park: what commands and HTTP handlers work on."""

    park: Park
    clock: Clock
    store: Store
    state: State
    people: People
    collector: Collector | None = None
    jobs: dict[str, JobHealth] = field(default_factory=dict)
    working: threading.Lock = field(default_factory=threading.Lock)  # one writer of derived series at a time
    listeners: list[Callable[[str], None]] = field(default_factory=list)  # told "data" or "alerts" when these changed
    _speaker: tuple[Park, AlertSpeaker] | None = None

    @property
    def say(self) -> AlertSpeaker:
        """Words for alerts, of the rules as they were read first: those that run are the same."""
        if self._speaker is None or self._speaker[0] is not self.park:
            self._speaker = (self.park, speaker(self.park))
        return self._speaker[1]

    def tell(self, what: str) -> None:
        """Tell whoever listens that computed data or alerts changed."""
        for listener in self.listeners:
            listener(what)

    def collectors(self) -> dict[str, CollectorStatus]:
        """Return how each collector fares, by shard: ours, or what those in other processes wrote down."""
        if self.collector:
            return {WHOLE: self.collector.status()}
        return collectors.read_status(self.park, self.state, self.clock.now())

    def collector_status(self) -> dict[str, object] | None:
        """Return all collectors' state as one, as plain values; None where there never was one."""
        found = self.collectors()
        status = collectors.together(found)
        if status is None:
            return None
        shards = {name: asdict(s) for name, s in found.items() if name != WHOLE}
        return asdict(status) | ({"shards": shards} if shards else {})


@contextlib.contextmanager
def opened(park: Park, clock: Clock, config_text: str, *leases: str) -> Iterator[Runtime]:
    """Open store and state file, archive the configuration, and close both whatever happens."""
    refuse_unfinished(park)
    park.state.parent.mkdir(parents=True, exist_ok=True)
    state = SqliteState(park.state, clock)
    try:
        for lease in leases:
            state.acquire(lease)
        store = open_store(park)
        try:
            if "serve" in leases:
                finish(state)
            if leases:
                state.archive_config(park.digest, config_text, clock.now())
            with contextlib.closing(AccessTables(park.state)) as people:
                yield Runtime(with_templates(park, load_templates()), clock, store, state, people)
        finally:
            store.close()
    finally:
        state.close()


class Jobs:
    """The recurring work of a park that is served."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._compute = Compute(runtime.park, runtime.store, runtime.state)
        self._diagnosis = Diagnosis(runtime.park, runtime.store, runtime.state)
        self._past_changes = 0  # how often late readings changed a day that was over
        self._diagnosed: tuple[date, int] | None = None  # the last day that was searched for faults, and after how many
        self._rules = rule_engine(runtime)
        self._notifier = Notifier(runtime.park, runtime.state)
        self._alerts = AlertCopy(runtime.park, runtime.store, runtime.state, runtime.say)
        self._collectors = CollectorLog(runtime.park, runtime.store, runtime.state)
        self._lateness = Lateness(runtime.park, runtime.store, runtime.state)
        choice, park = runtime.park.weather_service, runtime.park
        service = service_of(choice, runtime.clock) if choice else None
        self._outlooks = Outlooks(park, runtime.store, runtime.state, service)
        self._feed = Feed(park, service, runtime.store, runtime.state) if service else None
        self._scheduler = BackgroundScheduler(
            timezone="UTC", job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        )
        self._scheduler.add_listener(self._noticed, EVENT_JOB_MISSED | EVENT_JOB_ERROR | EVENT_JOB_MAX_INSTANCES)
        self._told: dict[str, tuple[str, datetime]] = {}  # alerts as the last evaluation left them
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._watch_clock, name="clock", daemon=True)

    def start(self) -> None:
        """Begin at once, then at short intervals."""
        basis.compare(self._runtime.park, self._runtime.state)
        now = self._runtime.clock.now()
        self._add("compute", self._run_compute, now, seconds=COMPUTE_EVERY_S)
        self._add("rules", self._run_rules, now + timedelta(seconds=10), seconds=RULES_EVERY_S)
        self._add("foretell", self._run_foretell, now + timedelta(seconds=15), seconds=FORETELL_EVERY_S)
        self._add("diagnose", self._run_diagnose, now + timedelta(seconds=15), seconds=DIAGNOSE_EVERY_S)
        self._add("watch", self._run_watch, now + timedelta(seconds=20), seconds=WATCH_EVERY_S)
        if self._runtime.park.weather_service:
            self._add("weather", self._run_weather, now, minutes=self._runtime.park.weather_service.every_minutes)
        self._add("compact", self._run_compact, now + timedelta(minutes=10), hours=COMPACT_EVERY_H)
        self._scheduler.start()
        self._watch.start()

    def stop(self) -> None:
        """Let the running job end, start no other."""
        self._stopping.set()
        self._watch.join()
        self._scheduler.shutdown(wait=True)

    def _watch_clock(self) -> None:
        """Wake every job where the clock was set back: the scheduler would sleep until the old time comes again."""
        clock = self._runtime.clock
        last, last_s = clock.now(), clock.monotonic_s()
        while not self._stopping.wait(CLOCK_CHECK_S):
            now, now_s = clock.now(), clock.monotonic_s()
            back_s = now_s - last_s - (now - last).total_seconds()
            last, last_s = now, now_s
            if back_s > CLOCK_STEP_S:
                log.warning("the clock was set back by %.0f s; what is due by it runs now", back_s)
                for job in self._scheduler.get_jobs():
                    job.modify(next_run_time=now)

    def _run_weather(self, now: datetime) -> None:
        """Ask the weather service; readings may come while others compute, so nobody waits for its answer."""
        if self._feed is not None:
            self._feed.run(now)

    def _add(self, name: str, work: Callable[[datetime], object], first: datetime, **every: int) -> None:
        health = self._runtime.jobs[name] = JobHealth()
        self._scheduler.add_job(
            self._watched, "interval", args=(name, health, work), id=name, next_run_time=first, **every
        )

    def _watched(self, name: str, health: JobHealth, work: Callable[[datetime], object]) -> None:
        """Run a job; a fault is told once per wording, and the next run tries again."""
        clock = self._runtime.clock
        health.last_start, started_s = clock.now(), clock.monotonic_s()
        health.begins(clock)
        try:
            with contextlib.nullcontext() if name in ASIDE else self._turn(health):
                work(health.last_start)
        except Exception as error:
            health.failures += 1
            text = f"{type(error).__name__}: {error}"
            if text != health.last_error:
                expected = isinstance(error, (Retryable, ConfigError))
                log.error("job failed", extra={"job": name, "error": text}, exc_info=not expected)  # noqa: TRY400 - an expected fault needs no traceback
            health.last_error = text
        else:
            if health.last_error:
                log.info("job works again", extra={"job": name})
            health.last_error, health.last_success = None, clock.now()
            health.runs += 1
        finally:
            health.running_since = health.waiting_since = None
        health.last_duration_s = clock.monotonic_s() - started_s

    @contextlib.contextmanager
    def _turn(self, health: JobHealth) -> Iterator[None]:
        """Wait until no other job writes, and note that it is waiting for which the job cannot be blamed."""
        health.waiting_since, health.running_since = self._runtime.clock.now(), None
        with self._runtime.working:
            health.begins(self._runtime.clock)
            yield

    def _health(self, name: str) -> JobHealth:
        return self._runtime.jobs.get(name) or JobHealth()

    def _run_compute(self, now: datetime) -> None:
        health = self._health("compute")

        def alive(_done: int, _all: int) -> None:
            health.alive_s = self._runtime.clock.monotonic_s()

        result = self._compute.run(now, alive)
        self._lateness.touched(result)
        if result.changed:
            if self._touched_the_past(result):
                self._past_changes += 1
            self._runtime.tell("data")

    def _run_foretell(self, now: datetime) -> None:
        self._outlooks.ask(now)
        with self._turn(self._health("foretell")):
            told = self._outlooks.run(now)
        if told:
            self._runtime.tell("data")

    def _touched_the_past(self, result: ComputeResult) -> bool:
        return result.first_day is not None and result.first_day < day_of(
            result.computed_until, self._runtime.park.zone
        )

    def _run_diagnose(self, now: datetime) -> None:
        """Look for faults once a day is closed, and again where late readings or a correction changed an earlier one."""
        state = self._diagnosis.last_day(now), self._past_changes
        if state == self._diagnosed:
            return
        if self._diagnosis.run(now):
            self._runtime.tell("data")
        self._diagnosed = state

    def _run_rules(self, now: datetime) -> None:
        alerts = {a.fingerprint: (a.state, a.active_at) for a in self._rules.evaluate(now)}
        if alerts != self._told:
            self._told = alerts
            self._runtime.tell("alerts")
        self._notifier.send(now)

    def _run_watch(self, now: datetime) -> None:
        """Write what Grafana has to see of the service itself."""
        self._alerts.run(now)
        self._collectors.run(now, self._runtime.collectors())
        self._lateness.run(now)

    def _run_compact(self, now: datetime) -> None:
        self._runtime.store.compact(now - COMPACT_LAG)

    def _noticed(self, event: object) -> None:
        name = getattr(event, "job_id", "")
        if name in self._runtime.jobs:
            self._runtime.jobs[name].missed += 1


def rule_engine(runtime: Runtime) -> RuleEngine:
    """Return the rules of a park, with what tells them why a day was as it was."""
    what = (runtime.park, runtime.store, runtime.state)
    return RuleEngine(*what, explain_days(*what, runtime.clock))


def catch_up(runtime: Runtime, progress: Callable[[int, int], None] | None = None) -> None:
    """Compute everything outstanding and let the rules look at every day it touched.

    Used after an import, so that an alert that began nine days ago carries its own date.
    """
    now = runtime.clock.now()
    with runtime.working:
        basis.compare(runtime.park, runtime.state)
        Compute(runtime.park, runtime.store, runtime.state).run(now, progress)
        Outlooks(runtime.park, runtime.store, runtime.state).run(now)
        Diagnosis(runtime.park, runtime.store, runtime.state).run(now)
        first = runtime.store.info().first_reading
        if first is not None:
            rule_engine(runtime).replay(first, now)
        AlertCopy(runtime.park, runtime.store, runtime.state, runtime.say).run(now)
    give_back()
