"""One training loop for any stage, resumable at every checkpoint.

The network, its loss and this loop use Keras 3 only, so that any of its backends can run them.
"""

import csv
import math
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np

from versectl.config import Stage, StageConfig
from versectl.errors import BadInputError, DivergedError
from versectl.io.atomic import replacing
from versectl.networks import weights
from versectl.training import learner, prefetch
from versectl.training.batches import Source, batches
from versectl.training.learner import Learner


@dataclass(frozen=True)
class Run:
    """How a training runs on this machine; of these only the seed and precision change the result.

    out : folder for weights, checkpoint and log.
    workers : processes that make samples.
    resume : continue from the checkpoint in `out`.
    checkpoint_every : steps between checkpoints and lines of the log.
    precision : type the network computes in.
    start : folder of weights to begin with; random ones if None. A resumed run has its own.
    """

    out: Path
    seed: int = 0
    workers: int = 1
    resume: bool = False
    checkpoint_every: int = 250
    precision: str = "float32"
    start: Path | None = None


@dataclass(frozen=True)
class Progress:
    """A line of the log.

    loss : mean since the line before.
    seconds : since the start. waited : share of them spent waiting for samples.
    left_s : estimated seconds to the end.
    """

    step: int
    loss: float
    seconds: float
    waited: float
    left_s: int

    def line(self, steps: int) -> str:
        """The same in words, for a training of so many steps."""
        return (
            f"step {self.step} of {steps}: loss {self.loss:.4f}, waited for samples "
            f"{self.waited:.0%} of the time, {self.left_s / 60:.0f} min left"
        )


def train(
    config: StageConfig, source: Source, run: Run, report: Callable[[Progress], None]
) -> keras.Model:
    """The trained network; its weights, moving averages over the steps, are in `run.out`.

    source : called once in every worker process, gives the subjects; must be picklable.
    report : called at every checkpoint.
    Raises DivergedError when the loss is no longer finite; the checkpoint before stays.
    """
    keras.utils.set_random_seed(run.seed)  # the first weights are drawn by Keras
    learner.spread(config.training.batch)
    network = learner.compiled(config, run.precision)
    checkpoint = checkpoint_of(run.out, config.stage)
    first = _start(network, config, checkpoint, run)
    log = Log(run.out / f"{config.stage}.log.csv", first, config.training.steps)
    fresh = batches(config, source, run.seed, first, run.workers)
    with closing(prefetch.one_ahead(fresh)) as made:
        for step in range(first + 1, config.training.steps + 1):
            before = time.monotonic()
            batch = next(made)
            log.waited_s += time.monotonic() - before
            log.losses.append(_finite(float(network.train_on_batch(*batch)), step, checkpoint))
            if step % run.checkpoint_every == 0 or step == config.training.steps:
                _save(network, config, checkpoint, step)
                report(log.write(step))
    return network


def checkpoint_of(out: Path, stage: Stage) -> Path:
    """Where a stage's checkpoint is kept."""
    return out / f"{stage}.checkpoint.weights.h5"


def check(stage: Stage, run: Run) -> None:
    """BadInputError where a run would overwrite another, or has none to resume."""
    checkpoint = checkpoint_of(run.out, stage)
    if run.resume and not checkpoint.is_file():
        raise BadInputError(f"{checkpoint} is missing; start without --resume.")
    if run.resume:
        return
    if checkpoint.is_file():
        raise BadInputError(f"{checkpoint} exists; add --resume or choose another folder.")
    weights.refuse_to_replace(run.out, stage)


class Log:
    """The log of a training: a CSV file, with a line per checkpoint."""

    def __init__(self, path: Path, first: int, steps: int) -> None:
        self.path, self.first, self.steps = path, first, steps
        self.started, self.waited_s = time.monotonic(), 0.0
        self.losses: list[float] = []

    def write(self, step: int) -> Progress:
        """Add a line about the steps since the last one."""
        seconds = time.monotonic() - self.started
        per_step = seconds / (step - self.first)
        progress = Progress(
            step,
            loss=round(float(np.mean(self.losses)), 5),
            seconds=round(seconds, 1),
            waited=round(self.waited_s / seconds, 3),
            left_s=round(per_step * (self.steps - step)),
        )
        self.losses = []
        is_new = not self.path.is_file()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, asdict(progress))
            if is_new:
                writer.writeheader()
            writer.writerow(asdict(progress))
        return progress


def _start(network: Learner, config: StageConfig, checkpoint: Path, run: Run) -> int:
    """How many steps are done: those of the checkpoint, which is loaded, or none."""
    check(config.stage, run)
    if not run.resume:
        if run.start is not None:
            learner.fill(network, run.start)
        return 0
    network.load_weights(checkpoint)
    if not _has_weights(config, checkpoint):  # stopped between the two
        weights.save(learner.averaged(network), config, checkpoint.parent)
    return int(network.optimizer.iterations.numpy())


def _finite(value: float, step: int, checkpoint: Path, what: str = "the loss") -> float:
    """The value; DivergedError when it is no finite number."""
    if math.isfinite(value):
        return value
    kept = f"{checkpoint} is kept" if checkpoint.is_file() else "there is no checkpoint yet"
    raise DivergedError(
        f"training diverged: at step {step} {what} is {value}. {kept[0].upper()}{kept[1:]}. "
        "Check the data; if they are right, train with another --seed or a lower learning rate."
    )


def _save(network: Learner, config: StageConfig, checkpoint: Path, step: int) -> None:
    """The checkpoint holds everything; the weights are the moving averages.

    Neither replaces good ones when the last step made them infinite or NaN.
    """
    for variable in network.trainable_variables:
        largest = float(np.abs(keras.ops.convert_to_numpy(variable)).max())
        _finite(largest, step, checkpoint, "a weight")
    with replacing(checkpoint, ".weights.h5") as temporary:
        network.save_weights(temporary)
    weights.save(learner.averaged(network), config, checkpoint.parent)


def _has_weights(config: StageConfig, checkpoint: Path) -> bool:
    """Whether the weights beside a checkpoint are not older than it."""
    saved = checkpoint.parent / f"{config.stage}.json"  # the last to be written
    return saved.is_file() and saved.stat().st_mtime_ns >= checkpoint.stat().st_mtime_ns
