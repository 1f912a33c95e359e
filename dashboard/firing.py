"""Section of Now: what is firing, one line for each alert; calm where nothing is, and since when."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from dashboard import address, company_names, reads, windows
from dashboard.kept import made
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.ranges import DAY, HOUR, Range
from dashboard.reason import reason
from dashboard.sparkline import sparkline
from dashboard.visit import Visit
from dashboard.windows import Asked, Totals
from dashboard.words.now import Now
from undertone.messages import Alert, AlertState, Severity, to_ms
from undertone.trends import Counts, total

NAME_LIMIT: Final = 80
QUOTE_LIMIT: Final = 160
SPARK: Final = Range("6h", 6 * HOUR, 900, 300)
DAY_MS: Final = DAY * 1000


def section(visit: Visit) -> Html:
    """The open alerts, worst and most surprising first."""
    say, now_ms = Now(visit.locale.language), visit.now_ms()
    open_ones, ended = _known(reads.alerts(visit.url), visit.streams)
    today = sum(now_ms - ms < DAY_MS for ms in ended)
    if not open_ones:
        return _calm(visit, say, max(ended, default=-1), today)
    told = events(open_ones)
    count = el("span", str(len(told)), class_="ut-count")
    several = el("small", say.firing_note.format(n=len(open_ones))) if len(open_ones) > len(told) else None
    heading = el("h2", say.firing, " ", count, several, _resolved(say, today), class_="ut-heading")
    rows = el("ul", *(_event(visit, say, event, now_ms) for event in told), class_="ut-alarms")
    return el("section", heading, rows, class_="ut-firing", aria_live="polite")


@made(most=16)
def _known(alerts: tuple[Alert, ...], streams: tuple[str, ...]) -> tuple[list[Alert], list[int]]:
    """The open alerts of these streams, worst first, and when the others ended, ms."""
    mine = [one for one in alerts if one.stream in streams]
    ended = [to_ms(one.resolved_at) for one in mine if one.resolved_at is not None]
    return sorted(filter(reads.is_open, mine), key=urgency), ended


def urgency(alert: Alert) -> tuple[bool, float, int]:
    """Sorts the alerts that most ask for attention first."""
    return alert.severity != Severity.CRITICAL, alert.p_count, -to_ms(alert.fired_at)


def events(alerts: Iterable[Alert]) -> list[list[Alert]]:
    """Alerts by the event that they tell of; the events, and the alerts of each, in the order given."""
    found: dict[str, list[Alert]] = {}
    for one in alerts:
        found.setdefault(one.incident or one.id, []).append(one)
    return [*found.values()]


def title(alert: Alert, locale: Locale) -> str:
    """Company and topic, in the order a reader looks for them, or the stream that it is about as a whole."""
    parts = (alert.entity, locale.topic(alert.topic) if alert.topic else None)
    if not any(parts):
        return locale.units.whole_comments if alert.stream == "comments" else locale.units.whole_news
    return " · ".join(plain(part, NAME_LIMIT) for part in parts if part)


def severity(alert: Alert, locale: Locale) -> Html:
    """Severity by shape and word, never by colour alone."""
    critical = alert.severity == Severity.CRITICAL
    word = locale.units.critical if critical else locale.units.warning
    return el("span", f"{'▲' if critical else '●'} {word}", class_="ut-severity")


def _event(visit: Visit, say: Now, event: list[Alert], now_ms: int) -> Html:
    """Its first alert in full; the others, each a line, are folded under it."""
    first, *others = event
    if not others:
        return _row(visit, first, now_ms)
    summary = el("summary", say.same_event.format(n=len(others)))
    lines = (el("li", _name(one, visit.locale), " ", el("small", reason(one, visit.locale))) for one in others)
    return _row(visit, first, now_ms, el("details", summary, el("ul", *lines), class_="ut-same"))


def _row(visit: Visit, alert: Alert, now_ms: int, others: Html | None = None) -> Html:
    asked = Asked((alert.stream,), alert.topic or "", alert.entity or "")
    bars = windows.bars(visit.url, asked, reads.topics(visit.url), SPARK, now_ms)
    age = visit.locale.age(max(0, now_ms - to_ms(alert.started_at)))
    name = company_names.name(visit.settings, alert.entity)
    return _told(alert, bars, name, age, others, visit.locale, address.carried())


@made(most=512, same=2)
def _told(
    alert: Alert, bars: Totals, name: str, age: str, others: Html | None, locale: Locale, _carried: address.Carried
) -> Html:
    say = Now(locale.language)
    facts = [
        *([plain(name, NAME_LIMIT)] if name else []),
        say.since.format(when=locale.moment(to_ms(alert.started_at))),
        say.for_age.format(age=age),
        locale.units.news if alert.stream == "news" else locale.units.comments,
    ]
    if alert.state == AlertState.ACKNOWLEDGED:
        facts.append(say.acknowledged.format(by=plain(alert.acknowledged_by or "?", NAME_LIMIT)))
    words = el(
        "div",
        el("h3", _name(alert, locale)),
        el("p", reason(alert, locale), class_="ut-reason"),
        _headline(alert),
        el("p", " · ".join(facts), class_="ut-facts"),
        others,
    )
    kind = "critical" if alert.severity == Severity.CRITICAL else "warning"
    return el("li", words, _spark([*bars.values()], locale), class_=f"ut-alarm ut-{kind}")


def _headline(alert: Alert) -> Html | None:
    """The first of the stories that prove it: what it is about, before anything is clicked."""
    if not alert.evidence:
        return None
    first = alert.evidence[0]
    quoted = el("span", f"“{plain(first.text, QUOTE_LIMIT)}”", dir="auto", class_="ut-text")
    return el("p", quoted, " ", el("small", plain(first.source, NAME_LIMIT)), class_="ut-quoted")


def _name(alert: Alert, locale: Locale) -> Html:
    target = address.link("alerts", alert=alert.id)
    return join(severity(alert, locale), el("a", title(alert, locale), href=target, target="_self", dir="auto"))


def _spark(bars: list[Counts], locale: Locale) -> Html:
    words = Now(locale.language).spark_alert.format(
        step=locale.span(SPARK.bar_s),
        highest=max((one.total_stories for one in bars), default=0),
        negative=total(bars).stories[0],
    )
    return sparkline(bars, words)


def _resolved(say: Now, today: int) -> Html | None:
    if not today:
        return None
    link = el("a", say.resolved_today.format(n=today), href=address.link("alerts", state="resolved"), target="_self")
    return el("small", link)


def _calm(visit: Visit, say: Now, ended_ms: int, today: int) -> Html:
    """Calm is a claim: it is made only if the watch has looked."""
    locale, now_ms = visit.locale, visit.now_ms()
    until_ms = reads.watched_until_ms(visit.url, visit.streams)
    if until_ms < 0:
        command = el("pre", "undertone watch", class_="ut-mono", tabindex="0")
        body = join(el("h2", say.unwatched_title), el("p", say.unwatched_text), command)
        return el("section", body, class_="ut-calm ut-unwatched")
    series, since_ms = reads.watched(visit.url, visit.streams, now_ms // DAY_MS * DAY_MS + DAY_MS)
    if ended_ms >= 0:
        age = locale.age(max(0, now_ms - ended_ms))
        since = say.calm_since.format(when=locale.moment(ended_ms, year=True), age=age)
    else:
        since = say.calm_ever.format(when=locale.date(since_ms, year=True))
    checked = say.calm_checked.format(when=locale.moment(until_ms))
    rest = f" {say.calm_text.format(series=locale.number(series))} {checked}"
    heading = el("h2", "✓ ", say.calm_title)
    return el(
        "section", heading, el("p", el("strong", since), rest), _resolved(say, today), class_="ut-calm", role="status"
    )
