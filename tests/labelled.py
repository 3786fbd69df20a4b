"""What the checks of meters make of inverters whose faults somebody labelled: `python -m tests.labelled`.

Readings go through store and models. A labelled value counts as told where an event of the meter covers it: a value that
stands still by its stretch, power beyond the rating by the readings it counts.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from core.frames import readings_frame
from core.park_file import parse_park
from core.quality import Event
from core.timebase import day_bounds
from models.compute import Compute
from models.meter_checks import OVER_RATING, SUN_UP_DEG
from models.series import grid_of
from models.sky import sky_over
from store.embedded import EmbeddedStore
from store.state import SqliteState

DATA = Path(__file__).parent / "data" / "labelled"
RATING_KW = 100.0
PLACES = {"stale": (40.0, -75.0, "Etc/GMT+5"), "outliers": (38.0, -71.0, "Etc/GMT+4")}
PARK = """
id: labelled
name: Labelled
latitude: {}
longitude: {}
timezone: {}
points:
  - {{id: grid, role: grid, name: Grid}}
  - {{id: pv, role: pv, name: PV, devices: [{{id: meter, template: json, rating_kw: 100, interval_s: 900}}]}}
arrays:
  - {{id: a, name: A, point: pv, dc_kwp: 110, ac_kw: 100, tilt: 25, azimuth: 180}}
"""


@dataclass(frozen=True)
class Marked:
    """One file: per value whether it is labelled, whether it was told, and whether the sun was up; the events told."""

    labelled: np.ndarray
    told: np.ndarray
    sun: np.ndarray
    events: list[Event]
    episodes: int  # stretches of labels
    caught: int  # of which something was told

    def precision(self) -> float:
        """Return which share of the values told were labelled."""
        return float(np.mean(self.labelled[self.told])) if self.told.any() else float("nan")

    def recall(self, *, by_day: bool = False) -> float:
        """Return which share of the labelled values was told, of all or of those by daylight."""
        return float(np.mean(self.told[self.labelled & (self.sun if by_day else True)]))


def marked(name: str) -> Marked:
    """Send a file through store and models, and hold what is told of its meter against the labels."""
    latitude, longitude, zone = PLACES[name]
    park = parse_park(PARK.format(latitude, longitude, zone).encode())
    rows = pd.read_csv(DATA / f"{name}.csv.gz", parse_dates=["local_time"])
    times = pd.DatetimeIndex(rows["local_time"]).tz_localize(park.zone).tz_convert("UTC").as_unit("us")
    middles = times + timedelta(minutes=7, seconds=30)
    kw = rows["share"].to_numpy() * RATING_KW
    sent = pd.DataFrame({"time": middles, "value": -kw, "received_at": middles, "device": "meter"})
    sent = readings_frame(sent.assign(quantity="active_power_kw", channel="", flags=0))
    first, last = (t.tz_convert(park.zone).date() for t in (times[0], times[-1]))
    end = day_bounds(last, park.zone)[1]
    with tempfile.TemporaryDirectory(prefix="parkwatt-labelled-") as folder:
        store, state = EmbeddedStore(Path(folder) / "park.duckdb", park.id), SqliteState(Path(folder) / "state.sqlite")
        try:
            store.append_readings(sent)
            state.mark_dirty({("meter", t) for t in middles.date})
            Compute(park, store, state).run(end + timedelta(minutes=30))
            events = [e for e in state.events(day_bounds(first, park.zone)[0], end) if e.entity == "pv"]
        finally:
            store.close()
            state.close()
    grid = grid_of(first, last, park.zone, end)
    at = np.searchsorted(grid.edges_us, times.astype("int64").to_numpy(), side="right") - 1
    sun = sky_over(park, grid).zenith[at] < SUN_UP_DEG
    told = np.zeros(len(times), dtype=bool)
    for event in events:
        within = np.asarray((middles >= event.start) & (middles <= event.end))
        if event.code == "stuck":
            told |= within
        elif event.code == "over_rating":
            told |= within & (np.abs(kw) > OVER_RATING * RATING_KW)
    labelled = rows["labelled"].to_numpy(dtype=bool)
    runs = np.flatnonzero(np.diff(np.concatenate(([False], labelled, [False])).astype(int)))
    stretches = list(zip(runs[::2], runs[1::2], strict=True))
    caught = sum(bool(told[a:b].any()) for a, b in stretches)
    return Marked(labelled, told, sun, events, len(stretches), caught)


def main() -> None:
    """Print both."""
    for name in PLACES:
        found = marked(name)
        print(
            name,
            f"precision {found.precision():.2f}, recall {found.recall():.2f} ({found.recall(by_day=True):.2f} by day)",
        )
        print(f"  {found.caught} of {found.episodes} told")
        for event in found.events:
            print("  ", event.code, event.start, event.end, dict(event.params))


if __name__ == "__main__":
    main()
