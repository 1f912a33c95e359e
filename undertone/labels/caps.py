"""How much of the labels one person or one source may be: by the day of arrival, and by share of what trains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime

from undertone.labels.limits import Limits
from undertone.labels.set_aside import Reason, SetAside, set_aside
from undertone.labels.vote import Decision
from undertone.labels.words import Word


def cap_days(words: Sequence[Word], limits: Limits) -> tuple[list[Word], list[SetAside]]:
    """The words on the first `person_day` texts of a person, then `source_day` of a source, of each day; and the rest.

    What came first counts, so that a flood cannot push out what was there before it.
    """
    kept, over = _first(words, limits, limits.person_day, lambda word: word.person)
    aside = [_over(Reason.PERSON_DAY, word, limits.person_day, word.label.labelled_by) for word in over]
    kept, over = _first(kept, limits, limits.source_day, lambda word: word.label.source)
    aside += [_over(Reason.SOURCE_DAY, word, limits.source_day, word.label.source or "(none)") for word in over]
    return kept, sorted(aside)


def _first(
    words: Sequence[Word], limits: Limits, cap: int, name_of: Callable[[Word], str]
) -> tuple[list[Word], list[Word]]:
    begun: defaultdict[tuple[str, str], dict[str, datetime]] = defaultdict(dict)
    for word in words:
        if word.person not in limits.reviewers:
            day = begun[name_of(word), word.day]
            day[word.key] = min(word.arrived_at, day.get(word.key, word.arrived_at))
    within = {
        name: frozenset(sorted(day, key=lambda key: (day[key], key))[:cap])  # used within its turn
        for name, day in begun.items()
    }
    kept: list[Word] = []
    over: list[Word] = []
    for word in words:
        free = word.person in limits.reviewers or word.key in within[name_of(word), word.day]
        (kept if free else over).append(word)
    return kept, over


def _over(reason: Reason, word: Word, cap: int, name: str) -> SetAside:
    return set_aside(reason, [word.label], f"{name}: more than {cap:,} texts on {word.day}", str(word.question))


def cap_shares(decisions: Iterable[Decision], limits: Limits) -> tuple[list[Decision], list[SetAside]]:
    """The decisions of which no person and no source alone stands for more than its share of the texts; and the rest.

    A share is of the texts that are left, so cutting one off lowers the bar for all, until it holds. The newest of a
    person's texts are kept, since fresh labels are what training is for.
    """
    left, aside = list(decisions), list[SetAside]()
    kinds = (
        ("person", limits.person_share, Reason.PERSON_SHARE),
        ("source", limits.source_share, Reason.SOURCE_SHARE),
    )
    while True:
        before = len(left)
        for field, share, reason in kinds:
            left, over = _cut(left, limits, field, share)
            aside += [_too_much(reason, one, share, one.rests_on(field, limits)) for one in over]
        if len(left) == before:
            return left, sorted(aside)


def _cut(decisions: list[Decision], limits: Limits, field: str, share: float) -> tuple[list[Decision], list[Decision]]:
    cap = max(limits.share_free, int(share * len({one.key for one in decisions})))
    newest: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for one in decisions:
        name = one.rests_on(field, limits)
        if name is not None:
            at = max(word.arrived_at for word in one.witnesses)
            newest[name][one.key] = max(at, newest[name].get(one.key, at))
    over = {
        (name, key)
        for name, texts in newest.items()
        for key in sorted(texts, key=lambda key: (texts[key], key), reverse=True)[cap:]
    }
    kept = [one for one in decisions if (one.rests_on(field, limits), one.key) not in over]
    return kept, [one for one in decisions if (one.rests_on(field, limits), one.key) in over]


def _too_much(reason: Reason, decision: Decision, share: float, name: str | None) -> SetAside:
    detail = f"{name or '(no source)'} alone stands for more than {share:.0%} of the texts"
    return set_aside(reason, [word.label for word in decision.witnesses], detail, str(decision.question))
