"""Making a label, a retraction or a release: checked when it is made, with an id that says what it says."""

from __future__ import annotations

from datetime import datetime
from typing import TypeVar

import msgspec
import xxhash

from undertone.errors import InputError
from undertone.messages import SENTIMENTS, Label, Release, Said, Sentiment
from undertone.text import MAX_BYTES, clean, normalise

_Record = TypeVar("_Record", Label, Release)


def person(name: str) -> str:
    r"""The form under which two spellings of one person's name are equal.

    >>> person(" Ann\u200b  Lee") == person("ann lee")
    True
    """
    return clean(name).casefold()


def sentiment_of(word: str | None) -> Sentiment | None:
    """The sentiment that a word names, in any case; None for none.

    Raises:
        InputError: if it is not one of the three.
    """
    if word is None or not word.strip():
        return None
    try:
        return Sentiment(word.strip().lower())
    except ValueError:
        raise InputError(f"sentiment {word.strip()[:40]!r} is not known: valid are {', '.join(SENTIMENTS)}") from None


def judge(
    text: str,
    *,
    by: str,
    at: datetime,
    sentiment: Sentiment | None = None,
    topic: str | None = None,
    entity: str | None = None,
    entity_sentiment: Sentiment | None = None,
    model: str = "",
    position: str | None = None,
    was: Said | None = None,
    source: str = "",
    comment: str = "",
    licence: str = "",
    retracts: bool = False,
    once: bool = False,
) -> Label:
    """A label, or with `retracts` the taking back of all that this person has said of this text.

    Its id is made of the normalised text, the person, what is said, and the time; `once` leaves the time out, so that
    the same word of the same person of the same text is one label whenever it is given.

    Raises:
        InputError: if the text or the name is empty or too long, nothing is said, or an entity is without sentiment.
    """
    key, who = normalise(clean(text)), clean(by)
    topic, entity = (topic or "").strip() or None, (entity or "").strip() or None
    if not key:
        raise InputError(f"the text {text[:40]!r} has no words: there is nothing to judge")
    if len(text.encode(errors="replace")) > MAX_BYTES:
        raise InputError(f"the text has {len(text.encode(errors='replace')):,} bytes: valid are up to {MAX_BYTES:,}")
    if not who:
        raise InputError("a label needs the name of whoever gives it")
    if (entity is None) != (entity_sentiment is None):
        raise InputError(f"entity {entity!r} with sentiment {entity_sentiment!r}: give both or neither")
    if not retracts and sentiment is None and topic is None and entity is None:
        raise InputError("nothing is said of the text: give a sentiment, a topic, or an entity with its sentiment")
    said = (key, person(who), sentiment, topic, normalise(entity or ""), entity_sentiment, retracts)
    shape = Label(
        id=_id(*said, *([] if once else [at])),
        text=text,
        sentiment=sentiment,
        topic=topic,
        entity=entity,
        entity_sentiment=entity_sentiment,
        labelled_by=who,
        labelled_at=at,
        model=model,
        position=position,
        was=was,
        source=source,
        comment=comment,
        licence=licence,
        retracts=retracts,
    )
    return _checked(shape)


def release(who: str, *, by: str, at: datetime, reason: str) -> Release:
    """The release of a person's labels from quarantine by another, who says why.

    Raises:
        InputError: if a name or the reason is empty, or somebody releases their own labels.
    """
    if not clean(who) or not clean(by) or not reason.strip():
        raise InputError("a release needs whose labels, who releases them, and a reason")
    if person(who) == person(by):
        raise InputError(f"{clean(who)!r} cannot release their own labels: somebody else has to look at them")
    made = Release(
        id=_id(person(who), person(by), at, reason),
        releases=clean(who),
        released_by=clean(by),
        released_at=at,
        reason=reason.strip(),
    )
    return _checked(made)


def _id(*parts: object) -> str:
    return xxhash.xxh3_128_hexdigest(msgspec.json.encode(parts))


def _checked(made: _Record) -> _Record:
    """The same record, once its own bytes could be read again: msgspec checks bounds only when it decodes."""
    try:
        return msgspec.json.decode(msgspec.json.encode(made), type=type(made))
    except (msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise InputError(f"that cannot be recorded: {error}") from error
