"""The rules as a table: what each looks for, where, and from when on it warns, in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from dashboard.locale import Locale, percent
from dashboard.markup import Html, el, plain
from dashboard.words.rules import RulesWords
from undertone.messages import VOLUME_SURGE
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT, Rule, Rules, Thresholds

LIMIT: Final = 160


def table(rules: Rules, rang: Mapping[str, int], locale: Locale) -> Html:
    """One row for each rule; ``rang`` counts the alerts of the last day by rule."""
    say, counted = RulesWords(locale.language), Counter(rang)
    headings = (
        say.column_rule, say.column_kind, say.column_where, say.column_stories, say.column_warning,
        say.column_critical, say.column_rang,
    )  # fmt: skip
    head = el("thead", el("tr", *(el("th", one, scope="col") for one in headings)))
    rows = (
        el(
            "tr",
            el("th", one.name, scope="row"),
            el("td", kind(one, say)),
            el("td", plain(_where(one, locale, say), LIMIT), dir="auto"),
            el("td", "–" if one.kind == FEED_SILENT else say.at_least.format(n=locale.number(one.min_stories))),
            el("td", bars(one.warning, say)),
            el("td", say.never if one.critical is None else bars(one.critical, say)),
            el("td", locale.number(counted[one.name]), class_="ut-number"),
        )
        for one in rules.rules
    )
    body = el("table", head, el("tbody", *rows))
    return el("div", body, class_="ut-scroll ut-rules", tabindex="0", role="region", aria_label=say.title)


def kind(rule: Rule, say: RulesWords) -> str:
    """What a rule looks for."""
    if rule.kind == SENTIMENT_SHIFT:
        return say.kind_shift.format(n=rule.days)
    return {VOLUME_SURGE: say.kind_volume, FEED_SILENT: say.kind_silent}.get(rule.kind, say.kind_negative)


def bars(found: Thresholds, say: RulesWords) -> str:
    """The thresholds that all must be met."""
    told = []
    if found.minutes is not None:
        told.append(say.bar_minutes.format(n=found.minutes))
    if found.p_count is not None:
        told.append(say.bar_p_count.format(n=_plainly(found.p_count)))
    if found.p_share is not None:
        told.append(say.bar_p_share.format(n=_plainly(found.p_share)))
    if found.change is not None:
        told.append(say.bar_change.format(n=percent(found.change)))
    if found.sources > 1:
        told.append(say.bar_sources.format(n=found.sources))
    return ", ".join(told)


def _plainly(p: float) -> str:
    """A threshold without an exponent, as far as it can be read so.

    >>> _plainly(0.0003), _plainly(1e-05), _plainly(2.5e-9)
    ('0.0003', '0.00001', '2.5e-09')
    """
    return f"{p:f}".rstrip("0").rstrip(".") if p >= 1e-6 else f"{p:g}"


def _where(rule: Rule, locale: Locale, say: RulesWords) -> str:
    streams = {"news": locale.units.news, "comments": locale.units.comments}
    parts = [", ".join(streams[one] for one in rule.streams)]
    globs = [", ".join(one) for one in (rule.topics, rule.entities) if one != ("*",)]
    kinds = {
        "topic": say.series_topic, "entity": say.series_entity, "topic-entity": say.series_both,
        "stream": say.series_stream,
    }  # fmt: skip
    if rule.kind != FEED_SILENT and set(rule.series) != kinds.keys():
        globs.append(", ".join(kinds[one] for one in rule.series))
    return " · ".join(parts + (globs or [say.all_series]))
