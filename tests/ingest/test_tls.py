"""TLS both ways on a real broker: what is refused is said in words, and tried again until it is right."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.park import Park
from ingest.broker import _mosquitto_hash
from tests.conftest import accepts, free_port, need, wait_for
from tests.ingest.test_collector import Run, at, run

__all__ = ["run"]  # a fixture

pytestmark = [
    pytest.mark.broker,
    # paho leaves a socket whose TLS handshake failed to the garbage collector.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


class Authority:
    """A certificate authority in a folder."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.certificate = self.folder / "ca.pem"
        self._openssl = need("openssl", "openssl")
        self._ask("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}",
                  "-keyout", "ca.key", "-out", "ca.pem")  # fmt: skip

    def sign(self, name: str, days: int = 2) -> tuple[Path, Path]:
        """Return certificate and key of one end; with negative days it has expired."""
        (self.folder / f"{name}.ext").write_text("subjectAltName=DNS:localhost\n")
        self._ask("req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", f"{name}.key",
                  "-out", f"{name}.csr")  # fmt: skip
        self._ask("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial",
                  "-days", str(days), "-extfile", f"{name}.ext", "-out", f"{name}.pem")  # fmt: skip
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"

    def _ask(self, *arguments: str) -> None:
        subprocess.run([self._openssl, *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path, "park")


@pytest.fixture
def port(tmp_path: Path, authority: Authority) -> Iterator[int]:
    """A broker that wants a certificate and a password."""
    certificate, key = authority.sign("localhost")
    number = free_port()
    user = "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody")
    (tmp_path / "users").write_text(f"park:{_mosquitto_hash('right')}\n")
    config = tmp_path / "tls.conf"
    config.write_text(
        f"listener {number} 127.0.0.1\nuser {user}\ncafile {authority.certificate}\ncertfile {certificate}\n"
        f"keyfile {key}\nrequire_certificate true\nallow_anonymous false\npassword_file {tmp_path / 'users'}\n"
        "log_dest none\n"
    )
    process = subprocess.Popen([need("mosquitto", "mosquitto"), "-c", str(config)])
    wait_for(lambda: accepts(number), what="mosquitto")
    yield number
    process.kill()
    process.wait()
    gc.collect()


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest.backoff.Backoff.delay_s", lambda _self, _failures: 0.05)
    monkeypatch.setenv("PARKWATT_TEST_MQTT", "right")


def secure(authority: Authority, pair: tuple[Path, Path], **changes: object) -> dict[str, object]:
    certificate, key = pair
    return {
        "host": "localhost", "tls": True, "ca_file": authority.certificate, "cert_file": certificate, "key_file": key,
        "username": "park", "password_env": "PARKWATT_TEST_MQTT", **changes,
    }  # fmt: skip


def test_certificates_both_ways_and_a_password_from_the_environment(
    port: int, authority: Authority, small_park: Park, run: Run
) -> None:
    run(at(small_park, port, **secure(authority, authority.sign("collector")))).connected()


@pytest.mark.parametrize("fault", ["expired", "stranger", "none", "password", "authority"])
def test_each_fault_has_its_words_and_is_tried_again(
    port: int,
    authority: Authority,
    small_park: Park,
    run: Run,
    tmp_path: Path,
    fault: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    good = authority.sign("collector")
    settings = secure(authority, good)
    words = "refuses our certificate"
    if fault == "expired":
        certificate, key = authority.sign("old", days=-1)
        settings |= {"cert_file": certificate, "key_file": key}
        words = "refuses our certificate: it has expired"
    elif fault == "stranger":
        certificate, key = Authority(tmp_path, "elsewhere").sign("collector")
        settings |= {"cert_file": certificate, "key_file": key}
    elif fault == "none":
        settings |= {"cert_file": None, "key_file": None}
        words = "wants a certificate of ours"
    elif fault == "password":
        monkeypatch.setenv("PARKWATT_TEST_MQTT", "wrong")
        words = "refuses us: Not authorized"
    else:
        settings |= {"ca_file": Authority(tmp_path, "elsewhere").certificate}
        words = "certificate verify failed"
    running = run(at(small_park, port, **settings))
    wait_for(lambda: words in (running.collector.status().error or ""), what=words)
    failures = running.collector._session._failures
    wait_for(lambda: running.collector._session._failures > failures + 2, what="further attempts")
    status = running.collector.status()
    assert status.error.startswith(f"broker localhost:{port}: ")
    assert words in status.error
    assert not status.connected
    # One line for all the attempts.
    assert sum(words in r.getMessage() for r in caplog.records) == 1


def test_it_connects_once_the_certificate_is_renewed(
    port: int, authority: Authority, small_park: Park, run: Run, tmp_path: Path
) -> None:
    own = tmp_path / "own.pem", tmp_path / "own.key"
    for source, target in zip(authority.sign("old", days=-1), own, strict=True):
        shutil.copy(source, target)
    running = run(at(small_park, port, **secure(authority, own)))
    wait_for(lambda: "has expired" in (running.collector.status().error or ""), what="the refusal")
    for source, target in zip(authority.sign("new"), own, strict=True):
        shutil.copy(source, target)
    running.connected()
    assert running.collector.status().error is None
