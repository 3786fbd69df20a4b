"""The before/after tables show what they say."""

from __future__ import annotations

from tests import tables


def column(lines: list[tuple[str, ...]], number: int, first: int = 1) -> list[str]:
    return [line[number] for line in lines[first:] if len(line) == len(lines[0])]


def told(lines: list[tuple[str, ...]]) -> list[str]:
    return [line[1] for line in lines if len(line) != len(lines[0])]


def test_a_midnight_zero_is_unknown_at_first_and_nothing_in_the_end():
    lines = tables.midnight_zero()
    assert column(lines, 2) == ["1.000", "1.000", "unknown", "unknown", "-", "-", "95.000"]
    assert column(lines, 3) == ["1.000"] * 6 + ["96.000"]
    assert column(lines, 4)[2:5] == ["spurious"] * 3
    assert told(lines) == [
        "event: Hall: register jumped and came back; 2 readings left out (2026-06-01 23:45 – 2026-06-02 00:30)"
    ]


def test_a_rollover_loses_nothing():
    lines = tables.rollover()
    assert (column(lines, 2), column(lines, 3)) == (
        ["1.000", "unknown", "-", "-", "47.000"],
        ["1.000"] * 4 + ["96.000"],
    )
    assert told(lines) == [
        "event: Hall: register rolled over (99,999.6 → 0.6 kWh) (2026-06-01 11:45 – 2026-06-01 12:00)"
    ]


def test_a_replaced_meter_is_unknown_until_its_displays_are_on_record():
    lines = tables.replaced()
    assert column(lines, 2) == ["1.000", "1.000", "unknown", "1.000", "95.000"]
    assert column(lines, 3) == ["1.000"] * 4 + ["96.000"]
    assert column(lines, 4) == column(lines, 2)
    assert (lines[3][5], lines[3][6]) == ("missing replaced", "corrected")
    assert "register went from 5,048 to 730.667 kWh; the step is not counted" in told(lines)[0]


def test_a_ratio_a_month_back_changes_its_days_and_month_and_no_other():
    lines = tables.ratio()
    assert column(lines, 2) == ["96.000"] * 4 + ["2880.000"]
    assert column(lines, 3) == ["96.000", "3840.000", "3840.000", "96.000", "40320.000"]
    assert column(lines, 4) == column(lines, 2)


def test_days_of_92_96_and_100_slots_follow_a_late_reading():
    lines = tables.clock_change()
    assert [line[1:] for line in lines[1:]] == [
        ("92", "5,000.0 -> 5,090.0", "92.000", "90.000", "gap"),
        ("96", "5,000.0 -> 5,094.0", "96.000", "94.000", "gap"),
        ("100", "5,000.0 -> 5,098.0", "100.000", "98.000", "gap"),
    ]


def test_tables_are_printed(capsys):
    tables.show([("a", "b", "c"), ("long", "x", "z"), ("", "event: y")])
    assert capsys.readouterr().out.splitlines() == ["  a     b  c", "  long  x  z", "  event: y"]
