"""The long-running commands: `run`, `ingest` and `serve`."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import secrets
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path

import uvicorn

from core.clock import SystemClock
from core.errors import ConfigError, Retryable
from core.park import Park
from ingest.collector import Collector
from ingest.session_memory import place_of
from ingest.shards import WHOLE, checked_shard
from service import address
from service.access import managing
from service.access.passwords import Passwords
from service.collectors import WRITE_EVERY_S, write_status
from service.http import make_app
from service.live import Live
from service.memory import give_back
from service.runner import Jobs, Runtime, opened

log = logging.getLogger(__name__)

SWITCH_S = 0.001  # a page waits so long for a job that computes, each time it needs Python again; the default is 5 ms


def run(park: Park, config_text: str) -> None:
    """Collector, models, rules and page in one process, until it is told to end."""
    checked_shard(park, WHOLE)
    listener = listen(park)
    with opened(park, SystemClock(), config_text, "ingest", "serve") as runtime:
        serve_runtime(runtime, listener, collect=True)


def serve(park: Park, config_text: str) -> None:
    """Models, rules and page; the collector is another process."""
    _needs_shared_store(park)
    listener = listen(park)
    with opened(park, SystemClock(), config_text, "serve") as runtime:
        serve_runtime(runtime, listener, collect=False)


def ingest(park: Park, config_text: str, shard: str = WHOLE) -> None:
    """The collector alone, or one of several."""
    _needs_shared_store(park)
    checked_shard(park, shard)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with opened(park, SystemClock(), config_text, f"ingest/{shard}" if shard else "ingest") as runtime:
        collector = Collector(park, runtime.store, runtime.state, runtime.clock, shard=shard)
        give_back()  # reading a large PARK.yaml takes more than holding it
        collector.start()
        log.info("collecting", extra={"park": park.id, "broker": place_of(park), "shard": shard})
        while not ended.wait(WRITE_EVERY_S) and not collector.broken:
            _write_down(runtime, shard, collector)
        broken = collector.broken
        collector.stop()
        _write_down(runtime, shard, None)
    _end_loudly(broken=broken)


def _write_down(runtime: Runtime, shard: str, collector: Collector | None) -> None:
    # For the page, no reading hangs on it: the next turn tries again.
    with contextlib.suppress(Retryable):
        write_status(runtime.state, shard, collector.status() if collector else None, runtime.clock.now())


def _end_loudly(*, broken: bool) -> None:
    if broken:
        raise Retryable("the thread that stores readings has ended; see the log")


class Server(uvicorn.Server):
    """Ends the streams of open pages first, or it would wait for them."""

    def __init__(self, config: uvicorn.Config, live: Live) -> None:
        super().__init__(config)
        self._live = live

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End in order."""
        self._live.close()
        await super().shutdown(sockets)


def serve_runtime(runtime: Runtime, listener: socket.socket, *, collect: bool) -> None:
    """Serve an opened park on a bound socket until SIGTERM or SIGINT, then end in order."""
    park = runtime.park
    _let_nobody_in_by_mistake(runtime)
    sys.setswitchinterval(SWITCH_S)
    token = secrets.token_urlsafe(32)
    host, port = listener.getsockname()[:2]
    tls = park.http.tls
    url = f"{'https' if tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"
    live = Live()
    config = uvicorn.Config(
        make_app(runtime, token, live), log_config=None, access_log=False, timeout_graceful_shutdown=5,
        # Who is a proxy stands in PARK.yaml; uvicorn would believe every program of this machine.
        server_header=False, proxy_headers=False, ssl_certfile=tls.cert_file if tls else None,
        ssl_keyfile=tls.key_file if tls else None,
    )  # fmt: skip
    _load_certificate(config)
    server = Server(config, live)

    def end(*_: object) -> None:
        server.should_exit = True

    # From here on: who is told to end while it starts must not fall amid what the collector has begun to store. The
    # server has handlers of its own while it runs, and raises a signal again afterwards, which would kill us too early.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    jobs = Jobs(runtime)
    if collect:
        runtime.collector = Collector(park, runtime.store, runtime.state, runtime.clock)
        runtime.collector.start()
    jobs.start()
    fingerprint = address.fingerprint_of(tls.cert_file) if tls else ""
    address.announce(park, address.Address(_own_url(url), token, os.getpid(), fingerprint))
    log.info("serving", extra={"park": park.id, "page": url})
    gc.collect()
    gc.freeze()  # what is loaded now stays until the end; looking through it again stops every answer for a moment
    ended = threading.Event()
    if runtime.collector:
        threading.Thread(target=_end_when_broken, args=(runtime.collector, server, ended), daemon=True).start()
    try:
        server.run(sockets=[listener])
    finally:
        ended.set()
        gc.unfreeze()
        log.info("ending", extra={"park": park.id})
        address.withdraw(park)
        if runtime.collector:
            runtime.collector.stop()
        jobs.stop()
    _end_loudly(broken=bool(runtime.collector and runtime.collector.broken))


def _let_nobody_in_by_mistake(runtime: Runtime) -> None:
    """Make the first admin where PARK.yaml says so; refuse to serve other machines without users."""
    park, people = runtime.park, runtime.people
    if managing.first_admin(people, Passwords(), park.http.admin_password_file, runtime.clock.now()):
        log.info("made the user admin", extra={"park": park.id})
    managing.needs_users(park, people)


def _load_certificate(config: uvicorn.Config) -> None:
    try:
        config.load()
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(
            f"http.tls in PARK.yaml: the certificate or its key cannot be used: {error}",
            "both are PEM files, and the key belongs to the certificate",
        ) from error


def _end_when_broken(collector: Collector, server: uvicorn.Server, ended: threading.Event) -> None:
    while not ended.wait(1.0):
        if collector.broken:
            server.should_exit = True
            return


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
            "the embedded store belongs to one process",
            "use `parkwatt run`, or give store.url of an InfluxDB in PARK.yaml",
        )


def config_text(path: Path) -> str:
    """Return the configuration as written, for the archive."""
    return path.read_text(encoding="utf-8-sig")
