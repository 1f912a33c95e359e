"""A backtest as one HTML page with pictures, which needs nothing from outside: no script, no style sheet, no font.

Pure. All text of messages is escaped, so that hostile text stays text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from stream.backtest import Ringing
from stream.backtest_report import Pair
from undertone.messages import Alert, Severity

MOST_SHOWN = 500
"""Alerts that the page tells of; alerts.json has all."""
_WIDE, _HIGH = 960, 160  # px
_WARNING, _CRITICAL, _USUAL = "#e69f00", "#a50026", "#0072b2"  # told apart by the colour-blind too
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
th,td{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}
td.n,th.n{text-align:right}article{border-top:1px solid #ccc;padding:.6rem 0}h3{margin:.2rem 0;font-size:1rem}
.warning{color:#8a5a00}.critical{color:#a50026}small{color:#555}svg{max-width:100%;height:auto}
"""


class Part(NamedTuple):
    """One set of rules: its name, what rang, totals, and the budget used by receiver and day."""

    name: str
    found: Sequence[Ringing]
    totals: Mapping[str, Any]
    budget: Mapping[str, Mapping[str, Mapping[str, int]]]


def page(parts: Sequence[Part], pairs: Sequence[Pair], period: str) -> str:
    """The whole page.

    Args:
        parts: One for each set of rules, two at most.
        pairs: The two side by side; empty for one.
        period: What was replayed, in words.
    """
    body = [f"<h1>Backtest</h1><p>{escape(period)}</p>", _summary(parts)]
    if pairs:
        body.append(_side_by_side(parts, pairs))
    for part in parts:
        body.append(f"<h2>{escape(part.name)}</h2>{_calendar(part.found)}{_budget(part)}")
        body += [_article(one) for one in part.found[:MOST_SHOWN]]
        if len(part.found) > MOST_SHOWN:
            body.append(f"<p>… and {len(part.found) - MOST_SHOWN} more, which alerts.json has.</p>")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Backtest</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{_STYLE}</style></head><body>{''.join(body)}</body></html>\n"
    )


def about(alert: Alert) -> str:
    """What an alert is about, in words."""
    return " · ".join(filter(None, (alert.entity, alert.topic))) or alert.about


def _summary(parts: Sequence[Part]) -> str:
    names = [name for name, value in parts[0].totals.items() if not isinstance(value, dict)]
    head = "".join(f'<th class="n">{escape(part.name)}</th>' for part in parts)
    rows = "".join(
        f"<tr><td>{name.replace('_', ' ')}</td>"
        + "".join(f'<td class="n">{part.totals[name]:,}</td>' for part in parts)
        + "</tr>"
        for name in names
    )
    return f"<table><tr><th></th>{head}</tr>{rows}</table>"


def _side_by_side(parts: Sequence[Part], pairs: Sequence[Pair]) -> str:
    rows = []
    for pair in pairs:
        alert = (pair.first or pair.second or parts[0].found[0]).alert
        later = "" if pair.later_min is None else f"{pair.later_min:+d} min"
        cells = [f"{one.fired_at:%Y-%m-%d %H:%M} {one.alert.severity}" if one else "—" for one in pair]
        told = "".join(f"<td>{escape(cell)}</td>" for cell in (about(alert), alert.rule, *cells, later))
        rows.append(f"<tr>{told}</tr>")
    head = "".join(
        f"<th>{escape(name)}</th>" for name in ("about", "rule", parts[0].name, parts[1].name, "second is later by")
    )
    return f"<h2>Side by side</h2><table><tr>{head}</tr>{''.join(rows)}</table>"


def _calendar(found: Sequence[Ringing]) -> str:
    """Alerts by day as bars."""
    if not found:
        return "<p>Nothing would have rung.</p>"
    first, last = found[0].fired_at.date(), max(one.fired_at for one in found).date()
    days = (last - first).days + 1
    counts = Counter((one.fired_at.date(), one.alert.severity) for one in found)
    most = max(Counter(one.fired_at.date() for one in found).values())
    wide = _WIDE / days
    bars = []
    for number in range(days):
        day, base = first + timedelta(days=number), float(_HIGH)
        for severity, colour in ((Severity.CRITICAL, _CRITICAL), (Severity.WARNING, _WARNING)):
            n = counts[day, severity]
            high = n * (_HIGH - 20) / most
            base -= high
            if n:
                bars.append(_bar(number * wide, base, max(wide - 1, 1), high, colour, _tip(day, n, severity)))
    return (
        f'<svg viewBox="0 0 {_WIDE} {_HIGH + 20}" width="{_WIDE}" role="img" aria-label="Alerts by day">'
        f'{"".join(bars)}<text x="0" y="{_HIGH + 16}" font-size="12">{first}</text>'
        f'<text x="{_WIDE}" y="{_HIGH + 16}" font-size="12" text-anchor="end">{last}</text>'
        f'<text x="0" y="12" font-size="12">most in a day: {most}</text></svg>'
        "<p><small>Alerts by day; dark red: critical, orange: warning.</small></p>"
    )


def _tip(day: date, n: int, severity: Severity) -> str:
    return f"{day}: {n} {severity}"


def _bar(x: float, y: float, wide: float, high: float, colour: str, title: str) -> str:
    return (
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{high:.1f}" fill="{colour}">'
        f"<title>{escape(title)}</title></rect>"
    )


def _budget(part: Part) -> str:
    rows = []
    for receiver, days in part.budget.items():
        reasons: Counter[str] = Counter()
        for day in days.values():
            reasons.update(day)
        held = ", ".join(f"{name} {n}" for name, n in sorted(reasons.items()) if name not in ("sent", "ended"))
        most = max((day.get("sent", 0) for day in days.values()), default=0)
        cells = (escape(receiver), f"{reasons['sent']:,}", f"{most:,}", escape(held) or "—")
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    if not rows:
        return ""
    head = "<tr><th>receiver</th><th>sent</th><th>most in a day</th><th>held</th></tr>"
    return f"<table>{head}{''.join(rows)}</table>"


def _article(ringing: Ringing) -> str:
    alert = ringing.alert
    stories = "".join(
        f"<li>{one.published_ms // 60_000 % 1440 // 60:02d}:{one.published_ms // 60_000 % 60:02d} "
        f"{escape(one.text or one.id)} <small>{_linked(one.source, one.url)}, {one.sentiment}</small></li>"
        for one in alert.evidence
    )
    told = ", ".join(f"{one.what} {one.at:%H:%M}{' (quiet)' if one.quiet else ''}" for one in ringing.told)
    return (
        f'<article><h3><span class="{alert.severity}">{alert.severity}</span> {escape(about(alert))} '
        f"<small>{alert.fired_at:%Y-%m-%d %H:%M} UTC · {escape(alert.rule)} · {escape(told)}</small></h3>"
        f"{_against_usual(alert)}<p>{escape(alert.reason)}</p><ul>{stories}</ul></article>"
    )


def _linked(source: str, url: str | None) -> str:
    if url and urlsplit(url).scheme in ("http", "https"):
        return f'<a href="{escape(url, quote=True)}" rel="noreferrer nofollow">{escape(source)}</a>'
    return escape(source)


def _against_usual(alert: Alert) -> str:
    """What was counted, above the interval in which it usually lies."""
    most = max(alert.stories, alert.expected_high, 1)
    scale = 400 / most
    low, high, seen = alert.expected_low * scale, alert.expected_high * scale, alert.stories * scale
    colour = _CRITICAL if alert.severity is Severity.CRITICAL else _WARNING
    label = f"{alert.stories} stories; usually {alert.expected_low} to {alert.expected_high}"
    return (
        f'<svg viewBox="0 0 640 34" width="640" role="img" aria-label="{label}">'
        f"{_bar(0, 2, max(seen, 1), 12, colour, label)}{_bar(low, 18, max(high - low, 2), 8, _USUAL, label)}"
        f'<text x="{max(seen, high) + 6:.0f}" y="14" font-size="12">{label}</text></svg>'
    )
