"""The ladder of the PV expectation: its rungs from the best to the last resort, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from core.quality import Reason
from core.text import Text

# Named beside every expected number: another version may expect otherwise of the same readings.
MODEL_VERSION = "pv-2"


@dataclass(frozen=True)
class Rung:
    """One way to know the light on an array; `uncertainty` is its relative standard uncertainty over an hour."""

    reason: Reason
    words: Text
    uncertainty: float


# A day's or month's light is better known than an hour's on the lower rungs; whoever has measured it takes that.
RUNGS = (
    Rung(Reason.RUNG_POA, Text(zh="实测组件面辐照度", en="measured plane-of-array irradiance"), 0.02),
    Rung(
        Reason.RUNG_GHI,
        Text(zh="实测水平总辐照度，经分解与转置", en="measured horizontal irradiance, decomposed and transposed"),
        0.04,
    ),
    Rung(
        Reason.RUNG_SERVICE,
        Text(zh="气象服务的水平总辐照度（卫星或数值模式）", en="horizontal irradiance of a weather service"),
        0.10,
    ),
    Rung(
        Reason.RUNG_PEERS,
        Text(
            zh="相邻方阵的单位容量发电量，按朝向换算",
            en="energy per kWp of the arrays beside it, orientation corrected",
        ),
        0.05,
    ),
    Rung(
        Reason.RUNG_TEMPERATURE,
        Text(
            zh="由日较差估算（Hargreaves–Samani）",
            en="estimated from the day's range of temperature (Hargreaves–Samani)",
        ),
        0.25,
    ),
    Rung(
        Reason.RUNG_CLEAR_SKY,
        Text(zh="晴空模型（仅为上限，非估计值）", en="clear-sky model (an upper bound, not an estimate)"),
        0.36,
    ),
)

IRRADIANCE_UNCERTAINTY: dict[str, float] = {rung.reason.value: rung.uncertainty for rung in RUNGS}
# Of the expectation as a whole, for weeks on end: the scatter of hours is gone, what is off stays.
_LASTING = {Reason.RUNG_POA.value: 0.03, Reason.RUNG_GHI.value: 0.04}
_LASTING_ELSE = 0.08
RUNG_WORDS: dict[str, Text] = {rung.reason.value: rung.words for rung in RUNGS} | {
    Reason.DEFAULT_TEMPERATURE.value: Text(
        zh="部分时段无气温，用缺省值", en="default air temperature where none was measured"
    ),
    Reason.SERVICE_TEMPERATURE.value: Text(
        zh="部分时段气温来自气象服务", en="air temperature of a weather service where none was measured"
    ),
    Reason.UNCALIBRATED.value: Text(
        zh="按标称容量，尚未校准", en="by nameplate: the array has not learned its factor yet"
    ),
}
# On these an array is held to what its own site measured; only they carry a judgement within a few percent.
ON_SITE = frozenset({Reason.RUNG_POA.value, Reason.RUNG_GHI.value})
# On these nobody measured the light at all: their numbers are marked as estimated.
ESTIMATED = frozenset({Reason.RUNG_TEMPERATURE.value, Reason.RUNG_CLEAR_SKY.value})


def worst_rung(reasons: Iterable[str]) -> str | None:
    """Return the lowest rung among reason codes; None where there is none."""
    found = set(reasons)
    return next((rung.reason.value for rung in reversed(RUNGS) if rung.reason.value in found), None)


def lasting_uncertainty(rungs: Iterable[str]) -> float:
    """Return by how much, relative and k=1, an expectation on these rungs may be off for weeks on end."""
    return next((u for name, u in _LASTING.items() if name in set(rungs)), _LASTING_ELSE)
