"""Adding and changing users and tokens, for commands and for the page alike."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from core.access import ApiToken, People, Person, Role, check_signature, checked_name, checked_scopes, role_of
from core.errors import ConfigError
from core.park import LAST_YEAR, Park
from service.access.access import TOKEN_PREFIX, digest
from service.access.passwords import Passwords, checked

FIRST_ADMIN = "admin"
SHOWN = 8  # characters of a token that tell which one leaked
LONGEST_TOKEN_NAME = 64


def add_person(people: People, passwords: Passwords, name: str, role: Role, password: str, now: datetime) -> Person:
    """Add a user."""
    shown = checked_name(name)
    return people.add_person(shown, role, passwords.hashed(checked(password, shown)), now)


def set_password(people: People, passwords: Passwords, name: str, password: str, keep: bytes | None = None) -> None:
    """Change a password; every other session of the user ends."""
    people.set_password(name, passwords.hashed(checked(password, name)), keep)


def change_person(
    people: People,
    passwords: Passwords,
    name: str,
    now: datetime,
    role: str | None,
    password: str | None,
    *,
    disabled: bool | None,
) -> None:
    """Change what is given of a user, or nothing where any of it is wrong."""
    wanted = None if role is None else role_of(role)
    hashed = None if password is None else passwords.hashed(checked(password, name))
    people.change_person(name, now, wanted, hashed, disabled=disabled)


def add_token(
    people: People, name: str, scopes: tuple[str, ...], now: datetime, expires_at: datetime | None
) -> tuple[ApiToken, str]:
    """Add a token; return it with its secret, which is nowhere else."""
    if not 1 <= len(name.strip()) <= LONGEST_TOKEN_NAME or not name.isprintable():
        raise ConfigError(f"a token's name has 1 to {LONGEST_TOKEN_NAME} characters and says what it is for")
    check_signature(name.strip())
    if expires_at is not None and not now < expires_at:
        raise ConfigError("the token would have expired already")
    secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
    prefix = secret[: len(TOKEN_PREFIX) + SHOWN]
    token = ApiToken(0, name.strip(), prefix, checked_scopes(scopes), now, expires_at)
    return people.add_token(token, digest(secret)), secret


def expiry(text: str, now: datetime, park: Park) -> datetime | None:
    """Read when a token expires: `90d`, a day of the park, or `never`."""
    if text == "never":
        return None
    if text.endswith("d") and text[:-1].isdecimal() and 0 < int(text[:-1]) <= 3660:  # noqa: PLR2004 - ten years
        return now + timedelta(days=int(text[:-1]))
    try:
        day = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time to expire", "write 90d, 2027-01-31 or never") from None
    try:
        expires_at = (day if day.tzinfo else day.replace(tzinfo=park.zone)).astimezone(UTC)
    except OverflowError:
        expires_at = datetime.max.replace(tzinfo=UTC)
    if expires_at.year > LAST_YEAR:
        raise ConfigError(f"{text!r} is beyond the year {LAST_YEAR}", "write never, if it is never to expire")
    return expires_at


def first_admin(people: People, passwords: Passwords, file: Path | None, now: datetime) -> bool:
    """Make the user `admin` out of http.admin_password_file where there are no users yet; say whether that was done."""
    if file is None or people.anyone():
        return False
    try:
        password = file.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read http.admin_password_file {file}: {error}", "check the path") from error
    try:
        add_person(people, passwords, FIRST_ADMIN, Role.ADMIN, password, now)
    except ConfigError as error:
        raise ConfigError(f"http.admin_password_file {file}: {error}") from None
    return True


def needed(park: Park) -> bool:
    """Say whether the page is to be seen from other machines."""
    return park.http.listen not in {"127.0.0.1", "::1", "localhost"}


def needs_users(park: Park, people: People) -> None:
    """Refuse to serve other machines where everybody could read."""
    if not needed(park) or people.anyone():
        return
    raise ConfigError(
        f"on {park.http.listen} other machines could read everything, and there are no users",
        "type `parkwatt user PARK.yaml add NAME --role admin`, or name http.admin_password_file in PARK.yaml",
    )
