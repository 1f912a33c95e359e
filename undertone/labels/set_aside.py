"""What does not train, and why. Setting aside is not deleting: the record stays on the topic and can be listed."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from undertone.messages import Label


class Reason(StrEnum):
    """Why a label, or all that was said of a text, does not train."""

    EMPTY = "empty-text"
    TOO_LONG = "too-long"
    SAYS_NOTHING = "says-nothing"
    FUTURE = "future"
    RETRACTED = "retracted"
    CONTRADICTS_ITSELF = "contradicts-itself"
    UNKNOWN_TOPIC = "unknown-topic"
    DISAGREES = "disagrees"
    FLOOD = "flood"
    PERSON_DAY = "person-day"
    SOURCE_DAY = "source-day"
    DISPUTED = "disputed"
    GATE = "gate"
    PERSON_SHARE = "person-share"
    SOURCE_SHARE = "source-share"


QUARANTINED = frozenset({Reason.DISAGREES, Reason.FLOOD})


class SetAside(NamedTuple):
    """Labels of one text that do not train: whose, which records, and why in words."""

    reason: Reason
    text: str
    about: str  # "sentiment", "topic", "sentiment towards <entity>", or empty for all that was said
    by: tuple[str, ...]
    detail: str
    ids: tuple[str, ...]


def set_aside(reason: Reason, labels: Iterable[Label], detail: str, about: str = "") -> SetAside:
    """The labels, all of one text, as set aside for a reason; the same whatever their order."""
    ordered = sorted(labels, key=lambda label: (label.labelled_at, label.id, label.text))
    return SetAside(
        reason,
        ordered[0].text,
        about,
        tuple(sorted({label.labelled_by for label in ordered})),
        detail,
        tuple(dict.fromkeys(label.id for label in ordered)),
    )
