"""Signing in, signing out, changing one's own password."""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass

from core.access import Deed, Person
from core.errors import ConfigError, Retryable
from service.access.access import Access, Who, digest
from service.access.managing import set_password
from service.access.origin import Origin

UNKNOWN = "(unknown)"  # what was typed may be a password in the wrong field


@dataclass(frozen=True)
class Refusal:
    """Why somebody was not let in: wrong, or too early."""

    wait_s: int = 0


def sign_in(access: Access, name: str, password: str, origin: Origin) -> str | Refusal:
    """Return a new session's secret, or why there is none; the answer never tells whether the name exists."""
    name = name.encode("utf-8", "replace").decode().strip()
    person = _verified(access, name, password, origin)
    if isinstance(person, Refusal):
        return person
    secret, now = secrets.token_urlsafe(32), access.clock.now()
    try:
        access.people.open_session(digest(secret), person, now, now + access.session_life, origin.address)
    except ConfigError:
        return Refusal()
    access.people.begin(Deed(person.name, "session", origin.address, "sign-in", outcome="done"), now)
    return secret


def _verified(access: Access, name: str, password: str, origin: Origin) -> Person | Refusal:
    now_s = access.clock.monotonic_s()
    wait_s = access.throttle.attempt(name, origin.address, now_s)
    if wait_s > 0:
        return Refusal(math.ceil(wait_s))
    try:
        person = access.people.person(name)
        fits = access.passwords.fits(person.password if person else None, password)
    except Retryable:
        access.throttle.taken_back(name, origin.address, now_s)
        raise
    if person is None or not fits or person.disabled_at:
        if access.throttle.noteworthy(now_s):
            who = person.name if person else UNKNOWN
            deed = Deed(who, "session", origin.address, "sign-in", outcome="refused")
            access.people.begin(deed, access.clock.now())
        return Refusal()
    access.throttle.succeeded(name, origin.address)
    return person


def sign_out(access: Access, who: Who | None, origin: Origin) -> None:
    """End a session."""
    if who and who.session:
        access.people.close_session(who.session)
        access.people.begin(Deed(who.name, "session", origin.address, "sign-out", outcome="done"), access.clock.now())


def change_password(access: Access, who: Who, old: str, new: str, origin: Origin) -> Refusal | None:
    """Change one's own password; every other session of theirs ends."""
    person = _verified(access, who.name, old, origin)
    if isinstance(person, Refusal):
        return person
    set_password(access.people, access.passwords, who.name, new, keep=who.session)
    return None
