"""Whose stories a surge is made of: one author, or one source alone, does not make an alert. Pure.

Counts are of stories, and whose they are is known of those that are kept as evidence: at most EVIDENCE_PER_SERIES of a
series in five minutes, of them EVIDENCE_PER_AUTHOR of one author. Where less is kept than there was room for, all that
is missing is of authors who had their share. Authors are names as the feed gives them: who opens many accounts and
writes otherwise under each is many authors.
"""

from __future__ import annotations

from collections.abc import Sequence, Set

import numpy as np
from numpy.typing import NDArray

from stream.baseline import Ints
from stream.detector import LOOKS, SURGES, Reading, count_tail, share_tail
from stream.episode import Seen, Sighting
from undertone.keys import EVIDENCE_BUCKET_S, EVIDENCE_PER_SERIES
from undertone.messages import SENTIMENTS, Evidence
from undertone.rules import Thresholds
from undertone.trends import bucket

AUTHOR_STORIES = 2
"""Stories of one author that count in a window: a second may be news, and then it is told by others too."""
SOURCE_STORIES = 12
"""Stories without an author that count where one source alone tells them, in a stream of MANY_SOURCES: an agency may
file a dozen pieces on one event before anybody else has it."""
MANY_SOURCES = 3


def seen(stories: Sequence[Evidence], *, sources: int, tier: int = 0, full: Set[int] = frozenset()) -> Seen:
    """What the alert states ask of the stories behind a reading.

    Args:
        stories: Those kept of one series in a window, as the rule looks at it.
        tier: The best tier of their sources, 0 for unknown.
        sources: Distinct sources of all stories kept of the stream in the widest window.
        full: Starts, in seconds, of the five minutes in which the stream's evidence had no room left.
    """
    codes: dict[str, int] = {}
    topics: dict[str, int] = {}
    authors = [-1 if one.author is None else codes.setdefault(one.author, len(codes)) for one in stories]
    kinds = [
        topics.setdefault(one.topic, len(topics)) * len(SENTIMENTS) + SENTIMENTS.index(one.sentiment) for one in stories
    ]
    own_sources = len({one.source for one in stories})
    starts = np.array([bucket(one.published_ms, EVIDENCE_BUCKET_S) for one in stories], np.int64)
    return Seen(
        frozenset(one.position for one in stories),
        own_sources,
        tier,
        counted(np.array(authors, np.int64), alone=own_sources == 1 and sources >= MANY_SOURCES),
        complete(starts, np.array(kinds, np.int64), full),
    )


def counted(authors: NDArray[np.integer], *, alone: bool) -> int:
    """How many stories count, given a number for the author of each, -1 for one without.

    ``alone`` says that one source tells them all, in a stream of MANY_SOURCES.
    """
    by_author = np.unique(authors[authors >= 0], return_counts=True)[1]
    anonymous = int(np.count_nonzero(authors < 0))
    if alone and not len(by_author):
        anonymous = min(anonymous, SOURCE_STORIES)
    return anonymous + int(np.minimum(by_author, AUTHOR_STORIES).sum())


def complete(starts: Ints, kinds: NDArray[np.integer], full: Set[int] = frozenset()) -> bool:
    """Whether there was room for more, given the five minutes of each story and those without any room.

    Each topic and sentiment has room of its own, as :class:`stream.evidence.EvidenceMemory` gives it.
    """
    n = np.unique(starts + kinds / (kinds.max(initial=0) + 1), return_counts=True)[1]
    return bool((n < EVIDENCE_PER_SERIES).all()) and full.isdisjoint(starts.tolist())


def counting(reading: Reading, found: Sighting) -> int:
    """How many of a reading's stories count, once each voice has had its share.

    Where nothing is kept of them, or nobody asked whose they are, all do.
    """
    kept = len(found.positions)
    if not kept or found.counted is None:
        return reading.stories
    if found.complete:
        return min(found.counted, reading.stories)
    return reading.stories * found.counted // kept


def stands(reading: Reading, found: Sighting, *, bars: Thresholds | None = None, left: float = 1.0) -> bool:
    """Whether it still rings with the stories that count, and comes from the sources that its rule demands.

    Args:
        reading: What stands out if all its stories count.
        found: Those that are kept.
        bars: Of its rule, which are to be met; by default those of a warning.
        left: The part of its stories that no other alert tells.
    """
    rule = reading.rule
    bars = bars or rule.warning
    if bars.sources > 1 and found.sources < bars.sources:
        return False
    n = int(counting(reading, found) * left)
    if n >= reading.stories:
        return True
    if n < rule.min_stories and rule.kind in SURGES:
        return False
    if bars.p_count is not None and rule.kind in SURGES:
        tail = count_tail(np.array([n]), np.array([reading.expected]), np.array([reading.dispersion]))
        if min(LOOKS * float(tail[0]), 1.0) > bars.p_count:
            return False
    if bars.p_share is None or not rule.negative:
        return True
    total = reading.total - (reading.stories - n)
    tail = share_tail(
        np.array([n]), np.array([total]), np.array([reading.expected_share]), np.array([reading.precision])
    )
    return float(tail[0]) <= bars.p_share
