"""Reading ahead and sending together, on a socket that takes and gives little at a time."""

from __future__ import annotations

import paho.mqtt.client as mqtt
import pytest

from ingest.handoff import Received
from ingest.wire import Wire


class Line:
    """A socket of a kind: gives what it was given, takes `room` bytes and then blocks."""

    def __init__(self, incoming: bytes = b"", room: int = 1 << 20) -> None:
        self.incoming = incoming
        self.room = room
        self.sent = b""
        self.reads = 0

    def recv(self, size: int) -> bytes:
        self.reads += 1
        if not self.incoming:
            raise BlockingIOError
        piece, self.incoming = self.incoming[:size], self.incoming[size:]
        return piece

    def send(self, data: bytes) -> int:
        taken = min(len(data), self.room, 3)
        if not taken:
            raise BlockingIOError
        self.room -= taken
        self.sent += bytes(data[:taken])
        return taken

    def close(self) -> None:
        """Nothing to close."""


def wired(line: Line) -> Wire:
    client = Wire(mqtt.CallbackAPIVersion.VERSION2, manual_ack=True, protocol=mqtt.MQTTv311)
    client._sock = line
    return client


def publication(mid: int, payload: bytes) -> bytes:
    body = b"\x00\x01t" + mid.to_bytes(2, "big") + payload
    length, rest = [], len(body)
    while True:
        rest, digit = divmod(rest, 128)
        length.append(digit | (128 if rest else 0))
        if not rest:
            return b"\x32" + bytes(length) + body


def test_a_hundred_packets_are_read_with_one_call() -> None:
    line = Line(b"".join(publication(n, b"x" * n) for n in range(1, 101)))
    client = wired(line)
    found: list[tuple[int, int]] = []
    client.on_message = lambda _c, _u, m: found.append((m.mid, len(m.payload)))
    for _ in range(100):
        client.loop_read()
    assert [(n, n) for n in range(1, 101)] == found
    assert line.reads == 1
    assert not client.wants_paho


def test_a_packet_larger_than_what_is_read_ahead() -> None:
    client = wired(Line(publication(7, b"y" * 300_000) + publication(8, b"z")))
    found: list[int] = []
    client.on_message = lambda _c, _u, m: found.append(len(m.payload))
    for _ in range(10):
        client.loop_read()
    assert found == [300_000, 1]


def read(client: Wire, line: Line) -> list[Received]:
    """Everything the line holds, as a session reads it."""
    found: list[Received] = []
    client.on_message = lambda _c, _u, m: found.append(Received(m.topic, bytes(m.payload), 0, m.mid, m.qos, 9))
    while line.incoming:
        client.read_ahead()
        while True:
            found += client.messages(1_000_000 + len(found), 9)
            if not client.wants_paho or client.loop_read() != mqtt.MQTT_ERR_SUCCESS:
                break
    return found


@pytest.mark.parametrize("step", [1, 2, 3, 7, 1 << 20])
def test_messages_are_the_same_however_the_line_cuts_them(step: int) -> None:
    sizes = [0, 1, 120, 121, 122, 123, 124, 16_380, 16_381, 3]
    stream = b"".join(publication(n + 1, b"p" * size) for n, size in enumerate(sizes))
    stream += b"\x30\x03\x00\x01t" + b"\xd0\x00" + b"\x3b\x06\x00\x01u\x00\x63!"
    line = Line(stream)
    client = wired(line)
    give = line.recv
    line.recv = lambda size: give(min(size, step))
    found = read(client, line)
    assert [(n + 1, size) for n, size in enumerate(sizes)] == [(m.mid, len(m.payload)) for m in found[:10]]
    assert (found[10].topic, found[10].payload, found[10].mid, found[10].qos) == ("t", b"", 0, 0)
    assert (found[11].topic, found[11].payload, found[11].mid, found[11].qos) == ("u", b"!", 99, 1)
    assert [1_000_000 + n for n in range(12)] == [m.received_us for m in found]


@pytest.mark.parametrize(
    "wrong",
    [
        b"\x32\x04\x00\x09t\x00",  # a topic longer than the packet
        b"\x32\x05\x00\x01t\x00\x00",  # packet id 0
        b"\x32\x04\x00\x00\x00\x01",  # no topic
        b"\x32\xff\xff\xff\xff\x01",  # a length without end
        b"\x32\x00",
    ],
)
def test_what_is_no_message_is_left_to_paho(wrong: bytes) -> None:
    client = wired(Line(publication(1, b"x") + wrong))
    client.read_ahead()
    assert [m.mid for m in client.messages(0, 1)] == [1]
    assert client.wants_paho
    assert client.messages(0, 1) == []


def test_a_topic_that_is_no_text_is_still_a_message() -> None:
    client = wired(Line(b"\x30\x04\x00\x02\xffa"))
    client.read_ahead()
    assert [m.topic for m in client.messages(0, 1)] == ["\N{REPLACEMENT CHARACTER}a"]


def test_an_ended_line_gives_what_it_held_and_then_ends() -> None:
    line = Line(publication(1, b"x") + publication(2, b"y")[:-1])
    client = wired(line)
    client.read_ahead()
    assert [m.mid for m in client.messages(0, 1)] == [1]
    line.recv = lambda _size: b""
    client.read_ahead()
    assert client.wants_paho
    assert client.loop_read() == mqtt.MQTT_ERR_CONN_LOST


def test_acknowledgements_leave_in_one_piece_and_in_order() -> None:
    line = Line()
    client = wired(line)
    with client.together():
        client.ack(1, 1)
        client.acknowledge([2, 3])
        assert line.sent == b""
    assert line.sent == b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"
    assert not client.want_write()


def test_what_the_line_does_not_take_waits_its_turn() -> None:
    line = Line(room=5)
    client = wired(line)
    with client.together():
        client.ack(1, 1)
        client.ack(2, 1)
    assert client.want_write()
    client.ack(3, 1)
    line.room = 100
    client.flush()
    assert line.sent == b"\x40\x02\x00\x01\x40\x02\x00\x02\x40\x02\x00\x03"


def test_a_broken_line_is_found_out_by_reading() -> None:
    line = Line()
    client = wired(line)

    def broken(_data: bytes) -> int:
        raise ConnectionResetError

    line.send = broken
    with client.together():
        client.ack(1, 1)
    line.recv = lambda _size: b""
    assert client.loop_read() == mqtt.MQTT_ERR_CONN_LOST


@pytest.mark.parametrize("inner", ["_sock_recv", "_sock_send"])
def test_paho_still_has_what_is_replaced(inner: str) -> None:
    assert callable(getattr(mqtt.Client, inner))
