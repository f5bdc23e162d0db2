"""One synthetic scan drawn, and one case run in a process of its own with the time of its parts.

python -m benchmarks.speed.bench_case SCAN ENGINE PRECISION COUNT
"""

import json
import sys
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import SimpleITK as sitk

from benchmarks.clock import Clock, memory_kb
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


def time_parts(clock: Clock) -> list[str]:
    """Have parts of a case run the clock; their names."""
    from versectl.batch import transaction
    from versectl.io import case_files, volume
    from versectl.networks.split_inference import Fitting
    from versectl.report import case_report
    from versectl.stages import numbering, segmentation

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
            setattr(owner, name, clock.timed(part, getattr(owner, name)))
    return [*parts]


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

    whole, clock = Clock(), Clock()
    boxes, parts = counted(), time_parts(clock)
    with whole.running("run"), tempfile.TemporaryDirectory() as folder:
        scans, out = Path(folder) / "scans", Path(folder) / "out"
        scans.mkdir()
        for number in range(int(count)):
            (scans / f"{number}_ct.nii.gz").symlink_to(Path(scan).absolute())
        options = ["--engine", engine, "--precision", precision, "--device", "cpu", "-q"]
        main(["run-all", str(scans), str(out), *options], standalone_mode=False)
        report = json.loads(next(out.glob("*_report.json")).read_text())
    return {
        "total": whole.total("run").wall_s,
        "cpu": whole.total("run").cpu_s,
        "memory GB": memory_kb() / 1e6,
        "vertebrae": len(report["vertebrae"]),
        "stages": report["seconds"],
        "parts": {part: clock.total(part).wall_s for part in parts if clock.count(part)},
        "boxes": boxes,
    }


if __name__ == "__main__":
    print(json.dumps(run(*sys.argv[1:])))
