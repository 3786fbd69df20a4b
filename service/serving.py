"""The long-running commands: `run`, `ingest` and `serve`."""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from pathlib import Path

import uvicorn

from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from ingest.collector import Collector
from service import address
from service.http import make_app
from service.runner import Jobs, Runtime, opened

log = logging.getLogger(__name__)


def run(park: Park, config_text: str) -> None:
    """Collector, models, rules and page in one process, until it is told to end."""
    listener = listen(park)
    with opened(park, SystemClock(), config_text, "ingest", "serve") as runtime:
        serve_runtime(runtime, listener, collect=True)


def serve(park: Park, config_text: str) -> None:
    """Models, rules and page; the collector is another process."""
    _needs_shared_store(park)
    listener = listen(park)
    with opened(park, SystemClock(), config_text, "serve") as runtime:
        serve_runtime(runtime, listener, collect=False)


def ingest(park: Park, config_text: str) -> None:
    """The collector alone."""
    _needs_shared_store(park)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with opened(park, SystemClock(), config_text, "ingest") as runtime:
        collector = Collector(park, runtime.store, runtime.state, runtime.clock)
        collector.start()
        log.info("collecting", extra={"park": park.id, "broker": f"{park.mqtt.host}:{park.mqtt.port}"})
        ended.wait()
        collector.stop()


def serve_runtime(runtime: Runtime, listener: socket.socket, *, collect: bool) -> None:
    """Serve an opened park on a bound socket until SIGTERM or SIGINT, then end in order."""
    park = runtime.park
    token = secrets.token_urlsafe(32)
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    jobs = Jobs(runtime)
    if collect:
        runtime.collector = Collector(park, runtime.store, runtime.state, runtime.clock)
        runtime.collector.start()
    jobs.start()
    address.announce(park, address.Address(_own_url(url), token, os.getpid()))
    log.info("serving", extra={"park": park.id, "page": url})
    config = uvicorn.Config(
        make_app(runtime, token), log_config=None, access_log=False, timeout_graceful_shutdown=5, server_header=False
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        # The server ends on these by itself and then raises them again, which would kill us before the collector stopped.
        signal.signal(number, lambda *_: None)
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        log.info("ending", extra={"park": park.id})
        address.withdraw(park)
        if runtime.collector:
            runtime.collector.stop()
        jobs.stop()


def listen(park: Park) -> socket.socket:
    """Bind the page's port before anything else starts, so that a port in use is told at once."""
    family = socket.AF_INET6 if ":" in park.http.listen else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((park.http.listen, park.http.port))
    except OSError as error:
        listener.close()
        place = f"{park.http.listen}:{park.http.port}"
        hint = "choose another with --port, or end what listens there" if error.errno == 98 else "see http in PARK.yaml"  # noqa: PLR2004 - EADDRINUSE
        raise ConfigError(f"cannot listen on {place}: {error.strerror}", hint) from error
    listener.listen(128)
    return listener


def _own_url(url: str) -> str:
    return url.replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")


def _needs_shared_store(park: Park) -> None:
    if park.store.kind == "embedded":
        raise ConfigError(
            "the embedded store belongs to one process", "use `parkwatt run`, or a store of kind influx in PARK.yaml"
        )


def config_text(path: Path) -> str:
    """Return the configuration as written, for the archive."""
    return path.read_text(encoding="utf-8-sig")
