"""The PV expectation, rung by rung, against reference outputs and measured plants."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from unittest import mock

import numpy as np
import pandas as pd
from pvlib.location import Location
from pvlib.modelchain import ModelChain
from pvlib.pvsystem import Array as PvlibArray
from pvlib.pvsystem import FixedMount, PVSystem

from core.park import Array
from core.quality import Reason
from models import peers, pv
from models.light import air_of, light_of
from models.orientation import Orientation, inferred
from models.plane import ALBEDO
from models.series import Floats, SlotSeries, bit
from tests.accuracy import plants
from tests.accuracy.row import Row

FIT_DAYS, CAPTEST_KWP, CAPTEST_KW = 2, 900.0, 752.0


@dataclass(frozen=True)
class Error:
    """How far a model is from what was: shares of the energy, of capacity, or of the mean."""

    bias: float
    rmse: float
    daily: float = float("nan")


def pvwatts_error(kind: str, *, from_sum: bool = False) -> Error:
    """Against PVWatts' own AC output: share of the year's energy, hourly RMSE as a share of 4 kW.

    `from_sum` gives the model only the sum of beam and diffuse on the horizontal, as one pyranometer would.
    """
    case = plants.pvwatts()
    gauges = {"ghi_wm2": plants.known(case.sky.ghi)} if from_sum else {}
    ours = _expected(plants.pvwatts_array(kind), case, gauges)
    theirs = case.made[kind]
    return Error(ours.sum() / theirs.sum() - 1.0, float(np.sqrt(np.mean((ours - theirs) ** 2))) / 4.0)


def _expected(array: Array, case: plants.Case, light: dict[str, SlotSeries]) -> Floats:
    """Return AC energy in kWh by a case's air and wind; with no light measured, by the beam and diffuse in its sky."""
    found = pv.by_light([array], light_of(light, case.sky), air_of(case.gauges, case.sky), case.sky, case.grid)
    return found[0].expected.value


@contextlib.contextmanager
def all_enters() -> Iterator[None]:
    """Let glass reflect nothing, to see what its reflection is worth."""
    with mock.patch("models.plane.transmitted", np.ones_like):
        yield


def modelchain_ac(sky_of: plants.Case, tilt: float, azimuth: float, dc_kwp: float, ac_kw: float) -> Floats:
    """Return AC power in kW by pvlib's ModelChain: Hay-Davies, physical reflection, Faiman, PVWatts."""
    mount = FixedMount(surface_tilt=tilt, surface_azimuth=azimuth)
    terms = {"pdc0": dc_kwp, "gamma_pdc": -0.0035}
    faiman = {"u0": pv.FAIMAN_U0, "u1": pv.FAIMAN_U1}
    unit = PvlibArray(mount, module_parameters=terms, temperature_model_parameters=faiman, albedo=ALBEDO)
    limits = {"pdc0": ac_kw / pv.ETA_NOMINAL, "eta_inv_nom": pv.ETA_NOMINAL}
    system = PVSystem([unit], inverter_parameters=limits)
    place = Location(sky_of.park.latitude, sky_of.park.longitude, altitude=sky_of.park.altitude_m)
    chain = ModelChain(
        system, place, transposition_model="haydavies", dc_model="pvwatts", ac_model="pvwatts", aoi_model="physical",
        spectral_model="no_loss", temperature_model="faiman", losses_model="no_loss",
    )  # fmt: skip
    edges = sky_of.grid.edges_us
    times = pd.DatetimeIndex(pd.to_datetime((edges[:-1] + edges[1:]) // 2, unit="us", utc=True))
    sky, gauges = sky_of.sky, sky_of.gauges
    weather = {"ghi": sky.ghi, "dni": sky.dni, "dhi": sky.dhi}
    weather |= {"temp_air": gauges["temp_air_c"].value, "wind_speed": gauges["wind_speed_ms"].value}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pvlib's own, of pandas
        found = chain.run_model(pd.DataFrame(weather, index=times)).results.ac
    return np.nan_to_num(found.to_numpy())


def modelchain_error() -> Error:
    """Against ModelChain on the same beam, diffuse, air and wind: share of the year's energy, RMSE of capacity."""
    case = plants.pvwatts()
    terms = {"tilt": 35.0, "azimuth": 150.0, "dc_kwp": 10.0, "ac_kw": 8.0}
    ours = _expected(plants.array(**terms, losses=0.0, transposition="hay-davies"), case, {})
    theirs = modelchain_ac(case, **terms)
    return Error(ours.sum() / theirs.sum() - 1.0, float(np.sqrt(np.mean((ours - theirs) ** 2))) / 8.0)


def transposition_error(model: str | None) -> Error:
    """Against a pyranometer 40° to the south, from one on the horizontal: bias, 15-min RMSE as shares of the mean."""
    case, measured = plants.srrl()
    plane = plants.array(dc_kwp=1.0, ac_kw=1.0, tilt=40.0, azimuth=180.0, transposition=model)
    ours = pv.plane_irradiance(plane, case.gauges, case.sky).value
    bright = measured > 20.0
    miss = (ours - measured)[bright]
    return Error(miss.sum() / measured[bright].sum(), float(np.sqrt(np.mean(miss**2)) / measured[bright].mean()))


def serf_error() -> Error:
    """Against SERF East by satellite: bias left on later days, hourly RMSE of capacity, mean daily miss of the mean.

    The one factor of the array is learned on the first 30 days; everything is then held against the other days.
    """
    case = plants.serf()
    east = plants.array(dc_kwp=1.0, ac_kw=1.0, tilt=45.0, azimuth=158.0, losses=0.0, gamma_pdc=-0.0045)
    ours = pv.array_series(east, {}, case.sky, case.grid, case.gauges).expected.value
    made, day = case.made["east"], case.daily
    early = day < 30
    factor = made[early].sum() / ours[early].sum()
    return _judged(factor * ours[~early], made[~early], day[~early], factor)


def _judged(ours: Floats, made: Floats, day: np.ndarray, capacity_kw: float) -> Error:
    days = [np.bincount(day - day.min(), weights=v) for v in (ours, made)]
    hours = [v.reshape(-1, 4).sum(axis=1) for v in (ours, made)]
    rmse = float(np.sqrt(np.mean((hours[0] - hours[1]) ** 2))) / capacity_kw
    return Error(ours.sum() / made.sum() - 1.0, rmse, float(np.abs(days[0] - days[1]).mean() / days[1].mean()))


def inverter_errors() -> dict[str, Error]:
    """Against each inverter of the 6 MW plant: the factor learned on two days, held against the other three."""
    case = plants.captest()
    unit = plants.array(dc_kwp=CAPTEST_KWP, ac_kw=CAPTEST_KW, tilt=25.0, azimuth=180.0, losses=0.0)
    early = case.daily < FIT_DAYS
    found = {}
    for name in (str(n) for n in range(1, 9)):
        made = np.maximum(case.made[name], 0.0)
        free = early & (made < 0.9 * CAPTEST_KW * 0.25) & np.isfinite(made)  # below the inverter's limit
        fitted = unit
        for _ in range(6):
            ours = pv.array_series(fitted, case.gauges, case.sky, case.grid).expected.value
            better = fitted.dc_kwp * made[free].sum() / ours[free].sum()
            fitted = fitted.model_copy(update={"dc_kwp": better})
        found[name] = _judged(ours[~early], made[~early], case.daily[~early], CAPTEST_KW)
    return found


def peer_errors() -> dict[str, Error]:
    """The same inverters without any weather: each expected by the other seven."""
    case = plants.captest()
    array = plants.array(dc_kwp=CAPTEST_KWP, ac_kw=CAPTEST_KW, tilt=25.0, azimuth=180.0, losses=0.0)
    nothing = pv.array_series(array, {}, case.sky, case.grid).expected
    peak = np.full(case.grid.size, CAPTEST_KWP)
    names = [str(n) for n in range(1, 9)]
    units = [peers.Unit(n, (array,), peak, nothing, plants.known(np.maximum(case.made[n], 0.0))) for n in names]
    filled = peers.filled(units, case.sky, case.grid)
    found = {}
    for name in names:
        by_peers = (filled[name].reasons & bit(Reason.RUNG_PEERS)) > 0
        ours = np.where(by_peers, filled[name].value, 0.0)
        made = np.where(by_peers, np.maximum(case.made[name], 0.0), 0.0)
        found[name] = _judged(ours, made, case.daily, CAPTEST_KW)
    return found


def meter_share() -> Floats:
    """Return per day what the plant's meter counted as a share of its inverters' sum."""
    case = plants.captest()
    inverters = np.sum([np.maximum(case.made[str(n)], 0.0) for n in range(1, 9)], axis=0)
    meter = np.maximum(case.made["0"], 0.0)
    return np.bincount(case.daily, weights=meter) / np.bincount(case.daily, weights=inverters)


def temperature_errors() -> dict[str, Error]:
    """A year without any irradiance, against PVWatts' rack: by the range of temperature, and by a cloudless sky."""
    case = plants.pvwatts()
    clear = plants.sky_over(case.park, case.grid)
    rack, found = plants.pvwatts_array("rack"), {}
    for name, gauges in (("temperature", case.gauges), ("clear_sky", {})):
        ours = pv.array_series(rack, gauges, clear, case.grid).expected.value
        days = [np.bincount(case.daily, weights=v) for v in (ours, case.made["rack"])]
        miss = float(np.abs(days[0] - days[1]).mean() / days[1].mean())
        found[name] = Error(ours.sum() / case.made["rack"].sum() - 1.0, float("nan"), miss)
    return found


def orientation_found(*, service: bool) -> Orientation:
    """Return where SERF East faces by its own energy."""
    case = plants.serf()
    east = plants.array(dc_kwp=5.4, ac_kw=5.6, tilt=45.0, azimuth=158.0, gamma_pdc=-0.0045)
    made = plants.known(case.made["east"])
    found = inferred(east, made, {}, case.sky, case.grid, case.gauges if service else None)
    if isinstance(found, str):
        raise ValueError(found)  # noqa: TRY004 - a refusal, not a type
    return found


def rows() -> list[Row]:
    """Return the rows of the accuracy table."""
    found = []
    for kind, words in (("rack", "on a rack"), ("roof", "on a roof")):
        full, single = pvwatts_error(kind), pvwatts_error(kind, from_sum=True)
        data = f"NREL PVWatts v5, one year hourly, {words}"
        found += [
            Row("AC energy from beam and diffuse", data, _both(full), "±1 %, 0.5 %"),
            Row("AC energy from global horizontal irradiance alone", data, _both(single)),
        ]
    with all_enters():
        text = _both(pvwatts_error("rack"))
        roof = serf_error()
    found.append(Row("the same without reflection", "NREL PVWatts v5, one year hourly, on a rack", text))
    chain = modelchain_error()
    found.append(Row("the same chain", "pvlib ModelChain, same inputs", f"year {chain.bias:+.5%}", "±0.1 %"))
    for model in ("hay-davies", "perez-driesse"):
        error = transposition_error(model)
        text = f"bias {error.bias:+.1%}, 15-min RMSE {error.rmse:.1%} of the mean"
        note = "the default where one pyranometer measures" if model == "hay-davies" else ""
        found.append(
            Row(f"irradiance 40° S from horizontal, {model}", "NREL SRRL, 8 days of March 2019", text, note=note)
        )
    inverters = inverter_errors().values()
    text = f"bias {_range(e.bias for e in inverters)}, hourly RMSE {_range(e.rmse for e in inverters)} of capacity"
    note = "each inverter's peak power fitted on the first two days, held against the other three"
    found.append(Row("rung 1, plane-of-array irradiance", "captest, 6 MW, eight inverters", text, note=note))
    text = "daily " + _range(meter_share())
    found.append(
        Row("meter as a share of its inverters", "captest, 6 MW", text, note="the rest is transformer and own use")
    )
    east = serf_error()
    text = f"bias {east.bias:+.1%}, hourly RMSE {east.rmse:.1%} of fitted peak, days {east.daily:.1%} of the mean"
    note = "one factor learned on the first 30 days, held against the other 74"
    found.append(Row("rung 3, satellite irradiance", "SERF East, 104 days of 2016", text, "days about 8 %", note))
    text = f"bias {roof.bias:+.1%}, hourly RMSE {roof.rmse:.1%} of fitted peak, days {roof.daily:.1%} of the mean"
    found.append(Row("the same without reflection", "SERF East, 104 days of 2016", text))
    beside = peer_errors().values()
    text = f"bias {_range(e.bias for e in beside)}, hourly RMSE {_range(e.rmse for e in beside)} of capacity"
    note = "eight healthy inverters of one orientation: the best case"
    found.append(Row("rung 4, the arrays beside it", "captest, 6 MW, eight inverters", text, note=note))
    for service, words in ((True, "satellite irradiance"), (False, "a cloudless sky and its brightest days")):
        east = orientation_found(service=service)
        text = f"tilt {east.tilt:g}°, azimuth {east.azimuth:g}°, {east.apart_deg:.1f}° off in all"
        note = "it stands at tilt 45°, azimuth 158°"
        found.append(Row(f"orientation from its energy, by {words}", "SERF East, 104 days of 2016", text, note=note))
    for name, words in (("temperature", "rung 5, range of temperature"), ("clear_sky", "rung 6, cloudless sky")):
        error = temperature_errors()[name]
        text = f"year {error.bias:+.0%}, days {error.daily:.0%} of the mean"
        found.append(Row(words, "NREL PVWatts v5, one year hourly, on a rack", text, note="nothing fitted"))
    return found


def _both(error: Error) -> str:
    return f"year {error.bias:+.2%}, hourly RMSE {error.rmse:.2%} of capacity"


def _range(values: Iterable[float]) -> str:
    every = list(values)
    return f"{min(every):.2%} to {max(every):.2%}"
