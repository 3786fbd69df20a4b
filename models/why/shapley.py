"""Shapley values of the two kinds of game a park's balance falls into; exact, and many games at once.

A balance is a sum over arrays, loads and storage, and the Shapley value of a sum of games is the sum of their Shapley
values (Shapley 1953, "additivity"). So no game needs more players than one array has findings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.series import Floats


def array_game(planned: Floats, actual: Floats, lost: Sequence[Floats]) -> tuple[Floats, list[Floats]]:
    r"""Return what weather and each loss add, as means over all orders in which they could have come; kWh.

    The game's worth is what the weather lets the array yield (`actual` if it came, else `planned`), less the share
    `lost` of it that every loss takes which came; the shares are of different energy, so they add up to one at most:

    .. math:: v(S) = E_{w(S)} \Bigl(1 - \sum_{f \in S} \lambda_f\Bigr)

    In half of all orders a given loss comes before the weather, in half after it, whatever the others do; so it adds
    minus its share of the mean of both yields, and the weather adds its change less half of what is lost of that.
    """
    together = np.sum(lost, axis=0) if lost else np.zeros_like(planned)
    weather = (actual - planned) * (1.0 - together / 2.0)
    return weather, [-share * (planned + actual) / 2.0 for share in lost]


def two_player_game(neither: Floats, first: Floats, second: Floats, both: Floats) -> tuple[Floats, Floats]:
    """Return what the first and the second player add, each as the mean of coming first and coming last."""
    return (first - neither + both - second) / 2, (second - neither + both - first) / 2
