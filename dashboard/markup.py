"""The only place where HTML is made. Text is always escaped; there is no way to pass a string through as markup.

``st.html`` knows no Markdown, so that ``**bold**``, ``:material/home:``, ``$x$`` and ``[a](b)`` stay what they are,
and it sanitises once more in the browser. Words from the feed reach the page through :func:`el` or not at all.
"""

from __future__ import annotations

import html
import re
import unicodedata
from typing import Final

from undertone.web_address import followable

TEXT_LIMIT: Final = 500
"""Characters of one text from the feed that are shown at most."""

# Marks that turn the reading direction of what follows: a headline must not reorder the page around it.
_BIDI = dict.fromkeys([0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
_NAME = re.compile(r"[a-z][a-z0-9-]*")
_INWARD = re.compile(r"[a-z]*\?[!-~]*")
_VOID = frozenset({"br", "hr"})
_FORBIDDEN = frozenset({"script", "style", "iframe", "object", "embed", "link", "meta", "base", "form"})


class Html(str):
    """Markup that was built by :func:`el`; anything else is text."""

    __slots__ = ()


def plain(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line of visible text: no control or direction marks, white space folded, cut at ``limit`` characters."""
    head = text[: limit * 4]
    if not head.isprintable():  # whatever is taken out below is not
        visible = head.translate(_BIDI)
        head = "".join(" " if unicodedata.category(c) in {"Cc", "Cs", "Co", "Zl", "Zp"} else c for c in visible)
    folded = " ".join(head.split())
    return folded if len(folded) <= limit else folded[: limit - 1].rstrip() + "…"


def el(tag: str, *children: str | None, **attributes: str | None) -> Html:
    """An element with escaped children. ``class_`` and ``aria_label`` become ``class`` and ``aria-label``.

    A child that is not :class:`Html` is text and is escaped. An ``href`` must be a query, of this page or of another
    one of ours (``?…``, ``trends?…``), or satisfy :func:`undertone.web_address.followable`; event handlers and active
    elements are refused, so that a mistake fails a test, not a reader.
    """
    if not _NAME.fullmatch(tag) or tag in _FORBIDDEN:
        raise ValueError(f"element {tag!r} is not allowed here")
    written = [tag]
    for name, value in attributes.items():
        key = name.rstrip("_").replace("_", "-")
        if value is None:
            continue
        if not _NAME.fullmatch(key) or key.startswith("on") or key in {"src", "srcdoc", "action", "formaction"}:
            raise ValueError(f"attribute {key!r} is not allowed here")
        if key == "href" and not (_INWARD.fullmatch(value) or followable(value)):
            raise ValueError(f"href {value!r} is not allowed here: valid is http, https or a query")
        written.append(f'{key}="{html.escape(value, quote=True)}"')
    inside = "".join(c if isinstance(c, Html) else html.escape(c, quote=True) for c in children if c is not None)
    opening = f"<{' '.join(written)}>"
    return Html(opening if tag in _VOID else f"{opening}{inside}</{tag}>")


def join(*parts: Html | None) -> Html:
    """Several elements in a row; what is None is left out."""
    return Html("".join(part for part in parts if part is not None))


def outward(text: str, url: str | None, note: str, inward: str | None = None) -> Html:
    """Feed text as a link that opens elsewhere without a handle on this page.

    Where the URL is not safe it links to ``inward``, a page of ours; without one it is text.
    """
    label = el("span", text, class_="ut-text", dir="auto")
    target = followable(url)
    if target is None:
        return label if inward is None else el("a", label, href=inward, target="_self")
    hidden = el("span", f" ({note})", class_="ut-hidden")
    return el("a", label, hidden, href=target, target="_blank", rel="noopener noreferrer nofollow")
