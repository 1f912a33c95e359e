"""Which windows answer a question about trends, and whether they are too many for one answer. Pure."""

from __future__ import annotations

from typing import NamedTuple

from undertone.api.problems import refused
from undertone.keys import WINDOW_TTL_S
from undertone.trends import parse_size

STEPS = ("1m", "5m", "1h", "1d")
AUTO_BUCKETS = 300
MOST_BUCKETS = 1_500
MOST_READS = 60_000
"""Series read at most: windows, times partitions, times topics."""


class Plan(NamedTuple):
    """Windows of one size, from one start to another end in ms, both at their edges."""

    step: str
    size_s: int
    start_ms: int
    end_ms: int

    @property
    def buckets(self) -> int:
        return (self.end_ms - self.start_ms) // (self.size_s * 1000)


def plan(start_ms: int, end_ms: int, step: str, width: int) -> Plan:
    """The windows that hold [start_ms, end_ms).

    Args:
        start_ms: Event time.
        end_ms: Not included.
        step: One of STEPS, or ``auto`` for the shortest that gives AUTO_BUCKETS at most and can be read.
        width: Series read for each window: partitions times topics.

    Raises:
        ApiError: if the range is empty or too large; says what the most is.
    """
    if start_ms >= end_ms:
        raise refused("from", "`from` is not before `to`")
    if step != "auto":
        made = _aligned(start_ms, end_ms, step)
        too_much = _too_much(made, width)
        if too_much:
            raise refused("step", too_much, "range")
        return made
    for one in STEPS:
        made = _aligned(start_ms, end_ms, one)
        if made.buckets <= AUTO_BUCKETS and not _too_much(made, width):
            return made
    made = _aligned(start_ms, end_ms, STEPS[-1])
    too_much = _too_much(made, width)
    if too_much:
        raise refused("from", too_much, "range")
    return made


def _aligned(start_ms: int, end_ms: int, step: str) -> Plan:
    size_ms = parse_size(step) * 1000
    return Plan(step, size_ms // 1000, start_ms // size_ms * size_ms, -(-end_ms // size_ms) * size_ms)


def _too_much(made: Plan, width: int) -> str:
    """Why it is too large; empty if it is not."""
    kept_s, most = WINDOW_TTL_S[made.size_s], min(MOST_BUCKETS, MOST_READS // max(1, width))
    if made.buckets > most:
        return (
            f"{made.buckets:,} windows of {made.step} are asked for, and {most:,} are the most here: "
            "ask for a longer step, a shorter range or one topic"
        )
    if made.buckets * made.size_s > kept_s + made.size_s:
        return f"windows of {made.step} are kept for {kept_s // 86_400} days: ask for a longer step or a shorter range"
    return ""
