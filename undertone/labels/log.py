"""The ``labels`` topic at the edge: reading it whole, and writing to it."""

from __future__ import annotations

from collections.abc import Iterable

import xxhash

from undertone import broker
from undertone.errors import Rejected
from undertone.labels.records import Arrival, Log, ReleaseArrival, Unreadable, decode
from undertone.messages import Label, Release, encode, from_ms
from undertone.sending import Sender
from undertone.settings import Settings
from undertone.text import clean, normalise
from undertone.topics import LABELS
from undertone.whole_topic import whole_topic


def read(settings: Settings) -> Log:
    """Everything that the topic holds now, in the order of arrival.

    Raises:
        BrokerError: if Kafka cannot be reached or has no such topic.
    """
    labels: list[Arrival] = []
    releases: list[ReleaseArrival] = []
    unreadable: list[Unreadable] = []
    for record in whole_topic(settings, LABELS):
        try:
            found = decode(record.value)
        except Rejected as error:
            unreadable.append(Unreadable(record.offset, f"{error.reason}: {error}"))
            continue
        arrived_at = from_ms(record.timestamp)
        if isinstance(found, Label):
            labels.append(Arrival(found, arrived_at))
        else:
            releases.append(ReleaseArrival(found, arrived_at))
    return Log(tuple(labels), tuple(releases), tuple(unreadable))


def send(settings: Settings, records: Iterable[Label | Release]) -> int:
    """Send records, each whole or not at all; how many, once Kafka has acknowledged all.

    Killed on the way, it leaves those that were sent. Sending them all again is harmless: a label that came twice is
    one.

    Raises:
        BrokerError: if Kafka cannot be reached, has no such topic, or does not take one.
    """
    broker.check(settings, LABELS)
    with Sender(settings) as sender:
        for record in records:
            sender.send(LABELS, _key(record), encode(record))
        sender.flush()
        return sender.sent


def _key(record: Label | Release) -> bytes:
    """What is said of one text has one key, whoever says it, so that a topic with partitions keeps its order."""
    about = normalise(clean(record.text)) if isinstance(record, Label) else record.releases
    return xxhash.xxh3_64_hexdigest(about.encode()).encode()
