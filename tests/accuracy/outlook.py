"""How good outlooks are on measured plants and loads, and baselines on measured load shapes; see tests/foretelling.py."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from models import demand
from tests.accuracy.row import Row
from tests.foretelling import LOADS, PLANTS, Scores, days_ahead, months_ahead, world

NAMES = {"generation_kwh": "PV", "load_kwh": "consumption", "net_balance_kwh": "net balance"}
DATA = "pvOps {plant} and SimBench loads, rolling origin, {n} outlooks"
WANTED = "below persistence and climatology"


def rows() -> list[Row]:
    """Return the rows of the table."""
    found = [row for plant in PLANTS for row in _rows(plant, "a day", days_ahead(plant))]
    found += [row for plant in PLANTS for row in _rows(plant, "a month", months_ahead(plant))]
    return [*found, *_baselines()]


def _rows(plant: str, what: str, scores: Scores) -> Iterator[Row]:
    for quantity, name in NAMES.items():
        ways = scores[quantity]
        mean = sum(map(abs, ways["outlook"].actual)) / len(ways["outlook"].actual)
        loss = {way: f"{score.loss / mean:.1%}" for way, score in ways.items()}
        text = f"pinball loss {loss['outlook']} of the mean (persistence {loss['persistence']}, climatology {loss['climatology']}"
        if "with forecasts" in loss and quantity != "load_kwh":
            text += f", with stand-in forecasts {loss['with forecasts']}"
        text += f"); 80 % band held {ways['outlook'].coverage:.0%}"
        data = DATA.format(plant=plant, n=len(ways["outlook"].losses))
        yield Row(f"{name}, {what} ahead", data, text, WANTED)


def _baselines() -> Iterator[Row]:
    here = world(PLANTS[0])
    bodies = here.baselines.on(date(2019, 3, 1))
    for entity, profile in LOADS.items():
        body = bodies[entity]
        if "refused" in body:
            yield Row(f"baseline of {entity}", f"SimBench {profile}, 2016", f"refused: {body['refused']}", "")
            continue
        text = f"{body['model']}: CV(RMSE) {body['cv_rmse']:.1%}, NMBE {body['nmbe']:.2%} on {body['days']} days"
        yield Row(
            f"baseline of {entity}",
            f"SimBench {profile}, 2016",
            text,
            f"CV(RMSE) below {demand.MAX_CV_RMSE:.0%}, NMBE ±5 %",
        )
