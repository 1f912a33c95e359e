"""Real Apache Kafka and real Valkey on loopback, for the demo, the tests and a laptop.

Not for production: one node, no replication, no password. Production differs only by
``bootstrap_servers`` and ``redis_url``.
"""

from __future__ import annotations

from undertone.embedded.jvm import jars, java
from undertone.embedded.kafka import EmbeddedKafka
from undertone.embedded.lock import DataFolderInUse, DataFolderLock
from undertone.embedded.server import EmbeddedServerError
from undertone.embedded.valkey import EmbeddedValkey

__all__ = [
    "DataFolderInUse",
    "DataFolderLock",
    "EmbeddedKafka",
    "EmbeddedServerError",
    "EmbeddedValkey",
    "jars",
    "java",
]
