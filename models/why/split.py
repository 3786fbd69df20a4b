"""The difference between planned and actual balance, split; pure.

The balance is a sum, so the game falls into small ones that share no player: weather and findings per array, calendar
and temperature per load, and single players (each load above its baseline, what is unmetered, storage). Whoever was not
measured is taken as modelled, and what is booked against that model is the part of missing data. What measured
generation leaves of the model with every cause in it is unexplained.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from core.why import Cause, Note, Part
from models.series import Bools, Floats
from models.why.facts import ArrayFacts, Flow, LoadFacts, MeterFacts, ParkFacts
from models.why.shapley import array_game, two_player_game

CURTAILED = "curtailment"
NO_LOSS = {"clipping", "night_consumption", "sensor", "stuck", "time_shift", "units"}  # nothing the plan had is lost


class Piece(NamedTuple):
    """What one cause did per day, in kWh of balance; `found` is what a finding says of it by itself."""

    cause: Cause
    entity: str
    subject: str
    kwh: Floats
    found: Floats | None = None


class Split(NamedTuple):
    """Per day: the pieces, and what is unexplained."""

    pieces: list[Piece]
    unexplained: Floats
    notes: set[Note]


def split(park: ParkFacts) -> Split:
    """Return the pieces of every day; with the unexplained they add up to booked minus planned balance."""
    found = Split([], np.zeros(park.days), set())
    unexplained = found.unexplained
    best = np.zeros(len(park.of))  # the balance as measured, and modelled where it was not
    whole = np.isfinite(park.balance)  # cells in which everything was measured
    for meter in park.meters:
        model = _meter_model(park, meter, found)
        measured = meter.measured & np.isfinite(meter.actual)
        best += np.where(measured, meter.actual, model)
        whole &= measured
        left = park.by_day(np.where(measured, meter.actual - model, 0.0))
        blind = _blind(park, meter)
        unexplained += np.where(blind, 0.0, left)
        found.pieces.append(Piece(Cause.PV_NOT_SPLIT, meter.id, "", np.where(blind, left, 0.0)))
        if not (meter.described and meter.arrays):
            found.notes.add(Note.NO_ARRAY)
        elif blind.any():
            found.notes.add(Note.ONLY_CLEAR_SKY)
    together = np.zeros(park.days)  # what is unmetered, where loads stand in one sum with it
    one_sum = np.zeros(park.days, dtype=bool)
    for load in park.loads:
        used, beside = _load(park, load, found)
        best -= used
        whole &= load.measured
        together += beside
        one_sum |= load.in_rest & ~np.isfinite(load.planned)
    for cause, flow in ((Cause.UNMETERED, park.unmetered), (Cause.STORAGE, park.storage)):
        planned = flow.planned[park.of] * park.time
        measured = _seen(flow)
        best -= np.where(measured, flow.actual, planned)
        whole &= measured
        left = -park.by_day(np.where(measured, flow.actual - planned, 0.0))
        if cause is Cause.UNMETERED:
            found.pieces.append(Piece(Cause.NOT_APART, "", "", np.where(one_sum, left, 0.0) + together))
            left = np.where(one_sum, 0.0, left)
        found.pieces.append(Piece(cause, "", "", left))
    found.pieces.extend(Piece(Cause.NOT_PLANNED, entity, "", -kwh) for entity, kwh in park.gone.items())
    missing = park.by_day(np.where(whole, 0.0, np.nan_to_num(park.balance) - best))
    found.pieces.append(Piece(Cause.MISSING_DATA, "", "", missing))
    return Split([p for p in found.pieces if np.abs(p.kwh).any()], unexplained, found.notes)


def parts(pieces: list[Piece], chosen: Bools) -> Iterator[Part]:
    """Yield what every cause did to every entity over the chosen days."""
    for piece in pieces:
        found = 0.0 if piece.found is None else float(piece.found[chosen].sum())
        yield Part(piece.cause, float(piece.kwh[chosen].sum()), piece.entity, piece.subject, found)


def _blind(park: ParkFacts, meter: MeterFacts) -> Bools:
    """Say on which days the weather at a meter cannot be told from its faults."""
    blind = np.zeros(park.days, dtype=bool) if meter.arrays else np.ones(park.days, dtype=bool)
    for array in meter.arrays:
        blind |= _unseen(park, array)
    return blind


def _unseen(park: ParkFacts, array: ArrayFacts) -> Bools:
    unknown = park.by_day((~np.isfinite(array.expected)).astype(float)) > 0
    return array.clear_only | unknown


def _meter_model(park: ParkFacts, meter: MeterFacts, found: Split) -> Floats:
    """Return generation per cell with every cause in it, and add what each cause did."""
    model = np.zeros(len(park.of))
    for array in meter.arrays:
        model += _array_model(park, array, found)
    return model


def _array_model(park: ParkFacts, array: ArrayFacts, found: Split) -> Floats:
    expected = np.nan_to_num(array.expected)
    whole = park.by_day(expected)
    unseen = _unseen(park, array)
    known = np.isfinite(array.planned)
    planned = np.nan_to_num(array.planned)
    # Where nobody saw the sky the clear one still says how a day's plan lies in the day.
    with np.errstate(invalid="ignore", divide="ignore"):
        shape = np.where(whole[park.of] > 0, expected / whole[park.of], park.time)
    shares = _shares(array, whole, found)
    left = 1.0 - sum(shares.values(), np.zeros(park.days))
    rescale = 1.0 if array.rescale is None else array.rescale
    scale, weather, losses = array_game(planned, whole, list(shares.values()), rescale)
    split_days = known & ~unseen
    pieces = found.pieces
    pieces.append(Piece(Cause.WEATHER, array.id, "", np.where(split_days, weather, 0.0)))
    pieces.append(Piece(Cause.PLAN_SCALE, array.id, "", np.where(split_days, scale, 0.0)))
    for (subject, share), lost in zip(shares.items(), losses, strict=True):
        cause = Cause.CURTAILMENT if subject == CURTAILED else Cause.FINDING
        itself = np.where(split_days, -share * whole, 0.0)
        pieces.append(Piece(cause, array.id, subject, np.where(split_days, lost, 0.0), itself))
    new = np.where(~known & ~unseen, whole * left, 0.0)
    pieces.append(Piece(Cause.NOT_PLANNED, array.id, "", new))
    return np.where(unseen[park.of], planned[park.of] * shape, expected * left[park.of])


def _shares(array: ArrayFacts, whole: Floats, found: Split) -> dict[str, Floats]:
    """Return what every finding took of the expectation, per day.

    Findings of one array speak of different energy: whoever finds them gives each kWh to the most specific. Should
    they claim more than there was all the same, each keeps its part of that.
    """
    lost = {s: np.maximum(np.nan_to_num(kwh), 0.0) for s, kwh in array.lost.items() if s not in NO_LOSS}
    claims = sum((kwh > 0 for kwh in lost.values()), np.zeros(len(whole)))
    if (claims > 1).any():
        found.notes.add(Note.OVERLAPPING)
    limit = np.maximum(sum(lost.values(), np.zeros(len(whole))), whole)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {s: np.where(whole > 0, kwh / limit, 0.0) for s, kwh in lost.items() if kwh.any()}


def _load(park: ParkFacts, load: LoadFacts, found: Split) -> tuple[Floats, Floats]:
    """Return consumption per cell, modelled where it was not measured, and add what each cause did.

    The second is what it did per day on days on which its plan stands in one sum with what is unmetered: only what was
    measured of both counts there.
    """
    known = np.isfinite(load.planned)
    neither, calendar, temperature, both = load.predicted
    based = known & np.isfinite(neither + calendar + temperature + both)
    by_calendar, by_temperature = two_player_game(neither, calendar, temperature, both)
    modelled = np.nan_to_num(load.planned) + np.where(based, both - neither, 0.0)
    usual = modelled[park.of] * load.weight
    beside = load.in_rest & ~known
    measured = load.measured & np.isfinite(load.actual) & (_seen(park.unmetered) | ~beside[park.of])
    left = -park.by_day(np.where(measured, load.actual - usual, 0.0))
    found.pieces.extend(
        [
            Piece(Cause.CALENDAR, load.id, "", np.where(based, -by_calendar, 0.0)),
            Piece(Cause.TEMPERATURE, load.id, "", np.where(based, -by_temperature, 0.0)),
            Piece(Cause.ABOVE_BASELINE, load.id, "", np.where(based, left, 0.0)),
            Piece(Cause.LOAD_NOT_SPLIT, load.id, "", np.where(known & ~based, left, 0.0)),
            Piece(Cause.NOT_PLANNED, load.id, "", np.where(known | beside, 0.0, left)),
        ]
    )
    if (known & ~based).any():
        found.notes.add(Note.NO_BASELINE)
    return np.where(measured, load.actual, usual), np.where(beside, left, 0.0)


def _seen(flow: Flow) -> Bools:
    return flow.measured & np.isfinite(flow.actual)
