"""What becomes of readings: episodes that begin, grow, and end, and which of them a person is told about.

Pure: minutes and readings go in, changes come out. One episode is one alert, and its id is a hash of rule, series
and first minute, so that the same minutes looked at again give the same id.

A series whose condition holds is pending until it has held for two looks. Then it fires, unless an alert that is
already out covers it: a topic, an entity and the entity under the topic usually ring on the same stories. Of those
that are due at one look the most surprising goes first, and the rest are held back while at least
``COVERED`` of their stories are evidence of alerts that are out. A rule is covered by itself and by the rules before
it in the rules file, never by one after it: news that a surge is negative is not old because the surge is known. Nor is
a company covered by a topic, nor either by the stream as a whole: whom a surge is about is news. The stream itself
rings only if it still does without the stories of all other alerts that are out.

An alert that fires may belong to an incident that people know of (:mod:`stream.incidents`). Then it is there to be
seen, and nobody is called, unless it is worse, twice as large, or comes from a better tier of source than what they
were told. Growth in the first two hours after people were told is no news: what is there by then must double.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stream.detector import WINDOWS_S, Reading
from stream.episode import Change, Episode, Key, See, Seen, Sighting, What, alert_id, incident_id
from stream.incidents import MEMORY_MIN, STORIES_KEPT, Member, Past, Place, Told, group
from stream.voices import stands
from undertone.messages import AlertState, Severity
from undertone.rules import Rule
from undertone.trends import WHOLE, Series

__all__ = ["Change", "Episode", "Episodes", "Key", "See", "Seen", "What", "alert_id", "incident_id"]

COVERED = 0.6
HOLD_MIN = 1
"""Minutes for which a condition must have held before it fires."""
RESOLVE_MIN = 30
"""An episode is over once its series has been under the lower bar for this long."""
QUIET_MIN = 120
"""Event minutes for which growth is no news: an alert fires at the onset, and any surge grows from there."""
UPDATE_MIN = 5
"""The figures of an open alert are brought up to date this often."""
RECHECK_MIN = 360
"""A covered series is compared again once it has grown by a quarter, or after this long: when the alert that covers
it ends first, what is left in its widest window is old news."""
WIDEST_S = max(WINDOWS_S)


class Episodes:
    """The alert state machine of one stream. ``past`` are alerts that ended in the last six hours or so."""

    def __init__(self, rules: Sequence[Rule], known: Iterable[Episode] = (), past: Iterable[Past] = ()) -> None:
        self._rules = {rule.name: (order, rule) for order, rule in enumerate(rules)}
        self.by_key: dict[Key, Episode] = {one.key: one for one in known if one.rule in self._rules}
        self.past = list(past)

    def step(self, minute: int, readings: Iterable[tuple[Series, Reading]], see: See) -> list[Change]:
        """Move every episode to ``minute``.

        Args:
            minute: Event time; later than in the last call.
            readings: Each series that stands out, as the detector gave it.
            see: Looks up the stories of a rule and series.
        """
        # In the order of their names, since what is said of one may depend on what has just been said of another.
        present = dict(sorted({(r.rule.name, s.topic, s.entity): r for s, r in readings}.items()))
        changes = self._end(minute, present, see)
        due: list[tuple[Episode, Reading]] = []
        for key, reading in present.items():
            episode = self.by_key.get(key)
            if episode is None:
                if reading.severity is None:
                    continue
                episode = self._begin(key, minute)
            episode.last_over = minute
            if episode.phase is AlertState.PENDING:
                if reading.severity is None:
                    del self.by_key[key]
                elif minute - episode.started >= HOLD_MIN and _worth_checking(episode, reading, minute):
                    due.append((episode, reading))
            elif episode.open:
                changes += self._go_on(episode, reading, minute, see)
        return changes + self._announce(due, minute, see)

    def close(self, key: Key) -> None:
        """A person has resolved it: say no more until the series has been quiet and surges anew."""
        self.by_key[key].phase = AlertState.RESOLVED

    def _begin(self, key: Key, minute: int) -> Episode:
        rule, topic, entity = key
        episode = Episode(
            rule=rule, topic=topic, entity=entity, phase=AlertState.PENDING, started=minute, last_over=minute
        )
        self.by_key[key] = episode
        return episode

    def _end(self, minute: int, present: dict[Key, Reading], see: See) -> list[Change]:
        changes = []
        for key in sorted(self.by_key.keys() - present.keys()):
            episode = self.by_key[key]
            if episode.phase is AlertState.PENDING:
                del self.by_key[key]
            elif minute - episode.last_over >= RESOLVE_MIN:
                del self.by_key[key]
                self.past.append(self._past(episode, see))
                if episode.open:
                    episode.phase = AlertState.RESOLVED
                    episode.notifications += 1
                    changes.append(Change(What.RESOLVED, episode, None, quiet=episode.untold))
        if self.past:
            self.past = [one for one in self.past if minute - one.end <= MEMORY_MIN]
        return changes

    def _past(self, episode: Episode, see: See) -> Past:
        stories = see(self._rules[episode.rule][1], episode.series, WIDEST_S).first(STORIES_KEPT)
        return Past(
            name=episode.name,
            incident=episode.incident or episode.name,
            entity=episode.entity,
            begin=episode.started,
            end=episode.last_over,
            stories=stories,
            told=episode.told,
            whole=episode.series == WHOLE,
        )

    def _go_on(self, episode: Episode, reading: Reading, minute: int, see: See) -> list[Change]:
        if reading.severity is Severity.CRITICAL and episode.severity is Severity.WARNING:
            seen = see(reading.rule, episode.series, reading.window_s)
            if reading.wide > episode.checked_stories and self._is_critical(episode, reading, seen, {}, see):
                known = any(one.severity is Severity.CRITICAL for _, one in self._told(episode))
                episode.severity = Severity.CRITICAL
                return [self._notify(What.ESCALATED, episode, reading, minute, seen.tier, quiet=known)]
            episode.checked_stories = max(reading.wide, episode.checked_stories)
        if minute - episode.notified < QUIET_MIN and (episode.told or self._told(episode)):
            episode.notified_stories = max(episode.notified_stories, reading.wide)
        elif reading.wide >= 2 * episode.notified_stories and self._doubled(episode, reading, minute):
            tier = see(reading.rule, episode.series, reading.window_s).tier
            return [self._notify(What.GROWN, episode, reading, minute, tier)]
        if minute - episode.updated >= UPDATE_MIN and reading.severity is not None:
            tier = see(reading.rule, episode.series, reading.window_s).tier
            better = 0 < tier < episode.tier
            if better and all(tier < one.tier for _, one in self._told(episode) if one.tier):
                return [self._notify(What.NEW_TIER, episode, reading, minute, tier)]
            episode.tier = _best(episode.tier, tier)
            episode.updated = minute
            return [Change(What.UPDATED, episode, reading)]
        return []

    def _announce(self, due: list[tuple[Episode, Reading]], minute: int, see: See) -> list[Change]:
        """Fire those that no other alert covers, the most telling rule and the most surprising series first."""
        if not due:
            return []
        due.sort(
            key=lambda one: (
                self._order(one[0].rule),
                one[0].series == WHOLE,
                one[1].p_count,
                one[1].p_share,
                -_depth(one[0]),
                one[0].series,
            )
        )
        # One that a person has ended still covers: its stories are known.
        out = [episode for _, episode in sorted(self.by_key.items()) if episode.phase is not AlertState.PENDING]
        fired: list[tuple[Episode, Reading, Sighting]] = []
        wide: dict[Key, frozenset[Place]] = {}
        for episode, reading in due:
            order = self._order(episode.rule)
            mine = see(reading.rule, episode.series, reading.window_s)
            episode.checked, episode.checked_stories = minute, reading.wide
            others = (
                other
                for other in _likeliest(episode, out)
                if self._order(other.rule) <= order and _tells_as_much(other.series, episode.series)
            )
            if _covered(mine.positions, (self._stories(other, wide, see) for other in others)):
                continue
            if not stands(reading, mine, left=self._left(episode, mine, wide, see)):
                episode.checked_stories = 0  # look again at once: other voices may join at any minute
                continue
            episode.phase, episode.fired = AlertState.FIRING, minute
            if self._is_critical(episode, reading, mine, wide, see):
                episode.severity = Severity.CRITICAL
            fired.append((episode, reading, mine))
            out.append(episode)
        return self._tell(fired, out[: len(out) - len(fired)], wide, minute, see) if fired else []

    def _left(self, episode: Episode, mine: Sighting, known: dict[Key, frozenset[Place]], see: See) -> float:
        """The part of a whole stream's stories that no other alert tells; of any other series all of them."""
        if episode.series != WHOLE or not mine.positions:
            return 1.0
        order = self._order(episode.rule)
        out = (one for one in self.by_key.values() if one.phase is not AlertState.PENDING and one.series != WHOLE)
        told = [self._stories(one, known, see) for one in out if self._order(one.rule) <= order]
        over = (one for one in self.past if not one.whole and one.name.split("\t")[0] in self._rules)
        told += [frozenset(one.stories) for one in over if self._order(one.name.split("\t")[0]) <= order]
        return len(mine.positions.difference(*told)) / len(mine.positions)

    def _is_critical(
        self, episode: Episode, reading: Reading, seen: Sighting, known: dict[Key, frozenset[Place]], see: See
    ) -> bool:
        bars = reading.rule.critical
        if reading.severity is not Severity.CRITICAL or bars is None or seen.sources < bars.sources:
            return False
        left = self._left(episode, seen, known, see)
        return left == 1.0 or stands(reading, seen, bars=bars, left=left)

    def _tell(
        self,
        fired: Sequence[tuple[Episode, Reading, Sighting]],
        out: Sequence[Episode],
        wide: dict[Key, frozenset[Place]],
        minute: int,
        see: See,
    ) -> list[Change]:
        """Find the incident of each alert that has just fired, and who is to know of it."""
        known = [_member(one, one.incident or one.name, self._stories(one, wide, see)) for one in out]
        new = [_member(one, "", seen.positions)._replace(place=place) for place, (one, _, seen) in enumerate(fired)]
        incidents = group(new, known + [one.member for one in self.past])
        changes = []
        for episode, reading, seen in fired:
            episode.incident = incidents[episode.name]
            told = [one for _, one in self._told(episode)]
            worse = episode.severity is Severity.CRITICAL and all(one.severity is Severity.WARNING for one in told)
            better = seen.tier > 0 and all(seen.tier < one.tier for one in told)
            quiet = bool(told) and not (worse or better or self._doubled(episode, reading, minute))
            changes.append(self._notify(What.FIRED, episode, reading, minute, seen.tier, quiet=quiet))
        return changes

    def _told(self, episode: Episode) -> list[tuple[int, Told]]:
        """What people were told of an episode's incident by its own rule and those before it, by each rule's place."""
        order, incident = self._order(episode.rule), episode.incident or episode.name
        everyone: tuple[Episode | Past, ...] = (*self.by_key.values(), *self.past)
        found = []
        for one in everyone:
            if one.incident and one.incident != incident:  # most are, and to make a name takes time
                continue
            known = one.told
            if known is None or (one.incident or one.name) != incident:
                continue
            rule = one.name.split("\t")[0]
            if rule in self._rules and self._order(rule) <= order:
                found.append((self._order(rule), known))
        return found

    def _doubled(self, episode: Episode, reading: Reading, minute: int) -> bool:
        """Whether there are twice as many stories as people were told of, and not too soon after.

        Rules count different stories: where a more telling one has told of the incident, it is for that one to say.
        """
        order, told = self._order(episode.rule), self._told(episode)
        if any(place < order for place, _ in told):
            return False
        if not told:
            return episode.notified < 0 or reading.wide >= 2 * episode.notified_stories
        most, last = max(one.stories for _, one in told), max(one.minute for _, one in told)
        return reading.wide >= 2 * most and minute - last >= QUIET_MIN

    def _notify(
        self, what: What, episode: Episode, reading: Reading, minute: int, tier: int, *, quiet: bool = False
    ) -> Change:
        episode.notifications += 1
        episode.updated = minute
        episode.tier = _best(episode.tier, tier)
        if what is What.FIRED or not quiet:
            episode.notified, episode.notified_stories, episode.untold = minute, reading.wide, quiet
        return Change(what, episode, reading, quiet)

    def _stories(self, episode: Episode, known: dict[Key, frozenset[Place]], see: See) -> frozenset[Place]:
        """The stories of an episode in the widest window, looked up once a look."""
        if episode.key not in known:
            known[episode.key] = see(self._rules[episode.rule][1], episode.series, WIDEST_S).positions
        return known[episode.key]

    def _order(self, rule: str) -> int:
        return self._rules[rule][0]


def _member(episode: Episode, incident: str, stories: frozenset[Place]) -> Member:
    whole = episode.series == WHOLE
    return Member(episode.name, incident, episode.entity, episode.started, episode.last_over, stories, whole=whole)


def _tells_as_much(one: Series, other: Series) -> bool:
    """Whether an alert of one series says whom a surge is about as closely as one of the other would."""
    return bool(one.entity or not other.entity) and (one != WHOLE or other == WHOLE)


def _best(one: int, other: int) -> int:
    """The better of two tiers; 0 is unknown."""
    return min(one or other, other or one)


def _worth_checking(episode: Episode, reading: Reading, minute: int) -> bool:
    grown = reading.wide * 4 >= episode.checked_stories * 5 and reading.wide > episode.checked_stories
    return episode.checked < 0 or grown or minute - episode.checked >= RECHECK_MIN


def _likeliest(episode: Episode, out: Iterable[Episode]) -> list[Episode]:
    """Those that are out, those first that may well have the stories of an episode."""
    return sorted(out, key=lambda other: (other.entity != episode.entity) + (other.topic != episode.topic))


def _covered(mine: frozenset[Place], others: Iterable[frozenset[Place]]) -> bool:
    """Whether others together have COVERED of the stories; they are asked until that is known."""
    known: set[Place] = set()
    for stories in others if mine else ():
        known |= mine & stories
        if len(known) >= COVERED * len(mine):
            return True
    return False


def _depth(episode: Episode) -> int:
    return bool(episode.topic) + bool(episode.entity)
