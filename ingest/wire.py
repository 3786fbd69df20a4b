"""paho's client with fewer calls: messages are cut out of what has come many at a time, acknowledgements leave together.

paho reads a packet in four pieces, makes an object with a lock of it, and sends each acknowledgement by itself; that is
three times the work of reading what the message says. Here bytes are read ahead; plain messages (QoS 0 and 1, well
formed, whole) are cut out of them directly, and everything else, above all what is wrong, is left to paho in its turn.
Only two inner methods of paho are replaced; should paho rename them, all stays right and merely becomes slower.
"""

from __future__ import annotations

import contextlib
import ssl
import struct
from collections.abc import Iterator, Sequence

import paho.mqtt.client as mqtt

from ingest.handoff import Received

READ_AHEAD_BYTES = 262_144
_PUBACK = 0x4002
_LONGEST_LENGTH = 4  # bytes of a packet's length


class Wire(mqtt.Client):
    """An MQTT client that reads ahead and can hold back what it sends for a moment."""

    _ahead = b""
    _ahead_at = 0
    _outbox = b""
    _corked = False
    _ended = False
    refusal: ssl.SSLError | None = None  # with TLS 1.3 a broker refuses our certificate only once we read from it

    # -- reading

    def read_ahead(self) -> None:
        """Take what the line has; whether it broke is for paho to find out, at the next `loop_read`."""
        try:
            more = super()._sock_recv(READ_AHEAD_BYTES)
        except BlockingIOError:
            return
        except (OSError, ValueError, AttributeError) as error:
            self.refusal = error if isinstance(error, ssl.SSLError) else self.refusal
            more = b""
        self._ended = not more
        self._ahead = self._ahead[self._ahead_at :] + more
        self._ahead_at = 0

    def messages(self, received_us: int, epoch: int) -> list[Received]:
        """Cut the plain messages out that come next; each one's time of receipt is a microsecond after the last."""
        found: list[Received] = []
        ahead, at, size = self._ahead, self._ahead_at, len(self._ahead)
        while size - at > 1 and ahead[at] & 0xF4 == 0x30:  # noqa: PLR2004 - PUBLISH of QoS 0 or 1
            qos = ahead[at] >> 1 & 1
            length, body = _remaining(ahead, at + 1)
            end = body + length
            if length < 2 or end > size:  # noqa: PLR2004 - the length of the topic
                break
            topic_end = body + 2 + (ahead[body] << 8 | ahead[body + 1])
            start = topic_end + 2 * qos
            if start > end or topic_end == body + 2:
                break
            mid = ahead[topic_end] << 8 | ahead[topic_end + 1] if qos else 0
            if qos and not mid:
                break
            topic = str(ahead[body + 2 : topic_end], "utf-8", "replace")
            found.append(Received(topic, ahead[start:end], received_us + len(found), mid, qos, epoch))
            at = end
        self._ahead_at = at
        return found

    @property
    def wants_paho(self) -> bool:
        """Whether a packet waits here whole, or the line has ended."""
        if self._ended:
            return True
        if len(self._ahead) - self._ahead_at < 2:  # noqa: PLR2004 - kind and length of a packet
            return False
        length, body = _remaining(self._ahead, self._ahead_at + 1)
        broken = length < 0 and len(self._ahead) - self._ahead_at > _LONGEST_LENGTH
        return broken or 0 <= length <= len(self._ahead) - body

    def _sock_recv(self, bufsize: int) -> bytes:
        if self._ahead_at == len(self._ahead):
            self.read_ahead()
            if self._ended:
                return b""
            if not self._ahead:
                raise BlockingIOError
        piece = self._ahead[self._ahead_at : self._ahead_at + bufsize]
        self._ahead_at += len(piece)
        return piece

    # -- sending

    def want_write(self) -> bool:
        """Say whether something waits to be sent."""
        return bool(self._outbox) or super().want_write()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Send what is sent within in one piece."""
        self._corked = True
        try:
            yield
        finally:
            self._corked = False
            self.flush()

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Send the acknowledgements of messages of QoS 1."""
        self._outbox += struct.pack(f">{2 * len(mids)}H", *(word for mid in mids for word in (_PUBACK, mid)))
        if not self._corked:
            self.flush()

    def flush(self) -> None:
        """Send what was held back, as far as the line takes it; a broken line is found out by the next read."""
        with contextlib.suppress(OSError, ValueError, AttributeError):
            while self._outbox:
                self._outbox = self._outbox[super()._sock_send(self._outbox) :]

    def _sock_send(self, buf: bytes | bytearray) -> int:
        # Everything leaves through here, in the order it was said: a packet sent by half must not be cut in two.
        self._outbox += bytes(buf)
        if not self._corked:
            self.flush()
        return len(buf)


def _remaining(data: bytes, at: int) -> tuple[int, int]:
    """Return a packet's length as written at `at`, and where its body begins; -1 where it is not whole or wrong."""
    length = data[at]
    if length < 128:  # noqa: PLR2004 - one byte is enough, as for nearly every packet
        return length, at + 1
    length &= 127
    for n in range(1, min(_LONGEST_LENGTH, len(data) - at)):
        length |= (data[at + n] & 127) << 7 * n
        if data[at + n] < 128:  # noqa: PLR2004
            return length, at + n + 1
    return -1, at
