"""Structured logs on standard error: one line an event, `key=value` after the message, or JSON."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime

import orjson

_PLAIN = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """`2026-10-01T08:00:00Z INFO ingest.collector connected host=127.0.0.1`."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{_stamp(record)} {record.levelname} {record.name} {record.getMessage()}"
        text += "".join(f" {key}={_quoted(value)}" for key, value in _extra(record).items())
        return text if not record.exc_info else f"{text}\n{self.formatException(record.exc_info)}"


class JsonFormatter(logging.Formatter):
    """One JSON object a line, for log collectors."""

    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "time": _stamp(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        entry |= {key: str(value) for key, value in _extra(record).items()}
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(entry).decode()


def set_up(*, json_lines: bool = False, level: str = "INFO") -> None:
    """Send every logger's lines to standard error in one form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if json_lines else LineFormatter())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for noisy in ("apscheduler", "uvicorn.error", "uvicorn.access", "urllib3", "amqtt"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _extra(record: logging.LogRecord) -> dict[str, object]:
    return {key: value for key, value in vars(record).items() if key not in _PLAIN}


def _stamp(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _quoted(value: object) -> str:
    text = str(value)
    return orjson.dumps(text).decode() if any(c in text for c in ' "=\n\r') else text
