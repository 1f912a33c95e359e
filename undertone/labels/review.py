"""The whole rule in one pass: a log of labels in, texts with their answers out, and what was set aside with reasons.

Pure: the same records, limits and moment give the same outcome in whatever order the records come.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from undertone.labels.caps import cap_days, cap_shares
from undertone.labels.gate import Gate
from undertone.labels.judge import person
from undertone.labels.limits import Limits
from undertone.labels.quarantine import quarantine
from undertone.labels.records import Log
from undertone.labels.set_aside import QUARANTINED, Reason, SetAside, set_aside
from undertone.labels.vote import Decision, vote
from undertone.labels.words import last_words
from undertone.messages import Sentiment
from undertone.text import clean


class Review(NamedTuple):
    """What people agree on, and what was set aside on the way."""

    decisions: tuple[Decision, ...]
    set_aside: tuple[SetAside, ...]

    @property
    def disputed(self) -> list[SetAside]:
        """The questions on which the votes are tied, or one person contradicts himself: for people to look at again."""
        return [one for one in self.set_aside if one.reason in (Reason.DISPUTED, Reason.CONTRADICTS_ITSELF)]

    @property
    def quarantined(self) -> list[SetAside]:
        return [one for one in self.set_aside if one.reason in QUARANTINED]


class Row(NamedTuple):
    """One text that trains. What nobody said, or is disputed, is None or missing from `entities`."""

    text: str
    sentiment: Sentiment | None
    topic: str | None
    entities: tuple[tuple[str, Sentiment], ...]  # (entity as it was named, sentiment towards it)
    by: tuple[str, ...]
    sources: tuple[str, ...]
    licences: tuple[str, ...]  # of the labels; "" is the operator's own
    labelled_at: datetime  # of the latest label


class Training(NamedTuple):
    """What may train, by text, and what may not, with reasons."""

    rows: tuple[Row, ...]
    set_aside: tuple[SetAside, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many entries were set aside, by reason."""
        return dict(sorted(Counter(one.reason.value for one in self.set_aside).items()))


def review(log: Log, limits: Limits, now: datetime, topics: Collection[str] | None = None) -> Review:
    """Last words, quarantine, caps by day and vote over the records that had come by `now`.

    Args:
        log: As :func:`undertone.labels.log.read` gives it.
        limits: The guards.
        now: An aware moment; the same `now` later gives the same outcome.
        topics: The topics of the task; another is set aside. None: any.
    """
    seen = log.until(now)
    released: dict[str, datetime] = {}
    for one, arrived_at in seen.releases:
        who = person(one.releases)
        if who != person(one.released_by):
            released[who] = max(arrived_at, released.get(who, arrived_at))
    words, aside = last_words(seen.labels, limits, topics)
    words, suspect = quarantine(words, limits, released)
    words, over = cap_days(words, limits)
    decisions, tied = vote(words, limits)
    return Review(tuple(decisions), (*aside, *suspect, *over, *tied))


def for_training(
    log: Log, gate: Gate, limits: Limits, now: datetime, topics: Collection[str] | None = None
) -> Training:
    """The texts that may train, one row each, sorted by text; see the package for the rule.

    Args:
        log: As :func:`undertone.labels.log.read` gives it.
        gate: Texts that never train.
        limits: The guards.
        now: What came later is not looked at.
        topics: The topics of the task; None takes any.
    """
    found = review(log, limits, now, topics)
    texts = {one.key: one for one in found.decisions}
    frozen = {key for key, repeats in zip(texts, gate.repeats([*texts]), strict=True) if repeats}
    held = [_gated(one) for one in found.decisions if one.key in frozen]
    decisions, over = cap_shares([one for one in found.decisions if one.key not in frozen], limits)
    return Training(tuple(_rows(decisions)), (*found.set_aside, *held, *over))


def _gated(decision: Decision) -> SetAside:
    labels = [word.label for word in decision.witnesses]
    return set_aside(Reason.GATE, labels, "the text is, or nearly repeats, one of the gate set", str(decision.question))


def _rows(decisions: Iterable[Decision]) -> Iterable[Row]:
    by_text: defaultdict[str, list[Decision]] = defaultdict(list)
    for one in decisions:
        by_text[one.key].append(one)
    for _, of_text in sorted(by_text.items()):
        answers = {one.question.kind: one.answer for one in of_text if not one.question.entity}
        words = [word for one in of_text for word in one.witnesses]
        first = min(words, key=lambda word: (word.arrived_at, word.label.text))
        yield Row(
            text=clean(first.label.text),
            sentiment=Sentiment(answers["sentiment"]) if "sentiment" in answers else None,
            topic=answers.get("topic"),
            entities=tuple(sorted((_named(one), Sentiment(one.answer)) for one in of_text if one.question.entity)),
            by=tuple(sorted({word.label.labelled_by for word in words})),
            sources=tuple(sorted({word.label.source for word in words})),
            licences=tuple(sorted({word.label.licence for word in words})),
            labelled_at=max(word.label.labelled_at for word in words),
        )


def _named(decision: Decision) -> str:
    """The entity as the first of its witnesses wrote it."""
    return min(decision.witnesses, key=lambda word: (word.arrived_at, word.label.entity or "")).label.entity or ""
