"""Chats and mailboxes through apprise: Feishu, WeCom, DingTalk, Slack, Teams, Telegram, mail and a hundred more.

Texts are handed over as plain text; apprise escapes them for what each service reads (HTML, Markdown, Slack's own).
What it does not escape, because it is no markup there but calls people to the chat, is taken apart here.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from stream.receivers.channel import NotDeliveredError
from stream.receivers.wording import wording
from undertone.alert_store import Outgoing
from undertone.errors import InputError

if TYPE_CHECKING:
    from apprise import NotifyBase

MOST_HUNG = 3
"""Attempts that are still waiting for an answer after their deadline; no further one is made meanwhile."""
RESERVE_BYTES = 200
"""Of a service's limit, for what apprise adds around the text."""
_AT = (re.compile(r"(?<![\w/])@(?=\w)"), "@\u200b")
CALLS = {
    "feishu": (re.compile("<(?=/?at)"), "‹"),
    "lark": (re.compile("<(?=/?at)"), "‹"),
    "discord": _AT,
    "tgram": _AT,
}
"""By scheme: what makes a service call somebody to the chat, and what to send in its place."""


class ChatChannel:
    """One apprise URL. Services limit how often they are called, so that there is one call after the other."""

    at_once = 1

    def __init__(self, name: str, url: str, timeout_s: float, acknowledge: Callable[[Outgoing], str]) -> None:
        """Parse the URL.

        Args:
            name: Of the receiver.
            url: With its secrets.
            timeout_s: For the connection, and for each read; a call may take twice as long and its service's pause.
            acknowledge: Makes the link that acknowledges an alert; may give an empty one.

        Raises:
            InputError: if apprise knows no such service, or the URL lacks something. The URL is not told: it is secret.
        """
        self.name = name
        self._service = _service(name, url, timeout_s)
        self._deadline_s = 2 * timeout_s + self._service.request_rate_per_sec
        self._acknowledge = acknowledge
        self._call_of = CALLS.get(url.partition("://")[0])
        self._hung: list[threading.Thread] = []

    def deliver(self, out: Outgoing) -> str:
        service = self._service
        most = max(service.body_maxlen - RESERVE_BYTES, service.body_maxlen // 2)
        said = wording(out, acknowledge=self._acknowledge(out), most=most, most_title=service.title_maxlen)
        text, title = self._harmless(said.text), self._harmless(said.title)
        answers: queue.SimpleQueue[bool | Exception] = queue.SimpleQueue()
        self._hung = [one for one in self._hung if one.is_alive()]
        if len(self._hung) >= MOST_HUNG:
            raise NotDeliveredError(f"{MOST_HUNG} earlier attempts still wait for an answer")
        # Beside the courier, so that a service which answers one byte a minute does not keep it for ever.
        thread = threading.Thread(target=self._notify, args=(title, text, answers), daemon=True)
        thread.start()
        try:
            answer = answers.get(timeout=self._deadline_s)
        except queue.Empty:
            self._hung.append(thread)
            raise NotDeliveredError(f"no answer within {self._deadline_s:.0f} s") from None
        if answer is True:
            return "ok"
        raise NotDeliveredError("the service did not take it" if answer is False else f"apprise failed: {answer}")

    def close(self) -> None:
        """Nothing is kept open."""

    def _notify(self, title: str, text: str, answers: queue.SimpleQueue[bool | Exception]) -> None:
        from apprise import Apprise, NotifyFormat

        try:
            # Through the front door: a service by itself takes text for markup where it reads HTML alone (Telegram).
            front = Apprise(asset=self._service.asset)
            front.add(self._service)
            answers.put(bool(front.notify(body=text, title=title, body_format=NotifyFormat.TEXT)))
        except Exception as error:
            answers.put(error)

    def _harmless(self, text: str) -> str:
        if self._call_of is None:
            return text
        pattern, instead = self._call_of
        return pattern.sub(instead, text)


def _service(name: str, url: str, timeout_s: float) -> NotifyBase:
    from apprise import Apprise, AppriseAsset, NotifyBase

    # No redirect is followed, and nothing in a text becomes an emoji. Nothing is stored on disk, which is the default.
    asset = AppriseAsset(
        app_id="Undertone",
        app_desc="Undertone",
        app_url="",
        http_redirects=False,
        async_mode=False,
        interpret_emojis=False,
    )
    service = Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if not isinstance(service, NotifyBase):
        raise InputError(
            f"receiver {name!r}: its apprise URL cannot be used: check the service's page at "
            "https://github.com/caronc/apprise/wiki for what it must hold"
        )
    if "cto=" not in url:
        service.socket_connect_timeout = timeout_s
    if "rto=" not in url:
        service.socket_read_timeout = timeout_s
    return service
