"""Stories that tell the same of the same companies: kept texts that nearly repeat each other, across streams. Pure.

The worker takes what repeats within a day and a stream for copies and keeps the first only; here the firsts meet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dashboard.kept import made
from undertone.messages import Evidence
from undertone.near_duplicates import clusters


@dataclass(frozen=True, slots=True)
class Cluster:
    """One story and all its kept tellings, the earliest first."""

    tellings: tuple[Evidence, ...]

    @property
    def first(self) -> Evidence:
        return self.tellings[0]

    @property
    def last_ms(self) -> int:
        """When it was last told."""
        return self.tellings[-1].published_ms

    @property
    def sources(self) -> tuple[str, ...]:
        """Where it was told, in the order of the first telling."""
        return tuple(dict.fromkeys(one.source for one in self.tellings))

    @property
    def entities(self) -> tuple[str, ...]:
        """Which companies it names."""
        return tuple(dict.fromkeys(name for one in self.tellings for name in one.entities))


@made(most=32)
def clustered(stories: Sequence[Evidence]) -> tuple[Cluster, ...]:
    """The stories in clusters, those told last first."""
    # By company first: "A misses estimates" and "B misses estimates" share most of their words.
    by_company: defaultdict[frozenset[str], list[Evidence]] = defaultdict(list)
    for one in sorted(stories, key=lambda one: (one.published_ms, one.position)):
        by_company[frozenset(one.entities)].append(one)
    found = [
        Cluster(tuple(same[n] for n in group))
        for same in by_company.values()
        for group in _groups(tuple(one.text for one in same))
    ]
    return tuple(sorted(found, key=lambda one: (-one.last_ms, one.first.position)))


@lru_cache(maxsize=1_024)
def _groups(texts: tuple[str, ...]) -> list[list[int]]:
    # A new story is of one company: the groups of all others are as they were.
    return clusters(texts)
