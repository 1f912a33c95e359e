"""One stream under watch: its memory, its baselines and its episodes, moved on minute by minute of event time.

Pure: the counts come in and the changes go out; :mod:`stream.watch` carries them from and to Redis, and a backtest
may carry them from a file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from stream import detector, silent, usual
from stream.alerting import Episodes
from stream.baseline import DAY_H, Bools, Ints, ShareBaseline
from stream.episode import Change, Episode, See, What
from stream.headroom import Headroom
from stream.incidents import Past
from stream.masks import Masks
from stream.shift import shifted
from stream.takeover import converted
from stream.yardstick import Yardstick
from undertone.messages import AlertState, Severity
from undertone.rules import FEED_SILENT, SENTIMENT_SHIFT, Rule
from undertone.trends import WHOLE, Counts, Series

MASK_H = 24
"""An episode that lasts longer than this is the new normal, and is learnt."""
LEAST_KNOWN_H = 3
"""Hours of a stream that must be known before surges are looked for: what is usual in its first is a guess."""
LEAST_HEARD_H = DAY_H
"""Hours that must be known before silences are: the first night of a feed is no news."""

Named = tuple[Series, detector.Reading]


class _Rooms(NamedTuple):
    """Of one rule: how many stories a series may have before it warns, and before an episode of it goes on."""

    warns: Headroom
    goes_on: Headroom


class Lookout(Yardstick):
    """Detector and alert states of one stream. Call :meth:`look` once for every minute, in order."""

    def __init__(
        self,
        rules: Sequence[Rule] = detector.RULES,
        known: Iterable[Episode] = (),
        *,
        stream: str = "comments",
    ) -> None:
        super().__init__()
        self.stream = stream
        self._scopes: dict[str, Bools] = {}
        self._headroom: tuple[usual.Baselines, list[_Rooms]] | None = None
        self._calm: usual.Baselines | None = None
        self._shifts: tuple[int, list[Named]] | None = None
        self._gone: list[Episode] = []
        self.masks = Masks()
        self._set: set[tuple[Series, int, int]] = set()  # what need not be masked again in this hour
        self._adopt(rules)
        self.episodes = self._episodes(known)

    def use(self, rules: Sequence[Rule]) -> None:
        """Look for something else from now on. Episodes go on under the rule of their name, or end if it is gone."""
        self._adopt(rules)
        self.episodes = self._episodes(self.episodes.by_key.values(), self.episodes.past)
        self._forget()

    def _adopt(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(one for one in rules if self.stream in one.streams)
        self._compare(frozenset(one.days for one in self.rules if one.kind == SENTIMENT_SHIFT))

    def look(self, minute: int, see: See) -> list[Change]:
        """Judge the windows that end with ``minute``, whose row has been written."""
        if self._fitting is not None:
            self._fitting[0].step()
        named = self._surging(minute)
        for series, reading in named:
            if reading.severity is not None:
                self._mask(series, reading, minute)
        ended = [self._over(one) for one in self._gone if one.open] + self._heard(minute)
        self._gone = []
        return ended + self.episodes.step(minute, named + self.shifts(minute // 60), see)

    def _surging(self, minute: int) -> list[Named]:
        """What the surge rules see."""
        baselines = self._baselines(minute // 60)
        if not self._acquainted() or self._calm is baselines:
            return []
        columns, negative, total = self.rings.windows()
        asked = self._asked(baselines, columns, negative, total)
        near = asked.any(axis=0)
        if not near.any():
            # Without a new story windows only lose some: nothing can stand out in what is left of the hour.
            self._calm = baselines
            return []
        columns = columns[near]
        found = detector.look(
            self._surges,
            minute,
            negative[:, near],
            total[:, near],
            usual.of(baselines.negatives, columns),
            usual.of(baselines.totals, columns),
            ShareBaseline(baselines.shares.mean[columns], baselines.shares.precision[columns]),
            np.repeat(asked[:, None, near], detector.LOOKS, axis=1),
        )
        return [(self.rings.names[columns[one.series]], one) for one in found]

    def minute(self, minute: int, counts: Mapping[Series, Counts]) -> None:
        """As any yardstick's."""
        super().minute(minute, counts)
        if counts:
            self._calm = None

    def _acquainted(self) -> bool:
        """Whether enough is known of the stream for surges to be looked for."""
        return self._fitted is not None and self._fitted.known >= LEAST_KNOWN_H

    def messages(self, series: Series, reading: detector.Reading) -> int:
        """Messages behind a reading, copies included; of a shift its stories, since copies are not kept for days."""
        if reading.window_s not in detector.WINDOWS_S or reading.rule.kind not in detector.SURGES:
            return reading.stories
        counted = self.rings.messages(self.rings.column(series), negative=reading.rule.negative)
        return counted[detector.WINDOWS_S.index(reading.window_s)]

    def shifts(self, hour: int) -> list[Named]:
        """The series whose negative share had risen by the beginning of an hour."""
        if self._shifts is None or self._shifts[0] != hour:
            self._shifts = (hour, self._shifted(hour))
        return self._shifts[1]

    def hush(self, pause: silent.Pause) -> list[Change]:
        """Judge a pause of the feed, by the wall clock; a pause that a message ends is over at the next look."""
        return [change for reading in self.hears(pause) for change in self._hushed(reading, pause)]

    def hears(self, pause: silent.Pause) -> list[detector.Reading]:
        """What the rules for silent feeds see of a pause; of a longer one they see no less."""
        if self._now(pause.begin // 60).known < LEAST_HEARD_H:
            return []
        readings = []
        for rule in self.rules:
            if rule.kind == FEED_SILENT and pause.minutes >= (rule.warning.minutes or 0):
                readings.append(silent.silent(rule, pause, *self._feed(pause)))
        return [one for one in readings if one is not None]

    def _hushed(self, reading: detector.Reading, pause: silent.Pause) -> list[Change]:
        key = (reading.rule.name, *WHOLE)
        minute = pause.begin + pause.minutes
        critical = reading.severity is Severity.CRITICAL
        episode = self.episodes.by_key.get(key)
        what = What.ESCALATED
        if episode is None:
            what = What.FIRED
            episode = self.episodes.by_key[key] = Episode(
                rule=reading.rule.name,
                topic="",
                entity="",
                phase=AlertState.FIRING,
                started=pause.begin,
                last_over=minute,
                fired=minute,
            )
        elif not (episode.open and critical and episode.severity is Severity.WARNING):
            episode.last_over = max(episode.last_over, minute)
            return []
        episode.severity = Severity.CRITICAL if critical else Severity.WARNING
        episode.notifications += 1
        episode.notified = episode.updated = episode.last_over = minute
        return [Change(what, episode, reading)]

    def _heard(self, minute: int) -> list[Change]:
        """End what was said of the silence of the feed if it has spoken; the hours of silence are not learnt."""
        names = [rule.name for rule in self.rules if rule.kind == FEED_SILENT]
        silences = [(name, *WHOLE) for name in names if (name, *WHOLE) in self.episodes.by_key]
        if not silences:
            return []
        if not self.rings.spoke(minute):
            for key in silences:
                self.episodes.by_key[key].last_over = minute
            return []
        changes = []
        for key in silences:
            episode = self.episodes.by_key.pop(key)
            self.masks.silence(self.rings, range(-(-episode.started // 60), minute // 60), minute // 60)
            if episode.open:
                changes.append(self._over(episode))
        return changes

    def _over(self, episode: Episode) -> Change:
        episode.phase = AlertState.RESOLVED
        episode.notifications += 1
        return Change(What.RESOLVED, episode, None, quiet=episode.untold)

    def _episodes(self, known: Iterable[Episode], past: Iterable[Past] = ()) -> Episodes:
        """The alert states under the present rules; episodes of rules that are gone end at the next look."""
        known = list(known)
        names = {one.name for one in self.rules}
        self._gone += [one for one in known if one.rule not in names]
        return Episodes(self.rules, known, past)

    def _now(self, hour: int) -> usual.Fitted:
        """What was fitted and holds now, since the hours that a later fit would be of are not all written yet."""
        return self._fitted or self._slow(hour)

    def _feed(self, pause: silent.Pause) -> tuple[float, float]:
        """Stories expected of the whole stream in a pause, and their dispersion, the widest of the windows'."""
        hour, minute = divmod(pause.begin, 60)
        fitted = self._now(hour)
        stream, known = self._stream_before(hour)
        mean, unsure = silent.expected(
            fitted.feed, hour - fitted.hour, stream, known, minute=minute, minutes=pause.minutes
        )
        return mean, float(fitted.feed.dispersion.max()) + unsure

    def _shifted(self, hour: int) -> list[Named]:
        found: list[Named] = []
        for rule in self.rules:
            if rule.kind != SENTIMENT_SHIFT:
                continue
            self._baselines(hour)
            fitted = self._fitted
            assert fitted is not None, "baselines have been made"
            stretch = fitted.stretches.get(rule.days)
            if stretch is None:
                continue
            hours = rule.days * DAY_H
            width = fitted.columns
            negative, total, usable = self.rings.history(hour, hours)
            negative, total, usable = negative[:, :width], total[:, :width], usable[:, :width]
            negative = converted(negative, total, hour - hours, fitted.takeovers, fitted.conversions)
            readings = shifted(rule, negative, total, usable, stretch, self._scope(rule)[:width])
            found += [(self.rings.names[one.series], one) for one in readings]
        return found

    def _asked(self, baselines: usual.Baselines, columns: Ints, negative: Ints, total: Ints) -> Bools:
        """Which series each surge rule asks about, since they may stand out under it, (rules, columns)."""
        if self._headroom is None or self._headroom[0] is not baselines:
            self._headroom = (baselines, [_rooms(rule, baselines) for rule in self._surges])
        asked = np.zeros((len(self._surges), len(columns)), bool)
        for place, (rule, rooms) in enumerate(zip(self._surges, self._headroom[1], strict=True)):
            counts, scope = negative if rule.negative else total, self._scope(rule)[columns]
            asked[place, scope] = rooms.warns.exceeded(columns[scope], counts[:, scope])
            going_on = [self.rings.column(one.series) for one in self.episodes.by_key.values() if one.rule == rule.name]
            if going_on:
                some = scope & np.isin(columns, going_on)
                asked[place, some] |= rooms.goes_on.exceeded(columns[some], counts[:, some])
        return asked

    @property
    def _surges(self) -> tuple[Rule, ...]:
        return tuple(one for one in self.rules if one.kind in detector.SURGES)

    def _scope(self, rule: Rule) -> Bools:
        """Which series a rule looks at, (series,)."""
        known = self._scopes.get(rule.name)
        done = 0 if known is None else len(known)
        if known is None or done < len(self.rings):
            new = [rule.covers(self.stream, *series) for series in self.rings.names[done:]]
            known = np.array(new, bool) if known is None else np.concatenate([known, np.array(new, bool)])
            self._scopes[rule.name] = known
        return known

    def _forget(self) -> None:
        """Let go of what was derived from the rules or the columns."""
        self._hourly = None
        self._scopes = {}
        self._set = set()
        self._headroom = self._calm = None
        self._shifts = None

    def _mask(self, series: Series, reading: detector.Reading, minute: int) -> None:
        episode = self.episodes.by_key.get((reading.rule.name, series.topic, series.entity))
        if episode is None or minute - episode.started <= MASK_H * 60:
            hour, first = minute // 60, (minute - reading.window_s // 60 + 1) // 60
            if self.masks.hour != hour:
                self._set.clear()
            if (series, first, hour) not in self._set:
                self._set.add((series, first, hour))
                self.masks.set(self.rings, series, range(first, hour + 1), hour)


def _rooms(rule: Rule, baselines: usual.Baselines) -> _Rooms:
    usually = baselines.negatives if rule.negative else baselines.totals
    warns = 1.0 if rule.warning.p_count is None else rule.warning.p_count
    return _Rooms(
        Headroom(usually, warns, rule.min_stories),
        Headroom(usually, detector.lower_bar(rule), (rule.min_stories + 1) // 2),
    )
