"""The commands' work on one case.

A case is read, computed and written. do() takes it all the way and says what came of it; while the
networks compute one case, other threads may read and write others.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from time import perf_counter
from typing import Any

import SimpleITK as sitk

from versectl import labels
from versectl.batch import outcome, transaction
from versectl.batch.case_run import READS, WAITS, Desk, Hear, Shelf, Task, failure
from versectl.batch.outcome import Outcome
from versectl.config import STAGES
from versectl.errors import BadInputError, SetupError, VersectlError, explain
from versectl.io import case_files
from versectl.io.layout import Case
from versectl.stages import pipeline

KEPT = "kept, its result is there already (--overwrite makes it anew)"


def do(case: Case, desk: Desk, hear: Hear = lambda _: None, turn: Any = None) -> Outcome:
    """Take a case all the way; a failure becomes its outcome and, in run-all, its report.

    turn : a lock that all who compute on one device share.
    Raises SetupError when no case can be done.
    """
    start = perf_counter()
    hear(READS)
    try:
        with transaction.claim(desk.out, case.name) as place:
            done = _attempt(Shelf(case, desk, place, hear), turn or nullcontext())
    except transaction.BusyError as busy:
        done = Outcome(case.name, outcome.BUSY, str(busy))
    except BadInputError as error:
        done = failure(case, error)
    return done._replace(seconds=round(perf_counter() - start, 2))


def give_up(case: Case, desk: Desk, error: VersectlError) -> Outcome:
    """The outcome of a case whose process is dead, with its report; what it was making goes."""
    with suppress(transaction.BusyError), transaction.claim(desk.out, case.name) as place:
        return Shelf(case, desk, place).failed(error)
    return Outcome(case.name, outcome.BUSY, "left to the other run that works on it")


def summary(found: Mapping[int, Any]) -> str:
    """Which vertebrae, in words: T9..L3, 7 vertebrae."""
    names = [labels.NAMES[label] for label in found]
    return f"{names[0]}..{names[-1]}, {len(names)} vertebrae" if names[1:] else f"{names[0]} alone"


def _attempt(shelf: Shelf, turn: AbstractContextManager) -> Outcome:
    try:
        if shelf.is_finished():
            return _kept(shelf)
        ct = shelf.read()
        shelf.hear(WAITS)
        with turn:
            line = shelf.desk.task.compute(ct, shelf)
        notes = shelf.write(ct) if shelf.desk.task.makes else []
    except SetupError:
        raise
    except Exception as error:
        return shelf.failed(explain(error))
    line = f"{line}, {sum(shelf.seconds.values()):.1f} s" if shelf.desk.task.reports else line
    return Outcome(shelf.case.name, outcome.DONE, line, tuple(notes))


def _kept(shelf: Shelf) -> Outcome:
    """A finished case stays; only a picture may be wanting."""
    if "preview" in shelf.desk.extras and not shelf.paths.of("preview").exists():
        return Outcome(shelf.case.name, outcome.KEPT, _draw(shelf.read(), shelf))
    return Outcome(shelf.case.name, outcome.KEPT, KEPT)


def _localize_spine(ct: sitk.Image, shelf: Shelf) -> str:
    found = shelf.step("spine", pipeline.find_spine, ct)
    x, y, z = found.center_mm
    return f"spine at {x:.0f}, {y:.0f}, {z:.0f} mm, peak {found.peak:.2f}"


def _localize_vertebrae(ct: sitk.Image, shelf: Shelf) -> str:
    center_mm = shelf.take("spine", ct).center_mm
    return summary(shelf.step("vertebrae", pipeline.find_vertebrae, ct, center_mm))


def _segment(ct: sitk.Image, shelf: Shelf) -> str:
    found = shelf.take("vertebrae", ct)
    shelf.step("segmentation", pipeline.segment, ct, pipeline.centers_mm(found))
    return summary(found)


def _run_all(ct: sitk.Image, shelf: Shelf) -> str:
    return summary(pipeline.run(ct, shelf.step).vertebrae)


def _draw(ct: sitk.Image, shelf: Shelf) -> str:
    """Draw the results that are there."""
    from versectl.report import preview

    there = [s for s in ("vertebrae", "segmentation") if shelf.paths.of(s).exists()]
    if not there:
        raise BadInputError(f"{shelf.desk.out} has no results of this case; run run-all first.")
    shown = {stage: case_files.read(stage, ct, shelf.paths.of(stage)) for stage in there}
    centers_mm = pipeline.centers_mm(shown.get("vertebrae", {}))
    preview.write(ct, centers_mm, shown.get("segmentation"), shelf.paths.of("preview"))
    return f"drawn in {shelf.paths.of('preview')}"


LOCALIZE_SPINE = Task(("spine",), _localize_spine)
LOCALIZE_VERTEBRAE = Task(("vertebrae",), _localize_vertebrae)
SEGMENT = Task(("segmentation",), _segment)
RUN_ALL = Task(STAGES, _run_all, reports=True)
DRAW = Task((), _draw)
