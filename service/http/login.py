"""The page where one signs in: one form, in two languages, that works without scripts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from html import escape
from importlib import resources
from string import Template

from fastapi import Request
from starlette.responses import HTMLResponse, Response

from core.park import Park
from core.text import Language

LONGEST_NEXT = 1000
WORDS = {
    Language.ZH: {
        "title": "登录", "name": "用户名", "password": "密码", "enter": "登录", "other": "English", "park": "园区",
        "wrong": "用户名或密码不正确。", "wait": "尝试次数过多，请在 {wait} 秒后再试。",
        "ended": "会话已结束，请重新登录。",
        "forgotten": "忘记密码？管理员可用 parkwatt user PARK.yaml passwd 重新设置。",
    },
    Language.EN: {
        "title": "Sign in", "name": "User name", "password": "Password", "enter": "Sign in", "other": "中文",
        "park": "Park", "wrong": "User name or password is not right.",
        "wait": "Too many attempts. Try again in {wait} s.", "ended": "Your session has ended. Please sign in again.",
        "forgotten": "Password forgotten? An admin sets a new one with parkwatt user PARK.yaml passwd.",
    },
}  # fmt: skip
TAGS = {Language.ZH: "zh-CN", Language.EN: "en"}


def login_page(
    park: Park,
    language: Language,
    target: str,
    fault: str,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    name: str = "",
    wait_s: int = 0,
) -> Response:
    """Return the page, with what went wrong last time."""
    words, other = WORDS[language], Language.EN if language is Language.ZH else Language.ZH
    told = words[fault].format(wait=wait_s) if fault else ""
    texts = {
        **words,
        "tag": TAGS[language],
        "lang": language.value,
        "other_lang": other.value,
        "other_tag": TAGS[other],
        "park": park.name.say(language),
        "fault": told,
        "kind": "fault" if fault in {"wrong", "wait"} else "note",
        "next": target,
        "known": name[:64],
    }
    body = _template().substitute({key: escape(text) for key, text in texts.items()})
    return HTMLResponse(body, status, dict(headers or {}))


@cache
def _template() -> Template:
    return Template(resources.files("dashboards").joinpath("web/login.html").read_text(encoding="utf-8"))


def safe_next(target: str) -> str:
    """Return where to go after signing in: a query and fragment of our own page, never another address."""
    plain = target.isprintable() and "\\" not in target
    return target if plain and target[:1] in {"?", "#"} and len(target) <= LONGEST_NEXT else ""


def language_of(request: Request, park: Park, asked: str = "") -> Language:
    """Return the language asked for, by address or browser, else the park's first."""
    accepted = request.headers.get("accept-language", "").lower()
    wanted = [asked or request.query_params.get("lang", ""), accepted[:2], park.languages[0].value]
    return next(Language(w) for w in wanted if w in set(Language))
