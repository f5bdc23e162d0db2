"""Which flags are raised on right and on wrong results, and how well measures agree with the truth?

    python -m benchmarks.accuracy.flags ../shared/data/ct=results/real build/heldout=results/heldout

Each argument is a folder of CT with its truth, and the OUT that `versectl run-all` made of it.
Nothing is run again: flags and measures are what the present code makes of these results. Writes
evaluation/results/flags.md and evaluation/results/measurements.md. A result is right when every
vertebra that is there was found and none has a wrong label.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks import markdown
from benchmarks.accuracy import levels
from benchmarks.accuracy.record_results import body_centers_mm
from versectl.io import case_files, volume
from versectl.io.case_files import Paths
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.report import anatomy, measurements, provenance, quality, reading
from versectl.report.measurements import Measured, Measures
from versectl.report.measures import names, values
from versectl.types import Flag, Result, Spine, Vertebra, Vertebrae

RESULTS = Path(__file__).parents[2] / "evaluation" / "results"

#: Flags that the true masks raise as well, if they are so.
OF_MASKS = ("taken_for_two", "two_taken_for_one", "collapse_likely", "fusion_likely")

#: Voxels up to this long are fine, others coarse: measures are given for each.
FINE_MM = 2.0

#: Columns of the table of measures.
MEASURED = (
    "measure",
    "scans",
    "vertebrae",
    "mean of truth",
    "mean difference",
    "median absolute difference",
    "95 % within",
    "not measured, though the true mask is",
)


@dataclass(frozen=True)
class Judged:
    """A result: is it right, its flags, and its measures beside those of the true masks.

    true_flags : what the true masks would raise; None where there are none.
    """

    name: str
    is_right: bool
    flags: Sequence[Flag]
    true_flags: Sequence[Flag] | None
    pairs: Sequence[tuple[Measures, Measures]]
    is_fine: bool


def main(*folders: str) -> None:
    """Judge all results and write both tables."""
    command = "python -m benchmarks.accuracy.flags " + " ".join(folders)
    groups = {}
    for folder in folders:
        source, out = map(Path, folder.split("="))
        groups["real CT" if "ct" in source.name else "synthetic CT"] = [*judged(source, out)]
    for name, table in (("flags", flag_table(groups)), ("measurements", measure_table(groups))):
        text = "\n".join([f"# {table[0]}\n", f"```sh\n{command}\n```\n", *table[1:]]) + "\n"
        (RESULTS / f"{name}.md").write_text(text)
        print(text)


def judged(source: Path, out: Path) -> Iterator[Judged]:
    """Every result whose truth is known."""
    truth = levels.truth(source, out, body_centers_mm)
    for case in levels.cases(source):
        if case.name in truth and (out / f"{case.name}_report.json").is_file():
            yield judge(case, volume.read_ct(case.ct).image, truth[case.name], out)


def judge(case: Case, image, centers_mm: levels.Centers, out: Path) -> Judged:
    """One result."""
    ct = CT.of(image)
    result = result_of(Paths(out, case.name), ct)
    measured = measurements.of(result.vertebrae, result.label_map, image)
    found_mm = result.vertebrae.centers_mm
    right = levels.judged(found_mm, centers_mm) if found_mm else {}
    is_right = bool(right) and all(right.values()) and levels.all_found(found_mm, centers_mm)
    flags = quality.of_result(result, measured, image)
    is_fine = max(image.GetSpacing()) <= FINE_MM
    if case.labels is None:
        return Judged(case.name, is_right, flags, None, (), is_fine)
    true = true_measures(case, ct, centers_mm)
    pairs = [*paired(measured, true, right)]
    return Judged(case.name, is_right, flags, anatomy.flags(true.vertebrae), pairs, is_fine)


def result_of(paths: Paths, ct: CT) -> Result:
    """A saved result, with the peaks and probabilities on record."""
    centers = case_files.read_vertebrae(ct.placement.own, paths.of("vertebrae"))
    record = provenance.read(paths.of("provenance"), paths.of("report"))
    origin = record[paths.of("vertebrae").name]
    found = {
        label: Vertebra(
            v.center_mm, origin.certainty[label].peak, origin.certainty[label].confidence
        )
        for label, v in centers.items()
    }
    report = reading.read(paths.of("report"))
    assert report is not None
    label_map = volume.read_labels(paths.of("segmentation"))
    return Result(Spine(np.zeros(3), 1.0), Vertebrae(found, report.numbering), label_map)


def true_measures(case: Case, ct: CT, centers_mm: levels.Centers) -> Measured:
    """What the true masks measure."""
    found = Vertebrae({label: Vertebra(at, 1.0) for label, at in centers_mm.items()})
    truth = Result(Spine(np.zeros(3), 1.0), found, volume.read_labels(case.labels))
    return measurements.of(truth.vertebrae, truth.label_map, ct.image)


def paired(ours: Measured, true: Measured, right: dict[int, bool]) -> Iterator[tuple]:
    """Measures of the same vertebra: ours and the true ones."""
    known = {row.label: row.measures for row in true.vertebrae}
    for row in ours.vertebrae:
        if right.get(row.label) and row.label in known:
            yield row.measures, known[row.label]


def flag_table(groups: dict[str, Sequence[Judged]]) -> list[str]:
    """A row per flag: results with it, right and wrong, real and synthetic."""
    everything = [one for group in groups.values() for one in group]
    codes = sorted({flag.code for one in everything for flag in one.flags})
    columns = [
        (f"{name}, {word}", [one for one in group if one.is_right == is_right])
        for name, group in groups.items()
        for word, is_right in (("right", True), ("wrong", False))
    ]
    known = [one for one in everything if one.is_right and one.true_flags is not None]
    groups_named = [f"{name} ({len(group)})" for name, group in columns]
    of_masks = ("vertebrae in right results", "of these, the true mask raises it, too")
    rows = markdown.head(["flag", *groups_named, *of_masks])
    for code in codes:
        counts = (
            sum(any(f.code == code for f in one.flags) for one in group) for _, group in columns
        )
        rows.append(markdown.row([f"`{code}`", *counts, *_agreed(code, known)]))
    wrong = ", ".join(one.name for one in everything if not one.is_right) or "none"
    return ["Flags on right and on wrong results", *rows, f"\nWrong: {wrong}."]


def _agreed(code: str, known: Sequence[Judged]) -> tuple[object, object]:
    """How many flags there are, and how many of them the true masks raise; "" for other flags."""
    ours = [(one, flag.vertebra) for one in known for flag in one.flags if flag.code == code]
    if code not in OF_MASKS:
        return "", ""
    true = [{(f.code, f.vertebra) for f in one.true_flags or ()} for one, _ in ours]
    pairs = zip(ours, true, strict=True)
    return len(ours), sum((code, name) in flags for (_, name), flags in pairs)


def measure_table(groups: dict[str, Sequence[Judged]]) -> list[str]:
    """A row per measure: difference between our masks' and the true masks' measures."""
    rows = markdown.head(MEASURED)
    for measure in names(Measures):
        for name, group in groups.items():
            for word, is_fine in ((f"up to {FINE_MM:g} mm", True), ("coarser", False)):
                pairs = [pair for one in group if one.is_fine == is_fine for pair in one.pairs]
                rows += _measure_row(measure, f"{name}, {word}", pairs)
    return ["Measures of our masks beside those of the true masks", *rows]


def _measure_row(measure: str, name: str, pairs: Sequence[tuple[Measures, Measures]]) -> list[str]:
    both = np.array([[values(one)[measure] for one in pair] for pair in pairs]).reshape(-1, 2)
    both = both[np.isfinite(both[:, 1])]
    missing = int(np.isnan(both[:, 0]).sum())
    ours, true = both[np.isfinite(both[:, 0])].T
    if not len(ours):
        return []
    off = ours - true
    figures = (true.mean(), np.median(abs(off)), np.percentile(abs(off), 95))
    mean, median, most = (f"{figure:.2f}" for figure in figures)
    cells = (f"`{measure}`", name, len(off), mean, f"{off.mean():+.2f}", median, most, missing)
    return [markdown.row(cells)]


if __name__ == "__main__":
    main(*sys.argv[1:])
