"""Any quantity as people read it, and how it is judged."""

from __future__ import annotations

import math

from core.text import MISSING, Language, percent, signed, significant
from core.verdict import Tier, tier_of
from dashboards.views import words

DECIMALS = 3
UNIT_WORDS = {"count": "", "level": ""}
# Where more is better, and where less is. Of the others nobody can say.
BETTER = {
    **dict.fromkeys(
        ("generation_kwh", "net_balance_kwh", "self_sufficiency", "self_consumption", "net_zero_ratio",
         "energy_performance_index", "performance_ratio", "export_kwh", "self_consumed_kwh", "self_sufficiency_15min",
         "self_sufficiency_day", "self_sufficiency_month"),
        True,
    ),
    **dict.fromkeys(("load_kwh", "import_kwh", "carbon_kg", "residual_kwh", "open_alerts", "lateness_s"), False),
}  # fmt: skip


def write(value: float, unit: str, quantity: str = "") -> str:
    """Write a value with its unit, three significant figures."""
    if not math.isfinite(value):
        return MISSING
    if unit == "kWh":
        return words.energy_text(value, signed="balance" in quantity)
    if unit == "1":  # by the tenths of its factor one array differs from another
        return percent(value) if quantity == "calibration_factor" else words.percent_text(value)
    if unit == "kgCO2":
        return words.carbon_text(value)
    if unit == "kW":
        return words.power_text(value)
    shown = UNIT_WORDS.get(unit, unit)
    return f"{significant(value, decimals=DECIMALS)} {shown}".rstrip()


def change(value: float, unit: str, language: Language) -> str:
    """Write a difference: with its sign, and of ratios in percentage points."""
    if unit == "1":
        return words.points_text(value, language)
    text = write(abs(value), unit)
    return words.with_sign(value, text) if value >= 0 else signed(f"-{text}")


def judged(value: float, green: float, yellow: float, *, lower_is_better: bool) -> Tier:
    """Judge a value by its tiers, which stand the other way round where less is better."""
    return tier_of(-value, -green, -yellow) if lower_is_better else tier_of(value, green, yellow)
