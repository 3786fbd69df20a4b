"""How long somebody who fails to sign in has to wait.

Three counts, all bounded in memory and forgotten after a quiet hour: per address and account, per address, and per
account. The first two grow to a quarter of an hour and concern that address alone. An account's own count, fed by
every address, waits at most ACCOUNT_LONGEST_S: nobody can lock somebody else out by guessing, and somebody who signed
in from an address before is not held up there by what others do.
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


class Throttle:
    """Counts attempts; handed a time that never steps back."""

    def __init__(self) -> None:
        self._counts: OrderedDict[Key, _Count] = OrderedDict()
        self._known: OrderedDict[bytes, None] = OrderedDict()
        self._lock = threading.Lock()
        self._noted, self._noted_since = 0, 0.0

    def attempt(self, name: str, address: str, now_s: float) -> float:
        """Count an attempt as failed and return 0, or return how many seconds it is too early.

        It counts before the password is verified, so that a hundred at once are a hundred; `succeeded` takes it back.
        """
        keys = _keys(name, address)
        with self._lock:
            waits = [self._wait(key, longest, free, now_s) for key, longest, free in self._limits(keys)]
            if max(waits) > 0:
                return max(waits)
            for key in keys:
                count = self._counts.setdefault(key, _Count())
                count.failures, count.last_s = self._failures(key, now_s) + 1, now_s
                self._counts.move_to_end(key)
            while len(self._counts) > KEPT:
                self._counts.popitem(last=False)
        return 0.0

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

    def _limits(self, keys: tuple[Key, Key, Key]) -> list[tuple[Key, float, int]]:
        pair, at, account = keys
        limits = [(pair, LONGEST_S, FREE), (at, LONGEST_S, FREE_ADDRESS)]
        return limits if pair[1] in self._known else [*limits, (account, ACCOUNT_LONGEST_S, FREE_ACCOUNT)]

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
