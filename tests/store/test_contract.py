"""What both stores promise, asked of both."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.errors import Rejected
from core.frames import readings_frame, slots_frame
from core.quality import ReadingFlag
from core.quantities import Period
from core.store import Table

START = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
ALWAYS = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
EVER = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))


def minutes(frame):
    return [(t - START) / timedelta(minutes=1) for t in frame["time"]]


def test_an_empty_store_answers_with_empty_frames_of_the_right_types(store):
    assert store.readings(*ALWAYS).dtypes.equals(readings_frame().dtypes)
    assert store.readings(*ALWAYS, edges=True).empty
    assert store.latest().dtypes.equals(readings_frame().dtypes)
    assert store.slots(Period.DAY, *ALWAYS).dtypes.equals(slots_frame().dtypes)
    revisions = store.revisions(*ALWAYS)
    assert revisions.empty
    assert list(revisions.columns[-2:]) == ["period", "replaced_at"]
    assert str(revisions["replaced_at"].dtype) == "datetime64[us, UTC]"
    info = store.info()
    assert (info.readings, info.first_reading, info.last_reading) == (0, None, None)


def test_nothing_written_is_nothing_done(store):
    store.append_readings(readings_frame())
    assert store.write_slots(Period.SLOT, slots_frame()) == 0
    assert store.readings(*ALWAYS).empty


def test_readings_come_back_as_sent_and_sorted_by_key(store):
    time = pd.Timestamp("2026-06-01T10:00:00.123457Z")
    sent = readings_frame(
        {
            "time": [time + pd.Timedelta(seconds=1), time, time, time],
            "device": ["m2", "m2", "m1", "m1"],
            "quantity": ["energy_import_kwh", "energy_import_kwh", "voltage_v", "voltage_v"],
            "channel": ["", "", "l2", "l1"],
            "value": [0.1 + 0.2, -1e-300, 230.0, 1.7976931348623157e308],
            "received_at": [time + pd.Timedelta(microseconds=n) for n in range(4)],
            "flags": [0, 1, 9, 8],
        }
    )
    store.append_readings(sent)
    expected = sent.iloc[[3, 2, 1, 0]].reset_index(drop=True)
    pd.testing.assert_frame_equal(store.readings(*ALWAYS), expected, check_exact=True)
    pd.testing.assert_frame_equal(store.readings(*EVER), expected, check_exact=True)


def test_the_range_is_half_open(store, rows):
    store.append_readings(rows((0, 1.0), (30, 2.0), (60, 3.0)))
    assert minutes(store.readings(START, START + HOUR)) == [0, 30]
    assert store.readings(START + HOUR, START).empty


def test_writing_twice_changes_nothing(store, rows):
    for _ in range(3):
        store.append_readings(rows((0, 1.0), (1, 2.0)))
    assert store.readings(*ALWAYS)["value"].tolist() == [1.0, 2.0]


def test_the_later_received_counts(store, rows):
    store.append_readings(rows((0, 1.0), late_s=1))
    store.append_readings(rows((0, 2.0), late_s=60))
    assert store.readings(*ALWAYS)["value"].tolist() == [2.0]
    assert store.latest()["value"].tolist() == [2.0]


def test_the_later_received_counts_within_one_batch_too(store, rows):
    store.append_readings(pd.concat([rows((0, 2.0), late_s=60), rows((0, 1.0), late_s=1)]))
    assert store.readings(*ALWAYS)["value"].tolist() == [2.0]


def test_received_together_the_later_row_counts(store, rows):
    store.append_readings(rows((0, 1.0), (0, 2.0)))
    store.append_readings(rows((1, 1.0)))
    store.append_readings(rows((1, 2.0)))
    assert store.readings(*ALWAYS)["value"].tolist() == [2.0, 2.0]


def test_what_is_held_is_told_row_by_row(store, rows):
    nothing = store.held(rows((0, 1.0)))
    assert nothing["received_at"].isna().tolist() == [True]
    store.append_readings(rows((0, 1.0), (20_000, 2.0, 4), (30, math.nan)))
    store.append_readings(rows((0, 9.0), late_s=60.0))
    asked = pd.concat([rows((20_000, 7.0), (1, 7.0), (0, 7.0), (30, 7.0)), rows((0, 7.0), device="other")])
    found = store.held(asked.reset_index(drop=True))
    assert found["received_at"].isna().tolist() == [False, True, False, False, True]
    assert found["value"].tolist()[:3:2] == [2.0, 9.0]
    assert math.isnan(found["value"][3])
    assert found["flags"].tolist() == [4, 0, 0, 0, 0]
    assert found["received_at"][2] == pd.Timestamp(START) + pd.Timedelta(seconds=60)
    assert len(store.held(rows())) == 0


def test_devices_and_quantities_can_be_chosen(store, rows):
    store.append_readings(rows((0, 1.0), device="m1"))
    store.append_readings(rows((0, 2.0), device="m2"))
    store.append_readings(rows((0, 3.0), device="m2", quantity="active_power_kw"))
    assert store.readings(*ALWAYS, devices=["m2", "m9"])["value"].tolist() == [3.0, 2.0]
    assert store.readings(*ALWAYS, quantities=["energy_import_kwh"])["value"].tolist() == [1.0, 2.0]
    assert store.readings(*ALWAYS, devices=["m2"], quantities=["active_power_kw"])["value"].tolist() == [3.0]
    assert store.readings(*ALWAYS, devices=[]).empty
    assert store.readings(*ALWAYS, devices=[], edges=True).empty


def test_edges_are_the_neighbours_of_every_series(store, rows):
    store.append_readings(rows((-90, 1.0), (-30, 2.0), (30, 3.0), (60, 4.0), (90, 5.0)))
    store.append_readings(rows((-60, 7.0), channel="l1"))
    store.append_readings(rows((70, 8.0), device="m2"))
    found = store.readings(START, START + HOUR, edges=True)
    assert list(zip(found["device"], found["channel"], minutes(found), found["value"], strict=True)) == [
        ("m1", "", -30, 2.0),
        ("m1", "", 30, 3.0),
        ("m1", "", 60, 4.0),
        ("m1", "l1", -60, 7.0),
        ("m2", "", 70, 8.0),
    ]
    assert minutes(store.readings(START, START + HOUR, devices=["m2"], edges=True)) == [70]


def test_edges_are_found_over_an_outage_of_months(store, rows):
    day = 24 * 60
    store.append_readings(rows((-200 * day, 1.0), (-100 * day, 2.0), (100 * day, 3.0), (200 * day, 4.0)))
    assert minutes(store.readings(START, START + HOUR, edges=True)) == [-100 * day, 100 * day]


def test_unusable_readings_are_kept_but_never_an_edge_or_the_latest(store, rows):
    bad, future = int(ReadingFlag.OUT_OF_RANGE), int(ReadingFlag.FUTURE | ReadingFlag.IMPORTED)
    uncertain = int(ReadingFlag.TIME_UNCERTAIN)
    store.append_readings(rows((-30, 1.0, uncertain), (-10, 2.0, bad), (10, 3.0, bad), (70, 4.0, future), (80, 5.0)))
    store.append_readings(rows((90, float("nan"))))
    store.append_readings(rows((100, 9.0, future)))
    found = store.readings(START, START + HOUR, edges=True)
    assert list(zip(minutes(found), found["value"], found["flags"], strict=True)) == [
        (-30, 1.0, uncertain),
        (10, 3.0, bad),
        (80, 5.0, 0),
    ]
    assert minutes(store.latest()) == [80]
    info = store.info()
    assert info.readings == 7
    assert info.first_reading == START - timedelta(minutes=30)
    assert info.last_reading == START + timedelta(minutes=80)


def test_a_reading_that_turned_unusable_is_no_edge_any_more(store, rows):
    bad = int(ReadingFlag.OUT_OF_RANGE)
    store.append_readings(rows((-60, 1.0), (-30, 2.0), (80, 3.0), (90, 4.0)))
    store.append_readings(rows((-30, 2.0, bad), (80, 3.0, bad), (90, 4.0, bad), late_s=90))
    assert minutes(store.readings(START, START + HOUR, edges=True)) == [-60]
    assert minutes(store.latest()) == [-60]


def test_latest_is_the_newest_of_every_series(store, rows):
    store.append_readings(rows((5, 2.0), (0, 1.0)))
    store.append_readings(rows((3, 3.0), quantity="active_power_kw", channel="l1"))
    latest = store.latest()
    assert latest["quantity"].tolist() == ["active_power_kw", "energy_import_kwh"]
    assert latest["value"].tolist() == [3.0, 2.0]
    assert latest.dtypes.equals(readings_frame().dtypes)


def test_an_unknown_value_stays_unknown_and_takes_the_place_of_a_known_one(store, rows):
    store.append_readings(rows((0, float("nan")), (1, 1.0), (2, float("inf"))))
    store.append_readings(rows((1, float("nan")), late_s=60))
    found = store.readings(*ALWAYS)
    assert minutes(found) == [0, 1, 2]
    assert found["value"].isna().all()


NAMES = ["1号 楼,A=总表", 'it\'s "here"', "a\\b", "c:\\ d", "e\\,f", "g\\=h", "ünïcode °C", "tab\there", "park/1", "日"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_script_and_with_any_sign_come_back(store, rows, slot_rows, name):
    sent = rows((0, 1.0), device=name, channel=name)
    store.append_readings(sent)
    store.append_readings(rows((0, 2.0), device="other"))
    pd.testing.assert_frame_equal(store.readings(*ALWAYS, devices=[name], edges=True), sent)
    store.write_slots(Period.SLOT, slot_rows(1.0, entity=name, reasons='gap "quoted" \\ 缺失'))
    found = store.slots(Period.SLOT, *ALWAYS, entities=[name])
    assert found[["entity", "reasons"]].to_numpy().tolist() == [[name, 'gap "quoted" \\ 缺失']]


def test_rows_without_a_key_are_refused_and_the_others_stored(store, rows):
    sent = pd.concat([rows((0, 1.0)), rows((1, 2.0), device=""), rows((2, 3.0))], ignore_index=True)
    sent.loc[2, "time"] = pd.NaT
    with pytest.raises(Rejected) as refused:
        store.append_readings(sent)
    assert [item[0] for item in refused.value.items] == ["", "m1"]
    assert store.readings(*ALWAYS)["value"].tolist() == [1.0]


def test_fifty_thousand_rows_round_trip(store):
    random = np.random.default_rng(7)
    count = 50_000
    times = pd.Timestamp(START).as_unit("us") + pd.to_timedelta(np.arange(count) // 100, unit="min").as_unit("us")
    sent = readings_frame(
        {
            "time": times,
            "device": [f"meter-{n % 50:02d}" for n in range(count)],
            "quantity": ["active_power_kw" if n // 50 % 2 else "energy_import_kwh" for n in range(count)],
            "channel": [""] * count,
            "value": random.normal(size=count) * 1e6,
            "received_at": times + pd.to_timedelta(random.integers(0, 10**9, count), unit="us"),
            "flags": random.choice([0, 1, 2, 8], count),
        }
    )
    for part in np.array_split(np.arange(count), 3):
        store.append_readings(sent.iloc[part])
    expected = sent.sort_values(["device", "quantity", "channel", "time"], ignore_index=True)
    pd.testing.assert_frame_equal(store.readings(*ALWAYS), expected, check_exact=True)
    assert store.info().readings == count
    assert len(store.latest()) == 100


def test_compaction_is_seen_by_no_reader(store, rows):
    for value in (1.0, 2.0, 3.0):
        store.append_readings(rows(*((m, value * 1000 + m) for m in range(0, 2880, 10)), late_s=value))
    before = store.readings(*ALWAYS, edges=True)
    latest = store.latest()
    store.compact(START + timedelta(days=1))
    store.compact(START + timedelta(days=9))
    pd.testing.assert_frame_equal(store.readings(*ALWAYS, edges=True), before)
    pd.testing.assert_frame_equal(store.latest(), latest)
    assert before["value"].tolist()[:2] == [3000.0, 3010.0]


def test_slots_come_back_and_the_periods_do_not_mix(store, slot_rows):
    sent = slot_rows(1.5, float("nan"), 2.5, coverage=0.5, estimated=0.25, reasons="gap jitter")
    assert store.write_slots(Period.SLOT, sent) == 3
    assert store.write_slots(Period.DAY, slot_rows(9.0, scope="park", entity="park-1")) == 1
    pd.testing.assert_frame_equal(store.slots(Period.SLOT, *ALWAYS), sent)
    assert store.slots(Period.DAY, *EVER)["value"].tolist() == [9.0]
    assert store.slots(Period.MONTH, *ALWAYS).empty
    assert store.slots(Period.SLOT, START, START + timedelta(minutes=30))["value"].isna().tolist() == [False, True]


def test_slots_can_be_chosen(store, slot_rows):
    store.write_slots(
        Period.SLOT,
        pd.concat(
            [
                slot_rows(1.0, entity="b"),
                slot_rows(2.0, entity="a"),
                slot_rows(3.0, entity="a", quantity="export_kwh"),
                slot_rows(4.0, entity="a", scope="array"),
            ]
        ),
    )
    assert store.slots(Period.SLOT, *ALWAYS)["value"].tolist() == [4.0, 3.0, 2.0, 1.0]
    assert store.slots(Period.SLOT, *ALWAYS, scope="point")["value"].tolist() == [3.0, 2.0, 1.0]
    assert store.slots(Period.SLOT, *ALWAYS, entities=["a"], quantities=["import_kwh"])["value"].tolist() == [4.0, 2.0]
    assert store.slots(Period.SLOT, *ALWAYS, entities=[]).empty


def test_only_what_changed_is_written(store, slot_rows):
    store.write_slots(Period.SLOT, slot_rows(1.0, 2.0, float("nan")))
    assert store.write_slots(Period.SLOT, slot_rows(1.0, 2.0, float("nan"))) == 0
    assert store.write_slots(Period.SLOT, slot_rows(1.0, 2.0000000000000004, float("nan"))) == 0
    assert store.write_slots(Period.SLOT, slot_rows(1.0, 3.0, float("nan"))) == 1
    assert store.write_slots(Period.SLOT, slot_rows(1.0, 3.0, float("nan"), reasons="gap")) == 3
    assert store.write_slots(Period.SLOT, slot_rows(1.0, reasons="gap", coverage=0.5)) == 1
    assert store.write_slots(Period.SLOT, slot_rows(1.0, coverage=0.5)) == 1
    assert store.slots(Period.SLOT, *ALWAYS)["reasons"].tolist() == ["", "gap", "gap"]
    assert store.write_slots(Period.SLOT, pd.concat([slot_rows(5.0), slot_rows(6.0)])) == 1
    assert store.slots(Period.SLOT, *ALWAYS)["value"].tolist()[:2] == [6.0, 3.0]


def test_a_replaced_value_stays_on_record(store, slot_rows, clock):
    store.write_slots(Period.SLOT, slot_rows(1.0, 2.0, float("nan"), 4.0, reasons="gap"))
    store.write_slots(Period.SLOT, slot_rows(1.0, float("nan"), 3.0, 4.0, coverage=0.5))
    now = clock.now()
    first = store.revisions(START, START + HOUR)
    assert first["start"].tolist() == [START + timedelta(minutes=15), START + timedelta(minutes=30)]
    assert first["value"].isna().tolist() == [False, True]
    assert first["value"][0] == 2.0
    assert set(first["reasons"]) == {"gap"}
    assert set(first["period"]) == {"slot"}
    assert first["replaced_at"].tolist() == [now, now]
    clock.advance(timedelta(seconds=2))
    store.write_slots(Period.SLOT, slot_rows(1.0, 7.0))
    store.write_slots(Period.DAY, slot_rows(1.0))
    clock.advance(timedelta(seconds=2))
    store.write_slots(Period.SLOT, slot_rows(1.0, 8.0))
    found = store.revisions(START, START + timedelta(minutes=30))
    assert found["replaced_at"].tolist() == [now, now + timedelta(seconds=2), now + timedelta(seconds=4)]
    assert found["value"].tolist()[::2] == [2.0, 7.0]
    assert np.isnan(found["value"][1])
    assert store.revisions(START, START + timedelta(minutes=15)).empty
    assert store.slots(Period.SLOT, *ALWAYS)["value"].tolist() == [1.0, 8.0, 3.0, 4.0]


def test_a_value_of_a_running_period_is_no_revision(store, slot_rows):
    store.write_slots(Period.DAY, slot_rows(1.0, reasons="gap partial"))
    assert store.write_slots(Period.DAY, slot_rows(2.0, reasons="partial")) == 1
    assert store.write_slots(Period.DAY, slot_rows(3.0)) == 1
    assert store.revisions(*EVER).empty
    store.write_slots(Period.DAY, slot_rows(4.0))
    assert store.revisions(*EVER)[["value", "period"]].to_numpy().tolist() == [[3.0, "day"]]


def test_a_known_number_can_become_unknown_and_known_again(store, slot_rows):
    store.write_slots(Period.SLOT, slot_rows(1.0, 2.0))
    store.write_slots(Period.SLOT, slot_rows(float("nan"), 2.0, coverage=0.0, reasons="missing"))
    found = store.slots(Period.SLOT, *ALWAYS)
    assert found["value"].isna().tolist() == [True, False]
    assert found["coverage"].tolist() == [0.0, 0.0]
    store.write_slots(Period.SLOT, slot_rows(5.0, 2.0))
    assert store.slots(Period.SLOT, *ALWAYS)["value"].tolist() == [5.0, 2.0]


def test_an_infinite_number_is_unknown(store, slot_rows):
    store.write_slots(Period.SLOT, slot_rows(float("inf"), 1.0))
    assert store.slots(Period.SLOT, *ALWAYS)["value"].isna().tolist() == [True, False]
    assert store.write_slots(Period.SLOT, slot_rows(float("-inf"), 1.0)) == 0


def test_several_threads_may_use_one_store(store, rows, slot_rows):
    def work(number: int) -> None:
        for n in range(8):
            store.append_readings(rows((n, float(n)), device=f"m{number}"))
            store.write_slots(Period.SLOT, slot_rows(*range(n), entity=f"e{number}"))
            store.latest()
            assert len(store.readings(*ALWAYS, devices=[f"m{number}"], edges=True)) == n + 1

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(work, range(4)))
    assert len(store.readings(*ALWAYS)) == 32
    assert len(store.slots(Period.SLOT, *ALWAYS)) == 28


def test_new_series_of_several_threads_do_not_get_in_each_others_way(store, rows):
    def work(number: int) -> None:
        for n in range(6):
            store.append_readings(rows((n, float(number)), device=f"m{number}-{n}"))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(work, range(8)))
    found = store.readings(*ALWAYS)
    assert len(found) == 48
    assert all(
        device.startswith(f"m{value:.0f}-") for device, value in zip(found["device"], found["value"], strict=True)
    )


def test_dropped_readings_are_gone_and_their_neighbours_become_the_edges(store, rows):
    store.append_readings(rows((-60, 1.0), (-30, 2.0), (0, 3.0), (30, 4.0)))
    store.append_readings(rows((-30, 7.0), device="m2"))
    store.drop_readings(START - HOUR / 2, START + HOUR / 2)
    assert minutes(store.readings(*ALWAYS)) == [-60, 30]
    assert minutes(store.readings(START, START, edges=True)) == [-60, 30]
    assert store.latest()["value"].tolist() == [4.0]
    assert store.info().readings == 2
    store.append_readings(rows((-30, 2.0), (0, 3.0)))
    assert store.readings(*ALWAYS)["value"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_dropping_an_empty_or_reversed_range_drops_nothing(store, rows):
    store.append_readings(rows((0, 1.0)))
    store.drop_readings(START, START)
    store.drop_readings(START + HOUR, START)
    store.drop_readings(START + HOUR, START + 2 * HOUR)
    assert len(store.readings(*ALWAYS)) == 1


def test_slots_outlive_the_readings_they_came_from(store, rows, slot_rows):
    store.append_readings(rows((0, 1.0)))
    store.write_slots(Period.SLOT, slot_rows(1.0, 2.0))
    store.drop_readings(*ALWAYS)
    assert store.readings(*ALWAYS).empty
    assert store.latest().empty
    assert store.info().first_reading is None
    assert store.slots(Period.SLOT, *ALWAYS)["value"].tolist() == [1.0, 2.0]


ODD = ("m1", "表 1", "a,b=c d", 'quo"te', "back\\slash", "emoji ⚡", "'; DROP")


def awkward(store):
    """Readings no meter sends and every store must keep: odd names, extreme numbers, far years, unusable flags."""
    values = [math.nan, -0.0, 5e-324, 1.7976931348623157e308, -1e-300, 0.1 + 0.2, 123456789.123456789]
    times = ["1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "2026-06-01T00:00:00.000001Z"]
    times += [
        "2026-06-01T23:59:59.999999Z",
        "2199-12-31T23:59:59.999999Z",
        "2026-06-02T00:00:00Z",
        "1996-02-29T12:00:00Z",
    ]
    frame = readings_frame(
        {
            "time": pd.to_datetime(times, utc=True, format="ISO8601").as_unit("us"),
            "device": list(ODD),
            "quantity": ["energy_import_kwh"] * 7,
            "channel": ["", "l1", "", "相 2", "", "t1", ""],
            "value": values,
            "received_at": pd.to_datetime(times[::-1], utc=True, format="ISO8601").as_unit("us"),
            "flags": [0, 1, 2, 4, 12, 8, 15],
        }
    )
    store.append_readings(frame)
    return frame.sort_values(["device", "quantity", "channel", "time"], ignore_index=True)


def bits(frame, column):
    return frame[column].to_numpy("float64").view("int64").tolist()


def test_days_name_every_day_that_holds_rows(store, slot_rows, clock):
    assert [store.days(table) for table in Table] == [[]] * 5
    awkward(store)
    assert [(str(day), rows) for day, rows in store.days(Table.READING)] == [
        ("1969-12-31", 1), ("1970-01-01", 1), ("1996-02-29", 1), ("2026-06-01", 2), ("2026-06-02", 1), ("2199-12-31", 1),
    ]  # fmt: skip
    store.write_slots(Period.SLOT, slot_rows(*range(97)))
    clock.advance(HOUR)
    store.write_slots(Period.SLOT, slot_rows(*range(1, 97)))
    store.write_slots(Period.MONTH, slot_rows(1.0))
    day, after = START.date(), START.date() + timedelta(days=1)
    assert store.days(Table.SLOT) == [(day, 96), (after, 1)]
    assert store.days(Table.REVISION) == [(day, 96)]
    assert (store.days(Table.DAY), store.days(Table.MONTH)) == ([], [(day, 1)])


def test_awkward_readings_come_back_to_the_bit(store):
    sent, back = awkward(store), store.readings(*EVER)
    assert bits(back, "value") == bits(sent, "value")
    pd.testing.assert_frame_equal(back, sent, check_exact=True)


def test_slots_put_are_set_to_the_bit_and_leave_no_revision(store, slot_rows):
    store.put_slots(Period.SLOT, slot_rows(0.3, 4.0, math.nan, 5e-324, coverage=0.5))
    again = slot_rows(0.1 + 0.2, -0.0, 1.0, math.nan, coverage=math.nan, reasons="gap missing")
    for _ in range(2):
        store.put_slots(Period.SLOT, again)
        back = store.slots(Period.SLOT, *ALWAYS)
        assert bits(back, "value") == bits(again, "value")
        pd.testing.assert_frame_equal(back, again, check_exact=True)
    assert store.revisions(*ALWAYS).empty
    store.put_slots(Period.SLOT, slots_frame())


def test_revisions_put_are_those_taken_and_stand_once(store, slot_rows, clock):
    store.write_slots(Period.SLOT, slot_rows(1.0, math.nan, 3.0, reasons="gap"))
    clock.advance(HOUR)
    store.write_slots(Period.SLOT, slot_rows(2.0, 2.0, 2.0))
    taken = store.revisions(*ALWAYS)
    assert len(taken) == 3
    store.put_revisions(taken)
    pd.testing.assert_frame_equal(store.revisions(*ALWAYS), taken, check_exact=True)
    later = taken.assign(replaced_at=taken["replaced_at"] + pd.Timedelta(seconds=1), value=[math.nan, 7.0, -0.0])
    store.put_revisions(later)
    store.put_revisions(taken.iloc[:0])
    both = store.revisions(*ALWAYS)
    assert len(both) == 6
    assert both["replaced_at"].nunique() == 2
