"""What a month's report says, with figures that can be worked out by hand.

The flat month: 10 + 5 kWh a slot in 32 slots of sun a day, 8 kWh a slot of consumption around the clock. So a day
generates 480, consumes 768, exports 7 * 32 = 224 and imports 8 * 64 = 512 kWh.
"""

import hashlib
import json
from datetime import UTC, datetime

import pytest

from core.errors import ConfigError
from core.park_file import parse_park
from core.quantities import Period
from core.verdict import Tier
from reports.jsonfile import json_bytes
from reports.monthly import build
from tests.reports.conftest import NOVEMBER, SMALL, MemoryState, MemoryStore, Month, say


@pytest.fixture
def october(park, state):
    return build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)


def figures(lines):
    return {line.key: line.figure.value for line in lines}


def test_balance_adds_up(october):
    assert figures(october.energy.supply) == {"generation_kwh": 14880.0, "import_kwh": 15872.0}
    assert figures(october.energy.use) == {"load_kwh": 23808.0, "export_kwh": 6944.0}
    assert october.energy.supply_total.value == october.energy.use_total.value == 30752.0
    assert october.energy.check.value == 0.0
    assert october.energy.days_check.value == 0.0


def test_consumers_and_the_unmetered_remainder_make_up_consumption(october):
    assert figures(october.energy.consumers) == {"hall-a": 11904.0, "hall-b": 8928.0, "residual_kwh": 2976.0}
    assert october.energy.consumers_check.value == 0.0


def test_self_sufficiency_by_netting_window(october):
    shown = {k: round(v, 6) for k, v in figures(october.energy.netting).items()}
    assert shown == {
        "self_sufficiency": 0.333333,  # (480 - 224) / 768
        "self_sufficiency_15min": 0.333333,
        "self_sufficiency_day": 0.625,
        "self_sufficiency_month": 0.625,
    }


def test_verdict_compares_with_a_plan_of_every_day(october):
    h = october.headline
    assert h.verdict.tier is Tier.RED
    assert h.verdict.sentence.en == "October 2026: 8,930 kWh short of net zero; the plan was 7,750 kWh short."
    assert h.verdict.sentence.zh == "2026 年 10 月：距净零差 8,930 kWh；原计划短缺 7,750 kWh。"
    assert h.stands
    assert (h.planned_days, h.elapsed_days) == (31, 31)


def test_plan_of_some_days_is_not_compared(park, state):
    store = Month(park, 2026, 10).store()
    days = store.frames[Period.DAY]
    store.frames[Period.DAY] = days[~((days["quantity"] == "plan_net_balance_kwh") & (days["start"].dt.day < 5))]
    report = build(park, store, state, 2026, 10, NOVEMBER, say)
    assert report.headline.planned_days == 27  # the label of 1 October is 30 September in UTC
    assert report.headline.verdict.sentence.en == "October 2026: 8,930 kWh short of net zero."


def test_month_without_a_plan(park, state):
    report = build(park, Month(park, 2026, 10, planned=False).store(), state, 2026, 10, NOVEMBER, say)
    assert not report.headline.plan.known
    assert report.headline.verdict.sentence.en == "October 2026: 8,930 kWh short of net zero."


def test_arrays_against_their_expectation(october):
    roof, car = october.pv.arrays
    assert (roof.generation.value, roof.expected.value, roof.index.value) == (9920.0, 9920.0, 1.0)
    assert (car.generation.value, car.expected.value, car.difference.value) == (4960.0, 6200.0, -1240.0)
    assert (car.index.value, round(car.performance_ratio.value, 3)) == (0.8, 0.656)
    assert car.rungs == ("rung_poa",)


def test_finding_has_energy_and_money(october):
    (finding,) = october.pv.findings
    assert (finding.energy.value, finding.money.value, finding.money.unit) == (100.0, 72.0, "CNY")
    assert (finding.hours, finding.open) == (288.0, False)
    assert finding.title.zh == "pv_underperformance 告警"


def test_money_of_the_rule_goes_before_ours(park, state):
    state.all_alerts[0].params.update({"lost_money": 55.5, "currency": "EUR"})
    report = build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)
    assert (report.pv.findings[0].money.value, report.pv.findings[0].money.unit) == (55.5, "EUR")


def test_alerts_count_what_fired_and_not_what_was_only_pending(october):
    assert [(a.fingerprint, a.open) for a in october.alerts] == [("f1", False), ("f2", True)]
    assert (october.headline.alerts_open, october.headline.alerts_total) == (1, 2)


def test_alert_that_ended_after_the_month_was_open_at_its_end(park, state):
    state.all_alerts[0] = state.all_alerts[0].__class__(
        **{**state.all_alerts[0].__dict__, "resolved_at": datetime(2026, 11, 2, tzinfo=UTC)}
    )
    report = build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)
    assert report.headline.alerts_open == 2


def test_carbon_names_its_factor_and_other_views(october):
    (span,) = october.carbon.factors
    assert (span.id, span.kg_per_kwh, span.first_day.day, span.last_day.day) == ("location:CN-SH:2023", 0.5737, 1, 31)
    assert round(span.carbon.value, 4) == round(october.headline.carbon.value, 4) == 9105.7664
    assert abs(october.carbon.check.value) < 1e-6
    views = {v.factor.id: round(v.factor.carbon.value, 2) for v in october.carbon.views}
    assert views == {"location:CN:2023": 8421.68, "park:CN:2022": 13213.44, "shanghai-ets:CN-SH:2022": 6666.24}


def test_factor_that_changes_within_the_month_is_applied_day_by_day(state):
    later = "carbon:\n  - {scheme: location, region: CN-SH, valid_to: 2026-10-11}\n  - {scheme: location, region: CN, valid_from: 2026-10-11}"
    park = parse_park(SMALL.read_text().replace("carbon:\n  - {scheme: location, region: CN-SH}", later).encode())
    report = build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)
    spans = [(s.id, s.first_day.day, s.last_day.day, s.import_kwh.value) for s in report.carbon.factors]
    assert spans == [("location:CN-SH:2023", 1, 10, 5120.0), ("location:CN:2023", 11, 31, 10752.0)]


def test_cost_by_the_tariff_of_the_day(october):
    (cost,) = october.carbon.costs
    assert cost.currency == "CNY"
    assert round(cost.import_cost.value, 2) == 11427.84  # 15872 * 0.72
    assert round(cost.export_income.value, 3) == 2885.232  # 6944 * 0.4155
    assert cost.sources == ("test",)


def test_heat_map_is_the_local_clock(october):
    heat = october.pv.heat
    assert (heat.first_hour, heat.last_hour, len(heat.kw), len(heat.kw[0])) == (6, 18, 31, 48)
    assert heat.kw[0][7:9] == (0.0, 60.0)  # 15 kWh in the quarter-hour from 08:00
    assert heat.kw[30][39:41] == (60.0, 0.0)


def test_day_of_which_nothing_is_known_stays_unknown(park, state):
    store = Month(park, 2026, 10, unknown_days=(17,)).store()
    report = build(park, store, state, 2026, 10, NOVEMBER, say)
    assert not report.energy.days[16].figures["load_kwh"].known
    assert all(v != v for v in report.pv.heat.kw[16])  # noqa: PLR0124 - NaN
    meter = report.quality.meters[0]
    assert (meter.id, meter.thin_days, round(meter.coverage.value, 4)) == ("grid", 1, 0.9677)
    assert report.headline.planned_days == 30


def test_thin_data_are_not_judged(park, state):
    report = build(park, Month(park, 2026, 10, coverage=0.5).store(), state, 2026, 10, NOVEMBER, say)
    h = report.headline
    assert (h.verdict.tier, h.stands, h.self_sufficiency_tier) == (Tier.UNKNOWN, False, Tier.UNKNOWN)
    assert h.verdict.sentence.en.startswith("October 2026: only 50.0 % of the data are measured")


def test_running_month_is_to_date(park, state):
    now = datetime(2026, 10, 11, 4, 0, tzinfo=UTC)  # noon of the eleventh in Shanghai
    report = build(park, Month(park, 2026, 10, until=now).store(), state, 2026, 10, now, say)
    assert report.scope.partial
    assert report.scope.as_of == now
    assert len(report.energy.days) == 11
    assert len(report.pv.heat.kw) == 31
    assert report.headline.verdict.sentence.zh.startswith("2026 年 10 月至今：")
    assert report.headline.verdict.sentence.en.startswith("October 2026 so far: ")


def test_month_to_come_is_refused(park, state):
    with pytest.raises(ConfigError, match="2026-12 has not begun in Asia/Shanghai"):
        build(park, MemoryStore(), state, 2026, 12, NOVEMBER, say)


def test_first_instant_of_a_month_has_a_report(park):
    start = datetime(2026, 9, 30, 16, 0, tzinfo=UTC)
    report = build(park, MemoryStore(), MemoryState(), 2026, 10, start, say)
    assert report.scope.empty
    assert report.energy.days == ()


def test_month_without_data_says_so(park):
    report = build(park, MemoryStore(), MemoryState(), 2026, 10, NOVEMBER, say)
    assert report.scope.empty
    assert not report.headline.stands
    assert not report.energy.supply_total.known
    assert report.headline.verdict.sentence.en.startswith("October 2026: nothing of the net balance was measured")


def test_month_of_a_clock_change(state):
    park = parse_park(SMALL.read_text().replace("Asia/Shanghai", "Europe/Berlin").encode())
    report = build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)
    assert report.energy.days[24].figures["load_kwh"].value == 800.0  # 100 slots of 8 kWh on 25 October
    assert report.energy.check.value == 0.0
    assert report.energy.days_check.value == 0.0
    assert len(report.pv.heat.kw) == 31


def test_events_stand_in_words(october):
    assert october.quality.events[0].words.en == (
        "Hall B: meter replaced: register went from 48,213.5 to 0.4 kWh; the step is not counted as energy "
        "(2026-10-09 10:00)"
    )


def test_configurations_that_governed_the_month(park, state):
    loads = ((8, 1), (9, 2), (10, 5), (11, 1))
    state.all_configs = [(f"{m:02d}" * 32, datetime(2026, m, d, tzinfo=UTC)) for m, d in loads]
    report = build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say)
    assert [digest[:2] for digest, _ in report.scope.configurations] == ["09", "10"]


def test_json_carries_every_figure_and_a_digest(october):
    raw, digest = json_bytes(october)
    document = json.loads(raw)
    assert document["digest"] == digest
    bare = {k: v for k, v in document.items() if k != "digest"}
    canonical = json.dumps(bare, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    assert hashlib.sha256(canonical.encode()).hexdigest() == digest
    assert list(document) == sorted(document)
    assert document["headline"]["net_balance"] == {
        "value": -8928.0,
        "unit": "kWh",
        "coverage": 1.0,
        "estimated": 0.0,
        "basis": "stored:month/park/small/net_balance_kwh",
        "reasons": [],
    }
    assert document["scope"]["start"] == "2026-09-30T16:00:00Z"


def test_json_writes_unknown_as_null(park):
    report = build(park, MemoryStore(), MemoryState(), 2026, 10, NOVEMBER, say)
    document = json.loads(json_bytes(report)[0])
    assert document["headline"]["net_balance"]["value"] is None


def test_same_month_gives_the_same_bytes(park, state):
    def made():
        return json_bytes(build(park, Month(park, 2026, 10).store(), state, 2026, 10, NOVEMBER, say))[0]

    assert made() == made()
