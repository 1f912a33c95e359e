"""Which words made the model judge one story as it did; asked on demand, since it takes the model many looks."""

from __future__ import annotations

import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, join
from dashboard.words.stories import Stories
from undertone.text import clean

if TYPE_CHECKING:
    from undertone.explain import Explainer, Explanation
    from undertone.settings import Settings

_asking = threading.Lock()


def explain(settings: Settings, text: str) -> Explanation:
    """The explanation of a text's sentiment by the model that the settings name; one text at a time.

    Raises:
        UndertoneError: if the model cannot be had or looked into.
    """
    from undertone.registry import resolve

    with _asking:
        return _explain(resolve(settings), settings.threads, clean(text, settings.max_text_bytes))


@lru_cache(maxsize=256)
def _explain(model: Path | str, threads: int, text: str) -> Explanation:
    return _explainer(model, threads).explain(text)


@lru_cache(maxsize=1)
def _explainer(model: Path | str, threads: int) -> Explainer:
    from undertone.explain import Explainer

    return Explainer.load(model, threads=threads)


def marked(found: Explanation, locale: Locale) -> Html:
    """The text with its weighty words: those for the label underlined, those against it dotted, each with its mark."""
    from undertone.explain.layout import FOR, pieces

    say = Stories(locale.language)
    label = getattr(locale.units, found.label)
    shown = []
    for piece in pieces(found):
        if not piece.colour:
            shown.append(el("span", piece.text))
            continue
        speaks = (say.word_for if piece.colour == FOR else say.word_against).format(label=label)
        kind = "for" if piece.colour == FOR else "against"
        words = f"{speaks} {piece.weight:+.2f}"
        shown.append(el("mark", piece.text, class_=f"ut-word-{kind}", title=words))
    asked = say.explained_by.format(model=found.model, method=found.method)
    answer = say.probability.format(label=label, p=percent(found.probability))
    facts = el("p", f"{answer} · {asked}", class_="ut-facts")
    return join(el("p", *shown, class_="ut-explained", dir="auto"), facts)
