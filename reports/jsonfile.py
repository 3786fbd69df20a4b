"""The report as JSON: every figure with value, unit, coverage, estimated share and basis, under one digest."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime
from enum import Enum
from typing import Any

from core.text import Text
from reports.figures import Figure
from reports.report import MonthlyReport

FORMAT = "parkwatt-monthly-report/1"


def json_bytes(report: MonthlyReport) -> tuple[bytes, str]:
    """Return the document with sorted keys, and its digest."""
    document = as_document(report)
    digest = digest_of(document)
    text = json.dumps(document | {"digest": digest}, sort_keys=True, ensure_ascii=False, indent=1, allow_nan=False)
    return text.encode() + b"\n", digest


def digest_of(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON (sorted keys, no blanks, UTF-8) without the field `digest`."""
    bare = {k: v for k, v in document.items() if k != "digest"}
    canonical = json.dumps(bare, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def as_document(report: MonthlyReport) -> dict[str, Any]:
    """Return the report as plain values; unknown numbers are null."""
    park = report.park
    return {
        "format": FORMAT,
        "park": {
            "id": park.id,
            "name": _plain(park.name),
            "timezone": park.timezone,
            "latitude": park.latitude,
            "longitude": park.longitude,
            "area_ha": park.area_ha,
            "notice": _plain(park.notice),
        },
        **{f.name: _plain(getattr(report, f.name)) for f in fields(report) if f.name != "park"},
    }


def _plain(value: object) -> Any:  # Any: JSON is whatever the report holds
    if isinstance(value, Figure):
        return _figure(value)
    if isinstance(value, Text):
        return {"zh": value.zh, "en": value.en}
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    return _scalar(value)


def _scalar(value: object) -> Any:  # Any: JSON is whatever the report holds
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case float():
            return value if math.isfinite(value) else None
    return value


def _figure(figure: Figure) -> dict[str, Any]:
    return {
        "value": _plain(figure.value),
        "unit": figure.unit,
        "coverage": _plain(figure.coverage),
        "estimated": _plain(figure.estimated),
        "basis": figure.basis,
        "reasons": figure.reasons.split(),
    }
