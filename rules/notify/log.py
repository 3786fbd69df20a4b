"""Alerts into the program's own log."""

from __future__ import annotations

import logging

from rules.notify.notice import Notice
from rules.notify.plain import line

_log = logging.getLogger(__name__)
_LEVELS = {"critical": logging.ERROR, "warning": logging.WARNING}


class LogSender:
    """One log line per alert."""

    def send(self, notice: Notice) -> None:
        for told in notice.told:
            level = logging.INFO if told.why == "resolved" else _LEVELS.get(told.alert.severity, logging.INFO)
            _log.log(level, "%s", line(told, notice.language), extra={"fingerprint": told.alert.fingerprint})
