"""Draws known failures: what the default weights find in a piece of a scan, beside the truth.

    python -m benchmarks.accuracy.failures ../shared/data/ct               all pictures of FAILURES
    python -m benchmarks.accuracy.failures ../shared/data/ct NAME=CASE-T1-8  another one, NAME.png

A piece is a case of the folder, the first level and the number of vertebrae, as
evaluation/results/levels.md names them. Pictures are written to docs/pictures.
"""

import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import SimpleITK as sitk
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.accuracy import levels
from benchmarks.accuracy.record_results import body_centers_mm, localize
from versectl import labels
from versectl.io import volume
from versectl.networks.loading import Models
from versectl.report import quality
from versectl.report.preview import planes, words
from versectl.report.preview.planes import Box, Pane
from versectl.stages import pipeline
from versectl.types import Flag, Vertebrae

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"

#: Picture -> the piece that it shows.
FAILURES = {"thorax_one_level_off": "ACRIN-FLT-Breast_013-T2-8"}

#: chosen: so many pixels per millimetre.
PX_PER_MM = 3.0

#: Of true labels, and of labels that are right or wrong; they differ in lightness too.
TRUE, RIGHT, WRONG = "#ffffff", "#7ddc6a", "#ff6347"


@dataclass(frozen=True)
class Piece:
    """A piece of a scan, its true centres, and what was found in it."""

    name: str
    ct: sitk.Image
    centers_mm: levels.Centers
    found: Vertebrae
    flags: tuple[Flag, ...]

    @property
    def found_mm(self) -> levels.Centers:
        """Label -> centre found (3,)."""
        return self.found.centers_mm


def main(source: Path, *wanted: str) -> None:
    """Draw every piece, and say how it came out."""
    pictures = dict(each.split("=") for each in wanted) or FAILURES
    models = Models()
    for name, piece in pictures.items():
        found = run(source, piece, models)
        figure = drawn(found)
        figure.savefig(PICTURES / f"{name}.png", dpi=100, facecolor="black")
        print(f"{name}.png: {verdict(found)}")


def run(source: Path, name: str, models: Models) -> Piece:
    """Find the vertebrae of a piece."""
    ct, centers_mm = cut(source, name)
    found = pipeline.find_vertebrae(ct, pipeline.find_spine(ct, models), models)
    return Piece(name, ct, centers_mm, found, tuple(quality.of_vertebrae(found, ct)))


def cut(source: Path, name: str) -> tuple[sitk.Image, levels.Centers]:
    """The image of a piece, and its true centres."""
    case_name, first, count = name.rsplit("-", 2)
    case = next((case for case in levels.cases(source) if case.name == case_name), None)
    if case is None:
        raise SystemExit(f"{source} has no case {case_name}.")
    with tempfile.TemporaryDirectory() as folder:
        if case.name in levels.COUNTED:
            localize(case.ct, Path(folder))
        centers_mm = levels.truth_of(case, source, Path(folder), body_centers_mm)
    for piece, image, known_mm in levels.pieces(volume.read_ct(case.ct).image, centers_mm):
        if piece == f"{first}-{count}":
            return image, known_mm
    raise SystemExit(f"{case_name} has no piece {first}-{count}, or its levels are not known.")


def verdict(piece: Piece) -> str:
    """In words: which labels are there, which were found, and whether the report doubts them."""
    true, found = (_span(each) for each in (piece.centers_mm, piece.found))
    shifted = any(flag.code == "levels_may_be_shifted" for flag in piece.flags)
    doubt = "the report doubts the levels" if shifted else "the report does not doubt the levels"
    right = levels.judged(piece.found_mm, piece.centers_mm) if piece.found else {}
    is_right = all(right.values()) and levels.all_found(piece.found_mm, piece.centers_mm)
    named = "named right" if is_right else f"named {found}"
    return f"{piece.name}: {true}, {named}; {doubt}"


def drawn(piece: Piece) -> Figure:
    """Sagittal and coronal planes along the true spine, labels beside them, flags below."""
    box = planes.shown_box(piece.ct, piece.centers_mm)
    panes = planes.panes(piece.ct, None, box, piece.centers_mm, PX_PER_MM)
    found = planes.panes(piece.ct, None, box, piece.found_mm, PX_PER_MM)
    right = levels.judged(piece.found_mm, piece.centers_mm) if piece.found else {}
    figure = Figure(figsize=(11, 1.2 + 11 * _shape(box)), facecolor="black", layout="constrained")
    sagittal, coronal = figure.subplots(1, 2, width_ratios=(box.size_mm[1], box.size_mm[0]))
    for axes, true, ours in (
        (sagittal, panes.sagittal, found.sagittal),
        (coronal, panes.coronal, found.coronal),
    ):
        _picture(axes, true)
        _truth(axes, true)
        _found(axes, ours, piece.found, right)
    figure.suptitle(verdict(piece), color=TRUE, fontsize=11)
    figure.supxlabel("\n".join(_sentences(piece)), color=TRUE, fontsize=9, x=0.01, ha="left")
    return figure


def _shape(box: Box) -> float:
    """Height of the panes as a share of the figure's width."""
    wide_mm, deep_mm, tall_mm = box.size_mm
    return float(tall_mm / (wide_mm + deep_mm))


def _picture(axes: Axes, pane: Pane) -> None:
    axes.imshow(pane.picture)
    axes.set_axis_off()


def _truth(axes: Axes, pane: Pane) -> None:
    """Rings in the true centres, their labels to the left."""
    for label, (x, y) in pane.at_px.items():
        axes.plot(x, y, "o", markersize=9, markerfacecolor="none", markeredgecolor=TRUE)
        axes.annotate(labels.NAMES[label], (x, y), (-8, 0), **_beside("right", TRUE))


def _found(axes: Axes, pane: Pane, found: Vertebrae, right: Mapping[int, bool]) -> None:
    """Dots in the centres found, labels and their probabilities to the right."""
    for label, (x, y) in pane.at_px.items():
        color = RIGHT if right[label] else WRONG
        text = f"{labels.NAMES[label]} {found[label].confidence:.2f}"
        axes.plot(x, y, "o", markersize=4, color=color)
        axes.annotate(text, (x, y), (8, 0), **_beside("left", color))


def _beside(align: str, color: str) -> dict[str, object]:
    """How a label stands beside its vertebra."""
    return {
        "textcoords": "offset points",
        "color": color,
        "ha": align,
        "va": "center",
        "fontsize": 9,
        "fontweight": "bold",
    }


def _sentences(piece: Piece) -> list[str]:
    """What the colours mean, and what the report says."""
    return [
        "○ truth   ● found, with the probability of its label: green right, red wrong",
        words.described(piece.found).text,
        *(line.text for line in words.sentences(piece.flags)),
    ]


def _span(centers: Mapping[int, object]) -> str:
    named = [labels.NAMES[label] for label in centers]
    return f"{named[0]} to {named[-1]}" if named else "nothing"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
