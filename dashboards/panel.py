"""What a panel is, and the one place for colours. The lists are in `dashboards/panels/`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from core.quantities import Kind, Period, Quantity, Scope, quantity
from core.text import Text


@dataclass(frozen=True)
class Colour:
    """One hue in two tones; each stands off its background by at least 3:1."""

    light: str
    dark: str


# One colour per thing, on the page, in Grafana and in the report alike.
COLOURS: dict[str, Colour] = {
    "pv": Colour("#c97a06", "#f2a93b"),  # amber
    "expected": Colour("#b7791f", "#e3b565"),  # amber too, always dashed
    "load": Colour("#475569", "#a8b5c7"),  # slate
    "import": Colour("#b4432f", "#ea7d68"),  # brick
    "export": Colour("#0f7a72", "#3dbfb2"),  # teal
    "storage": Colour("#7142c9", "#a98cf0"),  # violet
    "green": Colour("#15773a", "#4cc474"),
    "yellow": Colour("#8f5f00", "#e0b13a"),
    "red": Colour("#b3261e", "#f2857b"),
    "unknown": Colour("#5b6675", "#98a3b3"),
}


class PanelKind(StrEnum):
    """How a panel is drawn."""

    NUMBER = "number"  # the running period's value and its coverage
    CURVE = "curve"  # power over time
    BARS = "bars"  # one bar per period
    STRIP = "strip"  # one row per entity, one cell per period
    HEATMAP = "heatmap"  # one column per day, one cell per slot of the day
    RANKING = "ranking"  # one bar per entity over the whole range, worst first
    TIMELINE = "timeline"  # one row per entity, coloured by state over time
    TABLE = "table"  # one row per happening


@dataclass(frozen=True)
class Series:
    """One stored series, or with `scope` other than park one per entity.

    `as_power` shows the kWh of a slot as the mean kW over it.
    """

    period: Period
    scope: Scope
    quantity: str
    colour: str
    name: Text | None = None
    dashed: bool = False
    as_power: bool = False
    field: str = "value"  # or "coverage"

    @property
    def meaning(self) -> Quantity:
        """The row of the vocabulary."""
        return quantity(self.quantity)

    @property
    def title(self) -> Text:
        """What the legend says."""
        return self.name or Text(zh=self.meaning.zh, en=self.meaning.en)

    @property
    def unit(self) -> str:
        """The unit of what is shown."""
        if self.field == "coverage":
            return "1"
        if not self.as_power:
            return self.meaning.unit
        if self.meaning.unit != "kWh" or self.period is not Period.SLOT:
            raise ValueError(f"{self.quantity} per {self.period} is no energy of a slot and cannot be shown as power")
        return "kW"

    @property
    def per_entity(self) -> bool:
        """Whether this stands for several series, one per entity."""
        return self.scope is not Scope.PARK


@dataclass(frozen=True)
class Panel:
    """One picture: what it shows, and its size on Grafana's grid of 24 columns."""

    id: str
    title: Text
    kind: PanelKind
    series: tuple[Series, ...]
    note: Text
    width: int = 24
    height: int = 8
    green: float | None = None  # from here on a number is on target
    yellow: float | None = None  # from here on it is close

    @property
    def unit(self) -> str:
        """The one unit all series of this panel share."""
        units = {s.unit for s in self.series}
        if len(units) != 1:
            raise ValueError(f"panel {self.id} mixes units: {', '.join(sorted(units))}")
        return units.pop()

    @property
    def is_ratio(self) -> bool:
        """Whether this is shown in percent."""
        return self.unit == "1"

    @property
    def from_zero(self) -> bool:
        """Whether the axis starts at zero: everything but balances, which have a sign."""
        return all(s.meaning.kind is not Kind.AMOUNT or "balance" not in s.quantity for s in self.series)
