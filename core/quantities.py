"""The one vocabulary of physical and accounting quantities.

Directions at a meter: *import* flows from the park's bus into what is metered, except at the grid connection, where
import flows from the grid into the park. A PV meter's generation is its export. `active_power_kw` is positive with
import. Adding a KPI starts with a row here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from core.text import Language


class Kind(StrEnum):
    """What a number of this quantity is."""

    REGISTER = "register"  # ever-growing count, as the device sends it
    GAUGE = "gauge"  # value at an instant
    AMOUNT = "amount"  # belongs to a period, adds up over periods
    RATIO = "ratio"  # belongs to a period, never added or averaged


class Aggregation(StrEnum):
    """How several slots become one longer period."""

    SUM = "sum"
    MEAN = "mean"  # time-weighted
    RATIO_OF_SUMS = "ratio_of_sums"  # recomputed from its parts
    LAST = "last"


class Scope(StrEnum):
    """What an entity id names."""

    PARK = "park"
    POINT = "point"
    ARRAY = "array"


class Period(StrEnum):
    """The length a stored value belongs to; always labelled by its first instant, in UTC."""

    SLOT = "slot"  # 15 minutes
    DAY = "day"  # local day of the park
    MONTH = "month"  # local month; the running month is "to date"


@dataclass(frozen=True)
class Quantity:
    """One row of the vocabulary. `low` and `high` bound what is physically possible for any device."""

    name: str
    unit: str
    kind: Kind
    aggregation: Aggregation
    zh: str
    en: str
    low: float | None = None
    high: float | None = None


def _register(name: str, zh: str, en: str, unit: str = "kWh") -> Quantity:
    return Quantity(name, unit, Kind.REGISTER, Aggregation.LAST, zh, en, 0.0, 1e12)


def _gauge(name: str, unit: str, zh: str, en: str, low: float, high: float) -> Quantity:
    return Quantity(name, unit, Kind.GAUGE, Aggregation.MEAN, zh, en, low, high)


def _amount(name: str, unit: str, zh: str, en: str) -> Quantity:
    return Quantity(name, unit, Kind.AMOUNT, Aggregation.SUM, zh, en)


def _foretold(name: str, unit: str, zh: str, en: str) -> Quantity:
    return Quantity(name, unit, Kind.GAUGE, Aggregation.LAST, zh, en)


def _ratio(name: str, zh: str, en: str) -> Quantity:
    return Quantity(name, "1", Kind.RATIO, Aggregation.RATIO_OF_SUMS, zh, en)


# What devices send. Templates may name only these.
READING: dict[str, Quantity] = {
    q.name: q
    for q in (
        _register("energy_import_kwh", "正向有功电能", "imported energy register"),
        _register("energy_export_kwh", "反向有功电能", "exported energy register"),
        # Reactive and apparent energy is kept as sent and can be exported; no balance ever counts it.
        _register("energy_reactive_import_kvarh", "正向无功电能", "imported reactive energy register", "kvarh"),
        _register("energy_reactive_export_kvarh", "反向无功电能", "exported reactive energy register", "kvarh"),
        _register("energy_reactive_q1_kvarh", "第一象限无功电能", "reactive energy register, quadrant 1", "kvarh"),
        _register("energy_reactive_q2_kvarh", "第二象限无功电能", "reactive energy register, quadrant 2", "kvarh"),
        _register("energy_reactive_q3_kvarh", "第三象限无功电能", "reactive energy register, quadrant 3", "kvarh"),
        _register("energy_reactive_q4_kvarh", "第四象限无功电能", "reactive energy register, quadrant 4", "kvarh"),
        _register("energy_apparent_kvah", "视在电能", "apparent energy register", "kVAh"),
        _gauge("active_power_kw", "kW", "有功功率", "active power", -1e6, 1e6),
        _gauge("reactive_power_kvar", "kvar", "无功功率", "reactive power", -1e6, 1e6),
        _gauge("apparent_power_kva", "kVA", "视在功率", "apparent power", 0.0, 1e6),
        _gauge("dc_power_kw", "kW", "直流功率", "DC power", -1e5, 1e6),
        _gauge("voltage_v", "V", "电压", "voltage", 0.0, 1e6),
        _gauge("current_a", "A", "电流", "current", -1e5, 1e5),
        _gauge("frequency_hz", "Hz", "频率", "frequency", 0.0, 100.0),
        _gauge("power_factor", "1", "功率因数", "power factor", -1.0, 1.0),
        _gauge("poa_wm2", "W/m²", "组件面辐照度", "plane-of-array irradiance", -20.0, 2000.0),
        _gauge("ghi_wm2", "W/m²", "水平总辐照度", "global horizontal irradiance", -20.0, 2000.0),
        _gauge("temp_air_c", "°C", "气温", "air temperature", -60.0, 70.0),
        _gauge("temp_module_c", "°C", "组件温度", "module temperature", -60.0, 120.0),
        _gauge("wind_speed_ms", "m/s", "风速", "wind speed", 0.0, 80.0),
        _gauge("state_of_charge", "1", "荷电状态", "state of charge", 0.0, 1.0),
    )
}

# What was foretold, as known at the end of a day, of the month in which the next day lies; kept per day.
FORETOLD: dict[str, Quantity] = {
    q.name: q
    for q in (
        _foretold("outlook_net_p10_kwh", "kWh", "本月净余额展望（P10）", "outlook of the month's net balance, P10"),
        _foretold("outlook_net_p50_kwh", "kWh", "本月净余额展望（P50）", "outlook of the month's net balance, P50"),
        _foretold("outlook_net_p90_kwh", "kWh", "本月净余额展望（P90）", "outlook of the month's net balance, P90"),
        _foretold("outlook_plan_kwh", "kWh", "本月计划净余额", "planned net balance of the month"),
        _foretold("outlook_miss_probability", "1", "本月净零不达标概率", "probability that the month misses net zero"),
    )
}

# What models derive and the store keeps per slot, day and month. The scopes a quantity occurs in are in the comment.
DERIVED: dict[str, Quantity] = {
    q.name: q
    for q in (
        # point: what flowed at the meter (register differences, or power where there is no register)
        _amount("import_kwh", "kWh", "流入电量", "import"),  # point, park
        _amount("export_kwh", "kWh", "流出电量", "export"),  # point, park
        # park and its parts
        _amount("generation_kwh", "kWh", "光伏发电量", "PV generation"),  # park, point (pv), array
        _amount("load_kwh", "kWh", "用电量", "consumption"),  # park, point (load)
        _amount("charge_kwh", "kWh", "储能充电量", "storage charge"),  # park, point (storage)
        _amount("discharge_kwh", "kWh", "储能放电量", "storage discharge"),  # park, point (storage)
        _amount("self_consumed_kwh", "kWh", "自用光伏电量", "self-consumed PV"),  # park
        _amount("residual_kwh", "kWh", "未分表电量", "unmetered remainder"),  # park
        _amount("net_balance_kwh", "kWh", "净余额", "net balance"),  # park: generation minus consumption
        _amount("plan_net_balance_kwh", "kWh", "计划净余额", "planned net balance"),  # park, day and month
        _amount("expected_kwh", "kWh", "光伏应发电量", "expected PV"),  # array, park
        _amount(
            "expected_p10_kwh", "kWh", "光伏应发电量 P10", "expected PV, P10"
        ),  # array, park: nine days in ten exceed it
        _amount(
            "expected_p90_kwh", "kWh", "光伏应发电量 P90", "expected PV, P90"
        ),  # array, park: one day in ten exceeds it
        _amount("irradiation_kwh_m2", "kWh/m²", "组件面辐照量", "plane-of-array irradiation"),  # array
        # array, by day and month; kWh/kWp, over the slots in which energy and irradiance are measured (IEC 61724-1)
        _amount("reference_yield", "kWh/kWp", "参考等效小时", "reference yield"),
        _amount("reference_yield_25c", "kWh/kWp", "参考等效小时（25 °C）", "temperature-corrected reference yield"),
        _amount("array_yield", "kWh/kWp", "直流等效小时", "array yield (DC)"),  # where DC power is measured
        _amount("final_yield", "kWh/kWp", "交流等效小时", "final yield"),
        _amount("specific_yield", "kWh/kWp", "单位装机发电量", "specific yield"),  # all energy over peak power
        _amount("carbon_kg", "kgCO2", "购电碳排放", "carbon of grid import"),  # park, location-based
        _ratio("self_sufficiency", "自给率", "self-sufficiency"),  # park, metered: (G - E) / L
        _ratio("self_consumption", "自用率", "self-consumption"),  # park, metered: (G - E) / G
        _ratio("net_zero_ratio", "净零率", "net-zero ratio"),  # park: G / L
        _ratio("self_sufficiency_15min", "自给率（15分钟轧差）", "self-sufficiency, 15-min netting"),  # park
        _ratio("self_sufficiency_day", "自给率（日轧差）", "self-sufficiency, daily netting"),  # park, month
        _ratio("self_sufficiency_month", "自给率（月轧差）", "self-sufficiency, monthly netting"),  # park, month
        _ratio("energy_performance_index", "发电能效指数", "energy performance index"),  # array, park
        _ratio("performance_ratio", "性能比", "performance ratio"),  # array
        *FORETOLD.values(),  # park, day
        _ratio("performance_ratio_25c", "性能比（25 °C）", "temperature-corrected performance ratio"),  # array
        _ratio("availability", "能量可用率", "energy availability"),  # array
        # array, day: 1 before it counts; over a range the one in force at its end, no mean was ever applied
        Quantity("calibration_factor", "1", Kind.RATIO, Aggregation.LAST, "校准系数", "calibration factor"),
        # point: mean of what a sensor or meter showed
        *(q for q in READING.values() if q.kind is Kind.GAUGE),
    )
}

# How well the park is watched: written per slot by `serve` itself, never part of a balance or report.
WATCHED: dict[str, Quantity] = {
    q.name: q
    for q in (
        _gauge("open_alerts", "count", "未解除告警", "open alerts", 0.0, 1e6),  # park: firing at the slot's end
        _gauge("alert_level", "level", "告警级别", "alert level", 0.0, 3.0),  # any scope: the highest in it, 0 none
        _gauge("collector_connected", "1", "采集在线率", "collector connected", 0.0, 1.0),  # park: share of the slot
        _amount("telegrams", "count", "收到报文", "messages received"),  # park
        _gauge(
            "quarantined", "count", "隔离区待处理报文", "messages in quarantine", 0.0, 1e9
        ),  # park: at the slot's end
        _gauge("lateness_s", "s", "数据延迟", "delay of data", 0.0, 1e9),  # point: the longest from device to receipt
    )
}


_NAMES = re.compile(rf"\b(?:{'|'.join(sorted(READING, key=len, reverse=True))})\b")


def spoken(text: str, language: Language) -> str:
    """Return figures that name what devices send, with the names people have for it."""
    zh = language is Language.ZH
    return _NAMES.sub(lambda name: READING[name[0]].zh if zh else READING[name[0]].en, text)


def quantity(name: str) -> Quantity:
    """Return the row called `name`, whether devices send it, models derive it or `serve` writes it."""
    found = READING.get(name) or DERIVED.get(name) or WATCHED.get(name)
    if found is None:
        raise KeyError(f"no quantity is called {name!r}")
    return found
