"""Carbon of grid import by dated factors, other accounting views of it, and what the energy cost."""

from __future__ import annotations

from datetime import date
from itertools import groupby

from core.errors import ConfigError
from core.factors import Factor, factor_for
from core.park import CarbonChoice, Tariff, valid_one
from core.quantities import Scope
from core.text import Text
from reports.figures import Figure, computed, total
from reports.report import Carbon, CarbonView, Cost, FactorSpan
from reports.source import Source

# Schemes a reader may hold the figure against: label, scheme, region (None: that of the park).
VIEWS = (
    (Text(zh="所在省平均因子", en="provincial average"), "location", None),
    (Text(zh="全国平均因子", en="national average"), "location", "CN"),
    (Text(zh="国家级零碳园区核算方法（试行）", en="national zero-carbon park method (trial)"), "park", "CN"),
    (Text(zh="上海市碳排放核算指南", en="Shanghai ETS guideline"), "shanghai-ets", None),
)


def carbon(source: Source) -> Carbon:
    """Account for grid import: stored carbon, the factors behind it, other schemes, cost."""
    spans = _spans(source)
    recomputed = total((s.carbon for s in spans), "kgCO2", "import_kwh*factor")
    stored = source.month_park("carbon_kg")
    return Carbon(
        factors=spans,
        views=_views(source, spans),
        check=computed(stored.value - recomputed.value, "kgCO2", "carbon_kg-import_kwh*factor", (stored,)),
        costs=_costs(source),
    )


def _spans(source: Source) -> tuple[FactorSpan, ...]:
    """Return the factors in force, each with the days, import in kWh and carbon in kgCO2 it was applied to."""
    days = source.days or source.calendar[:1]
    chosen = [(day, valid_one(source.park.carbon, source.day_start(day))) for day in days]
    found = [(day, _factor(choice, day)) for day, choice in chosen if choice is not None]
    spans = []
    for factor, group in groupby(found, key=lambda pair: pair[1]):
        covered = [day for day, _ in group]
        spans.append(_span(source, factor, covered, whole=len(covered) == len(days)))
    return tuple(spans)


def _factor(choice: CarbonChoice, day: date) -> Factor:
    return factor_for(choice.scheme, choice.region, day)


def _span(source: Source, factor: Factor, days: list[date], *, whole: bool) -> FactorSpan:
    imported = source.month_park("import_kwh") if whole else _import_of(source, days)
    return FactorSpan(
        id=factor.id,
        scheme=factor.scheme,
        region=factor.region,
        data_year=factor.year,
        published=factor.published,
        kg_per_kwh=factor.value,
        source=factor.source,
        basis=factor.basis,
        first_day=days[0],
        last_day=days[-1],
        import_kwh=imported,
        carbon=computed(imported.value * factor.value, "kgCO2", f"import_kwh*{factor.id}", (imported,)),
    )


def _import_of(source: Source, days: list[date]) -> Figure:
    figures = (source.day_of(Scope.PARK, source.park.id, "import_kwh", day) for day in days)
    return total((f for f in figures if f.known), "kWh", "sum of days")


def _views(source: Source, spans: tuple[FactorSpan, ...]) -> tuple[CarbonView, ...]:
    """Apply every other scheme's factor of the month's last day to the whole month's import."""
    used = {span.id for span in spans}
    last = (source.days or source.calendar)[-1]
    days = list(source.days or source.calendar)
    home = spans[-1].region if spans else "CN"
    views = []
    for label, scheme, region in VIEWS:
        try:
            factor = factor_for(scheme, region or home, last)
        except ConfigError:  # this scheme has no row for the park's region: the view does not exist
            continue
        if factor.id not in used:
            used.add(factor.id)
            views.append(CarbonView(_span(source, factor, days, whole=True), label))
    return tuple(views)


def _costs(source: Source) -> tuple[Cost, ...]:
    """Price every day's import and export at the tariff in force when the day began, per currency."""
    park = source.park
    priced: dict[str, list[tuple[date, Tariff]]] = {}
    for day in source.days:
        tariff = valid_one(park.tariffs, source.day_start(day))
        if tariff is not None:
            priced.setdefault(tariff.currency, []).append((day, tariff))
    return tuple(_cost(source, currency, days) for currency, days in priced.items())


def _cost(source: Source, currency: str, days: list[tuple[date, Tariff]]) -> Cost:
    def money(name: str, price: str) -> Figure:
        parts = [
            computed(f.value * getattr(tariff, price), currency, price, (f,))
            for day, tariff in days
            if (f := source.day_of(Scope.PARK, source.park.id, name, day)).known
        ]
        return total(parts, currency, f"sum of daily {name}*{price}")

    bought, sold = money("import_kwh", "import_per_kwh"), money("export_kwh", "export_per_kwh")
    return Cost(
        currency=currency,
        import_cost=bought,
        export_income=sold,
        net=computed(bought.value - sold.value, currency, "import_cost-export_income", (bought, sold)),
        sources=tuple(dict.fromkeys(t.source for _, t in days if t.source)),
    )
