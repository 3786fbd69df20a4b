"""What the running month will come to, in a sentence for the first screen."""

from __future__ import annotations

from typing import TypeAlias

from core.outlook_words import MONTH, basis_name, outlook_sentence
from core.statements import Kind
from core.store import State
from core.text import Language, Text, local_time
from core.timebase import day_of
from dashboards.views.data import ViewData

Json: TypeAlias = "dict[str, object]"

_SAID = Text(zh="展望于 {at}，依据：{basis}", en="Foretold on {at}, from {basis}")


def month_outlook(data: ViewData, state: State) -> Json:
    """Return the sentence and on what it stands; nothing before the first outlook of the month."""
    start, end = data.month
    said = [
        s
        for s in state.statements(Kind.OUTLOOK, start, end, entity=data.park.id)
        if s.subject == MONTH and s.start == start and "refused" not in s.body
    ]
    if not said or data.now >= end:
        return {"outlook": None, "outlook_note": None}
    last = said[-1]
    sentence = outlook_sentence(MONTH, day_of(start, data.park.zone), last.body).say(data.language)
    if data.language is Language.EN:
        sentence = sentence[:1].upper() + sentence[1:]
    at = local_time(last.issued_at, data.park.zone)
    note = _SAID.say(data.language).format(at=at, basis=basis_name(last.body).say(data.language))
    return {"outlook": sentence, "outlook_note": note}
