"""Shapley values of the two kinds of game a park's balance falls into; exact, and many games at once.

A balance is a sum over arrays, loads and storage, and the Shapley value of a sum of games is the sum of their Shapley
values (Shapley 1953, "additivity"). So no game needs more players than one array has findings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.series import Floats


def array_game(
    planned: Floats, actual: Floats, lost: Sequence[Floats], rescale: Floats | float = 1.0
) -> tuple[Floats, Floats, list[Floats]]:
    r"""Return what calibration, weather and each loss add, as means over all orders they could have come in; kWh.

    The game's worth is what the weather lets the array yield (`actual` if it came, else `planned` times `rescale`) by
    the model as it was planned with (one over `rescale`) or as it is known to be (one), less the share `lost` of it
    that every loss takes which came; the shares are of different energy, so they add up to one at most:

    .. math:: v(S) = c(S) E_{w(S)} \Bigl(1 - \sum_{f \in S} \lambda_f\Bigr)

    Of two other players both come before a third in a third of all orders, neither in a third, and each alone in a
    sixth. A worth linear in every loss needs no more than these, however many losses there are.
    """
    together = np.sum(lost, axis=0) if lost else np.zeros_like(planned)
    by_plan = 1.0 / np.asarray(rescale, dtype=float)
    normal = planned / by_plan
    calibration = (1.0 - by_plan) * ((normal + actual) / 2.0 - together * (actual / 3.0 + normal / 6.0))
    weather = (actual - normal) * ((1.0 + by_plan) / 2.0 - together * (1.0 / 3.0 + by_plan / 6.0))
    mean = actual / 3.0 + normal / 6.0 + by_plan * (actual / 6.0 + normal / 3.0)
    return calibration, weather, [-share * mean for share in lost]


def two_player_game(neither: Floats, first: Floats, second: Floats, both: Floats) -> tuple[Floats, Floats]:
    """Return what the first and the second player add, each as the mean of coming first and coming last."""
    return (first - neither + both - second) / 2, (second - neither + both - first) / 2
