"""The command line. Every command answers --help, ends non-zero on failure and never shows a traceback."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

from core.errors import ConfigError, Rejected, Retryable
from core.park import Park
from core.park_file import load_park
from core.text import Language
from service import (
    alerts_command,
    backup_command,
    commands,
    correct_command,
    dashboards_command,
    draining,
    exporting,
    findings_command,
    history,
    logs,
    memory,
    orientation_command,
    outlook_command,
    recompute_command,
    serving,
    why_command,
)
from service.access import commands as access_commands

EXIT_REJECTED, EXIT_CONFIG, EXIT_RETRY, EXIT_INTERNAL, EXIT_INTERRUPTED = 1, 2, 75, 70, 130

LONGEST_LISTENING_S = 86_400


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    memory.be_frugal()
    logs.set_up(json_lines=arguments.log_json, level="DEBUG" if arguments.debug else "INFO")
    try:
        return arguments.command(arguments) or 0
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output went away, as `| head` does.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except Exception as error:  # the last line of defence: a person gets one line, --debug the rest
        logging.getLogger(__name__).debug("the fault in full", exc_info=True)
        return _complain(error)


def _complain(error: Exception) -> int:
    """Say what is wrong in lines a person can act on, and return the exit status."""
    text, status = f"internal error: {type(error).__name__}: {error} (--debug shows more)", EXIT_INTERNAL
    if isinstance(error, ConfigError):
        text, status = str(error), EXIT_CONFIG
    elif isinstance(error, OSError) and error.filename:
        text, status = f"{error.filename}: {error.strerror}", EXIT_CONFIG
    elif isinstance(error, Rejected):
        text, status = str(error), EXIT_REJECTED
    elif isinstance(error, Retryable):
        text, status = f"{error}. Nothing was lost; try again.", EXIT_RETRY
    for line in text.splitlines():
        print(f"parkwatt: {line}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="parkwatt", description="Open energy monitor for zero-carbon parks.")
    parser.add_argument("--debug", action="store_true", help="show everything, tracebacks too")
    parser.add_argument("--log-json", action="store_true", help="log one JSON object a line")
    parser.add_argument("--version", action="version", version=commands.version())
    add = parser.add_subparsers(title="commands", required=True, metavar="COMMAND").add_parser

    _with_park(add("check", help="is my configuration right?"), lambda a: commands.check(a.park))
    for name, text, work in (
        ("run", "collector, models, rules and page in one process", serving.run),
        ("serve", "models, rules and page, for InfluxDB", serving.serve),
    ):
        _service(add(name, help=text), work)

    command = add("ingest", help="the collector alone, for InfluxDB")
    command.add_argument("--shard", default="", metavar="NAME", help="this share of mqtt.shards")
    command.add_argument(
        "--drain",
        metavar="CLIENT_ID",
        help="store what the broker keeps for a collector that is no more, end its session",
    )
    _with_park(command, _ingest)

    command = add("simulate", help="publish a realistic park to the broker")
    command.add_argument("--seed", type=int, default=1, help="which twin (default 1)")
    command.add_argument("--interval", type=float, default=60.0, metavar="S", help="seconds between telegrams")
    command.add_argument("--ledger", type=Path, help="write down everything published, as CSV")
    command.add_argument(
        "--faults", choices=("demo", "random", "none"), help="default: demo in the demo park, else none"
    )
    command.add_argument(
        "--back", type=float, metavar="DAYS", help="publish the days up to now first (every 15 minutes)"
    )
    command.add_argument("--username", help="at the broker, instead of the collector's in PARK.yaml")
    command.add_argument("--password-file", type=Path, metavar="FILE", help="password of that user")
    _with_park(command, _simulate)

    _history(add)

    _backup(add)

    _quarantine(add("quarantine", help="messages that became no readings: list, show, read them again"))

    command = add("discover", help="which devices publish on the broker, and what could stand in PARK.yaml?")
    command.add_argument("--seconds", type=_seconds, default=60.0, metavar="S", help="how long to listen (default 60)")
    _with_park(command, lambda a: commands.discover(_load(a.park), a.seconds))

    _told(add)

    why_command.add_parser(add("why", help="what made the balance of a day or month differ from its plan?"))

    dashboards_command.add_parser(add("dashboards", help="a park's own Grafana dashboards: build files, or push them"))
    access_commands.add_user_parser(add("user", help="who may sign in: add, list, change, remove"))
    access_commands.add_token_parser(add("token", help="tokens for programs: add, list, revoke"))
    access_commands.add_audit_parser(add("audit", help="who changed what, when and from where"))

    orientation_command.add_parser(add("orientation", help="do arrays face where PARK.yaml says? asks their energy"))

    correct_command.add_parser(add("correct", help="correct history without touching a reading, or undo that"))

    findings_command.add_parser(
        add("findings", help="faults of the PV arrays that were found: since when, how much, how sure")
    )

    alerts_command.add_parser(add("alerts", help="list, acknowledge, comment on and silence alerts"))

    command = add("decode", help="what would this message become?")
    command.add_argument("template", help="name of a device template, or a path to one")
    command.add_argument("--topic", required=True)
    command.add_argument("--payload", type=Path, required=True, metavar="FILE", help="- for standard input")
    command.add_argument("--timezone", default="UTC", help="of devices that send local time (default UTC)")
    command.set_defaults(command=lambda a: commands.decode(a.template, a.topic, a.payload, a.timezone))

    command = add("demo", help="start the demo park with 60 days of history and a live simulator")
    command.add_argument("--seed", type=int, default=None, help="other faults at other places")
    command.add_argument("--port", type=int, default=8080)
    command.add_argument("--interval", type=float, default=60.0, metavar="S", help="seconds between live telegrams")
    command.add_argument("--folder", type=Path, default=Path(".demo"), help="where it keeps its data (default .demo)")
    command.set_defaults(command=lambda a: commands.demo(a.folder, a.port, a.seed, a.interval))
    return parser


def _told(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("report", help="write the monthly net-zero report as PDF, XLSX and JSON")
    command.add_argument("--month", required=True, metavar="YYYY-MM")
    command.add_argument("--out", type=Path, default=Path(), metavar="DIR")
    _with_park(command, lambda a: commands.report(_load(a.park), a.month, a.out))

    command = add("outlook", help="what day, month and year will probably come to")
    _with_language(command)
    _with_park(command, lambda a: outlook_command.outlook(_load(a.park), a.lang))


def _ingest(arguments: argparse.Namespace) -> None:
    park, text = _load(arguments.park), serving.config_text(arguments.park)
    if arguments.drain:
        draining.drain(park, text, arguments.drain)
    else:
        serving.ingest(park, text, arguments.shard)


def _simulate(arguments: argparse.Namespace) -> int:
    options = {name: getattr(arguments, name) for name in ("ledger", "faults", "back", "username", "password_file")}
    return commands.simulate(arguments.park, arguments.seed, arguments.interval, **options)


def _history(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("import", help="bring in readings from CSV, XLSX or Parquet files")
    command.add_argument("paths", type=Path, nargs="+", metavar="PARK.yaml FILE...")
    command.add_argument("--mapping", type=Path, metavar="MAP.yaml", help="says what the files' columns are")
    command.add_argument("--dry-run", action="store_true", help="say what would change, write nothing")
    command.add_argument("--propose", action="store_true", help="print a mapping for FILE to begin with")
    command.set_defaults(command=_import)

    command = add("export", help="write series or readings as CSV or Parquet")
    command.add_argument("--series", required=True, metavar="NAME[,NAME]")
    command.add_argument("--scope", choices=exporting.SCOPES, default="park", help="default park")
    command.add_argument("--entity", metavar="ID", help="one point, array or device; default all")
    command.add_argument("--period", choices=("slot", "day", "month"), default="slot", help="default slot")
    command.add_argument("--from", dest="first", type=_day, required=True, metavar="D", help="first local day")
    command.add_argument("--to", dest="last", type=_day, required=True, metavar="D", help="last local day")
    command.add_argument("--out", type=Path, required=True, metavar="FILE", help="ends in .csv or .parquet")
    _with_park(command, lambda a: history.export(_load(a.park), a))

    command = add("recompute", help="compute history anew, after arrays or site were put right in PARK.yaml")
    command.add_argument("--from", dest="first", type=_day, metavar="D", help="first local day (default: of readings)")
    command.add_argument("--to", dest="last", type=_day, metavar="D", help="last local day (default today)")
    _with_park(command, lambda a: recompute_command.command(_load(a.park), a.first, a.last))

    command = add("archive", help="write the readings of closed months to files, one a month")
    command.add_argument("--before", type=_day, required=True, metavar="D", help="months that ended by this local day")
    command.add_argument("--out", type=Path, required=True, metavar="DIR")
    command.add_argument("--delete", action="store_true", help="let the store forget what its file verifiably holds")
    _with_park(command, lambda a: history.archive(_load(a.park), a.before, a.out, delete=a.delete))


def _backup(add: Callable[..., argparse.ArgumentParser]) -> None:
    command = add("backup", help="write readings, figures and state to a folder, while the park runs or not")
    command.add_argument("folder", type=Path, metavar="DIR", help="a new folder")
    _with_park(command, lambda a: backup_command.backup(a.park, a.folder))

    command = add("restore", help="bring a backup back into an empty park, of either store")
    command.add_argument("folder", type=Path, metavar="DIR")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--park", type=Path, metavar="PARK.yaml", help="where its data goes")
    where.add_argument("--into", type=Path, metavar="FOLDER", help="a new folder; default the park's id")
    command.set_defaults(command=lambda a: backup_command.restore(a.folder, a.park, a.into))

    command = add("copy", help="move a park between the embedded store and InfluxDB")
    command.add_argument("--from", dest="source", type=Path, required=True, metavar="A.yaml")
    command.add_argument("--to", dest="target", type=Path, required=True, metavar="B.yaml", help="its store is empty")
    command.set_defaults(command=lambda a: backup_command.copy(a.source, a.target))


def _import(arguments: argparse.Namespace) -> int:
    if arguments.propose:
        return history.propose(arguments.paths)
    park, *files = arguments.paths
    if not files:
        raise ConfigError("import needs PARK.yaml and at least one file")
    return history.bring_in(_load(park), files, arguments.mapping, dry_run=arguments.dry_run)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day; write it like 2026-10-01") from None


def _with_park(command: argparse.ArgumentParser, work: Callable[[argparse.Namespace], int | None]) -> None:
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    # The park comes first on the line although options were added before it.
    command._positionals._group_actions.sort(key=lambda action: action.dest != "park")  # noqa: SLF001 - argparse has no other way
    command._actions.sort(key=lambda action: (bool(action.option_strings), action.dest != "park"))  # noqa: SLF001 - the same
    command.set_defaults(command=work)


def _quarantine(command: argparse.ArgumentParser) -> None:
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    add = command.add_subparsers(title="what to do", required=True, metavar="list|show|replay").add_parser
    action = add("list", help="what is kept, newest first, and how much of it for which reason")
    action.add_argument("--limit", type=int, default=50, metavar="N", help="how many to show (default 50)")
    _with_language(action)
    action.set_defaults(command=lambda a: commands.quarantine_list(_load(a.park), a.limit, a.lang))
    action = add("show", help="one message whole, why it is here, and what to do")
    action.add_argument("id", type=int, metavar="ID")
    _with_language(action)
    action.set_defaults(command=lambda a: commands.quarantine_show(_load(a.park), a.id, a.lang))
    action = add("replay", help="read them again, after a template or PARK.yaml was mended")
    action.add_argument("--reason", metavar="CODE", help="only those of one reason")
    action.add_argument("--id", type=int, metavar="N", help="only this one")
    action.set_defaults(command=lambda a: commands.quarantine_replay(_load(a.park), a.reason, a.id))


def _with_language(command: argparse.ArgumentParser) -> None:
    command.add_argument("--lang", type=Language, choices=list(Language), default=Language.EN, help="default en")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= LONGEST_LISTENING_S:
        raise argparse.ArgumentTypeError(f"between 0 and {LONGEST_LISTENING_S}")
    return seconds


def _service(command: argparse.ArgumentParser, work: Callable[[Park, str], None]) -> None:
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    command.add_argument("--listen", help="address to listen on instead of the configured one")
    command.add_argument("--port", type=int, help="port to listen on instead of the configured one")

    def start(arguments: argparse.Namespace) -> None:
        park = _load(arguments.park)
        changed = {k: v for k in ("listen", "port") if (v := getattr(arguments, k)) is not None}
        park = park.model_copy(update={"http": park.http.model_copy(update=changed)})
        work(park, serving.config_text(arguments.park))

    command.set_defaults(command=start)


def _load(path: Path) -> Park:
    return load_park(path)


if __name__ == "__main__":
    sys.exit(main())
