"""The PV side of PARK.yaml: arrays, what bounds them and what was done to them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from core.dated import Dated, Day, Identifier, Model, Share
from core.text import Text


class Curtailment(Dated):
    """A time in which an array was not allowed to deliver all it could, e.g. by order of the grid company."""

    limit_kw: float = Field(ge=0.0, description="AC power of the array that was allowed")
    note: str = ""


class Cleaning(Model):
    """A day on which modules were washed: soiling starts again from there."""

    day: Day
    note: str = ""


class ForecastService(Model):
    """A service that computes weather. It is told where the park lies, so it is off until somebody writes it down."""

    kind: Literal["open-meteo"] = "open-meteo"
    url: str = Field(
        "https://api.open-meteo.com",
        pattern=r"^https?://",
        description="forecast and the last 92 days; may be your own",
    )
    archive_url: str = Field(
        "https://archive-api.open-meteo.com", pattern=r"^https?://", description="older than 92 days"
    )
    api_key_env: str | None = Field(None, description="environment variable with the key of a paid plan")
    every_minutes: int = Field(60, ge=10, le=1440)
    timeout_s: float = Field(20.0, gt=0.0, le=120.0)


def _edge(point: tuple[float, float]) -> tuple[float, float]:
    azimuth, elevation = point
    if not (0.0 <= azimuth <= 360.0 and 0.0 <= elevation <= 90.0):  # noqa: PLR2004 - degrees
        raise ValueError("is [azimuth 0 to 360 clockwise from north, elevation 0 to 90 above the horizon], in degrees")
    return point


Edge = Annotated[tuple[float, float], AfterValidator(_edge)]


MOST_RATIO = 10.0  # of peak power and inverter rating; beyond, one of them has another unit


class Array(Dated):
    """A PV array: modules of one orientation behind one PV point."""

    id: Identifier
    name: Text
    point: Identifier = Field(description="the pv point that meters it; a point may serve several arrays")
    dc_kwp: float = Field(gt=0.0)
    ac_kw: float = Field(gt=0.0, description="AC rating of its inverters")
    tilt: float = Field(ge=0.0, le=90.0, description="degrees from horizontal")
    azimuth: float = Field(ge=0.0, lt=360.0, description="degrees clockwise from north")
    mounting: Literal["freestanding", "semi_integrated", "close_mount", "insulated"] = "freestanding"
    noct_c: float | None = Field(
        None,
        ge=30.0,
        le=80.0,
        description="cells at 800 W/m², 20 °C and 1 m/s as mounted; takes the place of `mounting`",
    )
    gamma_pdc: float = Field(-0.0035, gt=-0.01, le=0.0, description="1/K")
    losses: Share = Field(0.08, description="mismatch, wiring, nameplate; not soiling, shading, availability")
    degradation_per_year: Share = 0.005
    bifacial_gain: float = Field(0.0, ge=0.0, le=0.5, description="yearly gain of the rear side, as a share")
    horizon: tuple[Edge, ...] = Field(
        (), description="[azimuth, elevation] of hills and buildings; below the line between them the beam is blocked"
    )
    transposition: Literal["hay-davies", "perez-driesse"] | None = Field(
        None, description="default: what measures best on its rung"
    )
    commissioned: Day | None = None
    weather: Identifier | None = Field(None, description="the weather point that serves it")
    strings: int | None = Field(None, gt=0)
    curtailments: tuple[Curtailment, ...] = Field((), description="log of orders to deliver less")
    cleanings: tuple[Cleaning, ...] = Field((), description="log of washings")

    @model_validator(mode="after")
    def _same_unit(self) -> Array:
        ratio = self.dc_kwp / self.ac_kw
        if not 1 / MOST_RATIO <= ratio <= MOST_RATIO:
            raise ValueError(
                f"dc_kwp {self.dc_kwp:g} is {ratio:.3g} times ac_kw {self.ac_kw:g}: both are written in kW, not in W"
            )
        return self
