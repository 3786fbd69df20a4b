"""Alerts as JSON to an HTTP address."""

from __future__ import annotations

import math
from dataclasses import asdict
from datetime import datetime
from typing import TypeAlias
from urllib.parse import urlsplit

import requests

from core.errors import Rejected, Retryable
from core.park import Park
from core.text import Text
from rules.notify.notice import Notice, Told

_TIMEOUT_S = (5.0, 15.0)  # to connect, to answer
_RETRY_STATUS = frozenset({408, 425, 429})
_TIMES = ("active_at", "fired_at", "resolved_at")

Json: TypeAlias = "bool | float | str | list[Json] | dict[str, Json] | None"


class WebhookSender:
    """POSTs one JSON document per notice; 2xx is taken for delivered."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._host = urlsplit(url).netloc.rsplit("@", 1)[-1]  # the rest may be a secret and stays out of errors

    def send(self, notice: Notice) -> None:
        try:
            answer = requests.post(self._url, json=document(notice), timeout=_TIMEOUT_S, allow_redirects=False)
        except requests.RequestException as error:
            raise Retryable(f"webhook at {self._host}: {type(error).__name__}") from None
        with answer:
            status = answer.status_code
            if status in _RETRY_STATUS or status >= 500:  # noqa: PLR2004 - HTTP's own border
                raise Retryable(f"webhook at {self._host} answered {status}", _retry_after_s(answer))
            if not 200 <= status < 300:  # noqa: PLR2004 - a redirect is no delivery either
                raise Rejected(f"webhook at {self._host} answered {status}")


def document(notice: Notice) -> dict[str, Json]:
    """Return a notice as it goes over the wire."""
    is_over = all(t.why == "resolved" for t in notice.told)
    return {
        "version": 1,
        "park": {"id": notice.park.id, "name": _both(notice.park.name)},
        "status": "resolved" if is_over else "firing",
        "sent_at": notice.at.isoformat(),
        "alerts": [_alert(told, notice.park) for told in notice.told],
    }


def _alert(told: Told, park: Park) -> dict[str, Json]:
    alert = told.alert
    names = {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays} | {park.id: park.name}
    times: dict[str, datetime | None] = {name: getattr(alert, name) for name in _TIMES}
    words: dict[str, Json] = {language.value: asdict(spoken) for language, spoken in told.words.items()}
    return {
        "fingerprint": alert.fingerprint,
        "why": told.why,
        "rule": alert.rule,
        "entity": alert.entity,
        "entity_name": _both(names.get(alert.entity, Text(zh=alert.entity, en=alert.entity))),
        "state": alert.state,
        "severity": alert.severity,
        **{name: time.isoformat() if time else None for name, time in times.items()},
        "value": _finite(alert.value),
        "params": {k: v if isinstance(v, str) else _finite(v) for k, v in (alert.params or {}).items()},
        "words": words,
    }


def _both(text: Text) -> dict[str, Json]:
    return {"zh": text.zh, "en": text.en}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None  # JSON has no NaN


def _retry_after_s(answer: requests.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else None
