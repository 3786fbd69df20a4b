"""Viewers who ask the same share one computation, and none gets what is out of date."""

from __future__ import annotations

import gzip
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import Retryable
from service.http.sharing import Shared


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.at_s = 100.0

    def monotonic_s(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def shared(clock: Hand) -> Shared:
    return Shared(clock, most_bytes=200)


def test_twenty_who_ask_at_once_cause_one_computation(shared: Shared) -> None:
    began, go, made = threading.Event(), threading.Event(), []

    def make() -> bytes:
        made.append(1)
        began.set()
        assert go.wait(10)
        return b"answer"

    with ThreadPoolExecutor(20) as viewers:
        first = viewers.submit(shared.get, "a", 2.0, make)
        assert began.wait(10)
        others = [viewers.submit(shared.get, "a", 2.0, make) for _ in range(19)]
        go.set()
        answers = [gzip.decompress(f.result(10)) for f in (first, *others)]
    assert answers == [b"answer"] * 20
    assert made == [1]


def test_an_answer_ages_from_when_it_was_begun(shared: Shared, clock: Hand) -> None:
    answers = iter([b"first", b"second"])

    def make() -> bytes:
        clock.at_s += 1.5  # it takes its time, and what happens meanwhile may be missing
        return next(answers)

    assert gzip.decompress(shared.get("a", 2.0, make)) == b"first"
    assert gzip.decompress(shared.get("a", 2.0, make)) == b"first"
    clock.at_s += 0.5
    assert gzip.decompress(shared.get("a", 2.0, make)) == b"second"


def test_different_questions_have_different_answers(shared: Shared) -> None:
    assert gzip.decompress(shared.get(("overview", "zh"), 2.0, lambda: b"zh")) == b"zh"
    assert gzip.decompress(shared.get(("overview", "en"), 2.0, lambda: b"en")) == b"en"


def test_who_asks_after_a_change_does_not_get_what_was_begun_before(shared: Shared) -> None:
    def make() -> bytes:
        shared.forget()  # a correction is entered while the old numbers are being added up
        return b"old"

    assert gzip.decompress(shared.get("a", 2.0, make)) == b"old"
    assert gzip.decompress(shared.get("a", 2.0, lambda: b"new")) == b"new"


def test_a_fault_is_told_to_everybody_and_not_kept(shared: Shared) -> None:
    def fail() -> bytes:
        raise Retryable("the store is out of reach")

    with pytest.raises(Retryable, match="out of reach"):
        shared.get("a", 2.0, fail)
    assert gzip.decompress(shared.get("a", 2.0, lambda: b"well")) == b"well"


def test_old_answers_make_room(shared: Shared) -> None:
    made: list[int] = []

    def asked(n: int) -> bytes:
        def make() -> bytes:
            made.append(n)
            return bytes([n]) * 10

        return shared.get(n, 60.0, make)

    size = len(asked(0))
    fit = 200 // size
    for n in range(1, fit + 1):
        asked(n)
    made.clear()
    asked(fit)
    asked(0)
    assert made == [0]
