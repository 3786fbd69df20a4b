"""What the expectation of an array stands on over a range of days: where its light was known from, and what it learned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pandas as pd

from core.reasons import CALIBRATION_REFUSALS
from core.rungs import RUNG_WORDS, RUNGS, worst_rung
from core.statements import Statement
from core.text import MISSING, Text, percent
from core.timebase import SLOT, day_of

LATE = 2 * SLOT  # the weather of the newest slots is still on its way: what they stand on is not settled


@dataclass(frozen=True)
class Standing:
    """Of one array: shares of its lit periods by rung, best first; the factor in force at the end, or why there is none.

    A factor is in force from the local day `since` on; it was learned on `days` days from `first_day` to `last_day`.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    factor: float | None = None
    since: date | None = None
    first_day: date | None = None
    last_day: date | None = None
    days: int = 0
    refused: str = ""  # a code of core.reasons; empty also where nothing was said yet
    late: bool = False  # part of the range lies before the factor


def standings(
    arrays: Iterable[str],
    said: Iterable[Statement],
    expected: pd.DataFrame,
    factors: pd.DataFrame,
    bounds: tuple[datetime, datetime],
    zone: ZoneInfo,
) -> dict[str, Standing]:
    """Return what each array stands on in [start, end).

    `said` are statements of calibration, `expected` rows of `expected_kwh` by slot or day, `factors` those of
    `calibration_factor` by day: the factor as it was applied, for a description that was mended since scales it.
    """
    last: dict[str, Statement] = {}
    for statement in sorted((s for s in said if s.start < bounds[1]), key=lambda s: s.start):
        last[statement.entity] = statement
    shares = shares_of(expected)
    known = factors[factors["value"].notna()].sort_values("start")
    applied = dict(zip(known["entity"], known["value"], strict=True))
    return {a: _standing(last.get(a), shares.get(a, {}), applied.get(a), bounds[0], zone) for a in arrays}


def _standing(
    said: Statement | None, shares: Mapping[str, float], applied: float | None, start: datetime, zone: ZoneInfo
) -> Standing:
    if said is None:
        return Standing(shares)
    body = said.body
    if "refused" in body:
        return Standing(shares, refused=str(body["refused"]))
    return Standing(
        shares,
        factor=float(str(body["factor"])) if applied is None else float(applied),
        since=day_of(said.start, zone),
        first_day=date.fromisoformat(str(body["first_day"])),
        last_day=date.fromisoformat(str(body["last_day"])),
        days=int(str(body["days"])),
        late=said.start > start,
    )


def shares_of(expected: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Return by array which share of the periods with an expectation stands on which rung, the best rung first.

    A day that stands on several is counted under the worst of them.
    """
    lit = expected[expected["value"] > 0]
    counts: dict[str, dict[str, int]] = {}
    sizes = lit.groupby(["entity", "reasons"], observed=True, as_index=False).size()
    for entity, reasons, count in zip(sizes["entity"], sizes["reasons"], sizes["size"], strict=True):
        rung = worst_rung(str(reasons).split())
        if rung is not None:
            own = counts.setdefault(str(entity), {})
            own[rung] = own.get(rung, 0) + int(count)
    order = [rung.reason.value for rung in RUNGS]
    return {e: {r: own[r] / sum(own.values()) for r in order if r in own} for e, own in counts.items()}


def basis_words(standing: Standing) -> Text:
    """Say where the light was known from, and for which share of the time where there were several sources."""
    if not standing.shares:
        return Text(zh=MISSING, en=MISSING)
    if len(standing.shares) == 1:
        return RUNG_WORDS[next(iter(standing.shares))]
    parts = [(RUNG_WORDS[rung], _share(share)) for rung, share in standing.shares.items()]
    return Text(
        zh="；".join(f"{words.zh} {share}" for words, share in parts),
        en="; ".join(f"{words.en} {share}" for words, share in parts),
    )


def _share(share: float) -> str:
    """Write a share; what is there is never written as nothing, and what is not whole never as all."""
    if share < 0.001:  # noqa: PLR2004 - what one decimal shows
        return "< 0.1 %"
    return "> 99.9 %" if 0.999 < share < 1 else percent(share)  # noqa: PLR2004 - the same


def calibration_words(standing: Standing) -> Text:
    """Say what the array learned, or why it has not."""
    if standing.factor is None:
        why = CALIBRATION_REFUSALS.get(standing.refused)
        if why is None:
            return Text(zh="按标称容量", en="by nameplate")
        return Text(zh=f"按标称容量：{why.what.zh}", en=f"by nameplate: {why.what.en}")
    factor = f"{standing.factor:.3f}"
    first, last, since = standing.first_day, standing.last_day, standing.since
    before = Text(zh="，此前按标称容量", en=", by nameplate before") if standing.late else Text(zh="", en="")
    return Text(
        zh=f"系数 {factor}，自 {since} 起{before.zh}；学自 {first} 至 {last} 的 {standing.days} 个正常日",
        en=f"factor {factor} since {since}{before.en}; learned on {standing.days} clean days, {first} to {last}",
    )


def advice(standing: Standing) -> Text | None:
    """Return what can be done about a refusal; None where there is none."""
    why = CALIBRATION_REFUSALS.get(standing.refused)
    return why.advice if why else None
