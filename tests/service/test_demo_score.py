from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.demo.faults import Faults, Replacement, Silence, StringLoss
from service.demo.score import Claim, compare, table

NOON = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PLAN = Faults(
    (
        StringLoss("carport-1", NOON, 1),
        Replacement("bldg-hub", NOON, 1.0),
        Silence("bldg-lab", NOON, NOON + 24 * HOUR),
    )
)


def claim(kind: str, code: str, entity: str, start: datetime, hours: float = 1) -> Claim:
    return Claim(kind, code, entity, start, start + hours * HOUR, start + hours * HOUR)


def verdicts(*claims: Claim) -> list[tuple[str, str, str]]:
    return [(o.kind, o.entity, o.verdict) for o in compare(7, PLAN, claims)]


def test_right_claims_are_found_once_however_often_they_are_told() -> None:
    assert verdicts(
        claim("string loss", "pv_below_expectation", "carport-1", NOON + 60 * HOUR),
        claim("replacement", "reset", "bldg-hub", NOON - HOUR / 4),
        claim("silence", "gap", "bldg-lab", NOON, 24),
        claim("silence", "meter_silent", "bldg-lab", NOON + HOUR, 23),
    ) == [
        ("string loss", "carport-1", "found"),
        ("replacement", "bldg-hub", "found"),
        ("silence", "bldg-lab", "found"),
    ]


def test_late_alert_wrong_place_and_wrong_code_are_missed_and_false() -> None:
    assert verdicts(
        claim("string loss", "pv_below_expectation", "carport-1", NOON + 73 * HOUR),
        claim("replacement", "implausible", "bldg-hub", NOON),
        claim("silence", "gap", "bldg-expo", NOON, 24),
    ) == [
        ("string loss", "carport-1", "missed"),
        ("replacement", "bldg-hub", "missed"),
        ("silence", "bldg-lab", "missed"),
        ("string loss", "carport-1", "false"),
        ("replacement", "bldg-hub", "false"),
        ("silence", "bldg-expo", "false"),
    ]


def test_table_says_when_and_sums_up() -> None:
    found = list(compare(7, PLAN, [claim("replacement", "reset", "bldg-hub", NOON, 12)]))
    text = table(found)
    assert "replacement  bldg-hub       found    2026-11-01 04:00  2026-11-01 04:00  told after 0.5 d reset" in text
    assert text.splitlines()[-3:] == [
        "string loss        1      0       1      0",
        "replacement        1      1       0      0",
        "silence            1      0       1      0",
    ]
