"""What the search for faults finds: a real loss, anomalies put into clean series, labelled files."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pandas as pd

from core.findings import Fault, Finding
from core.timebase import day_of
from models.diagnosis import Diagnosis
from tests import gate, labelled
from tests.accuracy.row import Row
from tests.data.pvops import fit

EXPECTED = Path(__file__).parents[1] / "data" / "faults" / "r15_expected.csv.gz"
SEEDS = 10
FIRST, LAST = date(2018, 4, 1), date(2019, 3, 31)
LOSS = date(2018, 10, 28)  # from where the file's own expectation shows it
WITHIN_DAYS = 5
LOSING = {Fault.UNDERPERFORMANCE, Fault.STRING_LOSS}
WANTED = "precision and recall 0.9, pooled"
NOTE = "from afar strings and dirt are drawn twice as strong"


def rows() -> list[Row]:
    """Return the rows of the table."""
    sights, found = {}, []
    for name in gate.CLEAN:
        with gate.computed(name) as plant:
            sights[name] = gate.clean(name, plant)
            if name == "R15":
                found.append(_loss(plant))
    for name, sight in sights.items():
        told = gate.own(sight)
        text = ", ".join(f"{f.code} {day_of(f.start, sight.zone)}" for f in told) or "nothing told"
        found.append(Row("nothing put in", f"{name}, {len(sight.grid.days)} days", text, "nothing"))
    tallies = gate.tried(sights, range(SEEDS))
    for kind in gate.KINDS:
        for name in sights:
            afar = kind in {"string", "soiling"} and name == "SERF East"
            found.append(Row(f"{kind} put in", name, gate.said(tallies[name, kind]), note=NOTE if afar else ""))
    whole = gate.pooled(tallies.values())
    text = f"precision {gate.precision(whole):.3f}, recall {gate.recall(whole):.3f}; {gate.said(whole)}"
    found.append(Row("all of them", "R10, R15, SERF East", text, WANTED))
    return [*found, *_labelled()]


def _loss(plant: gate.Computed) -> Row:
    """Return when R15's loss was found, looking again every evening, and what it came to in the end."""
    park, store, state = plant
    diagnosis = Diagnosis(park, store, state)

    def losing(last: date) -> list[Finding]:
        return [f for f in diagnosis.findings(FIRST, last) if f.code in LOSING]

    evening = next(d for n in range(20) if losing(d := LOSS + timedelta(days=n - 5)))
    (whole,) = losing(LAST)
    text = (
        f"found on the evening of {evening}, as of {day_of(whole.start, park.zone)}; in all {whole.lost_kwh / 1000:.0f} MWh, "
        f"90 % {whole.low_kwh / 1000:.0f} to {whole.high_kwh / 1000:.0f}"
    )
    note = f"by the file's own expectation, scaled to its healthy months, {by_file(whole) / 1000:.0f} MWh"
    return Row("a real loss", "pvOps R15, 20 MW", text, f"within {WITHIN_DAYS} days of {LOSS}", note)


def by_file(loss: Finding) -> float:
    """Return what R15 lost by the file's own expectation, in kWh, as much lower as it was too high before the loss."""
    hours = fit.hours("R15")
    made, due = hours["generated_kw"].to_numpy(), pd.read_csv(EXPECTED)["expected_kw"].to_numpy()
    healthy, during = hours.index < loss.start, (hours.index >= loss.start) & (hours.index < loss.end)
    bias = made[healthy].sum() / due[healthy].sum()
    return float((bias * due - made)[during].sum())


def _labelled() -> Iterator[Row]:
    stale, single = labelled.marked("stale"), labelled.marked("outliers")
    text = f"{stale.caught} of {stale.episodes} stretches told; precision {stale.precision():.2f}, recall {stale.recall(by_day=True):.2f}"
    note = f"of values by daylight; of all, nights too, recall {stale.recall():.2f}: at night nothing is looked for"
    yield Row("a value that stands still", "PVDAQ inverter 2173, labelled by pvanalytics", text, note=note)
    text = (
        f"{single.caught} of {single.episodes} told; precision {single.precision():.2f}, recall {single.recall():.2f}"
    )
    note = "only power beyond 1.5 times the rating is told; the others are within it"
    yield Row("single values put in", "PVDAQ inverter 7539, labelled by pvanalytics", text, note=note)
