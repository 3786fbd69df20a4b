"""Tiers, and the one sentence that says whether the park carried itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.park import Park, Target
from core.text import Text, energy, percent

MIN_COVERAGE = 0.9  # below this share of measured data nobody is judged
NET_ZERO_GREEN = 1.0
NET_ZERO_YELLOW = 0.9


class Tier(StrEnum):
    """A judgement; always shown as colour and word and shape together."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"
    UNKNOWN = "unknown"


TIER_WORDS = {
    Tier.GREEN: Text(zh="达标", en="on target"),
    Tier.YELLOW: Text(zh="接近", en="close"),
    Tier.RED: Text(zh="未达标", en="below target"),
    Tier.UNKNOWN: Text(zh="数据不足", en="not enough data"),
}


@dataclass(frozen=True)
class Verdict:
    """A tier and its sentence."""

    tier: Tier
    sentence: Text


def tier_of(value: float, green: float, yellow: float) -> Tier:
    """Judge a ratio that is better the higher it is."""
    if not math.isfinite(value):
        return Tier.UNKNOWN
    return Tier.GREEN if value >= green else Tier.YELLOW if value >= yellow else Tier.RED


def target_for(park: Park, quantity: str, instant: datetime) -> Target | None:
    """Return the target of `quantity` that holds at `instant`."""
    return next((t for t in park.targets if t.quantity == quantity and t.valid_at(instant)), None)


def net_zero_tier(park: Park, net_zero_ratio: float, coverage: float, instant: datetime) -> Tier:
    """Judge generation over consumption, by the park's own target where it has one."""
    if coverage < MIN_COVERAGE:
        return Tier.UNKNOWN
    target = target_for(park, "net_zero_ratio", instant)
    green, yellow = (target.green, target.yellow) if target else (NET_ZERO_GREEN, NET_ZERO_YELLOW)
    return tier_of(net_zero_ratio, green, yellow)


def net_zero_verdict(tier: Tier, label: Text, net_balance_kwh: float, plan_kwh: float, coverage: float) -> Verdict:
    """Say in words how far a period is from net zero.

    `label` names the period as a subject ("October so far"), `net_balance_kwh` is generation minus consumption,
    `plan_kwh` the planned one or NaN where there is none. When data are too thin the sentence says so instead of
    judging.
    """
    if tier is Tier.UNKNOWN or not math.isfinite(net_balance_kwh):
        return Verdict(Tier.UNKNOWN, _too_little(label, coverage))
    amount = energy(abs(net_balance_kwh))
    short = net_balance_kwh < 0
    zh = f"{label.zh}：距净零差 {amount}" if short else f"{label.zh}：超出净零 {amount}"
    en = f"{label.en}: {amount} short of net zero" if short else f"{label.en}: {amount} beyond net zero"
    if math.isfinite(plan_kwh):
        plan = energy(abs(plan_kwh))
        zh += f"；原计划{'短缺' if plan_kwh < 0 else '超出'} {plan}"
        en += f"; the plan was {plan} {'short' if plan_kwh < 0 else 'beyond'}"
    return Verdict(tier, Text(zh=zh + "。", en=en + "."))


def _too_little(label: Text, coverage: float) -> Text:
    if not coverage > 0:
        return Text(
            zh=f"{label.zh}：净余额没有实测数据，无法判断是否达到净零。",
            en=f"{label.en}: nothing of the net balance was measured, so net zero cannot be judged.",
        )
    measured = percent(coverage)
    return Text(
        zh=f"{label.zh}：仅 {measured} 的数据为实测，不足以判断是否达到净零。",
        en=f"{label.en}: only {measured} of the data are measured, too few to judge net zero.",
    )
