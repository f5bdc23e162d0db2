"""Trains a stage for so many minutes on whatever GPU is at hand, and fills them.

usage: python -m benchmarks.weights.train_on_gpu OUT --labels LABELS --from weights --minutes 25

The Keras backend is the first that sees a GPU: JAX, PyTorch, TensorFlow; KERAS_BACKEND overrules.
All cores build bodies, then make samples. How long a step and a sample take is measured first; from
that follow the number of steps, which the learning rate is run down over, and how often a sample is
shown. OUT gets weights and a checkpoint, and may be carried here with its bodies; --resume goes on.
"""

import math
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

#: How to ask each backend for a GPU, in a process of its own: none of them lets memory go.
ASKED = {
    "jax": "import jax; assert jax.default_backend() == 'gpu'",
    "torch": "import torch; assert torch.cuda.is_available()",
    "tensorflow": "import tensorflow as tf; assert tf.config.list_physical_devices('GPU')",
}

#: chosen: a sample is shown so often at least and at most.
REPEATS = (3, 9)

#: measured on an H100 with 16 cores (docs/research-log.md): with so much of the time that is left
#: planned for, the learning rate came to its end just in time. Steps with samples handed over take
#: longer than steps on noise: 1.3 times for names, twice for masks, whose samples cost more. The
#: spine's share was not measured.
PLANNED = {"spine": 0.45, "vertebrae": 0.68, "segmentation": 0.45}

#: chosen: seconds between checkpoints, each of which takes some; the minutes end at one.
CHECKPOINT_S = 30.0


class OutOfTimeError(Exception):
    """The minutes are over; the checkpoint is written."""


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--stage", default="vertebrae", show_default=True)
@click.option("--labels", type=click.Path(path_type=Path), help="Folder of label maps.")
@click.option("--bodies", default=100, show_default=True, help="Synthetic bodies of each kind.")
@click.option("--from", "start", type=click.Path(path_type=Path), help="Weights to fine-tune.")
@click.option("--rate", default=1e-4, show_default=True, help="Learning rate at its highest.")
@click.option("--batch", default=4, show_default=True, help="Samples per step.")
@click.option("--workers", type=int, help="Processes that make samples; all cores if not given.")
@click.option("--minutes", default=25.0, show_default=True, help="For bodies and training.")
@click.option("--seed", default=1, show_default=True)
@click.option("--resume", is_flag=True, help="Go on from the checkpoint in OUT.")
def main(out: Path, stage: str, minutes: float, workers: int | None, **chosen: object) -> None:
    """Train, and print what was done."""
    end = time.monotonic() + 60 * minutes
    os.environ.setdefault("KERAS_BACKEND", backend_with_gpu())
    from versectl.config import TrainingOptions, configured
    from versectl.networks.engines import choice
    from versectl.training import loop, run

    precision = choice.prepare(precision="bfloat16").engine.precision
    cores = workers or os.cpu_count() or 1
    options = TrainingOptions(
        out=out, data=None, preset="default", steps=None, workers=cores, **chosen
    )
    config = configured(options.preset, stage, options.steps, options.batch, options.rate)
    source = run.source(config, options)
    paces = (step_s(config, precision), sample_s(config, source))
    if options.resume:
        config = resumed(out, config)
    else:
        left_s = PLANNED[stage] * (end - time.monotonic())
        steps, repeats = planned(left_s, paces, options.batch, cores)
        config = replace(config, training=replace(config.training, steps=steps, repeats=repeats))
    print(
        f"{paces[0]:.2f} s a step, {paces[1]:.2f} s a sample: {config.training.steps} steps",
        flush=True,
    )
    every = max(round(PLANNED[stage] * CHECKPOINT_S / paces[0]), 1)
    where = loop.Run(out, options.seed, cores, options.resume, every, precision, options.start)

    def report(progress: loop.Progress) -> None:
        print(progress.line(config.training.steps), flush=True)
        if time.monotonic() > end:
            raise OutOfTimeError

    try:
        loop.train(config, source, where, report)
    except OutOfTimeError:
        print("Time is up; go on with --resume.")


def backend_with_gpu() -> str:
    """The first backend that sees a GPU; TensorFlow, on the CPU, if none does."""
    for name, question in ASKED.items():
        if subprocess.run([sys.executable, "-c", question], capture_output=True).returncode == 0:
            return name
    print("No GPU is seen; the CPU does it.", flush=True)
    return "tensorflow"


def resumed(out: Path, config):
    """The configuration with the steps that were planned when the training began."""
    from versectl.networks import weights

    training = weights.describe(out, config.stage).config.training
    return replace(config, training=training)


def step_s(config, precision: str) -> float:
    """Seconds of a training step on noise; the first ones, which compile, do not count."""
    from versectl.training import learner

    network = learner.compiled(config, precision)
    batch, patch = config.training.batch, config.network.patch_vox
    shape = config.size_vox[::-1]
    seen = np.zeros((batch, *shape, config.network.inputs), np.float32)
    answers = shape if config.stage != "vertebrae" else [n // patch for n in shape]
    wanted = np.full((batch, *answers, config.network.outputs), 0.01, np.float32)
    taken = []
    for _ in range(6):
        before = time.monotonic()
        float(network.train_on_batch(seen, wanted))
        taken.append(time.monotonic() - before)
    return float(np.median(taken[2:]))


def sample_s(config, source) -> float:
    """Seconds of a sample on one core."""
    from versectl.training import batches

    subjects, rng = source(), np.random.default_rng(0)
    before = time.monotonic()
    for index in range(6):
        batches.draw(subjects[index % len(subjects)], config, rng)
    return (time.monotonic() - before) / 6


def planned(left_s: float, paces: tuple[float, float], batch: int, workers: int) -> tuple[int, int]:
    """How many steps fit, and how often a sample is shown so that the network hardly waits.

    paces : seconds of a step, and of a sample on one core.
    """
    step, sample = paces
    fresh = batch * sample / workers  # seconds for the new samples of a step shown once
    repeats = min(max(math.ceil(fresh / step), REPEATS[0]), REPEATS[1])
    return max(int(left_s / max(step, fresh / repeats)), 1), repeats


if __name__ == "__main__":
    main()
