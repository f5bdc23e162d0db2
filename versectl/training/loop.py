"""One training loop for any stage, resumable at every checkpoint.

The network, its loss and this loop use Keras 3 only, so that any of its backends can run them.
"""

import csv
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from versectl.config import StageConfig
from versectl.errors import BadInputError
from versectl.io.atomic import replacing
from versectl.networks import weights
from versectl.synth.subject import Subject
from versectl.training import learner, prefetch
from versectl.training.learner import Learner
from versectl.training.samples import Sample


@dataclass(frozen=True)
class Run:
    """How a training runs on this machine; none of it changes what is learned but the seed.

    out : folder for weights, checkpoint and log.
    workers : processes that make samples.
    resume : go on from the checkpoint in `out`.
    checkpoint_every : steps between checkpoints and lines of the log.
    precision : type the network computes in.
    """

    out: Path
    seed: int = 0
    workers: int = 1
    resume: bool = False
    checkpoint_every: int = 250
    precision: str = "float32"


def train(
    config: StageConfig,
    subjects: Callable[[], list[Subject]],
    run: Run,
    report: Callable[[dict[str, float]], None],
) -> keras.Model:
    """The trained network; its weights, moving averages of all steps, are in `run.out`.

    subjects : makes the subjects, once in every worker process; must be picklable.
    report : is handed every line of the log.
    """
    learner.spread(config.training.batch)
    network = learner.compiled(config, run.precision)
    checkpoint = checkpoint_of(run.out, config.stage)
    _check_start(checkpoint, run.resume)
    if run.resume:
        network.load_weights(checkpoint)
    first = int(network.optimizer.iterations.numpy()) if run.resume else 0
    shown_before = first * config.training.batch // config.training.repeats
    fresh = prefetch.made(config, subjects, run.workers, (run.seed, shown_before))
    rng = np.random.default_rng([run.seed, first])
    shown = prefetch.replayed(fresh, config.training.repeats, rng)
    if run.resume and not _has_weights(config, checkpoint):  # stopped between the two
        weights.save(learner.averaged(network), config, run.out)
    started, waited, recent = time.monotonic(), 0.0, []
    for step in range(first + 1, config.training.steps + 1):
        before = time.monotonic()
        batch = stacked(list(itertools.islice(shown, config.training.batch)))
        waited += time.monotonic() - before
        recent.append(float(network.train_on_batch(*batch)))
        if step % run.checkpoint_every == 0 or step == config.training.steps:
            _save(network, config, checkpoint)
            seconds = time.monotonic() - started
            line = {
                "step": step,
                "loss": round(float(np.mean(recent)), 5),
                "seconds": round(seconds, 1),
                "waited": round(waited / seconds, 3),
                "left_s": round(seconds / (step - first) * (config.training.steps - step)),
            }
            _log(run.out / f"{config.stage}.log.csv", line)
            report(line)
            recent = []
    return network


def checkpoint_of(out: Path, stage: str) -> Path:
    """Where a stage's checkpoint is kept."""
    return out / f"{stage}.checkpoint.weights.h5"


def told(line: dict[str, float], config: StageConfig) -> str:
    """A line of the log in words."""
    return (
        f"step {line['step']} of {config.training.steps}: loss {line['loss']:.4f}, "
        f"waited for samples {line['waited']:.0%} of the time, {line['left_s'] / 60:.0f} min left"
    )


def stacked(samples: list[Sample]) -> tuple[np.ndarray | None, ...]:
    """Samples as a batch: seen, wanted, and where answers count or None."""
    seen, wanted, counts = zip(*samples, strict=True)
    return np.stack(seen), np.stack(wanted), None if counts[0] is None else np.stack(counts)


def _save(network: Learner, config: StageConfig, checkpoint: Path) -> None:
    """The checkpoint holds everything; the weights are the moving averages."""
    with replacing(checkpoint, ".weights.h5") as temporary:
        network.save_weights(temporary)
    weights.save(learner.averaged(network), config, checkpoint.parent)


def _has_weights(config: StageConfig, checkpoint: Path) -> bool:
    """Whether the weights beside a checkpoint are not older than it."""
    saved = checkpoint.parent / f"{config.stage}.json"  # the last to be written
    return saved.is_file() and saved.stat().st_mtime_ns >= checkpoint.stat().st_mtime_ns


def _check_start(checkpoint: Path, resume: bool) -> None:
    if resume and not checkpoint.is_file():
        raise BadInputError(f"{checkpoint} is missing; start without --resume.")
    if not resume and checkpoint.is_file():
        raise BadInputError(f"{checkpoint} exists; go on with --resume or choose another folder.")


def _log(path: Path, line: dict[str, float]) -> None:
    is_new = not path.is_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, line)
        if is_new:
            writer.writeheader()
        writer.writerow(line)
