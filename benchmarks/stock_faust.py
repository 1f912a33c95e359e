"""Contestant: stock Faust that takes batches of 256 and does nothing with them. Prints records per second."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import AsyncIterator

import faust


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("topic")
    parser.add_argument("count", type=int)
    options = parser.parse_args()
    app = faust.App(
        f"stock-{os.getpid()}",
        broker=f"kafka://{options.bootstrap}",
        value_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        consumer_auto_offset_reset="earliest",
    )
    seen, began = 0, 0.0

    @app.agent(app.topic(options.topic, value_type=bytes), concurrency=1)
    async def count(stream: faust.StreamT[bytes]) -> None:
        nonlocal seen, began
        batches: AsyncIterator[list[bytes]] = stream.take(256, within=1)
        async for batch in batches:
            seen += len(batch)
            if seen - len(batch) < options.count // 10 <= seen:
                began, first = time.perf_counter(), seen
            if seen >= options.count:
                print("\n", (seen - first) / (time.perf_counter() - began), flush=True)  # after the spinner
                os._exit(0)  # a clean stop of a consumer group would only add time

    worker = faust.Worker(app, loglevel="ERROR", quiet=True, redirect_stdouts=False)
    worker.execute_from_commandline()


if __name__ == "__main__":
    main()
