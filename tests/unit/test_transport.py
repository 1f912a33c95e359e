"""What may be committed: everything written without a gap, and not one record more."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from stream.tenure import RECORD_OVERHEAD_BYTES, Chunk, Tenure


class Fetched(NamedTuple):
    offset: int
    serialized_key_size: int = -1
    serialized_value_size: int = 100


def run(first: int, last: int) -> list[Fetched]:
    return [Fetched(offset) for offset in range(first, last + 1)]


def given_out(tenure: Tenure, first: int, last: int, size: int) -> list[Chunk]:
    chunks = list(tenure.cut(run(first, last), size, 1 << 20))
    for chunk in chunks:
        tenure.give(chunk)
    return chunks


def test_a_later_chunk_is_not_committed_before_an_earlier_one() -> None:
    tenure = Tenure("news", 0, 10)
    first, second, third = given_out(tenure, 10, 39, 10)
    tenure.ack(third)
    tenure.ack(second)
    assert tenure.to_commit is None
    tenure.ack(first)
    assert tenure.to_commit == 40


def test_nothing_is_committed_past_a_chunk_that_was_lost_before_it_was_given() -> None:
    tenure = Tenure("news", 0, 0)
    kept, _lost, later = tenure.cut(run(0, 29), 10, 1 << 20)
    for chunk in (kept, later):
        tenure.give(chunk)
        tenure.ack(chunk)
    assert tenure.to_commit == 10


def test_nothing_is_committed_past_a_fetch_that_was_cut_and_never_looked_at() -> None:
    tenure = Tenure("news", 0, 0)
    tenure.cut(run(0, 9), 10, 1 << 20)
    for chunk in given_out(tenure, 10, 19, 10):
        tenure.ack(chunk)
    assert tenure.to_commit is None


def test_holes_in_the_log_are_committed_over() -> None:
    tenure = Tenure("news", 0, 0)
    for chunk in [*given_out(tenure, 3, 5, 10), *given_out(tenure, 90, 99, 10)]:
        tenure.ack(chunk)
    assert tenure.to_commit == 100


def test_a_commit_ahead_of_the_store_is_taken_back() -> None:
    assert Tenure("news", 0, 40, committed=100).to_commit == 40


def test_a_commit_behind_the_store_waits_for_the_first_write() -> None:
    assert Tenure("news", 0, 40, committed=10).to_commit is None
    assert Tenure("news", 0, 40).to_commit is None


def test_a_tenure_that_has_ended_commits_and_counts_nothing() -> None:
    tenure = Tenure("news", 0, 0)
    (chunk,) = given_out(tenure, 0, 9, 10)
    tenure.end()
    assert not tenure.ack(chunk)
    assert tenure.to_commit is None
    assert tenure.in_flight_bytes == 0


def test_a_chunk_is_acked_once() -> None:
    tenure = Tenure("news", 0, 0)
    (chunk,) = given_out(tenure, 0, 9, 10)
    assert tenure.ack(chunk)
    assert not tenure.ack(chunk)
    assert tenure.in_flight_bytes == 0


def test_a_chunk_is_cut_by_bytes_and_one_large_record_still_passes() -> None:
    tenure = Tenure("news", 0, 0)
    sizes = [400, 400, 5_000, 300]
    records = [Fetched(offset, -1, size - RECORD_OVERHEAD_BYTES) for offset, size in enumerate(sizes)]
    chunks = list(tenure.cut(records, 100, 1_000))
    assert [[one.offset for one in chunk.records] for chunk in chunks] == [[0, 1], [2], [3]]
    assert [chunk.size for chunk in chunks] == [800, 5_000, 300]


@given(
    start=st.integers(0, 1_000),
    fetches=st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), min_size=1, max_size=8),
    max_records=st.integers(1, 7),
    data=st.data(),
)
def test_the_commit_is_the_end_of_the_longest_written_beginning(
    start: int, fetches: list[tuple[int, int]], max_records: int, data: st.DataObject
) -> None:
    tenure = Tenure("news", 0, start)
    chunks: list[Chunk] = []
    offset = start
    for hole, count in fetches:
        chunks += tenure.cut(run(offset + hole, offset + hole + count - 1), max_records, 1 << 20)
        offset += hole + count
    assert [one.offset for chunk in chunks for one in chunk.records] == sorted(
        {one.offset for chunk in chunks for one in chunk.records}
    )
    arrived = [chunk for chunk in chunks if data.draw(st.integers(0, 9)) > 0]
    for chunk in arrived:
        tenure.give(chunk)
    done: set[int] = set()
    for chunk in data.draw(st.permutations(arrived)):
        if data.draw(st.booleans()):
            tenure.ack(chunk)
            done.add(id(chunk))
        expected = None
        for one in chunks:
            if id(one) not in done:
                break
            expected = one.last + 1
        assert tenure.to_commit == expected
    assert tenure.in_flight_bytes == sum(chunk.size for chunk in arrived if id(chunk) not in done)
