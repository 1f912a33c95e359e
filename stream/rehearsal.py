"""A rehearsal: what would ring on dated messages with a given model, by the worker's and the watch's own pure parts.

Knows neither Kafka nor Redis. It differs from a real run in one thing: it reads all messages before it looks, in the
order of their event times, so that none is late and of two copies the earlier one always owns the story.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from stream.backtest import backtest
from stream.judging import judge
from stream.scored_log import from_table
from undertone.entities import Linker
from undertone.messages import Message, Severity
from undertone.rules import Rules
from undertone.scorer import Scorer
from undertone.settings import Settings


class RehearsedAlert(NamedTuple):
    """One episode that would have fired; figures are those of the minute in which it did.

    ``severity`` is the highest that it reached. ``topic`` or ``entity`` is empty where the series is over all.
    """

    fired_at: datetime
    severity: Severity
    rule: str
    entity: str
    topic: str
    stories: int
    messages: int
    p_count: float
    p_share: float


def rehearse(
    messages: Iterable[Message],
    scorer: Scorer,
    *,
    settings: Settings,
    linker: Linker | None = None,
    stream: str = "comments",
    rules: Rules | None = None,
) -> list[RehearsedAlert]:
    """Return the alerts that the messages would have raised, in the order in which they fire.

    Args:
        messages: In any order; they are taken by event time.
        scorer: Judges every text.
        settings: Lateness, length of texts, how long a story is open.
        linker: Finds the companies of each text (default: the list that the settings name).
        stream: The stream that the messages are taken for; counts do not depend on it.
        rules: What to look for (default: the rules that ship).

    Raises:
        ModelError: if the scorer gives what is no score.
    """
    log = from_table(judge(messages, scorer, settings=settings, linker=linker, stream=stream))
    return [
        RehearsedAlert(
            one.alert.fired_at,
            one.alert.severity,
            one.alert.rule,
            one.alert.entity or "",
            one.alert.topic or "",
            one.alert.stories,
            one.alert.messages,
            one.alert.p_count,
            one.alert.p_share,
        )
        for one in backtest(log, rules or Rules.shipped(), stream=stream)
    ]
