"""The first screen as one document, in the order it is read."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias

from core.frames import instant
from core.handled import handled
from core.park import Park
from core.store import State, Store
from core.text import Language
from core.timebase import SLOT
from core.verdict import TIER_WORDS, net_zero_tier, net_zero_verdict
from core.words import AlertSpeaker
from dashboards.views import words
from dashboards.views.alerts import open_alerts
from dashboards.views.corrections import corrections
from dashboards.views.data import ViewData, load
from dashboards.views.habits import Habits
from dashboards.views.meta import about
from dashboards.views.month import month
from dashboards.views.multiples import arrays, buildings
from dashboards.views.numbers import five_numbers
from dashboards.views.outlook import month_outlook
from dashboards.views.power import power_now
from dashboards.views.quality import coverage, events_of_month
from dashboards.views.today import today_curve

Json: TypeAlias = "dict[str, object]"


def overview(
    park: Park,
    store: Store,
    state: State,
    now: datetime,
    language: Language | str,
    say: AlertSpeaker,
    collector: Mapping[str, object] | None = None,
    *,
    habits: Habits | None = None,
    everything: bool = False,
) -> Json:
    """Return what the first screen shows at `now`: JSON-able, words in `language`, missing numbers as None.

    `collector` is the collector's status where it runs in this process. Of many arrays, buildings and meters only
    those that need looking at are there, unless `everything` is wanted.
    """
    data = load(park, store, now, Language(language), habits)
    month_start, _ = data.month
    today_start, today_end = data.bounds(data.day)
    alerts = state.alerts(since=min(today_start, now - timedelta(hours=24)))
    events = state.events(month_start, max(now, today_end))
    first_reading = store.info().first_reading
    return {
        "meta": about(park, now, data.language, _last_data(data), collector, empty=data.empty)
        | {"today": data.day.isoformat()},
        "verdict": _verdict(data) | month_outlook(data, state),
        "numbers": five_numbers(data, alerts),
        "power": power_now(data),
        "today": today_curve(data, alerts, events, say),
        "alerts": open_alerts(data, alerts, say, handled(state, alerts, now)),
        "arrays": arrays(data, everything=everything),
        "buildings": buildings(data, everything=everything),
        "coverage": coverage(data, first_reading, everything=everything),
        "events": events_of_month(data, events),
        "corrections": corrections(state.corrections(), park, data.language),
        "month": month(data),
    }


def _last_data(data: ViewData) -> datetime | None:
    """Return when the newest thing known of the park happened."""
    slot = data.slots.last_start(["load_kwh", "generation_kwh", "import_kwh"])
    reading = None if data.latest.empty else instant(data.latest["time"].max())
    candidates = [t for t in (slot + SLOT if slot else None, reading) if t is not None]
    return min(max(candidates), data.now) if candidates else None


def _verdict(data: ViewData) -> Json:
    balance, ratio = data.park_month("net_balance_kwh"), data.park_month("net_zero_ratio")
    measured = balance.coverage if balance.known else 0.0
    tier = net_zero_tier(data.park, ratio.value, measured, data.now)
    verdict = net_zero_verdict(tier, words.month_so_far(data.day), balance.value, _plan(data), measured)
    return {
        "tier": verdict.tier.value,
        "tier_word": TIER_WORDS[verdict.tier].say(data.language),
        "sentence": verdict.sentence.say(data.language),
        "coverage": words.number_or_none(measured),
        "coverage_text": words.coverage_text(measured),
        "estimated": words.number_or_none(balance.estimated),
    }


def _plan(data: ViewData) -> float:
    """Return the month's plan, or NaN unless every day so far has one: part of a plan is no yardstick."""
    if not all(data.park_day("plan_net_balance_kwh", d).known for d in data.elapsed_days()):
        return math.nan
    return data.park_month("plan_net_balance_kwh").value
