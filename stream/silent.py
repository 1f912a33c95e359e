"""The test for a silent feed: how unlikely is it that nothing has come for so long? Pure.

Event time stands still while a feed is silent, so the wall clock is asked, as an argument. That is sound only of a
feed that is live: of one whose newest message was about as old as its arrival. A replay that ends is no silence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from stream.baseline import DAY_H, LEVEL_PRIOR, RECENT_H, WEEK_H, Bools, Fit, Floats, fit_counts
from stream.detector import Reading
from undertone.messages import Severity
from undertone.rules import Rule, Thresholds

LIVE_MS = 3_600_000
"""A feed is live if what came last was published within this of its arrival."""

SLOT_PRIOR_H = 0.25
_RECENT_H = 6


class Pause(NamedTuple):
    """Where a live feed has paused: the minute of event time after its newest message, and the minutes since."""

    begin: int
    minutes: int


def pause(newest_ms: int, arrived_ms: int, now_ms: int) -> Pause | None:
    """The pause of a feed, None if it is not live or nothing has ever come.

    Args:
        newest_ms: Event time of its newest message, -1 if none.
        arrived_ms: Wall time at which something of it was last counted.
        now_ms: Wall time.
    """
    if newest_ms < 0 or abs(arrived_ms - newest_ms) > LIVE_MS:
        return None
    return Pause(newest_ms // 60_000 + 1, max(now_ms - arrived_ms, 0) // 60_000)


def fit_feed(counts: Floats, usable: Bools, *, default_rate: float) -> Fit:
    """The baseline of a whole stream, as :func:`stream.baseline.fit_counts` makes it, but for its quiet hours.

    Shrinking raises the hours in which next to nothing comes, which does no harm to a test for many stories; one for
    none takes them as they were: what is expected of an hour of day, and then of an hour of week, is at most
    (N + c·μ) / (T + c) of its own N stories in T hours, c being SLOT_PRIOR_H and μ what was fitted.

    Args:
        counts: (hours,) stories of the stream, whole weeks, chronological.
        usable: (hours,) False where an hour is not known; one in which the feed was silent is.
        default_rate: Stories an hour while nothing is known.
    """
    fit = fit_counts(counts[:, None], usable[:, None], np.zeros(1, np.int64), pooled=counts, default_rate=default_rate)
    n = (counts * usable).reshape(-1, WEEK_H).sum(axis=0)[:, None]
    hours = usable.reshape(-1, WEEK_H).sum(axis=0)[:, None]
    base = _at_most(fit.base, n, hours, DAY_H)
    return Fit(_at_most(base, n, hours, WEEK_H), fit.dispersion)


def _at_most(base: Floats, n: Floats, hours: Floats, period: int) -> Floats:
    """``base`` where the stories of the hours that return after a period bear it out, else less; (168, 1) all."""
    told, usual = (one.reshape(-1, period).sum(axis=0) for one in (n, base * hours))
    spare = SLOT_PRIOR_H * base.reshape(-1, period).mean(axis=0)
    part = np.minimum((told + spare) / (usual + spare), 1.0)
    result: Floats = base * np.tile(part, WEEK_H // period)[:, None]
    return result


def expected(fit: Fit, later: int, counts: Floats, usable: Bools, *, minute: int, minutes: int) -> tuple[float, float]:
    """Stories of the whole stream that were to be expected in a pause, and the squared coefficient of their variation.

    The level is the lower of those of the last day and of the last six hours: on a holiday, which the profile does
    not know, it falls within hours. What is not known of it is all that the variation is of.

    Args:
        fit: From :func:`fit_feed`.
        later: Hours from the one fitted for to the one in which the pause begins.
        counts: (RECENT_H,) stories of the hours before that one.
        usable: The same shape; False where an hour is not known.
        minute: Minute of that hour, 0..59, in which it begins.
        minutes: How long it has lasted.
    """
    before = fit.base[(later - RECENT_H + np.arange(RECENT_H)) % WEEK_H, 0] * usable
    seen = counts * usable
    level, n = min(
        ((LEVEL_PRIOR + seen[-hours:].sum()) / (LEVEL_PRIOR + before[-hours:].sum()), seen[-hours:].sum())
        for hours in (_RECENT_H, DAY_H)
    )
    end = minute + minutes
    hours = np.arange(-(-end // 60))
    parts = np.clip(np.minimum(end, (hours + 1) * 60) - np.maximum(minute, hours * 60), 0, None) / 60
    return float(parts @ fit.base[(later + hours) % WEEK_H, 0] * level), float(1 / (LEVEL_PRIOR + n))


def nothing(mean: float, dispersion: float) -> float:
    """P(X = 0) of a negative binomial with this mean and variance μ + αμ²: (1 + αμ)^(-1/α).

    Johnson, Kemp & Kotz, Univariate Discrete Distributions, eq. 5.1, with r = 1/α.
    """
    alpha = max(dispersion, 1e-6)
    return float(np.exp(-np.log1p(alpha * mean) / alpha))


def silent(rule: Rule, pause: Pause, mean: float, dispersion: float) -> Reading | None:
    """What a rule of the kind feed-silent sees of a pause; None if it does not ring."""
    p = nothing(mean, dispersion)
    if not _holds(rule.warning, pause, p):
        return None
    critical = rule.critical is not None and _holds(rule.critical, pause, p)
    return Reading(
        rule=rule,
        series=0,
        window_s=pause.minutes * 60,
        stories=0,
        total=0,
        expected=mean,
        dispersion=dispersion,
        p_count=p,
        share=0.0,
        expected_share=0.0,
        p_share=1.0,
        severity=Severity.CRITICAL if critical else Severity.WARNING,
        wide=0,
    )


def _holds(bars: Thresholds, pause: Pause, p: float) -> bool:
    return pause.minutes >= (bars.minutes or 0) and p <= (bars.p_count or 1.0)
