"""Every sentence of the dashboard is there in every language, and says the same with the same figures."""

from __future__ import annotations

import importlib
import pkgutil
import re
from string import Formatter

import pytest

from dashboard import words
from dashboard.words import LANGUAGES, Phrase, Words

KINDS = [
    kind
    for module in pkgutil.iter_modules(words.__path__)
    for kind in vars(importlib.import_module(f"dashboard.words.{module.name}")).values()
    if isinstance(kind, type) and issubclass(kind, Words) and kind is not Words
]
PHRASES = [(kind.__name__, name, one) for kind in KINDS for name, one in kind.phrases().items()]
CHINESE = re.compile("[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
SAME_IN_BOTH = re.compile("(?:[^A-Za-z]|Undertone|Parquet|CSV|MB|F1|p50|p99)*")


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(("kind", "name", "phrase"), PHRASES)
def test_a_phrase_has_every_language_and_the_same_placeholders_in_each(kind: str, name: str, phrase: Phrase) -> None:
    assert phrase.texts.keys() == LANGUAGES.keys()
    assert all(text.strip() for text in phrase.texts.values()), f"{kind}.{name} is empty in a language"
    english, chinese = phrase.texts["en"], phrase.texts["zh"]
    assert not CHINESE.search(english), f"{kind}.{name} is not English"
    same = english == chinese and SAME_IN_BOTH.fullmatch(re.sub("{[^}]*}", "", english))
    assert CHINESE.search(chinese) or same, f"{kind}.{name} is not Chinese"
    if (kind, name) not in {
        ("Units", "date"),
        ("Units", "date_year"),
    }:  # a month is a name in one, a number in the other
        assert _placeholders(english) == _placeholders(chinese), f"{kind}.{name} fills in other figures"


def test_no_phrase_hides_the_language_that_it_is_read_in() -> None:
    for kind in KINDS:
        assert "language" not in kind.phrases(), kind
        assert [kind(one).language for one in LANGUAGES] == [*LANGUAGES]
