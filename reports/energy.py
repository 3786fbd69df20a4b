"""Energy of the month: the balance that adds up, consumers, netting windows, days."""

from __future__ import annotations

from datetime import date

from core.park import Park
from core.quantities import DERIVED, Scope
from core.text import Text
from reports.figures import Figure, computed, total
from reports.report import Day, Energy, Line
from reports.source import Source

STORAGE = ("charge_kwh", "discharge_kwh")
DAY_QUANTITIES = (
    "generation_kwh",
    "import_kwh",
    "export_kwh",
    "charge_kwh",
    "discharge_kwh",
    "load_kwh",
    "self_consumed_kwh",
    "net_balance_kwh",
    "plan_net_balance_kwh",
    "expected_kwh",
    "energy_performance_index",
    "self_sufficiency",
    "self_sufficiency_15min",
    "carbon_kg",
)
NETTING = (
    ("self_sufficiency", Text(zh="表计值（进出口电表，不轧差）", en="as metered (import and export registers)")),
    ("self_sufficiency_15min", Text(zh="15 分钟轧差", en="netted within 15 minutes")),
    ("self_sufficiency_day", Text(zh="日轧差", en="netted within each day")),
    ("self_sufficiency_month", Text(zh="月轧差", en="netted over the month")),
)
BALANCE_LABELS = {
    "generation_kwh": Text(zh="光伏发电", en="PV generation"),
    "import_kwh": Text(zh="电网购电", en="grid import"),
    "discharge_kwh": Text(zh="储能放电", en="storage discharge"),
    "load_kwh": Text(zh="园区用电", en="consumption"),
    "export_kwh": Text(zh="上网电量", en="grid export"),
    "charge_kwh": Text(zh="储能充电", en="storage charge"),
}


def has_storage(park: Park) -> bool:
    """Say whether the balance has storage in it."""
    return bool(park.by_role("storage"))


def day_quantities(park: Park) -> tuple[str, ...]:
    """Name the columns of the daily table."""
    return tuple(n for n in DAY_QUANTITIES if n not in STORAGE or has_storage(park))


def energy(source: Source) -> Energy:
    """Set up the month's balance: generation + import + discharge = consumption + export + charge, in kWh."""
    with_storage = has_storage(source.park)
    supply = _lines(source, ("generation_kwh", "import_kwh", *(("discharge_kwh",) if with_storage else ())))
    use = _lines(source, ("load_kwh", "export_kwh", *(("charge_kwh",) if with_storage else ())))
    supply_total = total((line.figure for line in supply), "kWh", "+".join(line.key for line in supply))
    use_total = total((line.figure for line in use), "kWh", "+".join(line.key for line in use))
    consumers = _consumers(source)
    parts = total((line.figure for line in consumers), "kWh", "sum of consumers")
    load = source.month_park("load_kwh")
    days = tuple(_day(source, day) for day in source.days)
    return Energy(
        supply=supply,
        supply_total=supply_total,
        use=use,
        use_total=use_total,
        check=_difference(supply_total, use_total, "supply-use"),
        consumers=consumers,
        consumers_check=_difference(load, parts, "load_kwh-sum of consumers"),
        days_check=_days_check(source, days),
        netting=tuple(Line(name, label, source.month_park(name)) for name, label in NETTING),
        ratios=tuple(
            Line(name, _label(name), source.month_park(name)) for name in ("self_consumption", "net_zero_ratio")
        ),
        days=days,
    )


def _lines(source: Source, names: tuple[str, ...]) -> tuple[Line, ...]:
    return tuple(Line(name, BALANCE_LABELS[name], source.month_park(name)) for name in names)


def _label(name: str) -> Text:
    row = DERIVED[name]
    return Text(zh=row.zh, en=row.en)


def _consumers(source: Source) -> tuple[Line, ...]:
    """List the top loads and what they leave over; together they are the park's consumption."""
    loads = [Line(p.id, p.name, source.month_of(Scope.POINT, p.id, "load_kwh")) for p in source.park.top_loads()]
    return (*loads, Line("residual_kwh", _label("residual_kwh"), source.month_park("residual_kwh")))


def _difference(whole: Figure, parts: Figure, formula: str) -> Figure:
    """Return whole minus parts in kWh, to the Wh: the registers are counted in whole Wh."""
    return computed(round(whole.value - parts.value, 3) + 0.0, "kWh", formula, (whole, parts))


def _days_check(source: Source, days: tuple[Day, ...]) -> Figure:
    known = [f for day in days if (f := day.figures["net_balance_kwh"]).known]
    month = source.month_park("net_balance_kwh")
    return _difference(month, total(known, "kWh", "sum of days"), "net_balance_kwh-sum of days")


def _day(source: Source, day: date) -> Day:
    park = source.park.id
    names = day_quantities(source.park)
    return Day(day, source.day_start(day), {n: source.day_of(Scope.PARK, park, n, day) for n in names})
