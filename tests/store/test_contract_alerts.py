"""What both stores promise of the copy of the alerts, asked of both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd

from core.frames import alerts_frame

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def alert(hour: float, entity: str = "roof", until: float | None = None, severity: float = 2.0, rule: str = "low"):
    title = f"{entity} is low"
    ended = pd.NaT if until is None else START + until * HOUR
    return (START + hour * HOUR, rule, entity, severity, ended, f"{entity}：偏低", title)


def frame(*alerts: tuple[object, ...]) -> pd.DataFrame:
    columns = ["start", "rule", "entity", "severity", "until", "title_zh", "title_en"]
    return alerts_frame(pd.DataFrame(list(alerts), columns=columns)) if alerts else alerts_frame()


def test_a_store_without_alerts_answers_with_an_empty_frame(store):
    pd.testing.assert_frame_equal(store.alerts(*EVER), alerts_frame())
    assert store.replace_alerts(*EVER, alerts_frame()) == 0


def test_alerts_come_back_as_told_sorted_by_key(store):
    told = frame(
        alert(1.123456789, "roof, old \"south\" 'a' \\b"),
        alert(0, "hall", until=2.5, severity=3.0),
        alert(0, rule="a b=c"),
    )
    assert store.replace_alerts(*EVER, told) == 3
    pd.testing.assert_frame_equal(store.alerts(*EVER), told.iloc[[2, 1, 0]].reset_index(drop=True), check_exact=True)


def test_telling_again_changes_nothing(store):
    told = frame(alert(0), alert(1, "hall", until=2))
    assert [store.replace_alerts(*EVER, told) for _ in range(3)] == [2, 0, 0]
    assert len(store.alerts(*EVER)) == 2


def test_an_alert_ends_and_may_stand_again(store):
    for told, changed in ((frame(alert(0)), 1), (frame(alert(0, until=2)), 1), (frame(alert(0)), 1)):
        assert store.replace_alerts(*EVER, told) == changed
        pd.testing.assert_frame_equal(store.alerts(*EVER), told)


def test_what_is_no_alert_any_more_goes_and_the_rest_stays(store):
    store.replace_alerts(*EVER, frame(alert(0), alert(1, "hall"), alert(5, "lab")))
    assert store.replace_alerts(START, START + 5 * HOUR, frame(alert(1, "hall", severity=3.0), alert(2))) == 3
    left = store.alerts(*EVER)
    assert left["entity"].tolist() == ["hall", "lab", "roof"]
    assert left["severity"].tolist() == [3.0, 2.0, 2.0]
    assert left["start"].tolist() == [pd.Timestamp(START + h * HOUR) for h in (1, 5, 2)]


def test_alerts_outside_the_span_are_not_set(store):
    assert store.replace_alerts(START, START + HOUR, frame(alert(0), alert(1, "hall"))) == 1
    assert store.alerts(*EVER)["entity"].tolist() == ["roof"]


def test_the_range_is_half_open(store):
    store.replace_alerts(*EVER, frame(alert(0), alert(1), alert(2)))
    assert len(store.alerts(START, START + 2 * HOUR)) == 2
    assert store.alerts(START + HOUR, START).empty
