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
    RANKING = "ranking"  # one bar per entity: amounts of days added up over the range, else the newest value
    TIMELINE = "timeline"  # one row per entity, coloured by a state that lasts until the next one
    TABLE = "table"  # one row per alert, newest first


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
    field: str = "value"  # or "coverage", "estimated"

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
        if self.field != "value":
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

    @property
    def choice(self) -> str | None:
        """Which choice of the viewer narrows the entities down: "array", "building", "meter"; None shows all."""
        if self.scope is Scope.PARK or self.quantity == "alert_level":
            return None
        if self.scope is Scope.ARRAY:
            return "array"
        return "building" if self.quantity == "load_kwh" else "meter"


@dataclass(frozen=True)
class State:
    """What a whole number stands for on a timeline: its word and its colour."""

    value: int
    word: Text
    colour: str


@dataclass(frozen=True)
class Panel:
    """One picture: what it shows, and its size on Grafana's grid of 24 columns.

    `leads_to` names the dashboard that shows more of it, `states` the words of a timeline. `lower_is_better` turns the
    tiers round: green up to `green`, yellow up to `yellow`. A table shows alerts and has no series.
    """

    id: str
    title: Text
    kind: PanelKind
    series: tuple[Series, ...]
    note: Text
    width: int = 24
    height: int = 8
    green: float | None = None  # from here on a number is on target
    yellow: float | None = None  # from here on it is close
    lower_is_better: bool = False
    stacked: bool = False  # bars of entities on top of each other
    leads_to: str | None = None
    states: tuple[State, ...] = ()

    @property
    def unit(self) -> str:
        """The one unit all series of this panel share; none where it has no series."""
        if not self.series:
            return ""
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
