"""Keypoints of spines -> what is measured of a posture, one row per scan.

The file is that of the ImFusion VID data set (CC BY-SA 4.0): body centre and both pedicles of every
vertebra, world mm, x to the left, y to the back, z up.
"""

import csv
import gzip
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np

#: C1 to L5; steps go from each of these to the next, the last one to the sacrum.
LEVELS = tuple(range(1, 25))
C2, T11, T12, L1, L5, L6 = 2, 18, 19, 20, 24, 25

#: VerSe's centroids lie so far from the keypoints' body centres towards the middle of the pedicles:
#: in sub-verse004, the one scan here with both in one world, 4.2 mm more posterior (T9 to L5).
TOWARDS_PEDICLES = 0.18

#: A synthetic C2 has its origin in its body; the keypoints' centre lies higher, by this share of
#: the distance to C3: C2 and C3 are 18.4 mm apart in the landmarks of 193 VerSe volumes. C1 comes
#: down with it.
AXIS_RAISED = 0.22

#: Elevation of the pedicles' middle from an upright body's centre, L5: the mean tilt of its lower
#: step is then 23 degrees, as between L5 and the sacrum in VerSe.
L5_ELEVATION_DEG = 10.0

#: In these vertebrae left and right pedicles are marked too loosely to show turn and width.
LOOSE = slice(2, 7)

#: Vertebrae whose own tilt the pedicles show: T3 to L4.
TILTED = slice(9, 23)

Points = Mapping[int, np.ndarray]  # label -> centre, left and right pedicle (3, 3)


def read(path: Path) -> dict[str, dict[int, np.ndarray]]:
    """Scan -> label -> body centre, left and right pedicle in mm (3, 3); scans with all of them."""
    scans: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    with gzip.open(path, "rt", newline="") as file:
        for row in csv.DictReader(file):
            point = [[row[f"{side}{a}"] or "nan" for a in "xyz"] for side in ("", "l", "r")]
            scans[f"{row['scan']} {row['id']}"][int(row["label"])] = np.array(point, float)
    marked = {n: scan for n, scan in scans.items() if np.isfinite(list(scan.values())).all()}
    return {name: _centered(scan) for name, scan in marked.items()}


def measured(scans: Mapping[str, Points]) -> dict[str, np.ndarray]:
    """Feature -> (scans, 24), NaN where a scan does not show it; as in `population.Posture`."""
    rows = [_of_scan(scan) for scan in scans.values()]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def frequencies(scans: Mapping[str, Points]) -> dict[str, float]:
    """How often VerSe scans that show the place lack T12 or have an L6."""
    verse = [scan for name, scan in scans.items() if name.startswith("verse")]
    passing = [scan for scan in verse if T11 in scan and L1 in scan]
    ending = [scan for scan in verse if L5 in scan]
    return {
        "T12_absent": float(np.mean([T12 not in scan for scan in passing])),
        "L6": float(np.mean([L6 in scan for scan in ending])),
    }


def _centered(scan: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """The scan with centres of vertebral bodies where VerSe and synthetic vertebrae have them."""
    moved = {label: points.copy() for label, points in scan.items()}
    for label in moved.keys() - {1}:
        center_mm, *pedicles_mm = scan[label]
        moved[label][0] += TOWARDS_PEDICLES * (np.mean(pedicles_mm, axis=0) - center_mm)
    if C2 in moved and C2 + 1 in moved:
        down_mm = AXIS_RAISED * (moved[C2 + 1][0] - moved[C2][0])
        for label in moved.keys() & {1, C2}:
            moved[label][0] += down_mm
    return moved


def _of_scan(scan: Points) -> dict[str, np.ndarray]:
    steps = np.array([_step(scan, label) for label in LEVELS])
    spans = np.array([_left(scan, label) for label in LEVELS])
    sagittal_deg = _degrees(steps[:, 1], -steps[:, 2])
    own_deg = _degrees(*_rearward(scan))
    sagittal_deg[-1] = 2 * (own_deg[-1] - L5_ELEVATION_DEG) - sagittal_deg[-2]
    between_deg = np.append(np.nan, (sagittal_deg[:-1] + sagittal_deg[1:]) / 2)
    wedge_deg = np.full(len(LEVELS), np.nan)
    wedge_deg[TILTED] = (own_deg - between_deg)[TILTED]
    turn_deg = _degrees(spans[:, 1], spans[:, 0])
    coronal_deg = _degrees(steps[:, 0], -steps[:, 2])
    coronal_deg[0] = np.nan  # the front of a turned atlas lies beside the spine
    turn_deg[LOOSE] = spans[LOOSE] = np.nan
    length_mm, span_mm = np.linalg.norm(steps, axis=1), np.linalg.norm(spans, axis=1)
    return {
        "log_distance": np.log(length_mm),
        "sagittal_deg": sagittal_deg,
        "wedge_deg": wedge_deg,
        "log_span": np.log(span_mm),
        "coronal_deg": coronal_deg,
        "turn_deg": turn_deg,
    }


def _step(scan: Points, label: int) -> np.ndarray:
    if label not in scan or label + 1 not in scan or label == L5:
        return np.full(3, np.nan)
    return scan[label + 1][0] - scan[label][0]


def _left(scan: Points, label: int) -> np.ndarray:
    return scan[label][1] - scan[label][2] if label in scan else np.full(3, np.nan)


def _rearward(scan: Points) -> np.ndarray:
    """How far the pedicles' middle lies above and behind each body's centre, (2, 24)."""
    rows = [
        scan[label][1:].mean(axis=0) - scan[label][0] if label in scan else np.full(3, np.nan)
        for label in LEVELS
    ]
    return np.array(rows)[:, [2, 1]].T


def _degrees(opposite: np.ndarray, adjacent: np.ndarray) -> np.ndarray:
    return np.degrees(np.arctan2(opposite, adjacent))
