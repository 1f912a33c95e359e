"""Step 8: hold the candidate against the champion on the same frozen rows, the same noise and the same replay.

Writes `gate.json`, the verdict. The gate scores both models itself, in turns and in one run: two reports of two days
cannot be paired row by row, and their speeds cannot be compared at all.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from training.alert_replay import Rung, Tally, tally
from training.noise import Swaps, around, kinds_of
from training.plan import Plan
from training.rules import Replay, Rules, load_rules
from training.verdict import Contest, Flips, Measured, Verdict, judge
from training.whole import whole
from undertone.entities import Linker
from undertone.errors import InputError
from undertone.feed_files import Layout, Problem
from undertone.messages import Message, decode, to_ms
from undertone.model.artefact import Manifest
from undertone.replay import Columns, Due, Feed
from undertone.scorer import Mention, OnnxScorer, Scorer

log = logging.getLogger(__name__)

Rehearse = Callable[[Sequence[Message], Scorer], Sequence[Rung]]
"""Which alerts messages would raise with a scorer; `stream.rehearsal.rehearse`, handed in by the command line."""
Clock = Callable[[], float]
Probabilities = NDArray[np.floating[Any]]

GATE = "gate.json"
NOISE_TEXTS = 300  # of each set
SPEED_TEXTS = 256
SPEED_ROUNDS = 7


def gate(
    plan: Plan,
    champion: Path | None,
    challenger: Path,
    rehearse: Rehearse | None,
    *,
    rules: Rules | None = None,
    clock: Clock = time.process_time,
) -> Verdict:
    """Judge a challenger and write `gate.json`.

    Args:
        plan: Its prepared evaluation rows are the frozen sets; its data folder holds the replay.
        champion: Model folder of who serves now; None for the first model of a task, which is held to floors.
        challenger: Model folder of who may serve next.
        rehearse: Plays messages through a model; None leaves the alerts out, and the verdict says so.
        rules: Limits, floors and replay (default: those in `training/gates` for the task).
        clock: Seconds of CPU time of this process.

    Raises:
        InputError: the replay that the rules name is not there.
        ModelError: a model folder is refused.
    """
    rules = rules or load_rules(plan.task.name)
    new = OnnxScorer.load(challenger)
    old = None if champion is None else OnnxScorer.load(champion)
    rows = pd.read_parquet(plan.prepared / "evaluation.parquet")
    rows = rows[rows["clean"]].reset_index(drop=True)
    log.info("frozen sets: %d clean rows", len(rows))
    contests = contests_of(plan, rows, new, old)
    log.info("noise")
    flips = flips_of(plan, rows, new, old)
    log.info("speed")
    speed = None if old is None else speed_of(new, old, rows["text"].tolist()[:SPEED_TEXTS], clock)
    left_out = []
    alerts: tuple[Tally, Tally | None] | None = None
    if rules.replay is None:
        left_out.append(f"alerts: the rules of {plan.task.name} name no replay")
    elif rehearse is None:
        left_out.append("alerts: nobody rehearsed them")
    else:
        log.info("alerts")
        periods = messages_of(rules.replay, plan.data)
        tallies = [tally_of(rules.replay, periods, rehearse, scorer) for scorer in (new, old) if scorer]
        alerts = (tallies[0], tallies[1] if old else None)
    found = Measured(
        new.manifest,
        old.manifest if old else None,
        missing_heads(plan, new.manifest, old.manifest if old else None),
        contests,
        flips,
        speed,
        alerts,
        left_out,
    )
    verdict = judge(plan.task.name, plan.seed, rules, found)
    write_verdict(plan.out / GATE, verdict)
    return verdict


def missing_heads(plan: Plan, challenger: Manifest, champion: Manifest | None) -> list[str]:
    """Return the heads that the task has or the champion answers and the challenger does not, with the same labels."""
    wanted = {str(head): plan.task.labels(head) for head in plan.task.heads}
    if champion is not None:
        wanted = {head.name: head.labels for head in champion.heads} | wanted
    return [name for name, labels in wanted.items() if set(challenger.labels(name)) != set(labels)]


def contests_of(plan: Plan, rows: pd.DataFrame, new: OnnxScorer, old: OnnxScorer | None) -> list[Contest]:
    """Return each set and head with labelled rows; without the champion where it lacks the head or its labels."""
    found = []
    for head in plan.task.heads:
        labels = plan.task.labels(head)
        if set(new.manifest.labels(head)) != set(labels):
            continue
        known = rows[rows[head] >= 0]
        if known.empty:
            continue
        answers = answers_of(new, head, labels, known)
        comparable = old is not None and set(old.manifest.labels(head)) == set(labels)
        before = answers_of(old, head, labels, known) if old is not None and comparable else None
        for source in known["source"].unique():
            of = (known["source"] == source).to_numpy()
            truth = known.loc[of, head].to_numpy(np.int64)
            asked = Contest(source, head, labels, truth, answers[of], None if before is None else before[of])
            found.append(among_own_labels(asked))
    return found


def among_own_labels(contest: Contest) -> Contest:
    """Return the contest among the labels that its rows have, with the probabilities of the others spread over them.

    A set that was never labelled neutral cannot say whether "neutral" is wrong: between two models it would favour the
    one that says it less.
    """
    own = np.unique(contest.truth)
    if len(own) < 2 or len(own) == len(contest.labels):
        return contest
    challenger, champion = (
        None if one is None else one[:, own] / one[:, own].sum(axis=1, keepdims=True)
        for one in (contest.challenger, contest.champion)
    )
    assert challenger is not None
    return replace(
        contest,
        labels=tuple(contest.labels[place] for place in own),
        truth=np.searchsorted(own, contest.truth).astype(np.int64),
        challenger=challenger,
        champion=champion,
    )


def answers_of(scorer: OnnxScorer, head: str, labels: Sequence[str], rows: pd.DataFrame) -> Probabilities:
    """Return the probabilities of a head, (rows, labels), with the columns in the order of `labels`."""
    if head == "entity":
        columns = [rows[name].tolist() for name in ("text", "start", "end")]
        scores = scorer.score_entities([Mention(*row) for row in zip(*columns, strict=True)])
    else:
        scores = scorer.score_heads(rows["text"].tolist())[head]
    order = [scorer.manifest.labels(head).index(label) for label in labels]
    return scores[:, order].astype(np.float64)


def flips_of(plan: Plan, rows: pd.DataFrame, new: OnnxScorer, old: OnnxScorer | None) -> list[Flips]:
    """Return by head which noisy copies of sampled texts change the label, for both models on the same copies."""
    sample = rows.groupby("source").head(NOISE_TEXTS) if len(rows) else rows
    swaps = Swaps(Linker.load())
    texts = sample["text"].drop_duplicates().tolist()
    copies = [
        (text, changed)
        for kind, forms in kinds_of(swaps).items()
        for form in forms
        for place, text in enumerate(texts)
        if (changed := form(text, Random(f"{plan.seed} {kind} {place}"))) is not None
    ]
    named = sample[sample["end"] > sample["start"]]
    mentions = [Mention(*row) for row in zip(*(named[name].tolist() for name in ("text", "start", "end")), strict=True)]
    pairs = [
        (mention, noisy)
        for kind, forms in kinds_of(swaps).items()
        for form in forms
        for place, mention in enumerate(mentions)
        if (noisy := around(mention, form, swaps, Random(f"{plan.seed} {kind} {place}"))) is not None
    ]
    after = _flipped(new, copies, pairs)
    before = {} if old is None else _flipped(old, copies, pairs)
    return [Flips(head, flipped, before.get(head)) for head, flipped in after.items()]


def _flipped(
    scorer: OnnxScorer, copies: Sequence[tuple[str, str]], pairs: Sequence[tuple[Mention, Mention]]
) -> dict[str, NDArray[np.bool_]]:
    found = {}
    if copies:
        texts = list(dict.fromkeys(text for text, _ in copies))
        place = {text: at for at, text in enumerate(texts)}
        was = scorer.score_heads(texts)
        now = scorer.score_heads([changed for _, changed in copies])
        rows = [place[text] for text, _ in copies]
        found = {head: now[head].argmax(1) != was[head].argmax(1)[rows] for head in now}
    if pairs and scorer.manifest.head("entity") is not None:
        left, right = (scorer.score_entities([pair[side] for pair in pairs]).argmax(1) for side in (0, 1))
        found["entity"] = left != right
    return found


def speed_of(new: OnnxScorer, old: OnnxScorer, texts: Sequence[str], clock: Clock) -> float:
    """Return the new model's texts a second over the old one's: the median of rounds in which they take turns."""

    def seconds(scorer: OnnxScorer) -> float:
        started = clock()
        scorer.score_heads(texts)
        return clock() - started

    new.score_heads(texts)
    old.score_heads(texts)
    rounds = [(seconds(new), seconds(old)) for _ in range(SPEED_ROUNDS)]
    return float(np.median([theirs / max(ours, 1e-9) for ours, theirs in rounds]))


def messages_of(replay: Replay, data: Path) -> list[list[Message]]:
    """Return the messages of each period of a replay, by event time. Raises InputError where the file is not there."""
    path = data / replay.file
    if not path.is_file():
        raise InputError(
            f"The gate's replay is not there: no {path}. Name the folder that holds it with --data: without the replay "
            "nobody knows whether the model still rings for what matters"
        )
    problems: list[Problem] = []
    feed: list[Due] = Feed(path, Layout(), Columns(source=replay.source), problems.append).in_order()
    if problems:
        raise InputError(f"{problems[0]}. The gate's replay must be whole: restore the file")
    spans = [(to_ms(period.begin), to_ms(period.end)) for period in replay.periods]
    return [[decode(due.value) for due in feed if begin <= due.published_ms < end] for begin, end in spans]


def tally_of(replay: Replay, periods: Sequence[Sequence[Message]], rehearse: Rehearse, scorer: Scorer) -> Tally:
    return tally(replay, [alert for messages in periods for alert in rehearse(messages, scorer)])


def write_verdict(path: Path, verdict: Verdict) -> None:
    """Write a verdict, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole(path) as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(verdict), indent=2) + b"\n")


def read_verdict(path: Path) -> Verdict:
    """Return the verdict at `path`. Raises InputError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Verdict)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} is no verdict of the gate: {error}. Run `undertone train gate` again") from error


def print_verdict(verdict: Verdict, console: Console) -> None:
    """Print the checks as a table, then the verdict with its reasons."""
    table = Table(box=None, pad_edge=False)
    for title in ("check", "champion", "challenger", "limit", ""):
        table.add_column(title, justify="left" if title in ("check", "") else "right", overflow="fold")
    for check in verdict.checks:
        values = [_number(check.champion), _number(check.challenger), _number(check.limit)]
        table.add_row(check.name, *values, "passed" if check.passed else "REFUSED")
    console.print(table)
    for words in verdict.left_out:
        console.print(f"Not checked: {words}.", markup=False)
    against = f"against {verdict.champion}" if verdict.champion else "as the first of its task"
    if verdict.passed:
        console.print(f"{verdict.challenger} passes {against} (verdict {verdict.id}).", markup=False)
        return
    console.print(f"{verdict.challenger} is refused {against} (verdict {verdict.id}):", markup=False)
    for words in verdict.refusals:
        console.print(f"- {words}.", markup=False)


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if float(value).is_integer() and abs(value) >= 2 else f"{value:.4g}"


def figures_of(verdict: Verdict) -> Mapping[str, float]:
    """Return the challenger's figures by check, for the run's trackers."""
    return {check.name: check.challenger for check in verdict.checks}
