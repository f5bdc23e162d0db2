"""Fits the model of postures that synthetic spines are sampled from.

usage: python -m benchmarks.priors.fit_postures KEYPOINTS    vid_keypoints.csv.gz

Writes versectl/synth/bodies/postures.json: means, factors and remaining standard deviations of what
`keypoints.measured` gives. Most scans show a part of the spine, so factors are found by
expectation maximisation (factor analysis with missing values): what a scan does not show is taken
from people who are like it where it can be seen. Left and right are mirror images, so coronal tilts
and axial turns have mean 0 and factors of their own.
"""

import json
import sys
from pathlib import Path

import numpy as np

from benchmarks.priors import keypoints

OUT = Path(__file__).parents[2] / "versectl" / "synth" / "bodies" / "postures.json"

#: Group -> its features and number of factors; chosen: more change the comparison little.
GROUPS = {
    "upright": (("log_distance", "sagittal_deg", "wedge_deg", "log_span"), 14),
    "sideways": (("coronal_deg", "turn_deg"), 8),
}

#: chosen: values farther from the median than so many robust standard deviations are mistakes.
OUTLIER, TO_SD = 4.5, 1.4826

#: chosen: as if so many more people had been seen in whom a factor changes nothing.
RIDGE = 3.0

ITERATIONS = 200

#: chosen: a feature that fewer scans show is left out.
FEWEST = 20


def main(source: Path) -> None:
    """Fit and write."""
    scans = keypoints.read(source)
    measured = keypoints.measured(scans)
    measured["wedge_deg"] = about_own_mean(measured["wedge_deg"])
    groups = {
        name: fitted([measured[feature] for feature in features], count, name == "sideways")
        | {"features": list(features)}
        for name, (features, count) in GROUPS.items()
    }
    content = {
        "source": "ImFusion VID keypoints (Bürgin, Prevost, Stollenga), statistics of "
        f"{len(scans)} annotated scans",
        "licence": "CC BY-SA 4.0",
        "made_by": "benchmarks/priors/fit_postures.py",
        "frequencies": {n: round(f, 4) for n, f in keypoints.frequencies(scans).items()},
        "groups": groups,
    }
    OUT.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")) + "\n")
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} kB from {len(scans)} scans")


def fitted(features: list[np.ndarray], count: int, is_mirrored: bool) -> dict[str, list]:
    """A group's mean, range, factors and remaining deviations, (features, 24) each."""
    values = np.concatenate(features, axis=1)
    values[:, np.isfinite(values).sum(axis=0) < FEWEST] = np.nan
    values = without_outliers(values, is_mirrored)
    seen = np.isfinite(values)
    known = seen.any(axis=0)
    center = np.zeros(len(known)) if is_mirrored else _nan(np.nanmean, values, known)
    spread = _nan(lambda v, axis: np.sqrt(np.nanmean(v**2, axis)), values - center, known)
    scaled = np.where(seen & known, (values - center) / np.where(known, spread, 1), np.nan)
    loadings, rest = factors(scaled, count)
    low, high = (
        _nan(lambda v, axis, q=q: np.nanquantile(v, q, axis), values, known) for q in (0, 1)
    )
    if is_mirrored:
        high = np.maximum(high, -low)
        low = -high
    shape = (len(features), -1)
    return {
        "mean": _rows(center, known, shape),
        "low": _rows(low, known, shape),
        "high": _rows(high, known, shape),
        "rest": _rows(rest * spread, known, shape),
        "factors": [_rows(f * spread, known, shape) for f in loadings.T],
    }


def about_own_mean(wedge_deg: np.ndarray) -> np.ndarray:
    """Tilts of vertebrae against their neighbours; how high people's pedicles lie taken out."""
    seen = np.isfinite(wedge_deg)
    filled = np.where(seen, wedge_deg, 0.0)
    away = np.where(seen, filled - filled.sum(axis=0) / np.maximum(seen.sum(axis=0), 1), 0.0)
    count = seen.sum(axis=1, keepdims=True)
    own = away.sum(axis=1, keepdims=True) / np.maximum(count, 1)
    return np.where(seen & (count >= 4), away - own, np.nan)


def without_outliers(values: np.ndarray, is_mirrored: bool) -> np.ndarray:
    """The values (scans, features) with NaN in place of what is likely a mistake."""
    known = np.isfinite(values).any(axis=0)
    middle, limit = np.zeros((2, values.shape[1]))
    if not is_mirrored:
        middle[known] = np.nanmedian(values[:, known], axis=0)
    away = np.abs(values - middle)
    limit[known] = OUTLIER * TO_SD * np.nanmedian(away[:, known], axis=0)
    return np.where(away <= limit, values, np.nan)


def factors(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Loadings (features, count) and remaining SDs (features,) of standardised values with gaps."""
    seen = np.isfinite(values)
    filled = np.where(seen, values, 0.0)
    size = values.shape[1]
    loadings = np.random.default_rng(0).normal(0, 0.3, (size, count))
    rest = np.full(size, 0.5)
    for _ in range(ITERATIONS):
        precise = np.where(seen, 1 / rest, 0.0)  # (scans, features)
        outer = np.einsum("df,dg->dfg", loadings, loadings)
        spread = np.linalg.inv(np.eye(count) + np.einsum("nd,dfg->nfg", precise, outer))
        mean = np.einsum("nfg,ng->nf", spread, (precise * filled) @ loadings)
        second = spread + np.einsum("nf,ng->nfg", mean, mean)
        sums = np.einsum("nd,nfg->dfg", seen.astype(float), second) + RIDGE * np.eye(count)
        cross = filled.T @ mean
        loadings = np.linalg.solve(sums, cross[..., None])[..., 0]
        explained = np.einsum("df,df->d", loadings, cross)
        total = (filled**2).sum(axis=0)
        rest = np.clip((total - explained) / np.maximum(seen.sum(axis=0), 1), 0.02, None)
    unseen = ~seen.any(axis=0)
    rest[unseen], loadings[unseen] = 0.0, 0.0
    return loadings, np.sqrt(rest)


def _nan(reduce, values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """A column statistic; 0 for columns hardly ever seen."""
    out = np.zeros(values.shape[1])
    out[known] = reduce(values[:, known], axis=0)
    return out


def _rows(values: np.ndarray, known: np.ndarray, shape: tuple[int, int]) -> list:
    """Rows of a table; None where nothing was measured."""
    rounded = np.round(values, 4)
    return np.where(known, rounded, None).reshape(shape).tolist()


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
