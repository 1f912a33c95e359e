"""One Apache Kafka node (KRaft: broker and controller in one process) on loopback."""

from __future__ import annotations

import base64
import socket
import struct
import subprocess
import uuid
from pathlib import Path
from typing import ClassVar

from undertone.embedded.extra import need_extra
from undertone.embedded.jvm import jars, java
from undertone.embedded.server import HOST, EmbeddedServer, EmbeddedServerError, free_port

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
FORMAT_TIMEOUT_S = 60.0
PROBE_TIMEOUT_S = 1.0

_JVM = (
    "-Xmx256m",
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
)

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs=log

auto.create.topics.enable=false
message.max.bytes={max_message_bytes}
replica.fetch.max.bytes={max_message_bytes}

# One node.
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1

# Quick to start and to come back: with the default session a restart after kill -9 waits 11 s.
group.initial.rebalance.delay.ms=0
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500

# Small.
num.io.threads=2
num.network.threads=2
log.segment.bytes=67108864
log.index.size.max.bytes=1048576
log.cleaner.dedupe.buffer.size=4194304
log.cleaner.io.buffer.size=262144
"""


class EmbeddedKafka(EmbeddedServer):
    """A real one-node Apache Kafka 4.1.1 (KRaft) on loopback in its own data folder."""

    name: ClassVar[str] = "Kafka"
    stop_timeout_s: ClassVar[float] = 20.0

    def __init__(self, data: Path, *, port: int = 0) -> None:
        need_extra("jgo")
        super().__init__(data, port=port)
        self._cluster_id = ""

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    def _address(self) -> str:
        return self.bootstrap

    @property
    def _properties_file(self) -> Path:
        return self.data / "server.properties"

    def _command(self) -> list[str]:
        self._properties_file.write_text(
            _PROPERTIES.format(
                host=HOST,
                port=self.port,
                controller_port=free_port(other_than=self.port),
                max_message_bytes=MAX_MESSAGE_BYTES,
            ),
            encoding="ascii",
        )
        classpath = ":".join(str(jar) for jar in jars())
        run = [str(java()), *_JVM, "-cp", classpath]
        self._cluster_id = self._read_cluster_id() or self._format(run)
        return [*run, "kafka.Kafka", self._properties_file.name]

    def _read_cluster_id(self) -> str:
        try:
            lines = (self.data / "log" / "meta.properties").read_text().splitlines()
        except FileNotFoundError:
            return ""
        return next((line.removeprefix("cluster.id=") for line in lines if line.startswith("cluster.id=")), "")

    def _format(self, run: list[str]) -> str:
        (self.data / "log").mkdir(exist_ok=True)
        cluster_id = "-"
        while cluster_id.startswith("-"):  # the tool would read it as an option
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
        done = subprocess.run(
            [*run, *tool, "--cluster-id", cluster_id, "--config", self._properties_file.name],
            cwd=self.data,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=FORMAT_TIMEOUT_S,
        )
        if done.returncode:
            raise EmbeddedServerError(
                f"Kafka could not format its storage in {self.data / 'log'}: "
                f"{(done.stderr or done.stdout).strip()[-1500:]}"
            )
        return cluster_id

    def _answers(self) -> bool:
        with socket.create_connection((HOST, self.port), PROBE_TIMEOUT_S) as connection:
            connection.sendall(_METADATA_REQUEST)
            with connection.makefile("rb") as stream:
                size = int.from_bytes(stream.read(4), "big")
                answer = stream.read(size)
        brokers, cluster_id, controller = _read_metadata(answer)
        # The cluster id tells it from a stranger on the same port.
        return (HOST, self.port) in brokers and cluster_id == self._cluster_id and controller >= 0


def _metadata_request() -> bytes:
    """Metadata, version 2, about no topic: https://kafka.apache.org/protocol#The_Messages_Metadata"""
    client = b"undertone"
    body = struct.pack(f">hhih{len(client)}si", 3, 2, 1, len(client), client, 0)
    return struct.pack(">i", len(body)) + body


_METADATA_REQUEST = _metadata_request()


def _read_metadata(answer: bytes) -> tuple[set[tuple[str, int]], str, int]:
    """The brokers' addresses, the cluster id and the controller's node id of a version 2 answer."""
    at = 4  # past the correlation id

    def integer(code: str) -> int:
        nonlocal at
        (value,) = struct.unpack_from(f">{code}", answer, at)
        at += struct.calcsize(code)
        return int(value)

    def text() -> str:
        nonlocal at
        size = max(0, integer("h"))  # -1 means null
        value = answer[at : at + size].decode()
        at += size
        return value

    try:
        brokers = set()
        for _ in range(integer("i")):
            integer("i")
            host, port, _rack = text(), integer("i"), text()
            brokers.add((host, port))
        return brokers, text(), integer("i")
    except struct.error as error:
        raise ValueError(f"not an answer to Metadata: {error}") from error
