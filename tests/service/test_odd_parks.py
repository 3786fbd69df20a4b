"""Parks at the edges of the calendar, of the globe and of what is measured, each through every command of the terminal.

Wherever a figure cannot be had, its place says so in words: no command ends in a fault, no figure is NaN, and nothing
unknown is said as zero. Hours of physics stand in for measurements; each case says what is odd about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import orjson
import pandas as pd
import pytest
from pvlib import clearsky, solarposition

from core.clock import SystemClock
from core.frames import readings_frame
from core.park import Park
from core.park_file import load_park
from core.quantities import Period
from core.timebase import day_bounds
from models.sky import typical_air
from service.cli import main
from service.runner import catch_up, opened
from store.opening import open_store

NINE = time(9)
DEVICES = {
    "grid": "{id: grid, role: grid, name: Grid, devices: [{id: g, template: json, interval_s: 3600}]}",
    "pv": "{id: roof, role: pv, name: Roof, devices: [{id: p, template: json, interval_s: 3600, rating_kw: 120}]}",
    "load": "{id: hall, role: load, name: Hall, devices: [{id: l, template: json, interval_s: 3600}]}",
    "weather": "{id: met, role: weather, name: Met, devices: [{id: w, template: json, interval_s: 3600}]}",
}
ROOF = "arrays: [{id: roof, name: Roof, point: roof, dc_kwp: 110, ac_kw: 100, tilt: 0, azimuth: 180}]"


@dataclass(frozen=True)
class Odd:
    """A park with hourly readings from `first` on, up to nine in the morning of `today`."""

    latitude: float
    longitude: float
    zone: str
    first: date | None
    today: date
    roles: Sequence[str] = ("grid", "pv", "load", "weather")
    dark: tuple[date, date] | None = None  # days on which the weather station is silent

    @property
    def now(self) -> datetime:
        return datetime.combine(self.today, NINE, ZoneInfo(self.zone)).astimezone(UTC)

    def text(self) -> str:
        head = f"id: odd\nname: Odd\nlatitude: {self.latitude}\nlongitude: {self.longitude}\ntimezone: {self.zone}\nlanguages: [en]\n"
        points = "".join(f"  - {DEVICES[role]}\n" for role in self.roles)
        tariff = "tariffs: [{valid_from: 2020-01-01, import_per_kwh: 0.7, export_per_kwh: 0.3}]\n"
        return f"{head}points:\n{points}{ROOF if 'pv' in self.roles else ''}\n{tariff}"

    def readings(self, park: Park) -> pd.DataFrame:
        """Return an office of 10 to 40 kW, days of any clearness, and what the grid gives or takes."""
        start = pd.Timestamp(day_bounds(self.first or self.today, park.zone)[0])
        times = pd.date_range(start, self.now, freq="h", unit="us")
        middle, rng = times[:-1] + pd.Timedelta(minutes=30), np.random.default_rng(1)
        local = middle.tz_convert(self.zone)
        number = ((middle - middle[0]) // pd.Timedelta(days=1)).to_numpy()
        clearness, spell = rng.uniform(0.3, 1.0, number.max() + 1), rng.normal(0, 3, number.max() + 1)
        sun = solarposition.get_solarposition(middle, self.latitude, self.longitude)
        clear = clearsky.haurwitz(sun["apparent_zenith"])["ghi"].to_numpy()
        ghi = clear * clearness[number]
        air = typical_air(self.latitude, 0.0, np.asarray(middle.day_of_year, dtype=float)) + spell[number]
        air = air - 4.0 * np.cos(2 * np.pi * (local.hour.to_numpy() - 3) / 24)
        made = np.minimum(ghi * 0.1, 100.0) * ("pv" in self.roles)
        busy = (local.hour >= 8) & (local.hour < 19) & (local.day_of_week < 5)
        used = 10.0 + 30.0 * busy * rng.uniform(0.9, 1.1, len(middle)) + np.maximum(12.0 - air, 0.0)
        flows = {
            ("g", "energy_import_kwh"): np.maximum(used - made, 0),
            ("g", "energy_export_kwh"): np.maximum(made - used, 0),
        }
        flows |= {("p", "energy_export_kwh"): made, ("l", "energy_import_kwh"): used}
        devices = {DEVICES[role].split("devices: [{id: ")[1][0] for role in self.roles}
        found = [
            pd.DataFrame(
                {"time": times, "device": d, "quantity": q, "value": np.concatenate([[0.0], kwh.cumsum()]) + 1e3}
            )
            for (d, q), kwh in flows.items()
            if d in devices
        ]
        heard = np.ones(len(middle), dtype=bool)
        if self.dark:
            heard = (local.date < self.dark[0]) | (local.date > self.dark[1])
        for quantity, values in (("ghi_wm2", ghi), ("temp_air_c", air)):
            if "weather" in self.roles:
                found.append(
                    pd.DataFrame({"time": middle, "device": "w", "quantity": quantity, "value": values})[heard]
                )
        whole = pd.concat(found, ignore_index=True)
        return readings_frame(whole.assign(channel="", received_at=whole["time"], flags=0))


class Terminal:
    """The commands of one park, at its own time."""

    def __init__(self, odd: Odd, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.odd, self.config, self._capsys = odd, config, capsys
        self.park = load_park(config)

    def fill(self) -> None:
        with opened(self.park, SystemClock(), self.odd.text(), "ingest", "serve") as runtime:
            if self.odd.first is not None:
                readings = self.odd.readings(self.park)
                runtime.store.append_readings(readings)
                pairs = readings.assign(day=readings["time"].dt.date)[["device", "day"]].drop_duplicates()
                runtime.state.mark_dirty(set(pairs.itertuples(index=False, name=None)))
            catch_up(runtime)

    def says(self, command: str, *arguments: str, status: int = 0) -> str:
        """Run a command; it may refuse in words, but neither fail nor say a figure that is none."""
        ended = main([command, str(self.config), *arguments])
        told = "".join(self._capsys.readouterr())
        assert "internal error" not in told
        assert "Traceback" not in told
        assert not {"nan", "inf", "none"} & set(told.lower().replace(",", " ").replace("%", " ").split())
        assert ended == status, told
        return told

    def report(self, month: str) -> dict:
        """Make a month's report in every format; return what is in the JSON."""
        folder = self.config.parent / "out"
        self.says("report", "--month", month, "--out", str(folder))
        assert {f.suffix for f in folder.iterdir()} == {".pdf", ".xlsx", ".json"}
        return orjson.loads((folder / f"parkwatt-odd-{month}.json").read_bytes())

    def day(self, day: date, quantity: str, scope: str = "park") -> pd.Series:
        store = open_store(self.park)
        try:
            rows = store.slots(Period.DAY, *day_bounds(day, self.park.zone), scope=scope, quantities=[quantity])
        finally:
            store.close()
        return rows.iloc[0]


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[[Odd], Terminal]:
    def at(odd: Odd) -> Terminal:
        monkeypatch.setattr(SystemClock, "now", lambda _: odd.now)
        config = tmp_path / "PARK.yaml"
        config.write_text(odd.text(), encoding="utf-8")
        made = Terminal(odd, config, capsys)
        made.says("check")
        made.fill()
        return made

    return at


@pytest.mark.parametrize(
    ("odd", "day", "slots"),
    [
        (Odd(52.5, 13.4, "Europe/Berlin", date(2026, 9, 10), date(2026, 10, 27)), date(2026, 10, 25), 100),
        (Odd(40.7, -74.0, "America/New_York", date(2026, 1, 24), date(2026, 3, 10)), date(2026, 3, 8), 92),
        (Odd(-31.6, 159.1, "Australia/Lord_Howe", date(2026, 8, 20), date(2026, 10, 6)), date(2026, 10, 4), 94),
        (Odd(31.2, 121.5, "Asia/Shanghai", date(2024, 1, 14), date(2024, 3, 2)), date(2024, 2, 29), 96),
    ],
    ids=["autumn in Berlin", "spring in New York", "half an hour on Lord Howe", "29 February"],
)
def test_days_of_every_length_are_split_foretold_and_reported(terminal, odd: Odd, day: date, slots: int) -> None:
    park = terminal(odd)
    assert (day_bounds(day, park.park.zone)[1] - day_bounds(day, park.park.zone)[0]) == slots * timedelta(minutes=15)
    load = park.day(day, "load_kwh")
    assert load["coverage"] == pytest.approx(1.0, abs=0.011)
    assert load["value"] >= slots / 4 * 10
    told = park.says("why", "--day", day.isoformat())
    assert told.startswith("plan ")
    assert "weather at the PV" in told
    assert park.says("outlook").count("P10") == 4
    assert park.says("findings") == "no faults found\n"
    assert "its energy agrees" in park.says("orientation")
    made = park.report(f"{day:%Y-%m}")
    assert made["headline"]["elapsed_days"] == (odd.today if odd.today.month == day.month else month_end(day)).day


def month_end(day: date) -> date:
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def test_polar_night_is_dark_and_not_unknown(terminal) -> None:
    park = terminal(Odd(78.2, 15.6, "Arctic/Longyearbyen", date(2026, 10, 1), date(2026, 12, 10)))
    expected = park.day(date(2026, 12, 1), "expected_kwh", "array")
    assert (expected["value"], expected["coverage"]) == (0.0, 1.0)
    told = park.says("outlook")
    assert "PV generation                    0 kWh         0 kWh         0 kWh" in told
    assert "nothing can be explained" not in park.says("why", "--month", "2026-11")
    assert park.says("findings") == "no faults found\n"
    park.report("2026-11")


def test_a_month_without_weather_falls_to_a_lower_rung_and_says_so(terminal) -> None:
    silent = (date(2026, 10, 1), date(2026, 10, 31))
    park = terminal(Odd(31.2, 121.5, "Asia/Shanghai", date(2026, 8, 20), date(2026, 11, 3), dark=silent))
    rungs = [set(str(park.day(date(2026, m, 20), "expected_kwh", "array")["reasons"]).split()) for m in (9, 10)]
    assert ("rung_ghi" in rungs[0], "rung_clear_sky" in rungs[0]) == (True, False)
    assert ("rung_ghi" in rungs[1], "rung_clear_sky" in rungs[1]) == (False, True)
    assert "weather and faults cannot be told apart" in park.says("why", "--month", "2026-10")
    assert park.says("outlook").count("P10") == 4
    assert park.says("findings") == "no faults found\n"
    park.report("2026-10")


def test_nobody_ever_measured_anything(terminal) -> None:
    park = terminal(Odd(31.2, 121.5, "Asia/Shanghai", None, date(2026, 11, 3)))
    assert park.says("outlook").count("no outlook yet (too few whole days are known)") == 4
    assert "there was no plan" in park.says("why", "--month", "2026-10")
    assert "nobody can tell" in park.says("orientation")
    park.says("findings")
    made = park.report("2026-10")
    assert made["scope"]["empty"]
    assert {k for k, v in made["headline"].items() if isinstance(v, dict) and v.get("value")} == set()


@pytest.mark.parametrize("roles", [("grid", "load", "weather"), ("grid", "pv", "weather"), ("grid", "pv", "load")])
def test_a_park_that_lacks_something_is_told_of_the_rest(terminal, roles: tuple[str, ...]) -> None:
    park = terminal(Odd(31.2, 121.5, "Asia/Shanghai", date(2026, 9, 10), date(2026, 11, 3), roles))
    assert park.says("outlook").count("P10") == 4
    assert park.says("why", "--month", "2026-10").startswith("plan ")
    assert park.says("findings") == ("no faults found\n" if "pv" in roles else "this park has no PV arrays\n")
    park.says("orientation")
    park.report("2026-10")


def test_a_park_one_day_old_refuses_what_it_cannot_know(terminal) -> None:
    park = terminal(Odd(31.2, 121.5, "Asia/Shanghai", date(2026, 11, 2), date(2026, 11, 3)))
    assert park.says("outlook").count("no outlook yet (too few whole days are known)") == 4
    assert "there was no plan" in park.says("why", "--day", "2026-11-02")
    assert "fewer than 10 days" in park.says("orientation")
    assert park.says("findings") == "no faults found\n"
    park.report("2026-11")
