"""Series names kept once, as numbers: rows of the embedded store are numeric and small."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from itertools import product

import duckdb
import numpy as np
import pandas as pd

from store.rows import Ints, group_rows

Key = tuple[str, ...]

_FEW = 65_536  # numbers that fit into two bytes


class SeriesNames:
    """The numbers of the series in one table, mirrored in memory."""

    def __init__(self, table: str, columns: tuple[str, ...]) -> None:
        self.table = table
        self.columns = columns
        self._ids: dict[Key, int] = {}
        self._keys: dict[int, Key] = {}

    def load(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Create the table where it is missing, and read it."""
        texts = ", ".join(f"{c} VARCHAR NOT NULL" for c in self.columns)
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {self.table} (series INTEGER PRIMARY KEY, {texts})")
        rows = cursor.execute(f"SELECT series, {', '.join(self.columns)} FROM {self.table}").fetchall()  # noqa: S608
        self._ids = {tuple(r[1:]): int(r[0]) for r in rows}
        self._keys = {number: key for key, number in self._ids.items()}

    def number(self, cursor: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> tuple[Ints, dict[Key, int]]:
        """Return the series number of every row; new names are written, and returned for `remember`."""
        keys, position = group_rows(frame, self.columns)
        free = max(self._keys, default=0) + 1
        new = {key: free + n for n, key in enumerate(k for k in keys if k not in self._ids)}
        if new:
            names = pd.DataFrame(list(new), columns=list(self.columns), dtype="str")
            names.insert(0, "series", np.array(list(new.values()), dtype="int32"))
            cursor.register("new_series", names)
            cursor.execute(f"INSERT INTO {self.table} SELECT * FROM new_series")  # noqa: S608 - the name is ours
            cursor.unregister("new_series")
        numbers = np.array([new.get(k) or self._ids[k] for k in keys], dtype="int64")
        return numbers[position], new

    def known(self, frame: pd.DataFrame) -> Ints:
        """Return the series number of every row, 0 where the name has none."""
        keys, position = group_rows(frame, self.columns)
        return np.array([self._ids.get(k, 0) for k in keys], dtype="int64")[position]

    def remember(self, new: dict[Key, int]) -> None:
        """Take over names whose transaction was committed."""
        # Keys first: whoever finds a number in a row can name it.
        self._keys = self._keys | {number: key for key, number in new.items()}
        self._ids = self._ids | new

    def matching(self, wanted: Mapping[str, Collection[str] | None]) -> list[int]:
        """Return the numbers of series whose columns hold one of the wanted texts; None stands for any."""
        some = [wanted.get(c) for c in self.columns]
        if all(texts is not None for texts in some) and math.prod(len(t) for t in some if t is not None) < len(
            self._ids
        ):
            ids = self._ids
            return [ids[key] for key in product(*(set(t) for t in some if t is not None)) if key in ids]
        filters = [(self.columns.index(c), set(texts)) for c, texts in wanted.items() if texts is not None]
        found = list(self._ids.items())
        for i, texts in filters:
            found = [item for item in found if item[0][i] in texts]
        return [number for _, number in found]

    def sort_order(self, series: Ints) -> Ints:
        """Return the stable order that sorts rows by the series' names."""
        return np.argsort(self._ranks(series), kind="stable")

    def order_by_time(self, series: Ints, times: Ints) -> Ints:
        """Return the order that sorts rows by the series' names, then by time."""
        by_time = np.arange(len(times)) if (times[1:] >= times[:-1]).all() else np.argsort(times, kind="stable")
        ranks = self._ranks(series)[by_time]
        few = ranks.max(initial=0) < _FEW
        # Two bytes are sorted by counting, in a tenth of the time.
        return by_time[np.argsort(ranks.astype("uint16") if few else ranks, kind="stable")]

    def texts(self, series: Ints, wanted: Collection[str] | None = None) -> dict[str, pd.Series]:
        """Return the columns of names for rows of these series, or those of them that are wanted."""
        distinct, position = _distinct(series)
        keys = [self._keys[int(n)] for n in distinct]
        columns: dict[str, pd.Series] = {}
        for i, column in enumerate(self.columns):
            if wanted is not None and column not in wanted:
                continue
            names = np.array([k[i] for k in keys], dtype="object")
            columns[column] = pd.Series(names[position] if len(names) else names, dtype="object")
        return columns

    def _ranks(self, series: Ints) -> Ints:
        distinct, position = _distinct(series)
        by_name = sorted(range(len(distinct)), key=lambda i: self._keys[int(distinct[i])])
        rank = np.empty(len(distinct), dtype="int64")
        rank[by_name] = np.arange(len(distinct))
        return rank[position].astype("int64") if len(distinct) else rank


def _distinct(series: Ints) -> tuple[Ints, Ints]:
    """Return the distinct numbers, rising, and for every row the place of its number; numbers are small and dense."""
    used = np.bincount(series) > 0 if len(series) else np.empty(0, dtype=bool)
    return np.flatnonzero(used), (np.cumsum(used) - 1)[series]
