"""An alert told in a paragraph, in English or Chinese: each sentence says one fact and names what supports it.

Nothing is said that the alert does not hold; what others wrote is quoted, never retold. A sentence for whose support
nothing is left is not said. Pure; who shows the text escapes it for the place where it is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Literal

import msgspec

from undertone.messages import VOLUME_SURGE, Alert, AlertState, from_ms
from undertone.prices import Move
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT

Language = Literal["en", "zh"]
Moment = Callable[[datetime], str]
"""How a moment is said."""
QUOTED = 3
"""Stories that are quoted."""
QUOTE_CHARACTERS = 160


class Sentence(msgspec.Struct, frozen=True, omit_defaults=True):
    """One sentence and the ids of what supports it.

    ``messages`` are positions of stories in the alert's evidence, ``alerts`` ids of alerts, ``windows`` counts as
    ``stream/topic/entity/begin/seconds`` with an empty part for any, ``prices`` as ``symbol/begin/end``.
    """

    text: str
    messages: tuple[str, ...] = ()
    alerts: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    prices: tuple[str, ...] = ()

    @property
    def supported(self) -> bool:
        return bool(self.messages or self.alerts or self.windows or self.prices)


def narrate(
    alert: Alert,
    language: Language = "en",
    *,
    last: Alert | None = None,
    moves: Sequence[Move] = (),
    moment: Moment | None = None,
) -> tuple[Sentence, ...]:
    """Return the paragraph that tells an alert.

    Args:
        alert: As on the ``alerts`` topic.
        language: ``en`` or ``zh``.
        last: The alert before it under the same rule and on the same series, if there was one.
        moves: How the price of its entity moved after it, see :mod:`undertone.prices`.
        moment: How moments are said to one reader; None: in UTC, and named so.
    """
    say, moment = _TEXTS[language], moment or partial(_in_utc, language)
    told = [*_counts(alert, language, moment), *_evidence(alert, language, moment), *_course(alert, language, moment)]
    if last is not None:
        facts = {"at": moment(last.fired_at), "stories": _stories(last, last.stories, language)}
        told.append(Sentence(say["last"].format(**facts, peak=_number(last.expected)), alerts=(last.id, alert.id)))
    for move in moves:
        direction = say["rose" if move.change > 0 else "fell" if move.change < 0 else "stood"]
        sentence = say["price"].format(
            symbol=move.symbol,
            direction=direction.format(change=f"{abs(move.change):.1%}"),
            before=f"{move.before:,.2f}",
            after=f"{move.after:,.2f}",
            begin=moment(move.begin),
            end=moment(move.end),
        )
        told.append(Sentence(sentence, prices=(f"{move.symbol}/{move.begin.isoformat()}/{move.end.isoformat()}",)))
    return tuple(one for one in told if one.supported)


def previous(alert: Alert, known: Iterable[Alert]) -> Alert | None:
    """The last alert before this one under the same rule and on the same series; None if none is known."""
    earlier = (
        one
        for one in known
        if (one.rule, one.stream, one.topic, one.entity) == (alert.rule, alert.stream, alert.topic, alert.entity)
        and one.fired_at < alert.fired_at
    )
    return max(earlier, key=lambda one: (one.fired_at, one.id), default=None)


def paragraph(sentences: Sequence[Sentence], language: Language = "en") -> str:
    """The sentences as running text."""
    return (" " if language == "en" else "").join(one.text for one in sentences)


def window_id(alert: Alert) -> str:
    """The counts that an alert rests on: stream, topic, entity, begin in seconds since 1970, length in seconds."""
    begin = round(alert.updated_at.timestamp()) - alert.window_s
    return f"{alert.stream}/{alert.topic or ''}/{alert.entity or ''}/{begin}/{alert.window_s}"


def _counts(alert: Alert, language: Language, moment: Moment) -> Iterator[Sentence]:
    say, window = _TEXTS[language], (window_id(alert),)
    told = {
        "stream": _STREAMS[language].get(alert.stream, alert.stream),
        "about": _about(alert, language),
        "span": _span(alert.window_s, language),
        "end": moment(alert.updated_at),
        "stories": _stories(alert, alert.stories, language),
        "messages": _count(alert.messages, "message", language),
        "sources": _count(alert.sources, "source", language),
        "expected": _number(alert.expected),
        "low": alert.expected_low,
        "high": alert.expected_high,
        "p": _number(alert.p_count),
        "p_share": _number(alert.p_share),
        "share": f"{alert.share:.0%}",
        "usual": f"{alert.expected_share:.0%}",
        "total": _count(alert.total_stories, "story", language),
    }
    if alert.kind == FEED_SILENT:
        yield Sentence(say["silent"].format(**told), windows=window)
        yield Sentence(say["silent expected"].format(**told), windows=window)
        return
    seen = "seen" if alert.topic or alert.entity else "seen whole"
    yield Sentence(say[seen].format(**told), tuple(one.position for one in alert.evidence), windows=window)
    if alert.kind != SENTIMENT_SHIFT:
        yield Sentence(say["expected"].format(**told), windows=window)
    tested = "share" if alert.kind != VOLUME_SURGE else "share alone"
    yield Sentence(say[tested].format(**told), windows=window)


def _evidence(alert: Alert, language: Language, moment: Moment) -> Iterator[Sentence]:
    say = _TEXTS[language]
    for one in alert.evidence[:QUOTED]:
        text = one.text if len(one.text) <= QUOTE_CHARACTERS else one.text[: QUOTE_CHARACTERS - 1].rstrip() + "…"
        at = moment(from_ms(one.published_ms))
        yield Sentence(say["quote"].format(at=at, source=one.source, text=text), (one.position,))
    named = Counter(entity for one in alert.evidence for entity in one.entities if entity != alert.entity)
    often = {entity: count for entity, count in named.most_common(3) if count > 1}
    if often:
        naming = tuple(one.position for one in alert.evidence if often.keys() & set(one.entities))
        listed = say["and"].join(f"{entity} ({count})" for entity, count in often.items())
        yield Sentence(say["entities"].format(shown=len(alert.evidence), listed=listed), naming)


def _course(alert: Alert, language: Language, moment: Moment) -> Iterator[Sentence]:
    say = _TEXTS[language]
    since = say["since"].format(
        started=moment(alert.started_at),
        fired=moment(alert.fired_at),
        severity=say[alert.severity],
    )
    yield Sentence(since, windows=(window_id(alert),), alerts=(alert.id,))
    if alert.state is AlertState.RESOLVED and alert.resolved_at is not None:
        yield Sentence(say["resolved"].format(at=moment(alert.resolved_at)), alerts=(alert.id,))
    elif alert.acknowledged_by:
        yield Sentence(say["acknowledged"].format(by=alert.acknowledged_by), alerts=(alert.id,))


def _about(alert: Alert, language: Language) -> str:
    say = _TEXTS[language]
    if alert.entity and alert.topic:
        return say["entity under topic"].format(entity=alert.entity, topic=alert.topic)
    return alert.entity or say["topic"].format(topic=alert.topic)


def _stories(alert: Alert, count: int, language: Language) -> str:
    return _count(count, "story" if alert.kind == VOLUME_SURGE else "negative story", language)


def _count(count: int, noun: str, language: Language) -> str:
    if language == "zh":
        return f"{count:,}{_ZH_NOUNS[noun]}"
    return f"{count:,} {noun if count == 1 else _PLURALS[noun]}"


def _span(seconds: int, language: Language) -> str:
    for length, english, chinese in ((86_400, "day", "天"), (3_600, "hour", "小时"), (60, "minute", "分钟")):
        if seconds >= length and seconds % length == 0:
            count = seconds // length
            return f"{count}{chinese}" if language == "zh" else f"{count} {english}{'' if count == 1 else 's'}"
    return f"{seconds}秒" if language == "zh" else f"{seconds} s"


def _in_utc(language: Language, at: datetime) -> str:
    at = at.astimezone(UTC)
    return f"{at.year}年{at.month}月{at.day}日{at:%H:%M}（UTC）" if language == "zh" else f"{at:%Y-%m-%d %H:%M} UTC"


def _number(value: float) -> str:
    return f"{value:.2g}"


_PLURALS = {
    "story": "stories",
    "negative story": "negative stories",
    "message": "messages",
    "source": "sources",
}
_ZH_NOUNS = {"story": "条独立报道", "negative story": "条独立的负面报道", "message": "条消息", "source": "个来源"}

_STREAMS: dict[Language, dict[str, str]] = {"en": {}, "zh": {"news": "新闻", "comments": "评论"}}

_TEXTS: dict[Language, dict[str, str]] = {
    "en": {
        "entity under topic": "{entity} under {topic}",
        "topic": "the topic {topic}",
        "and": ", ",
        "warning": "warning",
        "critical": "critical alert",
        "seen": "In the {span} to {end}, {stream} had {stories} about {about}: {messages} with copies, from {sources}.",
        "seen whole": "In the {span} to {end}, the whole of {stream} had {stories}, whatever they are about: "
        "{messages} with copies, from {sources}.",
        "expected": "{expected} would be usual, and {low} to {high} in 95 of 100 such windows; chance alone gives so "
        "many with p = {p}.",
        "share": "{share} of all {total} there were negative, where {usual} is usual (p = {p_share}).",
        "share alone": "{share} of them were negative, where {usual} is usual.",
        "silent": "Nothing has come in {stream} for {span}, to {end}.",
        "silent expected": "{expected} would be usual in that time; chance alone gives such a silence with p = {p}.",
        "quote": "{at}, {source}: “{text}”",
        "entities": "The {shown} stories kept as evidence also name {listed}.",
        "since": "It began at {started} and became a {severity} at {fired}.",
        "resolved": "It was over at {at}.",
        "acknowledged": "{by} has acknowledged it.",
        "last": "The last such alert fired at {at}, with {stories} where {peak} would have been usual.",
        "price": "{symbol} {direction}, from {before} at {begin} to {after} at {end}.",
        "rose": "rose by {change}",
        "fell": "fell by {change}",
        "stood": "stood still",
    },
    "zh": {
        "entity under topic": "{entity}（{topic}）",
        "topic": "主题“{topic}”",
        "and": "、",
        "warning": "预警",
        "critical": "严重警报",
        "seen": "截至{end}的{span}内，{stream}中有{stories}涉及{about}，连同转载共{messages}，来自{sources}。",
        "seen whole": "截至{end}的{span}内，全部{stream}（不分主题）共有{stories}，连同转载共{messages}，"
        "来自{sources}。",
        "expected": "通常为{expected}条，此类时段中95%在{low}至{high}条之间；仅凭偶然达到这一数量的概率为 p = {p}。",
        "share": "其间全部{total}中负面占{share}，通常为{usual}（p = {p_share}）。",
        "share alone": "其中负面占{share}，通常为{usual}。",
        "silent": "截至{end}，{stream}已有{span}没有任何消息。",
        "silent expected": "这段时间通常有{expected}条；仅凭偶然如此沉寂的概率为 p = {p}。",
        "quote": "{at}，{source}：“{text}”",
        "entities": "作为证据保留的{shown}条报道还提到{listed}。",
        "since": "事件始于{started}，{fired}触发{severity}。",
        "resolved": "事件于{at}结束。",
        "acknowledged": "{by}已确认。",
        "last": "上一次同类警报触发于{at}，当时有{stories}，通常为{peak}条。",
        "price": "{symbol}{direction}：{begin}为{before}，{end}为{after}。",
        "rose": "上涨{change}",
        "fell": "下跌{change}",
        "stood": "持平",
    },
}
