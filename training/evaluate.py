"""Step 7: measure the candidate on every frozen set, under noise, by name and against the clock; write the report.

Writes `evaluation.json`, `report/` (the page and the model card) and, last, `model/`: the candidate with its figures.
A benchmark is a test of transfer: nothing was trained, tuned or chosen on it.
"""

import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer

from training.batches import encode, load_tokenizer
from training.bias import Frequency, errors_by_frequency, fairness_of
from training.card import write_card
from training.compress import temperatures_of
from training.distil import load_teacher
from training.figures import (
    BandErrors,
    Bias,
    Brief,
    Compared,
    Evaluation,
    Figures,
    evaluation_path,
    read_compression,
    write_evaluation,
)
from training.metrics import classification_of, difference_of, intervals_of, softmax
from training.plan import Plan
from training.report import write_report
from training.robustness import judges_polarity, robustness_of
from training.rows import load_rows, read_summary, rows_of
from training.speed import pace_of, steadiness_of
from training.teach import logits_of
from undertone.entities import Linker
from undertone.model import artefact
from undertone.model.network import Network, base_folder
from undertone.scorer import Mention, OnnxScorer

log = logging.getLogger(__name__)

NOISE_TEXTS = 400  # of each set
STEADY_TEXTS = 256
SINGLE = "single entity"

Probabilities = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class View:
    """What student and, where there is one, teacher say of all rows: probabilities by head, (rows, labels).

    A head that a row does not ask is 0 there: `entity`, where the row names none.
    """

    student: Mapping[str, Probabilities]
    teacher: Mapping[str, Probabilities] | None


def evaluate(plan: Plan) -> None:
    """Write the report of the candidate of `plan`, its card, and its final model folder."""
    rows = pd.read_parquet(plan.prepared / "evaluation.parquet")
    scorer = OnnxScorer.load(plan.candidate)
    teacher = teacher_of(plan)
    log.info("%d rows of %d sets", len(rows), rows["source"].nunique())
    view = View(student_view(scorer, rows), None if teacher is None else teacher_view(plan, *teacher, rows))
    linker = Linker.load()
    texts = sample(rows, plan.seed)
    mentions = [
        Mention(*row) for row in texts.loc[texts["end"] > texts["start"], ["text", "start", "end"]].to_numpy().tolist()
    ]
    english = plan.task.language == "en"
    log.info("noise")
    robustness = robustness_of(
        scorer,
        texts["text"].tolist(),
        mentions if "entity" in plan.task.heads else [],
        linker,
        plan.seed,
        english=english,
    )
    log.info("bias")
    bias = None
    if english and judges_polarity(scorer):
        bias = Bias(fairness_of(scorer, linker, plan.seed), frequency_bands(plan, linker, rows, view))
    log.info("speed")
    tokenizer = load_tokenizer(plan.candidate / "tokenizer.json", plan.max_tokens)
    evaluation = Evaluation(
        version=scorer.version,
        task=plan.task.name,
        seed=plan.seed,
        files={name: entry.bytes for name, entry in scorer.manifest.files.items()},
        sets=compare_sets(plan, rows, view),
        robustness=robustness,
        bias=bias,
        pace=pace_of(scorer, tokenizer, teacher, rows["text"].unique().tolist(), plan.seed),
        steadiness=steadiness_of(scorer, texts["text"].tolist()[:STEADY_TEXTS]),
        compression=read_compression(plan),
    )
    publish(plan, scorer.manifest, evaluation)


def publish(plan: Plan, candidate: artefact.Manifest, evaluation: Evaluation) -> None:
    """Write the files; the model folder comes last, since its being there says that the step is done."""
    final = msgspec.structs.replace(
        candidate, metrics={**candidate.metrics, "evaluation": msgspec.to_builtins(in_brief(evaluation))}
    )
    write_evaluation(evaluation_path(plan), evaluation)
    summary = read_summary(plan)
    plan.report.mkdir(parents=True, exist_ok=True)
    (plan.report / "report.html").write_text(write_report(final, evaluation), encoding="utf-8")
    (plan.report / "model-card.md").write_text(write_card(plan.task, final, evaluation, summary), encoding="utf-8")
    shutil.rmtree(plan.model, ignore_errors=True)
    artefact.write(plan.model, {name: plan.candidate / name for name in candidate.files}, final)


def in_brief(evaluation: Evaluation) -> dict[str, dict[str, dict[str, object]]]:
    """Return the figures by set and head as the manifest carries them: the main ones, by class, and how well it knows.

    Lists are by class in the order of the head's labels; `confusion` is (truth, guess).
    """
    return {
        name: {head: figures_in_brief(one.student) for head, one in heads.items()}
        for name, heads in evaluation.sets.items()
    }


def figures_in_brief(found: Figures) -> dict[str, object]:
    main = {key: round(getattr(found, key), 4) for key in ("rows", "accuracy", "macro_f1", "ece")}
    shares = {key: [round(one, 4) for one in getattr(found, key)] for key in ("precision", "recall", "f1")}
    bins = [
        {"rows": one.rows, "confidence": round(one.confidence, 4), "accuracy": round(one.accuracy, 4)}
        for one in found.reliability
    ]
    return {**main, **shares, "support": found.support, "confusion": found.confusion, "reliability": bins}


def teacher_of(plan: Plan) -> tuple[Network, Tokenizer] | None:
    """Return the teacher and its tokenizer, or None where its weights are not there (a run from elsewhere)."""
    if not (plan.teacher / "teacher.safetensors").is_file():
        log.info("no teacher in %s: its columns stay empty", plan.teacher)
        return None
    torch.set_num_threads(plan.threads)
    return load_teacher(plan), load_tokenizer(base_folder(plan.base) / "tokenizer.json", plan.max_tokens)


def student_view(scorer: OnnxScorer, rows: pd.DataFrame) -> dict[str, Probabilities]:
    texts = rows["text"].tolist()
    found: dict[str, Probabilities] = dict(scorer.score_heads(texts))
    if scorer.manifest.head("entity") is not None:
        named = (rows["end"] > rows["start"]).to_numpy()
        mentions = [Mention(*row) for row in rows.loc[named, ["text", "start", "end"]].to_numpy().tolist()]
        scores = np.zeros((len(rows), len(scorer.manifest.labels("entity"))), np.float32)
        scores[named] = scorer.score_entities(mentions)
        found["entity"] = scores
    return found


def teacher_view(plan: Plan, teacher: Network, tokenizer: Tokenizer, rows: pd.DataFrame) -> dict[str, Probabilities]:
    """Return the teacher's calibrated probabilities: its temperatures are fitted on the same rows as the student's."""
    calibration = load_rows(plan, "calibration")
    temperatures = temperatures_of(plan, calibration, logits_of(teacher, encode(tokenizer, calibration.mentions)))
    logits = logits_of(teacher, encode(tokenizer, rows_of(plan, rows).mentions))
    return {head: softmax(found, temperatures[head]) for head, found in logits.items()}


def compare_sets(plan: Plan, rows: pd.DataFrame, view: View) -> dict[str, dict[str, Compared]]:
    """Return the comparison of every set and head that has labelled clean rows."""
    benchmarks = {source.name for source in plan.task.sources if source.benchmark}
    sets: dict[str, dict[str, Compared]] = {}
    for name, source, inside in sets_of(rows):
        for head in plan.task.head_sizes:
            labelled = inside & (rows[head] >= 0).to_numpy()
            if head == "entity":
                labelled &= (rows["end"] > rows["start"]).to_numpy()
            # Of one entity alone, the sentiment of the text is asked; towards the entity it is in the whole set.
            if (labelled & rows["clean"].to_numpy()).any() and not (head != "sentiment" and name.endswith(SINGLE)):
                sets.setdefault(name, {})[head] = compare(
                    plan, source, name, head, rows, labelled, view, source in benchmarks
                )
    return sets


def sets_of(rows: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Yield (name, source, which rows) of each set; one with entities also as its texts that name a single one."""
    sources = rows["source"].to_numpy()
    spans = rows["start"].astype(str) + "-" + rows["end"].astype(str)
    named = (rows["end"] > rows["start"]).to_numpy()
    for source in dict.fromkeys(sources):
        inside = sources == source
        yield source, source, inside
        if named[inside].any():
            entities = spans[inside].groupby(rows.loc[inside, "text"]).transform("nunique").to_numpy()
            single = inside.copy()
            single[inside] = (entities == 1) & named[inside]
            yield f"{source}, {SINGLE}", source, single


def compare(
    plan: Plan,
    source: str,
    name: str,
    head: Any,
    rows: pd.DataFrame,
    labelled: NDArray[np.bool_],
    view: View,
    benchmark: bool,
) -> Compared:
    """Compare student and teacher on the clean ones of the labelled rows."""
    labels = plan.task.labels(head)
    chosen = labelled & rows["clean"].to_numpy()
    truth = rows.loc[chosen, head].to_numpy(np.int64)
    ours = view.student[head][chosen]
    teacher, difference = None, None
    if view.teacher is not None:
        theirs = view.teacher[head][chosen]
        teacher = figures_of(truth, theirs, plan.seed)
        difference = difference_of(truth, ours.argmax(1), theirs.argmax(1), len(labels), plan.seed)
    whole = classification_of(rows.loc[labelled, head].to_numpy(np.int64), view.student[head][labelled])
    return Compared(
        source=source,
        title=title_of(name, head, benchmark),
        labels=labels,
        absent=tuple(label for place, label in enumerate(labels) if not (truth == place).any()),
        benchmark=benchmark,
        student=figures_of(truth, ours, plan.seed),
        teacher=teacher,
        difference=difference,
        all_rows=Brief(whole.rows, whole.accuracy, whole.macro_f1) if whole.rows > len(truth) else None,
    )


def title_of(name: str, head: str, benchmark: bool) -> str:
    """Return a set and head in words.

    >>> title_of("tweets-sentiment-valid", "sentiment", False)
    'tweets sentiment valid: sentiment'
    """
    words = name.replace("-", " ")
    asked = "towards each entity" if head == "entity" else head
    return f"{words}: {asked}{', unseen' if benchmark else ''}"


def figures_of(truth: NDArray[np.int64], probabilities: Probabilities, seed: int) -> Figures:
    found = classification_of(truth, probabilities)
    values = {field: getattr(found, field) for field in found.__struct_fields__}
    return Figures(**values, intervals=intervals_of(truth, probabilities, seed))


def sample(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return up to `NOISE_TEXTS` clean rows of each set, no text twice."""
    clean = rows[rows["clean"]].drop_duplicates("text")
    random = np.random.default_rng(seed)
    parts = [
        part.iloc[np.sort(random.permutation(len(part))[:NOISE_TEXTS])]
        for _, part in clean.groupby("source", sort=False)
    ]
    return pd.concat(parts) if parts else clean


def frequency_bands(plan: Plan, linker: Linker, rows: pd.DataFrame, view: View) -> list[BandErrors]:
    """Return the error rate of each set and head by how often the training texts name the row's entity."""
    frequency = Frequency(linker, pd.read_parquet(plan.prepared / "train.parquet"))
    found: list[BandErrors] = []
    for source, part in rows[rows["clean"]].groupby("source", sort=False):
        for head in plan.task.head_sizes:
            known = part[part[head] >= 0]
            if head == "entity":
                known = known[known["end"] > known["start"]]
            wrong = view.student[head][known.index].argmax(1) != known[head].to_numpy()
            counts: Sequence[int | None] = [
                frequency.of_mention(Mention(*row)) if head == "entity" else frequency.of_text(row[0])
                for row in known[["text", "start", "end"]].to_numpy().tolist()
            ]
            found += errors_by_frequency(str(source), head, wrong, counts)
    return found
