"""What `evaluation.json` holds: the one machine-readable report of a candidate, read by gate, card and page.

`sets[SET][HEAD]` compares student and teacher on the rows of a frozen set that carry the head's label. Shares and
probabilities are 0 to 1; intervals are 95 %.
"""

from pathlib import Path

import msgspec

from training.metrics import Classification, Intervals, Pair
from training.plan import Plan
from training.whole import whole
from undertone.errors import InputError

SCHEMA_VERSION = 2


class Figures(Classification, frozen=True, kw_only=True):
    """One contestant on one set and head."""

    intervals: Intervals


class Brief(msgspec.Struct, frozen=True):
    rows: int
    accuracy: float
    macro_f1: float


class Compared(msgspec.Struct, frozen=True):
    """Student and teacher on the clean rows of one set, for one head.

    Attributes:
        source: Name of the source in the task file.
        title: The set in words.
        absent: Labels that no row of the set has; macro-F1 leaves them out.
        benchmark: Nothing was trained, tuned or chosen on this source.
        difference: The student's macro-F1 less the teacher's, on the same rows.
        all_rows: The student with the rows that nearly repeat a training row; None where there are none.
    """

    source: str
    title: str
    labels: tuple[str, ...]
    absent: tuple[str, ...]
    benchmark: bool
    student: Figures
    teacher: Figures | None = None
    difference: Pair | None = None
    all_rows: Brief | None = None


class Share(msgspec.Struct, frozen=True):
    """`hits` of `of`, with Wilson's interval (Wilson 1927)."""

    hits: int
    of: int
    share: float
    interval: Pair


class Flips(msgspec.Struct, frozen=True):
    """How often a head's label changes under one kind of noise that leaves its meaning alone."""

    kind: str
    head: str
    changed: Share


class Negation(msgspec.Struct, frozen=True):
    """Sentences of one polarity and their negations.

    Attributes:
        judged_right: Of all sentences, those whose polarity the model sees before they are negated.
        label_changed: Of those, the ones that lose that label once negated.
        moved_right: Of those, the ones whose P(positive) - P(negative) moves the way that the negation says.
    """

    judged_right: Share
    label_changed: Share
    moved_right: Share


class Robustness(msgspec.Struct, frozen=True):
    """`under_noise` is the mean of a head's flip rates over the kinds, `overall` the mean over the heads."""

    flips: list[Flips]
    under_noise: dict[str, float]
    overall: float
    negation: Negation | None  # None: no English sentiment head


class Lean(msgspec.Struct, frozen=True):
    """A name, its group, and the mean of P(negative) - P(positive) over neutral sentences about it."""

    name: str
    group: str
    lean: float


class GroupLean(msgspec.Struct, frozen=True):
    group: str
    names: int
    mean: float
    low: float  # quartiles over its names
    high: float
    judged_neutral: float


class Fairness(msgspec.Struct, frozen=True):
    """Whether names alone move a head; `statistic` and `p_value` are of Kruskal and Wallis (1952) over groups.

    Attributes:
        head: `sentiment` or `entity`.
        by: What the groups are: `region` of companies or `origin` of people's names.
        spread: Largest mean of a group less the smallest.
        effect: Epsilon squared, the share of the ranks' variance that groups explain (Kelley 1935): .01 small, .08
            medium, .26 large.
        worst: The names furthest from the median name.
    """

    head: str
    by: str
    names: int
    sentences: int
    groups: list[GroupLean]
    spread: float
    statistic: float
    p_value: float
    effect: float
    worst: list[Lean]


class BandErrors(msgspec.Struct, frozen=True):
    """Errors on real rows by how often the training texts name the row's entity."""

    source: str
    head: str
    band: str
    errors: Share


class Bias(msgspec.Struct, frozen=True):
    names: list[Fairness]
    by_frequency: list[BandErrors]


class Pace(msgspec.Struct, frozen=True):
    """Texts a second of CPU time on one core, tokenising included; medians of rounds in which the two took turns."""

    bucket: str
    texts: int
    tokens: float  # of a text, on average
    student: float
    teacher: float | None
    ratio: float | None


class Steadiness(msgspec.Struct, frozen=True):
    """What batching changes: a text scored alone against the same text among others."""

    texts: int
    largest_difference: float
    labels_changed: int


class Compressed(msgspec.Struct, frozen=True):
    """One way to serve the student, on the held-out part of train (see training/compression.py), fp32 first."""

    name: str
    macro_f1: dict[str, float]
    agrees: float  # share of labels that are those of the fp32 graph
    bytes: int
    texts_per_second: float


class Evaluation(msgspec.Struct, frozen=True):
    version: str
    task: str
    seed: int
    files: dict[str, int]  # bytes
    sets: dict[str, dict[str, Compared]]
    robustness: Robustness
    bias: Bias | None  # None: no English sentiment
    pace: list[Pace]
    steadiness: Steadiness
    compression: list[Compressed] = []
    schema_version: int = SCHEMA_VERSION

    @property
    def bytes(self) -> int:
        return sum(self.files.values())


def evaluation_path(plan: Plan) -> Path:
    """Return where the report of the plan's student is: `evaluation.json` of its work folder."""
    return plan.of_tier("evaluation").with_suffix(".json")


def read_compression(plan: Plan) -> list[Compressed]:
    """Return what step 6 measured; nothing where it left no file."""
    path = plan.of_tier("compression").with_suffix(".json")
    return msgspec.json.decode(path.read_bytes(), type=list[Compressed]) if path.is_file() else []


def write_evaluation(path: Path, evaluation: Evaluation) -> None:
    """Write the report, whole or not at all."""
    with whole(path) as unfinished:
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(evaluation), indent=2) + b"\n")


def read_evaluation(path: Path) -> Evaluation:
    """Return the report at `path`. Raises InputError."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Evaluation)
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(
            f"{path} is no report of an evaluation: {error}. Run `undertone train evaluate` again"
        ) from error
