"""Days off and made-up workdays as the State Council's notices name them, and a park's own."""

from __future__ import annotations

from datetime import date

import pytest

from core.errors import ConfigError
from core.holidays import Calendar, alike
from core.park_file import parse_park

PARK = """
id: p
name: P
latitude: 31.2
longitude: 121.5
timezone: {zone}
points:
  - {{id: grid, role: grid, name: G, devices: [{{id: g, template: json}}]}}
{more}
"""


def park(zone="Asia/Shanghai", more=""):
    return parse_park(PARK.format(zone=zone, more=more).encode())


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2024-10-12", "makeup"),
        ("2025-01-28", "holiday"),
        ("2025-02-08", "makeup"),
        ("2026-01-04", "makeup"),
        ("2026-02-14", "makeup"),
        ("2026-02-15", "holiday"),
        ("2026-02-23", "holiday"),
        ("2026-02-24", "tue"),
        ("2026-05-09", "makeup"),
        ("2026-06-19", "holiday"),
        ("2026-09-20", "makeup"),
        ("2026-09-26", "holiday"),
        ("2026-10-07", "holiday"),
        ("2026-10-08", "thu"),
        ("2026-10-10", "makeup"),
        ("2026-10-11", "sun"),
    ],
)
def test_days_of_the_notices(day, expected):
    assert Calendar("CN").day_class(date.fromisoformat(day)) == expected


def test_how_many_days_a_notice_gives():
    year = [date.fromordinal(n) for n in range(date(2026, 1, 1).toordinal(), date(2027, 1, 1).toordinal())]
    classes = Calendar("CN").day_classes(year)
    assert (classes.count("holiday"), classes.count("makeup")) == (33, 6)  # 国办发明电〔2025〕7号


def test_a_year_without_its_notice_is_plain_and_says_so():
    calendar = Calendar("CN")
    assert (calendar.announced(2026), calendar.announced(2027)) == (True, False)
    assert calendar.day_class(date(2027, 2, 8)) == "mon"
    assert Calendar().announced(2027)  # nobody's public holidays are awaited


def test_a_park_in_china_keeps_chinese_holidays_unless_it_says_otherwise():
    assert park().days.country == "CN"
    assert park(more="calendar: {closed: [2026-03-02]}").days.country == "CN"
    assert park(more="calendar: {country: null}").days.country == ""
    assert park(zone="Europe/Berlin").days.country == ""


def test_a_park_s_own_days_go_first():
    own = park(more="calendar: {closed: [2026-08-03], worked: [2026-10-07]}").days
    assert [own.day_class(date(2026, *d)) for d in ((8, 3), (10, 7), (10, 6))] == ["holiday", "makeup", "holiday"]


def test_a_day_cannot_be_both():
    with pytest.raises(ConfigError, match="2026-08-03 cannot be closed and worked"):
        park(more="calendar: {closed: [2026-08-03], worked: [2026-08-03]}")


def test_what_compares_with_what():
    assert alike("mon", "makeup")
    assert alike("sun", "holiday")
    assert not alike("fri", "holiday")
