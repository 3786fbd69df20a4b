"""Alerts of the month, in words, with energy and money."""

from __future__ import annotations

import math
from dataclasses import replace

from core.park import valid_one
from core.store import AlertRecord
from core.text import Language, Text
from core.words import AlertSpeaker
from reports.figures import NAN, Figure, computed
from reports.report import AlertLine
from reports.source import Source

# Parameters in which a rule says what an alert cost, from its first day to its last observation.
LOST = "lost_kwh"
MONEY = "lost_money"


def alert_lines(source: Source, say: AlertSpeaker) -> tuple[AlertLine, ...]:
    """Put every alert of the month into words, oldest first."""
    return tuple(_line(source, record, say) for record in source.alerts)


def is_pv(source: Source, line: AlertLine) -> bool:
    """Say whether an alert is about a PV array or the point that meters one."""
    ids = {a.id for a in source.park.arrays} | {p.id for p in source.park.by_role("pv")}
    return line.entity in ids


def _line(source: Source, record: AlertRecord, say: AlertSpeaker) -> AlertLine:
    ended = record.resolved_at if record.resolved_at is not None and record.resolved_at <= source.as_of else None
    # What ended only after the month is told as it stood then: open.
    told = record if ended else replace(record, state="firing", resolved_at=None)
    zh, en = say(told, Language.ZH), say(told, Language.EN)
    seconds = ((ended or source.as_of) - max(record.active_at, source.start)).total_seconds()
    lost = _energy(record)
    return AlertLine(
        fingerprint=record.fingerprint,
        rule=record.rule,
        entity=record.entity,
        entity_name=name_of(source, record.entity),
        severity=record.severity,
        title=Text(zh=zh.title, en=en.title),
        detail=Text(zh=zh.detail, en=en.detail),
        advice=Text(zh=zh.advice, en=en.advice),
        active_at=record.active_at,
        fired_at=record.fired_at,
        resolved_at=ended,
        hours=round(max(0.0, seconds) / 3600, 2),
        open=ended is None,
        energy=lost,
        money=_money(source, record, lost),
    )


def name_of(source: Source, entity: str) -> Text:
    """Return the name of a point, an array or the park."""
    park = source.park
    names = {p.id: p.name for p in park.points} | {a.id: a.name for a in park.arrays} | {park.id: park.name}
    return names.get(entity, Text(zh=entity, en=entity))


def _energy(record: AlertRecord) -> Figure:
    """Return the energy in kWh that the rule says was lost; unknown where it did not put a number on it."""
    value = _param(record, LOST)
    return Figure(value, "kWh", basis=f"alert:{record.rule}/{LOST}" if math.isfinite(value) else "")


def _money(source: Source, record: AlertRecord, lost: Figure) -> Figure:
    """Return what lost energy is worth: the rule's own figure, else kWh at the import tariff of the alert's start."""
    tariff = valid_one(source.park.tariffs, record.active_at)
    currency = tariff.currency if tariff else ""
    told = _param(record, MONEY)
    if math.isfinite(told):
        return Figure(told, str((record.params or {}).get("currency", currency)), basis=f"alert:{record.rule}/{MONEY}")
    if tariff is None or not lost.known:
        return Figure(NAN, currency)
    return computed(lost.value * tariff.import_per_kwh, currency, "energy*import_per_kwh", (lost,))


def _param(record: AlertRecord, name: str) -> float:
    value = (record.params or {}).get(name)
    return float(value) if isinstance(value, int | float) else NAN
