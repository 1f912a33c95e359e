"""What a person reads of an alert in a chat or a mail: plain text, cut to what the service takes. Pure.

Nothing here is markup. The texts come from feeds, so that whoever hands them to a service says that they are plain.
"""

from __future__ import annotations

import html
import re
from typing import NamedTuple

from undertone.alert_store import Outgoing
from undertone.messages import Alert, AlertState, Evidence
from undertone.text import clean

HEADLINES = 5
HEADLINE_CHARACTERS = 200
LINK_CHARACTERS = 300
REASON_CHARACTERS = 2_000
ELLIPSIS = "…"
_MARKS = re.compile(r"[!-/:-@\[-`{-~]")

TITLES = {
    "escalated": "now critical",
    "grown": "grows",
    "new-tier": "reached better sources",
    "acknowledged": "acknowledged",
    "unacknowledged": "open again",
    "resolved": "over",
}


class Wording(NamedTuple):
    """A title of one line, and a text of several."""

    title: str
    text: str


def wording(out: Outgoing, *, acknowledge: str, most: int, most_title: int) -> Wording:
    """What to send.

    Args:
        out: The notification.
        acknowledge: The link that acknowledges the alert; empty for none. It is never cut.
        most: Bytes of UTF-8 that title and text may have together once escaped: no service counts more.
        most_title: Characters that the service takes as a title; 0 if it has none, and the title begins the text.
    """
    alert = out.alert
    title = _one_line(_title(alert, out.what), most_title or HEADLINE_CHARACTERS)
    end = f"\n\nAcknowledge: {acknowledge}" if acknowledge and alert.state is AlertState.FIRING else ""
    left = most - _size(title) - _size(end) - 2
    lines = [_fit(_one_line(alert.reason, REASON_CHARACTERS), left)]
    shown = 0
    for one in alert.evidence[:HEADLINES]:
        left -= _size(lines[-1]) + 1
        line = _headline(one)
        more = f"{ELLIPSIS} and {len(alert.evidence) - shown} more"
        if _size(line) + _size(more) + 2 > left:
            break
        lines.append(line)
        shown += 1
    if shown < len(alert.evidence):
        lines.append(f"{ELLIPSIS} and {len(alert.evidence) - shown} more")
    text = _fit("\n".join(lines), most - _size(title) - _size(end) - 2) + end
    return Wording(title, text) if most_title else Wording("", f"{title}\n{text}")


def _title(alert: Alert, what: str) -> str:
    happened = TITLES.get(what)
    return f"{alert.severity.upper()}: {alert.about}: {alert.rule}" + (f", {happened}" if happened else "")


def _headline(one: Evidence) -> str:
    line = f"- {_one_line(one.source, 60)}: {_one_line(one.text, HEADLINE_CHARACTERS)}"
    link = clean(one.url or "")
    shown = link.startswith(("https://", "http://")) and " " not in link and len(link) <= LINK_CHARACTERS
    return f"{line} {link}" if shown else line


def _one_line(text: str, most: int) -> str:
    line = clean(text)
    return line if len(line) <= most else line[: most - 1] + ELLIPSIS


def _size(text: str) -> int:
    """Bytes of a text once it is escaped, be it as HTML or with a backslash before each mark as Markdown."""
    return len(html.escape(text).encode()) + len(_MARKS.findall(text))


def _fit(text: str, most: int) -> str:
    """The longest beginning of a text that takes no more than so many bytes, cut between characters."""
    if _size(text) <= most:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if _size(text[:middle] + ELLIPSIS) <= most:
            low = middle
        else:
            high = middle - 1
    return text[:low] + ELLIPSIS if low else ""
