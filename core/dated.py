"""What everything in PARK.yaml is built of: strict models, ids, and spans of time in which something holds."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Identifier = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
DeviceId = Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f+#/]+$")]
Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Model(BaseModel):
    """Base of everything in PARK.yaml: unknown keys are faults, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


FIRST_YEAR, LAST_YEAR = 1970, 2200  # outside them a date is a slip of the pen


_NO_DAY, _NO_TIME = "is no date (write it like 2026-10-01)", "is no date (write it like 2026-10-01 or 2026-10-01T08:00)"


def _as_datetime(value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
    if isinstance(value, str):
        # A bare number in quotes would be read as seconds since 1970.
        return _as_datetime(_read(datetime, value, r"\d{4}-\d{2}-\d{2}(?:$|[T ])", _NO_TIME))
    if not isinstance(value, date):
        raise ValueError(_NO_TIME)  # noqa: TRY004 - pydantic collects these
    _within_years(value)
    return value if isinstance(value, datetime) else datetime(value.year, value.month, value.day)  # noqa: DTZ001 - becomes park time in Park


def _as_day(value: Any) -> Any:  # Any: pydantic hands over whatever stood in the YAML
    if isinstance(value, str):
        return _as_day(_read(date, value, r"\d{4}-\d{2}-\d{2}$", _NO_DAY))
    if not isinstance(value, date) or isinstance(value, datetime):
        raise ValueError(_NO_DAY)  # noqa: TRY004 - pydantic collects these
    _within_years(value)
    return value


def _read(kind: type[date], text: str, shape: str, told: str) -> date:
    if not re.match(shape, text):
        raise ValueError(told)
    try:
        return kind.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} {told}") from None


def _within_years(value: date) -> None:
    if not FIRST_YEAR <= value.year <= LAST_YEAR:
        raise ValueError(f"lies outside {FIRST_YEAR} to {LAST_YEAR}")


When = Annotated[datetime, BeforeValidator(_as_datetime)]
Day = Annotated[date, BeforeValidator(_as_day)]


class Dated(Model):
    """Something that holds from `valid_from` until before `valid_to`; open-ended where either is absent."""

    valid_from: When | None = None
    valid_to: When | None = None

    def valid_at(self, instant: datetime) -> bool:
        """Say whether this held at an aware instant."""
        return (self.valid_from is None or self.valid_from <= instant) and (
            self.valid_to is None or instant < self.valid_to
        )


D = TypeVar("D", bound=Dated)


def valid_one(elements: Iterable[D], instant: datetime) -> D | None:
    """Return the one element that held at `instant`; validation made sure there are not two."""
    return next((e for e in elements if e.valid_at(instant)), None)


def overlapping(elements: Sequence[Dated]) -> tuple[int, int] | None:
    """Return the indices of two elements that hold at the same time, if any do."""
    first = datetime.min.replace(tzinfo=UTC)
    last = datetime.max.replace(tzinfo=UTC)
    spans = sorted((e.valid_from or first, e.valid_to or last, i) for i, e in enumerate(elements))
    for (_, end, i), (start, _, j) in itertools.pairwise(spans):
        if start < end:
            return min(i, j), max(i, j)
    return None
