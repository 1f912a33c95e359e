"""All records of a topic that Kafka holds now: for topics that people write to, which are small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from undertone import broker
from undertone.errors import BrokerError
from undertone.settings import Settings


def whole_topic(settings: Settings, name: str) -> Iterator[Any]:
    """The records, as kafka-python gives them, up to the end that the topic has at the start; each partition in order.

    Raises:
        BrokerError: if Kafka cannot be reached or has no such topic.
    """
    from kafka import TopicPartition

    consumer = broker.consumer(settings)
    try:
        with broker.explained(settings):
            numbers = sorted(consumer.partitions_for_topic(name) or ())
            if not numbers:
                raise BrokerError(
                    f"Kafka at {settings.bootstrap_servers} has no topic {name!r}: "
                    "create the topics with `undertone topics create`"
                )
            places = [TopicPartition(name, number) for number in numbers]
            ends = consumer.end_offsets(places)
            consumer.assign(places)
            consumer.seek_to_beginning(*places)
            while any(consumer.position(place) < ends[place] for place in places):
                for place, records in consumer.poll(timeout_ms=broker.FETCH_WAIT_MS).items():
                    yield from (record for record in records if record.offset < ends[place])
    finally:
        consumer.close()
