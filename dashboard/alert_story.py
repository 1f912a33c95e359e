"""Sections of an alert's page that tell it: the paragraph with its citations, the picture, the price, its incident."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dashboard import address, alert_chart, overlay, ranges, reads, story_row, windows
from dashboard.firing import severity, title
from dashboard.live import Chart
from dashboard.locale import Locale
from dashboard.markup import Html, el, join, plain
from dashboard.visit import Visit
from dashboard.windows import Asked
from dashboard.words.alerts import Alerts
from undertone.errors import InputError
from undertone.messages import VOLUME_SURGE, Alert, Evidence, to_ms
from undertone.narrative import Sentence, narrate, previous
from undertone.prices import Move
from undertone.rules import SENTIMENT_SHIFT

SENTENCE_LIMIT = 1_200
NAME_LIMIT = 80
INCIDENT_SHOWN = 20


def paragraph(visit: Visit, alert: Alert, moves: Sequence[Move]) -> Html:
    """What happened, each sentence with the way to what supports it."""
    say, locale = Alerts(visit.locale.language), visit.locale
    sentences = narrate(
        alert,
        locale.language,
        last=previous(alert, reads.alerts(visit.url)),
        moves=moves,
        moment=lambda at: locale.moment(to_ms(at), year=True, named=False),
    )
    cited = {one.position: (place, one) for place, one in enumerate(alert.evidence, 1)}
    told: list[Html | str] = []
    for one in sentences:
        text = _in_words(one, alert, locale)
        told += [el("span", plain(text, SENTENCE_LIMIT), dir="auto"), _citations(one, alert, cited, say), " "]
    note = el("small", say.told_note.format(zone=locale.times(to_ms(alert.updated_at))))
    return join(el("h2", say.told, note, class_="ut-heading"), el("p", *told, class_="ut-told"))


def _in_words(one: Sentence, alert: Alert, locale: Locale) -> str:
    """The sentence with the topic's name as the page says it elsewhere; what is quoted stays as it was written."""
    if not alert.topic or not one.windows:
        return one.text
    return one.text.replace(alert.topic, locale.topic(alert.topic))


def _citations(one: Sentence, alert: Alert, cited: Mapping[str, tuple[int, Evidence]], say: Alerts) -> Html:
    links = []
    for position in one.messages:
        number, story = cited[position]
        links.append(_link(str(number), story_row.link(story), say.cite_story.format(n=number)))
    if one.windows:
        links.append(_link(say.cite_counts, _trend(alert), say.cite_counts_note))
    if one.prices:
        links.append(_link(say.cite_price, _trend(alert), say.cite_price_note))
    links += [
        _link(say.cite_alert, address.link("alerts", alert=other), other) for other in one.alerts if other != alert.id
    ]
    return el("sup", *links, class_="ut-cites")


def _link(text: str, target: str, words: str) -> Html:
    return el("a", text, href=target, target="_self", title=words, aria_label=words)


def _trend(alert: Alert) -> str:
    end_ms = to_ms(alert.updated_at) // 60_000 * 60_000 + 60_000
    begin_ms = end_ms - max(6 * 3_600, 4 * alert.window_s) * 1000
    span = ranges.between(begin_ms, end_ms)
    return address.link("trends", stream=alert.stream, topic=alert.topic or "", entity=alert.entity or "", range=span)


def picture(visit: Visit, alert: Alert, now_ms: int) -> list[Html | Chart]:
    """Observed against expected, over time."""
    if not alert_chart.has_picture(alert):
        return []
    say, locale = Alerts(visit.locale.language), visit.locale
    notes = {VOLUME_SURGE: say.picture_note_all, SENTIMENT_SHIFT: say.picture_note_share}
    note = notes.get(alert.kind, say.picture_note).format(window=locale.span(alert.window_s))
    heading = el("h3", say.picture, el("small", note), class_="ut-heading")
    asked = Asked((alert.stream,), alert.topic or "", alert.entity or "")
    bars = windows.bars(visit.url, asked, reads.topics(visit.url), alert_chart.span(alert, now_ms), now_ms)
    points = alert_chart.rolling(bars, alert)
    if not any(one.total_messages for one in bars.values()) or not points:
        return [heading, el("p", say.no_picture, class_="ut-none")]
    alt = say.picture_alt.format(
        observed=locale.number(points[-1][1]),
        mean=locale.mean(alert.expected),
        low=alert.expected_low,
        high=alert.expected_high,
    )
    option = alert_chart.option(alert, points, locale)
    return [heading, Chart(option, alert_chart.HEIGHT, "alert-picture", alt)]


def moves(visit: Visit, alert: Alert) -> tuple[list[Move], str]:
    """How the price of its company moved after it fired, and what is wrong with the price file."""
    path = visit.settings.prices
    if path is None or not alert.entity:
        return [], ""
    try:
        found = overlay.load(path, path.stat().st_mtime_ns).moves(alert.entity, alert.fired_at)
    except OSError as error:
        return [], f"{path.name}: {error.strerror}"
    except InputError as error:
        return [], str(error)
    # A file may be ahead of the stream, as in a replay.
    return [one for one in found if to_ms(one.end) <= visit.now_ms()], ""


def price(visit: Visit, alert: Alert, found: Sequence[Move], trouble: str) -> Html | None:
    """The price since, where a price file is given."""
    if visit.settings.prices is None or not alert.entity:
        return None
    say, locale = Alerts(visit.locale.language), visit.locale
    if trouble:
        lines = [el("p", say.price_unread.format(reason=trouble), class_="ut-facts")]
    elif not found:
        symbol = plain(alert.entity, NAME_LIMIT)
        lines = [el("p", say.price_none.format(symbol=symbol), class_="ut-facts")]
    else:
        lines = [el("p", _move(one, say, locale)) for one in found]
    return join(el("h3", say.price), *lines)


def _move(one: Move, say: Alerts, locale: Locale) -> str:
    sign = "▲ +" if one.change > 0 else "▼ −" if one.change < 0 else "= "
    return say.price_move.format(
        change=f"{sign}{abs(one.change):.1%}",
        end=locale.moment(to_ms(one.end), year=True),
        before=f"{one.before:,.2f}",
        after=f"{one.after:,.2f}",
    )


def incident(visit: Visit, alert: Alert) -> Html | None:
    """The other alerts of the same event."""
    if not alert.incident:
        return None
    others = [one for one in reads.alerts(visit.url) if one.incident == alert.incident and one.id != alert.id]
    if not others:
        return None
    rows = (
        el(
            "li",
            severity(one, visit.locale),
            " ",
            el("a", title(one, visit.locale), href=address.link("alerts", alert=one.id), target="_self", dir="auto"),
            " ",
            el("small", visit.locale.moment(to_ms(one.fired_at), year=True)),
            class_="ut-warning" if one.severity != "critical" else None,
        )
        for one in others[:INCIDENT_SHOWN]
    )
    return join(el("h3", Alerts(visit.locale.language).incident), el("ul", *rows, class_="ut-plain"))
