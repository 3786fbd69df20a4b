"""The generated dashboards: committed as generated, and loadable."""

from __future__ import annotations

import itertools
import json

import pytest

from core.text import Language
from dashboards.grafana import GENERATED, build, text_of
from dashboards.panels import DASHBOARDS
from dashboards.queries import queries_of

FILES = ["park-overview-zh.json", "park-overview-en.json"]


def test_what_is_committed_is_what_is_generated():
    made = {name: text_of(document) for name, document in build().items()}
    assert sorted(FILES) == sorted(made)
    assert {name: (GENERATED / name).read_text(encoding="utf-8") for name in FILES} == made


@pytest.mark.parametrize("name", FILES)
def test_panels_do_not_overlap_and_ids_are_unique(name: str):
    document = json.loads((GENERATED / name).read_text(encoding="utf-8"))
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
    documents = {n: json.loads((GENERATED / n).read_text(encoding="utf-8")) for n in FILES}
    assert {n: d["uid"] for n, d in documents.items()} == {
        "park-overview-zh.json": "parkwatt-park-overview-zh",
        "park-overview-en.json": "parkwatt-park-overview-en",
    }
    assert {d["schemaVersion"] for d in documents.values()} == {42}
    assert all("elements" not in d for d in documents.values())


@pytest.mark.parametrize(("name", "language"), list(zip(FILES, Language, strict=True)))
def test_every_target_is_the_panel_lists_own_query(name: str, language: Language):
    document = json.loads((GENERATED / name).read_text(encoding="utf-8"))
    targets = list(itertools.chain.from_iterable(p["targets"] for p in document["panels"]))
    queries = [q.grafana(language) for p in DASHBOARDS["park-overview"] for q in queries_of(p)]
    assert queries == [t["query"] for t in targets]
    assert {t["datasource"]["uid"] for t in targets} == {"parkwatt-influx"}


def test_units_follow_the_quantities():
    document = json.loads((GENERATED / "park-overview-en.json").read_text(encoding="utf-8"))
    units = {p["title"]: p["fieldConfig"]["defaults"]["unit"] for p in document["panels"]}
    assert units["Net balance this month"] == "kwatth"
    assert units["Power, 15-minute mean"] == "kwatt"
    assert units["Self-sufficiency this month"] == "percentunit"
    assert units["Carbon of grid import this month"] == "suffix: kg CO₂"


def test_gaps_stay_gaps():
    document = json.loads((GENERATED / "park-overview-en.json").read_text(encoding="utf-8"))
    curve = next(p for p in document["panels"] if p["title"] == "Power, 15-minute mean")
    custom = curve["fieldConfig"]["defaults"]["custom"]
    assert custom["spanNulls"] is False
    assert custom["insertNulls"] == 1_200_000
    assert custom["lineInterpolation"] == "stepAfter"


def test_queries_read_like_this():
    queries = {p.id: queries_of(p)[0].grafana(Language.EN) for p in DASHBOARDS["park-overview"]}
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
        ' AND "quantity" = \'import_kwh\' AND $timeFilter GROUP BY "entity"'
    )
