"""What makes a set of dashboards that of one park and language: names, tiers, time zone, uids."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from core.park import Park
from core.text import Language, Text
from core.verdict import target_for
from dashboards.panel import Panel

DATASOURCE_UID = "parkwatt-influx"
TAG = "parkwatt"
_MOST_UID = 40  # characters, and no more: so a park's id is shortened


@dataclass(frozen=True)
class Look:
    """How one set looks. Without a park: ids instead of names, the viewer's own time zone, tiers as declared."""

    language: Language
    timezone: str = "browser"
    park_id: str | None = None
    park_name: str = ""
    names: Mapping[str, str] = field(default_factory=dict)  # entity id -> what people call it
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # variable -> entity ids
    tiers: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # quantity -> green, yellow
    datasource: str = DATASOURCE_UID

    def uid(self, dashboard: str) -> str:
        """Return the dashboard's uid: the same for the same park, dashboard and language, for ever."""
        park = f"{hashlib.sha256(self.park_id.encode()).hexdigest()[:8]}-" if self.park_id else ""
        made = f"{TAG}-{park}{dashboard}-{self.language}"
        if len(made) > _MOST_UID:
            raise ValueError(f"{made} is longer than a uid of Grafana may be")
        return made

    def title(self, text: Text) -> str:
        """Return a dashboard's title; with several parks in one Grafana it says whose."""
        return f"{self.park_name} · {text.say(self.language)}" if self.park_name else text.say(self.language)

    def tiers_of(self, panel: Panel) -> tuple[float | None, float | None]:
        """Return from where on a panel is green and yellow: the park's own target, else what the panel says."""
        quantities = {s.quantity for s in panel.series}
        if len(quantities) == 1:
            found = self.tiers.get(quantities.pop())
            if found:
                return found
        return panel.green, panel.yellow


def look_of(park: Park, language: Language, now: datetime, datasource: str = DATASOURCE_UID) -> Look:
    """Return a park's own look, with the targets that hold now."""
    targets = {t.quantity: target for t in park.targets if (target := target_for(park, t.quantity, now))}
    arrays = {a.id: a.name for a in park.arrays}
    points = {p.id: p.name for p in park.points}
    return Look(
        language,
        park.timezone,
        park.id,
        park.name.say(language),
        {entity: name.say(language) for entity, name in {**points, **arrays}.items()},
        {
            "array": tuple(arrays),
            "building": tuple(p.id for p in park.by_role("load")),
            "meter": tuple(p.id for p in park.points if p.role != "weather"),
        },
        {quantity: (t.green, t.yellow) for quantity, t in targets.items()},
        datasource,
    )
