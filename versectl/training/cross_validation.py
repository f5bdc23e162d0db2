"""Cross-validation: the networks of every fold are trained on the other folds and tested on it.

Each stage is tested from the truth of the stage before, as in the paper's Table 1, and all of them
one after the other. An interrupted run continues where it stopped. What a network was trained on
and what a case was tested with is kept by its SHA-256: where a file was corrected, both are done
again.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from versectl import config, labels
from versectl.batch import case_run
from versectl.batch import run as batch_run
from versectl.batch.job import LOCALIZE_VERTEBRAE, RUN_ALL, SEGMENT, Job
from versectl.config import CrossValidationOptions, Stage
from versectl.errors import BadInputError
from versectl.io import atomic, case_files, centroids, layout, volume
from versectl.io.layout import Case
from versectl.networks.loading import Models
from versectl.training import loop
from versectl.training.real_scans import Labelled, RealScans


def run(options: CrossValidationOptions, precision: str, report: Callable[[str], None]) -> None:
    """Train and test the folds; BadInputError when cases are missing or in two folds."""
    folds = read_folds(options.folds, layout.with_labels(options.data))
    numbers = range(len(folds)) if options.fold is None else [options.fold]
    if options.fold is not None and not 0 <= options.fold < len(folds):
        raise BadInputError(f"{options.folds} has folds 0 to {len(folds) - 1}, not {options.fold}.")
    sha256 = {case.name: Labelled.of(case).sha256() for fold in folds for case in fold}
    for number in numbers:
        others = [case for i, fold in enumerate(folds) if i != number for case in fold]
        fold = Fold(options, number, sha256, precision)
        for stage in config.STAGES:
            report(f"fold {number}, {stage}: training on {len(others)} cases")
            fold.train(stage, others, report)
        models = Models(fold.out, precision=precision)  # freed with the fold
        for case in folds[number]:
            write_truth(case, options, sha256[case.name])
            test(case, options, models, f"fold {number}, ")


def read_folds(path: Path, found: Sequence[Case]) -> list[list[Case]]:
    """The cases of each fold; a name may lack what VerSe's releases put before and behind it."""
    by_key = {layout.key(case.name): case for case in found}
    content = atomic.read_given_json(path)
    if not isinstance(content, list) or not all(isinstance(fold, list) for fold in content):
        raise BadInputError(
            f'{path} is not a list of folds, each a list of case names: [["a", "b"], ["c"]].'
        )
    names = [[str(name) for name in fold] for fold in content]
    every = [layout.key(name) for fold in names for name in fold]
    missing = [key for key in every if key not in by_key]
    if missing:
        raise BadInputError(f"{path} names {missing[0]}, which has no CT and label map there.")
    twice = [key for key in every if every.count(key) > 1]
    if twice or len(names) < 2:
        fault = f"names {twice[0]} twice" if twice else "has fewer than 2 folds"
        raise BadInputError(f"{path} {fault}.")
    return [[by_key[layout.key(name)] for name in fold] for fold in names]


@dataclass(frozen=True)
class Fold:
    """The training of one fold's networks.

    sha256 : case name -> file -> SHA-256 of what it holds.
    """

    options: CrossValidationOptions
    number: int
    sha256: Mapping[str, Mapping[str, str]]
    precision: str

    @property
    def out(self) -> Path:
        """Folder of its weights."""
        return self.options.out / f"fold{self.number}"

    def train(self, stage: Stage, cases: Sequence[Case], report: Callable[[str], None]) -> None:
        """Train a stage, or continue from its checkpoint if that was trained on the same files."""
        chosen = config.configured(self.options.preset, stage, self.options.steps)
        checkpoint = loop.checkpoint_of(self.out, stage)
        trained_on = {
            "preset": self.options.preset,
            "seed": self.options.seed,
            "files": {case.name: self.sha256[case.name] for case in cases},
        }
        record = self.out / f"{stage}.trained_on.json"
        if _changed(trained_on, record) or not checkpoint.is_file():
            if checkpoint.is_file() and record.is_file():
                report(f"fold {self.number}, {stage}: other data or settings; starting again")
            if record.is_file():  # the weights beside it are this fold's own
                for file in self.out.glob(f"{stage}.*"):
                    file.unlink()
            atomic.write_json(trained_on, record)
        names = frozenset(case.name for case in cases)
        source = RealScans(self.options.data, chosen, self.options.out / "prepared", names)
        here = loop.Run(
            self.out,
            self.options.seed,
            self.options.workers,
            resume=checkpoint.is_file(),
            precision=self.precision,
        )
        steps = chosen.training.steps
        loop.train(chosen, source, here, lambda done: report(done.line(steps)))


def test(case: Case, options: CrossValidationOptions, models: Models, prefix: str) -> None:
    """Predict a held-out case in both ways; a failure is reported, and counted in the tables."""
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


def write_truth(case: Case, options: CrossValidationOptions, sha256: Mapping[str, str]) -> None:
    """Write a case's truth as results are written: its mask, body centres, and spine's centre.

    sha256 : of the case's files; truth from these very files stays as it is.
    """
    paths = case_files.Paths(options.truth, case.name)
    record = options.out / "truth_of" / f"{case.name}.json"
    if not _changed(sha256, record) and all(paths.of(stage).exists() for stage in config.STAGES):
        return
    files = Labelled.of(case)
    placed = volume.read_placement(files.ct)
    every_mm = files.read_points()
    points_mm = {label: point for label, point in every_mm.items() if label in labels.ORDER}
    volume.write(volume.read_labels(files.labels), paths.of("segmentation"), placed)
    centroids.write(centroids.from_world(points_mm, placed.own), paths.of("vertebrae"))
    middle_mm = np.mean(list(points_mm.values()), axis=0)
    atomic.write_json({"center_mm": middle_mm}, paths.of("spine"))
    atomic.write_json(sha256, record)


def _changed(now: Mapping[str, object], record: Path) -> bool:
    """Whether a record says something else, or cannot be read."""
    with suppress(OSError, ValueError):
        return atomic.read_json(record) != now
    return True


def spine_errors_mm(options: CrossValidationOptions) -> dict[str, float]:
    """Case -> distance of the found spine to the true one in x and y, as the paper counts it."""
    errors: dict[str, float] = {}
    for name, case in layout.find(options.truth, ("spine",)).items():
        found = case_files.Paths(options.end_to_end, name).of("spine")
        if case.spine is not None and found.is_file():
            a, b = (case_files.read_center(path)[0] for path in (case.spine, found))
            if a is not None and b is not None:  # a spine is in view
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
