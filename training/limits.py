"""What a model is weak at, in sentences made from its own figures; the card's list of limits."""

from training.figures import Compared, Evaluation
from training.report import ECE_AIM, NOISE_AIM, percent, signed
from training.task import Task

WEAK_F1 = 0.75
WEAK_SUPPORT = 5  # rows, below which an F1 says little
SMALL_EFFECT = 0.01
SMALL_SPREAD = 0.02  # of mean leans, below which a difference may be certain and still mean nothing


def limits_of(task: Task, evaluation: Evaluation) -> list[str]:
    """Return sentences on what the figures show to be weak, and on what no figure covers."""
    compared = [(head, one) for heads in evaluation.sets.values() for head, one in heads.items()]
    lines = [f"Only texts in its language ({task.language}): other scripts become unknown tokens."]
    seen = {head: one for head, one in reversed(compared) if not one.benchmark}
    for head, one in compared:
        if one.benchmark and head in seen:
            lines.append(
                f"Other sources: macro-F1 on {one.title} is {one.student.macro_f1:.3f}, "
                f"against {seen[head].student.macro_f1:.3f} on {seen[head].title}, whose source it was trained on."
            )
        weak = _weak_labels(one)
        if weak:
            lines.append(f"Weak labels in {one.title} (F1 below {WEAK_F1}): {', '.join(weak)}.")
        if one.student.ece > ECE_AIM:
            mean = sum(found.confidence * found.rows for found in one.student.reliability) / one.student.rows
            surer = "surer" if mean > one.student.accuracy else "less sure"
            lines.append(f"On {one.title} it is {surer} than it is right (ECE {one.student.ece:.3f}).")
    for flips in evaluation.robustness.flips:
        if flips.changed.share > NOISE_AIM:
            lines.append(f"Noise ({flips.kind}) flips {percent(flips.changed.share)} of the labels of {flips.head}.")
    negation = evaluation.robustness.negation
    if negation and negation.label_changed.of:
        lines.append(
            f"Negation is missed in {percent(1 - negation.label_changed.share)} of plain sentences that it judged "
            "right without “not”."
        )
    for found in evaluation.bias.names if evaluation.bias else ():
        if found.p_value < 0.01 and found.effect > SMALL_EFFECT and found.spread > SMALL_SPREAD:
            lines.append(
                f"Names alone move the {found.head}: by {found.by} of the name, mean leans spread over "
                f"{found.spread:.3f}; furthest out is {found.worst[0].name} ({signed(found.worst[0].lean)})."
            )
    if "entity" not in task.heads and "sentiment" in task.heads:
        lines.append("The sentiment is of the text as a whole, not towards one company.")
    lines.append("Irony, and numbers whose meaning needs context, are not measured here.")
    return lines


def _weak_labels(one: Compared) -> list[str]:
    found = [
        (f1, f"{label} {f1:.2f} ({support})")
        for label, f1, support in zip(one.labels, one.student.f1, one.student.support, strict=True)
        if support >= WEAK_SUPPORT and f1 < WEAK_F1
    ]
    return [words for _, words in sorted(found)[:10]]
