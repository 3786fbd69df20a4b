"""The child process in which amqtt runs; started by `ingest.broker`, never by hand."""

from __future__ import annotations

import asyncio
import hmac
import json
import logging
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from amqtt.plugins.base import BaseAuthPlugin


class OneUser(BaseAuthPlugin):  # type: ignore[misc]  # amqtt ships no types
    """Admits one user by password: amqtt keeps messages for an absent client only where it was authenticated."""

    @dataclass
    class Config:
        """What amqtt hands over from its configuration."""

        username: str = ""
        password: str = ""

    async def authenticate(self, *, session: Any) -> bool:  # Any: amqtt ships no types
        """Say whether the session's name and password are the ones we made."""
        if not await super().authenticate(session=session):
            return False
        given, own = f"{session.username}:{session.password}", f"{self.config.username}:{self.config.password}"
        return hmac.compare_digest(given.encode(), own.encode())


async def serve(port: int, username: str, password: str) -> None:
    """Serve until told to end."""
    broker = Broker(
        {
            "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}", "max_connections": 1000}},
            "plugins": {"ingest.amqtt_child.OneUser": {"username": username, "password": password}},
        }
    )
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await broker.start()
    await ended.wait()
    await broker.shutdown()


if __name__ == "__main__":
    logging.basicConfig(level="WARNING")
    chosen = json.loads(Path(sys.argv[1]).read_text())
    secret = Path(chosen["password_file"]).read_text().strip()
    asyncio.run(serve(chosen["port"], chosen["username"], secret))
