"""The gate's verdict on what was measured: may this challenger replace that champion? Pure.

Each check has a number for both, the limit, and a sentence; a refusal's sentence says where, by how much, and what to
do. What the limits mean is in `training/rules.py`.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from training.alert_replay import Tally
from training.metrics import Classification, classification_of, differences_of
from training.paired import chance_of_drop, chance_of_loss, ece_differences
from training.rules import Floor, Rules
from undertone.model.artefact import Manifest

Probabilities = NDArray[np.floating]

_CALIBRATE = "Fit its temperatures anew on held-out rows (`undertone train compress`)"


class Check(msgspec.Struct, frozen=True):
    """One comparison. `limit` is the worst value of `challenger` that passes, unless chance explains the loss."""

    name: str
    champion: float | None
    challenger: float
    limit: float
    passed: bool
    words: str


class Verdict(msgspec.Struct, frozen=True):
    """What the gate says; `gate.json`. `champion` is empty where there was none; `left_out` names what nobody checked.

    `id` is a digest of all the rest, under which a registry's history names it.
    """

    task: str
    challenger: str
    challenger_digest: str
    champion: str
    champion_digest: str
    passed: bool
    checks: tuple[Check, ...]
    left_out: tuple[str, ...] = ()
    id: str = ""

    @property
    def refusals(self) -> tuple[str, ...]:
        return tuple(check.words for check in self.checks if not check.passed)


@dataclass(frozen=True, slots=True)
class Contest:
    """The rows of one frozen set that one head is asked about; probabilities are (rows, labels), truth (rows,)."""

    source: str
    head: str
    labels: tuple[str, ...]
    truth: NDArray[np.int64]
    challenger: Probabilities
    champion: Probabilities | None

    @property
    def name(self) -> str:
        return f"{self.source} · {self.head}"


@dataclass(frozen=True, slots=True)
class Flips:
    """Whether noise changed a head's label, for each noisy copy of a text, (copies,)."""

    head: str
    challenger: NDArray[np.bool_]
    champion: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class Measured:
    """All that was found out. `speed` is the challenger's texts a second over the champion's, measured taking turns."""

    challenger: Manifest
    champion: Manifest | None
    missing_heads: Sequence[str]  # of the champion's or the task's, with labels as they are there
    contests: Sequence[Contest]
    flips: Sequence[Flips]
    speed: float | None
    alerts: tuple[Tally, Tally | None] | None  # challenger, champion
    left_out: Sequence[str] = ()


def judge(task: str, seed: int, rules: Rules, found: Measured) -> Verdict:
    """Return the verdict; the same measurements and seed give the same one."""
    checks = [
        _heads(found),
        *_quality(rules, seed, found.contests),
        *_floors(rules, found.contests),
        *_flips(rules, found.flips),
        *_cost(rules, found),
        *_alerts(rules, found),
    ]
    verdict = Verdict(
        task=task,
        challenger=found.challenger.version,
        challenger_digest=found.challenger.digest,
        champion=found.champion.version if found.champion else "",
        champion_digest=found.champion.digest if found.champion else "",
        passed=all(check.passed for check in checks),
        checks=tuple(checks),
        left_out=tuple(found.left_out),
    )
    return msgspec.structs.replace(verdict, id=hashlib.sha256(msgspec.json.encode(verdict)).hexdigest()[:16])


def _heads(found: Measured) -> Check:
    missing = ", ".join(found.missing_heads)
    words = f"answers all that is asked, with {len(found.contests)} comparisons"
    if missing:
        words = f"lacks the head or its labels: {missing}. Train with the task file of the champion"
    elif not found.contests:
        words = "there is no clean labelled row to judge by: give the task a source with use = 'evaluate'"
    return Check("heads", None, len(found.missing_heads), 0, not missing and bool(found.contests), words)


def _quality(rules: Rules, seed: int, contests: Sequence[Contest]) -> Iterator[Check]:
    paired = [one for one in contests if one.champion is not None]
    if not paired:
        return
    limits = rules.limits
    drops = {}
    for one in paired:
        assert one.champion is not None
        new, old = one.challenger.argmax(1), one.champion.argmax(1)
        drops[one.name] = differences_of(one.truth, new, old, len(one.labels), seed, limits.resamples)
    sizes = [_classes(limits.least_support, one) for one in paired]
    for one, classes in zip(paired, sizes, strict=True):
        yield from _of_set(rules, seed, one, drops[one.name], classes, len(paired), max(sum(map(len, sizes)), 1))
    lowest = float(np.quantile(np.mean(list(drops.values()), axis=0), limits.alpha))
    before, after = (float(np.mean([_figures(one, new=new).macro_f1 for one in paired])) for new in (False, True))
    words = f"mean macro-F1 of {len(paired)} comparisons {after - before:+.4f}, lower bound {lowest:+.4f}"
    passed = lowest >= -limits.overall
    if not passed:
        words += f" is below -{limits.overall:g}: it is not shown to be as good. Train longer or on more labels"
    yield Check("macro-F1 over all", before, after, before - limits.overall, passed, words)


def _of_set(
    rules: Rules, seed: int, one: Contest, drops: NDArray[np.float64], classes: list[int], sets: int, all_classes: int
) -> Iterator[Check]:
    limits = rules.limits
    assert one.champion is not None
    old, new = _figures(one, new=False), _figures(one, new=True)
    p = chance_of_drop(drops)
    yield _loss(f"macro-F1 · {one.name}", old.macro_f1, new.macro_f1, limits.macro_f1, p, limits.alpha / sets)

    was, now = one.champion.argmax(1) == one.truth, one.challenger.argmax(1) == one.truth
    p = chance_of_loss(was, now)
    yield _loss(f"accuracy · {one.name}", old.accuracy, new.accuracy, limits.accuracy, p, limits.alpha / sets)

    if classes:
        lost = [
            (old.recall[place] - new.recall[place], chance_of_loss(was[one.truth == place], now[one.truth == place]))
            for place in classes
        ]
        bad = [loss > limits.recall and p < limits.alpha / all_classes for loss, p in lost]
        shown = max(range(len(classes)), key=lambda at: (bad[at], lost[at][0]))
        place, (loss, p) = classes[shown], lost[shown]
        words = f"{one.name}: recall of {one.labels[place]!r} {-loss:+.3f} on {old.support[place]} rows (p = {p:.2g})"
        if any(bad):
            worse = ", ".join(repr(one.labels[at]) for at, failed in zip(classes, bad, strict=True) if failed)
            words += f"; worse than chance explains: {worse}. Add labelled texts of that class"
        limit = old.recall[place] - limits.recall
        yield Check(f"recall · {one.name}", old.recall[place], new.recall[place], limit, not any(bad), words)

    limit = max(old.ece + limits.ece, limits.ece_fine)
    passed, words = new.ece <= limit, f"{one.name}: ECE {old.ece:.3f} to {new.ece:.3f}"
    if not passed:
        samples = ece_differences(one.truth, one.challenger, one.champion, seed, limits.resamples)
        p = float((samples <= 0).mean())
        passed = p >= limits.alpha / sets
        words += f" (p = {p:.2g})"
        words += ", a rise that chance explains" if passed else f" is above {limit:.3f}. {_CALIBRATE}"
    yield Check(f"calibration · {one.name}", old.ece, new.ece, limit, passed, words)


def _loss(name: str, old: float, new: float, tolerance: float, p: float, alpha: float) -> Check:
    passed = old - new <= tolerance or p >= alpha
    words = f"{name}: {old:.3f} to {new:.3f} (p = {p:.2g})"
    if not passed:
        words += f" loses {old - new:.3f}, tolerated are {tolerance:g}. Train longer, or on more texts like these"
    elif old - new > tolerance:
        words += ", a loss that chance explains"
    return Check(name, old, new, old - tolerance, passed, words)


def _figures(one: Contest, *, new: bool) -> Classification:
    answers = one.challenger if new else one.champion
    assert answers is not None, "only contests with a champion are compared"
    return classification_of(one.truth, answers)


def _classes(least_support: int, one: Contest) -> list[int]:
    support = np.bincount(one.truth, minlength=len(one.labels))
    return [int(place) for place in np.flatnonzero(support >= least_support)]


def _floors(rules: Rules, contests: Sequence[Contest]) -> Iterator[Check]:
    alone = [one for one in contests if one.champion is None]
    for one in alone:
        floors = {str(head): floor for head, floor in rules.floors.sets.get(one.source, {}).items()}
        figures = classification_of(one.truth, one.challenger)
        floor = floors.get(one.head)
        yield from _above(one, figures, floor) if floor else [_beats_the_commonest(rules, one, figures, len(alone))]
        passed = figures.ece <= rules.floors.ece
        words = f"{one.name}: ECE {figures.ece:.3f}" + ("" if passed else f". {_CALIBRATE}")
        yield Check(f"calibration · {one.name}", None, figures.ece, rules.floors.ece, passed, words)


def _above(one: Contest, figures: Classification, floor: Floor) -> Iterator[Check]:
    for name, value, least in (
        ("accuracy", figures.accuracy, floor.accuracy),
        ("macro-F1", figures.macro_f1, floor.macro_f1),
    ):
        passed = value >= least
        words = f"{one.name}: {name} {value:.3f}"
        words += "" if passed else f" is below the floor {least:.3f}. Train longer, or on more labels"
        yield Check(f"{name} · {one.name}", None, value, least, passed, words)


def _beats_the_commonest(rules: Rules, one: Contest, figures: Classification, sets: int) -> Check:
    commonest = one.truth == np.bincount(one.truth).argmax()
    right = one.challenger.argmax(1) == one.truth
    least = float(commonest.mean())
    passed = chance_of_loss(right, commonest) < rules.limits.alpha / sets
    words = f"{one.name}: accuracy {figures.accuracy:.3f}, the most frequent label alone gives {least:.3f}"
    words += "" if passed else ". It has not learnt to tell them apart: check the labels, or train longer"
    return Check(f"accuracy · {one.name}", None, figures.accuracy, least, passed, words)


def _flips(rules: Rules, flips: Sequence[Flips]) -> Iterator[Check]:
    for one in flips:
        name, share = f"flips under noise · {one.head}", float(one.challenger.mean())
        if one.champion is None:
            passed = share <= rules.floors.flips
            words = f"{share:.1%} of labels flip" + ("" if passed else ". Train with more changed copies (--variants)")
            yield Check(name, None, share, rules.floors.flips, passed, f"{one.head}: {words}")
            continue
        before = float(one.champion.mean())
        p = chance_of_loss(~one.champion, ~one.challenger)
        limit = before + rules.limits.flips
        passed = share <= limit or p >= rules.limits.alpha / len(flips)
        words = f"{one.head}: {before:.1%} to {share:.1%} of labels flip under noise (p = {p:.2g})"
        if not passed:
            words += f", tolerated are {limit:.1%}. Train with more changed copies (--variants)"
        yield Check(name, before, share, limit, passed, words)


def _cost(rules: Rules, found: Measured) -> Iterator[Check]:
    limits = rules.limits
    if found.speed is not None:
        passed = found.speed >= limits.speed
        words = f"{found.speed:.2f} times the champion's texts a second on one core"
        words += "" if passed else f", needed are {limits.speed:g}. Take fewer layers or a smaller width"
        yield Check("speed", 1.0, found.speed, limits.speed, passed, words)
    size, before = _bytes(found.challenger), _bytes(found.champion) if found.champion else None
    passed = size <= limits.bytes
    words = f"{size / 1e6:.1f} MB"
    words += "" if passed else f", at most {limits.bytes / 1e6:g} are served. Trim the vocabulary or raise the limit"
    yield Check("size in bytes", before, size, limits.bytes, passed, words)


def _bytes(manifest: Manifest) -> int:
    return sum(entry.bytes for entry in manifest.files.values())


def _alerts(rules: Rules, found: Measured) -> Iterator[Check]:
    if found.alerts is None or rules.replay is None:
        return
    new, old = found.alerts
    must = [event.name for event in rules.replay.events if event.must == "ring"]
    lost = [name for name in must if old and name in old.rang and name not in new.rang]
    least = len(old.rang) if old else rules.floors.events
    words = f"{len(new.rang)} of {len(must)} events ring: {', '.join(new.rang) or 'none'}"
    passed = not lost and (old is not None or len(new.rang) >= least)
    if lost:
        words += f"; lost: {', '.join(lost)}. Look at its scores of those hours before training again"
    elif not passed:
        words += f", needed are {least}. Look at its scores of those hours before training again"
    yield Check("true alerts", len(old.rang) if old else None, len(new.rang), least, passed, words)

    fresh = [name for name in new.broken if old is None or name not in old.broken]
    words = f"rings where nothing happened: {', '.join(new.broken)}" if new.broken else "silent where it must be"
    before = len(old.broken) if old else None
    yield Check("silence", before, len(new.broken), before or 0, not fresh, words)
    if old is None:
        return
    most = old.false + max(1, int(old.false * rules.limits.false_alerts))
    passed = new.false <= most
    words = f"{old.false} to {new.false} alerts outside known events"
    words += "" if passed else f", tolerated are {most}. It calls more negative than the champion: compare the shares"
    yield Check("false alerts", old.false, new.false, most, passed, words)
