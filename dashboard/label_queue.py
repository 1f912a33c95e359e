"""What is worth a person's label: texts that people disagree about, and stories of which the model was least sure.

A label that is given is kept in Redis at once and carried to the ``labels`` topic from there, by this program or, where
Kafka is away, later by the watch.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from redis.exceptions import RedisError

from dashboard import story_reads
from dashboard.guard import store, wall_ms
from dashboard.kept import kept
from dashboard.ranges import DAY
from dashboard.windows import Asked
from undertone.errors import BrokerError
from undertone.false_alarm import Verdicts
from undertone.labels import Limits, Log, log, person, review
from undertone.messages import Evidence, Label, Said, from_ms
from undertone.settings import Settings
from undertone.text import clean, normalise

SPAN_S: Final = DAY
STORIES: Final = 2_000
UNSURE: Final = 0.75
"""A story of which the model was less sure than this is asked about."""
QUEUE: Final = 500
KNOWN_S: Final = 300

_log = logging.getLogger(__name__)
_carrying = threading.Lock()


class Item(NamedTuple):
    """One text to label, and what the model said of it, which the person is not told.

    ``disputed`` is what people disagree about, empty where only the model is unsure.
    """

    text: str
    source: str = ""
    position: str | None = None
    model: str = ""
    said: Said | None = None
    disputed: str = ""

    @property
    def key(self) -> str:
        """The same for two texts that count as one."""
        return normalise(clean(self.text))


class Judged(NamedTuple):
    """What the ``labels`` topic holds: the disputed texts, and who has judged which text (by :attr:`Item.key`).

    ``away``: Kafka could not be reached, so that nothing is known of it.
    """

    disputed: tuple[Item, ...] = ()
    by: Mapping[str, frozenset[str]] = MappingProxyType({})
    away: bool = False


def judged(settings: Settings) -> Judged:
    """What people have said, KNOWN_S old at most: reading the topic takes longer than a person takes for a label."""
    return _judged(settings.bootstrap_servers, settings)


@kept(KNOWN_S, most=4)
def _judged(_servers: str, settings: Settings) -> Judged:
    try:
        found = log.read(settings)
    except BrokerError:
        return Judged(away=True)
    tied = review(found, Limits.of(settings), from_ms(wall_ms())).disputed
    return Judged(tuple(Item(one.text, disputed=one.about or "label") for one in tied), _by(found))


def _by(found: Log) -> dict[str, frozenset[str]]:
    texts: dict[str, set[str]] = {}
    for label, _ in found.labels:
        mine = texts.setdefault(person(label.labelled_by), set())
        key = normalise(clean(label.text))
        if label.retracts:
            mine.discard(key)
        else:
            mine.add(key)
    return {who: frozenset(keys) for who, keys in texts.items()}


def unsure(url: str, streams: tuple[str, ...], now_ms: int) -> list[Item]:
    """The stories of the last day of which the model was least sure, the least sure first."""
    found = story_reads.newest(url, Asked(streams), now_ms - SPAN_S * 1000, now_ms + 1, now_ms, STORIES)
    doubtful = sorted((one for one in found if one.p < UNSURE), key=lambda one: (one.p, one.position))
    return [_item(one) for one in doubtful]


def _item(one: Evidence) -> Item:
    said = Said(sentiment=one.sentiment, sentiment_probability=one.p, topic=one.topic)
    return Item(one.text, one.source, one.position, one.model, said)


def queue(disputed: Iterable[Item], doubtful: Sequence[Item], done: Collection[str]) -> list[Item]:
    """The texts to ask about, disputed ones first; none twice and none of ``done``, at most QUEUE."""
    found: dict[str, Item] = {}
    for one in _both(disputed, doubtful):
        key = one.key
        if key and key not in done:
            found.setdefault(key, one)
        if len(found) == QUEUE:
            break
    return list(found.values())


def _both(disputed: Iterable[Item], doubtful: Sequence[Item]) -> Iterator[Item]:
    """A disputed text is mostly one that the model has judged too: then it is known where it stands."""
    known = {one.key: one for one in reversed(doubtful)}
    for one in disputed:
        yield known[one.key]._replace(disputed=one.disputed) if one.key in known else one
    yield from doubtful


def give(settings: Settings, label: Label) -> None:
    """Keep a label for good, and send it on in the background.

    Raises:
        RedisError: if the store is away; then it is not kept.
    """
    Verdicts(store(settings.redis_url).redis).add(label)
    threading.Thread(target=_carry, args=(settings, label.labelled_by), name="labels", daemon=True).start()


def _carry(settings: Settings, who: str) -> None:
    # Whoever comes second would find nothing left: the first carries until none waits.
    if not _carrying.acquire(blocking=False):
        return
    try:
        Verdicts(store(settings.redis_url).redis).carry(settings, f"dashboard:{who}")
    except (BrokerError, RedisError) as error:
        _log.warning("labels wait in the store: %s", error)
    finally:
        _carrying.release()


def waiting(url: str) -> int:
    """How many labels are on their way."""
    return Verdicts(store(url).redis).waiting()
