"""One synthetic scan drawn, and one case run in a process of its own with the time of its parts.

python benchmarks/bench_case.py SCAN ENGINE PRECISION COUNT
"""

import functools
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk
from engines import cpu_s, memory_gb

from versectl import geometry
from versectl.config import Ranges, Stage
from versectl.geometry import Grid


class Size(NamedTuple):
    """A scan to draw: voxels and field of view, x, y, z; the spine from its lower end."""

    size_vox: tuple[int, int, int]
    view_mm: tuple[float, float, float]


#: chosen: from a small lumbar scan to the largest that is common; the last two show the same body.
SIZES = (
    Size((128, 128, 128), (190.0, 190.0, 190.0)),
    Size((256, 256, 256), (256.0, 256.0, 256.0)),
    Size((512, 512, 300), (380.0, 380.0, 300.0)),
    Size((512, 512, 700), (380.0, 380.0, 700.0)),
    Size((512, 512, 1400), (380.0, 380.0, 700.0)),
)

#: chosen: a body that is drawn quickly, and the same one in every run.
SEED, DRAWN_MM, BODY_MM, BELOW_MM, BEHIND_MM = 7, 2.0, 3.0, 60.0, 20.0


def draw(size: Size, path: Path) -> None:
    """Write the scan as 16-bit NIfTI: drawn coarsely, then interpolated to its own voxels."""
    from versectl.synth.bodies import anatomy, posture
    from versectl.synth.drawing import ct

    rng = np.random.default_rng(SEED)
    body = anatomy.build(posture.sample(rng), rng, BODY_MM)
    subject = ct.subject(body, Ranges(angle_deg=0.0, scale=0.0, bump_mm=0.0))
    x, y, low = min(subject.centroids_mm.values(), key=lambda point_mm: point_mm[2])
    middle_mm = (x, y - BEHIND_MM, low - BELOW_MM + size.view_mm[2] / 2)
    coarse = tuple(int(mm / DRAWN_MM) for mm in size.view_mm)
    scan = subject.scan(Grid.centered(middle_mm, coarse, (DRAWN_MM,) * 3), rng).ct
    spacing_mm = tuple(mm / vox for mm, vox in zip(size.view_mm, size.size_vox, strict=True))
    fine = geometry.resample(scan, Grid.centered(middle_mm, size.size_vox, spacing_mm))
    sitk.WriteImage(sitk.Cast(fine, sitk.sitkInt16), str(path), True, 1)


def timed() -> dict[str, float]:
    """Seconds that parts of a case take, filled while they run; those of threads are added up."""
    from versectl.batch import transaction
    from versectl.io import case_files, volume
    from versectl.networks.split_inference import Fitting
    from versectl.report import case_report
    from versectl.stages import numbering, segmentation

    seconds: dict[str, float] = {}
    parts = {
        "read": [(volume, "read_ct")],
        "resample": [(geometry, "network_input")],
        "network": [(Fitting, "__call__")],
        "sequence": [(numbering, "read")],
        "merge": [(segmentation, "place"), (segmentation, "closed"), (segmentation.Merged, "add")],
        "write": [(case_files, "write"), (transaction.Transaction, "commit")],
        "report": [(case_report, "done")],
    }
    for part, functions in parts.items():
        for owner, name in functions:
            setattr(owner, name, adding(getattr(owner, name), seconds, part))
    return seconds


def adding(function: Callable, seconds: dict[str, float], part: str) -> Callable:
    """The function, whose time is added to a part's."""

    @functools.wraps(function)
    def wrapper(*given: object, **named: object) -> object:
        start = perf_counter()
        try:
            return function(*given, **named)
        finally:
            seconds[part] = seconds.get(part, 0.0) + perf_counter() - start

    return wrapper


def counted() -> Counter[str]:
    """How many boxes of the usual size each stage's network sees, filled while they run."""
    from versectl.batch.case_run.steps import WatchedModels
    from versectl.types import Model

    boxes: Counter[str] = Counter()
    model_of = WatchedModels.model

    def counting(self: WatchedModels, stage: Stage) -> Model:
        model = model_of(self, stage)

        def answer(seen: np.ndarray) -> np.ndarray:
            boxes[stage] += np.prod(seen.shape[:3]) / np.prod(model.config.size_vox)
            return model.answer(seen)

        return replace(model, answer=answer)

    WatchedModels.model = counting
    return boxes


def run(scan: str, engine: str, precision: str, count: str) -> dict[str, object]:
    """Wall seconds per stage and part, CPU seconds of all, boxes, peak memory, vertebrae.

    count : so many copies of the scan are a batch; seconds per stage are those of one case.
    """
    from versectl.cli.main import main

    start, cpu = perf_counter(), cpu_s()
    boxes, parts = counted(), timed()
    with tempfile.TemporaryDirectory() as folder:
        scans, out = Path(folder) / "scans", Path(folder) / "out"
        scans.mkdir()
        for number in range(int(count)):
            (scans / f"{number}_ct.nii.gz").symlink_to(Path(scan).absolute())
        options = ["--engine", engine, "--precision", precision, "--device", "cpu", "-q"]
        main(["run-all", str(scans), str(out), *options], standalone_mode=False)
        report = json.loads(next(out.glob("*_report.json")).read_text())
    return {
        "total": perf_counter() - start,
        "cpu": cpu_s() - cpu,
        "memory GB": memory_gb(),
        "vertebrae": len(report["vertebrae"]),
        "stages": report["seconds"],
        "parts": parts,
        "boxes": boxes,
    }


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])))
