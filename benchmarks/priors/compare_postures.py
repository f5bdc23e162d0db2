"""Sets synthetic postures beside those of the keypoints: a table, and docs/pictures/postures.png.

usage: python -m benchmarks.priors.compare_postures KEYPOINTS    vid_keypoints.csv.gz

Per feature and level: mean and standard deviation of the people measured (mistakes of marking left
out, as in fit_postures.py) and of 2 000 synthetic people without the rare ones.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np

from benchmarks.priors import fit_postures, keypoints
from versectl import labels
from versectl.synth.bodies import population

matplotlib.use("Agg")
from matplotlib import pyplot

OUT = Path(__file__).parents[2] / "docs" / "pictures" / "postures.png"

COUNT = 2000

#: Feature of the keypoints -> of a synthetic posture, title, and whether left and right are alike.
SHOWN = {
    "log_distance": ("distance_mm", "distance to the next centre, mm", False),
    "sagittal_deg": ("sagittal_deg", "sagittal tilt of the step, degrees", False),
    "log_span": ("span_mm", "distance between pedicles, mm", False),
    "coronal_deg": ("coronal_deg", "coronal tilt of the step, degrees", True),
    "turn_deg": ("turn_deg", "axial turn, degrees", True),
    "wedge_deg": ("wedge_deg", "own tilt beyond the steps' mean, degrees", False),
}


def main(source: Path) -> None:
    """Compare, print and draw."""
    real = keypoints.measured(keypoints.read(source))
    real["wedge_deg"] = fit_postures.about_own_mean(real["wedge_deg"])
    rng = np.random.default_rng(0)
    people = [population.sample(rng) for _ in range(COUNT)]
    figure, axes = pyplot.subplots(2, 3, figsize=(13, 7), layout="constrained")
    for axis, (feature, (name, title, is_mirrored)) in zip(axes.flat, SHOWN.items(), strict=True):
        values = real[feature]
        values = fit_postures.without_outliers(values, is_mirrored)
        measured = np.exp(values) if feature.startswith("log") else values
        seen = np.isfinite(measured).sum(axis=0) >= fit_postures.FEWEST
        synthetic = np.array([getattr(person, name) for person in people])
        print_rows(title, measured[:, seen], synthetic[:, seen], np.flatnonzero(seen))
        draw(axis, (measured, synthetic), seen)
        axis.set_title(title, fontsize=10)
    axes[0, 0].legend(fontsize=8)
    figure.savefig(OUT, dpi=75)
    print(OUT)


def print_rows(title: str, measured: np.ndarray, synthetic: np.ndarray, at: np.ndarray) -> None:
    """A line per level: mean and standard deviation, measured and synthetic."""
    print(f"\n{title}\nlevel  scans  measured       synthetic")
    for index, level in enumerate(at):
        one = measured[np.isfinite(measured[:, index]), index]
        other = synthetic[:, index]
        print(
            f"{labels.NAMES[int(level) + 1]:>5}  {len(one):5d}  {one.mean():6.2f} ±{one.std():5.2f}"
            f"  {other.mean():6.2f} ±{other.std():5.2f}"
        )


def draw(axis: pyplot.Axes, both: tuple[np.ndarray, np.ndarray], seen: np.ndarray) -> None:
    """Medians and the range of 90 % by level; people measured and synthetic ones."""
    at = np.flatnonzero(seen)
    for values, colour, name, shift in zip(
        both, ("tab:blue", "tab:orange"), ("measured", "synthetic"), (-0.15, 0.15), strict=True
    ):
        low, middle, high = np.nanquantile(values[:, seen], (0.05, 0.5, 0.95), axis=0)
        spread = np.stack([middle - low, high - middle])
        axis.errorbar(at + shift, middle, spread, fmt=".", color=colour, label=name, capsize=2)
    axis.set_xticks(at, [labels.NAMES[int(n) + 1] for n in at], rotation=90, fontsize=7)
    axis.grid(alpha=0.3)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
