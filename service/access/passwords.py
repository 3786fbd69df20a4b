"""Passwords: what one has to be, and its argon2id hash."""

from __future__ import annotations

import contextlib
import threading
import unicodedata
from collections.abc import Iterator

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import Type
from argon2.profiles import RFC_9106_LOW_MEMORY

from core.access import name_key
from core.errors import ConfigError, Retryable

# NIST SP 800-63B-4, 3.1.1.2: at least 15 characters where a password is all there is, at least 64 allowed, no rules of
# composition. 12 is asked for here: OWASP's and BSI's figure for logins whose attempts are limited, as ours are.
SHORTEST, LONGEST = 12, 256
FEWEST_DIFFERENT = 5
# RFC 9106, section 4, second recommended option: argon2id, t=3, p=4, m=64 MiB. OWASP asks for at least m=19 MiB, t=2.
PARAMETERS = RFC_9106_LOW_MEMORY
# What is verified for a user who does not exist: the hash, with these parameters, of something nobody kept.
NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$a9ekz31XovNysLDoLYnoaw$BzSNTtiUezAcCwls21hevs4nXP01t52eDARJWAHAXt4"
AT_ONCE = 2  # each takes 64 MiB
WAITING = 8
PATIENCE_S = 10.0


class Passwords:
    """Hashes and verifies, few at once: memory and processor stay bounded however many people sign in."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher.from_parameters(PARAMETERS)
        assert PARAMETERS.type is Type.ID  # noqa: S101 - the RFC's choice, and ours
        self._turns = threading.BoundedSemaphore(AT_ONCE)
        self._places = threading.BoundedSemaphore(AT_ONCE + WAITING)

    def hashed(self, password: str) -> str:
        """Return a password's hash, salt and parameters."""
        with self._turn():
            return self._hasher.hash(_bytes(password))

    def fits(self, stored: str | None, password: str) -> bool:
        """Say whether a password is the stored one; for nobody's it takes as long, and does not fit."""
        too_long = len(password) > LONGEST
        with self._turn():
            try:
                fits = self._hasher.verify(stored or NOBODY, _bytes("" if too_long else password))
            except (VerificationError, InvalidHashError):
                return False
        return fits and stored is not None and not too_long

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Retryable("too many people sign in at this moment", 2.0)
        try:
            if not self._turns.acquire(timeout=PATIENCE_S):
                raise Retryable("too many people sign in at this moment", 2.0)
            try:
                yield
            finally:
                self._turns.release()
        finally:
            self._places.release()


def checked(password: str, name: str) -> str:
    """Return a password that may be set for a user, or say what is wrong with it."""
    if len(password) > LONGEST:
        raise ConfigError(f"a password has at most {LONGEST} characters")
    written = normal(password)
    if any(unicodedata.category(c) in {"Cc", "Cs"} for c in written):
        raise ConfigError("a password has no control characters")
    if len(written) < SHORTEST:
        raise ConfigError(f"a password has at least {SHORTEST} characters", "several words in a row are easy to keep")
    if len(set(written)) < FEWEST_DIFFERENT or name_key(written) == name_key(name):
        raise ConfigError("this password is too easy to guess", "several words in a row are easy to keep")
    return written


def normal(password: str) -> str:
    """Return a password in the form that is hashed: the same however a keyboard composes it (RFC 8265, OpaqueString)."""
    return unicodedata.normalize("NFC", password)


def _bytes(password: str) -> bytes:
    return normal(password).encode("utf-8", "surrogatepass")
