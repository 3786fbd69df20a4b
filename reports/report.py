"""What a monthly report says, section by section; PDF, XLSX and JSON are three ways of writing this down."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from core.findings import Picture
from core.park import Park
from core.quality import Event
from core.standing import Standing
from core.text import Text
from core.verdict import Tier, Verdict
from core.why import Why
from reports.figures import Figure


@dataclass(frozen=True)
class Line:
    """A labelled figure of a table."""

    key: str
    label: Text
    figure: Figure


@dataclass(frozen=True)
class Scoped:
    """Which month, until when, made when and from what."""

    year: int
    month: int
    start: datetime  # first instant of the local month
    end: datetime  # first instant of the next
    as_of: datetime  # figures reach to here: the end of the month, or the time of generation in a running month
    generated_at: datetime
    partial: bool  # the month was not over
    empty: bool  # nothing at all is stored of it
    label: Text  # "October 2026", with "so far" in a running month
    version: str
    configuration: str  # SHA-256 of the park file in force
    configurations: tuple[tuple[str, datetime], ...]  # those loaded before or during the month that governed it


@dataclass(frozen=True)
class Headline:
    """The five numbers and how sure they are."""

    verdict: Verdict
    stands: bool  # enough was measured to judge
    data_coverage: Figure
    self_sufficiency: Figure
    self_sufficiency_tier: Tier | None  # None where the park has no target
    net_zero_ratio: Figure
    net_balance: Figure
    plan: Figure
    planned_days: int
    elapsed_days: int
    pv_index: Figure
    carbon: Figure
    alerts_open: int
    alerts_total: int


@dataclass(frozen=True)
class Day:
    """One local day; `figures` by quantity name."""

    day: date
    start: datetime
    figures: dict[str, Figure]


@dataclass(frozen=True)
class Energy:
    """The balance that adds up, who used the energy, and self-sufficiency by netting window."""

    supply: tuple[Line, ...]
    supply_total: Figure
    use: tuple[Line, ...]
    use_total: Figure
    check: Figure  # supply minus use
    consumers: tuple[Line, ...]
    consumers_check: Figure  # consumption minus the sum of its parts
    days_check: Figure  # month's net balance minus the sum of its days
    netting: tuple[Line, ...]
    ratios: tuple[Line, ...]
    days: tuple[Day, ...]


@dataclass(frozen=True)
class ArrayLine:
    """One PV array against its expectation; energies in kWh."""

    id: str
    name: Text
    dc_kwp: float
    generation: Figure
    expected: Figure
    difference: Figure
    index: Figure
    performance_ratio: Figure
    performance_ratio_25c: Figure
    specific_yield: Figure
    availability: Figure
    expected_p10: Figure
    expected_p90: Figure
    irradiation: Figure
    rungs: tuple[str, ...]  # reason codes saying what the expectation was made from
    standing: Standing | None  # shares of those rungs, and what the array learned; None for the whole park


@dataclass(frozen=True)
class HeatMap:
    """Mean PV power of the park in kW, one row per local day, one column per quarter of an hour of the local clock."""

    first_hour: int
    last_hour: int
    kw: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class AlertLine:
    """One alert of the month in words, with what it cost."""

    fingerprint: str
    rule: str
    entity: str
    entity_name: Text
    severity: str
    title: Text
    detail: Text
    advice: Text
    active_at: datetime
    fired_at: datetime | None
    resolved_at: datetime | None
    hours: float  # within the month
    open: bool  # at the end of what the report covers
    energy: Figure
    money: Figure


@dataclass(frozen=True)
class FaultLine:
    """One fault that was found, in words, with its evidence; `month` is what it cost in this month, `total` in all."""

    entity: str
    entity_name: Text
    code: str
    kind: Text
    details: Text
    advice: Text
    start: datetime
    end: datetime | None
    month: Figure
    total: Figure
    low_kwh: float  # 90 % interval of the total
    high_kwh: float
    money: Figure
    confidence: float
    rung: str
    picture: Picture


@dataclass(frozen=True)
class Pv:
    """Arrays, findings and the month as a picture."""

    arrays: tuple[ArrayLine, ...]
    total: ArrayLine
    findings: tuple[AlertLine, ...]
    faults: tuple[FaultLine, ...]
    no_faults: Text  # what may be said where none were found: nobody may claim it of days that nobody searched
    unsearched: Text | None  # which days of the month nobody has searched
    heat: HeatMap


@dataclass(frozen=True)
class FactorSpan:
    """A factor and the days of the month it was applied to."""

    id: str
    scheme: str
    region: str
    data_year: int
    published: date
    kg_per_kwh: float
    source: str
    basis: str
    first_day: date
    last_day: date
    import_kwh: Figure
    carbon: Figure


@dataclass(frozen=True)
class CarbonView:
    """The same import under another accounting scheme, for comparison."""

    factor: FactorSpan
    label: Text


@dataclass(frozen=True)
class Cost:
    """Energy cost of one currency, by the tariffs of PARK.yaml."""

    currency: str
    import_cost: Figure
    export_income: Figure
    net: Figure
    sources: tuple[str, ...]


@dataclass(frozen=True)
class Carbon:
    """Scope 2, location-based, and other views of it; cost beside it."""

    factors: tuple[FactorSpan, ...]
    views: tuple[CarbonView, ...]
    check: Figure  # stored carbon minus factor times import
    costs: tuple[Cost, ...]


@dataclass(frozen=True)
class MeterLine:
    """How well one point was measured; `coverage_by_day` follows the month's calendar, NaN where nothing is stored."""

    id: str
    name: Text
    role: str
    devices: tuple[str, ...]
    coverage: Figure
    estimated: Figure
    thin_days: int  # whole days below the share needed to judge
    coverage_by_day: tuple[float, ...]
    estimated_by_day: tuple[float, ...]


@dataclass(frozen=True)
class EventLine:
    """A data event in words."""

    event: Event
    words: Text


@dataclass(frozen=True)
class CorrectionLine:
    """A correction that speaks of the month, in words; one that was undone is listed too, and changes no figure."""

    id: int
    in_force: bool
    asked: Mapping[str, object]  # as it was asked for
    words: Text
    by: Text
    undone: Text | None


@dataclass(frozen=True)
class Quality:
    """What was measured, what was filled, what happened to the meters, what a person corrected."""

    meters: tuple[MeterLine, ...]
    events: tuple[EventLine, ...]
    corrections: tuple[CorrectionLine, ...]
    replaced_values: int  # stored values of this month that a recalculation changed later


@dataclass(frozen=True)
class Definition:
    """One term of the method: its formula and where it comes from."""

    term: Text
    formula: Text
    source: Text


@dataclass(frozen=True)
class Method:
    """How the figures came about."""

    definitions: tuple[Definition, ...]
    notes: tuple[Text, ...]


@dataclass(frozen=True)
class WhyPlan:
    """Why the month's balance differs from its plan: the split, its sentence, and what has to be known about it."""

    split: Why
    sentence: Text
    notes: tuple[Text, ...]


@dataclass(frozen=True)
class MonthlyReport:
    """The whole report."""

    park: Park
    scope: Scoped
    headline: Headline
    energy: Energy
    pv: Pv
    carbon: Carbon
    alerts: tuple[AlertLine, ...]
    quality: Quality
    method: Method
    why: WhyPlan | None = None  # None where nobody split the month
