"""Answers of Open-Meteo, made by hand after its public documentation, and a server on loopback that gives them."""

from __future__ import annotations

import contextlib
import json
import math
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

HOUR_S = 3600


def documented(first: datetime, hours: int, **columns: list[float | None]) -> dict[str, object]:
    """Return what the service answers for `hours` labels from `first` on, with `timeformat=unixtime`."""
    labels = [int(first.timestamp()) + n * HOUR_S for n in range(hours)]
    usual = {
        "shortwave_radiation": [float(100 * n) for n in range(hours)],
        "temperature_2m": [10.0 + n for n in range(hours)],
        "wind_speed_10m": [2.0] * hours,
    }
    return {
        "latitude": 31.21, "longitude": 121.5, "generationtime_ms": 0.0842, "utc_offset_seconds": 0,
        "timezone": "GMT", "timezone_abbreviation": "GMT", "elevation": 9.0,
        "hourly_units": {"time": "unixtime", "shortwave_radiation": "W/m²", "temperature_2m": "°C", "wind_speed_10m": "m/s"},
        "hourly": {"time": labels, **usual, **columns},
    }  # fmt: skip


def of_question(path: str, question: dict[str, str]) -> tuple[int, object]:
    """Answer a question about any span as documented."""
    if path.endswith("/archive"):
        first = datetime.fromisoformat(question["start_date"]).replace(tzinfo=UTC)
        last = datetime.fromisoformat(question["end_date"]).replace(tzinfo=UTC)
        hours = (last - first).days * 24 + 24
    else:
        first = datetime.fromisoformat(question["start_hour"]).replace(tzinfo=UTC)
        last = datetime.fromisoformat(question["end_hour"]).replace(tzinfo=UTC)
        hours = int((last - first).total_seconds()) // HOUR_S + 1
    return 200, documented(first, hours, **weather(first, hours))


def weather(first: datetime, hours: int, brighter: float = 1.0) -> dict[str, list[float | None]]:
    """Return days under thin clouds at 121.5° E: light from 21 to 11 o'clock UTC, brightest at 4."""
    ends = [int(first.timestamp()) // HOUR_S + n for n in range(hours)]
    height = [math.cos((end % 24 - 0.5 - 3.9) / 24 * 2 * math.pi) for end in ends]
    return {
        "shortwave_radiation": [round(max(700 * brighter * h - 100, 0.0), 1) for h in height],
        "temperature_2m": [round(22 + 4 * h, 1) for h in height],
        "wind_speed_10m": [round(2.5 + 0.5 * h + 0.1 * (end % 7), 2) for end, h in zip(ends, height, strict=True)],
    }


@contextlib.contextmanager
def serving(
    answer: Callable[[str, dict[str, str]], tuple[int, object]],
) -> Iterator[tuple[str, list[tuple[str, dict[str, str]]]]]:
    """Serve answers on loopback; yields the address and the questions that came."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            question = {k: v[0] for k, v in parse_qs(parts.query).items()}
            asked.append((parts.path, question))
            status, document = answer(parts.path, question)
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
