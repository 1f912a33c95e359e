"""Section of Now: whether the feeds and the pipeline are well, in one quiet line."""

from __future__ import annotations

from dashboard import address, reads
from dashboard.locale import Locale
from dashboard.markup import Html, el, plain
from dashboard.reads import Health
from dashboard.visit import Visit
from dashboard.words.now import Now


def line(visit: Visit) -> Html:
    """The strip: one part for each stream, then the pipeline's figures, each a word and a number."""
    say, locale = Now(visit.locale.language), visit.locale
    health = reads.health(visit.url, visit.streams)
    parts = [_stream(say, locale, health, stream) for stream in visit.streams]
    reports = health.workers.values()
    lags = lag(health)
    if lags:
        parts.append(say.health_lag.format(n=locale.number(sum(lags.values()))))
    if reports:
        parts.append(say.health_rate.format(n=locale.number(round(sum(number(one.get("rate")) for one in reports), 1))))
        p99 = max(number(one.get("latency_p99_ms")) for one in reports)
        parts.append(say.health_latency.format(p99=milliseconds(p99, locale)))
        ready = sum(one.get("ready") == "1" for one in reports)
        parts.append(say.health_workers.format(ready=ready, n=len(health.workers)))
    parts.append(say.health_dead.format(n=locale.number(sum(health.dead.values()))))
    if health.model:
        parts.append(plain(health.model, 60))
    more = el("a", say.health_more, href=address.link("pipeline"), target="_self")
    facts = (el("span", part) for part in parts)
    return el("section", el("h2", say.health), el("p", *facts, more), class_="ut-health")


def lag(health: Health) -> dict[str, int]:
    """Records behind by partition, as the workers that own them say."""
    found: dict[str, int] = {}
    for report in health.workers.values():
        for name, value in report.items():
            if name.startswith("lag:"):
                found[name.removeprefix("lag:")] = int(number(value))
    return found


def number(text: str | None) -> float:
    """What a worker reports, 0 where it does not."""
    try:
        return float(text or 0)
    except ValueError:
        return 0.0


def milliseconds(value: float, locale: Locale) -> str:
    """A latency; a worker that has had nothing to do reports none."""
    if value <= 0:
        return "–"
    if value < 1:
        return locale.units.under.format(age="1 ms")
    return f"{value:.0f} ms" if value < 10_000 else locale.age(value)


def _stream(say: Now, locale: Locale, health: Health, stream: str) -> str:
    name = {"news": locale.units.news, "comments": locale.units.comments}.get(stream, stream)
    updated_ms = max((one.updated_ms for one in health.states if one.stream == stream), default=0)
    if not updated_ms:
        return say.health_silent.format(stream=name)
    return say.health_stream.format(stream=name, age=locale.about(max(0, health.now_ms - updated_ms)))
