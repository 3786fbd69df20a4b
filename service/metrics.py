"""What Prometheus may scrape of a running park."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from ingest.collector import CollectorStatus
from ingest.shards import WHOLE
from service.runner import Runtime

Ask = Callable[[CollectorStatus], float | None]


def _last_message(status: CollectorStatus) -> float | None:
    return status.last_message_at.timestamp() if status.last_message_at else None


_GAUGES: tuple[tuple[str, str, Ask], ...] = (
    ("broker_connected", "1 while the broker session stands", lambda s: float(s.connected)),
    ("messages_pending", "Messages received, not yet stored", lambda s: s.pending),
    ("last_message_timestamp_seconds", "When the last message came", _last_message),
)
_COUNTERS: tuple[tuple[str, str, Ask], ...] = (
    ("messages_received", "Messages received since the start", lambda s: s.received),
    ("readings_stored", "Readings stored since the start", lambda s: s.stored),
    ("messages_quarantined", "Messages quarantined since the start", lambda s: s.quarantined),
    ("broker_dropped_messages", "Messages the broker says it has dropped", lambda s: s.broker_dropped),
    ("sessions_forgotten", "How often the broker had lost our session", lambda s: s.forgotten),
    ("receiving_pauses", "How often receiving stopped for the store to catch up", lambda s: s.pauses),
    ("connections_renewed", "How often a connection that brought nothing was begun anew", lambda s: s.renewed),
    ("receiver_restarts", "How often the receiving thread had to be started again", lambda s: s.restarts),
)


class ParkMetrics:
    """Reads the state at the moment of the scrape; keeps nothing."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._registry = CollectorRegistry()
        self._registry.register(self)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """Yield every family."""
        yield from self._collector()
        yield from self._jobs()
        counts = CounterMetricFamily("parkwatt_events", "Counted happenings by name", labels=["name"])
        for name, count in self._runtime.state.counts().items():
            counts.add_metric([name], count)
        yield counts
        firing = sum(1 for alert in self._runtime.state.alerts() if alert.state == "firing")
        yield GaugeMetricFamily("parkwatt_alerts_firing", "Alerts that are firing", value=firing)
        yield GaugeMetricFamily(
            "parkwatt_dirty_days", "Days waiting to be computed", value=len(self._runtime.state.dirty())
        )

    def _collector(self) -> Iterator[Metric]:
        found = self._runtime.collectors()
        if not found:
            return
        sharded = WHOLE not in found
        for name, words, value in _GAUGES:
            gauge = GaugeMetricFamily(f"parkwatt_{name}", words, labels=["shard"] if sharded else [])
            values = [([shard] if sharded else [], value(status)) for shard, status in found.items()]
            for labels, number in values:
                if number is not None:
                    gauge.add_metric(labels, number)
            if gauge.samples:
                yield gauge
        for name, words, count in _COUNTERS:
            counter = CounterMetricFamily(f"parkwatt_{name}", words, labels=["shard"] if sharded else [])
            for shard, status in found.items():
                number = count(status)
                if number is not None:
                    counter.add_metric([shard] if sharded else [], number)
            if counter.samples:
                yield counter

    def _jobs(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("parkwatt_job_runs", "Finished runs of a job", labels=["job"])
        failures = CounterMetricFamily("parkwatt_job_failures", "Failed runs of a job", labels=["job"])
        missed = CounterMetricFamily("parkwatt_job_missed", "Runs skipped because one was still going", labels=["job"])
        duration = GaugeMetricFamily("parkwatt_job_duration_seconds", "How long the last run took", labels=["job"])
        silent = GaugeMetricFamily(
            "parkwatt_job_silent_seconds", "For how long a job that runs has not been known to get on", labels=["job"]
        )
        for name, health in self._runtime.jobs.items():
            silent.add_metric([name], health.silent_s(self._runtime.clock))
            runs.add_metric([name], health.runs)
            failures.add_metric([name], health.failures)
            missed.add_metric([name], health.missed)
            duration.add_metric([name], health.last_duration_s)
        yield from (runs, failures, missed, duration, silent)
