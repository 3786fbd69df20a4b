"""Who may do what: roles, users, sessions, tokens, and the record of who changed what."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any, Protocol

from core.errors import ConfigError

LONGEST_NAME = 64
# The service and its page sign with these names.
RESERVED = frozenset({"parkwatt", "page", "anybody", "system", "root"})
AREAS = ("metrics", "import")  # what a token may be confined to, besides a role
_LOOK_ALIKE = {"LATIN", "CYRILLIC", "GREEK"}
_MARKS = frozenset("._-@+ ")
_KEY_CATEGORIES = ("L", "M", "N")


class Role(IntEnum):
    """What somebody may do; each role may do what those before it may."""

    NONE = 0  # nothing; a token that is confined to areas
    VIEWER = 1  # look
    OPERATOR = 2  # acknowledge, silence, comment, correct, make reports
    ADMIN = 3  # import, replay, back up, users

    @property
    def word(self) -> str:
        """The role as people type it."""
        return self.name.lower()


SCOPES = {"read": Role.VIEWER, "operate": Role.OPERATOR, "admin": Role.ADMIN}


@dataclass(frozen=True)
class Person:
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role
    password: str  # as argon2 encodes it
    created_at: datetime
    disabled_at: datetime | None = None
    signed_in_at: datetime | None = None


@dataclass(frozen=True)
class ApiToken:
    """Another program's way in; only its digest is kept."""

    id: int
    name: str
    prefix: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    @property
    def role(self) -> Role:
        """The highest role its scopes grant."""
        return max((SCOPES[s] for s in self.scopes if s in SCOPES), default=Role.NONE)

    @property
    def areas(self) -> frozenset[str]:
        """The areas its scopes name."""
        return frozenset(s for s in self.scopes if s in AREAS)

    def valid_at(self, now: datetime) -> bool:
        """Say whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


@dataclass(frozen=True)
class Session:
    """Somebody who signed in, as they are now: a changed role counts at once."""

    person: Person
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Deed:
    """Something done, and what came of it."""

    who: str
    how: str  # session, token, page, service, command
    address: str
    action: str
    subject: str = ""
    detail: Mapping[str, Any] | None = None  # Any: JSON; before and after, where there are both
    outcome: str = ""  # "" while it is under way, or where its end was never seen


@dataclass(frozen=True)
class AuditEntry:
    """A deed on record."""

    id: int
    at: datetime
    deed: Deed


class People(Protocol):
    """Keeps users, sessions, tokens and the audit log; may be used from any thread."""

    def anyone(self) -> bool:
        """Say whether there is any user, disabled or not."""
        ...

    def persons(self) -> list[Person]:
        """Return every user by name."""
        ...

    def person(self, name: str) -> Person | None:
        """Return one user; the name counts as `name_key` writes it."""
        ...

    def add_person(self, name: str, role: Role, password: str, at: datetime) -> Person:
        """Add a user; the first has to be an admin. Raises ConfigError where the name is taken."""
        ...

    def set_password(self, name: str, password: str, keep: bytes | None = None) -> None:
        """Change a password and end the user's sessions, except the one whose digest is `keep`."""
        ...

    def set_role(self, name: str, role: Role) -> None:
        """Change what a user may do; the last admin who may sign in stays one."""
        ...

    def disable(self, name: str, at: datetime | None) -> None:
        """Shut a user out and end their sessions, or with None let them in again."""
        ...

    def change_person(
        self,
        name: str,
        at: datetime,
        role: Role | None = None,
        password: str | None = None,
        *,
        disabled: bool | None = None,
    ) -> None:
        """Change all that is given at once, or nothing; the last admin who may sign in stays one."""
        ...

    def remove_person(self, name: str) -> None:
        """Forget a user; what they did stays on record."""
        ...

    def open_session(self, digest: bytes, person: Person, at: datetime, until: datetime, address: str) -> None:
        """Keep a session, and let go of expired ones and of the user's oldest beyond a number."""
        ...

    def session(self, digest: bytes) -> Session | None:
        """Return a session of somebody who is not disabled; whether it has expired is the caller's to say."""
        ...

    def close_session(self, digest: bytes) -> None:
        """End a session."""
        ...

    def add_token(self, token: ApiToken, digest: bytes) -> ApiToken:
        """Keep a token; its id is given here."""
        ...

    def tokens(self) -> list[ApiToken]:
        """Return every token, revoked ones too."""
        ...

    def token(self, digest: bytes) -> ApiToken | None:
        """Return the token of a digest."""
        ...

    def token_used(self, number: int, at: datetime) -> None:
        """Note when a token was used last."""
        ...

    def revoke_token(self, number: int, at: datetime) -> ApiToken:
        """Make a token open nothing from now on. Raises ConfigError where there is none."""
        ...

    def begin(self, deed: Deed, at: datetime) -> int:
        """Put on record that something is begun; return its number."""
        ...

    def end(self, number: int, deed: Deed, at: datetime) -> None:
        """Put on record what came of it."""
        ...

    def audit(
        self, since: datetime | None = None, limit: int = 200, before: int | None = None, who: str | None = None
    ) -> list[AuditEntry]:
        """Return what was done, newest first."""
        ...


def name_key(name: str) -> str:
    """Return a user name as it is compared: compatibility forms and case make no other user."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())


def checked_name(name: str) -> str:
    """Return a user name as it is shown, or say what is wrong with it."""
    shown = unicodedata.normalize("NFKC", name)
    if not 1 <= len(shown) <= LONGEST_NAME:
        raise ConfigError(f"a user name has 1 to {LONGEST_NAME} characters")
    if shown != shown.strip() or "  " in shown:
        raise ConfigError("a user name has no spaces at its ends and no two in a row")
    if not all(c in _MARKS or unicodedata.category(c)[0] in _KEY_CATEGORIES for c in shown):
        raise ConfigError("a user name has letters, digits, spaces and . _ - @ + only")
    if not any(unicodedata.category(c)[0] in {"L", "N"} for c in shown):
        raise ConfigError("a user name has a letter or a digit")
    check_signature(shown)
    return shown


def check_signature(name: str) -> None:
    """Refuse a name that could be taken for another's where it stands below something."""
    if name_key(name) in RESERVED:
        raise ConfigError(f"{name} is a name Parkwatt signs with itself", "choose another")
    letters = (
        unicodedata.name(c, "") for c in unicodedata.normalize("NFKC", name) if unicodedata.category(c)[0] == "L"
    )
    if len({n.partition(" ")[0] for n in letters} & _LOOK_ALIKE) > 1:
        raise ConfigError(f"{name} mixes letters of scripts that look alike", "write it in one script")


def role_of(word: str) -> Role:
    """Read a role as people type it."""
    found = {r.word: r for r in Role if r}.get(word)
    if found is None:
        raise ConfigError(f"{word!r} is no role", "viewer, operator or admin")
    return found


def checked_scopes(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return scopes without repetition, or say which are none."""
    known = (*SCOPES, *AREAS)
    wrong = [w for w in words if w not in known]
    if wrong or not words:
        what = f"{wrong[0]!r} is no scope" if wrong else "a token needs a scope"
        raise ConfigError(what, ", ".join(known))
    return tuple(w for w in known if w in words)
