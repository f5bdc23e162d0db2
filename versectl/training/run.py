"""What the train command does: choose subjects, train, tell of it."""

from collections.abc import Callable
from dataclasses import replace

from versectl.config import PRESETS, StageConfig, TrainingOptions
from versectl.training import loop
from versectl.training.sources import Recorded, Synthetic

#: chosen: spacing of built bodies, fine enough for what a stage sees, and quick to build.
BODY_MM = {"spine": 2.0, "vertebrae": 2.0, "segmentation": 1.25}


def run(stage: str, options: TrainingOptions, precision: str, tell: Callable[[str], None]) -> None:
    """Train a stage as chosen; a line for every checkpoint is told."""
    stage_config = configured(stage, options)
    source = subjects(stage_config, options)
    where = loop.Run(
        options.out, options.seed, options.workers, options.resume, precision=precision
    )
    loop.train(stage_config, source, where, lambda line: tell(loop.told(line, stage_config)))


def configured(stage: str, options: TrainingOptions) -> StageConfig:
    """The preset's configuration with the numbers of steps and samples in a batch asked for."""
    stage_config = PRESETS[options.preset][stage]
    asked = {"steps": options.steps, "batch": options.batch}
    chosen = {name: value for name, value in asked.items() if value}
    return replace(stage_config, training=replace(stage_config.training, **chosen))


def subjects(stage_config: StageConfig, options: TrainingOptions) -> Recorded | Synthetic:
    """Recorded cases, or the bodies of the stage's bank, which is filled first."""
    if options.data is not None:
        return Recorded(options.data, stage_config, options.out / "prepared")
    from versectl.synth.bodies import bank

    plan = bank.Plan(options.bodies, options.seed, BODY_MM[stage_config.stage], options.labels)
    folder = options.out / f"bodies_{plan.spacing_mm:g}mm"
    return Synthetic(tuple(bank.prepare(folder, plan)), named=stage_config.stage != "segmentation")
