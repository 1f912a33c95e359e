"""An alert made of a reading and its stories: what was seen, what was expected, how unlikely that is. Pure.

The reason is a sentence of numbers only; what happened is told by the stories themselves.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from stream.alerting import Change, Episode, What, alert_id
from stream.detector import Reading, interval, share_interval
from undertone.messages import Alert, AlertState, Evidence, from_ms
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT

EVIDENCE_SHOWN = 8
FIGURES = 8
"""Significant digits of the figures of an alert."""

_WINDOWS = {900: "15 min", 3_600: "1 h", 21_600: "6 h"}


def explain(
    stream: str,
    minute: int,
    change: Change,
    *,
    stories: Sequence[Evidence],
    messages: int,
    models: Sequence[str],
    before: Alert | None,
    sources: int | None = None,
) -> Alert:
    """The alert after a change.

    Args:
        stream: Where it rings.
        minute: Event time of the look, in minutes; the look is at its end.
        change: From the state machine.
        stories: What is kept of the stories in the window that the rule looks at.
        messages: Messages in that window, copies included.
        models: Versions of the model that scored the last day, in the order in which they took over.
        before: The alert as it was, None if it is new.
        sources: How many sources the stories have, where only those that may be shown are given.
    """
    episode, reading = change.episode, change.reading
    at = from_ms((minute + 1) * 60_000)
    if reading is None:
        assert before is not None, "an episode that ends has been announced"
        return msgspec.structs.replace(
            before,
            state=AlertState.RESOLVED,
            updated_at=at,
            resolved_at=at,
            notifications=episode.notifications,
        )
    low, high = _interval(reading)
    if sources is None:
        sources = len({one.source for one in stories})
    chosen = sorted(stories, key=lambda one: (-one.p, one.published_ms, one.position))[:EVIDENCE_SHOWN]
    return Alert(
        id=alert_id(stream, episode),
        rule=episode.rule,
        kind=reading.rule.kind,
        severity=episode.severity,
        state=episode.phase,
        stream=stream,
        topic=episode.topic or None,
        entity=episode.entity or None,
        window_s=reading.window_s,
        started_at=from_ms((episode.started + 1) * 60_000),
        fired_at=from_ms((episode.fired + 1) * 60_000),
        updated_at=at,
        stories=reading.stories,
        messages=messages,
        total_stories=reading.total,
        sources=sources,
        expected=_figure(reading.expected),
        expected_low=low,
        expected_high=high,
        share=_figure(reading.share),
        expected_share=_figure(reading.expected_share),
        p_count=_figure(reading.p_count),
        p_share=_figure(reading.p_share),
        reason=reason(reading, low, high, sources, models),
        evidence=tuple(chosen),
        model=models[-1] if models else "",
        notifications=episode.notifications,
        acknowledged_by=before.acknowledged_by if before else None,
    )


def reason(reading: Reading, low: int, high: int, sources: int, models: Sequence[str]) -> str:
    """One sentence that says why, in numbers; another one if the model changed within the day."""
    if reading.rule.kind == SENTIMENT_SHIFT:
        sentence = _of_shift(reading, low, high, sources)
    elif reading.rule.kind == FEED_SILENT:
        sentence = _of_silence(reading, low, high)
    else:
        sentence = _of_surge(reading, low, high, sources)
    if len(models) > 1:
        sentence += f" The model changed within the last day: {' then '.join(models)}."
    return sentence


def _of_surge(reading: Reading, low: int, high: int, sources: int) -> str:
    what = "negative stories" if reading.rule.negative else "stories"
    return (
        f"{reading.stories} {what} in {_WINDOWS[reading.window_s]} where {_number(reading.expected)} are expected "
        f"(95 %: {low} to {high}; p = {_number(reading.p_count)}), from {_sources(sources)}; "
        f"{reading.share:.0%} of all {reading.total} are negative where {reading.expected_share:.0%} is usual "
        f"(p = {_number(reading.p_share)})."
    )


def _of_shift(reading: Reading, low: int, high: int, sources: int) -> str:
    days = reading.window_s // 86_400
    return (
        f"{reading.share:.0%} of {reading.total} stories of the last {'day' if days == 1 else f'{days} days'} are "
        f"negative where {reading.expected_share:.0%} is usual: {reading.stories} where {_number(reading.expected)} "
        f"are expected (95 %: {low} to {high}; p = {_number(reading.p_share)}), from {_sources(sources)}. Hours of "
        f"alerts are left out."
    )


def _of_silence(reading: Reading, low: int, high: int) -> str:
    return (
        f"Nothing has come for {reading.window_s // 60} min, in which {_number(reading.expected)} stories are expected "
        f"(95 %: {low} to {high}; p = {_number(reading.p_count)})."
    )


def _interval(reading: Reading) -> tuple[int, int]:
    if reading.rule.kind == SENTIMENT_SHIFT:
        return share_interval(reading.total, reading.expected_share, reading.precision)
    return interval(reading.expected, reading.dispersion)


def _sources(n: int) -> str:
    return f"{n} source" if n == 1 else f"{n} sources"


def _figure(value: float) -> float:
    """Rounded to what does not hang on the order in which a machine adds up."""
    return float(f"{value:.{FIGURES}g}")


def _number(value: float) -> str:
    return f"{value:.2g}"


def is_news(change: Change) -> bool:
    """Whether receivers are told of it."""
    return change.what is not What.UPDATED


def name_of(episode: Episode) -> str:
    """The name under which the state of an episode's machine is kept."""
    return "\t".join((episode.rule, episode.topic, episode.entity))
