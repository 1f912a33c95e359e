"""What a false alarm teaches: labels for the texts that made it, and their way to Kafka.

A person who calls an alert wrong may say what its texts are instead. That is written down with the act, in one step
(:meth:`undertone.alert_store.AlertStore.act`), and carried to the ``labels`` topic from there: a program that dies on
the way leaves it to the next one. A label's id is made of alert, text and person, so that one that comes twice is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import cast

import msgspec
import redis
import xxhash

from undertone import keys
from undertone.client import lua
from undertone.errors import InputError
from undertone.labels.judge import judge, person
from undertone.messages import Alert, Evidence, Label, Said, Sentiment, encode
from undertone.settings import Settings
from undertone.text import clean, normalise

SOURCE = "alert"
BATCH = 500

_decoder = msgspec.json.Decoder(Label)


def corrections(
    alert: Alert,
    *,
    by: str,
    at: datetime,
    sentiment: Sentiment | None = None,
    topic: str | None = None,
    positions: Sequence[str] = (),
    why: str = "",
) -> list[Label]:
    """What a person says of the texts of an alert, a label for each.

    Args:
        alert: Which was wrong.
        by: Who says so.
        at: When, by the clock on the wall.
        sentiment: What the texts say, None to say nothing of it.
        topic: What they are about, None to say nothing of it.
        positions: Of which texts of the evidence; none: of all that the model judged otherwise.
        why: The reason that was given.

    Raises:
        InputError: if a position is not in the evidence, or positions are given and nothing is said of them.
    """
    known = {one.position: one for one in alert.evidence}
    strange = [one for one in positions if one not in known]
    if strange:
        raise InputError(
            f"{', '.join(strange)}: not in the evidence of alert {alert.id!r}; valid are {', '.join(known) or 'none'}"
        )
    if sentiment is None and topic is None:
        if positions:
            raise InputError("nothing is said of the texts: give the right sentiment, or the right topic")
        return []
    told = [known[one] for one in dict.fromkeys(positions)] or [
        one
        for one in alert.evidence
        if normalise(clean(one.text)) and (sentiment or one.sentiment, topic or one.topic) != (one.sentiment, one.topic)
    ]
    return [_label(alert, one, by=by, at=at, sentiment=sentiment, topic=topic, why=why) for one in told]


def _label(
    alert: Alert, one: Evidence, *, by: str, at: datetime, sentiment: Sentiment | None, topic: str | None, why: str
) -> Label:
    made = judge(
        one.text,
        by=by,
        at=at,
        sentiment=sentiment,
        topic=topic,
        model=one.model,
        position=one.position,
        was=Said(sentiment=one.sentiment, sentiment_probability=one.p, topic=one.topic),
        source=SOURCE,
        comment=f"false alarm {alert.id}" + (f": {clean(why)}" if why else ""),
    )
    identity = msgspec.json.encode((SOURCE, alert.id, one.position, person(by)))
    return msgspec.structs.replace(made, id=xxhash.xxh3_128_hexdigest(identity))


class Verdicts:
    """The labels on their way to Kafka. One program at a time carries them."""

    def __init__(self, client: redis.Redis) -> None:
        self.redis = client
        self._lease = client.register_script(lua("lease"))

    def waiting(self) -> int:
        """How many are on their way."""
        return self.redis.xlen(keys.verdicts())

    def add(self, label: Label) -> None:
        """Let a label go the same way, that belongs to no alert: one that was given on the page."""
        with self.redis.pipeline() as pipe:
            pipe.xadd(keys.verdicts(), {"label": encode(label)})
            pipe.expire(keys.verdicts(), keys.ALERT_TTL_S)
            pipe.execute()

    def carry(self, settings: Settings, name: str) -> int:
        """Send all that wait, in order; how many were sent, 0 while another program carries them.

        Raises:
            BrokerError: if Kafka cannot be reached; they wait on.
        """
        from undertone.labels import log

        token = cast("bytes | None", self._leased("take", name))
        if token is None:
            return 0
        sent = 0
        try:
            while batch := self._next():
                log.send(settings, batch.values())
                self.redis.xdel(keys.verdicts(), *batch)
                sent += len(batch)
                if not self._leased("keep", token.decode()):
                    break
        finally:
            self._leased("drop", token.decode())
        return sent

    def _next(self) -> dict[str, Label]:
        found = cast("list[tuple[bytes, dict[bytes, bytes]]]", self.redis.xrange(keys.verdicts(), count=BATCH))
        return {entry.decode(): _decoder.decode(fields[b"label"]) for entry, fields in found}

    def _leased(self, what: str, name: str) -> object:
        args: Sequence[str | int] = [what, name, keys.VERDICTS_LEASE_TTL_S * 1000, keys.WATCH_TTL_S]
        return self._lease(keys=[keys.verdicts_lease(), keys.watch_state()], args=args)
