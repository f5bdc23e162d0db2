"""Dice and Hausdorff distance of whole spines: ours beside the libraries people use.

    python -m benchmarks.speed.bench_metrics [--quick] [--limit-s 70]

Prints, for each drawn pair of label maps and each library, seconds (wall and CPU time, least of up
to three runs), extra memory, and the largest difference from ours, then the ratios in a table that
can be pasted into evaluation/results/bench_metrics.md. Libraries that are not installed are
skipped with a note; `pip install -r benchmarks/requirements-bench.txt` has them all. Linux only.
"""

import argparse
import multiprocessing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from versectl.evaluation import metrics

from benchmarks import markdown
from benchmarks.clock import Clock, memory_kb

Scores = dict[int, tuple[float, float | None]]  # label -> Dice, distance in mm
Measure = Callable[[np.ndarray, np.ndarray, tuple[float, float, float]], Scores]

LEVELS = tuple(range(8, 25))  # T1 to L5


# Drawing -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Pair:
    """Two label maps (z, y, x) of one spine."""

    name: str
    gt: np.ndarray
    predicted: np.ndarray
    spacing_mm: tuple[float, float, float]  # x, y, z

    @property
    def mvox(self) -> float:
        """Size in millions of voxels."""
        return self.gt.size / 1e6


def pairs(quick: bool) -> Iterator[Pair]:
    """Real sizes: 7 to 50 million voxels, with errors of every kind."""
    coarse, fine, slices = (1.0, 1.0, 1.0), (0.5, 0.5, 0.5), (0.4, 0.4, 1.25)
    gt = draw(coarse, seed=None)
    yield Pair("second reader, 1 mm", gt, draw(coarse, seed=1), coarse)
    yield Pair("dilated by 2 voxels, 1 mm", gt, dilated(gt), coarse)
    yield Pair("names off by one, 1 mm", gt, renamed(gt), coarse)
    yield Pair("one missing, one stray blob, 1 mm", gt, damaged(draw(coarse, seed=2)), coarse)
    if not quick:
        yield Pair("second reader, 0.4x0.4x1.25 mm", draw(slices, None), draw(slices, 3), slices)
        yield Pair("second reader, 0.5 mm", draw(fine, None), draw(fine, 4), fine)


def draw(spacing_mm: tuple[float, float, float], seed: int | None) -> np.ndarray:
    """Seventeen vertebrae along an S-curve in a volume of 110 x 130 x 440 mm.

    With a seed each vertebra is moved, turned and scaled a little, as a second reader would.
    """
    rng = np.random.default_rng(seed)
    spread = 0.0 if seed is None else 1.0
    shape = tuple(round(mm / step) for mm, step in zip((110, 130, 440), spacing_mm, strict=True))
    drawn = np.zeros(shape[::-1], np.uint8)
    below_mm = 8.0
    for level, label in reversed(list(enumerate(LEVELS))):
        height_mm = 14 + 0.8 * level
        at_mm = np.array(
            [
                55 + 6 * np.sin(level / 4),
                48 + 12 * np.cos(level / 5),
                below_mm + height_mm / 2,
            ]
        )
        vertebra = Vertebra(
            center_mm=at_mm + spread * rng.normal(0, 0.5, 3),
            height_mm=height_mm * (1 + spread * rng.normal(0, 0.03)),
            tilt=0.15 * np.sin(level / 3) + spread * rng.normal(0, 0.03),
            process_mm=30 + spread * rng.normal(0, 2),
        )
        vertebra.draw(drawn, label, spacing_mm)
        below_mm += height_mm + 3.5
    return drawn


@dataclass(frozen=True)
class Vertebra:
    """Body, arch, spinous and transverse processes."""

    center_mm: np.ndarray  # x, y, z of the body
    height_mm: float
    tilt: float  # rad, about x
    process_mm: float  # length of the spinous process

    def draw(self, volume: np.ndarray, label: int, spacing_mm: tuple[float, ...]) -> None:
        """Set the vertebra's voxels in a volume (z, y, x) whose first voxel is at 0."""
        low = np.floor(np.subtract(self.center_mm, (45, 25, 30)) / spacing_mm).astype(int).clip(0)
        high = np.ceil(np.add(self.center_mm, (45, 75, 30)) / spacing_mm).astype(int)
        box = volume[tuple(slice(a, b) for a, b in zip(low[::-1], high[::-1], strict=True))]
        z, y, x = (
            axis.astype(np.float32) * step + start * step - middle
            for axis, step, start, middle in zip(
                np.ogrid[tuple(slice(n) for n in box.shape)],
                spacing_mm[::-1],
                low[::-1],
                self.center_mm[::-1],
                strict=True,
            )
        )
        turned_y = np.cos(self.tilt) * y - np.sin(self.tilt) * z
        turned_z = np.sin(self.tilt) * y + np.cos(self.tilt) * z
        box[self._inside(x, turned_y, turned_z)] = label

    def _inside(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> np.ndarray:
        half = self.height_mm / 2
        waist = 1 - 0.12 * np.cos(z / half * np.pi / 2)
        body = ((x / 20) ** 2 + (y / 14) ** 2 <= waist**2) & (np.abs(z) <= half)
        ring = ((x / 15) ** 2 + ((y - 20) / 12) ** 2 <= 1) & (
            (x / 10) ** 2 + ((y - 20) / 8) ** 2 > 1
        )
        arch = ring & (np.abs(z) <= 0.7 * half)
        process = (np.abs(x) <= 3) & (y >= 28) & (y <= 28 + self.process_mm)
        spinous = process & (np.abs(z + 0.4 * (y - 28)) <= 6)
        transverse = (
            (np.abs(x) >= 10) & (np.abs(x) <= 34) & (np.abs(y - 18) <= 4) & (np.abs(z) <= 4)
        )
        return body | arch | spinous | transverse


def dilated(labels: np.ndarray) -> np.ndarray:
    """Every label grown by two voxels into the background."""
    from scipy import ndimage

    distance, nearest = ndimage.distance_transform_edt(labels == 0, return_indices=True)
    return np.where(distance <= 2, labels[tuple(nearest)], 0).astype(np.uint8)


def renamed(labels: np.ndarray) -> np.ndarray:
    """Every vertebra with the name of the next one below."""
    return np.where(labels > 0, labels + 1, 0).astype(np.uint8)


def damaged(labels: np.ndarray) -> np.ndarray:
    """One vertebra missing, and a blob of another far away."""
    damaged = np.where(labels == LEVELS[4], 0, labels).astype(np.uint8)
    damaged[3:11, 5:25, 5:25] = LEVELS[1]
    return damaged


# Libraries: each function imports what it needs and returns the measure ------------------------


def ours_voxel() -> Measure:
    """This project, distance between voxel sets."""
    return lambda gt, predicted, spacing_mm: _ours(gt, predicted, spacing_mm, "voxel")


def ours_surface() -> Measure:
    """This project, distance between border voxels."""
    return lambda gt, predicted, spacing_mm: _ours(gt, predicted, spacing_mm, "surface")


def _ours(
    gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...], distance: str
) -> Scores:
    found = metrics.compare(gt, predicted, spacing_mm, range(1, 29), distance)
    return {label: (overlap.dice, overlap.distance_mm) for label, overlap in found.items()}


def simpleitk_full() -> Measure:
    """SimpleITK's filters on whole volumes, label by label."""
    import SimpleITK as sitk

    def measure(gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...]) -> Scores:
        return {
            label: _simpleitk(sitk, *masks, spacing_mm) for label, masks in _masks(gt, predicted)
        }

    return measure


def simpleitk_cropped() -> Measure:
    """SimpleITK's filters, each label cropped by hand to the box of both masks."""
    import SimpleITK as sitk
    from scipy import ndimage

    def measure(gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...]) -> Scores:
        ours, theirs = ndimage.find_objects(gt), ndimage.find_objects(predicted)
        scores = {}
        for label in range(1, 1 + max(len(ours), len(theirs))):
            both = [found[label - 1] for found in (ours, theirs) if label <= len(found)]
            both = [box for box in both if box is not None]
            if both:
                box = tuple(
                    slice(min(b[i].start for b in both), max(b[i].stop for b in both))
                    for i in range(3)
                )
                masks = gt[box] == label, predicted[box] == label
                scores[label] = _simpleitk(sitk, *masks, spacing_mm)
        return scores

    return measure


def _simpleitk(
    sitk: object, one: np.ndarray, other: np.ndarray, spacing_mm: tuple[float, ...]
) -> tuple[float, float | None]:
    images = [sitk.GetImageFromArray(mask.view(np.uint8)) for mask in (one, other)]
    for image in images:
        image.SetSpacing(spacing_mm)
    overlap = sitk.LabelOverlapMeasuresImageFilter()
    overlap.Execute(*images)
    if not (one.any() and other.any()):
        return 0.0, None
    hausdorff = sitk.HausdorffDistanceImageFilter()
    hausdorff.Execute(*images)
    return overlap.GetDiceCoefficient(1), hausdorff.GetHausdorffDistance()


def medpy_full() -> Measure:
    """MedPy on whole volumes, label by label."""
    from medpy.metric import binary

    def measure(gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...]) -> Scores:
        return {
            label: (
                binary.dc(*masks),
                binary.hd(*masks, voxelspacing=spacing_mm[::-1]) if _both(masks) else None,
            )
            for label, masks in _masks(gt, predicted)
        }

    return measure


def monai_per_label() -> Measure:
    """MONAI, one label at a time (one-hot of all labels takes gigabytes)."""
    import torch
    from monai.metrics import compute_dice, compute_hausdorff_distance

    def measure(gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...]) -> Scores:
        scores = {}
        for label, masks in _masks(gt, predicted):
            truth, guess = (torch.from_numpy(mask)[None, None] for mask in masks)
            dice = compute_dice(guess, truth, ignore_empty=False)
            distance = None
            if _both(masks):
                distance = float(
                    compute_hausdorff_distance(
                        guess, truth, include_background=True, spacing=spacing_mm[::-1]
                    )
                )
            scores[label] = float(dice), distance
        return scores

    return measure


def panoptica_matched() -> Measure:
    """Panoptica on matched instances; crops each label by itself."""
    from panoptica.instance_evaluator import evaluate_matched_instance
    from panoptica.metrics import Metric
    from panoptica.utils.processing_pair import MatchedInstancePair

    def measure(gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...]) -> Scores:
        here, there = _labels(gt), _labels(predicted)
        matched = sorted(here & there)
        pair = MatchedInstancePair(predicted, gt, matched_instances=matched)
        found = evaluate_matched_instance(
            pair, [Metric.DSC, Metric.HD], decision_metric=None, voxelspacing=spacing_mm[::-1]
        ).list_metrics
        scores = dict.fromkeys(here ^ there, (0.0, None))
        return scores | dict(
            zip(matched, zip(found[Metric.DSC], found[Metric.HD], strict=True), strict=True)
        )

    return measure


def surface_distance() -> Measure:
    """DeepMind's surface-distance: another definition, surface elements on voxel corners."""
    np.Inf = np.inf  # release 0.1 needs a name that NumPy 2 has dropped
    import surface_distance as library

    def measure(gt: np.ndarray, predicted: np.ndarray, spacing_mm: tuple[float, ...]) -> Scores:
        scores = {}
        for label, masks in _masks(gt, predicted):
            distance = None
            if _both(masks):
                found = library.compute_surface_distances(*masks, spacing_mm[::-1])
                distance = library.compute_robust_hausdorff(found, 100)
            scores[label] = library.compute_dice_coefficient(*masks), distance
        return scores

    return measure


def _labels(labels: np.ndarray) -> set[int]:
    return set(np.flatnonzero(np.bincount(labels.ravel())).tolist()) - {0}


def _masks(
    gt: np.ndarray, predicted: np.ndarray
) -> Iterator[tuple[int, tuple[np.ndarray, np.ndarray]]]:
    for label in sorted(_labels(gt) | _labels(predicted)):
        yield label, (gt == label, predicted == label)


def _both(masks: tuple[np.ndarray, np.ndarray]) -> bool:
    return bool(masks[0].any() and masks[1].any())


@dataclass(frozen=True)
class Library:
    """A way to get the figures; `definition` is V (voxel sets), S (surfaces) or F (facets)."""

    name: str
    definition: str
    load: Callable[[], Measure]
    package: str | None = None
    off_the_shelf: bool = True


LIBRARIES = (
    Library("versectl", "V", ours_voxel),
    Library("SimpleITK", "V", simpleitk_full, "SimpleITK"),
    Library("SimpleITK, cropped by hand", "V", simpleitk_cropped, "SimpleITK", off_the_shelf=False),
    Library("versectl, surface", "S", ours_surface),
    Library("MedPy", "S", medpy_full, "MedPy"),
    Library("MONAI", "S", monai_per_label, "monai"),
    Library("panoptica", "S", panoptica_matched, "panoptica"),
    Library("surface-distance", "F", surface_distance, "surface-distance"),
)

OURS = {"V": "versectl", "S": "versectl, surface"}


# Measuring ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Timing:
    """One library on one pair."""

    wall_s: float
    cpu_s: float
    extra_mb: float
    scores: Scores


def measure(library: Library, pair: Pair) -> Timing:
    """Run in a process of its own, so that memory is this library's alone."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_measure_into, args=(sender, library, pair))
    child.start()
    sender.close()
    try:
        return receiver.recv()
    except EOFError:
        raise MemoryError(f"{library.name} ended without an answer") from None
    finally:
        child.join()


def _measure_into(sender: object, library: Library, pair: Pair) -> None:
    run = library.load()
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak of what was before
    before_mb = memory_kb("VmRSS") / 1024
    clock = Clock()
    while clock.count("run") < 3 and clock.total("run").wall_s < 6:
        with clock.running("run"):
            scores = run(pair.gt, pair.predicted, pair.spacing_mm)
    sender.send(Timing(*clock.least("run"), memory_kb() / 1024 - before_mb, scores))


def largest_difference(one: Scores, other: Scores) -> tuple[float, float]:
    """Of Dice and of distance in mm; infinite when a label or a distance is on one side only."""
    if one.keys() != other.keys():
        return np.inf, np.inf
    dice = max(abs(one[label][0] - other[label][0]) for label in one)
    distances = [(one[label][1], other[label][1]) for label in one]
    if any((a is None) != (b is None) for a, b in distances):
        return dice, np.inf
    return dice, max((abs(a - b) for a, b in distances if a is not None), default=0.0)


def _versions() -> dict[str, str | None]:
    found = {}
    for library in LIBRARIES:
        if library.package:
            try:
                found[library.package] = version(library.package)
            except PackageNotFoundError:
                found[library.package] = None
    return found


# Printing ----------------------------------------------------------------------------------------


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="only the pairs at 1 mm")
    parser.add_argument("--limit-s", type=float, default=70, help="skip what would take longer")
    options = parser.parse_args()
    versions = _versions()
    for package, found in versions.items():
        print(f"{package} {found or 'is not installed: skipped'}")
    print("V voxel sets, S border voxels, F surface elements; differences from ours in Dice / mm\n")
    head = ("pair", "library", "def.", "wall s", "CPU s", "MB", "difference")
    print(*markdown.head(head), sep="\n")
    timings: dict[str, dict[str, Timing]] = {}
    rates: dict[str, float] = {}
    for pair in pairs(options.quick):
        row = timings[pair.name] = {}
        for library in LIBRARIES:
            if library.package and versions[library.package] is None:
                continue
            if rates.get(library.name, 0) * pair.mvox > options.limit_s:
                slow = (pair.name, library.name, library.definition, "too slow", "", "", "")
                print(markdown.row(slow))
                continue
            row[library.name] = timing = measure(library, pair)
            rates[library.name] = timing.wall_s / pair.mvox
            _print_row(pair, library, timing, row)
    print()
    _print_ratios(timings)


def _print_row(pair: Pair, library: Library, timing: Timing, row: dict[str, Timing]) -> None:
    difference = "other definition"
    if library.definition in OURS:
        dice, mm = largest_difference(row[OURS[library.definition]].scores, timing.scores)
        difference = f"{dice:.1g} / {mm:.1g}"
    print(
        f"| {pair.name} ({pair.mvox:.0f} Mvoxel) | {library.name} | {library.definition} "
        f"| {timing.wall_s:.3f} | {timing.cpu_s:.3f} | {timing.extra_mb:.0f} | {difference} |",
        flush=True,
    )


def _print_ratios(timings: dict[str, dict[str, Timing]]) -> None:
    """How many times faster ours is, per pair and in the median."""
    published = {
        definition: [
            library.name
            for library in LIBRARIES
            if library.definition == definition and library.off_the_shelf and library.package
        ]
        for definition in OURS
    }
    contests = {
        "V: fastest off the shelf": ("V", published["V"]),
        "V: SimpleITK cropped by hand": ("V", ["SimpleITK, cropped by hand"]),
        "S: fastest off the shelf": ("S", published["S"]),
    }
    print(*markdown.head(["times faster than", "clock", *timings, "median"]), sep="\n")
    for title, (definition, rivals) in contests.items():
        for clock in ("wall_s", "cpu_s"):
            ratios = [_ratio(row, OURS[definition], rivals, clock) for row in timings.values()]
            cells = ["-" if np.isnan(ratio) else f"{ratio:.1f}" for ratio in ratios]
            print(markdown.row([title, clock[:-2], *cells, f"{np.nanmedian(ratios):.1f}"]))


def _ratio(row: dict[str, Timing], ours: str, rivals: list[str], clock: str) -> float:
    seconds = [getattr(row[rival], clock) for rival in rivals if rival in row]
    return min(seconds, default=np.nan) / getattr(row[ours], clock)


if __name__ == "__main__":
    main()
