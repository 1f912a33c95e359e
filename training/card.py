"""The model card as Markdown, from a manifest and the figures of step 5; no figure is typed by hand."""

from collections.abc import Mapping
from typing import Any

from undertone.registry import Manifest


def write_card(manifest: Manifest, report: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    """Return the text of the card."""
    shape = manifest.architecture
    sections = [
        f"# Model card: {manifest.version}",
        "Written by `python -m training.run`; do not edit by hand.",
        "Judges the topic (20 classes) and sentiment (negative, neutral, positive) of short English financial "
        f"texts. A BERT of {shape['num_hidden_layers']} layers, {shape['hidden_size']} wide, "
        f"{shape['vocab_size']:,} word pieces, at most {manifest.max_tokens} tokens, distilled from a fine-tuned "
        f"`{manifest.provenance.base}` ({manifest.provenance.base_licence}) and served as int8 ONNX. "
        f"The folder holds {report['bytes'] / 1e6:.1f} MB.",
        "## Figures",
        _overview(report),
        f"`clean` leaves out the rows that nearly repeat a row of their own train file. PhraseBank was never "
        f"trained or tuned on. ECE: 15 bins, after temperatures {manifest.temperatures.topic} (topic) and "
        f"{manifest.temperatures.sentiment} (sentiment), fitted on a held-out part of train.",
        f"Speed: {report['texts_per_second_one_core']:,} texts/s on one core, tokenising included, measured as CPU "
        "time on an AMD Zen 3 core (AVX2, no VNNI) that may have been shared.",
        f"Scored alone and in batches, {report['padding_flips']['texts']} texts differ by at most "
        f"{report['padding_flips']['largest_difference']:.6f} in a probability and in "
        f"{report['padding_flips']['labels_changed']} labels.",
        *(_by_class(name, figure, manifest) for name, figure in report["sets"].items()),
        "## Trained on",
        _sources(manifest),
        f"Rows that nearly repeat an evaluation row (token Jaccard of .8 or more) were removed first: "
        f"{summary['dropped']['near_evaluation']:,}; so were repeated texts: {summary['dropped']['same_text']:,}.",
        "## Limits",
        "English only; other scripts become unknown tokens. Trained on financial news tweets and Indian business "
        "headlines: expect less on other sources (on PhraseBank positive news is often taken for neutral). The "
        "sentiment is of the text as a whole, not towards one company. Irony, and numbers whose meaning needs "
        "context, are often misread. Rare topics rest on few rows (see support). Not investment advice.",
        "The tweet sets are MIT by the cards of their publisher; the tweets themselves are also under their "
        "platform's terms, and none of their text is in this repository.",
    ]
    return "\n\n".join(sections) + "\n"


def _overview(report: Mapping[str, Any]) -> str:
    lines = ["| set | rows | accuracy | macro-F1 | ECE | teacher's macro-F1 |", "|---|---:|---:|---:|---:|---:|"]
    for name, figure in report["sets"].items():
        own, teacher = figure["student"], figure["teacher"]
        lines.append(
            f"| {name} | {own['rows']:,} | {own['accuracy']:.3f} | {own['macro_f1']:.3f} | {own['ece']:.3f} "
            f"| {teacher['macro_f1']:.3f} |"
        )
    return "\n".join(lines)


def _by_class(name: str, figure: Mapping[str, Any], manifest: Manifest) -> str:
    labels = manifest.topics if figure["task"] == "topic" else manifest.sentiments
    own = figure["student"]
    lines = [
        f"### {name}, by class",
        "",
        "| class | precision | recall | F1 | support |",
        "|---|---:|---:|---:|---:|",
    ]
    for place, label in enumerate(labels):
        cell = label.replace("|", "\\|")
        lines.append(
            f"| {cell} | {own['precision'][place]:.3f} | {own['recall'][place]:.3f} "
            f"| {own['f1'][place]:.3f} | {own['support'][place]:,} |"
        )
    return "\n".join(lines)


def _sources(manifest: Manifest) -> str:
    lines = ["| set | licence | rows | SHA-256 of the file |", "|---|---|---:|---|"]
    for source in manifest.provenance.sources:
        lines.append(f"| {source.name} | {source.licence} | {source.rows:,} | `{source.sha256[:16]}…` |")
    return "\n".join(lines)
