"""Short forms in which the lists of panels are written."""

from __future__ import annotations

from core.quantities import Period, Scope
from core.text import Text
from dashboards.panel import Panel, PanelKind, Series


def text(zh: str, en: str) -> Text:
    """Return a text in both languages."""
    return Text(zh=zh, en=en)


def park(period: Period, quantity: str, colour: str, name: Text | None = None) -> Series:
    """Return a series of the whole park."""
    return Series(period, Scope.PARK, quantity, colour, name)


def power(quantity: str, colour: str, name: Text, *, dashed: bool = False) -> Series:
    """Return the energy of the whole park's slots as mean power."""
    return Series(Period.SLOT, Scope.PARK, quantity, colour, name, dashed=dashed, as_power=True)


def number(
    panel_id: str,
    title: Text,
    series: Series,
    note: Text,
    *,
    width: int = 4,
    green: float | None = None,
    yellow: float | None = None,
    lower_is_better: bool = False,
    leads_to: str | None = None,
) -> Panel:
    """Return a panel that shows the newest value of one series."""
    return Panel(panel_id, title, PanelKind.NUMBER, (series,), note, width, 4, green, yellow,
                 lower_is_better=lower_is_better, leads_to=leads_to)  # fmt: skip
