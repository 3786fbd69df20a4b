"""The search for faults held against anomalies put into clean measured series: `make gate`, or `ARGS=20` for so many seeds.

Three plants through readings, store and models: R10 and R15, about 20 MW each, hourly, under pyranometers in their
plane; SERF East, about 6 kW, under the irradiance of a satellite. Nothing of what is searched with is fitted to them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from core.findings import Fault, Finding
from core.frames import readings_frame
from core.park import Park
from core.park_file import load_park, parse_park
from core.quality import ReadingFlag
from core.timebase import day_bounds, day_of
from models.compute import Compute
from models.diagnosis import Diagnosis
from models.faults.diagnose import diagnose
from models.faults.sight import Sight
from models.series import grid_of
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests import measured
from tests.data.pvops import fit
from tests.injecting import KINDS, Injected, inject, near

# First day, and how many days were well: R15's loss begins on 27 October, SERF East's file ends.
CLEAN = {"R10": (date(2018, 4, 1), 210), "R15": (date(2018, 4, 1), 180), "SERF East": (date(2016, 7, 1), 103)}
NOTED = {Fault.CLIPPING, Fault.SENSOR}  # also of healthy plants
SERF = Path(__file__).parent / "data" / "serf" / "east.csv.gz"
# With 5.5 kWp its July has an index of about 1; nothing later was looked at for it.
SERF_PARK = b"""
id: serf
name: SERF East
latitude: 39.742
longitude: -105.1727
altitude_m: 1829
timezone: Etc/GMT+7
points:
  - {id: grid, role: grid, name: Grid}
  - {id: pv, role: pv, name: PV, devices: [{id: meter, template: json, rating_kw: 6, interval_s: 900}]}
  - {id: sky, role: weather, name: Sky, source: service}
arrays:
  - {id: east, name: East, point: pv, weather: sky, dc_kwp: 5.5, ac_kw: 6, tilt: 45, azimuth: 158, losses: 0,
     gamma_pdc: -0.0045}
"""
Computed = tuple[Park, EmbeddedStore, SqliteState]


@contextmanager
def computed(name: str) -> Iterator[Computed]:
    """Give a plant's park, with its store and state, everything computed."""
    with tempfile.TemporaryDirectory(prefix="parkwatt-gate-") as folder:
        park = parse_park(SERF_PARK) if name == "SERF East" else load_park(measured.DATA / f"{name}.yaml")
        sent = serf_readings() if name == "SERF East" else measured.readings(name, fit.hours(name))
        store, state = EmbeddedStore(Path(folder) / "park.duckdb", park.id), SqliteState(Path(folder) / "state.sqlite")
        try:
            store.append_readings(sent)
            state.mark_dirty({(d, t) for d, t in zip(sent["device"], sent["time"].dt.date, strict=True)})
            last = sent["time"].max().to_pydatetime().astimezone(park.zone).date()
            Compute(park, store, state).run(day_bounds(last, park.zone)[1] + timedelta(minutes=3))
            yield park, store, state
        finally:
            store.close()
            state.close()


def serf_readings() -> pd.DataFrame:
    """Return the array's quarter-hours as its meter would send them, and the satellite's hours as a service's feed."""
    rows = pd.read_csv(SERF, parse_dates=["local_time"]).set_index("local_time")
    rows = rows[:"2016-10-12"].asfreq("15min")
    rows.index = rows.index.tz_localize("Etc/GMT+7").tz_convert("UTC")
    # Left out of the file is the night, in which there is neither light nor power; how warm it is nobody says.
    kw = (-rows["ac_w"].fillna(0.0).clip(lower=0.0) / 1000.0).rename("active_power_kw")
    hours = (
        pd.DataFrame({"ghi_wm2": rows["ghi_wm2"].fillna(0.0), "temp_air_c": rows["temp_air_c"]}).resample("1h").mean()
    )
    parts = [(kw, "meter", 7.5, ReadingFlag.NONE)]
    parts += [(hours[q].dropna(), "sky-service", 30.0, ReadingFlag.SERVICE) for q in hours]
    frames = []
    for series, device, minutes, flag in parts:
        at = pd.DatetimeIndex(series.index) + pd.Timedelta(minutes=minutes)
        said = {"time": at, "value": series.to_numpy(), "device": device, "flags": int(flag), "received_at": at}
        frames.append(pd.DataFrame(said).assign(quantity=str(series.name), channel=""))
    return readings_frame(pd.concat(frames, ignore_index=True))


def clean(name: str, plant: Computed) -> Sight:
    """Return what the search sees of the days on which a plant was well."""
    park, store, state = plant
    first, count = CLEAN[name]
    last = first + timedelta(days=count - 1)
    (sight,) = Diagnosis(park, store, state).sights(grid_of(first, last, park.zone, day_bounds(last, park.zone)[1]))
    return sight


def own(sight: Sight) -> list[Finding]:
    """Return what is found of an array, without what is only noted of healthy ones too."""
    return [f for f in diagnose([sight]) if f.code not in NOTED and f.entity == sight.entity]


@dataclass
class Tally:
    """What became of the anomalies of one kind on one plant."""

    found: int = 0
    missed: int = 0
    false: int = 0
    sizes: list[float] = field(default_factory=list)  # of a loss over what was taken
    held: list[bool] = field(default_factory=list)  # whether its 90 % interval holds what was taken
    faults: list[str] = field(default_factory=list)  # in words, for who looks for the reason

    def add(self, name: str, seed: int, made: Injected) -> None:
        """Search one sight and count."""
        told = own(made.sight)
        hits = [f for f in told if f.code in made.codes and near(day_of(f.start, made.sight.zone), made)]
        self.found += bool(hits)
        self.missed += not hits
        self.false += len(told) - len(hits)
        if hits and made.lost_kwh:
            self.sizes.append(sum(f.lost_kwh for f in hits) / made.lost_kwh)
            self.held.append(sum(f.low_kwh for f in hits) <= made.lost_kwh <= sum(f.high_kwh for f in hits))
        if not hits or len(told) > len(hits):
            said = ", ".join(f"{f.code} {day_of(f.start, made.sight.zone)}" for f in told) or "nothing"
            self.faults.append(f"{name}, seed {seed}, {made.first} for {made.days} days: {said}")


def tried(sights: Mapping[str, Sight], seeds: Iterable[int]) -> dict[tuple[str, str], Tally]:
    """Put every kind of anomaly into every plant, once per seed, and return what became of it by plant and kind."""
    found = {(name, kind): Tally() for kind in KINDS for name in sights}
    for (name, kind), tally in found.items():
        for seed in seeds:
            tally.add(name, seed, inject(sights[name], kind, seed))
    return found


def pooled(tallies: Iterable[Tally]) -> Tally:
    """Return several tallies as one."""
    whole = Tally()
    for t in tallies:
        whole.found, whole.missed, whole.false = whole.found + t.found, whole.missed + t.missed, whole.false + t.false
        whole.sizes += t.sizes
        whole.held += t.held
        whole.faults += t.faults
    return whole


def precision(tally: Tally) -> float:
    """Return which share of what was told was there."""
    return tally.found / max(1, tally.found + tally.false)


def recall(tally: Tally) -> float:
    """Return which share of what was there was told."""
    return tally.found / max(1, tally.found + tally.missed)


def said(tally: Tally) -> str:
    """Return a tally as a line of text."""
    text = f"{tally.found} of {tally.found + tally.missed} found, {tally.false} false"
    if tally.sizes:
        text += f"; size over truth {np.median(tally.sizes):.2f} ({min(tally.sizes):.2f} to {max(tally.sizes):.2f}), "
        text += f"90 % interval held {np.mean(tally.held):.0%}"
    return text


def main(seeds: int) -> None:
    """Print what is found of every kind on every plant."""
    sights = {}
    for name in CLEAN:
        with computed(name) as plant:
            sights[name] = clean(name, plant)
        healthy = [f"{f.code} {f.start}" for f in own(sights[name])]
        print(f"{name}, nothing put in: {', '.join(healthy) or 'nothing told'}")
    tallies = tried(sights, range(seeds))
    for (name, kind), tally in tallies.items():
        print(f"{kind:12} {name:10} {said(tally)}")
    whole = pooled(tallies.values())
    print(f"pooled: precision {precision(whole):.3f}, recall {recall(whole):.3f}; {said(whole)}")
    print("\n".join(whole.faults))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
