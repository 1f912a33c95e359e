"""Sends what the writer has to say to Kafka, in whole batches, and returns once all of it is acknowledged.

Called from the writer's thread; the producer lives on the event loop. At least once: a call that fails half-way is
made again as a whole.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import CancelledError as FutureCancelled
from typing import Any

import msgspec
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError

from stream.deadletters import Letter
from undertone.messages import Scored
from undertone.topics import DEAD_LETTERS, SCORED

ACKNOWLEDGE_S = 60.0


class Publisher:
    """Produces scored messages and dead letters through Faust's own producer."""

    def __init__(self, producer: Callable[[], AIOKafkaProducer], loop: asyncio.AbstractEventLoop) -> None:
        self._producer = producer
        self._loop = loop
        self._encoder = msgspec.json.Encoder()

    def publish(self, scored: Sequence[Scored], letters: Sequence[Letter], partition: int) -> None:
        """Produce all of it and wait for the acknowledgement.

        Args:
            scored: To ``scored``, keyed by position, into the partition that `partition` falls into.
            letters: To ``dead-letters``.
            partition: Of the input, so that one partition's output keeps its order.

        Raises:
            aiokafka.errors.KafkaError: if Kafka did not take it; TimeoutError if it did not say.
        """
        sent = [self._scored(scored, partition)] if scored else []
        sent += [self._letter(letter) for letter in letters]
        if not sent:
            return
        future = asyncio.run_coroutine_threadsafe(_all(sent), self._loop)
        try:
            future.result(ACKNOWLEDGE_S)
        except FutureCancelled as error:
            raise TimeoutError("the producer was stopped") from error
        finally:
            future.cancel()

    async def _scored(self, scored: Sequence[Scored], partition: int) -> None:
        producer = self._producer()
        rows = [(one.position.encode(), self._encoder.encode(one)) for one in scored]
        known = await producer.partitions_for(SCORED)
        acknowledged = []
        batch = producer.create_batch()
        for key, value in rows:
            if batch.append(key=key, value=value, timestamp=None) is None:
                acknowledged.append(await producer.send_batch(batch, SCORED, partition=partition % len(known)))
                batch = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        acknowledged.append(await producer.send_batch(batch, SCORED, partition=partition % len(known)))
        await asyncio.gather(*acknowledged)

    async def _letter(self, letter: Letter) -> None:
        try:
            await self._send_letter(letter)
        except MessageSizeTooLargeError:
            # The topic is someone else's and takes less than ours would. The bytes are still where they were.
            await self._send_letter(letter.without_value())

    async def _send_letter(self, letter: Letter) -> None:
        producer = self._producer()
        partitions = sorted(await producer.partitions_for(DEAD_LETTERS))
        # A batch of its own: a large neighbour must not take others down with it.
        batch = producer.create_batch()
        batch.append(key=letter.key, value=letter.value, timestamp=None, headers=letter.headers)
        where = partitions[zlib.crc32(letter.key or b"") % len(partitions)]
        await (await producer.send_batch(batch, DEAD_LETTERS, partition=where))


async def _all(sent: Sequence[Awaitable[Any]]) -> None:
    await asyncio.gather(*sent)
