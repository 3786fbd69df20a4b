"""The generated dashboards: committed as generated, and loadable."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime

import pytest

from core.park import Park
from core.text import Language
from dashboards.grafana import GENERATED, build, text_of, write
from dashboards.look import Look, look_of
from dashboards.panels import DASHBOARDS, TITLES
from dashboards.queries import AlertQuery, queries_of, variables_of

NOW = datetime(2026, 11, 21, 6, 20, tzinfo=UTC)
FILES = [f"{name}-{language}.json" for name in DASHBOARDS for language in Language]
CASES = [(name, language) for name in DASHBOARDS for language in Language]


def committed(name: str, language: Language) -> dict:
    return json.loads((GENERATED / f"{name}-{language}.json").read_text(encoding="utf-8"))


def panel_of(document: dict, title: str) -> dict:
    return next(p for p in document["panels"] if p["title"] == title)


def test_what_is_committed_is_what_is_generated():
    made = {name: text_of(document) for name, document in build().items()}
    assert sorted(FILES) == sorted(made) == sorted(p.name for p in GENERATED.glob("*.json"))
    assert {name: (GENERATED / name).read_text(encoding="utf-8") for name in FILES} == made


@pytest.mark.parametrize(("name", "language"), CASES)
def test_panels_do_not_overlap_and_ids_are_unique(name: str, language: Language):
    document = committed(name, language)
    cells = [
        (x, y)
        for p in document["panels"]
        for x in range(p["gridPos"]["x"], p["gridPos"]["x"] + p["gridPos"]["w"])
        for y in range(p["gridPos"]["y"], p["gridPos"]["y"] + p["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    ids = [p["id"] for p in document["panels"]]
    assert len(ids) == len(set(ids))


def test_uids_are_stable_and_the_schema_is_classic():
    documents = {(n, k): committed(n, k) for n, k in CASES}
    assert {key: d["uid"] for key, d in documents.items()} == {(n, k): f"parkwatt-{n}-{k}" for n, k in CASES}
    assert {d["schemaVersion"] for d in documents.values()} == {42}
    assert all("elements" not in d for d in documents.values())


@pytest.mark.parametrize(("name", "language"), CASES)
def test_every_target_is_the_panel_lists_own_query(name: str, language: Language):
    document = committed(name, language)
    targets = list(itertools.chain.from_iterable(p["targets"] for p in document["panels"]))
    alerts = AlertQuery().grafana(language)
    queries = [
        q for p in DASHBOARDS[name] for q in ([x.grafana(language) for x in queries_of(p)] if p.series else [alerts])
    ]
    assert queries == [t["query"] for t in targets]
    assert {t["datasource"]["uid"] for t in targets} == {"parkwatt-influx"}
    assert [a["query"] for a in document["annotations"]["list"]] == [alerts]
    assert [v["query"] for v in document["templating"]["list"]] == [
        v.influxql() for v in variables_of(DASHBOARDS[name])
    ]


@pytest.mark.parametrize(("name", "language"), CASES)
def test_links_lead_to_dashboards_of_the_same_language_and_keep_range_and_choices(name: str, language: Language):
    document = committed(name, language)
    (others,) = document["links"]
    assert (others["type"], others["tags"]) == ("dashboards", ["parkwatt", language.value])
    assert others["keepTime"]
    assert others["includeVars"]
    assert document["tags"] == ["parkwatt", language.value]
    uids = {f"/d/parkwatt-{n}-{language}" for n in DASHBOARDS}
    ways = [link["url"] for p in document["panels"] for link in p.get("links", ())]
    assert len(ways) == sum(1 for p in DASHBOARDS[name] if p.leads_to)
    for way in ways:
        path, query = way.split("?")
        assert path in uids
        assert query == "${__url_time_range}&${__all_variables}"


def test_a_line_of_one_array_leads_to_that_array_alone():
    index = panel_of(committed("park-overview", Language.ZH), "各阵列实发 / 应发（日）")
    assert index["fieldConfig"]["defaults"]["links"] == [
        {
            "title": "查看详情",
            "url": "/d/parkwatt-pv-zh?${__url_time_range}&${park:queryparam}&var-array=${__field.labels.entity}",
        }
    ]
    assert "links" not in panel_of(committed("pv", Language.ZH), "各阵列性能比（日）")["fieldConfig"]["defaults"]


def test_choices_are_many_or_all():
    variables = {v["name"]: v for v in committed("park-overview", Language.EN)["templating"]["list"]}
    assert list(variables) == ["park", "building", "array"]
    assert [variables[n]["multi"] for n in variables] == [False, True, True]
    assert variables["array"]["includeAll"]
    assert variables["array"]["query"] == (
        'SHOW TAG VALUES FROM "day" WITH KEY = "entity" WHERE "park" = \'${park}\' AND "scope" = \'array\''
        " AND \"quantity\" = 'expected_kwh'"
    )


def test_units_follow_the_quantities():
    document = committed("park-overview", Language.EN)
    units = {p["title"]: p["fieldConfig"]["defaults"]["unit"] for p in document["panels"]}
    assert units["Net balance this month"] == "kwatth"
    assert units["Power, 15-minute mean"] == "kwatt"
    assert units["Self-sufficiency this month"] == "percentunit"
    assert units["Carbon of grid import this month"] == "suffix: kg CO₂"
    assert units["Open alerts"] == "short"


def test_gaps_stay_gaps():
    document = committed("park-overview", Language.EN)
    custom = panel_of(document, "Power, 15-minute mean")["fieldConfig"]["defaults"]["custom"]
    assert custom["spanNulls"] is False
    assert custom["insertNulls"] == 1_200_000
    assert custom["lineInterpolation"] == "stepAfter"
    heat = panel_of(committed("pv", Language.EN), "Heat map of generation by slot")
    assert heat["fieldConfig"]["defaults"]["custom"]["insertNulls"] == 1_200_000


def test_months_are_shown_for_a_year_whatever_the_range():
    ranges = {p["title"]: p.get("timeFrom") for p in committed("carbon", Language.EN)["panels"]}
    assert {title for title, own in ranges.items() if own} == {"Carbon of grid import by month"}


def test_levels_are_words_in_the_viewers_language():
    states = panel_of(committed("alerts", Language.ZH), "告警状态时间线")["fieldConfig"]["defaults"]["mappings"]
    assert [o["text"] for o in states[0]["options"].values()] == ["无", "提示", "警告", "严重"]


def steps(document: dict, title: str) -> list[tuple[float | None, str]]:
    return [
        (s["value"], s["color"]) for s in panel_of(document, title)["fieldConfig"]["defaults"]["thresholds"]["steps"]
    ]


def test_few_alerts_are_better_than_many():
    assert steps(committed("alerts", Language.EN), "Open alerts") == [
        (None, "#4cc474"), (1.0, "#e0b13a"), (4.0, "#f2857b"),
    ]  # fmt: skip


def test_a_park_has_its_own_tiers_names_zone_and_uids(lakeside: Park):
    made = build([look_of(lakeside, language, NOW) for language in Language])
    english = made["park-overview-en.json"]
    assert steps(english, "Self-sufficiency this month") == [(None, "#f2857b"), (0.4, "#e0b13a"), (0.5, "#4cc474")]
    assert steps(committed("park-overview", Language.EN), "Open alerts") == steps(english, "Open alerts")
    assert english["timezone"] == "Asia/Shanghai"
    assert english["title"] == "Lakeside zero-carbon park · Park overview"
    assert english["uid"] == "parkwatt-0188eaa4-park-overview-en"
    assert english["tags"] == ["parkwatt", "en", "lakeside"]
    index = panel_of(english, "Arrays: actual over expected, by day")["fieldConfig"]["overrides"]
    assert {o["matcher"]["options"]: o["properties"][0]["value"] for o in index} == {
        "expo-roof": "Expo hall roof", "hub-roof": "Hub roof", "carport-1": "Car park 1", "carport-2": "Car park 2",
    }  # fmt: skip
    array = next(v for v in english["templating"]["list"] if v["name"] == "array")
    assert array["type"] == "custom"
    assert array["query"] == (
        "Expo hall roof : expo-roof, Hub roof : hub-roof, Car park 1 : carport-1, Car park 2 : carport-2"
    )
    assert made["pv-zh.json"]["title"] == "湖畔零碳园区 · 光伏"
    links = [k["url"] for p in english["panels"] for k in p.get("links", ())]
    assert all(u.startswith("/d/parkwatt-0188eaa4-") for u in links)
    assert len({d["uid"] for d in made.values()}) == len(made) == 12
    assert all(len(d["uid"]) <= 40 for d in made.values())


def test_a_name_with_a_comma_stays_one_choice(lakeside: Park):
    named = look_of(lakeside, Language.EN, NOW)
    odd = Look(Language.EN, park_id="x", park_name="X, Y", names={"a": "One, two : three"}, choices={"array": ("a",)})
    assert named.park_id == "lakeside"
    (array,) = [v for v in build([odd])["pv-en.json"]["templating"]["list"] if v["name"] == "array"]
    assert array["query"] == r"One\, two: three : a"


def test_writing_again_writes_the_same_bytes(tmp_path, lakeside: Park):
    looks = [look_of(lakeside, language, NOW) for language in Language]
    first = {p.name: p.read_bytes() for p in write(tmp_path, looks)}
    assert {p.name: p.read_bytes() for p in write(tmp_path, looks)} == first
    assert len(first) == 12
    assert set(TITLES) == set(DASHBOARDS)


def test_queries_read_like_this():
    queries = {
        p.id: queries_of(p)[0].grafana(Language.EN) for panels in DASHBOARDS.values() for p in panels if p.series
    }
    assert queries["today"] == (
        'SELECT "value" * 4 AS "value" FROM "slot" WHERE "park" = \'${park}\' AND "scope" = \'park\''
        " AND \"quantity\" = 'load_kwh' AND $timeFilter"
    )
    assert queries["net-balance"] == (
        'SELECT "value" AS "net balance", "coverage" AS "coverage" FROM "month" WHERE "park" = \'${park}\''
        " AND \"scope\" = 'park' AND \"quantity\" = 'net_balance_kwh' AND time > now() - 31d ORDER BY time DESC LIMIT 1"
    )
    assert queries["coverage"] == (
        'SELECT "coverage" AS "value" FROM "day" WHERE "park" = \'${park}\' AND "scope" = \'point\''
        ' AND "quantity" = \'import_kwh\' AND "entity" =~ /^${meter:regex}$/'
        ' AND time > ${__from}ms - 1d AND time <= ${__to}ms GROUP BY "entity"'
    )
    assert queries["building-share"] == (
        'SELECT sum("value") AS "value" FROM "day" WHERE "park" = \'${park}\' AND "scope" = \'point\''
        ' AND "quantity" = \'load_kwh\' AND "entity" =~ /^${building:regex}$/'
        ' AND time > ${__from}ms - 1d AND time <= ${__to}ms GROUP BY "entity"'
    )
    assert queries["array-ranking"] == (
        'SELECT last("value") AS "value" FROM "month" WHERE "park" = \'${park}\' AND "scope" = \'array\''
        ' AND "quantity" = \'energy_performance_index\' AND "entity" =~ /^${array:regex}$/'
        ' AND time > now() - 31d GROUP BY "entity"'
    )
