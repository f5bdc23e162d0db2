"""Are the levels right, and does the report know? On whole scans and on pieces cut out of them.

Pieces are all windows of 3, 5 and 8 vertebrae of a scan, cut midway to the next vertebra.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from versectl.evaluation.identification import IDENTIFIED_MM

from benchmarks import markdown
from versectl import geometry, labels
from versectl.io import centroids, layout, volume
from versectl.report import levels, provenance
from versectl.types import Numbering

#: Vertebrae in a piece.
WINDOWS = (3, 5, 8)

#: Pieces that begin here or below have lumbar or lower thoracic vertebrae; those above are harder.
SPLIT = labels.NUMBERS["T9"]

#: Scans without a mask whose vertebrae were counted: which they show whole. Their centres are those
#: found in the whole scan, if that is so.
COUNTED = {"ACRIN-FLT-Breast_013": ("C1", "L5"), "abdomen_3mm": ("T12", "L5")}

#: Vertebrae that the scan's end cuts so that their masks show no body: their centres are not known,
#: so they count like one beyond the truth. What is left of T3 is its processes, 20 mm behind.
CUT = {"totalseg_s0003": ("T3",)}

#: Labels that spines have between T11 or T12 and L1, or have not.
RARE_GAP = (labels.T12, labels.T13)

#: In a folder of scans: case -> name -> centre in mm, as seen by eye.
BY_EYE = "levels_by_eye.json"

#: Bins of the expected calibration error.
BINS = 10

Centers = dict[int, np.ndarray]  # label -> centre of the body in the world (3,), head to foot
FromMask = Callable[[layout.Case], Centers]

#: Columns of the table of runs.
COLUMNS = (
    "",
    "runs",
    "all right",
    "wrong without a flag",
    "flagged though right",
    "vertebrae right",
    "mean confidence",
    "calibration error",
)


@dataclass(frozen=True)
class Run:
    """What came of a scan or piece.

    right : of each vertebra found, whether its label is. confidence : of each.
    all_right : all that are there were found, none has a wrong label, and there is no other.
    """

    name: str
    first: int
    right: Sequence[bool]
    confidence: Sequence[float]
    probability: float
    all_right: bool
    flagged: bool


def pieces(ct: sitk.Image, centers_mm: Centers) -> Iterator[tuple[str, sitk.Image, Centers]]:
    """Name, image and centres of every window of a scan."""
    named = list(centers_mm.items())
    for count in WINDOWS:
        for first in range(len(named) - count + 1 if count < len(named) else 0):
            low_mm, high_mm = geometry.extent(ct)
            last = first + count - 1
            if first > 0:
                high_mm[2] = (named[first - 1][1][2] + named[first][1][2]) / 2
            if last + 1 < len(named):
                low_mm[2] = (named[last][1][2] + named[last + 1][1][2]) / 2
            name = f"{labels.NAMES[named[first][0]]}-{count}"
            yield name, geometry.crop(ct, low_mm, high_mm), dict(named[first : last + 1])


def run_of(name: str, centers_mm: Centers, image: sitk.Image, folder: Path) -> Run:
    """The run of a scan or piece whose results lie in a folder."""
    path = folder / f"{name}_ctd.json"
    first = next(iter(centers_mm))
    if not path.is_file():  # nothing was found, and the command said so
        return Run(name, first, (), (), 0.0, False, True)
    found_mm = centroids.to_world(centroids.read(path), image)
    ours = provenance.read(folder / f"{name}_provenance.json", folder / "none")[path.name]
    right = judged(found_mm, centers_mm)
    numbering = ours.numbering or Numbering(0.0, None, ())
    return Run(
        name,
        first,
        list(right.values()),
        [ours.certainty[label].confidence for label in right],
        numbering.probability,
        all(right.values()) and all_found(found_mm, centers_mm),
        bool(levels.levels_may_be_shifted(numbering)),
    )


def judged(found_mm: Centers, centers_mm: Centers) -> dict[int, bool]:
    """Label -> whether it is right.

    A place is the vertebra it is nearest to, within 20 mm, if no other place is nearer to that.
    One that is none of the truth, which lacks cut vertebrae, must have a label that continues or
    fills its labels.
    """
    known = list(centers_mm)
    distances_mm = np.array(
        [[np.linalg.norm(f - c) for c in centers_mm.values()] for f in found_mm.values()]
    )
    right = {}
    for at, (label, found) in enumerate(found_mm.items()):
        nearest = int(distances_mm[at].argmin())
        is_it = distances_mm[:, nearest].argmin() == at
        if is_it and distances_mm[at, nearest] < IDENTIFIED_MM:
            right[label] = known[nearest] == label
        else:
            right[label] = _continues(label, found, centers_mm)
    return right


def reliability(runs: Sequence[Run]) -> float:
    """Expected calibration error of the vertebrae's confidence."""
    confidence = np.concatenate([run.confidence for run in runs])
    right = np.concatenate([run.right for run in runs])
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = confidence - right
    return float(sum(abs(gap[bins == each].sum()) for each in np.unique(bins)) / len(gap))


def table(groups: dict[str, Sequence[Run]]) -> list[str]:
    """A row per group of runs, and the names of those that are wrong without a flag."""
    lines = markdown.head(COLUMNS)
    silent = []
    for name, runs in groups.items():
        if not runs:
            continue
        wrong = [run.name for run in runs if not run.all_right and not run.flagged]
        doubted = sum(run.all_right and run.flagged for run in runs)
        right = np.mean(np.concatenate([run.right for run in runs]))
        mean = np.mean(np.concatenate([run.confidence for run in runs]))
        silent += [each for each in wrong if each not in silent]
        counts = (f"{count} ({count / len(runs):.1%})" for count in (len(wrong), doubted))
        shares = (f"{share:.3f}" for share in (right, mean, reliability(runs)))
        all_right = sum(run.all_right for run in runs)
        lines.append(markdown.row([name, len(runs), all_right, *counts, *shares]))
    return [*lines, "\nWrong without a flag: " + (", ".join(silent) or "none") + "."]


def grouped(whole: Sequence[Run], parts: Sequence[Run]) -> dict[str, Sequence[Run]]:
    """Runs by kind; pieces split at T9."""
    lower = [run for run in parts if _is_below_split(run.first)]
    upper = [run for run in parts if not _is_below_split(run.first)]
    return {
        "whole scans": whole,
        "pieces that begin at T9 or below": lower,
        "pieces that begin above": upper,
        "all pieces": parts,
    }


def truth(source: Path, found: Path, from_mask: FromMask) -> dict[str, Centers]:
    """Case -> its true centres, of all that have some.

    found : folder with the results of the whole scans, for those that were counted.
    """
    known = {case.name: truth_of(case, source, found, from_mask) for case in cases(source)}
    return {name: centers_mm for name, centers_mm in known.items() if centers_mm}


def cases(source: Path) -> list[layout.Case]:
    """Every CT of a folder, with its centroids or mask where there are some."""
    labelled = {case.name: case for case in layout.with_labels(source)}
    return [labelled.get(plain.name, plain) for plain in layout.with_ct(source)]


def truth_of(case: layout.Case, source: Path, found: Path, from_mask: FromMask) -> Centers:
    """A case's true centres, from a centroid file, a mask, by eye or by counting; {} if unknown."""
    by_eye = json.loads((source / BY_EYE).read_text()) if (source / BY_EYE).is_file() else {}
    if case.centroids is not None:
        return _sorted(_from_file(case.centroids, case))
    if case.labels is not None:
        return _sorted(without_cut(case.name, from_mask(case)))
    if case.ct.name in by_eye:
        points = by_eye[case.ct.name]["points_mm"].items()
        return _sorted({labels.NUMBERS[n]: np.array(p) for n, p in points})
    if case.name in COUNTED:
        return _sorted(_counted(found / f"{case.name}_ctd.json", case))
    return {}


def without_cut(name: str, centers_mm: Centers) -> Centers:
    """A case's centres without those that its cut masks do not show."""
    cut = [labels.NUMBERS[each] for each in CUT.get(name, ())]
    return {label: center_mm for label, center_mm in centers_mm.items() if label not in cut}


def _from_file(path: Path, case: layout.Case) -> Centers:
    return centroids.to_world(centroids.read(path), volume.read_ct(case.ct).image)


def _counted(path: Path, case: layout.Case) -> Centers:
    """Centres found in a counted scan; none when they are not those that were counted."""
    first, last = (labels.ORDER.index(labels.NUMBERS[name]) for name in COUNTED[case.name])
    wanted = [label for label in labels.ORDER[first : last + 1] if label != labels.T13]
    found_mm = _from_file(path, case)
    return {n: found_mm[n] for n in wanted} if set(wanted) <= set(found_mm) else {}


def _sorted(centers_mm: Centers) -> Centers:
    return {label: np.array(centers_mm[label]) for label in labels.ORDER if label in centers_mm}


def _continues(label: int, found: np.ndarray, centers_mm: Centers) -> bool:
    """Whether a label fits in its place between those of the truth above and below it.

    Between two of them T12 and T13 do not: a place too many above a true L1 would have them.
    """
    level = labels.ORDER.index(label)
    known = {labels.ORDER.index(n): center_mm[2] for n, center_mm in centers_mm.items()}
    is_above = [height_mm > found[2] for height_mm in known.values()]
    if level in known or (any(is_above) and not all(is_above) and label in RARE_GAP):
        return False
    return is_above == [at < level for at in known]


def all_found(found_mm: Centers, centers_mm: Centers) -> bool:
    """Whether every true centre has a place of its label within 20 mm."""
    return all(
        label in found_mm and np.linalg.norm(found_mm[label] - center_mm) < IDENTIFIED_MM
        for label, center_mm in centers_mm.items()
    )


def _is_below_split(first: int) -> bool:
    return labels.ORDER.index(first) >= labels.ORDER.index(SPLIT)
