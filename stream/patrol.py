"""One stream's round of the watch: reads windows from Redis, has them judged, publishes what happened.

It follows event time minute by minute and keeps all state that matters in Redis together with what it announces, so
that another watcher goes on where it stopped. It holds no lease of its own and starts no thread.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec

from stream.alerting import Change, Episode, Key, What, alert_id, incident_id
from stream.baseline import HISTORY_H
from stream.explain import explain, is_news, name_of
from stream.incidents import Past
from stream.lookout import Lookout
from stream.recollection import kept, recollect
from stream.rings import KEPT_H, KINDS, MINUTES
from stream.sightings import LATE_MIN, MINUTE_MS, Sightings
from stream.silent import Pause, pause
from stream.succession import Succession
from undertone.alert_store import INCIDENT, SILENCED, AlertStore, Conflict, Crowd, Publication
from undertone.lifecycle import handed_on
from undertone.messages import Alert, AlertState, Evidence, Severity
from undertone.rules import Rules
from undertone.silences import Silence, silenced
from undertone.store import Store
from undertone.trends import Counts, Series

HOUR_MS = 3_600_000
RECENT_MIN = 3
"""Minutes that are read again at every look."""
RECHECK_EVERY_MIN = 10
"""How often LATE_MIN minutes are read again for late messages; so they are after a partition was idle."""
LATE_HOURS = 2
"""Hours of history that are read again when an hour is over."""

_log = logging.getLogger(__name__)
_alert = msgspec.json.Decoder(Alert)
_episode = msgspec.json.Decoder(Episode)
_past = msgspec.json.Decoder(list[Past])


class Patrol:
    """The watch of one stream under one lease; make a new one when the lease has been lost."""

    def __init__(self, store: Store, alerts: AlertStore, stream: str, token: str, rules: Rules | None = None) -> None:
        self.stream = stream
        self._store = store
        self._alerts = alerts
        self._token = token
        self._kept = alerts.episodes(stream)
        self._kept_past = alerts.past(stream) or b"[]"
        chosen = rules or Rules.shipped()
        self._lookout = Lookout(chosen.rules, known=map(_episode.decode, self._kept.values()), stream=stream)
        self._lookout.episodes.past = _past.decode(self._kept_past)
        self._kept_masks = alerts.masks(stream)
        self._kept_crowd: Crowd | None = None
        self._raw: dict[str, bytes] = {}
        self._next: int | None = None
        self._stories = Sightings(store, stream, chosen)
        self._succession = Succession(store, stream)
        self._paused: Pause | None = None
        self._news: Counter[tuple[str, str]] = Counter()
        self._was_idle = False

    def use(self, rules: Rules) -> None:
        """Look by these rules from the next minute on; episodes of rules that are gone end."""
        self._lookout.use(rules.rules)
        self._stories.rules = rules

    def advance(self, event_now_ms: int, *, idle: bool, most: int = 60) -> int:
        """Look at the minutes that are over by now, ``most`` of them at most; returns how many were looked at.

        While the stream is idle the minute that has begun counts as over: nothing may come for hours.

        Raises:
            LeaseLostError: if another watcher has taken over; nothing has been written then.
        """
        if event_now_ms < 0:
            return 0
        if self._next is None:
            self._next = self._start(event_now_ms)
        first = self._next
        end = min(event_now_ms // MINUTE_MS + idle, first + most, (first // 60 + 1) * 60)  # never across an hour
        if end <= first:
            self._was_idle = self._was_idle or idle
            return 0
        self._adopt()
        if first % 60 == 0:
            self._read_hours(first // 60 - LATE_HOURS, first // 60)
            self._succession.read(first // 60 - LATE_HOURS, first // 60)
            self._lookout.succeed(self._succession.takeovers())
        back = MINUTES if self._was_idle else LATE_MIN if first % RECHECK_EVERY_MIN == 0 else RECENT_MIN
        self._was_idle = idle
        windows = self._read_minutes(first - back, end)
        for minute in range(first - back, first):
            self._lookout.minute(minute, windows.get(minute * 60, {}))
        for minute in range(first, end):
            self._lookout.minute(minute, windows.get(minute * 60, {}))
            self._look(minute, last=minute == end - 1)
        self._next = end
        return end - first

    def _start(self, event_now_ms: int) -> int:
        """The first minute to look at, with all that came before it read."""
        evaluated = self._alerts.evaluated(self.stream)
        first = self._earliest(event_now_ms // HOUR_MS) if evaluated is None else evaluated + 1
        hour = first // 60
        self._lookout.hours(hour - KEPT_H, hour, recollect(self._store, self.stream, hour - KEPT_H, hour))
        recent = self._read_minutes(first - MINUTES, first)
        for minute in range(first - MINUTES, first):
            self._lookout.minute(minute, recent.get(minute * 60, {}))
        self._recall(hour)
        self._succession.start(hour)
        self._lookout.succeed(self._succession.takeovers())
        _log.info("watching %s from minute %d of event time on", self.stream, first)
        return first

    def _recall(self, hour: int) -> None:
        """What was found before an hour, and in it, of hours that are not to be learnt from."""
        for found, raw in sorted(self._kept_masks.items()):
            if found >= hour - KEPT_H:
                self._lookout.masks.restore(self._lookout.rings, found, raw)

    def _earliest(self, now_hour: int) -> int:
        """Where to begin when nobody has watched yet: the first hour of which minutes are still kept.

        Hours before it are history.
        """
        for start_s in kept(self._store, self.stream, 3_600, (now_hour - HISTORY_H) * 3_600, (now_hour + 1) * 3_600):
            if kept(self._store, self.stream, 60, start_s, start_s + 3_600):
                return start_s // 60
        return now_hour * 60

    def _read_hours(self, begin: int, end: int) -> None:
        found = self._store.windows(self.stream, 3_600, begin * HOUR_MS, end * HOUR_MS)
        for hour in range(begin, end):
            self._lookout.hour(hour, found.get(hour * 3_600, {}))

    def _read_minutes(self, begin: int, end: int) -> dict[int, dict[Series, Counts]]:
        return self._store.windows(self.stream, 60, begin * MINUTE_MS, end * MINUTE_MS)

    def _look(self, minute: int, *, last: bool) -> None:
        self._stories.minute = minute
        self._tell(minute, self._lookout.look(minute, self._stories.see), evaluated=minute, last=last)

    def listen(self, newest_ms: int, arrived_ms: int, now_ms: int) -> None:
        """Judge how long nothing has come; event time stands still meanwhile, so it goes by the wall clock.

        Args:
            newest_ms: Event time of the stream's newest message.
            arrived_ms: Wall time at which something of it was last counted.
            now_ms: Wall time.
        """
        paused = pause(newest_ms, arrived_ms, now_ms)
        if self._next is None or paused is None or paused == self._paused:
            return
        self._paused = paused
        self._adopt()
        self._tell(paused.begin + paused.minutes, self._lookout.hush(paused), evaluated=self._next - 1, last=False)

    def _tell(self, minute: int, changes: list[Change], *, evaluated: int, last: bool) -> None:
        silences = self._alerts.silences.list() if changes else []
        while True:
            publications = [one for one in (self._publication(minute, change, silences) for change in changes) if one]
            kept = {name_of(one): msgspec.json.encode(one) for one in self._lookout.episodes.by_key.values()}
            altered: dict[str, bytes | None] = {name: kept.get(name) for name in self._kept.keys() - kept.keys()}
            altered |= {name: state for name, state in kept.items() if self._kept.get(name) != state}
            if not (publications or altered or last):
                return
            past = msgspec.json.encode(self._lookout.episodes.past)
            new_past = None if past == self._kept_past else past
            masks, crowd = self._new_masks(), self.crowd()
            conflict = self._alerts.publish(
                self._token,
                self.stream,
                evaluated,
                publications,
                altered,
                new_past,
                masks,
                None if crowd == self._kept_crowd else crowd,
            )
            if conflict is None:
                break
            self._give_way(conflict, changes)
        self._kept, self._kept_past, self._kept_crowd = kept, past, crowd
        self._kept_masks |= {hour: found for hour, found in masks.items() if found is not None}
        self._kept_masks = {hour: one for hour, one in self._kept_masks.items() if masks.get(hour, one) is not None}
        for alert, _, what, quiet in publications:
            self._raw[alert.id] = msgspec.json.encode(alert)
            if what:
                self._news[what, alert.severity.value] += 1
                told = f"{what} ({quiet})" if quiet else what
                _log.info("alert %s %s: %s %s %s", alert.id, told, alert.rule, alert.topic, alert.entity)
        self._forget()

    def taken_news(self) -> Mapping[tuple[str, str], int]:
        """How often what was told of alerts of which severity, since this was asked last."""
        found, self._news = self._news, Counter()
        return found

    def open_by_severity(self) -> Mapping[str, int]:
        """How many alerts have fired and are not over."""
        found = Counter(one.severity.value for one in self._lookout.episodes.by_key.values() if one.open)
        return {one.value: found[one.value] for one in Severity}

    def crowd(self) -> Crowd:
        """How many series are remembered, and how many counts found no place."""
        rings = self._lookout.rings
        return Crowd(len(rings) - KINDS, rings.refused)

    def _new_masks(self) -> dict[int, bytes | None]:
        """What was found in this hour of hours not to be learnt from, if that is more; with it go those long past."""
        masks = self._lookout.masks
        found = masks.kept()
        if found is None or self._kept_masks.get(masks.hour) == found:
            return {}
        return {hour: None for hour in self._kept_masks if hour < masks.hour - KEPT_H} | {masks.hour: found}

    def _publication(self, minute: int, change: Change, silences: Sequence[Silence]) -> Publication | None:
        episode, reading = change.episode, change.reading
        raw = self._raw.get(alert_id(self.stream, episode))
        before = None if raw is None else _alert.decode(raw)
        if before is None and reading is None:
            return None  # the alert itself is gone from Redis: there is nothing to resolve
        stories: Sequence[Evidence] = ()
        messages = 0
        if reading is not None:
            stories = self._stories.of(reading.rule, episode.series, reading.window_s)
            messages = self._lookout.messages(episode.series, reading)
        alert = explain(
            self.stream,
            minute,
            change,
            stories=stories,
            messages=messages,
            models=self._models(minute),
            before=before,
        )
        holding = silenced(alert, silences, alert.updated_at)
        if change.what is What.FIRED and holding is not None:
            episode.untold = True
        alert = msgspec.structs.replace(
            handed_on(before, alert),
            incident=incident_id(self.stream, episode),
            tier=episode.tier or None,
            silenced_by=None if holding is None else holding.id,
        )
        if not is_news(change):
            return Publication(alert, raw, "")
        ended = change.what is What.RESOLVED
        quiet = INCIDENT if change.quiet else SILENCED if holding is not None and not ended else ""
        return Publication(alert, raw, change.what.value, quiet)

    def _models(self, minute: int) -> list[str]:
        """Versions of the model over the last day of event time, in the order in which they took over."""
        hours = self._store.models(self.stream, 3_600, (minute - 1440) * MINUTE_MS, (minute + 1) * MINUTE_MS)
        return list(dict.fromkeys(version for start in sorted(hours) for version in sorted(hours[start])))

    def _adopt(self) -> None:
        """Take note of what people did to alerts since the last round."""
        open_ids = {alert_id(self.stream, one): key for key, one in self._lookout.episodes.by_key.items() if one.open}
        now = self._alerts.raw(open_ids)
        for one, raw in now.items():
            if self._raw.get(one) != raw:
                self._raw[one] = raw
                self._follow(open_ids[one], _alert.decode(raw))

    def _follow(self, key: Key, alert: Alert) -> None:
        episodes = self._lookout.episodes
        episode = episodes.by_key[key]
        episode.notifications = max(episode.notifications, alert.notifications)
        if alert.severity is Severity.CRITICAL:
            episode.severity = Severity.CRITICAL
        if alert.state is AlertState.RESOLVED:
            episodes.close(key)
        else:
            episode.phase = alert.state

    def _give_way(self, conflict: Conflict, changes: list[Change]) -> None:
        """Somebody was faster: take the alert as it is now, and say what is left to say."""
        (index,) = [
            place for place, one in enumerate(changes) if alert_id(self.stream, one.episode) == conflict.alert_id
        ]
        change = changes[index]
        if conflict.current is None:
            self._raw.pop(conflict.alert_id, None)
            return
        now = _alert.decode(conflict.current)
        first_seen = conflict.alert_id not in self._raw
        self._raw[conflict.alert_id] = conflict.current
        if now.state is AlertState.RESOLVED or first_seen:
            # Ended by hand, or told before by a watch whose own state is gone: it is not news.
            del changes[index]
        elif change.reading is not None:
            if change.what is What.ESCALATED and now.severity is Severity.CRITICAL:  # by a person, who told of it
                changes[index] = change = change._replace(what=What.UPDATED)
            elif now.severity is Severity.CRITICAL:
                change.episode.severity = Severity.CRITICAL
            change.episode.notifications = now.notifications + is_news(change)
            change.episode.phase = now.state
            return
        else:
            change.episode.notifications = now.notifications + 1
            return
        key = (change.episode.rule, change.episode.topic, change.episode.entity)
        if key in self._lookout.episodes.by_key:
            self._follow(key, now)

    def _forget(self) -> None:
        live = {alert_id(self.stream, one) for one in self._lookout.episodes.by_key.values() if one.open}
        self._raw = {one: raw for one, raw in self._raw.items() if one in live}
