"""The report of one case: what was found, how sure, from what, by what, and what to look at."""

import platform
import sys
from collections.abc import Mapping
from importlib import metadata
from itertools import pairwise
from pathlib import Path

import numpy as np
import SimpleITK as sitk

import versectl
from versectl import geometry, labels
from versectl.errors import VersectlError
from versectl.io import atomic
from versectl.types import Result

#: Packages whose version can change a result.
PACKAGES = ("tensorflow", "keras", "SimpleITK", "numpy", "scipy")

#: A heatmap response below this deserves a look.
LOW_PEAK = 0.4

#: chosen: names less sure than this may all be one level off.
UNSURE = 0.95

DONE, FAILED = "done", "failed"


def done(case_name: str, ct: sitk.Image, result: Result, record: Mapping) -> dict:
    """The report of a finished case; `record` is what the run knows of itself."""
    vertebrae = describe(result)
    return {
        "case": case_name,
        "status": DONE,
        "warnings": warnings(vertebrae) + _portioned(record.get("portions", {})),
        "vertebrae": vertebrae,
        "spine": {
            "center_mm": np.round(result.spine.center_mm, 2),
            "peak": round(result.spine.peak, 3),
        },
        "grid": {
            "size_vox": ct.GetSize(),
            "spacing_mm": np.round(ct.GetSpacing(), 4),
            "direction": geometry.axis_letters(ct),
        },
        **record,
        "versions": versions(),
    }


def failed(case_name: str, error: VersectlError, record: Mapping) -> dict:
    """The report of a case that could not be done."""
    return {
        "case": case_name,
        "status": FAILED,
        "error": {"message": str(error), "exit_code": error.exit_code},
        **record,
        "versions": versions(),
    }


def read(path: Path) -> dict:
    """A report as done() or failed() made it; empty when there is none or it is something else."""
    try:
        told = atomic.read_json(path)
    except (OSError, ValueError):
        return {}
    if not isinstance(told, dict) or told.get("status") not in (DONE, FAILED):
        return {}
    parts = ("input", "outputs", "weights_sha256")
    return told if all(isinstance(told.get(part), dict) for part in parts) else {}


def describe(result: Result) -> list[dict]:
    """One row per vertebra, head to foot; NaN is what a centre from a file does not tell."""
    values = sitk.GetArrayViewFromImage(result.label_map)
    counts = np.bincount(values.ravel(), minlength=256)
    at_border = border_labels(values)
    voxel_ml = float(np.prod(result.label_map.GetSpacing())) / 1000.0
    return [
        {
            "label": label,
            "name": labels.NAMES.get(label, str(label)),
            "center_mm": np.round(vertebra.center_mm, 2),
            "peak": round(vertebra.peak, 3),
            "sure": round(vertebra.sure, 3),
            "volume_ml": round(counts[label] * voxel_ml, 3),
            "at_border": label in at_border,
        }
        for label, vertebra in result.vertebrae.items()
    ]


def border_labels(values: np.ndarray) -> set[int]:
    """Labels that touch a face of the volume: more of them may lie outside."""
    faces = [values.take(index, axis) for axis in range(3) for index in (0, -1)]
    return {int(label) for face in faces for label in np.unique(face)} - {0}


def warnings(vertebrae: list[dict]) -> list[str]:
    """One sentence for everything a reader should look at."""
    told = []
    if any(row["sure"] < UNSURE for row in vertebrae):
        told.append("The names are unsure: all of them may be one level off.")
    for row in vertebrae:
        if row["volume_ml"] == 0:
            told.append(f"{row['name']} has a centre but no voxel.")
        elif row["at_border"]:
            told.append(f"{row['name']} touches the border of the scan and may be cut.")
        if row["peak"] < LOW_PEAK:
            told.append(f"{row['name']} is unsure: its heatmap's peak is {row['peak']:.2f}.")
    for above, below in pairwise(vertebrae):
        if below["label"] not in labels.SUCCESSORS.get(above["label"], ()):
            told.append(f"There is a gap between {above['name']} and {below['name']}.")
    return told


def _portioned(portions: Mapping[str, int]) -> list[str]:
    """One sentence for every stage that did not fit into memory whole."""
    return [
        f"The {stage} was computed in {count} portions, for want of memory; it may differ a little."
        for stage, count in portions.items()
    ]


def versions() -> dict[str, str]:
    """versectl, Python and the packages that compute, as installed."""
    found = {"versectl": versectl.__version__, "python": platform.python_version()}
    for package in PACKAGES:
        found[package] = _version(package)
    return found


def peak_memory_mb() -> int | None:
    """The most memory this process has held so far; None where the system does not tell."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # kB, but bytes on macOS
    return round(peak / (1024 * 1024 if sys.platform == "darwin" else 1024))


def _version(package: str) -> str | None:
    for name in (package, f"{package}-cpu"):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return None
