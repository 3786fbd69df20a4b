"""Plans, baselines and outlooks on record: made before their time or late, from what lay before, said once."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from core.errors import Rejected, Retryable
from core.quantities import Period, Scope
from core.statements import Kind
from core.timebase import day_bounds, day_of, month_bounds
from models import rows
from models.foretelling import Foretelling
from models.outlooks import Outlooks
from models.rows import Row
from models.series import SlotSeries, to_us
from store.embedded import EmbeddedStore
from store.state import SqliteState
from tests.foretelling import world

TODAY = date(2018, 6, 20)


class Office:
    """A park whose days lie in a real store, as the computation leaves them, up to the morning of TODAY."""

    def __init__(self, folder) -> None:
        self.park, self.past = world("R15").park, world("R15").past
        self.store = EmbeddedStore(folder / "park.duckdb", self.park.id)
        self.state = SqliteState(folder / "state.sqlite")
        self.begin()

    def begin(self) -> None:
        """Start the service anew."""
        self.foretelling = Foretelling(self.park, self.store, self.state)
        self.outlooks = Outlooks(self.park, self.store, self.state)

    def measure(self, first: date, last: date, factor: float = 1.0) -> None:
        """Store what was measured of some days."""
        span = slice(self.past.days.index(first), self.past.days.index(last) + 1)
        labels = np.array([to_us(day_bounds(d, self.park.zone)[0]) for d in self.past.days[span]], dtype=np.int64)
        found = [
            Row(Scope(scope), entity, quantity, SlotSeries(s.value[span] * factor, *(x[span] for x in rest(s))))
            for (scope, entity, quantity), s in self.past.table.items()
        ]
        self.store.write_slots(Period.DAY, rows.frame(found, labels, slice(None)))

    def at(self, day: date, hours: float) -> datetime:
        """Return a time of a day."""
        return day_bounds(day, self.park.zone)[0] + timedelta(hours=hours)

    def plans(self) -> dict[date, object]:
        """Return what is on record, by day."""
        return {day_of(s.start, self.park.zone): s for s in self.state.statements(Kind.PLAN) if not s.subject}

    def series(self, quantity: str) -> dict[date, float]:
        """Return the park's day values of a quantity."""
        everything = datetime(2018, 1, 1, tzinfo=TODAY_UTC.tzinfo), datetime(2020, 1, 1, tzinfo=TODAY_UTC.tzinfo)
        found = self.store.slots(Period.DAY, *everything, scope=Scope.PARK, quantities=[quantity])
        days = pd.to_datetime(found["start"]).dt.tz_convert(self.park.zone).dt.date
        return dict(zip(days, found["value"], strict=True))


TODAY_UTC = pd.Timestamp("2018-06-20", tz="UTC").to_pydatetime()


def rest(series: SlotSeries):
    return series.coverage, series.estimated, series.reasons


@pytest.fixture
def office(tmp_path):
    made = Office(tmp_path)
    made.measure(made.past.days[0], TODAY - timedelta(days=1))
    yield made
    made.store.close()
    made.state.close()


def test_tomorrow_is_planned_today_and_today_late(office) -> None:
    now = office.at(TODAY, 0.1)
    assert office.foretelling.write_plans([TODAY], now) == 2
    plans = office.plans()
    assert set(plans) == {TODAY, TODAY + timedelta(days=1)}
    tomorrow, today = plans[TODAY + timedelta(days=1)], plans[TODAY]
    assert (today.body["late"], tomorrow.body["late"]) == (True, False)
    assert tomorrow.issued_at == now < tomorrow.start
    assert tomorrow.body["known_until"] == "2018-06-19"
    assert tomorrow.body["basis"] == "recent+baseline"
    body = tomorrow.body
    whole = sum(body["arrays"].values()) - sum(body["loads"].values()) - body["residual_kwh"]
    assert body["net_balance_kwh"] == pytest.approx(whole, abs=0.01)
    assert office.series("plan_net_balance_kwh") == {d: s.body["net_balance_kwh"] for d, s in plans.items()}
    json.dumps([dict(s.body) for s in plans.values()], allow_nan=False)


def test_a_plan_stays_whatever_becomes_known(office) -> None:
    office.foretelling.write_plans([TODAY], office.at(TODAY, 0.1))
    before = office.plans()
    office.measure(office.past.days[0], TODAY - timedelta(days=1), factor=0.5)
    office.begin()
    assert office.foretelling.write_plans([TODAY], office.at(TODAY, 5)) == 0
    assert office.plans() == before


def test_history_at_once_is_planned_from_what_lay_before_each_day(office, tmp_path) -> None:
    last = [TODAY - timedelta(days=n) for n in range(40, 0, -1)]
    office.foretelling.write_plans(last, office.at(TODAY, 2))
    plans = office.plans()
    assert all(s.body["late"] for s in plans.values())
    day = last[20]
    (tmp_path / "then").mkdir()
    then = Office(tmp_path / "then")  # nothing of the day itself and of what came after is there
    then.measure(then.past.days[0], day - timedelta(days=1))
    then.foretelling.write_plans([*last[:20], day], then.at(day, 2))
    assert then.plans()[day].body == plans[day].body
    then.store.close()
    then.state.close()


def test_a_month_is_planned_once_from_the_first_day_that_allows_it(office) -> None:
    days = [TODAY - timedelta(days=n) for n in range(60, -1, -1)]
    office.foretelling.write_plans(days, office.at(TODAY, 2))
    months = {day_of(s.start, office.park.zone): s for s in office.state.statements(Kind.PLAN) if s.subject == "month"}
    june = months[date(2018, 6, 1)]
    assert june.end == month_bounds(2018, 6, office.park.zone)[1]
    assert june.body["known_until"] == "2018-05-31"
    assert sum(june.body["day_class"].values()) == 30
    office.begin()
    office.foretelling.write_plans([TODAY + timedelta(days=1)], office.at(TODAY, 26))
    assert june in office.state.statements(Kind.PLAN)


def test_baselines_are_on_record_with_what_they_were_learned_on(office) -> None:
    office.foretelling.write_plans([TODAY], office.at(TODAY, 0.1))
    said = {s.entity: s for s in office.state.statements(Kind.BASELINE)}
    assert set(said) == {"office", "hotel", "shop"}
    hotel = said["hotel"].body
    assert (hotel["first_day"], hotel["last_day"]) == ("2018-04-01", "2018-06-19")
    assert hotel["cv_rmse"] < 0.2
    assert said["hotel"].end.year == 9999


def test_a_series_lost_in_a_crash_is_written_from_the_statement(office) -> None:
    office.foretelling._write_series = lambda _plans: 0  # the crash comes just before it
    office.foretelling.write_plans([TODAY], office.at(TODAY, 0.1))
    assert office.series("plan_net_balance_kwh") == {}
    office.begin()
    office.foretelling.write_plans([TODAY], office.at(TODAY, 0.2))
    assert office.series("plan_net_balance_kwh")[TODAY] == office.plans()[TODAY].body["net_balance_kwh"]


def test_outlooks_are_said_once_a_day_and_kept(office) -> None:
    assert office.outlooks.run(office.at(TODAY, 0.1)) == []  # the last readings of yesterday are awaited
    first = office.outlooks.run(office.at(TODAY, 1))
    today = [s for s in first if s.body["as_of_day"] == TODAY.isoformat()]
    assert [(s.subject, day_of(s.start, office.park.zone)) for s in today] == [
        ("day", TODAY),
        ("day", TODAY + timedelta(days=1)),
        ("month", date(2018, 6, 1)),
        ("year", date(2018, 1, 1)),
    ]
    assert all(s.body["late"] is False for s in today)
    assert office.outlooks.run(office.at(TODAY, 5)) == []
    office.begin()
    assert office.outlooks.run(office.at(TODAY, 9)) == []
    office.measure(TODAY, TODAY)
    office.outlooks.run(office.at(TODAY + timedelta(days=1), 1))
    months = office.state.statements(Kind.OUTLOOK, every=True)
    own = [s for s in months if s.subject == "month"]
    assert [s.body["as_of_day"] for s in own[-2:]] == ["2018-06-20", "2018-06-21"]
    assert own[-2] in first


def test_the_course_of_the_running_month_is_told_late_and_kept_as_a_series(office) -> None:
    said = office.outlooks.run(office.at(TODAY, 1))
    late = [s for s in said if s.body["late"]]
    assert [s.body["as_of_day"] for s in late] == [date(2018, 6, n).isoformat() for n in range(1, 20)]
    miss = office.series("outlook_miss_probability")
    assert sorted(miss) == [date(2018, 5, 31) + timedelta(days=n) for n in range(20)]
    assert all(0 <= p <= 1 for p in miss.values())
    assert set(office.series("outlook_net_p10_kwh")) == set(miss)


def test_a_new_park_is_told_that_it_is_too_early_and_later_more(tmp_path) -> None:
    office = Office(tmp_path)
    assert office.outlooks.run(office.at(TODAY, 1)) == []
    refused = office.state.statements(Kind.OUTLOOK, entity=office.park.id)
    assert {s.body["refused"] for s in refused} == {"too_few_days"}
    office.measure(office.past.days[0], TODAY - timedelta(days=1))  # history is brought in
    assert office.outlooks.run(office.at(TODAY, 2))
    office.store.close()
    office.state.close()


def forecast(office, ghi_share: float) -> pd.DataFrame:
    start = pd.date_range(day_bounds(TODAY, office.park.zone)[0], periods=48, freq="h")
    hour = start.tz_convert(office.park.zone).hour
    ghi = np.where((hour > 5) & (hour < 20), 900 * np.sin(np.pi * (hour - 5) / 15) * ghi_share, 0.0)
    return pd.DataFrame({"start": start, "ghi_wm2": ghi, "temp_air_c": 24.0, "wind_speed_ms": 2.0})


class Service:
    """A weather service that foretells two days."""

    name = "test-weather"

    def __init__(self, office, share: float) -> None:
        self.answer = forecast(office, share)

    def forecast(self, _lat, _lon, _now, _hours):
        return self.answer


def test_a_weather_service_is_heard_where_there_is_one(office) -> None:
    bright = Outlooks(office.park, office.store, office.state, Service(office, 1.0)).run(office.at(TODAY, 1))
    today = next(s for s in bright if s.subject == "day" and day_of(s.start, office.park.zone) == TODAY)
    assert today.body["basis"] == "forecast:test-weather"
    assert 0.6 < today.body["foretold"][TODAY.isoformat()] < 1.1


@pytest.mark.parametrize(
    "wrong", [{"ghi_wm2": 5000.0}, {"temp_air_c": 90.0}, {"wind_speed_ms": -1.0}, {"start": 7}, {"ghi_wm2": "x"}]
)
def test_a_forecast_that_cannot_be_is_not_heard(office, wrong, caplog) -> None:
    service = Service(office, 1.0)
    service.answer = service.answer.assign(**wrong)
    said = Outlooks(office.park, office.store, office.state, service).run(office.at(TODAY, 1))
    assert {s.body["basis"] for s in said} == {"climatology"}
    assert "no forecast: test-weather answers" in caplog.text


class Silent(Service):
    """A weather service that answers only from some question on."""

    def __init__(self, office, answered: int, error: Exception) -> None:
        super().__init__(office, 1.0)
        self.asked, self.answered, self.error = 0, answered, error

    def forecast(self, *_question):
        self.asked += 1
        if self.asked <= self.answered:
            raise self.error
        return self.answer


def test_a_service_that_answers_late_is_waited_for(office) -> None:
    service = Silent(office, 1, Retryable("502"))
    outlooks = Outlooks(office.park, office.store, office.state, service)
    assert outlooks.run(office.at(TODAY, 0.4)) == []
    outlooks.ask(office.at(TODAY, 0.5))
    assert service.asked == 1
    outlooks.ask(office.at(TODAY, 0.7))
    said = outlooks.run(office.at(TODAY, 0.7))
    assert service.asked == 2
    assert "forecast:test-weather" in {s.body["basis"] for s in said}


def test_a_service_that_wants_a_pause_gets_it_and_a_silent_one_is_not_waited_for_all_day(office) -> None:
    service = Silent(office, 99, Retryable("429", 3600.0))
    outlooks = Outlooks(office.park, office.store, office.state, service)
    for hours in (0.4, 0.5, 0.7, 0.9):
        outlooks.ask(office.at(TODAY, hours))
    assert (service.asked, outlooks.run(office.at(TODAY, 0.95))) == (1, [])
    assert {s.body["basis"] for s in outlooks.run(office.at(TODAY, 1))} == {"climatology"}


def test_a_refused_question_is_asked_once_a_day(office) -> None:
    service = Silent(office, 99, Rejected("no such place"))
    outlooks = Outlooks(office.park, office.store, office.state, service)
    for hours in (0.5, 1.0, 5.0):
        outlooks.ask(office.at(TODAY, hours))
    assert service.asked == 1
    assert {s.body["basis"] for s in outlooks.run(office.at(TODAY, 5.1))} == {"climatology"}
