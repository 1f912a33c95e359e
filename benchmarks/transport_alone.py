"""Contestant: the chunk transport under Faust with an agent that counts and acks. Prints records per second."""

from __future__ import annotations

import argparse
import asyncio
import os
import time
from collections.abc import Mapping

from faust.types.tuples import TP

from stream.app import Take, build
from stream.tenure import Tenure
from stream.transport import Bounds
from undertone.settings import Settings


class FromTheStart:
    """Reads every partition from the first record that Kafka keeps; nothing is stored."""

    async def resume(self, bounds: Mapping[TP, Bounds]) -> Mapping[TP, Tenure]:
        return {tp: Tenure(tp.topic, tp.partition, bound.earliest) for tp, bound in bounds.items()}


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    seen, first, began = 0, 0, 0.0

    async def count(take: Take) -> None:
        nonlocal seen, first, began
        for event in take:
            seen += len(event.value.records)
            event.ack()
        if not first and seen >= options.count // 10:
            first, began = seen, time.perf_counter()
        if seen >= options.count:
            print("\n", (seen - first) / (time.perf_counter() - began), flush=True)
            os._exit(0)  # a clean stop of a consumer group would only add time

    async def nothing() -> None:
        return None

    def fail(error: BaseException) -> None:
        raise SystemExit(f"the transport failed: {error}")

    settings = Settings(bootstrap_servers=options.bootstrap, streams=(options.topic,), group=f"transport-{os.getpid()}")
    app = build(settings, positions=FromTheStart(), submit=count, drain=nothing, fail=fail)
    await app.start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
