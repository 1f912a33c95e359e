"""The same log gives the same alerts, byte for byte: through detector, alert states and explanation."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from stream.alerting import Change, Seen, alert_id
from stream.evidence import behind
from stream.explain import explain
from stream.lookout import Lookout
from undertone.messages import Alert, Evidence, Sentiment
from undertone.rules import Rule
from undertone.trends import METRICS, Counts, Series

FIRST_HOUR = 387_000
HOURS = 72
SURGE_MIN = (FIRST_HOUR + HOURS) * 60 + 5


def told(minute: int, entity: str, number: int, sentiment: Sentiment) -> Evidence:
    return Evidence(
        position=f"news-0:{number}", id=f"{number}", stream="news", published_ms=minute * 60_000 + number % 50,
        source=f"desk-{number % 5}", text=f"story {number}", topic="Earnings", sentiment=sentiment, p=0.9,
        entities=(entity,), author=f"author-{number % 7}",
    )  # fmt: skip


def a_log() -> list[Evidence]:
    chance = random.Random(7)
    begin = FIRST_HOUR * 60
    quiet = [
        told(begin + chance.randrange(HOURS * 60 + 180), chance.choice("ABC"), n, chance.choice(list(Sentiment)))
        for n in range(400)
    ]
    burst = [told(SURGE_MIN + n % 30, "ACME", 1_000 + n, Sentiment.NEGATIVE) for n in range(40)]
    return quiet + burst


def counted(stories: Sequence[Evidence]) -> dict[Series, Counts]:
    metrics: dict[Series, dict[str, int]] = {}
    for one in stories:
        for series in (Series(one.topic, ""), *(Series(one.topic, name) for name in one.entities)):
            sign = "-0+"[list(Sentiment).index(one.sentiment)]
            for metric in (f"m{sign}", f"s{sign}"):
                cells = metrics.setdefault(series, {})
                cells[metric] = cells.get(metric, 0) + 1
    return {series: Counts.of([cells.get(metric, 0) for metric in METRICS]) for series, cells in metrics.items()}


def alerts_of(log: Sequence[Evidence]) -> list[bytes]:
    """Every state of every alert, as it would be written."""
    lookout, known, written = Lookout(stream="news"), dict[str, Alert](), list[bytes]()

    def stories(rule: Rule, series: Series, window_s: int, minute: int) -> list[Evidence]:
        end = (minute + 1) * 60_000
        return behind(log, rule, series, end - window_s * 1000, end)

    def see(rule: Rule, series: Series, window_s: int) -> Seen:
        found = stories(rule, series, window_s, minute)
        return Seen(frozenset(one.position for one in found), len({one.source for one in found}))

    def write(change: Change) -> None:
        episode, reading = change.episode, change.reading
        name = alert_id("news", episode)
        behind_it = [] if reading is None else stories(reading.rule, episode.series, reading.window_s, minute)
        after = explain(
            "news", minute, change, stories=behind_it, messages=len(behind_it), models=["m"], before=known.get(name)
        )
        known[name] = after
        written.append(msgspec.json.encode(after))

    for hour in range(FIRST_HOUR, FIRST_HOUR + HOURS):
        lookout.hour(hour, counted([one for one in log if one.published_ms // 3_600_000 == hour]))
    for minute in range((FIRST_HOUR + HOURS) * 60, SURGE_MIN + 120):
        lookout.minute(minute, counted([one for one in log if one.published_ms // 60_000 == minute]))
        for change in lookout.look(minute, see):
            write(change)
    return written


def test_the_same_log_gives_the_same_alerts_byte_for_byte_in_whatever_order_its_stories_are_kept() -> None:
    log = a_log()
    first = alerts_of(log)
    assert {msgspec.json.decode(one)["rule"] for one in first} >= {"negative-surge"}
    assert alerts_of(log) == first
    assert alerts_of(random.Random(1).sample(log, len(log))) == first
