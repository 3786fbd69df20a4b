"""How a command finds the running service that owns the embedded store's file."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson
import requests

from core.errors import ConfigError, Retryable
from core.park import Park


@dataclass(frozen=True)
class Address:
    """Where a service answers, and the token its own user may write with."""

    url: str
    token: str
    pid: int


def _path(park: Park) -> Path:
    return park.state.parent / "service.json"


def announce(park: Park, address: Address) -> None:
    """Leave the address for commands of the same user."""
    path = _path(park)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(asdict(address)))


def withdraw(park: Park) -> None:
    """Take the address away at the end."""
    _path(park).unlink(missing_ok=True)


def running(park: Park) -> Address | None:
    """Return the address of a service that is alive, or None."""
    try:
        address = Address(**orjson.loads(_path(park).read_bytes()))
        os.kill(address.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return address


def ask(
    address: Address, method: str, path: str, json: object = None, timeout_s: float = 600.0, *, stream: bool = False
) -> requests.Response:
    """Ask the running service; its refusals become our errors."""
    try:
        answer = requests.request(
            method,
            address.url + path,
            timeout=timeout_s,
            headers={"Authorization": f"Bearer {address.token}"},
            json=json,
            stream=stream,
        )
    except requests.RequestException as error:
        raise Retryable(f"the running service (process {address.pid}) does not answer: {error}") from error
    if answer.ok:
        return answer
    try:
        detail = str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    kind = Retryable if answer.status_code in {429, 500, 502, 503, 504} else ConfigError
    raise kind(detail)
