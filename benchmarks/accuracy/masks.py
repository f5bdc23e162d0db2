"""Masks end to end, body and back part apart, by default and with --fast; writes masks.md.

usage: python -m benchmarks.accuracy.masks SCANS CASES

SCANS are CT with human masks, CASES those that `versectl synth` made.

The back part of a vertebra is what lies behind its body: behind the hindmost place where a ball of
0.6 times the body's largest inner radius fits into the mask (the true one). All is measured on a
grid of 1 mm along the world axes.
"""

import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from click.testing import CliRunner
from scipy import ndimage
from versectl.evaluation import protocol, report

from benchmarks import markdown
from versectl import geometry, labels
from versectl.cli import main as cli
from versectl.errors import PartialFailureError
from versectl.geometry import Grid
from versectl.io import layout, volume
from versectl.io.layout import Case
from versectl.networks.engines import choice

RESULTS = Path(__file__).parents[2] / "evaluation" / "results"

#: chosen: radius of the ball that fits into the body alone, of the body's largest inner radius.
BALL = 0.6

#: chosen: margin round a true mask within which a predicted one is compared, mm.
MARGIN_MM = 20

#: A scan in which nothing was found counts as one that has nothing.
COUNTED = report.Options(count_missing_cases=True)


class Parts(NamedTuple):
    """Of one vertebra: share of true voxels found and Dice, of the body and of what is behind."""

    case: str
    label: int
    body_found: float
    body_dice: float
    back_found: float
    back_dice: float


class Run(NamedTuple):
    """What a run gave. cpu_s : user and system seconds of all cases, loading included."""

    cpu_s: float
    found: report.Report
    parts: list[Parts]


def main(scans: Path, cases: Path) -> None:
    """Measure and write."""
    lines = ["# Masks, body and back part, and what --fast costs\n"]
    command = "python -m benchmarks.accuracy.masks ../shared/data/ct build/heldout"
    lines.append(f"```sh\n{command}\n```\n")
    lines.append(f"Engine (`KERAS_BACKEND`): {choice.TITLES[choice.chosen(None)]}.\n")
    for title, source in (("Real CT with human masks", scans), ("Synthetic cases", cases)):
        runs = {name: measured(source, words) for name, words in MODES.items()}
        lines += [f"## {title}\n", *overview(runs), "", *per_case(runs), ""]
        if source == scans:
            lines += ["### Each vertebra, by default\n", *per_vertebra(runs["default"].parts), ""]
    (RESULTS / "masks.md").write_text("\n".join(lines))
    print("\n".join(lines))


#: Ways of running, and their options.
MODES: dict[str, tuple[str, ...]] = {"default": (), "fast": ("--fast",)}


def measured(source: Path, options: tuple[str, ...]) -> Run:
    """All cases with masks, run and compared with the truth."""
    cases = layout.with_labels(source)
    with tempfile.TemporaryDirectory() as folder:
        out, truth = Path(folder) / "out", Path(folder) / "truth"
        before_s = cpu_s()
        run_all(cases, options, out)
        used_s = cpu_s() - before_s
        link(cases, truth)
        found = report.evaluate(out, truth, COUNTED)
        return Run(used_s, found, [part for case in cases for part in parts_of(case, out)])


def run_all(cases: list[Case], options: tuple[str, ...], out: Path) -> None:
    """The whole pipeline over some cases, with these options; a case that fails stops nothing."""
    paths = [str(case.ct) for case in cases]
    result = CliRunner().invoke(cli.main, ["run-all", *options, *paths, str(out)])
    if result.exit_code not in (0, PartialFailureError.exit_code):
        raise SystemExit(result.output)


def link(cases: list[Case], folder: Path) -> None:
    """The true masks alone, in a folder: the truth of those cases that have one."""
    folder.mkdir()
    for case in cases:
        (folder / case.labels.name).symlink_to(case.labels.resolve())


def cpu_s() -> float:
    """User and system seconds of this process and of those it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def parts_of(case: Case, out: Path) -> Iterator[Parts]:
    """Body and back part of every vertebra of a case."""
    for crop in crops(case, out):
        yield Parts(case.name, crop.label, *apart(crop.true, crop.made))


class Crop(NamedTuple):
    """A true vertebra with MARGIN_MM round it, and the mask that was made of it; (z, y, x)."""

    label: int
    true: np.ndarray
    made: np.ndarray
    grid: Grid


def crops(case: Case, out: Path) -> Iterator[Crop]:
    """Every true vertebra of a case; where it failed, nothing was made of any."""
    truth = volume.read_labels(case.labels)
    made_file = out / f"{case.name}_seg.nii.gz"
    predicted = volume.read_labels(made_file) if made_file.is_file() else truth * 0
    low_mm, high_mm = geometry.extent(truth)
    grid = Grid.centered((low_mm + high_mm) / 2, np.ceil(high_mm - low_mm) + 1, (1.0, 1.0, 1.0))
    true, made = (
        geometry.to_array(geometry.resample(each, grid, sitk.sitkNearestNeighbor, 0))
        for each in (truth, predicted)
    )
    for label, where in enumerate(ndimage.find_objects(true, max_label=28), start=1):
        if where is not None and label in labels.NAMES:
            near = tuple(
                slice(max(s.start - MARGIN_MM, 0), min(s.stop + MARGIN_MM, size))
                for s, size in zip(where, true.shape, strict=True)
            )
            yield Crop(label, true[near] == label, made[near] == label, grid.part(near))


def apart(true: np.ndarray, made: np.ndarray) -> tuple[float, float, float, float]:
    """Share found and Dice of the body, and of what lies behind it, in masks (z, y, x)."""
    hindmost = behind_body(true)
    return (
        *scores(true[:, :hindmost], made[:, :hindmost]),
        *scores(true[:, hindmost:], made[:, hindmost:]),
    )


def behind_body(true: np.ndarray) -> int:
    """The first y behind the body of a vertebra, in its mask (z, y, x)."""
    depth = ndimage.distance_transform_edt(np.pad(true, 1))[1:-1, 1:-1, 1:-1]
    core, _ = ndimage.label(depth > BALL * depth.max())
    middle = core == core[np.unravel_index(depth.argmax(), depth.shape)]
    reach_mm = BALL * depth.max()
    return int(np.flatnonzero(middle.any(axis=(0, 2)))[-1] + reach_mm)


def scores(true: np.ndarray, made: np.ndarray) -> tuple[float, float]:
    """Share of the true voxels that are found, and Dice; NaN where there are none."""
    both, count = np.count_nonzero(true & made), np.count_nonzero(true)
    total = count + np.count_nonzero(made)
    return (both / count if count else np.nan, 2 * both / total if total else np.nan)


def overview(runs: dict[str, Run]) -> list[str]:
    """A table of the ways of running."""
    head = ("", "vertebrae", "ID rate", "Dice", "behind the body found", "Dice", "CPU s")
    lines = markdown.head(head)
    for name, run in runs.items():
        pooled = protocol.pooled(run.found.records)
        back_found, back_dice = np.nanmean([[p.back_found, p.back_dice] for p in run.parts], axis=0)
        whole = (f"{pooled['id_rate'].mean:.3f}", f"{pooled['dice'].mean:.4f}")
        back = (f"{back_found:.3f}", f"{back_dice:.3f}")
        cells = (name, len(run.found.records), *whole, *back, f"{run.cpu_s:.0f}")
        lines.append(markdown.row(cells))
    return lines


def per_case(runs: dict[str, Run]) -> list[str]:
    """A table of the cases: Dice, and the share found behind the body."""
    columns = [f"{what}, {name}" for name in runs for what in ("Dice", "behind found")]
    lines = markdown.head(["case", *columns])
    for name in dict.fromkeys(part.case for part in runs["default"].parts):
        cells = []
        for run in runs.values():
            dice = [r.dice for r in run.found.records if r.case == name and r.dice is not None]
            back = [part.back_found for part in run.parts if part.case == name]
            cells += [f"{np.mean(dice):.3f}", f"{np.nanmean(back):.3f}"]
        lines.append(markdown.row([name, *cells]))
    return lines


def per_vertebra(parts: list[Parts]) -> list[str]:
    """A table of the vertebrae."""
    head = ("case", "", "body found", "Dice", "behind found", "Dice")
    rows = [
        (part.case, labels.NAMES[part.label], *(f"{value:.3f}" for value in part[2:]))
        for part in parts
    ]
    return markdown.table(head, rows)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
