"""Where a run's curves go: TensorBoard always, Weights & Biases or MLflow beside it where they are asked for."""

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard import SummaryWriter

from undertone.errors import InputError

TRACKERS = ("wandb", "mlflow")


class Tracking:
    """Writes scalars of one step of a run. TensorBoard's files are in `OUT/tensorboard/STEP`."""

    def __init__(self, out: Path, step: str, also: tuple[str, ...] = ()) -> None:
        """Raises InputError where a tracker of `also` is unknown or not installed."""
        self._writer = SummaryWriter(str(out / "tensorboard" / step))
        self._others = [_open(name, out, step) for name in also]

    def __enter__(self) -> "Tracking":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.close()

    def scalars(self, values: Mapping[str, float], at: int) -> None:
        """Write values at a step number."""
        for name, value in values.items():
            self._writer.add_scalar(name, value, at)
        for other in self._others:
            other(values, at)


def _open(name: str, out: Path, step: str) -> Any:
    """Return a function (values, step) for a tracker that needs a package of its own."""
    try:
        if name == "wandb":
            import wandb

            run = wandb.init(project="undertone", name=f"{out.name}-{step}", dir=str(out))
            return lambda values, at: run.log(dict(values), step=at)
        if name == "mlflow":
            import mlflow

            mlflow.set_experiment("undertone")
            mlflow.start_run(run_name=f"{out.name}-{step}", nested=True)
            return lambda values, at: mlflow.log_metrics(dict(values), step=at)
    except ImportError as error:
        raise InputError(f"Tracker {name!r} is not installed: pip install 'undertone[{name}]'") from error
    raise InputError(f"Tracker {name!r} is not known: valid are {', '.join(TRACKERS)}")
