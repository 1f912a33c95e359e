"""What tests need of real servers: a topic of their own, and a way to wait for what happens.

The servers themselves are fixtures in `conftest.py`. No mock, no fake of a broker.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import TypeVar

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

POLL_S = 0.02

T = TypeVar("T")


def wait_until(condition: Callable[[], T], timeout_s: float = 20, what: str = "the condition") -> T:
    """Poll `condition` until it is true and return what it gave; fail with `what` after `timeout_s`.

    An exception that the condition raises is its own failure, not a reason to wait.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {timeout_s:g} s; the last look gave {value!r}")
        time.sleep(POLL_S)


class Topics:
    """Makes topics on one broker; every one has a name of its own, so that tests do not meet."""

    _numbers = itertools.count(1)

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap

    def fresh_topic(self, prefix: str = "topic", partitions: int = 1) -> str:
        """Create an empty topic named after `prefix` and return its name once it can be used."""
        name = f"{prefix}-{os.getpid()}-{next(self._numbers)}"
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            topic = NewTopic(name, num_partitions=partitions, replication_factor=1)
            admin.create_topics([topic], wait_for_metadata=True)
        finally:
            admin.close()
        return name
