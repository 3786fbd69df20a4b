"""What changes when the copy of the alerts in a store is set again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import pandas as pd

from core.frames import ALERT_KEY, alerts_frame

_KEY = list(ALERT_KEY)


@dataclass(frozen=True)
class AlertChanges:
    """`written` is new or different; `gone` are keys to remove first: no alert any more, or one that stands again."""

    written: pd.DataFrame
    gone: pd.DataFrame

    @property
    def count(self) -> int:
        """How many alerts are other than before."""
        return len(pd.concat([self.written[_KEY], self.gone[_KEY]]).drop_duplicates())


def alert_changes(stored: pd.DataFrame, incoming: pd.DataFrame, start: datetime, end: datetime) -> AlertChanges:
    """Compare the alerts that began in [start, end) with those stored of the same time."""
    fresh = alerts_frame(incoming)
    fresh = fresh[(fresh["start"] >= start) & (fresh["start"] < end)].drop_duplicates(_KEY, keep="last")
    both = fresh.merge(stored, on=_KEY, how="outer", suffixes=("", "_old"), indicator="origin")
    told = ("severity", "until", "title_zh", "title_en")
    # A time that is not there equals another that is not there.
    same = pd.concat([(both[c] == both[f"{c}_old"]) | (both[c].isna() & both[f"{c}_old"].isna()) for c in told], axis=1)
    removed = both["origin"] == "right_only"
    changed = ~removed & ~((both["origin"] == "both") & same.all(axis=1))
    reopened = changed & both["until"].isna() & both["until_old"].notna()
    return AlertChanges(alerts_frame(both[changed]), both.loc[removed | reopened, _KEY].reset_index(drop=True))
