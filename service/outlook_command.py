"""`parkwatt outlook`: what day, month and year will come to, as last said, and the baselines that consumption is held to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from core.clock import SystemClock
from core.outlook_words import DAY, MONTH, YEAR, basis_name, numbers, outlook_sentence, period_name, refusal
from core.park import Park
from core.statements import Kind, Statement
from core.text import Language, Text, energy, local_time, percent
from core.timebase import day_of
from store.state import SqliteState

_ORDER = (DAY, MONTH, YEAR)
_NOTHING = Text(
    zh="尚无展望：服务运行满两周后，每天清晨做一次",
    en="no outlook yet: the service makes one every morning, after its first fortnight of data",
)
_ROWS = (
    ("generation_kwh", Text(zh="光伏发电", en="PV generation")),
    ("load_kwh", Text(zh="用电", en="consumption")),
    ("net_balance_kwh", Text(zh="净余额", en="net balance")),
    ("self_sufficiency", Text(zh="自给率", en="self-sufficiency")),
)
_SAID = Text(zh="做于 {at}，依据：{basis}", en="said {at}, from {basis}")
_BASELINES = Text(zh="用电基线", en="baselines of consumption")
_LEARNED = Text(
    zh="{model}，CV(RMSE) {cv}，NMBE {nmbe}，学自 {first} 至 {last} 的 {days} 天",
    en="{model}, CV(RMSE) {cv}, NMBE {nmbe}, learned from {days} days, {first} to {last}",
)


def outlook(park: Park, language: Language) -> int:
    """Print the outlooks that speak of now or later; it may be asked while the service runs."""
    if not park.state.exists():
        print(_NOTHING.say(language))
        return 1
    now = SystemClock().now()
    state = SqliteState(park.state)
    try:
        said = [s for s in state.statements(Kind.OUTLOOK, now, entity=park.id) if s.end > now]
        baselines = state.statements(Kind.BASELINE, now)
    finally:
        state.close()
    said.sort(key=lambda s: (_ORDER.index(s.subject), s.start))
    lines = list(_outlooks(park, said, language)) or [_NOTHING.say(language)]
    print("\n".join([*lines, *_baselines(park, baselines, now, language)]))
    return 0 if said else 1


def _outlooks(park: Park, said: Sequence[Statement], language: Language) -> Iterator[str]:
    for statement in said:
        first, body = day_of(statement.start, park.zone), statement.body
        yield outlook_sentence(statement.subject, first, body).say(language)
        if "refused" in body:
            continue
        yield f"  {period_name(statement.subject, first).say(language):<24}{'P10':>14}{'P50':>14}{'P90':>14}"
        for name, words in _ROWS:
            write = percent if name == "self_sufficiency" else energy
            yield f"  {words.say(language):<24}" + "".join(f"{write(v):>14}" for v in numbers(body[name]))
        at = local_time(statement.issued_at, park.zone)
        yield "  " + _SAID.say(language).format(at=at, basis=basis_name(body).say(language))
        yield ""


def _baselines(park: Park, said: Sequence[Statement], now: datetime, language: Language) -> Iterator[str]:
    last = {s.entity: s for s in said if s.start <= now}
    names = {p.id: p.name.say(language) for p in park.points} | {park.id: park.name.say(language)}
    if last:
        yield _BASELINES.say(language)
    for entity, statement in last.items():
        body = statement.body
        if "refused" in body:
            yield f"  {names.get(entity, entity)}: {refusal(str(body['refused'])).say(language)}"
            continue
        cv, nmbe = numbers([body["cv_rmse"], body["nmbe"]])
        told = {"model": body["model"], "first": body["first_day"], "last": body["last_day"], "days": body["days"]}
        text = _LEARNED.say(language).format(cv=percent(cv), nmbe=percent(nmbe), **told)
        yield f"  {names.get(entity, entity)}: {text}"
