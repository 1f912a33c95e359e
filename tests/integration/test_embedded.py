from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from kafka import KafkaConsumer, KafkaProducer
from redis import Redis

from tests.servers import Topics, wait_until
from undertone.embedded import DataFolderInUse, EmbeddedKafka, EmbeddedServerError, EmbeddedValkey
from undertone.embedded.server import START_TIMEOUT_S


def produce(bootstrap: str, topic: str, value: bytes) -> None:
    producer = KafkaProducer(bootstrap_servers=bootstrap)
    try:
        producer.send(topic, value).get(timeout=20)
    finally:
        producer.close()


def consume(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = KafkaConsumer(
        topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=20_000
    )
    try:
        return [next(consumer).value for _ in range(count)]
    finally:
        consumer.close()


def test_a_message_goes_through_kafka(kafka: EmbeddedKafka, topics: Topics) -> None:
    topic = topics.fresh_topic("hello", partitions=2)
    produce(kafka.bootstrap, topic, b"one")
    assert consume(kafka.bootstrap, topic, 1) == [b"one"]


def test_kafka_takes_a_message_of_5_mb(kafka: EmbeddedKafka, topics: Topics) -> None:
    topic = topics.fresh_topic("large")
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap, max_request_size=8 * 1024 * 1024)
    try:
        producer.send(topic, b"x" * 5_000_000).get(timeout=20)
    finally:
        producer.close()


def test_what_is_fetched_at_the_first_start_may_take_longer_than_a_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late_s = 0.0
    command = EmbeddedValkey._command

    def slowly(server: EmbeddedValkey) -> list[str]:
        nonlocal late_s
        late_s += 2 * START_TIMEOUT_S
        return command(server)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late_s, sleep=time.sleep)
    monkeypatch.setattr("undertone.embedded.server.time", clock)
    monkeypatch.setattr(EmbeddedValkey, "_command", slowly)
    with EmbeddedValkey(tmp_path) as valkey:
        assert valkey.alive()


def test_kafka_keeps_its_data_and_its_port_through_kill_9(own_kafka: EmbeddedKafka) -> None:
    topic = Topics(own_kafka.bootstrap).fresh_topic("kept")
    before = own_kafka.bootstrap
    produce(before, topic, b"before")
    own_kafka.kill()
    assert not own_kafka.alive()
    assert own_kafka.start() == before
    produce(before, topic, b"after")
    assert consume(before, topic, 2) == [b"before", b"after"]


def test_kafka_says_why_it_does_not_start(tmp_path: Path) -> None:
    broken = EmbeddedKafka(tmp_path)
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "meta.properties").write_text("version=1\ncluster.id=x\nnode.id=99\n")
    with pytest.raises(EmbeddedServerError, match="node id 99") as error:
        broken.start()
    assert str(broken.log) in str(error.value)
    assert not broken.alive()


def test_valkey_keeps_what_was_written_through_kill_9(own_valkey: EmbeddedValkey) -> None:
    url = own_valkey.url
    with Redis.from_url(url) as client:
        for number in range(1000):
            client.rpush("numbers", number)
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    own_valkey.kill()
    assert own_valkey.start() == url
    with Redis.from_url(url) as client:
        assert client.llen("numbers") == 1000


def test_an_orderly_stop_frees_the_folder_and_a_new_object_finds_the_same_port(
    own_valkey: EmbeddedValkey,
) -> None:
    url = own_valkey.url
    own_valkey.stop()
    with EmbeddedValkey(own_valkey.data) as again:
        assert again.url == url


def test_a_data_folder_in_use_is_refused_and_its_holder_named(own_valkey: EmbeddedValkey) -> None:
    with pytest.raises(DataFolderInUse, match=rf"process {os.getpid()}\b") as error:
        EmbeddedValkey(own_valkey.data).start()
    assert error.value.pid == os.getpid()
    assert own_valkey.alive()


def test_two_run_side_by_side_in_folders_of_their_own(tmp_path: Path) -> None:
    with EmbeddedValkey(tmp_path / "a") as a, EmbeddedValkey(tmp_path / "b") as b:
        assert a.url != b.url
        assert a.alive()
        assert b.alive()


def test_a_recorded_port_that_was_taken_meanwhile_is_exchanged(own_valkey: EmbeddedValkey) -> None:
    taken = own_valkey.port
    own_valkey.stop()
    with socket.create_server(("127.0.0.1", taken)), EmbeddedValkey(own_valkey.data) as moved:
        assert moved.port != taken


def test_a_chosen_port_that_is_taken_is_refused(tmp_path: Path, own_valkey: EmbeddedValkey) -> None:
    with pytest.raises(EmbeddedServerError, match=f"port {own_valkey.port} "):
        EmbeddedValkey(tmp_path / "other", port=own_valkey.port).start()


def test_a_server_started_from_a_thread_outlives_the_thread(tmp_path: Path) -> None:
    server = EmbeddedValkey(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    try:
        with Redis.from_url(server.url) as client:
            assert client.ping()
    finally:
        server.stop()


RUN = """
import sys, time
from pathlib import Path
from undertone.embedded import EmbeddedKafka, EmbeddedValkey
data = Path(sys.argv[1])
kafka, valkey = EmbeddedKafka(data / "kafka"), EmbeddedValkey(data / "valkey")
kafka.start(); valkey.start()
print(kafka.pid, valkey.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the leash is Linux's")
def test_children_die_with_a_parent_killed_by_kill_9_and_a_second_run_works(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", RUN, str(tmp_path)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(word)) for word in parent.stdout.readline().split()]
        assert len(children) == 2
        with pytest.raises(DataFolderInUse, match=rf"process {parent.pid}\b"):
            EmbeddedKafka(tmp_path / "kafka").start()
        parent.send_signal(signal.SIGKILL)
        parent.wait()
        with EmbeddedKafka(tmp_path / "kafka") as kafka, EmbeddedValkey(tmp_path / "valkey") as valkey:
            assert kafka.alive()
            assert valkey.alive()
            wait_until(
                lambda: not any(child.is_running() for child in children),
                10,
                "the first run's servers are gone",
            )
