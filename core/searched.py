"""Which days were searched for faults, and when: where nobody searched, nobody may say that there are none."""

from __future__ import annotations

import json
from collections.abc import Sized
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from core.park import Park
from core.store import State
from core.text import Text

_KEY = "findings/searched"


@dataclass(frozen=True)
class Searched:
    """The local days that were searched last, both included, and when; `cut` where there are older ones with data."""

    first: date
    last: date
    at: datetime
    cut: bool = False


def note(state: State, searched: Searched) -> None:
    """Put on record what was searched."""
    told = {
        "first": searched.first.isoformat(),
        "last": searched.last.isoformat(),
        "at": searched.at.isoformat(),
        "cut": searched.cut,
    }
    state.set_value(_KEY, json.dumps(told))


def noted(state: State) -> Searched | None:
    """Return what was searched last; None where nobody ever searched."""
    written = state.value(_KEY)
    if not written:
        return None
    told = json.loads(written)
    first, last = (date.fromisoformat(told[name]) for name in ("first", "last"))
    return Searched(first, last, datetime.fromisoformat(told["at"]), bool(told["cut"]))


@dataclass(frozen=True)
class Lack:
    """What of a range nobody has searched, in words; `whole` where that is all of it."""

    words: Text
    whole: bool


NEVER = Lack(Text(zh="尚未查找过故障", en="nobody has looked for faults yet"), whole=True)
NO_ARRAYS = Lack(Text(zh="园区没有光伏阵列", en="this park has no PV arrays"), whole=True)


def unsearched(park: Park, state: State, days: tuple[date, date], today: date) -> Lack | None:
    """Return which of some local days, both included, nobody has searched; None where all that are over were."""
    return lack_of(noted(state), *days, today) if park.arrays else NO_ARRAYS


def lack_of(searched: Searched | None, first: date, last: date, today: date) -> Lack | None:
    """Return what a search left out of the days `first` to `last`."""
    if first >= today:
        return Lack(Text(zh="故障在一日结束后查找", en="faults are looked for once a day is over"), whole=True)
    if searched is None:
        return NEVER
    last = min(last, today - timedelta(days=1))
    since = searched.first if searched.cut else date.min
    if since <= first and searched.first <= last <= searched.last:
        return None
    zh, en = f"{searched.first} 至 {searched.last}", f"{searched.first} to {searched.last}"
    if last < searched.first or searched.last < first:
        words = Text(
            zh=f"此时段尚未查找故障，已查找 {zh}", en=f"nobody has looked for faults in these days, only in {en}"
        )
        return Lack(words, whole=True)
    return Lack(Text(zh=f"仅查找了 {zh}", en=f"faults were looked for from {en} only"), whole=False)


def beside(findings: Sized, lack: Lack | None) -> Lack | None:
    """Return what is to be said beside findings: where there are some, somebody searched before it was put on record."""
    return None if findings and lack is NEVER else lack


def nothing_found(lack: Lack | None) -> Text:
    """Say that a range has no findings, and no more than is known."""
    none = Text(zh="没有发现故障", en="no faults found")
    if lack is None:
        return none
    return lack.words if lack.whole else Text(zh=f"{none.zh}；{lack.words.zh}", en=f"{none.en}; {lack.words.en}")
