from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.clock import SteadyClock

NOON = datetime(2026, 10, 1, 12, tzinfo=UTC)


class Hands:
    """A clock whose two hands are set apart."""

    def __init__(self) -> None:
        self.wall = NOON
        self.ran_s = 0.0

    def now(self) -> datetime:
        return self.wall

    def monotonic_s(self) -> float:
        return self.ran_s

    def run(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.ran_s += seconds


def test_a_steady_clock_is_the_clock_while_that_goes_forward() -> None:
    hands = Hands()
    steady = SteadyClock(hands)
    hands.run(60)
    assert steady.now() == NOON + timedelta(seconds=60)
    hands.wall += timedelta(hours=1)
    assert steady.now() == NOON + timedelta(hours=1, seconds=60)
    assert steady.monotonic_s() == 60.0


def test_a_clock_set_back_is_caught_up_with_slowly_and_never_goes_back() -> None:
    hands = Hands()
    steady = SteadyClock(hands)
    hands.run(60)
    assert steady.now() == NOON + timedelta(seconds=60)
    hands.wall -= timedelta(hours=1)
    hands.run(100)
    assert steady.now() == NOON + timedelta(seconds=60 + 90)
    hands.run(100)
    assert steady.now() == NOON + timedelta(seconds=60 + 180)
    for _ in range(10):
        hands.run(3600)
        steady.now()
    assert steady.now() == hands.wall


def test_a_clock_set_back_by_half_a_day_was_wrong_before() -> None:
    hands = Hands()
    steady = SteadyClock(hands)
    hands.wall -= timedelta(hours=12)
    hands.run(10)
    assert steady.now() == NOON - timedelta(hours=12) + timedelta(seconds=10)
