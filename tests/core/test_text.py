from __future__ import annotations

from datetime import date

import pytest

from core.errors import ConfigError
from core.factors import factor_for, factor_table
from core.quantities import spoken
from core.text import Language, Text, energy, percent, significant
from core.verdict import Tier, net_zero_verdict, tier_of


@pytest.mark.parametrize(
    ("value", "written"),
    [(0, "0"), (0.123456, "0.123"), (12.34, "12.3"), (123.4, "123"), (1234.5, "1,230"), (-0.05678, "−0.0568"),
     (999.9, "1,000"), (float("nan"), "–"), (float("inf"), "–")],
)  # fmt: skip
def test_three_significant_figures(value: float, written: str) -> None:
    assert significant(value) == written


def test_kwh_and_mwh_switch_at_ten_thousand() -> None:
    assert energy(9999) == "10,000 kWh"
    assert energy(10_000) == "10.0 MWh"
    assert energy(-45_678) == "−45.7 MWh"
    assert energy(float("nan")) == "–"


def test_percent() -> None:
    assert percent(0.61234) == "61.2 %"
    assert percent(float("nan")) == "–"


LABEL = Text(zh="10 月至今", en="October so far")


def test_the_verdict_names_the_gap_and_the_plan() -> None:
    verdict = net_zero_verdict(Tier.RED, LABEL, -412, -150, 0.99)
    assert verdict.sentence.en == "October so far: 412 kWh short of net zero; the plan was 150 kWh short."
    assert verdict.sentence.zh == "10 月至今：距净零差 412 kWh；原计划短缺 150 kWh。"
    beyond = net_zero_verdict(Tier.GREEN, LABEL, 5200, float("nan"), 0.99)
    assert beyond.sentence.en == "October so far: 5,200 kWh beyond net zero."


def test_thin_data_are_not_judged() -> None:
    verdict = net_zero_verdict(Tier.UNKNOWN, LABEL, -412, -150, 0.42)
    assert verdict.tier is Tier.UNKNOWN
    assert verdict.sentence.en == "October so far: only 42.0 % of the data are measured, too few to judge net zero."


def test_tiers() -> None:
    assert [tier_of(v, 0.5, 0.4) for v in (0.5, 0.4, 0.39, float("nan"))] == [
        Tier.GREEN, Tier.YELLOW, Tier.RED, Tier.UNKNOWN,
    ]  # fmt: skip


def test_the_factor_is_the_newest_one_published_by_then() -> None:
    assert factor_for("location", "CN-SH", date(2025, 12, 30)).value == 0.5849
    assert factor_for("location", "CN-SH", date(2025, 12, 31)).value == 0.5737
    assert factor_for("park", "CN", date(2026, 1, 1)).value == 0.8325
    with pytest.raises(ConfigError, match="no factor for scheme location, region CN-XX"):
        factor_for("location", "CN-XX", date(2026, 1, 1))


def test_every_factor_has_a_source_and_a_unit() -> None:
    assert len(factor_table()) >= 90
    assert all(f.source and f.unit == "kgCO2/kWh" and 0.05 < f.value < 1.2 for f in factor_table())
    assert len({f.id for f in factor_table()}) == len(factor_table())


def test_what_devices_send_is_named_as_people_name_it():
    figures = "temp_air_c 45.0 °C, temp_module_c 20.0 °C, 610 W/m²"
    assert spoken(figures, Language.EN) == "air temperature 45.0 °C, module temperature 20.0 °C, 610 W/m²"
    assert spoken("temp_air_c: °F", Language.ZH) == "气温: °F"
    assert spoken("my_temp_air_c_2", Language.EN) == "my_temp_air_c_2"
