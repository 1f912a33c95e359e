"""Every sentence that the dashboard shows, in each of its languages side by side; one module for each page.

A phrase cannot lack a language: it is written with all of them. Placeholders are for ``str.format``, and a test holds
that both languages have the same. Text from the feed is never one of these.
"""

from __future__ import annotations

from typing import Final, Literal, overload

Language = Literal["en", "zh"]
LANGUAGES: Final[dict[Language, str]] = {"en": "English", "zh": "中文"}
"""Each language by its name in itself."""


class Phrase:
    """One sentence in each language; read on :class:`Words` it is the text in the language of those."""

    __slots__ = ("texts",)

    def __init__(self, en: str, zh: str) -> None:
        self.texts: dict[Language, str] = {"en": en, "zh": zh}

    @overload
    def __get__(self, words: None, kind: type[Words]) -> Phrase: ...

    @overload
    def __get__(self, words: Words, kind: type[Words]) -> str: ...

    def __get__(self, words: Words | None, kind: type[Words]) -> Phrase | str:
        return self if words is None else self.texts[words.language]


class Words:
    """The phrases of one part of the dashboard in one language."""

    __slots__ = ("language",)

    def __init__(self, language: Language) -> None:
        self.language = language

    @classmethod
    def phrases(cls) -> dict[str, Phrase]:
        """All phrases by name."""
        return {name: one for name, one in vars(cls).items() if isinstance(one, Phrase)}
