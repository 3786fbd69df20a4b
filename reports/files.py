"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

from core.errors import ConfigError, Retryable

FULL = (errno.ENOSPC, errno.EDQUOT)


def write_all(folder: Path, contents: dict[str, bytes]) -> list[Path]:
    """Write every file beside its final name first, then rename them all into place."""
    staged: list[tuple[Path, Path]] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            staged.append((_stage(folder, content), folder / name))
        for temporary, final in staged:
            temporary.replace(final)
    except OSError as error:
        for temporary, _ in staged:
            temporary.unlink(missing_ok=True)
        if error.errno in FULL:
            raise Retryable(f"no space left in {folder} for the report") from error
        raise ConfigError(
            f"cannot write the report to {folder}: {error.strerror}",
            "is the folder there, and may Parkwatt write to it?",
        ) from error
    return [final for _, final in staged]


def _stage(folder: Path, content: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=".parkwatt-", dir=folder)
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        path.chmod(0o644)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path
