"""Words in two languages, and numbers as people read them."""

from __future__ import annotations

import math
from datetime import datetime
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, model_validator


class Language(StrEnum):
    """A language the page, alerts and reports speak."""

    ZH = "zh"
    EN = "en"


class Text(BaseModel):
    """The same words in both languages. In YAML a plain string stands for both."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    zh: str
    en: str

    @model_validator(mode="before")
    @classmethod
    def _from_plain(cls, value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
        return {"zh": value, "en": value} if isinstance(value, str) else value

    def say(self, language: Language | str) -> str:
        """Return the words in `language`."""
        return self.zh if language == Language.ZH else self.en


MWH_FROM_KWH = 10_000  # from here on energies are written in MWh
MINUS = "\N{MINUS SIGN}"  # a hyphen breaks lines and is read as a dash
KWH_DECIMALS = 2  # a page that shows 0.0160 kWh claims to know better than its meters
MISSING = "–"  # how a missing number is written everywhere; never "0"


def signed(number: str) -> str:
    """Return a number that was written by Python as people write it: with a real minus sign, and none before a zero."""
    if not number.startswith("-"):
        return number
    return number[1:] if is_zero(number) else number.replace("-", MINUS, 1)


def is_zero(number: str) -> bool:
    """Whether a written number says zero, whatever it was before it was rounded."""
    return not any(c in "123456789" for c in number)


def significant(value: float, digits: int = 3, decimals: int | None = None) -> str:
    """Write a number with `digits` significant figures but at most `decimals` places, no exponent, thousands grouped."""
    if not math.isfinite(value):
        return MISSING
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    if decimals is not None:
        places = min(places, decimals)
    rounded = round(value, places)
    return signed(f"{rounded:,.{max(0, places)}f}") if rounded else "0"


def energy(kwh: float, digits: int = 3) -> str:
    """Write an energy with its unit; MWh from 10,000 kWh on."""
    if not math.isfinite(kwh):
        return MISSING
    if abs(kwh) >= MWH_FROM_KWH:
        return f"{significant(kwh / 1000, digits)} MWh"
    return f"{significant(kwh, digits, KWH_DECIMALS)} kWh"


def percent(ratio: float, decimals: int = 1) -> str:
    """Write a ratio as a percentage."""
    return MISSING if not math.isfinite(ratio) else signed(f"{100 * ratio:.{decimals}f} %")


# The locale has no say in what a report calls a month.
MONTHS_EN = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def month_name(month: int, language: Language | str) -> str:
    """Write a month of the year."""
    return f"{month} 月" if language == Language.ZH else MONTHS_EN[month - 1]


def day_name(month: int, day: int, language: Language | str) -> str:
    """Write a day of the year."""
    return f"{month} 月 {day} 日" if language == Language.ZH else f"{day} {MONTHS_EN[month - 1]}"


def local_time(instant: datetime, zone: ZoneInfo, pattern: str = "%Y-%m-%d %H:%M") -> str:
    """Write an instant in the park's own time; the zone is named once per page, not here."""
    return instant.astimezone(zone).strftime(pattern)
