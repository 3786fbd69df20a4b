"""A line that can be cut: a TCP proxy on loopback that aborts, stalls and half-closes connections when told to."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from tests.conftest import free_port

_READ_BYTES = 4096
_ABORT = struct.pack("ii", 1, 0)  # SO_LINGER with no time: the line breaks with RST, whatever was on its way


class Proxy:
    """Passes bytes between its own port and another one of this machine."""

    def __init__(self, target: int) -> None:
        self.port = free_port()
        self.passed = 0  # bytes
        self._target = target
        self._lines: set[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = set()
        self._loop = asyncio.new_event_loop()
        self._flowing = asyncio.Event()
        self._cut_after: int | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def start(self) -> None:
        """Begin to pass."""
        self._thread.start()
        self._tell(self._flowing.set)
        served = asyncio.start_server(self._line, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(served, self._loop).result(10)

    def stop(self) -> None:
        """End, and every line with it."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(10)
        self._tell(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _end(self) -> None:
        self._server.close()
        self._flowing.set()
        self._abort_all()
        await asyncio.wait_for(asyncio.gather(*(asyncio.all_tasks() - {asyncio.current_task()})), 5)

    def cut(self) -> None:
        """Break every line at once."""
        self._tell(self._abort_all)

    def cut_within(self, more_bytes: int) -> None:
        """Break every line after so many more bytes, in the middle of whatever they are."""
        self._cut_after = self.passed + more_bytes

    def stall(self) -> None:
        """Pass nothing, and break nothing, until `flow`."""
        self._tell(self._flowing.clear)

    def flow(self) -> None:
        """Pass again."""
        self._tell(self._flowing.set)

    def half_close(self, *, towards_client: bool) -> None:
        """Say goodbye in one direction only."""
        self._tell(lambda: self._say_goodbye(0 if towards_client else 1))

    def _say_goodbye(self, side: int) -> None:
        for line in self._lines:
            with contextlib.suppress(OSError, RuntimeError):
                line[side].write_eof()

    def _tell(self, what: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(what)

    def _abort_all(self) -> None:
        for line in self._lines:
            for writer in line:
                with contextlib.suppress(OSError):
                    raw = writer.get_extra_info("socket")
                    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _ABORT)
                writer.transport.abort()

    async def _line(self, client_in: asyncio.StreamReader, client_out: asyncio.StreamWriter) -> None:
        try:
            target_in, target_out = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            client_out.transport.abort()
            return
        line = (client_out, target_out)
        self._lines.add(line)
        try:
            await asyncio.gather(self._pump(client_in, target_out), self._pump(target_in, client_out))
        finally:
            self._lines.discard(line)
            for writer in line:
                writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, RuntimeError):
            while piece := await source.read(_READ_BYTES):
                await self._flowing.wait()
                cut_after = self._cut_after
                if cut_after is not None and self.passed + len(piece) > cut_after:
                    self._cut_after = None
                    sink.write(piece[: max(1, cut_after - self.passed)])
                    await asyncio.sleep(0.01)
                    self._abort_all()
                    return
                self.passed += len(piece)
                sink.write(piece)
                await sink.drain()
            sink.write_eof()
