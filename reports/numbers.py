"""Numbers as the report prints them; a missing one is a dash."""

from __future__ import annotations

import math
from datetime import datetime
from zoneinfo import ZoneInfo

from core.text import MISSING, local_time, significant
from reports.figures import Figure

MINUS = "−"
TONNE_FROM_KG = 1000


def fixed(value: float, decimals: int = 1) -> str:
    """Write a number with fixed decimals and a real minus sign; nothing is written as minus zero."""
    if not math.isfinite(value):
        return MISSING
    rounded = round(value, decimals) + 0.0
    return f"{abs(rounded):,.{decimals}f}" if rounded >= 0 else f"{MINUS}{abs(rounded):,.{decimals}f}"


def kwh(figure: Figure, decimals: int = 1) -> str:
    """Write an energy of a table, without its unit."""
    return fixed(figure.value, decimals)


def percentage(figure: Figure, decimals: int = 1) -> str:
    """Write a ratio as a percentage."""
    return MISSING if not figure.known else f"{fixed(100 * figure.value, decimals)} %"


def portion(value: float) -> str:
    """Write a share of data; what is not quite everything never reads 100 %, what is not quite nothing never 0."""
    if not math.isfinite(value):
        return MISSING
    shown = min(99.9, 100 * value) if value < 1 else 100.0
    return f"{max(0.1, shown) if value > 0 else 0.0:.1f} %"


def big(value: float, digits: int = 3) -> str:
    """Write a headline number with significant figures and a real minus sign."""
    return significant(value, digits).replace("-", MINUS)


def money(figure: Figure) -> str:
    """Write an amount with its currency."""
    return MISSING if not figure.known else f"{fixed(figure.value, 2)} {figure.unit}"


def carbon_parts(kg: float) -> tuple[str, str]:
    """Write a carbon amount and its unit; tonnes from 1000 kg on."""
    if not math.isfinite(kg):
        return MISSING, ""
    if abs(kg) >= TONNE_FROM_KG:
        return big(kg / TONNE_FROM_KG), "tCO2"
    return big(kg), "kgCO2"


def zone_name(zone: ZoneInfo, at: datetime) -> str:
    """Write a zone with its offset at an instant: Asia/Shanghai (UTC+08:00)."""
    offset = at.astimezone(zone).strftime("%z")
    return f"{zone.key} (UTC{offset[:3]}:{offset[3:5]})"


def when(instant: datetime | None, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M") -> str:
    """Write an instant in park time; a dash where there is none."""
    return MISSING if instant is None else local_time(instant, zone, pattern)
