"""What the types of a rules file cannot say: names that are given twice or not at all, thresholds that contradict.

What has not even the right shape (:mod:`undertone.rules.shape`) is left out here, so that one mistake is told once.
"""

from __future__ import annotations

import typing
import zoneinfo
from collections.abc import Collection, Iterator
from typing import Any, TypeVar

import msgspec

from undertone.messages import NEGATIVE_SURGE, VOLUME_SURGE, Severity
from undertone.rules.matching import UNCLOSED, matches
from undertone.rules.model import (
    FEED_SILENT,
    SENTIMENT_SHIFT,
    MuteTiming,
    Receiver,
    Route,
    Rule,
    SeriesKind,
    Stream,
    Thresholds,
)
from undertone.rules.shape import Misfit, Path

ALWAYS = "kafka"
"""The topic ``alerts`` is told of everything; no route leads there and none leads away."""
FROM_SETTING = "webhook"
"""The receiver that UNDERTONE_WEBHOOK_URL makes; routes may name it, a file may not define it."""

NEEDED: dict[str, tuple[str, ...]] = {
    NEGATIVE_SURGE: ("p_count",),
    VOLUME_SURGE: ("p_count",),
    SENTIMENT_SHIFT: ("p_share",),
    FEED_SILENT: ("minutes", "p_count"),
}
ALLOWED: dict[str, tuple[str, ...]] = {
    NEGATIVE_SURGE: ("p_count", "p_share", "sources"),
    VOLUME_SURGE: ("p_count", "sources"),
    SENTIMENT_SHIFT: ("p_share", "change", "sources"),
    FEED_SILENT: ("minutes", "p_count"),
}
OF_KIND: dict[str, tuple[str, ...]] = {
    "days": (SENTIMENT_SHIFT,),
    "min_stories": (NEGATIVE_SURGE, VOLUME_SURGE, SENTIMENT_SHIFT),
    "topics": (NEGATIVE_SURGE, VOLUME_SURGE, SENTIMENT_SHIFT),
    "entities": (NEGATIVE_SURGE, VOLUME_SURGE, SENTIMENT_SHIFT),
    "series": (NEGATIVE_SURGE, VOLUME_SURGE, SENTIMENT_SHIFT),
}
"""Fields of a rule that only some kinds read."""

_Part = TypeVar("_Part", Rule, Receiver, Route, MuteTiming)


def contradictions(values: Any, misfits: Collection[Path]) -> list[Misfit]:
    """Each place where a document of rules contradicts itself or names what does not exist.

    Args:
        values: The document as plain values.
        misfits: Places that have not the right shape; what they are part of is not looked at.
    """
    if not isinstance(values, dict):
        return []
    rules = _sound(values, "rules", Rule, misfits)
    receivers = _sound(values, "receivers", Receiver, misfits)
    routes = _sound(values, "routes", Route, misfits)
    timings = _sound(values, "mute_timings", MuteTiming, misfits)
    found = [one for path, rule in rules for one in _of_rule(path, rule, values["rules"][path[1]])]
    found += [one for path, receiver in receivers for one in _of_receiver(path, receiver)]
    known = (*_names(values, "receivers"), FROM_SETTING)
    muted = _names(values, "mute_timings")
    for path, route in routes:
        found += _of_route(path, route, known, muted, _names(values, "rules"))
    found += [one for path, timing in timings for one in _of_timing(path, timing)]
    for section in ("rules", "receivers", "mute_timings"):
        found += _twice(values, section)
    if values.get("rules") == []:
        found.append((("rules",), "'rules' is empty: leave it out for the rules that ship"))
    if isinstance(values.get("source_tiers"), dict):
        found += [one for glob in values["source_tiers"] for one in _of_globs(("source_tiers", glob), glob)]
    return found


def _sound(
    values: dict[str, Any], section: str, kind: type[_Part], misfits: Collection[Path]
) -> list[tuple[Path, _Part]]:
    """The parts of a section that have the right shape, with their places."""
    parts = values.get(section)
    if not isinstance(parts, list):
        return []
    bad = {path[:2] for path in misfits}
    return [
        ((section, place), msgspec.convert(one, kind))
        for place, one in enumerate(parts)
        if (section, place) not in bad and (section,) not in bad
    ]


def _names(values: dict[str, Any], section: str) -> list[str]:
    """The names in a section, those of misfits too: they are known, if not yet usable."""
    parts = values.get(section)
    if not isinstance(parts, list):
        return []
    return [str(one["name"]) for one in parts if isinstance(one, dict) and "name" in one]


def _twice(values: dict[str, Any], section: str) -> Iterator[Misfit]:
    parts = values.get(section)
    seen: set[str] = set()
    for place, part in enumerate(parts if isinstance(parts, list) else ()):
        name = str(part["name"]) if isinstance(part, dict) and "name" in part else None
        if name in seen:
            yield (section, place, "name"), f"the name {name!r} is taken: each name in {section!r} is given once"
        elif name is not None:
            seen.add(name)


def _of_rule(path: Path, rule: Rule, given: dict[str, Any]) -> Iterator[Misfit]:
    for name, kinds in OF_KIND.items():
        if name in given and rule.kind not in kinds:
            yield (*path, name), f"{name!r} means nothing to {rule.kind}: it is for {', '.join(kinds)}"
    for severity, bars in (("warning", rule.warning), ("critical", rule.critical)):
        if bars is not None:
            yield from _of_bars((*path, severity), rule.kind, bars, given[severity])
    if rule.critical is not None:
        yield from _looser((*path, "critical"), rule.warning, rule.critical, given["critical"])
    for name in ("topics", "entities", "streams", "series"):
        globs: tuple[str, ...] = getattr(rule, name)
        if not globs:
            yield (*path, name), f"{name!r} is empty, so that the rule looks at nothing: leave it out for all"
        for place, glob in enumerate(globs):
            yield from _of_globs((*path, name, place), glob)


def _of_bars(path: Path, kind: str, bars: Thresholds, given: dict[str, Any]) -> Iterator[Misfit]:
    for name in given:
        if name not in ALLOWED[kind]:
            yield (*path, name), f"{name!r} is no threshold of {kind}: valid are {', '.join(ALLOWED[kind])}"
    for name in NEEDED[kind]:
        if getattr(bars, name) is None:
            yield path, f"{path[-1]!r} needs {name!r}: without it every {kind} would ring"


def _looser(path: Path, warning: Thresholds, critical: Thresholds, given: Collection[str]) -> Iterator[Misfit]:
    """A critical alert is one that has also met the bars of a warning, so that a looser bar is never looked at."""
    for name, stricter, word in (
        ("p_count", -1, "most"),
        ("p_share", -1, "most"),
        ("sources", 1, "least"),
        ("change", 1, "least"),
        ("minutes", 1, "least"),
    ):
        bar, first = getattr(critical, name), getattr(warning, name)
        if name in given and bar is not None and first is not None and (bar - first) * stricter < 0:
            yield (
                (*path, name),
                f"critical {name} {bar:g} is looser than warning's {first:g}: valid is at {word} {first:g}",
            )


def _of_receiver(path: Path, receiver: Receiver) -> Iterator[Misfit]:
    if receiver.name == ALWAYS:
        yield (*path, "name"), f"{ALWAYS!r} is the topic 'alerts', which is always told: choose another name"
    if receiver.name == FROM_SETTING:
        yield (*path, "name"), f"{FROM_SETTING!r} is the receiver of UNDERTONE_WEBHOOK_URL: choose another name"
    ways = {name: way for name in ("webhook", "apprise") if (way := getattr(receiver, name)) is not None}
    if len(ways) != 1:
        yield path, f"receiver {receiver.name!r} has {' and '.join(ways) or 'no address'}: give one of webhook, apprise"
    for name, way in ways.items():
        if (way.url is None) == (way.url_env is None):
            yield (*path, name), f"{name!r} needs 'url', or 'url_env' with the name of a variable that holds it"
    hook = receiver.webhook
    if hook is not None and hook.url is not None and hook.url.startswith("http:") and not hook.allow_http:
        host = hook.url[7:].partition("/")[0].rpartition("@")[2]
        if not matches(("localhost*", "127.*", "[[]::1]*"), host):
            yield (*path, "webhook", "url"), "the address is not https: use https, or set 'allow_http: true'"


def _of_route(
    path: Path, route: Route, receivers: Collection[str], timings: Collection[str], rules: Collection[str]
) -> Iterator[Misfit]:
    if not route.to and route.continue_:
        yield (*path, "to"), "a route to nobody must not continue: it would do nothing"
    for place, name in enumerate(route.to):
        if name == ALWAYS:
            yield (*path, "to", place), f"{ALWAYS!r} is always told of everything and needs no route"
        elif name not in receivers:
            yield (*path, "to", place), f"there is no receiver {name!r}: there are {', '.join(receivers)}"
    for place, name in enumerate(route.mute):
        if name not in timings:
            yield (*path, "mute", place), f"there is no mute timing {name!r}: there are {', '.join(timings) or 'none'}"
    for name in route.match.__struct_fields__:
        globs = getattr(route.match, name)
        for glob in (globs,) if isinstance(globs, str) else globs:
            yield from _of_globs((*path, "match", name), glob)
        valid: Collection[str] = {
            "severity": tuple(Severity),
            "stream": typing.get_args(Stream),
            "series": typing.get_args(SeriesKind),
            "rule": rules,
        }.get(name, ())
        if valid and not any(matches(globs, one) for one in valid):
            yield (
                (*path, "match", name),
                f"no {name} matches {globs!r}, so that the route never would: there are {', '.join(valid)}",
            )


def _of_timing(path: Path, timing: MuteTiming) -> Iterator[Misfit]:
    try:
        zoneinfo.ZoneInfo(timing.zone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        said = "valid are UTC and the names of the IANA time zone database, such as Europe/London"
        yield (*path, "zone"), f"there is no time zone {timing.zone!r}: {said}"
    if timing.from_ == timing.to:
        yield (*path, "to"), f"it ends when it begins, at {timing.to}: for whole days leave out 'from' and 'to'"
    if timing.from_ == "24:00":
        yield (*path, "from"), "a day begins at 00:00, not at 24:00"
    if not timing.days:
        yield (*path, "days"), "'days' is empty, so that it mutes nothing: leave it out for every day"


def _of_globs(path: Path, glob: str) -> Iterator[Misfit]:
    if UNCLOSED.search(glob):
        yield path, f"the glob {glob!r} has a '[' that opens no set: close it, or write '[[]' for the character"
