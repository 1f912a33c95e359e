"""The rules: what to look for, whom to tell of it, how often and when not. Types alone, as in a rules file.

:mod:`undertone.rules.file` reads them from YAML and says what is wrong with one; :mod:`undertone.rules.routing` and
:mod:`undertone.rules.matching` use them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from undertone.messages import NEGATIVE_SURGE, Severity
from undertone.rules.matching import matches

SENTIMENT_SHIFT = "sentiment-shift"
FEED_SILENT = "feed-silent"

Kind = Literal["negative-surge", "volume-surge", "sentiment-shift", "feed-silent"]
Stream = Literal["news", "comments"]
SeriesKind = Literal["topic", "entity", "topic-entity", "stream"]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
News = Literal["escalated", "grown", "new-tier", "acknowledged", "resolved"]
"""What is told of an alert after it has fired. All else that a receiver hears of one is that it fired."""

Name = Annotated[str, msgspec.Meta(pattern="^[a-z0-9][a-z0-9_-]{0,39}$")]
Glob = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Globs = Glob | tuple[Glob, ...]
Threshold = Annotated[float, msgspec.Meta(gt=0, lt=1)]
Variable = Annotated[str, msgspec.Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
Clock = Annotated[str, msgspec.Meta(pattern="^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Tier = Annotated[int, msgspec.Meta(ge=1, le=3)]


def series_kind(topic: str | None, entity: str | None) -> SeriesKind:
    """The kind of a series; one without topic and entity is a stream as a whole."""
    if topic:
        return "topic-entity" if entity else "topic"
    return "entity" if entity else "stream"


STREAM_TIERS: dict[str, int] = {"news": 2, "comments": 3}
"""The tier of a source that no line of ``source_tiers`` names, by its stream: press, and social media."""


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What all parts of a rules file have in common."""


class Thresholds(_Part, frozen=True, kw_only=True):
    """The bars that must all be met; one that is left out is not tested. Which apply depends on the rule's kind.

    ``p_count`` and ``p_share`` are the largest tail probabilities of the count and of the negative share; ``sources``
    the fewest distinct sources; ``change`` the least rise of the negative share (sentiment-shift); ``minutes`` the
    shortest silence (feed-silent).
    """

    p_count: Threshold | None = None
    p_share: Threshold | None = None
    sources: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    change: Annotated[float, msgspec.Meta(gt=0, lt=1)] | None = None
    minutes: Annotated[int, msgspec.Meta(ge=1, le=10_080)] | None = None


class Rule(_Part, frozen=True, kw_only=True):
    """What to look for, and in which series; see docs/alerts.md for each kind."""

    name: Name
    kind: Kind
    streams: tuple[Stream, ...] = ("news", "comments")
    topics: tuple[Glob, ...] = ("*",)
    entities: tuple[Glob, ...] = ("*",)
    series: tuple[SeriesKind, ...] = ("topic", "entity", "topic-entity", "stream")
    min_stories: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 4
    days: Annotated[int, msgspec.Meta(ge=1, le=14)] = 3  # sentiment-shift
    warning: Thresholds
    critical: Thresholds | None = None

    @property
    def negative(self) -> bool:
        """Whether it counts negative stories; else it counts all."""
        return self.kind in (NEGATIVE_SURGE, SENTIMENT_SHIFT)

    def covers(self, stream: str, topic: str, entity: str) -> bool:
        """Whether a series is looked at; an empty topic or entity is a series without one, both the whole stream."""
        return (
            stream in self.streams
            and series_kind(topic, entity) in self.series
            and matches(self.topics, topic)
            and matches(self.entities, entity)
        )


class Webhook(_Part, frozen=True, kw_only=True):
    """A receiver of Alertmanager's webhook format, version 4. Its address is ``url``, or stands in ``url_env``."""

    url: Annotated[str, msgspec.Meta(pattern="^https?://[^ ]+$", max_length=4096)] | None = None
    url_env: Variable | None = None
    secret_env: Variable | None = None
    allow_private: bool = False
    allow_http: bool = False
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0


class Apprise(_Part, frozen=True, kw_only=True):
    """A chat or mailbox by its apprise URL, which holds secrets: better ``url_env`` than ``url``."""

    url: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]+s?://[^ ]+$", max_length=4096)] | None = None
    url_env: Variable | None = None
    timeout_s: Annotated[float, msgspec.Meta(gt=0, le=60)] = 10.0


class Receiver(_Part, frozen=True, kw_only=True):
    """Where notifications go: one of ``webhook`` and ``apprise``. What is recorded of a delivery bears the name."""

    name: Name
    webhook: Webhook | None = None
    apprise: Apprise | None = None


class Match(_Part, frozen=True, kw_only=True):
    """Which alerts; each field is a glob or a list of globs, and all that are given must match.

    A topic or an entity that the alert does not have is matched by ``*`` alone. ``series`` is the kind of what it is
    about, as in a rule. ``source`` matches if that of any story in the evidence does.
    """

    rule: Globs = "*"
    stream: Globs = "*"
    series: Globs = "*"
    topic: Globs = "*"
    entity: Globs = "*"
    severity: Globs = "*"
    source: Globs = "*"


class Budget(_Part, frozen=True, kw_only=True):
    """At most so many notifications to a receiver in a UTC day of event time; critical ones go out all the same."""

    per_day: Annotated[int, msgspec.Meta(ge=0, le=100_000)]


class MuteTiming(_Part, frozen=True, kw_only=True):
    """Hours that return every week. One that ends before it begins runs over midnight and counts to its first day."""

    name: Name
    days: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    from_: Clock = msgspec.field(default="00:00", name="from")
    to: Clock = "24:00"
    zone: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "UTC"


class Route(_Part, frozen=True, kw_only=True):
    """Which alerts go where. The first route that matches decides, and the next ones too if it says ``continue``."""

    match: Match = Match()
    to: tuple[Name, ...]
    budget: Budget | None = None
    mute: tuple[Name, ...] = ()
    critical_pierces: bool = False
    repeat_on: tuple[News, ...] = ("escalated", "grown", "new-tier", "acknowledged", "resolved")
    continue_: bool = msgspec.field(default=False, name="continue")


class Rules(_Part, frozen=True, kw_only=True):
    """A whole rules file. Without ``routes`` every receiver is told of everything."""

    version: Literal[1]
    rules: tuple[Rule, ...] = ()
    receivers: tuple[Receiver, ...] = ()
    routes: tuple[Route, ...] = ()
    mute_timings: tuple[MuteTiming, ...] = ()
    source_tiers: dict[Glob, Tier] = {}

    @classmethod
    def load(cls, path: Path | str) -> Rules:
        """The rules in a file.

        Raises:
            InputError: if it cannot be read or used; one line for each problem, ``rules.yaml:12: …``.
        """
        from undertone.rules.file import load

        return load(path)

    @classmethod
    def shipped(cls) -> Rules:
        """The rules that hold where no file is named."""
        from undertone.rules.file import shipped

        return shipped()

    def rule(self, name: str) -> Rule | None:
        """The rule of this name, or None."""
        return next((one for one in self.rules if one.name == name), None)

    def tier(self, source: str, stream: str) -> int:
        """How much a source weighs: 1 a wire or a regulator, 2 the press, 3 social media.

        The first line of ``source_tiers`` that matches decides, else the stream.
        """
        found = (tier for glob, tier in self.source_tiers.items() if matches(glob, source))
        return next(found, STREAM_TIERS.get(stream, 3))

    def bars(self, rule: str, severity: Severity) -> Thresholds | None:
        """The thresholds of a rule for a severity; None where there are none."""
        found = self.rule(rule)
        return None if found is None else found.warning if severity is Severity.WARNING else found.critical
