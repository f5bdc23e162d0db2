"""Cross-validation: every fold's networks are trained on the other folds and tested on it.

Each stage is tested from the truth of the stage before, as in the paper's Table 1, and all of them
one after the other. Whatever is done already is kept, so that an interrupted run goes on.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from versectl import config, labels
from versectl.batch import case as case_run
from versectl.batch import run as batch_run
from versectl.batch.job import LOCALIZE_VERTEBRAE, RUN_ALL, SEGMENT, Job
from versectl.config import CrossValidationOptions, StageConfig
from versectl.errors import BadInputError
from versectl.io import atomic, case_files, centroids, challenge_centroids, layout, volume
from versectl.io.layout import Case
from versectl.networks.loading import Models
from versectl.training import loop
from versectl.training.sources import Recorded


def run(options: CrossValidationOptions, precision: str, tell: Callable[[str], None]) -> None:
    """Train and test the folds; BadInputError when cases are missing or in two folds."""
    folds = read_folds(options.folds, layout.with_labels(options.data))
    numbers = range(len(folds)) if options.fold is None else [options.fold]
    if options.fold is not None and not 0 <= options.fold < len(folds):
        raise BadInputError(f"{options.folds} has folds 0 to {len(folds) - 1}, not {options.fold}.")
    for number in numbers:
        others = [case for i, fold in enumerate(folds) if i != number for case in fold]
        out = options.out / f"fold{number}"
        for stage in config.STAGES:
            tell(f"fold {number}, {stage}: training on {len(others)} cases")
            train_stage(options, stage, (out, others), tell)
        for case in folds[number]:
            test(case, options, Models(out, precision=precision), f"fold {number}, ")


def configured(options: CrossValidationOptions, stage: str) -> StageConfig:
    """The preset's configuration with the number of steps asked for."""
    chosen = config.PRESETS[options.preset][stage]
    steps = options.steps or chosen.training.steps
    return replace(chosen, training=replace(chosen.training, steps=steps))


def read_folds(path: Path, found: Sequence[Case]) -> list[list[Case]]:
    """The cases of each fold; a name may lack what VerSe's releases put before and behind it."""
    by_key = {layout.key(case.name): case for case in found}
    try:
        names = [[str(name) for name in fold] for fold in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError) as error:
        raise BadInputError(
            f'{path} is no list of folds, each a list of case names: [["a", "b"], ["c"]].'
        ) from error
    every = [layout.key(name) for fold in names for name in fold]
    missing = [key for key in every if key not in by_key]
    if missing:
        raise BadInputError(f"{path} names {missing[0]}, which has no CT and label map there.")
    twice = [key for key in every if every.count(key) > 1]
    if twice or len(names) < 2:
        fault = f"names {twice[0]} twice" if twice else "has fewer than 2 folds"
        raise BadInputError(f"{path} {fault}.")
    return [[by_key[layout.key(name)] for name in fold] for fold in names]


def train_stage(
    options: CrossValidationOptions,
    stage: str,
    given: tuple[Path, Sequence[Case]],
    tell: Callable[[str], None],
) -> None:
    """Train a stage on cases, or go on from its checkpoint; the weights are in a folder."""
    out, known = given
    chosen = configured(options, stage)
    names = frozenset(case.name for case in known)
    source = Recorded(options.data, chosen, options.out / "prepared", names)
    resume = loop.checkpoint_of(out, stage).is_file()
    where = loop.Run(out, options.seed, options.workers, resume)
    loop.train(chosen, source, where, lambda line: tell(loop.told(line, chosen)))


def test(case: Case, options: CrossValidationOptions, models: Models, prefix: str) -> None:
    """Predict a held-out case in both ways; a failure is told, and counted in the tables."""
    write_truth(case, options.truth)
    paths = case_files.Paths(options.truth, case.name)
    spine, points = ({case.name: paths.of(stage)} for stage in ("spine", "vertebrae"))
    for name, job in (
        (
            "vertebrae from truth",
            Job(options.from_truth, LOCALIZE_VERTEBRAE, models, given=spine),
        ),
        ("masks from truth", Job(options.from_truth, SEGMENT, models, given=points)),
        ("end to end", Job(options.end_to_end, RUN_ALL, models)),
    ):
        batch_run.report(case_run.do(case, job), f"{prefix}{name}, ")


def write_truth(case: Case, out: Path) -> None:
    """Write a case's truth as results are written: its mask, body centres, and spine's centre."""
    paths = case_files.Paths(out, case.name)
    if all(paths.of(stage).exists() for stage in config.STAGES):
        return
    placed = volume.read_placement(case.ct)
    points_mm = challenge_centroids.read_points(
        case.centroids, placed.own, challenge_centroids.meant_by(case.centroids)
    )
    points_mm = {label: point for label, point in points_mm.items() if label in labels.ORDER}
    volume.write(volume.read_labels(case.labels), paths.of("segmentation"), placed)
    centroids.write(centroids.from_world(points_mm, placed.own), paths.of("vertebrae"))
    middle_mm = np.mean(list(points_mm.values()), axis=0)
    atomic.write_json({"center_mm": middle_mm}, paths.of("spine"))


def spine_errors_mm(options: CrossValidationOptions) -> dict[str, float]:
    """Case -> distance of the found spine to the true one in x and y, as the paper counts it."""
    errors: dict[str, float] = {}
    for name, case in layout.find(options.truth, ("spine",)).items():
        found = case_files.Paths(options.end_to_end, name).of("spine")
        if found.is_file():
            a, b = (json.loads(path.read_text())["center_mm"] for path in (case.spine, found))
            errors[name] = float(np.hypot(a[0] - b[0], a[1] - b[1]))
    return errors


def spine_line(errors_mm: Mapping[str, float], tested: int) -> str:
    """The first stage's result in words."""
    if not errors_mm:
        return f"spine: none of {tested} found"
    values = np.array(list(errors_mm.values()))
    return (
        f"spine: {len(values)} of {tested} found, point error in x and y "
        f"{values.mean():.2f} ± {values.std():.2f} mm"
    )
