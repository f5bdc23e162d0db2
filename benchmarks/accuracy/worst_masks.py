"""Draws the worst tenth of masks on real CT beside the truth, by what is found behind the body.

usage: python -m benchmarks.accuracy.worst_masks SCANS PICTURE [--weights FOLDER]

SCANS are CT with human masks.

A row per vertebra, two planes of each kind through what lies behind its body: axial, sagittal,
coronal. Green: the true mask; red: the mask that was made; where they agree, red covers green.
"""

import math
import tempfile
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.accuracy import masks
from versectl import geometry, labels
from versectl.io import layout, volume
from versectl.io.layout import Case

#: chosen: this share of all vertebrae is drawn, at least one.
WORST = 0.1

#: chosen: planes at these shares of the extent of what lies behind the body.
PLANES = (0.35, 0.65)

#: Array axis (z, y, x) that each kind of plane is cut across.
ACROSS = {"axial": 0, "sagittal": 2, "coronal": 1}

#: chosen: HU shown as black and as white, and mm shown round a vertebra.
WINDOW_HU, SHOWN_MM = (-150.0, 700.0), 8

#: Colours of the true mask and of the one made; they differ in lightness too.
TRUE, MADE = "#b4f8a0", "#ff4030"


class Seen(NamedTuple):
    """A vertebra, how it came out, and its surroundings: HU and masks (z, y, x)."""

    scores: masks.Parts
    hounsfield: np.ndarray
    crop: masks.Crop


@click.command()
@click.argument("scans", type=click.Path(path_type=Path, exists=True))
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--weights", type=click.Path(path_type=Path), help="Instead of the default.")
def main(scans: Path, picture: Path, weights: Path | None) -> None:
    """Segment all scans, and draw the worst masks."""
    cases = layout.with_labels(scans)
    options = () if weights is None else ("--weights", str(weights))
    with tempfile.TemporaryDirectory() as folder:
        masks.run_all(cases, options, Path(folder))
        seen = [each for case in cases for each in of_case(case, Path(folder))]
    seen.sort(key=lambda each: each.scores.back_found)
    worst = seen[: math.ceil(WORST * len(seen))]
    drawn(worst).savefig(picture, dpi=80, facecolor="black")
    for each in worst:
        print(described(each.scores))


def of_case(case: Case, out: Path) -> list[Seen]:
    """The vertebrae of a case that have anything behind the body."""
    ct = volume.read_ct(case.ct).image
    seen = []
    for crop in masks.crops(case, out):
        scores = masks.Parts(case.name, crop.label, *masks.apart(crop.true, crop.made))
        if not math.isnan(scores.back_found):
            hounsfield = geometry.to_array(geometry.resample(ct, crop.grid))
            seen.append(Seen(scores, hounsfield, crop))
    return seen


def described(scores: masks.Parts) -> str:
    """In words: the vertebra, and how it came out."""
    return (
        f"{scores.case} {labels.NAMES[scores.label]}: {scores.back_found:.2f} of the true voxels "
        f"behind the body found, Dice {scores.back_dice:.2f} there, {scores.body_dice:.2f} before"
    )


def drawn(worst: list[Seen]) -> Figure:
    """A row per vertebra."""
    planes = [(axis, share) for axis in ACROSS.values() for share in PLANES]
    size = (2.6 * len(planes), 2.8 * len(worst))
    figure = Figure(figsize=size, facecolor="black", layout="constrained")
    for row, each in zip(figure.subfigures(len(worst), squeeze=False), worst, strict=True):
        row[0].set_facecolor("black")
        row[0].suptitle(described(each.scores), color="white", fontsize=12)
        panes = row[0].subplots(1, len(planes))
        for pane, (axis, share) in zip(panes, planes, strict=True):
            draw(pane, each, axis, share)
    return figure


def draw(pane: Axes, each: Seen, axis: int, share: float) -> None:
    """A plane of a vertebra across an axis of the array."""
    behind = each.crop.true.copy()
    behind[:, : masks.behind_body(each.crop.true)] = False
    at = np.flatnonzero(behind.any(axis=tuple({0, 1, 2} - {axis})))
    index = round(at[0] + share * (at[-1] - at[0]))
    where = shown(each.crop.true)
    where[axis] = index
    hounsfield, true, made = (
        part[tuple(where)] for part in (each.hounsfield, each.crop.true, each.crop.made)
    )
    low, high = WINDOW_HU
    upright = "upper" if axis == 0 else "lower"
    pane.imshow(hounsfield, cmap="gray", vmin=low, vmax=high, origin=upright)
    for mask, color in ((true, TRUE), (made, MADE)):
        if mask.any():
            pane.contour(mask, [0.5], colors=color, linewidths=1.2)
    pane.set_axis_off()


def shown(true: np.ndarray) -> list[slice | int]:
    """A vertebra and SHOWN_MM round it, in its crop (z, y, x)."""
    voxels = np.argwhere(true)
    low, high = voxels.min(axis=0) - SHOWN_MM, voxels.max(axis=0) + SHOWN_MM + 1
    return [slice(max(first, 0), last) for first, last in zip(low, high, strict=True)]


if __name__ == "__main__":
    main()
