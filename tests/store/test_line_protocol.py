"""Lines of readings: what a telegram brings shares its end, and nothing of one is mixed into another."""

from __future__ import annotations

import numpy as np

from store.line_protocol import reading_lines

NAN = float("nan")


def test_every_reading_has_its_own_line():
    lines = reading_lines(
        ["a", "b", "c", "d", "e"],
        np.array([1.0, NAN, 0.1, -2.5e-7, 3.0]),
        np.array([11.5, 11.5, 11.5, 12.0, 12.0]),
        np.array([0.0, 0.0, 9.0, 9.0, 0.0]),
        np.array([5_000_000, 5_000_000, 5_000_000, 5_000_000, 7], dtype=np.int64),
    )
    assert lines == [
        "a value=1.0,received_at=11.5,flags=0 5000000000",
        "b received_at=11.5,flags=0 5000000000",
        "c value=0.1,received_at=11.5,flags=9 5000000000",
        "d value=-2.5e-7,received_at=12.0,flags=9 5000000000",
        "e value=3.0,received_at=12.0,flags=0 7000",
    ]


def test_no_reading_is_no_line():
    assert reading_lines([], *(np.array([]) for _ in range(3)), np.array([], dtype=np.int64)) == []
