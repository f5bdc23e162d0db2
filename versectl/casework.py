"""The commands' work on one case: its files in, its files out.

Every function takes a case and the desk and returns one line that says what came of it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import SimpleITK as sitk

from versectl import files, labels, pipeline, report, results, segmentation, spine, volume
from versectl.cases import Case
from versectl.errors import BadInputError, SetupError, explain
from versectl.model import Model

KEPT = "kept, its result is there already (--overwrite makes it anew)"


@dataclass(frozen=True)
class Desk:
    """What is the same for every case.

    models : stage -> its model, loaded when first asked for; None where no network runs.
    given : case name -> the file of the stage before; None where it is in `out`.
    extras : of "heatmap" and "preview", what to write as well.
    begin : told of each stage as it begins.
    """

    out: Path
    models: Callable[[str], Model] | None = None
    overwrite: bool = False
    given: Mapping[str, Path] | None = None
    extras: frozenset[str] = frozenset()
    begin: Callable[[str], None] = lambda _stage: None


class Shelf:
    """The results of one case as they come to be: step() takes them from a file or makes them."""

    def __init__(self, case: Case, desk: Desk) -> None:
        self.case, self.desk = case, desk
        self.paths = results.Paths(desk.out, case.name)
        self.seconds: dict[str, float] = {}
        self.weights: dict[str, str] = {}
        self.kept: list[str] = []

    def read_ct(self) -> sitk.Image:
        """The case's CT."""
        return self._timed("read", volume.read_ct, self.case.ct)

    def has(self, stage: str) -> bool:
        """Whether the stage's result is there and may stay."""
        wanted = [stage, *(self.desk.extras & {"heatmap"} if stage == "spine" else ())]
        return not self.desk.overwrite and all(self.paths.of(w).exists() for w in wanted)

    def take(self, stage: str, ct: sitk.Image) -> Any:
        """The result of an earlier command; BadInputError when it was not run."""
        given, path = self.desk.given, self.paths.of(stage)
        if given is not None and self.case.name not in given:
            raise BadInputError(f"none of the {len(given)} files given is that of this case.")
        path = path if given is None else given[self.case.name]
        if not path.exists():
            raise BadInputError(f"{path} is missing; run {results.COMMANDS[stage]} first.")
        return results.read(stage, ct, path)

    def step(self, stage: str, predict: Callable, ct: sitk.Image, *inputs: Any) -> Any:
        """The stage's result, kept or made; a report that told of another result goes."""
        self.desk.begin(stage)
        if self.has(stage):
            self.kept.append(stage)
            return results.read(stage, ct, self.paths.of(stage))
        model = self._timed("load", self.desk.models, stage)
        self.weights[stage] = model.sha256
        found = self._timed(stage, predict, ct, *inputs, model)
        result = results.as_stored(stage, found, ct)
        self.paths.of("report").unlink(missing_ok=True)
        self._timed("write", results.write, stage, result, ct, self.paths.of(stage))
        return result

    def record(self) -> dict:
        """What the run knows of itself, for the report."""
        return {
            "input": {"file": self.case.ct.name, "sha256": _sha256(self.case.ct)},
            "weights_sha256": self.weights,
            "kept": self.kept,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "peak_memory_mb": report.peak_memory_mb(),
        }

    def _timed(self, name: str, do: Callable, *inputs: Any) -> Any:
        start = perf_counter()
        try:
            return do(*inputs)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


def localize_spine(case: Case, desk: Desk) -> str:
    """Make `<case>_spine.json`, and the heatmap when it is asked for."""
    shelf = Shelf(case, desk)
    if shelf.has("spine"):
        return KEPT
    ct = shelf.read_ct()
    found = shelf.step("spine", spine.predict, ct)
    if "heatmap" in desk.extras:
        volume.write(found.heatmap, shelf.paths.of("heatmap"))
    x, y, z = found.center_mm
    return f"spine at {x:.0f}, {y:.0f}, {z:.0f} mm, peak {found.peak:.2f}"


def localize_vertebrae(case: Case, desk: Desk) -> str:
    """Make `<case>_ctd.json` from the spine."""
    shelf = Shelf(case, desk)
    if shelf.has("vertebrae"):
        return KEPT
    ct = shelf.read_ct()
    found_spine = shelf.take("spine", ct)
    return summary(shelf.step("vertebrae", pipeline.find_vertebrae, ct, found_spine.center_mm))


def segment(case: Case, desk: Desk) -> str:
    """Make `<case>_seg.nii.gz` from the centroids."""
    shelf = Shelf(case, desk)
    if shelf.has("segmentation"):
        return KEPT
    ct = shelf.read_ct()
    found = shelf.take("vertebrae", ct)
    shelf.step("segmentation", segmentation.predict, ct, pipeline.centers_mm(found))
    return summary(found)


def run_all(case: Case, desk: Desk) -> str:
    """Make all results and the report; a case that fails gets a report that says why."""
    shelf = Shelf(case, desk)
    if not desk.overwrite and is_finished(shelf.paths):
        wanting = "preview" in desk.extras and not shelf.paths.of("preview").exists()
        return draw(case, desk) if wanting else KEPT
    try:
        return _run_all(shelf)
    except SetupError:
        raise
    except Exception as error:
        told = report.failed(case.name, explain(error), shelf.record())
        files.write_json(told, shelf.paths.of("report"))
        raise


def _sha256(path: Path) -> str | None:
    try:
        return files.sha256(path)
    except OSError:  # a report of a failure must not fail for the same reason
        return None


def draw(case: Case, desk: Desk) -> str:
    """Make `<case>_preview.png` from the results that are there."""
    from versectl import preview

    shelf = Shelf(case, desk)
    ct = shelf.read_ct()
    there = [s for s in ("vertebrae", "segmentation") if shelf.paths.of(s).exists()]
    if not there:
        raise BadInputError(f"{desk.out} has no results of {case.name}; run run-all first.")
    shown = {stage: results.read(stage, ct, shelf.paths.of(stage)) for stage in there}
    centers_mm = pipeline.centers_mm(shown.get("vertebrae", {}))
    preview.write(ct, centers_mm, shown.get("segmentation"), shelf.paths.of("preview"))
    return f"drawn in {shelf.paths.of('preview')}"


def is_finished(paths: results.Paths) -> bool:
    """Whether a report says so and every result is there."""
    stages = ("spine", "vertebrae", "segmentation")
    there = all(paths.of(stage).exists() for stage in (*stages, "report"))
    return there and report.is_done(paths.of("report"))


def summary(found: Mapping[int, Any]) -> str:
    """Which vertebrae, in words: T9..L3, 7 vertebrae."""
    names = [labels.NAMES[label] for label in found]
    return f"{names[0]}..{names[-1]}, {len(names)} vertebrae" if names[1:] else f"{names[0]} alone"


def _run_all(shelf: Shelf) -> str:
    ct = shelf.read_ct()
    result = pipeline.run(ct, shelf.step)
    told = report.done(shelf.case.name, ct, result, shelf.record())
    files.write_json(told, shelf.paths.of("report"))
    if "preview" in shelf.desk.extras:
        from versectl import preview

        shelf.desk.begin("preview")
        centers_mm = pipeline.centers_mm(result.vertebrae)
        preview.write(ct, centers_mm, result.label_map, shelf.paths.of("preview"))
    notes = "".join(f"\n  look: {warning}" for warning in told["warnings"])
    return f"{summary(result.vertebrae)}, {sum(shelf.seconds.values()):.1f} s{notes}"
