"""The last word of each person on each question: what counts of a log before anybody is compared with anybody."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from undertone.labels.judge import person
from undertone.labels.limits import Limits
from undertone.labels.records import Arrival
from undertone.labels.set_aside import Reason, SetAside, set_aside
from undertone.messages import Label, encode
from undertone.text import clean, normalise


class Question(NamedTuple):
    """What is asked of a text: its sentiment, its topic, or its sentiment towards an entity (normalised)."""

    kind: str  # "sentiment", "topic" or "entity"
    entity: str = ""

    def __str__(self) -> str:
        return f"sentiment towards {self.entity}" if self.entity else self.kind


class Word(NamedTuple):
    """One person's answer to one question about one text."""

    key: str  # the normalised text
    question: Question
    answer: str
    person: str  # normalised
    label: Label
    arrived_at: datetime

    @property
    def day(self) -> str:
        """The day of arrival, UTC; labels that came through a file have the file's."""
        return self.arrived_at.astimezone(UTC).date().isoformat()


class _Retraction(NamedTuple):
    at: datetime
    arrived_at: datetime


def last_words(
    arrivals: Iterable[Arrival], limits: Limits, topics: Collection[str] | None = None
) -> tuple[list[Word], list[SetAside]]:
    """The words that stand, in an order of their own, and the labels that say nothing that could.

    A label that came twice came when it first did. With `topics`, another topic is set aside; the person's earlier word
    on it does not come back.
    """
    given: defaultdict[tuple[str, str], dict[Label, datetime]] = defaultdict(dict)
    taken_back: dict[tuple[str, str], _Retraction] = {}
    aside: list[SetAside] = []
    for label, arrived_at in arrivals:
        place = (person(label.labelled_by), normalise(clean(label.text)))
        if label.retracts:
            earlier = taken_back.get(place, _Retraction(label.labelled_at, arrived_at))
            taken_back[place] = _Retraction(max(label.labelled_at, earlier.at), max(arrived_at, earlier.arrived_at))
        else:
            labels = given[place]
            labels[label] = min(arrived_at, labels.get(label, arrived_at))
    words: list[Word] = []
    for place, labels in given.items():
        retraction = taken_back.get(place)
        standing: list[Arrival] = []
        for label, arrived_at in labels.items():
            found = _unfit(label, arrived_at, place[1], retraction, limits)
            if found is None:
                standing.append(Arrival(label, arrived_at))
            else:
                aside.append(found)
        words += _latest(place, standing, topics, aside)
    return sorted(words, key=_order), sorted(aside)


def _unfit(
    label: Label, arrived_at: datetime, key: str, retraction: _Retraction | None, limits: Limits
) -> SetAside | None:
    """Why this label cannot count, whatever others say; None where it can."""
    if retraction is not None and (label.labelled_at <= retraction.at or arrived_at < retraction.arrived_at):
        return set_aside(Reason.RETRACTED, [label], f"taken back at {retraction.at:%Y-%m-%d %H:%M}")
    if not key:
        return set_aside(Reason.EMPTY, [label], "the text has no words")
    size = len(label.text.encode(errors="replace"))
    if size > limits.max_text_bytes:
        return set_aside(Reason.TOO_LONG, [label], f"{size:,} bytes, more than {limits.max_text_bytes:,}")
    if label.labelled_at > arrived_at + timedelta(seconds=limits.future_s):
        detail = f"dated {label.labelled_at.isoformat()}, it came at {arrived_at.isoformat()}"
        return set_aside(Reason.FUTURE, [label], detail)
    if not any(_answers(label)):
        return set_aside(Reason.SAYS_NOTHING, [label], "neither sentiment nor topic nor sentiment towards an entity")
    return None


def _answers(label: Label) -> Iterator[tuple[Question, str]]:
    if label.sentiment is not None:
        yield Question("sentiment"), label.sentiment.value
    if label.topic:
        yield Question("topic"), label.topic
    if label.entity and label.entity_sentiment is not None:
        yield Question("entity", normalise(label.entity) or label.entity), label.entity_sentiment.value


def _latest(
    place: tuple[str, str], arrivals: list[Arrival], topics: Collection[str] | None, aside: list[SetAside]
) -> Iterator[Word]:
    who, key = place
    answers: defaultdict[Question, list[tuple[str, Arrival]]] = defaultdict(list)
    for arrival in arrivals:
        for question, answer in _answers(arrival.label):
            answers[question].append((answer, arrival))
    for question, found in answers.items():
        latest = max(arrival.label.labelled_at for _, arrival in found)
        last = [(answer, arrival) for answer, arrival in found if arrival.label.labelled_at == latest]
        said = sorted({answer for answer, _ in last})
        labels = [arrival.label for _, arrival in last]
        if len(said) > 1:
            detail = f"{' and '.join(said)} at the same instant"
            aside.append(set_aside(Reason.CONTRADICTS_ITSELF, labels, detail, str(question)))
        elif question.kind == "topic" and topics is not None and said[0] not in topics:
            aside.append(set_aside(Reason.UNKNOWN_TOPIC, labels, f"{said[0]!r} is no topic of the task", "topic"))
        else:
            # One word may come through two sources at once: the bytes decide, so that order does not.
            first = min((arrival for _, arrival in last), key=lambda one: (one.arrived_at, encode(one.label)))
            yield Word(key, question, said[0], who, first.label, first.arrived_at)


def _order(word: Word) -> tuple[datetime, str, Question, str]:
    return word.arrived_at, word.key, word.question, word.person
