"""What Prometheus may scrape of a running park."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from service.runner import Runtime


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
        if self._runtime.collector is None:
            return
        status = self._runtime.collector.status()
        yield GaugeMetricFamily(
            "parkwatt_broker_connected", "1 while the broker session stands", value=status.connected
        )
        yield GaugeMetricFamily("parkwatt_messages_pending", "Messages received, not yet stored", value=status.pending)
        for name in ("messages_received", "readings_stored", "messages_quarantined"):
            what, verb = name.split("_")
            words = f"{what.capitalize()} {verb} since the start"
            yield CounterMetricFamily(f"parkwatt_{name}", words, value=getattr(status, verb))
        if status.last_message_at:
            stamp = status.last_message_at.timestamp()
            yield GaugeMetricFamily(
                "parkwatt_last_message_timestamp_seconds", "When the last message came", value=stamp
            )

    def _jobs(self) -> Iterator[Metric]:
        runs = CounterMetricFamily("parkwatt_job_runs", "Finished runs of a job", labels=["job"])
        failures = CounterMetricFamily("parkwatt_job_failures", "Failed runs of a job", labels=["job"])
        missed = CounterMetricFamily("parkwatt_job_missed", "Runs skipped because one was still going", labels=["job"])
        duration = GaugeMetricFamily("parkwatt_job_duration_seconds", "How long the last run took", labels=["job"])
        for name, health in self._runtime.jobs.items():
            runs.add_metric([name], health.runs)
            failures.add_metric([name], health.failures)
            missed.add_metric([name], health.missed)
            duration.add_metric([name], health.last_duration_s)
        yield from (runs, failures, missed, duration)
