"""InfluxDB line protocol, as far as Telegraf and hand-written scripts go."""

from __future__ import annotations

import math

import pytest

from ingest.influx_lines import MOST_LINES, parse


def test_a_line_becomes_an_object_like_telegrafs_json() -> None:
    documents, faults = parse(b"modbus,host=pi,slave_id=3 Power=230.5,Energy=12i 1554079521000000000")
    assert faults == []
    assert documents == [
        {
            "name": "modbus",
            "tags": {"host": "pi", "slave_id": "3"},
            "fields": {"Power": 230.5, "Energy": 12},
            "timestamp": 1554079521000.0,
        }
    ]


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        (rb'm a="x, y=1 z",b=2', {"a": "x, y=1 z", "b": 2.0}),
        (rb'm a="say \"on\"",b=2', {"a": 'say "on"', "b": 2.0}),
        (rb'm a="C:\\x",b=2', {"a": r"C:\x", "b": 2.0}),
        (b'm a="two\nlines",b=2', {"a": "two\nlines", "b": 2.0}),
        (rb"m a\ b=1,c\,d=2,e\=f=3", {"a b": 1.0, "c,d": 2.0, "e=f": 3.0}),
        (b"m a=-1.5e3,b=.5,c=5.,d=+2", {"a": -1500.0, "b": 0.5, "c": 5.0, "d": 2.0}),
        (b"m a=-9223372036854775808i,b=18446744073709551615u", {"a": -(2**63), "b": 2**64 - 1}),
        (b"m a=t,b=TRUE,c=f,d=False", {"a": True, "b": True, "c": False, "d": False}),
        (b"m a=1e999", {"a": math.inf}),
        ("m 电能=1".encode(), {"电能": 1.0}),
    ],
)
def test_fields_of_every_kind(line: bytes, fields: dict[str, object]) -> None:
    (document,), faults = parse(line)
    assert (document["fields"], faults) == (fields, [])


def test_names_and_tags_with_escapes_and_the_time_to_the_microsecond() -> None:
    (document,), faults = parse(rb"hall\ 7\,east,si\ te=a\=b x=1 1790812802123456789")
    assert faults == []
    assert (document["name"], document["tags"]) == ("hall 7,east", {"si te": "a=b"})
    assert round(document["timestamp"] * 1000) == 1790812802123457


@pytest.mark.parametrize(
    "line",
    [
        b"m", b"m ", b"m a", b"m a=", b"m =1", b"m a=1,", b"m a=1,b", b"m a=nan", b"m a=inf", b"m a=1_000", b"m a=0x1f",
        b'm a="open', b'm a="x"y', b"m a=1 soon", b"m a=1 1.5", b"m a=1 99999999999999999999", b",t=1 a=1", b"m,t a=1",
        b"m,t= a=1", b"m,=x a=1", b"m a=12i3", b"m a=on",
    ],
)  # fmt: skip
def test_what_is_no_line_is_named_and_costs_no_other(line: bytes) -> None:
    documents, faults = parse(b"first a=1\n" + line + b"\r\n# a remark\n\nlast a=2" if b'"' not in line else line)
    assert [d["name"] for d in documents if d["name"] in {"first", "last"}] == (
        [] if b'"' in line else ["first", "last"]
    )
    assert len(faults) == 1


def test_bytes_that_are_no_text_and_telegrams_without_end() -> None:
    assert parse(b"m a=\xff") == ([], ["not UTF-8: invalid start byte"])
    documents, faults = parse(b"m a=1\n" * (MOST_LINES + 1))
    assert (len(documents), faults) == (MOST_LINES, ["more than 5000 lines"])
