"""What a training costs on this machine: each stage of a preset, at its full size.

    python -m benchmarks.speed.bench_training paper --data VERSE [--precision float32] [--steps 3]
    python -m benchmarks.speed.bench_training default --steps 20

Each stage takes so many steps, after two that prepare them, in a process of its own, with samples
as `versectl train` makes them: of the scans in VERSE (CT, masks and centroids, as for `train
--data`), else synthetic. CPU seconds are those of all threads (user and system); "cores" is what a
step keeps busy of them. Days are those of all steps when samples and network share all cores.
"""

import json
import os
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from time import perf_counter, process_time

import click
import numpy as np

from benchmarks import markdown
from benchmarks.clock import memory_kb
from versectl.config import PRESETS, STAGES, StageConfig, TrainingOptions, configured

#: Steps that are not counted: TensorFlow traces the first, and takes memory in the second.
BEFORE = 2

#: Samples whose making is timed.
SAMPLES = 6

#: What runs this file in a process of its own.
MODULE = (sys.executable, "-W", "ignore", "-m", "benchmarks.speed.bench_training")

COLUMNS = {
    "GB": "{memory_gb:.1f}",
    "CPU s a sample": "{sample_s:.2f}",
    "CPU s a step": "{cpu_s:.2f}",
    "wall s a step": "{wall_s:.2f}",
    "of it waited": "{waited:.0%}",
    "samples a minute": "{per_minute:.0f}",
    "steps": "{steps}",
    "days": "{days:.1f}",
}


@click.command()
@click.argument("preset", type=click.Choice(tuple(PRESETS)))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="As for train --data.")
@click.option("--stage", "stages", multiple=True, type=click.Choice(STAGES), help="Default: all.")
@click.option("--precision", default="auto", show_default=True)
@click.option("--steps", default=3, show_default=True, help="Steps that are counted.")
@click.option("--workers", default=1, show_default=True, help="Processes that make samples.")
@click.option("--bodies", default=2, show_default=True, help="Synthetic bodies of each kind.")
@click.option("--one", is_flag=True, hidden=True, help="Measure here and print JSON.")
def main(
    preset: str, stages: tuple[str, ...], precision: str, steps: int, one: bool, **chosen: object
) -> None:
    """Print a table, one row per stage."""
    if one:
        with tempfile.TemporaryDirectory() as out:
            options = training_options(preset, Path(out), **chosen)
            click.echo(json.dumps(measured(stages[0], options, precision, steps)))
        return
    click.echo("\n".join(markdown.head([preset, *COLUMNS])))
    for stage in stages or STAGES:
        command = [*MODULE, *sys.argv[1:], "--one", "--stage", stage]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise click.ClickException(done.stderr)
        found = json.loads(done.stdout.splitlines()[-1])
        cells = [column.format(**found) for column in COLUMNS.values()]
        click.echo(markdown.row([f"{stage}, {found['precision']}", *cells]))


def training_options(preset: str, out: Path, **chosen: object) -> TrainingOptions:
    """Options as the train command has them when little is asked for."""
    asked = {name: None for name in ("steps", "labels", "batch", "rate", "start")}
    return TrainingOptions(preset=preset, out=out, seed=0, resume=False, **asked, **chosen)


def measured(stage: str, options: TrainingOptions, precision: str, steps: int) -> dict:
    """Figures of one stage, for the table."""
    from versectl.networks.engines import choice

    engine = choice.prepare(choice.for_training(), "cpu", precision).engine
    from versectl.training import run

    config = configured(options.preset, stage, options.steps, options.batch, options.rate)
    source = run.source(config, options)
    sample_s = cpu_s_of_a_sample(config, source)
    paces = pace(config, source, options, engine.precision, steps)
    per_step_s = paces["cpu_s"] + sample_s * config.training.batch / config.training.repeats
    return {
        **paces,
        "precision": engine.precision,
        "sample_s": sample_s,
        "per_minute": 60 * config.training.batch / paces["wall_s"],
        "memory_gb": memory_kb() / 1e6,
        "steps": config.training.steps,
        "days": config.training.steps * per_step_s / (os.cpu_count() or 1) / 86400,
    }


def cpu_s_of_a_sample(config: StageConfig, source) -> float:
    """CPU seconds of making a sample, the mean of a few."""
    from versectl.training import batches

    subjects, rng = source(), np.random.default_rng(0)
    before = process_time()
    for index in range(SAMPLES):
        batches.draw(subjects[index % len(subjects)], config, rng)
    return (process_time() - before) / SAMPLES


def pace(
    config: StageConfig, source, options: TrainingOptions, precision: str, steps: int
) -> dict[str, float]:
    """CPU and wall seconds of a step, and the share of the latter that it waits for samples."""
    from versectl.training import batches, learner, prefetch

    network = learner.compiled(config, precision)
    fresh = batches.batches(config, source, options.seed, 0, options.workers)
    waited_s = 0.0
    with closing(prefetch.one_ahead(fresh)) as made:
        for step in range(BEFORE + steps):
            if step == BEFORE:
                begun, cpu_begun, waited_s = perf_counter(), process_time(), 0.0
            before = perf_counter()
            batch = next(made)
            waited_s += perf_counter() - before
            float(network.train_on_batch(*batch))
        wall_s, cpu_s = perf_counter() - begun, process_time() - cpu_begun
    return {"wall_s": wall_s / steps, "cpu_s": cpu_s / steps, "waited": waited_s / wall_s}


if __name__ == "__main__":
    main()
