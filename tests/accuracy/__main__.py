"""How far the models are off on data nobody here made: `make accuracy`. Writes docs/accuracy.md."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from core.rungs import MODEL_VERSION
from tests.accuracy import faults, learned, outlook, pv
from tests.accuracy.row import Row

TARGET = Path(__file__).parents[2] / "docs" / "accuracy.md"

# One entry per subject; its rows become a table of their own.
PARTS: dict[str, Callable[[], list[Row]]] = {
    "PV expectation": pv.rows,
    "PV, calibrated by itself": learned.rows,
    "Faults found": faults.rows,
    "Outlook and baseline": outlook.rows,
}

HEAD = f"""# Accuracy

Made by `make accuracy`; the limits in the column *wanted* are tests. Model version of the PV expectation:
`{MODEL_VERSION}`. The data are in `tests/data`, each with its source and licence. Nothing is fitted to what it is held
against, except where a row says so.

Bias is model minus measured (or minus the reference), as a share of the energy. *Capacity* is the DC peak power of
PVWatts' system, and the AC rating of an inverter.
"""

PEERS = """
No forecasts were recorded beside these plants, and none with a licence that lets them be shipped were found elsewhere; the
stand-in is described in `tests/foretelling.py`.

## R15's loss as it is shown

At noon of 1 December 2018, five weeks into it (`make pictures ARGS=--measured`):

![The finding on the page](images/found-page-en.png)

![The same in the report of November](images/found-report-en.png)

## What others publish

Not measured here, and on other data: they say what is usual, no more.

| who | figure | source |
|---|---|---|
| SAM, PVWatts, PVsyst, PV*SOL on 9 measured systems | annual error within ±8 %, hourly RMSE below 7 %, outliers excluded | Freeman et al. 2014, NREL/TP-6A20-61497 |
| PVWatts v5, driven by typical weather | up to ±10 % a year and ±30 % a month in the long term; ±20 % and ±40 % for one specific year | Dobos 2014, NREL/TP-6A20-62641 |
| pvlib and pvpltools, all models, Albuquerque | transposition NMBE within ±3 %; performance models mean ±2.3 %; inputs of the system matter more than the choice of model | Deville et al. 2024, Progress in Photovoltaics |
| indices based on a model | uncertainty of about 2 to 5 % | SunSpec guide to performance assessment |

## Which transposition, and why reflection

From one horizontal pyranometer Hay-Davies scatters less than Perez-Driesse, so it is the default on the rungs where
beam and diffuse are guessed from their sum; where both are known Perez-Driesse comes closer to PVWatts, so it is the
default there. `transposition` of an array overrides both. An isotropic sky is not offered.

Reflection of the beam at flat angles is taken off where irradiance was transposed: PVWatts' hours come much closer by
it, SERF's bias a little (rows "without reflection"). It is not taken off irradiance measured in the plane:
no data here show that it helps. Corrections for low light were not tried.
"""


def main() -> None:
    """Compute every figure, print the tables, write the page."""
    tables = [f"\n## {subject}\n\n{_table(part())}" for subject, part in PARTS.items()]
    text = HEAD + "".join(tables) + PEERS
    print(text)
    TARGET.write_text(text, encoding="utf-8")


def _table(rows: Iterable[Row]) -> str:
    lines = ["| what | data | figure | wanted | |", "|---|---|---|---|---|"]
    lines += [f"| {r.what} | {r.data} | {r.text} | {r.wanted or '–'} | {r.note} |" for r in rows]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
