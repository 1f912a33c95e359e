"""The name of the page and its mark, the same in every state."""

from __future__ import annotations

from dashboard.markup import Html, el, join
from dashboard.words.shell import Shell


def masthead(say: Shell, pulse: Html | None = None) -> Html:
    """The head of the page; ``pulse`` is how fresh it is, if that is known."""
    bars = join(*(el("i", class_=f"ut-b{n}") for n in (1, 2, 3)))
    name = el("div", el("span", bars, class_="ut-logo", aria_hidden="true"), el("h1", say.title), class_="ut-name")
    return el("header", name, el("p", say.tagline, class_="ut-tagline"), pulse, class_="ut-masthead")
