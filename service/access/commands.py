"""`parkwatt user`, `parkwatt token` and `parkwatt audit`: they write to the state file, whether the service runs or not."""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from core.access import AREAS, SCOPES, AuditEntry, Deed, Role, role_of
from core.clock import SystemClock
from core.errors import ConfigError
from core.park import Park
from core.park_file import load_park
from service.access import managing
from service.access.passwords import Passwords
from service.quarantine import plain
from store.access import AccessTables

ROLES = [role.word for role in Role if role]
LONGEST_FILE = 1 << 14
Adding = Callable[..., argparse.ArgumentParser]
Work = Callable[[Park, AccessTables, argparse.Namespace], None]


def add_user_parser(command: argparse.ArgumentParser) -> None:
    """Describe `parkwatt user`."""
    add = _actions(command, "add | list | passwd | role | disable | enable | remove")
    made = _named(add("add", help="add somebody who may sign in"), _add_user)
    made.add_argument("--role", choices=ROLES, required=True)
    _with_password(made)
    _does(add("list", help="who may sign in, and what they may do"), _list_users)
    _with_password(_named(add("passwd", help="set a password; the user's sessions end"), _set_password))
    changed = _named(add("role", help="change what a user may do, at once"), _set_role)
    changed.add_argument("role", choices=ROLES)
    _named(add("disable", help="shut a user out; sessions end at once"), lambda p, t, a: _disable(p, t, a, shut=True))
    _named(add("enable", help="let a user in again"), lambda p, t, a: _disable(p, t, a, shut=False))
    _named(add("remove", help="forget a user; what they did stays on record"), _remove_user)


def add_token_parser(command: argparse.ArgumentParser) -> None:
    """Describe `parkwatt token`."""
    add = _actions(command, "add | list | revoke")
    made = _named(add("add", help="make a token for a program; it is shown once"), _add_token)
    made.add_argument("--scope", action="append", required=True, choices=[*SCOPES, *AREAS], help="may be repeated")
    made.add_argument("--expires", default="365d", metavar="90d|DAY|never", help="default 365d")
    _does(add("list", help="which tokens there are; none is shown"), _list_tokens)
    gone = _does(add("revoke", help="let a token open nothing any more, at once"), _revoke_token)
    gone.add_argument("id", type=int)


def add_audit_parser(command: argparse.ArgumentParser) -> None:
    """Describe `parkwatt audit`."""
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    command.add_argument("--since", metavar="DAY", help="park time, like 2026-10-01 or 2026-10-01T08:00")
    command.add_argument("--who", metavar="NAME", help="only what one user or token did")
    command.add_argument("--limit", type=int, default=200, metavar="N", help="how many, newest first (default 200)")
    command.add_argument("--json", action="store_true", help="one JSON object a line")
    command.set_defaults(command=_opened(_audit))


def _actions(command: argparse.ArgumentParser, names: str) -> Adding:
    command.add_argument("park", type=Path, metavar="PARK.yaml")
    add = command.add_subparsers(title="what to do", required=True, metavar=names).add_parser
    return partial(add, allow_abbrev=False)  # --password must not be taken for the beginning of --password-file


def _opened(work: Work) -> Callable[[argparse.Namespace], None]:
    def run(arguments: argparse.Namespace) -> None:
        park = load_park(arguments.park)
        park.state.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.closing(AccessTables(park.state)) as tables:
            work(park, tables, arguments)

    return run


def _does(command: argparse.ArgumentParser, work: Work) -> argparse.ArgumentParser:
    command.set_defaults(command=_opened(work))
    return command


def _named(command: argparse.ArgumentParser, work: Work) -> argparse.ArgumentParser:
    command.add_argument("name", metavar="NAME")
    return _does(command, work)


def _with_password(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--password-file", type=Path, metavar="FILE", help="- for standard input; without it you are asked"
    )


def _password(file: Path | None) -> str:
    """Return a password from a file, standard input or a prompt; never from the command line, which others can see."""
    if file is not None:
        text = sys.stdin.read(LONGEST_FILE) if str(file) == "-" else _read(file)
        return text.rstrip("\r\n")
    if not sys.stdin.isatty():
        raise ConfigError("there is no terminal to ask for the password", "use --password-file FILE, or - for a pipe")
    first = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != first:
        raise ConfigError("the two passwords differ")
    return first


def _read(file: Path) -> str:
    try:
        with file.open(encoding="utf-8") as opened:
            return opened.read(LONGEST_FILE)
    except UnicodeDecodeError:
        raise ConfigError(f"{file} is not UTF-8 text") from None


@contextlib.contextmanager
def _recorded(
    tables: AccessTables, action: str, subject: str, detail: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Put on record what a command does, before and after."""
    clock = SystemClock()
    try:
        own = getpass.getuser()
    except (KeyError, OSError):
        own = "?"
    deed = Deed(f"{own} (command line)", "command", "", action, subject, detail)
    number = tables.begin(deed, clock.now())
    outcome = "failed"
    try:
        yield
        outcome = "done"
    except ConfigError:
        outcome = "refused"
        raise
    finally:
        ended = Deed(deed.who, deed.how, "", action, subject, detail, outcome)
        tables.end(number, ended, clock.now())


def _add_user(_park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    role = role_of(asked.role)
    password = _password(asked.password_file)
    with _recorded(tables, "user.add", asked.name, {"after": {"role": role.word}}):
        person = managing.add_person(tables, Passwords(), asked.name, role, password, SystemClock().now())
    print(f"{person.name} may sign in as {role.word}")


def _list_users(park: Park, tables: AccessTables, _asked: argparse.Namespace) -> None:
    persons = tables.persons()
    if not persons:
        print("there are no users: the page is open on this machine, and is not served on any other address")
    for person in persons:
        seen = f"signed in {_time(person.signed_in_at, park.zone)}" if person.signed_in_at else "never signed in"
        shut = f"  disabled since {_time(person.disabled_at, park.zone)}" if person.disabled_at else ""
        print(f"{person.name:24} {person.role.word:9} {seen}{shut}")


def _set_password(_park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    password = _password(asked.password_file)
    with _recorded(tables, "user.password", asked.name):
        managing.set_password(tables, Passwords(), asked.name, password)
    print(f"{asked.name} has a new password; sessions that were open have ended")


def _set_role(_park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    before = tables.person(asked.name)
    detail = {"before": {"role": before.role.word if before else ""}, "after": {"role": asked.role}}
    with _recorded(tables, "user.change", asked.name, detail):
        tables.set_role(asked.name, role_of(asked.role))
    print(f"{asked.name} is {asked.role}")


def _disable(_park: Park, tables: AccessTables, asked: argparse.Namespace, *, shut: bool) -> None:
    with _recorded(tables, "user.disable" if shut else "user.enable", asked.name):
        tables.disable(asked.name, SystemClock().now() if shut else None)
    print(f"{asked.name} may {'no longer' if shut else 'again'} sign in")


def _remove_user(_park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    with _recorded(tables, "user.remove", asked.name):
        tables.remove_person(asked.name)
    print(f"{asked.name} is removed")


def _add_token(park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    now = SystemClock().now()
    expires_at = managing.expiry(asked.expires, now, park)
    detail = {"after": {"scopes": asked.scope, "expires": asked.expires}}
    with _recorded(tables, "token.add", asked.name, detail):
        token, secret = managing.add_token(tables, asked.name, tuple(asked.scope), now, expires_at)
    ends = f"until {_time(token.expires_at, park.zone)}" if token.expires_at else "for ever"
    print(f"token {token.id} ({', '.join(token.scopes)}) {ends}. It is shown this once:", file=sys.stderr)
    print(secret)


def _list_tokens(park: Park, tables: AccessTables, _asked: argparse.Namespace) -> None:
    now = SystemClock().now()
    for token in tables.tokens():
        ends = f"until {_time(token.expires_at, park.zone)}" if token.expires_at else "for ever"
        used = f"used {_time(token.used_at, park.zone)}" if token.used_at else "never used"
        state = "" if token.valid_at(now) else "  revoked" if token.revoked_at else "  expired"
        print(
            f"{token.id:>4}  {token.prefix}…  {plain(token.name):24} {','.join(token.scopes):16} {ends}  {used}{state}"
        )


def _revoke_token(_park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    with _recorded(tables, "token.revoke", f"#{asked.id}"):
        token = tables.revoke_token(asked.id, SystemClock().now())
    print(f"token {token.id} ({plain(token.name)}) opens nothing any more")


def _audit(park: Park, tables: AccessTables, asked: argparse.Namespace) -> None:
    since = None
    if asked.since:
        try:
            since = datetime.fromisoformat(asked.since)
        except ValueError:
            raise ConfigError(f"{asked.since!r} is no time", "write it like 2026-10-01 or 2026-10-01T08:00") from None
        since = since if since.tzinfo else since.replace(tzinfo=park.zone)
    for entry in reversed(tables.audit(since, asked.limit, who=asked.who)):
        print(_as_json(entry) if asked.json else _as_line(entry, park.zone))


def _as_json(entry: AuditEntry) -> str:
    told = {"id": entry.id, "at": entry.at.isoformat(), **vars(entry.deed)}
    return json.dumps(told, ensure_ascii=True, sort_keys=False)


def _as_line(entry: AuditEntry, zone: ZoneInfo) -> str:
    deed = entry.deed
    detail = json.dumps(deed.detail, ensure_ascii=False) if deed.detail else ""
    parts = [_time(entry.at, zone), deed.who or "-", deed.how or "-", deed.address or "-", deed.action, deed.subject]
    return plain("  ".join(filter(None, [*parts, detail, deed.outcome or "no end on record"])))


def _time(at: datetime | None, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S}" if at else ""
