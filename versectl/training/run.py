"""What the train command does: choose the source of scans, train, report every checkpoint."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from versectl.config import Stage, StageConfig, TrainingOptions, configured
from versectl.networks import training_memory
from versectl.training import loop
from versectl.training.batches import Source
from versectl.training.real_scans import RealScans
from versectl.types import Engine

#: chosen: spacing of built bodies, fine enough for what a stage sees, and quick to build.
BODY_MM = {"spine": 2.0, "vertebrae": 2.0, "segmentation": 1.25}


def run(
    stage: Stage, options: TrainingOptions, engine: Engine, report: Callable[[str], None]
) -> None:
    """Train a stage as chosen; reports a line at every checkpoint.

    Raises OutOfMemoryError before it begins when the training would not fit into memory, and
    BadInputError where it would overwrite another.
    """
    config = configured(options.preset, stage, options.steps, options.batch, options.rate)
    steps = config.training.steps
    here = loop.Run(
        options.out,
        options.seed,
        options.workers,
        options.resume,
        precision=engine.precision,
        start=options.start,
    )
    loop.check(stage, here)
    training_memory.require(config, engine)
    loop.train(config, source(config, options), here, lambda done: report(done.line(steps)))


def source(config: StageConfig, options: TrainingOptions) -> Source:
    """Real scans, or simulated ones of a bank of bodies, which is filled first."""
    if options.data is not None:
        return RealScans(options.data, config, options.out / "prepared")
    from versectl.synth.bodies import bank
    from versectl.synth.simulated_scans import SimulatedScans

    plan = bank.Plan(options.bodies, options.seed, BODY_MM[config.stage], options.labels)
    folder = options.out / f"bodies_{plan.spacing_mm:g}mm"
    with ProcessPoolExecutor(options.workers, get_context("spawn")) as pool:
        files = bank.prepare(folder, plan, pool.map)
    return SimulatedScans(tuple(files), for_labels=config.stage != "segmentation")
