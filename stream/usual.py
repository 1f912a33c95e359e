"""The baselines of all series of one stream at an hour: fitted anew once a day, with the level of the hour. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from stream.baseline import (
    DAY_H,
    LEVEL_PRIOR,
    RECENT_H,
    WEEK_H,
    Bools,
    CountBaseline,
    Fit,
    Floats,
    Ints,
    ShareBaseline,
    fit_counts,
    fit_shares,
)
from stream.rings import TOPIC
from stream.shift import fit_days
from stream.silent import fit_feed
from stream.takeover import Conversion, Takeover, converted, since, widened

DEFAULT_STORIES_H = 1.0
"""Stories an hour expected of a series while nothing at all is known."""
DEFAULT_NEGATIVE_H = 0.3

QUIET_LEVEL = 0.7
"""Level of a whole stream over 24 hours below which the day was a quiet one, such as a holiday."""
WAKING_H = 3

History = tuple[Floats, Floats, Bools]
"""Negative stories, all stories, and which cells are usable; (hours, series) each, chronological."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """The slow part of the baselines, fitted for ``hour``; :mod:`stream.refits` says for how long it holds.

    ``known`` is how many hours of history there were. ``feed`` is of the stream as a whole. ``stretches`` is by length
    in days, for rules that look for a shift. ``conversions`` make old models' counts comparable, one for each of
    ``takeovers``.
    """

    hour: int
    known: int
    columns: int
    negatives: Fit
    totals: Fit
    shares: ShareBaseline
    feed: Fit
    stretches: dict[int, ShareBaseline | None]
    takeovers: tuple[Takeover, ...]
    conversions: tuple[Conversion, ...]


@dataclass(frozen=True, slots=True)
class Baselines:
    """What is usual of each series in one hour."""

    hour: int
    columns: int
    negatives: CountBaseline
    totals: CountBaseline
    shares: ShareBaseline

    def spread(self, columns: Ints, width: int) -> Baselines:
        """The same, which is of some columns, among ``width``; nothing (NaN) is known of the others."""

        def wider(values: Floats) -> Floats:
            wide = np.full((*values.shape[:-1], width), np.nan)
            wide[..., columns] = values
            return wide

        def counts(one: CountBaseline) -> CountBaseline:
            return CountBaseline(wider(one.base), wider(one.level), wider(one.dispersion))

        shares = ShareBaseline(wider(self.shares.mean), wider(self.shares.precision))
        return Baselines(self.hour, width, counts(self.negatives), counts(self.totals), shares)

    def widened(self, kinds: Ints) -> Baselines:
        """The same with columns for series met since: each is as its kind's unknown series."""
        columns = np.concatenate([np.arange(self.columns), kinds[self.columns :]])
        shares = _shares_of(self.shares, columns)
        return Baselines(self.hour, len(kinds), of(self.negatives, columns), of(self.totals, columns), shares)


def among(fitted: Fitted, columns: Ints) -> Fitted:
    """What was fitted, with these of its columns in this order; a column may be given more than once."""
    return replace(
        fitted,
        columns=len(columns),
        negatives=Fit(fitted.negatives.base[:, columns], fitted.negatives.dispersion[:, columns]),
        totals=Fit(fitted.totals.base[:, columns], fitted.totals.dispersion[:, columns]),
        shares=_shares_of(fitted.shares, columns),
        stretches={days: None if one is None else _shares_of(one, columns) for days, one in fitted.stretches.items()},
    )


def _shares_of(shares: ShareBaseline, columns: Ints) -> ShareBaseline:
    return ShareBaseline(shares.mean[columns], shares.precision[columns])


def of(baseline: CountBaseline, columns: Ints) -> CountBaseline:
    """The baseline of some columns."""
    return CountBaseline(baseline.base[:, columns], baseline.level[:, columns], baseline.dispersion[:, columns])


class Fitting:
    """A fit of the slow part of the baselines.

    It is made in steps of about a second for 10,000 series, and is the same however they are spread.
    """

    def __init__(
        self,
        hour: int,
        history: History,
        kinds: Ints,
        takeovers: Sequence[Takeover],
        days: Collection[int],
        hushed: Bools | None = None,
    ) -> None:
        """Nothing is fitted yet.

        Args:
            hour: Hours since 1970; the one after the last row of ``history``.
            history: As counted.
            kinds: (series,) TOPIC, ENTITY, BOTH or STREAM.
            takeovers: Where a new model began, in order of time.
            days: The lengths of stretches that rules look at.
            hushed: (hours,) which of the unknown hours are so because the feed was silent; none by default.
        """
        self.hour = hour
        self._steps = _fitting(hour, history, kinds, takeovers, days, hushed)
        self._fitted: Fitted | None = None

    def step(self) -> bool:
        """Take one step; whether there are more."""
        if self._fitted is None:
            try:
                next(self._steps)
            except StopIteration as done:
                self._fitted = done.value
        return self._fitted is None

    def finish(self) -> Fitted:
        """Take the steps that are left."""
        while self.step():
            pass
        assert self._fitted is not None, "no step is left"
        return self._fitted


def _fitting(
    hour: int,
    history: History,
    kinds: Ints,
    takeovers: Sequence[Takeover],
    days: Collection[int],
    hushed: Bools | None,
) -> Generator[None, None, Fitted]:
    negative, total, usable = history
    topics = (kinds == TOPIC).astype(np.float64)
    known = int(usable.any(axis=1).sum())
    begin = hour - len(total)
    stream = total @ topics
    conversions = conversions_of(negative @ topics, stream, begin, takeovers)
    negative = converted(negative, total, begin, takeovers, conversions)
    yield
    negatives = fit_counts(negative, usable, kinds, pooled=negative @ topics, default_rate=DEFAULT_NEGATIVE_H)
    yield
    totals = fit_counts(total, usable, kinds, pooled=stream, default_rate=DEFAULT_STORIES_H)
    yield
    shares = fit_shares(negative, total, usable, kinds)
    yield
    heard = np.asarray(usable.any(axis=1))
    # What a feed is silent in every night is no news the next night, though other series learn nothing from it.
    feed = fit_feed(stream, heard if hushed is None else heard | hushed, default_rate=DEFAULT_STORIES_H)
    stretches = {length: fit_days(negative, total, usable, kinds, days=length) for length in days}
    return Fitted(hour, known, len(kinds), negatives, totals, shares, feed, stretches, tuple(takeovers), conversions)


def conversions_of(
    negative: Floats, total: Floats, begin: int, takeovers: Sequence[Takeover]
) -> tuple[Conversion, ...]:
    """A conversion for each takeover: what the shadow found, else what the stream as a whole has shown since.

    Args:
        negative: (hours,) negative stories of the whole stream, as counted, from hour ``begin`` on.
        total: The same of all stories.
        begin: Hours since 1970.
        takeovers: In order of time.
    """
    found: list[Conversion] = []
    ends = [*(min(max(one.hour - begin, 0), len(total)) for one in takeovers), len(total)]
    first = 0
    for takeover, at, end in zip(takeovers, ends, ends[1:], strict=False):
        if takeover.seen is not None:
            found.append(takeover.seen)
        elif not total[first:at].sum():
            found.append(Conversion())
        else:
            share = float(negative[first:at].sum() / total[first:at].sum())
            found.append(since(float(negative[at:end].sum()), float(total[at:end].sum()), share))
        first = at
    return tuple(found)


def lift(feed: Fit, later: int, counts: Floats, usable: Bools) -> float:
    """By how much the level of the last day is too low for all series, since the stream has woken from a quiet day.

    The morning after a holiday is as busy as any, and the level of 24 hours would take that for a surge. Where the
    stream's level was below QUIET_LEVEL, it is lifted to that of its last WAKING_H, and never above what the profile
    says. Both are (k + N) / (k + E), as in :func:`stream.baseline.fit_counts`.

    Args:
        feed: Of the whole stream.
        later: Hours from the one that it was fitted for.
        counts: (RECENT_H,) stories of the whole stream in the hours before.
        usable: The same shape; False where an hour is not known.
    """
    before = feed.base[(later - RECENT_H + np.arange(RECENT_H)) % WEEK_H, 0] * usable
    seen = counts * usable
    day, waking = (
        float((LEVEL_PRIOR + seen[-hours:].sum()) / (LEVEL_PRIOR + before[-hours:].sum()))
        for hours in (DAY_H, WAKING_H)
    )
    return max(min(waking, 1.0) / day, 1.0) if day < QUIET_LEVEL else 1.0


def levelled(
    fitted: Fitted,
    hour: int,
    history: Callable[[int, int], History],
    takeovers: Sequence[Takeover],
    *,
    lift: float = 1.0,
) -> Baselines:
    """The baselines of an hour: what was fitted, with the level of the last day.

    ``history`` gives that of the hours before one, and how many; ``lift`` is of :func:`lift`.
    """
    width, later = fitted.columns, hour - fitted.hour
    negative, total, usable = history(hour, RECENT_H)
    negative, total, usable = negative[:, :width], total[:, :width], usable[:, :width]
    negative = converted(negative, total, hour - RECENT_H, takeovers, fitted.conversions)
    negatives, shares = widened(fitted.negatives.now(later, negative, usable), fitted.shares, hour, takeovers)
    totals = fitted.totals.now(later, total, usable)
    if lift != 1.0:
        negatives, totals = (replace(one, level=one.level * lift) for one in (negatives, totals))
    return Baselines(hour, width, negatives, totals, shares)
