"""How long somebody who fails to sign in has to wait.

Three counts, all bounded in memory and forgotten after a quiet hour: per address and account, per address, and per
account. The first two grow to a quarter of an hour and concern that address alone. An account's own count, fed by
every address, holds up each address once before each attempt, for at most ACCOUNT_LONGEST_S from its first try on:
whoever comes back when told is heard, however many others have failed meanwhile. So nobody can lock somebody else out
by guessing, and a crowd of addresses is slowed, not stopped. Somebody who signed in from an address before is not held
up there by what others do.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address

from core.access import name_key

FREE = 5  # typing errors
FREE_ACCOUNT = 20
FREE_ADDRESS = 20  # a whole office may share one
LONGEST_S = 900.0
ACCOUNT_LONGEST_S = 30.0
FORGOTTEN_S = 3600.0
KEPT = 10_000
NOTED_PER_HOUR = 200  # failures that go on record; a flood must not fill the disk

Key = tuple[str, bytes]


@dataclass
class _Count:
    failures: int = 0
    last_s: float = 0.0
    before_s: float = 0.0  # `last_s` as it was before the last attempt


class Throttle:
    """Counts attempts; handed a time that never steps back."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Key, _Count] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._heard_at: OrderedDict[bytes, float] = OrderedDict()  # what those were told whom others' failures hold up
        self._lock = threading.Lock()
        self._noted, self._noted_since = 0, 0.0

    def attempt(self, name: str, address: str, now_s: float) -> float:
        """Count an attempt as failed and return 0, or return how many seconds it is too early.

        It counts before the password is verified, so that a hundred at once are a hundred; `succeeded` takes it back.
        """
        keys = _keys(name, address)
        with self._lock:
            pair, at, account = keys
            wait = max(
                self._wait(pair, LONGEST_S, FREE, now_s),
                self._wait(at, LONGEST_S, FREE_ADDRESS, now_s),
                self._held_up(pair[1], account, now_s),
            )
            if wait > 0:
                return wait
            self._heard_at.pop(pair[1], None)
            for key in keys:
                count = self._counts.setdefault(key, _Count())
                count.failures, count.before_s, count.last_s = self._failures(key, now_s) + 1, count.last_s, now_s
                self._counts.move_to_end(key)
            while len(self._counts) > KEPT:
                self._counts.popitem(last=False)
        return 0.0

    def taken_back(self, name: str, address: str, now_s: float) -> None:
        """Forget an attempt whose password nobody could look at, and hear the next one at once."""
        keys = _keys(name, address)
        with self._lock:
            for key in keys:
                if key in self._counts:
                    count = self._counts[key]
                    count.failures, count.last_s = count.failures - 1, count.before_s
            self._promise(keys[0][1], now_s)

    def succeeded(self, name: str, address: str) -> None:
        """Forget this account's failures from this address, and take the attempt off the other counts."""
        pair, at, account = _keys(name, address)
        with self._lock:
            self._counts.pop(pair, None)
            for key in (at, account):
                if key in self._counts:
                    self._counts[key].failures -= 1
            self._known[pair[1]] = None
            self._known.move_to_end(pair[1])
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def noteworthy(self, now_s: float) -> bool:
        """Say whether a failure is put on record; no more than so many an hour are."""
        with self._lock:
            if now_s - self._noted_since >= FORGOTTEN_S:
                self._noted, self._noted_since = 0, now_s
            self._noted += 1
            return self._noted <= NOTED_PER_HOUR

    def _held_up(self, pair: bytes, account: Key, now_s: float) -> float:
        """Return how long what all addresses did to an account still holds up one of them."""
        if pair in self._known:
            return 0.0
        heard_at = self._heard_at.get(pair)
        if heard_at is None or now_s - heard_at > FORGOTTEN_S:
            wait = self._wait(account, ACCOUNT_LONGEST_S, FREE_ACCOUNT, now_s)
            if wait > 0:
                self._promise(pair, now_s + wait)
            return wait
        return max(0.0, heard_at - now_s)

    def _promise(self, pair: bytes, heard_at: float) -> None:
        self._heard_at[pair] = heard_at
        self._heard_at.move_to_end(pair)
        while len(self._heard_at) > KEPT:
            self._heard_at.popitem(last=False)

    def _failures(self, key: Key, now_s: float) -> int:
        count = self._counts.get(key)
        return 0 if count is None or now_s - count.last_s > FORGOTTEN_S else count.failures

    def _wait(self, key: Key, longest_s: float, free: int, now_s: float) -> float:
        over = self._failures(key, now_s) - free
        if over < 0:
            return 0.0
        wait = min(longest_s, 2.0 ** min(over + 1, 20))
        return max(0.0, self._counts[key].last_s + wait - now_s)


def _keys(name: str, address: str) -> tuple[Key, Key, Key]:
    # Digests: what outsiders type may be long.
    account, at = _digest(name_key(name)), _digest(_network(address))
    return ("pair", _digest(f"{account.hex()} {at.hex()}")), ("address", at), ("account", account)


def _network(address: str) -> str:
    """Return what one person controls: an IPv4 address, or the 64 bits of an IPv6 network."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or int(parsed) >> 64)
    return str(parsed)


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
