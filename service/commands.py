"""The commands that end: check, report, decode, simulate; and the demo. Those about history are in history.py."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, available_timezones

import orjson

from core.clock import SystemClock
from core.errors import ConfigError, Retryable
from core.factors import factor_for
from core.park import Park
from core.park_file import load_park
from core.text import Language
from ingest.discover import discover as listen
from ingest.replay import ReplayResult, replay
from ingest.router import Router
from ingest.session_memory import Kept, left_sessions
from ingest.several import decode_telegram
from ingest.shards import client_id_of, shard_filters, unheard
from ingest.templates import load_template, load_templates
from reports import monthly
from reports.pdf import check_names
from rules.library_file import load_rules
from service import address, quarantine
from service.access import managing
from service.demo import launch
from service.demo import simulate as simulation
from service.http.reports import parse_month
from service.making import built_month
from service.progress import bar
from service.runner import catch_up, opened
from store.access import AccessTables
from store.state import SqliteState

T = TypeVar("T")


def version() -> str:
    """Return the installed version."""
    return f"parkwatt {installed_version('parkwatt')}"


def check(path: Path) -> int:
    """Validate a configuration whole, without opening anything, and say what it describes."""
    park = load_park(path)
    templates = load_templates()
    Router(park, templates)
    shards = shard_filters(park, templates)
    load_rules(park)
    check_names(park)
    today = SystemClock().now().date()
    lines = [
        f"{path}: right.",
        f"  park       {park.id}, {park.timezone}, {len(park.points)} points, {len(park.arrays)} arrays",
        f"  broker     {park.mqtt.host}:{park.mqtt.port}",
        f"  store      {park.store.kind}",
        *(f"  shard      {name}: {client_id_of(park, name)} receives {', '.join(f)}" for name, f in shards.items()),
    ]
    for choice in park.carbon:
        factor = factor_for(choice.scheme, choice.region, today)
        lines.append(f"  carbon     {factor.id} {factor.value:g} {factor.unit} ({factor.source})")
    now = SystemClock().now()
    lines += [f"  note       {p.id} has no device now" for p in park.points if p.device_at(now) is None]
    served = {a.point for a in park.arrays}
    lines += [
        f"  note       {p.id} is a PV meter without an array: nothing is expected of it and no fault of it can be found"
        for p in park.by_role("pv")
        if p.id not in served
    ]
    lines += [f"  note       {words}" for words in (*_secrets_missing(park), *_users_missing(path, park))]
    if shards:
        lines += [
            f"  note       no shard receives all of {topic}: a new meter there goes unnoticed"
            for topic in unheard(park, templates, shards)
        ]
    left: dict[str, Kept] = {}
    with contextlib.suppress(ConfigError, Retryable):  # the service may have the state file where it runs
        left = _of_state(park, lambda state: left_sessions(park, state)) or {}
    lines += [
        f"  note       {kept.broker} may keep messages for {client}, which nobody resumes: parkwatt ingest --drain {client}"
        for client, kept in left.items()
    ]
    print("\n".join(lines))
    return 0


def _users_missing(path: Path, park: Park) -> list[str]:
    """Say that the page will not start, where it is to be seen from other machines and nobody can sign in."""
    if not managing.needed(park) or _has_users(park):
        return []
    file = park.http.admin_password_file
    if file:
        return [] if file.is_file() else [f"http: there is no file {file}"]
    closed = f"http.listen {park.http.listen} lets other machines in, and there are no users here"
    return [f"{closed}: `run` and `serve` do not start before `parkwatt user {path} add NAME --role admin`"]


def _has_users(park: Park) -> bool:
    if not park.state.exists():
        return False
    with contextlib.suppress(ConfigError, Retryable), contextlib.closing(AccessTables(park.state)) as people:
        return people.anyone()
    return False


def _secrets_missing(park: Park) -> list[str]:
    """Name the secrets that are not to be had here; the service may have them where it runs."""
    wanted = [("mqtt", park.mqtt.password_env, park.mqtt.password_file)]
    if park.store.kind == "influx":
        wanted.append(("store", park.store.password_env, park.store.password_file))
        wanted.append(("store", park.store.token_env, park.store.token_file))
    found = [
        f"{where}: the environment variable {env} is not set here"
        for where, env, _ in wanted
        if env and not os.environ.get(env)
    ]
    found += [f"{where}: there is no file {file}" for where, _, file in wanted if file and not file.is_file()]
    return found + [
        f"receiver {r.id}: the environment variable {r.url_env} is not set here"
        for r in park.receivers
        if r.kind != "log" and not r.url and r.url_env and not os.environ.get(r.url_env)
    ]


def quarantine_list(park: Park, limit: int, language: Language) -> int:
    """Show what is in quarantine; it may be looked at while the service runs."""
    print(_of_state(park, lambda state: quarantine.listed(state, park.zone, limit, language)) or quarantine.NOTHING)
    return 0


def quarantine_show(park: Park, number: int, language: Language) -> int:
    """Show one message of the quarantine whole."""
    item = _of_state(park, lambda state: state.quarantine_item(number))
    if item is None:
        raise ConfigError(f"there is no number {number} in quarantine", "`parkwatt quarantine PARK.yaml list` has them")
    print(quarantine.shown(item, park.zone, language))
    return 0


def _of_state(park: Park, look: Callable[[SqliteState], T]) -> T | None:
    """Look at the state file of a park; None where it has none yet."""
    if not park.state.exists():
        return None
    state = SqliteState(park.state)
    try:
        return look(state)
    finally:
        state.close()


def quarantine_replay(park: Park, reason: str | None, number: int | None) -> int:
    """Read quarantined messages again, through the running service where there is one."""
    owner = address.running(park)
    if owner:
        wanted = {"digest": park.digest, "reason": reason, "number": number}
        answer = address.ask(owner, "POST", "/api/v1/quarantine/replay", json=wanted)
        result = ReplayResult(**answer.json())
    else:
        with opened(park, SystemClock(), "", "ingest", "serve") as runtime:
            result = replay(
                park, runtime.store, runtime.state, runtime.clock, reason=reason, number=number, progress=bar("reading")
            )
            if result.readings:
                catch_up(runtime, bar("computing"))
    print(result.told())
    return 1 if result.reasons or result.from_files else 0


def discover(park: Park, seconds: float) -> int:
    """Listen on the park's broker and propose what could stand in PARK.yaml."""
    print(f"# listening on {park.mqtt.host}:{park.mqtt.port} for {seconds:g} s", file=sys.stderr)
    print(listen(park, seconds, SystemClock()).told())
    return 0


def report(park: Park, month: str, out: Path) -> int:
    """Write the report of one month, through the running service where there is one."""
    year, number = parse_month(month)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the folder {out}: {error.strerror}", "choose another with --out") from error
    owner = address.running(park)
    if owner:
        files = [_fetch(owner, month, name, out) for name in [*(f"{x}.pdf" for x in park.languages), "xlsx", "json"]]
    else:
        with opened(park, SystemClock(), "", "serve") as runtime:
            catch_up(runtime, bar("computing"))
            now = runtime.clock.now()
            built = built_month(runtime, year, number, now)
            files = monthly.write(built, out)
    for file in files:
        print(file)
    return 0


def _fetch(owner: address.Address, month: str, name: str, out: Path) -> Path:
    answer = address.ask(owner, "GET", f"/api/v1/reports/{month}/{name}")
    file = out / answer.headers["content-disposition"].split('filename="')[1].split('"')[0]
    file.write_bytes(answer.content)
    return file


def decode(template_name: str, topic: str, payload: Path, timezone: str) -> int:
    """Show what one message becomes."""
    if timezone not in available_timezones():
        raise ConfigError(f"there is no time zone {timezone}", "write it like Asia/Shanghai")
    template = load_template(template_name)
    message = template.message_for(topic)
    if message is None:
        raise ConfigError(f"the topic does not fit template {template.name}", f"it wants {', '.join(template.topics)}")
    try:
        raw = sys.stdin.buffer.read() if str(payload) == "-" else payload.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {payload}: {error.strerror}") from error
    device = message.device_in(topic) or ""
    results = decode_telegram(template, message, device, raw, SystemClock().now(), ZoneInfo(timezone))
    told = [result.told() for result in results]
    print(orjson.dumps(told[0] if message.several is None else told, option=orjson.OPT_INDENT_2).decode())
    return 1 if any(result.problems for result in results) else 0


def simulate(path: Path, seed: int, interval_s: float, **options: object) -> int:
    """Publish the twin of a park until told to end; `options` are those of service.demo.simulate that were given."""
    given = [(f"--{name.replace('_', '-')}", str(value)) for name, value in options.items() if value is not None]
    return simulation.main(
        [str(path), "--seed", str(seed), "--interval", str(interval_s), *(word for pair in given for word in pair)]
    )


def demo(folder: Path, port: int, seed: int | None, interval_s: float) -> int:
    """Set up the demo park and serve it."""
    launch.launch(
        folder,
        port,
        seed,
        interval_s,
        bar,
        lambda url: print(f"The demo park is at {url} (Ctrl-C ends it)", flush=True),
    )
    return 0


__all__ = [
    "check",
    "decode",
    "demo",
    "discover",
    "quarantine_list",
    "quarantine_replay",
    "quarantine_show",
    "report",
    "simulate",
    "version",
]
