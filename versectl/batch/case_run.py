"""The results of one case as they come to be: from its files, through the stages, to its files."""

import traceback
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import SimpleITK as sitk

from versectl.batch import outcome
from versectl.batch.outcome import Outcome
from versectl.batch.transaction import Place
from versectl.config import STAGES
from versectl.errors import BadInputError, VersectlError
from versectl.io import atomic, case_files, volume
from versectl.io.layout import Case
from versectl.networks import split_inference
from versectl.report import case_report
from versectl.stages import pipeline
from versectl.types import Model, Result

#: What is told of a case beside the names of its stages.
READS, WAITS, WRITES = "read", "wait", "write"

#: Told of each step of a case as it begins.
Hear = Callable[[str], None]


@dataclass(frozen=True)
class Task:
    """What a command does with every case.

    makes : stages whose results it makes. compute : from the CT and the shelf to one line.
    reports : whether it writes <case>_report.json; such a case is done only as the report tells.
    """

    makes: tuple[str, ...]
    compute: Callable[[sitk.Image, "Shelf"], str]
    reports: bool = False


@dataclass(frozen=True)
class Desk:
    """What is the same for every case; plain, so that another process can be handed it.

    models : stage -> its model; models.sha256(stage) is known without loading it.
    given : case name -> the file of the stage before; None where it is in `out`.
    extras : of "heatmap" and "preview", what to write as well.
    """

    out: Path
    task: Task
    models: Callable[[str], Model] | None = None
    overwrite: bool = False
    given: Mapping[str, Path] | None = None
    extras: frozenset[str] = frozenset()


class Shelf:
    """The results of one case as they come to be: step() takes them from a file or makes them."""

    def __init__(self, case: Case, desk: Desk, place: Place, hear: Hear = lambda _: None) -> None:
        self.case, self.desk, self.place, self.hear = case, desk, place, hear
        self.paths = case_files.Paths(desk.out, case.name)
        self.input_sha256 = _sha256(case.ct)
        self.told = {} if desk.overwrite else case_report.read(self.paths.of("report"))
        self.kept: dict[str, Any] = {}
        self.made: dict[str, Any] = {}
        self.seconds: dict[str, float] = {}
        self.weights: dict[str, str] = {}
        self.portions: dict[str, int] = {}

    def is_finished(self) -> bool:
        """Whether nothing is left to do: all is there, from this CT and by these weights."""
        if self.desk.overwrite:
            return False
        if self.desk.task.reports:
            return self._is_as_reported()
        wanted = [*self.desk.task.makes, *(self.desk.extras & {"heatmap"})]
        return bool(wanted) and all(self.paths.of(stage).exists() for stage in wanted)

    def read(self) -> sitk.Image:
        """The case's CT; the results that stay are read as well."""
        ct = self._timed(READS, volume.read_ct, self.case.ct)
        if self.desk.task.reports and not self.desk.overwrite:
            self.kept = self._corrected(ct)
        return ct

    def take(self, stage: str, ct: sitk.Image) -> Any:
        """The result of an earlier command; BadInputError when it was not run."""
        given, path = self.desk.given, self.paths.of(stage)
        if given is not None and self.case.name not in given:
            raise BadInputError(f"none of the {len(given)} files given is that of this case.")
        path = path if given is None else given[self.case.name]
        if not path.exists():
            raise BadInputError(f"{path} is missing; run {case_files.COMMANDS[stage]} first.")
        return case_files.read(stage, ct, path)

    def step(self, stage: str, predict: Callable, ct: sitk.Image, *inputs: Any) -> Any:
        """The stage's result, kept or made."""
        if stage in self.kept:
            return self.kept[stage]
        self.hear(WAITS)  # nothing of this case: the first one of a process loads for all
        model = self._timed("load", self.desk.models, stage)
        self.hear(stage)
        self.weights[stage] = model.sha256
        with_model = partial(predict, ct, *inputs)
        found, count = self._timed(stage, split_inference.fitting, with_model, model)
        if count > 1:
            self.portions[stage] = count
        self.made[stage] = case_files.as_stored(stage, found, ct)
        return self.made[stage]

    def write(self, ct: sitk.Image) -> list[str]:
        """Write what was made, all at once; sentences on what deserves a look."""
        self.hear(WRITES)
        making = case_files.Paths(self.place.making, self.case.name)
        self._timed(WRITES, self._write, ct, making)
        told = {}
        if self.desk.task.reports:
            told = case_report.done(self.case.name, ct, self.result(), self._record(making))
            atomic.write_json(told, making.of("report"))
        self.place.commit()
        return told.get("warnings", [])

    def result(self) -> Result:
        """All three stages' results."""
        return Result(*({**self.kept, **self.made}[stage] for stage in STAGES))

    def failed(self, error: VersectlError) -> Outcome:
        """The outcome of a failure; where the command writes reports, one says why."""
        told = failure(self.case, error)
        if self.desk.task.reports:
            why = case_report.failed(
                self.case.name, without_folder(told.error, self.case), self._record()
            )
            with suppress(OSError):  # a full disk: the outcome must tell
                atomic.write_json(why, self.paths.of("report"))
        return told

    def _write(self, ct: sitk.Image, making: case_files.Paths) -> None:
        for stage, result in self.made.items():
            case_files.write(stage, result, ct, making.of(stage))
        if "heatmap" in self.desk.extras:
            volume.write(self.made["spine"].heatmap, making.of("heatmap"))
        if "preview" in self.desk.extras:
            from versectl.report import preview

            found = self.result()
            centers_mm = pipeline.centers_mm(found.vertebrae)
            preview.write(ct, centers_mm, found.label_map, making.of("preview"))

    def _record(self, making: case_files.Paths | None = None) -> dict:
        """What the run knows of itself, for the report."""
        outputs = [self.paths.of(stage) for stage in self.kept]
        outputs += [making.of(stage) for stage in self.made] if making else []
        return {
            "input": {"file": self.case.ct.name, "sha256": self.input_sha256},
            "outputs": {path.name: atomic.sha256(path) for path in outputs},
            "weights_sha256": self.weights,
            "kept": list(self.kept),
            "portions": self.portions,
            "seconds": {name: round(value, 2) for name, value in self.seconds.items()},
            "peak_memory_mb": case_report.peak_memory_mb(),
        }

    def _is_as_reported(self) -> bool:
        told = self.told
        if (
            told.get("status") != case_report.DONE
            or told["input"].get("sha256") != self.input_sha256
        ):
            return False
        by_these = {s: self.desk.models.sha256(s) for s in told["weights_sha256"]}
        names = [self.paths.of(stage).name for stage in STAGES]
        outputs = {name: _sha256(self.desk.out / name) for name in names}
        return by_these == told["weights_sha256"] and outputs == told.get("outputs")

    def _corrected(self, ct: sitk.Image) -> dict[str, Any]:
        """Results a user made or changed: they stay. What run-all itself made is made anew."""
        stays = {}
        for stage in STAGES:
            path = self.paths.of(stage)
            if path.exists() and not self._is_ours(stage, path):
                with self._leave_if_damaged(stage):
                    stays[stage] = case_files.read(stage, ct, path)
        return stays

    def _is_ours(self, stage: str, path: Path) -> bool:
        reported = self.told.get("outputs", {}).get(path.name)
        return stage not in self.told.get("kept", ()) and reported == atomic.sha256(path)

    def _leave_if_damaged(self, stage: str) -> AbstractContextManager:
        """Nobody corrects masks into a file that cannot be read: it is ours, and damaged."""
        ours = self.paths.of(stage).name in self.told.get("outputs", {})
        damaged = stage == "segmentation" and ours
        return suppress(BadInputError) if damaged else nullcontext()

    def _timed(self, name: str, work: Callable, *inputs: Any) -> Any:
        start = perf_counter()
        try:
            return work(*inputs)
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + perf_counter() - start


def failure(case: Case, error: VersectlError) -> Outcome:
    """The outcome of a case that failed, with its file in the message."""
    told = _named(error, case)
    details = "".join(traceback.format_exception(error.__cause__ or error))
    return Outcome(case.name, outcome.FAILED, str(without_folder(told, case)), (), told, 0, details)


def without_folder(error: VersectlError, case: Case) -> VersectlError:
    """The error as logs and reports may tell it: folders can bear a patient's name."""
    return type(error)(str(error).replace(f"{case.ct.parent}/", ""))


def _named(error: VersectlError, case: Case) -> VersectlError:
    """The error with the case's file in its message."""
    if str(case.ct) in str(error):
        return error
    told = type(error)(f"{case.ct}: {error}")
    told.__cause__ = error.__cause__ or error
    return told


def _sha256(path: Path) -> str | None:
    try:
        return atomic.sha256(path)
    except OSError:  # missing, or not to be read; the reader says so
        return None
