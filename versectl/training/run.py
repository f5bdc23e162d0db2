"""What the train command does: choose subjects, train, tell of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from versectl.config import PRESETS, StageConfig
from versectl.networks import architectures
from versectl.training import loop
from versectl.training.sources import Recorded, Synthetic

#: chosen: spacing of built bodies, fine enough for what a stage sees, and quick to build.
BODY_MM = {"spine": 2.0, "vertebrae": 2.0, "segmentation": 1.25}


@dataclass(frozen=True)
class Choice:
    """What a user chooses for a training.

    data : folder in VerSe layout; None for synthetic CT.
    labels, bodies : where synthetic CT comes from: a folder of label maps, and so many
        parametric bodies and as many with casts of the label maps' vertebrae, kept in `out`.
    steps, batch : in place of the preset's.
    """

    out: Path
    data: Path | None
    labels: Path | None
    bodies: int
    preset: str
    steps: int | None
    batch: int | None
    workers: int
    seed: int
    resume: bool


def run(stage: str, choice: Choice, precision: str, tell: Callable[[str], None]) -> None:
    """Train a stage as chosen; a line for every checkpoint is told."""
    architectures.compute_in(precision)
    stage_config = configured(stage, choice)
    source = subjects(stage_config, choice)
    where = loop.Run(choice.out, choice.seed, choice.workers, choice.resume)
    loop.train(stage_config, source, where, lambda line: tell(loop.told(line, stage_config)))


def configured(stage: str, choice: Choice) -> StageConfig:
    """The preset's configuration with the numbers of steps and samples in a batch asked for."""
    stage_config = PRESETS[choice.preset][stage]
    asked = {"steps": choice.steps, "batch": choice.batch}
    chosen = {name: value for name, value in asked.items() if value}
    return replace(stage_config, training=replace(stage_config.training, **chosen))


def subjects(stage_config: StageConfig, choice: Choice) -> Recorded | Synthetic:
    """Recorded cases, or the bodies of the stage's bank, which is filled first."""
    if choice.data is not None:
        return Recorded(choice.data, stage_config, choice.out / "prepared")
    from versectl.synth.bodies import bank

    plan = bank.Plan(choice.bodies, choice.seed, BODY_MM[stage_config.stage], choice.labels)
    folder = choice.out / f"bodies_{plan.spacing_mm:g}mm"
    return Synthetic(tuple(bank.prepare(folder, plan)), named=stage_config.stage != "segmentation")
