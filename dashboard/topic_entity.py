"""What a series is about, as one word for the URL, the watchlist and the legend: a company, a topic, or both."""

from __future__ import annotations

from dashboard.locale import Locale
from dashboard.markup import plain
from dashboard.windows import Asked

SEPARATOR = "::"
NAME_LIMIT = 80


def key(topic: str = "", entity: str = "") -> str:
    """The word of a series.

    >>> key("M&A | Investments", "FB"), key("Markets"), key()
    ('FB::M&A | Investments', '::Markets', '::')
    """
    return f"{entity}{SEPARATOR}{topic}"


def asked(word: str, streams: tuple[str, ...]) -> Asked:
    """What a word of :func:`key` asks for, in these streams."""
    entity, _, topic = word.partition(SEPARATOR)
    return Asked(streams, topic, entity)


def valid(word: str) -> bool:
    """Whether a word is one of a series that is not simply everything."""
    entity, separator, topic = word.partition(SEPARATOR)
    return bool(separator and (entity or topic)) and max(len(entity), len(topic)) <= 2 * NAME_LIMIT


def title(word: str, locale: Locale) -> str:
    """How a series is called on the page: as plain text, since both names may come from the feed.

    >>> title("FB::Markets", Locale()), title("::", Locale("zh"))
    ('FB · Markets', '全部')
    """
    entity, _, topic = word.partition(SEPARATOR)
    return " · ".join(plain(one, NAME_LIMIT) for one in (entity, locale.topic(topic)) if one) or locale.units.all
