"""Alerts through Apprise: e-mail, DingTalk, Feishu, WeCom, Telegram and a hundred more, by URL."""

from __future__ import annotations

import apprise

from core.errors import ConfigError, Retryable
from rules.notify.notice import Notice
from rules.notify.plain import body, subject

_TYPES = {"critical": apprise.NotifyType.FAILURE, "warning": apprise.NotifyType.WARNING}


class PushSender:
    """One Apprise URL."""

    def __init__(self, receiver_id: str, url: str) -> None:
        self._id = receiver_id
        self._target = apprise.Apprise()
        if not self._target.add(url):
            raise ConfigError(
                f"receiver {receiver_id}: Apprise does not understand this URL", "see its list of services"
            )

    def send(self, notice: Notice) -> None:
        is_over = all(t.why == "resolved" for t in notice.told)
        kind = apprise.NotifyType.SUCCESS if is_over else _TYPES.get(notice.told[0].alert.severity)
        delivered = self._target.notify(
            title=subject(notice), body=body(notice), notify_type=kind or apprise.NotifyType.INFO
        )
        if not delivered:
            # Apprise tells its own log why; here only that the same notice may be tried again.
            raise Retryable(f"receiver {self._id}: the service did not take the message")
