from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

from store.sqlite_file import SqliteFile

AT_ONCE = 8


def test_a_new_file_is_made_by_many_at_the_same_moment(tmp_path):
    start = Barrier(AT_ONCE)

    def opened(path: Path) -> int:
        start.wait()
        with closing(SqliteFile(path, ["CREATE TABLE kept (value)"])) as file, file.writing() as connection:
            connection.execute("INSERT INTO kept VALUES (1)")
            return int(connection.execute("SELECT count(*) FROM kept").fetchone()[0])

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for turn in range(60):
            path = tmp_path / f"{turn}.sqlite"
            assert sorted(threads.map(opened, [path] * AT_ONCE)) == [1, 2, 3, 4, 5, 6, 7, 8]
