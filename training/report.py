"""The report of an evaluation as one HTML page: no script, no outside file, light and dark, wide and narrow.

Every figure comes from `evaluation.json`; the page's layout is `report.html.jinja` beside this file. Names and labels
come from data, so the template escapes them.
"""

from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from training.figures import Compared, Evaluation, Share
from training.metrics import Pair
from undertone.model.artefact import Manifest

MOST_LABELS_IN_A_TABLE = 24  # of a confusion matrix; more become a picture
CONFUSED = 12
NOISE_AIM = 0.03
ECE_AIM = 0.03
_TEMPLATE = "report.html.jinja"


class Confused(NamedTuple):
    truth: str
    guess: str
    rows: int
    share: float  # of the truth's rows


def write_report(manifest: Manifest, evaluation: Evaluation) -> str:
    """Return the page."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"figure": figure, "percent": percent, "span": span, "share": in_words, "signed": signed}
    return environment.get_template(_TEMPLATE).render(
        manifest=manifest,
        evaluation=evaluation,
        compared=[(name, head, one) for name, heads in evaluation.sets.items() for head, one in heads.items()],
        most_labels=MOST_LABELS_IN_A_TABLE,
        noise_aim=NOISE_AIM,
        ece_aim=ECE_AIM,
        noise_scale=scale_of([one.changed.interval[1] for one in evaluation.robustness.flips] + [2 * NOISE_AIM]),
        lean_scale=lean_scale(evaluation),
        pace_scale=max((one.student for one in evaluation.pace), default=1.0),
        confused=confused,
    )


def confused(one: Compared, most: int = CONFUSED) -> list[Confused]:
    """Return the pairs of labels that the student mixes up most often."""
    pairs = [
        Confused(one.labels[truth], one.labels[guess], rows, rows / one.student.support[truth])
        for truth, row in enumerate(one.student.confusion)
        for guess, rows in enumerate(row)
        if truth != guess and rows
    ]
    return sorted(pairs, key=lambda pair: -pair.rows)[:most]


def scale_of(values: list[float]) -> float:
    """Return the end of an axis that holds the values, at most 1."""
    return min(1.0, max(values, default=1.0) * 1.05) or 1.0


def lean_scale(evaluation: Evaluation) -> float:
    """Return the end of the axis of leans, the same on both sides of 0."""
    if evaluation.bias is None:
        return 1.0
    groups = [group for one in evaluation.bias.names for group in one.groups]
    return scale_of([abs(edge) for group in groups for edge in (group.low, group.high, group.mean)])


def figure(value: float) -> str:
    return f"{value:.3f}"


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")


def percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def span(pair: Pair) -> str:
    """Return an interval in words.

    >>> span((0.8123, 0.84))
    '0.812 to 0.840'
    """
    return f"{pair[0]:.3f} to {pair[1]:.3f}".replace("-", "−")


def in_words(share: Share) -> str:
    """Return a share with its counts.

    >>> in_words(Share(3, 120, 0.025, (0.01, 0.07)))
    '2.5 % (3 of 120)'
    """
    return f"{percent(share.share)} ({share.hits:,} of {share.of:,})"
