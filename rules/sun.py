"""Where the sun stands, to a degree: enough to know whether an inverter may be asleep."""

from __future__ import annotations

import math
from datetime import UTC, datetime


def sun_elevation_deg(at: datetime, latitude: float, longitude: float) -> float:
    """Return the sun's elevation above the horizon in degrees, without refraction.

    `latitude` north and `longitude` east positive, in degrees. Fourier series of declination and equation of time by
    Spencer 1971 (Search 2:172); within about 0.6 degrees.
    """
    utc = at.astimezone(UTC)
    hours = utc.hour + utc.minute / 60 + utc.second / 3600
    year = 2 * math.pi / 365 * (utc.timetuple().tm_yday - 1 + (hours - 12) / 24)
    c, s = [math.cos(n * year) for n in range(4)], [math.sin(n * year) for n in range(4)]
    equation_min = 229.18 * (0.000075 + 0.001868 * c[1] - 0.032077 * s[1] - 0.014615 * c[2] - 0.040849 * s[2])
    declination = (
        (0.006918 - 0.399912 * c[1] + 0.070257 * s[1])
        + (-0.006758 * c[2] + 0.000907 * s[2])
        + (-0.002697 * c[3] + 0.00148 * s[3])
    )
    hour_angle = math.radians((hours * 60 + equation_min + 4 * longitude) / 4 - 180)
    north = math.radians(latitude)
    height = math.sin(north) * math.sin(declination) + math.cos(north) * math.cos(declination) * math.cos(hour_angle)
    return math.degrees(math.asin(max(-1.0, min(1.0, height))))
