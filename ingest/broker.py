"""A broker of our own, for parks that have none: a child process on loopback that ends with us."""

from __future__ import annotations

import base64
import getpass
import hashlib
import importlib.util
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Literal

from core.errors import ConfigError
from core.park import Broker
from ingest.child import start_watched, stop_watched

USERNAME = "parkwatt"
MAX_QUEUED_BYTES = 256 << 20  # what the broker keeps for a collector that is away
MAX_INFLIGHT = 10_000  # below the high-water mark of what we hold: the broker waits, and nobody has to hang up
START_CHECKS = 1000
START_CHECK_S = 0.02
ATTEMPTS = 5
_MOSQUITTO_ROUNDS = 10_000
_SBIN = "/usr/sbin:/usr/local/sbin:/sbin"

Kind = Literal["mosquitto", "amqtt"]


class ChildBroker:
    """A broker on 127.0.0.1 with its own private folder, one user and a random password.

    Mosquitto where the machine has it: its sessions and queues survive a restart. Otherwise amqtt, which keeps them in
    memory only. Raises ConfigError on start where there is neither.
    """

    def __init__(self, folder: Path, kind: Kind | None = None) -> None:
        self._folder = folder
        self._wanted = kind
        self._process: subprocess.Popen[bytes] | None = None
        self.kind: Kind | None = None
        self.host = "127.0.0.1"
        self.port = 0
        self.username = USERNAME
        self.password = ""

    @property
    def password_file(self) -> Path:
        """Where PARK.yaml's `mqtt.password_file` finds the password."""
        return self._folder / "password"

    @property
    def alive(self) -> bool:
        """Whether the broker runs."""
        return self._process is not None and self._process.poll() is None

    def settings(self, client_id: str | None = None) -> Broker:
        """Return what PARK.yaml's `mqtt` says of this broker."""
        return Broker(
            host=self.host,
            port=self.port,
            client_id=client_id,
            username=self.username,
            password_file=self.password_file,
        )

    def start(self) -> tuple[str, int]:
        """Start the broker and return its host and port, once it answers."""
        command = self._command()
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder.chmod(0o700)
        self._keep_password()
        for _ in range(ATTEMPTS):
            # Somebody else may take the port between our look and the broker's bind: then it ends, and we try again.
            self.port = _free_port()
            self._configure()
            with (self._folder / "broker.log").open("ab") as log:
                self._process = start_watched(command, log)
            if self._answers():
                return self.host, self.port
            self.stop()
        raise ConfigError("the broker does not start", f"see {self._folder / 'broker.log'}")

    def stop(self, timeout_s: float = 10.0) -> None:
        """End the broker and wait until it has saved what it keeps."""
        process, self._process = self._process, None
        if process is not None:
            stop_watched(process, timeout_s)

    def _command(self) -> list[str]:
        program = shutil.which("mosquitto") or shutil.which("mosquitto", path=_SBIN)
        if program and self._wanted in {None, "mosquitto"}:
            self.kind = "mosquitto"
            return [program, "-c", str(self._folder / "mosquitto.conf")]
        if importlib.util.find_spec("amqtt") and self._wanted in {None, "amqtt"}:
            self.kind = "amqtt"
            return [sys.executable, "-m", "ingest.amqtt_child", str(self._folder / "amqtt.json")]
        raise ConfigError(
            "there is no MQTT broker on this machine",
            "install mosquitto (apt-get install mosquitto), or pip install 'parkwatt[demo]'",
        )

    def _keep_password(self) -> None:
        """Read the folder's password, or make one: clients of an earlier run keep theirs."""
        if not self.password_file.exists():
            _write_private(self.password_file, secrets.token_urlsafe(24))
        self.password = self.password_file.read_text().strip()

    def _configure(self) -> None:
        if self.kind == "mosquitto":
            _write_private(self._folder / "users", f"{self.username}:{_mosquitto_hash(self.password)}\n")
            _write_private(self._folder / "mosquitto.conf", self._mosquitto_conf())
        else:
            settings = {"port": self.port, "username": self.username, "password_file": str(self.password_file)}
            _write_private(self._folder / "amqtt.json", json.dumps(settings))

    def _mosquitto_conf(self) -> str:
        # Started as root without `user`, mosquitto becomes its own user, who cannot write here, and says so nowhere.
        user = "root" if os.geteuid() == 0 else getpass.getuser()
        lines = {
            "listener": f"{self.port} {self.host}",
            "user": user,
            "allow_anonymous": "false",
            "password_file": self._folder / "users",
            "persistence": "true",
            "persistence_location": f"{self._folder}/",
            "autosave_interval": "30",
            "max_queued_messages": "0",
            "max_queued_bytes": MAX_QUEUED_BYTES,
            "max_inflight_messages": MAX_INFLIGHT,
            "log_dest": "stderr",
            "log_type": "error\nlog_type warning",
        }
        return "".join(f"{key} {value}\n" for key, value in lines.items())

    def _answers(self) -> bool:
        for _ in range(START_CHECKS):
            if not self.alive:
                return False
            with socket.socket() as probe:
                probe.settimeout(0.2)
                if probe.connect_ex((self.host, self.port)) == 0:
                    return self.alive
            time.sleep(START_CHECK_S)
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _write_private(file: Path, text: str) -> None:
    """Write a file only we can read; it is never readable by others, not even while it is made."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)


def _mosquitto_hash(password: str) -> str:
    """Return a line's second half of a mosquitto password file: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _MOSQUITTO_ROUNDS)
    return f"$7${_MOSQUITTO_ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
