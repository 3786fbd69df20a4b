"""Archived readings: one Parquet file per month, with a manifest by which anybody can verify it years later.

The digest is SHA-256 over one line per reading, sorted by time, device, quantity and channel:
`<time>,<device>,<quantity>,<channel>,<value>,<received at>,<flags>` with times in microseconds since 1970 UTC and the
value as the shortest decimal that gives the same float (`nan` where there was none), each line ended by a line feed.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import duckdb
import orjson
import pandas as pd

from core.errors import ConfigError, Problem
from core.frames import instant, readings_frame

VERSION = 1
_ORDER = ["time", "device", "quantity", "channel"]
_KEY = "parkwatt_archive"
_BLOCK = 1 << 20
_CHUNK_VECTORS = 32
_READ = """
    SELECT epoch_us(time) AS time, device, quantity, channel, value, epoch_us(received_at) AS received_at, flags
    FROM read_parquet(?) ORDER BY epoch_us(time), device, quantity, channel
"""


@dataclass(frozen=True)
class Manifest:
    """What a manifest says of its file."""

    version: int
    park: str
    month: str
    file: str
    rows: int
    sha256: str
    digest: str
    first: str
    last: str


class _Digest:
    """Rows and digest of readings that come sorted."""

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self.rows = 0
        self.first: str | None = None
        self.last: str | None = None

    def add(self, frame: pd.DataFrame) -> None:
        if frame.empty:
            return
        times, received = (frame[c].to_numpy("datetime64[us]").view("int64").tolist() for c in ("time", "received_at"))
        names = (frame[c].tolist() for c in ("device", "quantity", "channel"))
        rows = zip(times, *names, frame["value"].tolist(), received, frame["flags"].tolist(), strict=True)
        lines = [f"{t},{d},{q},{c},{v!r},{r},{f}\n" for t, d, q, c, v, r, f in rows]
        self._hash.update("".join(lines).encode())
        self.rows += len(lines)
        self.first = self.first or instant(frame["time"].iloc[0]).isoformat()
        self.last = instant(frame["time"].iloc[-1]).isoformat()

    @property
    def text(self) -> str:
        return self._hash.hexdigest()


def write_archive(park: str, month: str, days: Iterable[pd.DataFrame], folder: Path) -> Manifest | None:
    """Write the readings of one month, given day by day, with its manifest; None where there are none.

    The file is read back and compared before it gets its name, so a name means a whole and right file.
    """
    path = folder / file_name(park, month)
    written = _Digest()
    with tempfile.TemporaryDirectory(dir=folder, prefix=".archive-") as scratch:
        draft = Path(scratch) / path.name
        with duckdb.connect(
            Path(scratch) / "rows.duckdb", config={"memory_limit": "256MB", "threads": 2}
        ) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(
                "CREATE TABLE rows (time BIGINT, device VARCHAR, quantity VARCHAR, channel VARCHAR, value DOUBLE, "
                "received_at BIGINT, flags SMALLINT)"
            )
            for frame in days:
                ordered = frame.sort_values(_ORDER, kind="stable", ignore_index=True)
                written.add(ordered)
                _insert(connection, ordered)
            if not written.rows:
                return None
            # The ids are of the park file's own pattern.
            about = f"{{{_KEY}: '{VERSION}', park: '{park}', month: '{month}', digest: '{written.text}'}}"
            connection.execute(
                "COPY (SELECT make_timestamptz(time) AS time, device, quantity, channel, value, "  # noqa: S608
                "make_timestamptz(received_at) AS received_at, flags FROM rows ORDER BY rowid) "
                f"TO '{_quoted(draft)}' (FORMAT parquet, COMPRESSION zstd, KV_METADATA {about})"
            )
        read = _digest_of(draft)
        if (read.rows, read.text) != (written.rows, written.text):
            raise ConfigError(f"{path.name} does not read back as it was written", "is the disk of --out in order?")
        manifest = Manifest(
            VERSION, park, month, path.name, read.rows, _sha256(draft), read.text, read.first or "", read.last or ""
        )
        draft.replace(path)
    notes = manifest_path(path)
    draft = notes.with_name(f".{notes.name}")
    draft.write_bytes(orjson.dumps(asdict(manifest), option=orjson.OPT_INDENT_2) + b"\n")
    draft.replace(notes)
    return manifest


def file_name(park: str, month: str) -> str:
    """Return how the file of a month is called."""
    return f"readings-{park}-{month}.parquet"


def manifest_path(path: Path) -> Path:
    """Return where the manifest of an archived file stands."""
    return path.with_suffix(".json")


def verify(path: Path) -> Manifest:
    """Read an archived file whole and compare it with its manifest; raises ConfigError where they differ."""
    try:
        manifest = Manifest(**orjson.loads(manifest_path(path).read_bytes()))
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError([Problem(path.name, f"has no manifest that can be read: {error}")]) from error
    if not path.is_file() or _sha256(path) != manifest.sha256:
        raise ConfigError([Problem(path.name, "is not the file its manifest was written for")])
    found = _digest_of(path)
    if (found.rows, found.text) != (manifest.rows, manifest.digest):
        raise ConfigError([Problem(path.name, "holds other readings than its manifest says")])
    return manifest


def verify_restorable(path: Path, about: Mapping[str, str]) -> None:
    """Read an archived file whole before its readings come back; raises ConfigError where it is not what was written."""
    if manifest_path(path).is_file():
        verify(path)
    elif "digest" not in about:
        raise ConfigError([Problem(path.name, "has no manifest beside it", f"put {manifest_path(path).name} there")])
    try:
        found = _digest_of(path)
    except duckdb.Error as error:
        raise ConfigError([Problem(path.name, f"cannot be read to its end: {str(error).splitlines()[0]}")]) from error
    if found.text != about.get("digest", found.text):
        raise ConfigError([Problem(path.name, "holds other readings than its digest says", "use another copy")])


def archived(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, str] | None:
    """Return what an archived file says of itself (park, month); None for any other file."""
    if path.suffix.lower() != ".parquet":
        return None
    try:
        rows = connection.execute("SELECT key, value FROM parquet_kv_metadata(?)", [str(path)]).fetchall()
    except duckdb.Error:
        return None
    about = {bytes(k).decode(): bytes(v).decode() for k, v in rows}
    return about if _KEY in about else None


def archived_rows(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Return how many readings an archived file holds."""
    (count,) = connection.execute("SELECT count(*) FROM read_parquet(?)", [str(path)]).fetchone() or (0,)
    return int(count)


def archived_readings(connection: duckdb.DuckDBPyConnection, path: Path) -> Iterator[pd.DataFrame]:
    """Yield the readings of an archived file as they were in the store, in bounded frames."""
    cursor = connection.execute(_READ, [str(path)])
    while len(chunk := cursor.fetch_df_chunk(_CHUNK_VECTORS)):
        for name in ("time", "received_at"):
            stamps = chunk[name].to_numpy(dtype="int64").view("datetime64[us]")
            chunk[name] = pd.DatetimeIndex(stamps, tz="UTC")
        yield readings_frame(chunk)


def _insert(connection: duckdb.DuckDBPyConnection, frame: pd.DataFrame) -> None:
    if frame.empty:
        return
    numbers = {c: frame[c].to_numpy("datetime64[us]").view("int64") for c in ("time", "received_at")}
    connection.register("batch", frame.assign(**numbers))
    connection.execute("INSERT INTO rows SELECT * FROM batch")
    connection.unregister("batch")


def _digest_of(path: Path) -> _Digest:
    found = _Digest()
    with duckdb.connect(config={"memory_limit": "256MB", "threads": 2}) as connection:
        for frame in archived_readings(connection, path):
            found.add(frame)
    return found


def _sha256(path: Path) -> str:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
    return found.hexdigest()


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
