"""Word of changes: who hears, who is refused, and that nobody keeps the service from ending."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator

import httpx2
import pytest
import uvicorn
from fastapi import FastAPI

from service.http import make_app
from service.live import Live
from service.runner import Runtime
from service.serving import Server
from tests.conftest import free_port


async def _take(stream: AsyncIterator[str], count: int) -> list[str]:
    return [await asyncio.wait_for(anext(stream), 10) for _ in range(count)]


def test_what_changes_together_is_told_together() -> None:
    async def run() -> list[str]:
        live = Live()
        stream = live.stream()
        found = await _take(stream, 1)
        threading.Thread(target=lambda: [live.tell(kind) for kind in ("data", "data", "alerts")]).start()
        found += await _take(stream, 1)
        live.close()
        assert [text async for text in stream] == []
        assert live.viewers == 0
        return found

    hello, changed = asyncio.run(run())
    assert hello == 'retry: 5000\nevent: hello\ndata: {"data": 0, "alerts": 0}\n\n'
    assert changed == 'event: changed\ndata: {"data": 2, "alerts": 1}\n\n'


def test_silence_is_broken_by_a_heartbeat() -> None:
    async def run() -> str:
        stream = Live(heartbeat_s=0.01).stream()
        return (await _take(stream, 2))[1]

    assert asyncio.run(run()) == ": still here\n\n"


def test_no_more_viewers_than_agreed() -> None:
    async def run() -> tuple[bool, bool, bool]:
        live = Live(most=1)
        before = live.full
        stream = live.stream()
        await _take(stream, 1)
        during = live.full
        await stream.aclose()
        return before, during, live.full

    assert asyncio.run(run()) == (False, True, False)


@pytest.fixture
def served(demo_park: Runtime):
    """Serve the demo park as `serve_runtime` does; yields its address, the hub and how to end it."""
    live, port = Live(), free_port()
    app: FastAPI = make_app(demo_park, "", live)
    server = Server(uvicorn.Config(app, port=port, log_config=None, timeout_graceful_shutdown=30), live)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/api/v1/live", live, server, thread
    server.should_exit = True
    thread.join()
    demo_park.listeners.pop()


def test_over_http_and_at_the_end_of_the_service(served, demo_park: Runtime) -> None:
    url, live, server, thread = served
    threads = threading.active_count()
    with httpx2.Client(timeout=20) as client, client.stream("GET", url) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert "content-encoding" not in answer.headers
        lines = answer.iter_lines()
        assert [next(lines) for _ in range(2)] == ["retry: 5000", "event: hello"]
        others = [socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0]))) for _ in range(11)]
        for other in others:
            other.sendall(b"GET /api/v1/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            assert b"hello" in _until_hello(other)
        assert live.viewers == 12
        refused = client.get(url)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
        assert threading.active_count() <= threads + 1
        demo_park.tell("data")
        while next(lines) != "event: changed":
            pass
        assert json.loads(next(lines).removeprefix("data: ")) == {"data": 1, "alerts": 0}
        server.should_exit = True
        assert list(lines)[-1:] in ([""], [])  # the stream ends in order
        for other in others:
            other.close()
    thread.join(20)  # the graceful timeout is longer
    assert not thread.is_alive()


def test_one_viewer_does_not_fill_every_place() -> None:
    async def run() -> tuple[list[bool], list[str]]:
        live = Live(most=5, most_each=2)
        streams = [live.stream("ann") for _ in range(3)]  # at once, before any of them is counted
        heard = [await anext(stream, "nothing") for stream in streams]
        room = [live.full_for("ann"), live.full_for("olga")]
        await streams[0].aclose()
        room.append(live.full_for("ann"))
        for stream in streams:
            await stream.aclose()
        return room, heard

    room, heard = asyncio.run(run())
    assert room == [True, False, False]
    assert [text.startswith("retry") for text in heard] == [True, True, False]


def _until_hello(sock: socket.socket) -> bytes:
    sock.settimeout(20)
    found = b""
    while b"hello" not in found:
        found += sock.recv(4096)
    return found
