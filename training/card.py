"""The model card as Markdown, from a manifest and the report of step 7; no figure is typed by hand."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from training.figures import Compared, Evaluation, Share
from training.limits import limits_of
from training.report import NOISE_AIM, percent, signed, span
from training.task import Task
from undertone.model.artefact import Manifest

MOST_LABELS = 24  # of a table by class; of more, the weakest are listed
_ENTITY = re.compile(r"&(?=[#\w]+;)")
_MARKUP = re.compile(r"[|\[\]`\\]")

Cells = Sequence[object]


def write_card(task: Task, manifest: Manifest, evaluation: Evaluation, summary: Mapping[str, Any]) -> str:
    """Return the text of the card; `summary` is `prepared.json`."""
    compared = [(head, one) for heads in evaluation.sets.values() for head, one in heads.items()]
    sections = [
        f"# Model card: {manifest.version}",
        "Written by `undertone train evaluate`; do not edit by hand.",
        _introduction(task, manifest, evaluation),
        "## Intended use",
        _use(task, manifest),
        "## Figures",
        _overview(compared),
        _how_measured(manifest, compared),
        "## Robustness",
        *_robustness(evaluation),
        *_bias(evaluation),
        "## Speed and size",
        *_speed(evaluation),
        _compression(evaluation),
        "## Limits",
        "\n".join(f"- {escape(line)}" for line in limits_of(task, evaluation)),
        "## By class",
        *(_by_class(one) for _, one in compared),
        "## Trained on",
        _sources(manifest),
        f"Rows that nearly repeat an evaluation row (token Jaccard of .8 or more) were removed first: "
        f"{summary['dropped']['near_evaluation']:,}; so were repeated texts: {summary['dropped']['same_text']:,}. "
        "Licences are those that the publishers state; what people wrote on a platform is also under its terms. No "
        "text of a set is in this repository.",
        "## Make it again",
        _again(task, manifest),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def table(header: Cells, rows: Iterable[Cells], left: int = 1) -> str:
    """Return a Markdown table whose first `left` columns hold words and the others figures."""
    lines = [header, ["---" if place < left else "---:" for place in range(len(header))], *rows]
    return "\n".join("| " + " | ".join(escape(str(cell)) for cell in line) + " |" for line in lines)


def escape(text: str) -> str:
    """Return a text that stays inside one cell, and is no markup of HTML, Markdown's links or code."""
    harmless = _ENTITY.sub("&amp;", " ".join(text.split())).replace("<", "&lt;")
    return _MARKUP.sub(r"\\\g<0>", harmless)


def _introduction(task: Task, manifest: Manifest, evaluation: Evaluation) -> str:
    shape = manifest.architecture
    questions = "; ".join(f"`{head.name}` ({len(head.labels)} labels)" for head in manifest.heads)
    parent = f" Training went on from {manifest.provenance.parent}." if manifest.provenance.parent else ""
    return (
        f"{escape(task.description)} Heads: {questions}. A BERT of {shape['num_hidden_layers']} layers, "
        f"{shape['hidden_size']} wide, {shape['vocab_size']:,} word pieces, at most {manifest.max_tokens} tokens, "
        f"distilled from a fine-tuned `{manifest.provenance.base}` ({manifest.provenance.base_licence}) and served as "
        f"int8 ONNX. The folder holds {evaluation.bytes / 1e6:.1f} MB.{parent}"
    )


def _use(task: Task, manifest: Manifest) -> str:
    ships = (
        "" if manifest.provenance.shippable else " **Not for use beyond experiments**: a source's licence forbids it."
    )
    return (
        f"For sorting and counting short texts of the kind that it was trained on (language: {task.language}), as a "
        "stream monitor does: trends over many texts, and a first look at one. Not for decisions about a single text "
        f"or person without someone who reads it, and not as investment advice.{ships}"
    )


def _overview(compared: Sequence[tuple[str, Compared]]) -> str:
    header = [
        "set and question",
        "rows",
        "accuracy",
        "macro-F1",
        "ECE",
        "Brier",
        "teacher's macro-F1",
        "student less teacher",
    ]
    return table(
        header,
        [
            [
                one.title,
                f"{one.student.rows:,}",
                f"{one.student.accuracy:.3f} ({span(one.student.intervals.accuracy)})",
                f"{one.student.macro_f1:.3f} ({span(one.student.intervals.macro_f1)})",
                f"{one.student.ece:.3f}",
                f"{one.student.brier:.3f}",
                f"{one.teacher.macro_f1:.3f}" if one.teacher else "–",
                f"{signed(one.student.macro_f1 - one.teacher.macro_f1)} ({span(one.difference)})"
                if one.teacher and one.difference
                else "–",
            ]
            for _, one in compared
        ],
    )


def _how_measured(manifest: Manifest, compared: Sequence[tuple[str, Compared]]) -> str:
    temperatures = ", ".join(f"{head.temperature} ({head.name})" for head in manifest.heads)
    whole = "; ".join(
        f"{one.title} {one.all_rows.accuracy:.3f} / {one.all_rows.macro_f1:.3f}" for _, one in compared if one.all_rows
    )
    partial = "; ".join(
        f"{one.title}: {', '.join(one.absent) if len(one.absent) <= 5 else f'{len(one.absent)} labels'}"
        for _, one in compared
        if one.absent
    )
    return " ".join(
        [
            "Rows that nearly repeat a row of their own train file are left out. In brackets: 95 % intervals, by "
            "bootstrap over the rows. “Unseen” sets were never trained, tuned or chosen on. ECE: 15 bins, after "
            f"temperatures {temperatures}, fitted on a held-out part of train.",
            f"With those rows too (accuracy / macro-F1): {escape(whole)}." if whole else "",
            f"Macro-F1 is over the labels that a set has; not in it: {escape(partial)}." if partial else "",
        ]
    ).strip()


def _robustness(evaluation: Evaluation) -> Iterator[str]:
    heads = list(evaluation.robustness.under_noise)
    kinds = list(dict.fromkeys(one.kind for one in evaluation.robustness.flips))
    found = {(one.kind, one.head): one.changed for one in evaluation.robustness.flips}
    yield (
        f"Labels that flip under noise which leaves the meaning alone: {percent(evaluation.robustness.overall)} on "
        f"average (aim: at most {percent(NOISE_AIM)})."
    )
    yield table(
        ["noise", *heads],
        [
            *([kind, *(_flip(found.get((kind, head))) for head in heads)] for kind in kinds),
            ["mean", *(percent(rate) for rate in evaluation.robustness.under_noise.values())],
        ],
    )
    negation = evaluation.robustness.negation
    if negation:
        yield (
            f"Negation: of {negation.judged_right.of} plain sentences of clear sentiment "
            f"{percent(negation.judged_right.share)} are judged right; once “not” is put in, "
            f"{percent(negation.label_changed.share)} of those lose their label, and the sentiment of "
            f"{percent(negation.moved_right.share)} moves the right way."
        )


def _flip(share: Share | None) -> str:
    return "–" if share is None else f"{percent(share.share)} of {share.of:,}"


def _bias(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.bias is None:
        return
    yield "## Bias"
    yield (
        "Neutral sentences in which only a name differs; a lean is P(negative) − P(positive), and groups are compared "
        "by Kruskal and Wallis's test."
    )
    yield table(
        ["names", "head", "lowest and highest mean lean", "spread", "p", "effect ε²", "judged neutral"],
        [
            [
                f"{one.names} {'companies, by region' if one.by == 'region' else 'people, by origin'}",
                one.head,
                _extremes([(group.mean, group.group) for group in one.groups]),
                f"{one.spread:.3f}",
                f"{one.p_value:.2g}",
                f"{one.effect:.3f}",
                percent(sum(group.judged_neutral * group.names for group in one.groups) / one.names),
            ]
            for one in evaluation.bias.names
        ],
        left=3,
    )
    if evaluation.bias.by_frequency:
        yield table(
            ["set", "question", "company named in train", "errors"],
            [
                [one.source, one.head, one.band, f"{percent(one.errors.share)} of {one.errors.of:,}"]
                for one in evaluation.bias.by_frequency
            ],
            left=3,
        )


def _extremes(means: Sequence[tuple[float, str]]) -> str:
    (low, least), (high, most) = min(means), max(means)
    return f"{least} {signed(low)}, {most} {signed(high)}"


def _speed(evaluation: Evaluation) -> Iterator[str]:
    yield table(
        ["texts", "tokens", "student, texts/s", "teacher, texts/s", "ratio"],
        [
            [
                one.bucket,
                f"{one.tokens:.0f}",
                f"{one.student:,.0f}",
                f"{one.teacher:,.0f}" if one.teacher else "–",
                f"{one.ratio:.1f}x" if one.ratio else "–",
            ]
            for one in evaluation.pace
        ],
    )
    yield (
        "CPU time on one core, tokenising included, int8 student against teacher in fp32 PyTorch, in turns within one "
        "run; only the ratio carries over to another machine. Bytes: "
        + ", ".join(f"{name} {size:,}" for name, size in evaluation.files.items())
        + f". Scored alone and in batches, {evaluation.steadiness.texts} texts differ by at most "
        f"{evaluation.steadiness.largest_difference:.6f} in a probability and in "
        f"{evaluation.steadiness.labels_changed} labels."
    )


def _compression(evaluation: Evaluation) -> str:
    """Return what each step of compression costs and wins, on the held-out part of train."""
    if not evaluation.compression:
        return ""
    first = evaluation.compression[0]
    heads = list(first.macro_f1)
    return "What each form costs and wins, on the held-out part of train, none trained again:\n\n" + table(
        ["form", *(f"macro-F1, {head}" for head in heads), "labels as fp32", "bytes of the graph", "speed"],
        [
            [
                one.name,
                *(f"{one.macro_f1[head]:.3f}" for head in heads),
                percent(one.agrees),
                f"{one.bytes:,}",
                f"{one.texts_per_second / first.texts_per_second:.2f}x",
            ]
            for one in evaluation.compression
        ],
    )


def _by_class(one: Compared) -> str:
    places = [place for place, support in enumerate(one.student.support) if support]
    heading = escape(one.title)
    if len(places) > MOST_LABELS:
        places = sorted(places, key=lambda place: one.student.f1[place])[:MOST_LABELS]
        heading += f" (the {MOST_LABELS} weakest of {len(one.labels)})"
    rows = [
        [
            one.labels[place],
            f"{one.student.precision[place]:.3f}",
            f"{one.student.recall[place]:.3f}",
            f"{one.student.f1[place]:.3f}",
            f"{one.student.support[place]:,}",
        ]
        for place in places
    ]
    return f"### {heading}\n\n" + table(["class", "precision", "recall", "F1", "support"], rows)


def _sources(manifest: Manifest) -> str:
    return table(
        ["set", "licence", "rows", "SHA-256 of the file"],
        [
            [source.name, source.licence, f"{source.rows:,}", f"{source.sha256[:16]}…"]
            for source in manifest.provenance.sources
        ],
        left=2,
    )


def _again(task: Task, manifest: Manifest) -> str:
    return (
        f"`undertone train --task {task.name} --seed {manifest.provenance.seed}` with the files above in the data "
        f"folder; the code was `{manifest.provenance.code_version}`. The same seed gives the same weights on the same "
        "kind of CPU."
    )
