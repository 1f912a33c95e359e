"""Step 3, where it is asked for: Optuna looks for the teacher's numbers, on the held-out part of train alone.

A trial is a short training on a part of the rows; its value is the mean macro-F1 over the heads after the last epoch,
and what does badly early is cut off. Trials are kept in `tune/tune.db` (SQLite). A killed search goes on with the trial
that it was in, and what a trial is to try depends on the seed and the finished trials alone. Frozen sets are not read.
"""

import hashlib
import json
import logging
import os
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import optuna
import pandas as pd
from optuna.distributions import FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, GridSampler, TPESampler
from optuna.trial import TrialState

from training.plan import Plan
from training.prepare import share_of
from training.teach import teach
from undertone.errors import InputError
from undertone.text import normalise

log = logging.getLogger(__name__)

STUDY = "teacher"
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)


class Range(NamedTuple):
    """What a number of the plan may be: between two bounds, or on a grid one of a few values."""

    between: FloatDistribution | IntDistribution
    grid: tuple[float, ...]

    def suggest(self, trial: optuna.Trial, name: str) -> float:
        low, high, log_scale = self.between.low, self.between.high, self.between.log
        if isinstance(self.between, IntDistribution):
            return trial.suggest_int(name, int(low), int(high), log=log_scale)
        return trial.suggest_float(name, low, high, log=log_scale)


SPACE: dict[str, Range] = {
    "teacher_rate": Range(FloatDistribution(2e-5, 4e-4, log=True), (5e-5, 1e-4, 2e-4)),
    "teacher_rate_decay": Range(FloatDistribution(0.75, 1.0), (0.8, 0.9)),
    "smoothing": Range(FloatDistribution(0.0, 0.15), (0.0, 0.05)),
    "teacher_batch": Range(IntDistribution(16, 64, log=True), (32,)),
}
"""Fields of the plan that are tuned; the only place that names them."""


def tune(plan: Plan) -> None:
    """Run the plan's trials and write `tune/best.toml`."""
    plan.tuned.mkdir(parents=True, exist_ok=True)
    rows = _share_of_rows(plan)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=_storage(plan),
        study_name=STUDY,
        direction="maximize",
        pruner=_pruner(plan),
        load_if_exists=True,
    )
    _requeue(study)
    while (done := _finished(study)) < plan.tune_trials and not (done and _grid_is_done(plan, study)):
        study.sampler = _sampler(plan, done)
        study.optimize(lambda trial: _try(plan, rows, trial), n_trials=1, catch=())
        latest = study.trials[-1]
        log.info("trial %d: %s %s, %s", done + 1, latest.state.name.lower(), latest.value, latest.params)
    _write_best(plan, study)
    shutil.rmtree(plan.tuned / "trials", ignore_errors=True)


def apply_best(plan: Plan) -> Plan:
    """Return `plan` with the numbers of its `best.toml`. Raises InputError where there is none, or it is foreign."""
    path = plan.tuned / "best.toml"
    if not path.is_file():
        raise InputError(f"There is no {path}: run `undertone train tune --out {plan.out}` first, or leave out --tuned")
    found = tomllib.loads(path.read_text())
    numbers = found.get("plan", {})
    foreign = sorted(set(numbers) - set(SPACE))
    if foreign:
        raise InputError(f"{path} names {', '.join(foreign)}; valid are {', '.join(SPACE)}")
    return replace(plan, **numbers)


def finished(plan: Plan) -> int:
    """Return how many trials of the plan's search have come to an end."""
    if not (plan.tuned / "tune.db").is_file():
        return 0
    return _finished(optuna.load_study(study_name=STUDY, storage=_storage(plan)))


def _storage(plan: Plan) -> str:
    return f"sqlite:///{plan.tuned / 'tune.db'}"


def _try(plan: Plan, rows: Path, trial: optuna.Trial) -> float:
    values: dict[str, Any] = {name: space.suggest(trial, name) for name, space in SPACE.items()}
    # A folder of the values alone: a trial that was killed and is tried again finds its own checkpoint.
    name = hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:12]
    out = plan.tuned / "trials" / name
    out.mkdir(parents=True, exist_ok=True)
    for folder, target in (("prepared", rows), ("pretrained", plan.pretrained)):
        if target.is_dir() and not (out / folder).exists():
            (out / folder).symlink_to(os.path.relpath(target, out), target_is_directory=True)
    value = 0.0

    def after_epoch(epoch: int, figures: dict[str, float]) -> None:
        nonlocal value
        scores = [figure for name, figure in figures.items() if name.endswith("macro-F1")]
        value = sum(scores) / len(scores) if scores else 0.0
        trial.report(value, epoch)
        if epoch < plan.teacher_epochs and trial.should_prune():
            raise optuna.TrialPruned

    try:
        teach(replace(plan, out=out, **values), after_epoch)
    finally:
        if (out / "teacher" / "teacher.safetensors").exists():
            shutil.rmtree(out / "teacher")  # a figure is wanted, not the weights
    return value


def _share_of_rows(plan: Plan) -> Path:
    """Return a folder with the part of the prepared rows that trials see; chosen by text, so it is always the same."""
    folder = plan.tuned / "prepared"
    if folder.is_dir():
        return folder
    unfinished = plan.tuned / "prepared.unfinished"
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir()
    train = pd.read_parquet(plan.prepared / "train.parquet")
    chosen = [share_of(normalise(text), "tune") < plan.tune_share for text in train["text"]]
    train[chosen].to_parquet(unfinished / "train.parquet")
    shutil.copyfile(plan.prepared / "calibration.parquet", unfinished / "calibration.parquet")
    unfinished.rename(folder)
    return folder


def _requeue(study: optuna.Study) -> None:
    """Try again what a killed search had begun; one search runs at a time, so nobody else is at it."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
        if trial.params.keys() == SPACE.keys():
            study.enqueue_trial(trial.params)


def _finished(study: optuna.Study) -> int:
    return len(study.get_trials(deepcopy=False, states=FINISHED))


def _grid_is_done(plan: Plan, study: optuna.Study) -> bool:
    if plan.tune_sampler != "grid":
        return False
    size = 1
    for space in SPACE.values():
        size *= len(space.grid)
    return _finished(study) >= size


def _sampler(plan: Plan, finished: int) -> BaseSampler:
    """Return a sampler that draws by the seed and the number of finished trials, however often it was killed."""
    if plan.tune_sampler == "tpe":
        return TPESampler(seed=plan.seed % 2**31 + finished, n_startup_trials=5)
    if plan.tune_sampler == "grid":
        return GridSampler({name: list(space.grid) for name, space in SPACE.items()}, seed=plan.seed % 2**31)
    raise InputError(f"Sampler {plan.tune_sampler!r} is not known: valid are tpe, grid")


def _pruner(plan: Plan) -> optuna.pruners.BasePruner:
    if plan.tune_pruner == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=1)
    if plan.tune_pruner == "hyperband":
        return optuna.pruners.HyperbandPruner(min_resource=1, max_resource=plan.teacher_epochs)
    raise InputError(f"Pruner {plan.tune_pruner!r} is not known: valid are median, hyperband")


def _write_best(plan: Plan, study: optuna.Study) -> None:
    best: Any = study.best_trial
    states = [trial.state for trial in study.get_trials(deepcopy=False)]
    complete, pruned = states.count(TrialState.COMPLETE), states.count(TrialState.PRUNED)
    lines = [
        f"# The best of {complete} trials; {pruned} more were cut off.",
        f"# Mean macro-F1 on the held-out part of train: {best.value:.4f}",
        f"macro_f1 = {best.value!r}",
        "",
        "[plan]",
        *(f"{name} = {best.params[name]!r}" for name in SPACE),
    ]
    unfinished = plan.tuned / "best.unfinished"
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(plan.tuned / "best.toml")
