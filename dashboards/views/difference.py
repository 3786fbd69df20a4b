"""A range held against another one, like for like, in numbers and in words."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from core.quantities import Kind, quantity
from core.text import Language, Text
from dashboards.panel import Series
from dashboards.views import figures
from dashboards.views.columns import Bools, Columns, Key
from dashboards.views.data import LATE_SLOTS
from dashboards.views.spans import Grain, span_text

Json: TypeAlias = "dict[str, object]"

TOO_FEW = 0.5  # where less than half can be compared, nothing is said
MOST_PERCENT = 1000  # beyond it a percentage says nothing


def of(ours: Columns, theirs: Columns, series: Series, key: Key, language: Language) -> Json:
    """Return how much more or less this range has than the other, over the days both know.

    The running day is left out: half a day against a whole one is no comparison.
    """
    against = span_text(theirs.span, language)
    step, count, wanted, now, then = _both(ours, theirs, key)
    nothing = Text(zh=f"{against}没有可比的数据", en=f"nothing to compare with: {against}").say(language)
    if series.field != "value" or not wanted or count < TOO_FEW * wanted or not np.isfinite([now, then]).all():
        return {"text": None, "words": nothing, "direction": None, "better": None, "before": None}
    unit = series.meaning.unit
    gap = now - then
    text = figures.change(gap, unit, language)
    plain = series.meaning.kind is not Kind.RATIO and "balance" not in series.quantity  # a balance may change its sign
    percent = _percent(gap, then) if plain else ""
    better = figures.BETTER.get(series.quantity)
    return {
        "text": text + percent,
        "words": _words(series, gap, percent, against, language) + _partly(step, count, wanted, language),
        "direction": _direction(gap, unit, language),
        "better": None if better is None or gap == 0 else (gap > 0) == better,
        "before": figures.write(then, unit, series.quantity),
    }


def _direction(gap: float, unit: str, language: Language) -> str:
    if figures.change(gap, unit, language).startswith("±"):
        return "flat"
    return "up" if gap > 0 else "down" if gap < 0 else "flat"


def _both(ours: Columns, theirs: Columns, key: Key) -> tuple[Grain, int, int, float, float]:
    """Return how many whole days both sides know, of how many, and what each comes to over them.

    Of a day that has only begun it is slots.
    """
    running = ours.running(Grain.DAY)
    young = running == 0 and quantity(key[2]).kind is Kind.AMOUNT
    step = Grain.SLOT if young else Grain.DAY
    known = [_aligned_known(ours, theirs, step, key), ours.get(step, key).known]
    ended = ours.now_begun(step) - (ours.running(step) is not None)
    both = known[0] & known[1] & (np.arange(len(known[1])) < ended)
    size = theirs.axis(step).size
    other = np.zeros(size, dtype=np.bool_)
    count = min(size, len(both))
    other[:count] = both[:count]
    totals = [ours.total(step, key, both).value, theirs.total(step, key, other).value]
    if young:
        last = int(np.flatnonzero(both)[-1]) + 1 if both.any() else 0
        ended = last if ended - last <= LATE_SLOTS else ended
    return step, int(both.sum()), int(min(ended, size)), totals[0], totals[1]


def _aligned_known(ours: Columns, theirs: Columns, step: Grain, key: Key) -> Bools:
    known = theirs.get(step, key).known
    result = np.zeros(ours.axis(step).size, dtype=np.bool_)
    count = min(len(known), len(result))
    result[:count] = known[:count]
    return result


def _percent(gap: float, then: float) -> str:
    if then <= 0 or abs(gap / then) * 100 >= MOST_PERCENT:
        return ""  # a share of nothing or of a negative amount misleads
    percent = round(100 * gap / then)
    return f" ({percent:+d} %)".replace("-", "\N{MINUS SIGN}") if percent else " (±0 %)"


def _words(series: Series, gap: float, percent: str, against: str, language: Language) -> str:
    unit = series.meaning.unit
    size = figures.change(abs(gap), unit, language).lstrip("+")
    ratio = series.meaning.kind is Kind.RATIO
    if gap == 0 or size.startswith("±"):
        return Text(zh=f"与 {against} 持平", en=f"the same as {against}").say(language)
    if language is Language.ZH:
        more = ("高" if gap > 0 else "低") if ratio else ("多" if gap > 0 else "少")
        return f"比 {against} {more} {size}{percent}"
    more = ("higher" if gap > 0 else "lower") if ratio else ("more" if gap > 0 else "less")
    return f"{size} {more} than {against}{percent}"


def _partly(step: Grain, count: int, wanted: int, language: Language) -> str:
    if step is Grain.SLOT:
        return Text(zh="（同一时刻）", en=", by the same time").say(language)
    if count == wanted:
        days = "day" if count == 1 else "days"
        return Text(zh=f"（{count} 个整日）", en=f", over {count} whole {days}").say(language)
    return Text(
        zh=f"（{wanted} 日中两边都有数据的 {count} 日）", en=f", over the {count} of {wanted} days both have"
    ).say(language)
