"""How a command finds the running service that owns the embedded store's file."""

from __future__ import annotations

import hashlib
import os
import ssl
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson
import requests
from requests.adapters import HTTPAdapter

from core.errors import ConfigError, Retryable
from core.park import Park


@dataclass(frozen=True)
class Address:
    """Where a service answers, and the token its own user may write with."""

    url: str
    token: str
    pid: int
    fingerprint: str = ""  # of its certificate, whose name need not be that of this machine


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


def fingerprint_of(certificate: Path) -> str:
    """Return the SHA-256 of the first certificate in a PEM file."""
    text = certificate.read_text(encoding="ascii", errors="replace")
    first = text[: text.find("-----END CERTIFICATE-----")] + "-----END CERTIFICATE-----\n"
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first[first.find("-----BEGIN CERTIFICATE-----") :])).hexdigest()


class _Pinned(HTTPAdapter):
    """Believes one certificate: the one that the service's own user left the fingerprint of."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        super().__init__()

    def init_poolmanager(self, *given: Any, **more: Any) -> None:  # Any: as requests has it
        super().init_poolmanager(*given, **more, assert_fingerprint=self._fingerprint)


def _session(address: Address) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy between us and this machine, no other credentials
    if address.fingerprint:
        session.verify = False  # instead of it, the fingerprint
        session.mount("https://", _Pinned(address.fingerprint))
    return session


def ask(
    address: Address, method: str, path: str, json: object = None, timeout_s: float = 600.0, *, stream: bool = False
) -> requests.Response:
    """Ask the running service; its refusals become our errors."""
    try:
        with _session(address) as session:
            answer = session.request(
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
