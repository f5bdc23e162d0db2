"""One training loop for any stage, resumable at every checkpoint.

The network, its loss and this loop use Keras 3 only, so that any of its backends can run them.
"""

import csv
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from versectl import feed, losses, networks, weights
from versectl.config import StageConfig
from versectl.errors import BadInputError
from versectl.files import replacing
from versectl.scan import Subject


@dataclass(frozen=True)
class Run:
    """How a training runs on this machine; none of it changes what is learned but the seed.

    out : folder for weights, checkpoint and log.
    workers : processes that make samples.
    resume : go on from the checkpoint in `out`.
    checkpoint_every : steps between checkpoints and lines of the log.
    """

    out: Path
    seed: int = 0
    workers: int = 1
    resume: bool = False
    checkpoint_every: int = 250


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
    network = compiled(config)
    checkpoint = run.out / f"{config.stage}.checkpoint.weights.h5"
    _check_start(checkpoint, run.resume)
    if run.resume:
        network.load_weights(checkpoint)
    first = int(network.optimizer.iterations.numpy()) if run.resume else 0
    fresh = feed.made(config, subjects, run.workers, (run.seed, first // config.training.repeats))
    rng = np.random.default_rng([run.seed, first])
    shown = feed.replayed(fresh, config.training.repeats, rng)
    started, waited, recent = time.monotonic(), 0.0, []
    for step in range(first + 1, config.training.steps + 1):
        before = time.monotonic()
        sample = next(shown)
        waited += time.monotonic() - before
        recent.append(float(network.train_on_batch(sample.seen[None], sample.wanted[None])))
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


def compiled(config: StageConfig) -> keras.Model:
    """A fresh network with optimiser and loss: Adam, cosine decay, clipping, moving average."""
    network = networks.build(config.network)
    training = config.training
    warm_up = max(training.steps // 50, 1)
    schedule = keras.optimizers.schedules.CosineDecay(
        training.learning_rate / 10,
        training.steps - warm_up,
        alpha=0.01,
        warmup_target=training.learning_rate,
        warmup_steps=warm_up,
    )
    optimizer = keras.optimizers.Adam(
        schedule,
        global_clipnorm=training.clip_norm,
        use_ema=True,
        ema_momentum=training.ema_momentum,
    )
    # XLA makes 3-D convolutions on CPUs many times slower under TensorFlow.
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    network.compile(optimizer, loss=losses.of_stage(config.stage), jit_compile=jit)
    optimizer.build(network.trainable_variables)
    return network


def _save(network: keras.Model, config: StageConfig, checkpoint: Path) -> None:
    """The checkpoint holds everything; the weights are the moving averages."""
    with replacing(checkpoint, ".weights.h5") as temporary:
        network.save_weights(temporary)
    averaged = networks.build(config.network)
    averaged.set_weights(network.get_weights())
    network.optimizer.finalize_variable_values(averaged.trainable_variables)
    weights.save(averaged, config, checkpoint.parent)


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
