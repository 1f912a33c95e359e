"""A backtest by itself: it finds what a look at every minute finds, and reads tables of several makes."""

from __future__ import annotations

from bisect import bisect
from collections import defaultdict
from datetime import UTC, datetime

import msgspec
import numpy as np
import pyarrow as pa
import pytest

from stream.backtest import TAIL_MIN, Ringing, backtest
from stream.episode import Change, Seen, What
from stream.evidence import EvidenceMemory, behind
from stream.explain import is_news
from stream.lookout import Lookout
from stream.scored_log import ScoredLog, from_table
from stream.silent import pause
from stream.takeover import takeovers
from stream.voices import seen
from undertone.errors import InputError
from undertone.keys import EVIDENCE_BUCKET_S
from undertone.messages import SENTIMENTS, Evidence
from undertone.rules import FEED_SILENT, Rule, Rules, Thresholds
from undertone.trends import Counts, Series, bucket

MINUTE_MS = 60_000
HOUR_MS = 3_600_000
START_MS = 1_392_595_200_000  # a Monday
TOPICS = ("Macro", "Earnings")
ENTITIES = ("ACME", "BUST", "CALM", "DULL")


def invented(seed: int, days: int = 6) -> pa.Table:
    """Scored messages at the rates of day and night, with surges, copies, authors, a silence and a new model."""
    draw = np.random.default_rng(seed)
    times = [
        START_MS + hour * HOUR_MS + int(at)
        for hour in range(days * 24)
        for at in draw.integers(0, HOUR_MS, draw.poisson(6 if 8 <= hour % 24 < 20 else 1.5))
    ]
    surges = {int(START_MS + (day + draw.random()) * 24 * HOUR_MS): ENTITIES[day % 4] for day in range(1, days)}
    bursts = [(at + int(late), who) for at, who in surges.items() for late in draw.integers(0, 30 * MINUTE_MS, 14)]
    rows = []
    silence = START_MS + (days * 24 - 16) * HOUR_MS  # from eight in the morning of the last day on
    told = [one for one in sorted([(at, "") for at in times] + bursts) if not 0 <= one[0] - silence < 6 * HOUR_MS]
    for number, (at, who) in enumerate(told):
        about = [who] if who else [one for one in ENTITIES if draw.random() < 0.25]
        copy = number > 50 and draw.random() < 0.1
        rows.append(
            {
                "position": f"comments-0:{number}",
                "id": f"id {number}",
                "published_at": datetime.fromtimestamp(at / 1000, UTC),
                "source": f"source-{draw.integers(4)}",
                "author": f"author-{draw.integers(30)}" if draw.random() < 0.5 else None,
                "text": f"text {number}",
                "topic": TOPICS[draw.integers(2)],
                "sentiment": "negative" if who else SENTIMENTS[int(draw.choice(3, p=(0.25, 0.5, 0.25)))],
                "p": round(float(draw.uniform(0.4, 1)), 3),
                "entities": about,
                "story": f"comments-0:{number - 1}" if copy else f"comments-0:{number}",
                "status": "counted",
                "model": "old" if at < START_MS + 3 * 24 * HOUR_MS else "new",
            }
        )
    return pa.Table.from_pylist(rows)


class MinuteByMinute:
    """The reference: the watch's own loop over windows that are counted with dictionaries."""

    def __init__(self, log: ScoredLog, rules: Rules) -> None:
        self.rules = rules
        self.minutes: dict[int, dict[Series, Counts]] = defaultdict(dict)
        self.hours: dict[int, dict[Series, Counts]] = defaultdict(dict)
        self.versions: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        self.evidence: list[Evidence] = []
        self.times: list[int] = log.published_ms.tolist()
        memory = EvidenceMemory()
        for row, one in enumerate(log.evidence(np.arange(len(log)), "comments")):
            place = SENTIMENTS.index(one.sentiment)
            message = tuple(int(place == n) for n in range(3))
            counts = Counts((message[0], message[1], message[2]), (0, 0, 0))
            if log.opens[row]:
                counts = Counts(counts.messages, counts.messages)
                start = bucket(one.published_ms, EVIDENCE_BUCKET_S)
                if memory.admits(one.position, (start, one.topic, place), one.entities, one.author):
                    self.evidence.append(one)
            for entity in ("", *one.entities):
                for window in (self.minutes[one.published_ms // MINUTE_MS], self.hours[one.published_ms // HOUR_MS]):
                    series = Series(one.topic, entity)
                    window[series] = window.get(series, Counts()) + counts
            self.versions[one.published_ms // HOUR_MS][one.model] += 1
        self._end_ms = 0

    def see(self, rule: Rule, series: Series, window_s: int) -> Seen:
        widest = self._end_ms - TAIL_MIN * MINUTE_MS
        around = {one.source for one in self.evidence if widest <= one.published_ms < self._end_ms}
        told = behind(self.evidence, rule, series, self._end_ms - window_s * 1000, self._end_ms)
        tier = min((self.rules.tier(one.source, "comments") for one in told), default=0)
        return seen(told, sources=len(around), tier=tier)

    def changes(self) -> list[tuple[int, Change]]:
        lookout = Lookout(self.rules.rules, stream="comments")
        found = []
        for minute in range(min(self.minutes) // 60 * 60, max(self.minutes) + TAIL_MIN):
            if minute % 60 == 0:
                lookout.hour(minute // 60 - 1, self.hours.get(minute // 60 - 1, {}))
                lately = {hour: counts for hour, counts in self.versions.items() if hour < minute // 60}
                lookout.succeed(takeovers(lately))
            lookout.minute(minute, self.minutes.get(minute, {}))
            self._end_ms = (minute + 1) * MINUTE_MS
            found += [(minute, change) for change in lookout.look(minute, self.see) if is_news(change)]
            found += self.silent(lookout, bisect(self.times, self._end_ms - 1), minute)
        return found

    def silent(self, lookout: Lookout, told: int, minute: int) -> list[tuple[int, Change]]:
        """What the clock says once each minute, after the last message of this one, until the next one comes."""
        found: list[tuple[int, Change]] = []
        if 0 < told < len(self.times) and self.times[told - 1] // MINUTE_MS == minute:
            newest = self.times[told - 1]
            for clock in range(newest, self.times[told] + 1, MINUTE_MS):
                paused = pause(newest, newest, clock)
                assert paused is not None
                found += [(paused.begin + paused.minutes, change) for change in lookout.hush(paused)]
        return found


def told_of(log: ScoredLog, rules: Rules) -> list[tuple[object, ...]]:
    """What happened by the reference, as :func:`rung` tells it; sums in another order differ in the last digits."""
    found: dict[str, list[object]] = {}
    for minute, change in MinuteByMinute(log, rules).changes():
        episode, reading = change.episode, change.reading
        if change.what is What.FIRED:
            assert reading is not None
            tails = tuple(f"{one:.8g}" for one in (reading.p_count, reading.p_share, reading.expected))
            found[episode.name] = [episode.rule, episode.topic, episode.entity, reading.stories, *tails]
        found[episode.name].append((minute + 1, change.what.value, change.quiet))
    return [tuple(one) for one in found.values()]


def rung(ringing: Ringing) -> tuple[object, ...]:
    alert = ringing.alert
    told = [(int(one.at.timestamp()) // 60, one.what, one.quiet) for one in ringing.told]
    tails = tuple(f"{one:.8g}" for one in (alert.p_count, alert.p_share, alert.expected))
    return (alert.rule, alert.topic or "", alert.entity or "", alert.stories, *tails, *told)


@pytest.mark.parametrize("seed", range(2))
def test_a_backtest_finds_what_a_look_at_every_minute_finds(seed: int) -> None:
    log = from_table(invented(seed))
    silent = Rule(name="silent", kind="feed-silent", warning=Thresholds(minutes=60, p_count=1e-2))
    rules = msgspec.structs.replace(Rules.shipped(), rules=(*Rules.shipped().rules[:-1], silent))
    found = backtest(log, rules, stream="comments")
    assert len(found) >= 3
    assert FEED_SILENT in {one.alert.kind for one in found}
    assert sorted(map(rung, found), key=str) == sorted(told_of(log, rules), key=str)


def test_rows_in_any_order_and_delivered_twice_count_once() -> None:
    table = invented(1, days=3)
    twice = pa.concat_tables([table, table.slice(100, 50)])
    shuffled = twice.take(pa.array(np.random.default_rng(0).permutation(len(twice))))
    wanted = backtest(from_table(table), Rules.shipped(), stream="comments")
    assert wanted
    found = backtest(from_table(shuffled), Rules.shipped(), stream="comments")
    assert [*map(rung, found)] == [*map(rung, wanted)]


def test_what_was_not_counted_does_not_count() -> None:
    table = invented(1, days=1)
    late = table.set_column(table.column_names.index("status"), "status", pa.array(["late"] * len(table)))
    assert len(from_table(late)) == 0
    assert backtest(from_table(late), Rules.shipped(), stream="comments") == []


def test_a_period_is_cut_out_with_what_its_messages_mention() -> None:
    log = from_table(invented(1, days=2))
    part = log.between(START_MS + 24 * HOUR_MS, START_MS + 30 * HOUR_MS)
    whole = log.evidence(np.arange(len(log)), "comments")
    wanted = [one for one in whole if START_MS + 24 * HOUR_MS <= one.published_ms < START_MS + 30 * HOUR_MS]
    assert part.evidence(np.arange(len(part)), "comments") == wanted != []


@pytest.mark.parametrize(
    ("columns", "opens"),
    [
        ({}, [True, True, True]),
        ({"story": ["a", "a", "b"]}, [True, False, True]),
        ({"story": ["p1", "p1", "p3"], "position": ["p1", "p2", "p3"]}, [True, False, True]),
        ({"copy": [False, True, None]}, [True, False, True]),
    ],
)
def test_stories_are_told_by_what_columns_there_are(columns: dict[str, list[object]], opens: list[bool]) -> None:
    table = pa.table(
        {
            "published_at": ["2014-02-17T10:00:00Z"] * 3,
            "topic": ["Macro"] * 3,
            "sentiment": ["negative", "neutral", "positive"],
            "entities": ["ACME; BUST", "", None],
            **columns,
        }
    )
    log = from_table(table)
    assert log.opens.tolist() == opens
    assert [log.entities[one] for one in log.entity] == ["ACME", "BUST"]
    assert log.mentioning.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sentiment": ["bearish"]}, "sentiment 'bearish' is not known"),
        ({"published_at": ["yesterday"]}, "published_at holds what is no time"),
        ({"published_at": [None]}, "published_at"),
        ({"entities": [3]}, "entities are of type int64"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_the_reason(change: dict[str, list[object]], said: str) -> None:
    good: dict[str, list[object]] = {"published_at": ["2014-02-17"], "topic": ["Macro"], "sentiment": ["neutral"]}
    with pytest.raises(InputError, match=said):
        from_table(pa.table({**good, **change}))
    with pytest.raises(InputError, match="columns topic are missing"):
        from_table(pa.table({name: cells for name, cells in good.items() if name != "topic"}))
