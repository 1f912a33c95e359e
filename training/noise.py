"""Noise that leaves a text's labels alone: typing errors, case, other tickers, companies and amounts, no link.

A change is a pure function of a text and a random stream that returns the changed text, or None where there is nothing
to change. How often it flips a label is for `training/robustness.py`.
"""

import re
from collections.abc import Callable
from random import Random

from undertone.entities import Company, Linker
from undertone.scorer import Mention

Perturb = Callable[[str, Random], str | None]

WORDS_PER_TYPO = 8
_NAME = "\ue000"  # stands for the entity while the text around it changes: private use, so in no clean text
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Za-z]{1,6})(?!\w)")
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_KEPT = re.compile(rf"({_LINK.pattern}|&#?\w+;)", re.IGNORECASE)  # neither a link nor an HTML entity is words
_TYPED = re.compile(r"[A-Za-z]{4,}[.,:;!?]?")
_NUMBER = re.compile(
    r"(?<![\w.,/:-])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\w/:-]|[.,]\d)|(?<![\w.,/:-])\d+(?:\.\d+)?(?![\w/:-]|[.,]\d)"
)
_INITIAL = re.compile(r"(?<!['’])\b[a-z]")
_YEAR = re.compile(r"(?:19|20)\d\d")
_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NO_COMPANY = frozenset({"-", "CRYPTO", "INDEX"})


def typos(text: str, random: Random) -> str | None:
    """Mistype one word in eight, one at least: letters swapped, left out, doubled, or a neighbouring key."""
    words = text.split(" ")
    places = [place for place, word in enumerate(words) if _TYPED.fullmatch(word)]
    if not places:
        return None
    for place in random.sample(places, min(len(places), max(1, len(words) // WORDS_PER_TYPO))):
        words[place] = _mistyped(words[place], random)
    return " ".join(words)


def upper(text: str, _: Random) -> str | None:
    return _other(text, _outside_links(text, str.upper))


def lower(text: str, _: Random) -> str | None:
    return _other(text, _outside_links(text, str.lower))


def title(text: str, _: Random) -> str | None:
    """Capitalise each word, as some feeds do with headlines."""
    return _other(
        text, _outside_links(text, lambda part: re.sub(r"(?<!['’])\b[a-z]", lambda one: one[0].upper(), part))
    )


def number(text: str, random: Random) -> str | None:
    """Raise all amounts by one factor of 3 to 20 %: what rose still rose. Years, dates and links stay."""
    factor = random.uniform(1.03, 1.2)

    def other(found: re.Match[str]) -> str:
        written = found[0]
        if _YEAR.fullmatch(written):
            return written
        decimals = len(written.partition(".")[2])
        value = float(written.replace(",", ""))
        changed = value * factor
        # A small whole number would stay as it is, and two equal ones must stay equal.
        rounded = round(changed, decimals) if decimals else float(max(round(changed), int(value > 0) + int(value)))
        return f"{rounded:,.{decimals}f}" if "," in written else f"{rounded:.{decimals}f}"

    return _other(text, _outside_links(text, lambda part: _NUMBER.sub(other, part)))


def link(text: str, _: Random) -> str | None:
    """Take the links out."""
    return _other(text, " ".join(_LINK.sub(" ", text).split()))


class Swaps:
    """Other companies of the same region from the list of entities, for cashtags and names in a text."""

    def __init__(self, linker: Linker) -> None:
        self._linker = linker
        companies = [company for company in linker.companies if company.region and company.region not in _NO_COMPANY]
        self._by_symbol = {company.symbol: company for company in companies}
        self._by_region: dict[str, list[Company]] = {}
        self._by_name: dict[str, Company] = {}
        for company in companies:
            self._by_region.setdefault(company.region, []).append(company)
            self._by_name.setdefault(plain(company.name), company)
        longest_first = sorted(self._by_name, key=len, reverse=True)
        self._names = re.compile(r"(?<![\w$@#])(?:" + "|".join(map(re.escape, longest_first)) + r")(?!\w)")

    def cashtag(self, text: str, random: Random) -> str | None:
        """Replace each cashtag by that of another company."""
        tags = sorted(set(_CASHTAG.findall(text)))
        new = {tag: self._other(self._company(tag), random).symbol.partition(".")[0] for tag in tags}
        return _other(text, _CASHTAG.sub(lambda found: f"${new[found[1]]}", text))

    def entity(self, text: str, random: Random) -> str | None:
        """Replace the first company named, everywhere and with its cashtag, by another one."""
        for found in self._names.finditer(text):
            company = self._by_name[found[0]]
            if company.symbol not in self._linker.link(text):
                continue  # the word means something else here
            other = self._other(company, random)
            return _replaced(_replaced(text, found[0], plain(other.name)), f"${company.symbol}", f"${other.symbol}")
        return None

    def name(self, name: str, random: Random) -> str:
        """Return the name of another company, of the same region where that is known."""
        return plain(self._other(self._by_name.get(name), random).name)

    def _company(self, tag: str) -> Company | None:
        return self._by_symbol.get(self._linker.symbol(f"${tag}"))

    def _other(self, company: Company | None, random: Random) -> Company:
        choices = self._by_region["US" if company is None else company.region]
        others = [other for other in choices if company is None or other.symbol != company.symbol]
        return random.choice(others or self._by_region["US"])


def plain(name: str) -> str:
    """Return a listed name without its mark for exact writing."""
    return name.removeprefix("=")


def kinds_of(swaps: Swaps) -> dict[str, tuple[Perturb, ...]]:
    """Return the kinds of noise; the flip rate of one is the mean of its forms."""
    return {
        "typos": (typos,),
        "case": (upper, lower, title),
        "cashtag": (swaps.cashtag,),
        "entity": (swaps.entity,),
        "number": (number,),
        "link": (link,),
    }


def around(mention: Mention, form: Perturb, swaps: Swaps, random: Random) -> Mention | None:
    """Change the text around a mention; an entity swap changes the name itself, and case both."""
    name = mention.text[mention.start : mention.end]
    before, after = mention.text[: mention.start], mention.text[mention.end :]
    if form == swaps.entity:
        name = swaps.name(name, random)
    else:
        whole = before + _NAME + after
        changed = form(whole, random)
        if form in (upper, lower, title):
            changed, name = changed or whole, form(name, random) or name
        if changed is None or changed.count(_NAME) != 1:
            return None
        before, after = changed.split(_NAME)
    found = Mention(before + name + after, len(before), len(before) + len(name))
    return None if found.text == mention.text else found


def _mistyped(word: str, random: Random) -> str:
    at = random.randrange(1, len(word.rstrip(".,:;!?")) - 1)
    match random.randrange(4):
        case 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at + 1 :]
        case 2:
            return word[:at] + word[at] + word[at:]
        case _:
            return word[:at] + _neighbour(word[at], random) + word[at + 1 :]


def _neighbour(letter: str, random: Random) -> str:
    """Return a letter beside one on the keyboard, of the same case."""
    row = next(row for row in _KEYBOARD if letter.lower() in row)
    place = row.index(letter.lower())
    near = random.choice(row[max(place - 1, 0) : place] + row[place + 1 : place + 2])
    return near.upper() if letter.isupper() else near


def _outside_links(text: str, change: Callable[[str], str]) -> str:
    """Apply a change to the parts of a text between its links and HTML entities."""
    parts = _KEPT.split(text)
    return "".join(part if place % 2 else change(part) for place, part in enumerate(parts))


def _other(text: str, changed: str) -> str | None:
    return None if changed == text or not changed else changed


def _replaced(text: str, old: str, new: str) -> str:
    """Replace a name or cashtag where it stands as a word of its own."""
    return re.sub(rf"(?<![\w$@#]){re.escape(old)}(?!\w)", lambda _: new, text)
