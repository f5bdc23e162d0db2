"""What one engine makes of a GPU: its start, a case in each precision, a call, a batch of scans.

bench_gpu.py starts it, for each engine in a process of its own. It prints a line of JSON for each
part as soon as that is measured.

    python -m benchmarks.gpu.gpu_engine '{"engine": "torch", "device": "gpu", ...}'
"""

import itertools
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.clock import Clock
from benchmarks.gpu import gpu_clock

#: chosen: boxes that a network is given at once, to see whether that keeps a GPU busier.
BOXES_AT_ONCE = (1, 2, 4)

#: chosen: calls of which the quickest counts.
CALLS = 3

#: chosen: share of the GPU memory that a case takes which it is left in the end.
LIMITED = 0.6

#: chosen: how long a file that another process writes is waited for between two looks, s.
LOOK_S = 0.1


@dataclass(frozen=True)
class Asked:
    """What to measure.

    parts : of PARTS. scan : the CT of a case. batch : CTs of a batch, a file may come again.
    reference : where results of the CPU are, or go. until : the time when no part begins any more.
    precisions : of a case; the first is what the others are compared with.
    ways : cases at a time in the batch; 0 is one that computes while another is read and written.
    waits : whether the batch begins only when a line comes in.
    """

    engine: str
    device: str
    parts: tuple[str, ...]
    scan: str
    batch: tuple[str, ...]
    reference: str
    until: float
    precisions: tuple[str, ...]
    fast: bool = False
    ways: tuple[int, ...] = ()
    waits: bool = False

    @property
    def is_over(self) -> bool:
        """Whether the time is."""
        return time.time() > self.until


class Found(NamedTuple):
    """Results of a case: label map (z, y, x); label -> centre (3,) in mm."""

    label_map: np.ndarray
    centers_mm: dict[str, list[float]]


def main(asked: Asked) -> None:
    """Measure part after part, while there is time."""
    from versectl.networks import device

    device.set_environment()
    start = perf_counter()
    from versectl.networks.engines import choice

    ready = choice.prepare(asked.engine, asked.device)
    started = {"import s": perf_counter() - start, **asdict(ready.engine)}
    print_part("start", asked, started)
    clock = Clock()
    gpu_clock.measure(ready.library, clock)
    for name in asked.parts:
        PARTS[name](asked, clock)


def print_part(part: str, asked: Asked, found: dict[str, Any]) -> None:
    """Print what was found."""
    print(json.dumps({"part": part, "engine": asked.engine, **found}), flush=True)


def reference(asked: Asked, _clock: Clock) -> None:
    """Results of a case in float32 for others to compare with; with the device of this process."""
    there(asked.scan)
    seconds, found = run(asked.scan, models_of(asked, "float32"))
    write_found(found, asked.reference)
    print_part("reference", asked, {"stages": seconds, "vertebrae": len(found.centers_mm)})


def case(asked: Asked, clock: Clock) -> None:
    """A case in each precision, cold and warm, beside the CPU's results and the first precision."""
    there(asked.scan)
    first = None
    for precision in asked.precisions:
        if asked.is_over:
            return
        measured: dict[str, Any] = {"precision": precision}
        models = models_of(asked, precision)
        gpu_clock.forget_peak(asked.engine)
        for state in ("cold", "warm"):
            with gpu_clock.card() as card, gpu_clock.spending(clock) as spent:
                stages, found = run(asked.scan, models)
            measured[state] = {**spent, **card, "stages": stages}
        first = first or found
        measured["peak MB"] = gpu_clock.peak_mb(asked.engine)
        measured["beside CPU"] = agreement(found, read_found(asked.reference))
        measured[f"beside {asked.precisions[0]}"] = agreement(found, first)
        print_part("case", asked, measured)


def calls(asked: Asked, _clock: Clock) -> None:
    """Milliseconds of a network per box, for so many boxes at once; PyTorch also tuned to it."""
    from versectl.config import DEFAULT
    from versectl.networks import architectures, weights
    from versectl.networks.engines import choice

    ready = choice.prepare(asked.engine, asked.device, "auto")
    precision = ready.engine.precision
    plans = [*((boxes, False) for boxes in BOXES_AT_ONCE), *[(1, True)] * (asked.engine == "torch")]
    for stage, (boxes, tuned) in itertools.product(("vertebrae", "segmentation"), plans):
        if asked.is_over:
            return
        gpu_clock.tune(asked.engine, tuned)
        network = DEFAULT[stage].network
        shape = (boxes, *DEFAULT[stage].size_vox[::-1], network.inputs)
        seen = np.random.default_rng(1).normal(size=shape).astype(np.float32)
        with ready.library.scope(ready.place):
            built = architectures.build(network, precision, ready.library.LAYOUT, drawn=False)
            built.load_weights(weights.describe(None, stage).file)
            laps = [timed(built.predict_on_batch, seen) for _ in range(CALLS + 1)]
        found = {"precision": precision, "network": stage, "boxes": boxes, "tuned": tuned}
        print_part("calls", asked, found | {"ms per box": 1000 * min(laps[1:]) / boxes})
        gpu_clock.tune(asked.engine, False)  # what follows is measured as users run it


def timed(function: Callable[[np.ndarray], object], seen: np.ndarray) -> float:
    """Seconds of a call."""
    start = perf_counter()
    function(seen)
    return perf_counter() - start


def batch(asked: Asked, clock: Clock) -> None:
    """A batch of scans in one process, for several numbers of cases in it at a time.

    In the precision that is taken by itself, as are single boxes.
    """
    for path in asked.batch:
        there(path)
    models = models_of(asked, "auto")
    run(asked.batch[0], models)  # loads and compiles
    if asked.waits:
        print_part("ready", asked, {})
        sys.stdin.readline()
    for number, slots in enumerate(asked.ways):
        if asked.is_over:
            return
        end = time.time() + (asked.until - time.time()) / (len(asked.ways) - number)
        with gpu_clock.card() as card, gpu_clock.spending(clock) as spent:
            done = scans_done(asked, models, slots, end)
        print_part("batch", asked, {"slots": slots, "scans": done, **spent, **card})


def scans_done(asked: Asked, models: object, slots: int, end: float) -> int:
    """How many scans of the batch are done; none is begun after the end."""
    from versectl.batch.case_run import steps

    turns = steps.turns(on_gpu=slots > 0)

    def one(path: str) -> bool:
        is_time = time.time() < end
        if is_time:
            run(path, models, turns)
        return is_time

    with ThreadPoolExecutor(slots or 2) as threads:
        return sum(threads.map(one, asked.batch))


def limit(asked: Asked, _clock: Clock) -> None:
    """A case in float32 with a share of the GPU memory that it takes if it may."""
    if asked.is_over:
        return
    there(asked.scan)
    gpu_clock.forget_peak(asked.engine)
    run(asked.scan, models_of(asked, "float32"))
    peak_mb = gpu_clock.peak_mb(asked.engine)
    limit_mb = None if peak_mb is None else int(LIMITED * peak_mb)
    gpu_clock.forget_peak(asked.engine)
    start = perf_counter()
    _, found = run(asked.scan, replace(models_of(asked, "float32"), gpu_memory_mb=limit_mb))
    measured = {"limit MB": limit_mb, "unlimited MB": peak_mb, "wall s": perf_counter() - start}
    measured |= {"peak MB": gpu_clock.peak_mb(asked.engine)}
    measured |= {"beside CPU": agreement(found, read_found(asked.reference))}
    print_part("limit", asked, measured)


PARTS = {"reference": reference, "case": case, "calls": calls, "batch": batch, "limit": limit}


def models_of(asked: Asked, precision: str) -> Any:
    """The default models in a precision."""
    from versectl.networks.loading import Models

    return Models(None, asked.engine, asked.device, precision, None, asked.fast)


def run(scan: str, models: Any, turns: Any = None) -> tuple[dict[str, float], Found]:
    """Seconds of the steps of a case, and its results."""
    import SimpleITK as sitk

    from versectl.batch import case_run
    from versectl.batch.case_run.steps import ignored
    from versectl.batch.job import RUN_ALL, Job
    from versectl.io.layout import Case

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        done = case_run.do(Case("case", Path(scan)), Job(folder, RUN_ALL, models), ignored, turns)
        if done.error is not None:
            raise done.error
        report = json.loads((folder / "case_report.json").read_text())
        label_map = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "case_seg.nii.gz")))
    centers_mm = {row["name"]: row["center_mm"] for row in report["vertebrae"]}
    return report["seconds"], Found(label_map, centers_mm)


def agreement(one: Found, other: Found | None) -> dict[str, float | bool] | None:
    """Least Dice of a label, farthest centre in mm, and whether the same vertebrae are found."""
    if other is None:
        return None
    common = one.label_map[one.label_map == other.label_map]
    sizes = [np.bincount(labels.ravel(), minlength=256) for labels in (*one[:1], *other[:1])]
    present = np.flatnonzero(sum(sizes))[1:]
    dice = 2 * np.bincount(common, minlength=256)[present] / sum(sizes)[present]
    both = one.centers_mm.keys() & other.centers_mm.keys()
    apart_mm = [np.subtract(one.centers_mm[name], other.centers_mm[name]) for name in both]
    return {
        "same vertebrae": one.centers_mm.keys() == other.centers_mm.keys(),
        "Dice": float(min(dice, default=1.0)),
        "mm": float(max(map(np.linalg.norm, apart_mm), default=0.0)),
    }


def there(path: str) -> None:
    """Wait for a file that another process writes."""
    while not Path(path).exists():
        time.sleep(LOOK_S)


def write_found(found: Found, path: str) -> None:
    """Write results for other processes, all at once."""
    partial = Path(path).with_suffix(".part.npz")
    np.savez(partial, label_map=found.label_map, centers_mm=json.dumps(found.centers_mm))
    partial.rename(path)


def read_found(path: str) -> Found | None:
    """Read results, as soon as they are there; None where there will be none."""
    there(path)
    if not Path(path).stat().st_size:
        return None
    with np.load(path) as saved:
        return Found(saved["label_map"], json.loads(str(saved["centers_mm"])))


if __name__ == "__main__":
    words = json.loads(sys.argv[1])
    main(Asked(**{k: tuple(v) if isinstance(v, list) else v for k, v in words.items()}))
