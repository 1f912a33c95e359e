"""The text of a message, made safe to keep (`clean`), to compare (`normalise`) and to score (`model_input`).

Pure string work that runs once for each message; it knows nothing of tokens or models.
"""

import html
import re
import unicodedata

MAX_BYTES = 16_384

_CONTROL = r"\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # the others are whitespace
_BIDI = r"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = r"\u00ad\u180e\u200b-\u200d\u2060-\u2065\u206a-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_INVISIBLE = re.compile(f"[{_CONTROL}{_BIDI}{_ZERO_WIDTH}]+")
_SURROGATE = re.compile("[\ud800-\udfff]")
_URL = re.compile(r"(?:https?://|www\.)\S*", re.IGNORECASE)
_RETWEET = re.compile(r"^\s*rt\s+@\w+\s*:?")
_MENTION = re.compile(r"@\w+")


def clean(raw: str, max_bytes: int = MAX_BYTES) -> str:
    r"""Return `raw` as one line of NFKC text of at most `max_bytes` UTF-8 bytes.

    The byte cap comes first, so that a 5 MB message costs no more than a long one. Control, bidi and
    zero-width characters go; lone surrogates become U+FFFD; runs of whitespace become one space.
    The result is a fixed point: cleaning it again changes nothing.

    >>> clean("Acme\u202e  plunges\r\n12\xa0% \x00")
    'Acme plunges 12 %'
    """
    if len(raw) > max_bytes:
        raw = raw[:max_bytes]  # a character takes at least one byte
    if raw.isascii():
        if not raw.isprintable():
            raw = _INVISIBLE.sub("", raw)
        return " ".join(raw.split())
    visible = _INVISIBLE.sub("", _cap(_SURROGATE.sub("\ufffd", raw), max_bytes))
    # NFKC may make a text up to 18 times longer (U+FDFA), hence the second cap.
    return " ".join(_cap(unicodedata.normalize("NFKC", visible), max_bytes).split())


def normalise(text: str) -> str:
    """Return the form under which two copies of one story are equal.

    Lower case, without URLs, a leading `RT @user:`, mentions and punctuation; digits and the `$` of
    cashtags stay.

    >>> normalise("RT @desk: $ACME falls 12%, says https://t.co/x1 @analyst!")
    '$acme falls 12 says'
    """
    text = text.lower()
    if "://" in text or "www." in text:
        text = _URL.sub(" ", text)
    if "@" in text:
        text = _MENTION.sub(" ", _RETWEET.sub(" ", text))
    return " ".join(text.translate(_WORD_CHARACTERS).split())


def model_input(text: str) -> str:
    """Return what the tokenizer sees: HTML entities resolved, and each URL shortened to `http`.

    A t.co link costs about twelve word pieces that say nothing; that there is one says a little.

    >>> model_input("P&amp;G cuts outlook https://t.co/bd0xbFGjkT")
    'P&G cuts outlook http'
    """
    if "&" in text:
        text = html.unescape(text)
    if "://" in text or "www." in text:
        text = _URL.sub("http", text)
    return text


def _cap(text: str, max_bytes: int) -> str:
    if len(text) * 4 <= max_bytes:
        return text
    # What "ignore" drops is the character that the cut halved: the text holds no surrogates by now.
    return text.encode()[:max_bytes].decode(errors="ignore")


class _WordCharacters(dict[int, int | None]):
    """A translate table that keeps letters, digits, marks and `$`, filled as characters are met."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        kept = character == "$" or character.isalnum() or unicodedata.category(character).startswith("M")
        self[code] = code if kept else (None if character in "'’" else ord(" "))
        return self[code]


_WORD_CHARACTERS = _WordCharacters()
for _code in range(128):
    _WORD_CHARACTERS[_code]
