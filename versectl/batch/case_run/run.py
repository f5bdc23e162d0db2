"""What becomes of a case: decide what is left to do, compute it, have it written."""

from contextlib import suppress
from dataclasses import replace
from time import perf_counter

from versectl import labels, text
from versectl.batch import outcome, transaction
from versectl.batch.case_run import exports, failures, reuse
from versectl.batch.case_run.results import Results, Written
from versectl.batch.case_run.reuse import STAYS, Present
from versectl.batch.case_run.steps import (
    READ,
    WAIT,
    WRITE,
    OnStep,
    Steps,
    Turns,
    WatchedModels,
    ignored,
)
from versectl.batch.corrections import centroid_files, export_files
from versectl.batch.job import Job
from versectl.batch.outcome import Outcome
from versectl.batch.transaction import Transaction
from versectl.errors import BadInputError, BusyError, SetupError, VersectlError, explain
from versectl.io import layout, volume
from versectl.io.case_files import Paths
from versectl.io.export import formats
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.networks import case_memory
from versectl.types import Known


def do(
    case: Case,
    job: Job,
    on_step: OnStep = ignored,
    turns: Turns | None = None,
) -> Outcome:
    """Take a case all the way; a failure becomes its outcome and, in run-all, its report.

    turns : shared by all who compute on one device.
    Raises SetupError when no case can be done.
    """
    start = perf_counter()
    try:
        steps = Steps(on_step)
        steps.begin(READ)
        with transaction.begin(job.out, case.name) as files:
            done = _attempt(CaseRun(case, job, files, steps, turns or Turns()))
        if job.strict and done.error is None:
            done = replace(done, error=failures.flagged(case, job.out))
    except SetupError:
        raise
    except BusyError as busy:
        done = Outcome(case.name, outcome.BUSY, str(busy))
    except Exception as error:
        done = failures.failure(case, explain(error))
    return replace(done, seconds=round(perf_counter() - start, 2))


def give_up(case: Case, job: Job, error: VersectlError) -> Outcome:
    """The outcome, with its report, of a case whose process is dead; what it was making goes."""
    try:
        with transaction.begin(job.out, case.name) as files:
            return CaseRun(case, job, files, Steps(), Turns()).failed(error)
    except BusyError as busy:
        return Outcome(case.name, outcome.BUSY, str(busy))
    except Exception:  # the folder cannot be written: the outcome must tell
        return failures.failure(case, error)


def _attempt(run: "CaseRun") -> Outcome:
    """The outcome of a case, whatever happens in it; SetupError when no case can be done."""
    try:
        done = run.done() if run.job.command.makes else run.shown()
        return replace(done, without_effect=export_files.without_effect(run.paths))
    except SetupError:
        raise
    except Exception as error:
        return run.failed(explain(error))


class CaseRun:
    """A case in work: what is there of it, and how far it is."""

    def __init__(
        self, case: Case, job: Job, files: Transaction, steps: Steps, turns: Turns
    ) -> None:
        self.case, self.job, self.steps, self.turns = case, job, steps, turns
        self.paths = Paths(job.out, case.name)
        self.models = WatchedModels(job.models, steps, turns.network)
        self.results = Results(case, job, files, self.models, steps)

    def done(self) -> Outcome:
        """Do what is left to do."""
        self._take_over_corrections()
        present = self.results.present = reuse.look(self.case, self.job)
        if reuse.is_finished(self.job, self.paths, present):
            return self._kept()
        formats.check(self.job.exports, self.case)
        self.models.halvings = self._halvings()
        makes = self.job.command.makes
        self.job.models.load_ahead([stage for stage in makes if stage not in present.stays])
        ct = self._ct()
        kept = reuse.read(self.job, self.paths, present, ct)
        made = [stage for stage in makes if stage not in kept.stages]
        exports.refuse_to_lose(self.job, self.paths, present, made)
        self.steps.begin(WAIT)
        with self.turns.case:
            known = self.job.command.compute(ct.image, self.models, kept)
        self.steps.begin(WRITE)
        exports.refuse_to_lose(self.job, self.paths, present, made)  # corrected in the meantime
        return self._outcome(known, self.results.write(ct, known, made))

    def shown(self) -> Outcome:
        """Write what is made of the results that are there: the picture, other formats."""
        formats.check(self.job.exports, self.case)
        self._take_over_corrections()
        present = self.results.present = reuse.look(self.case, self.job)
        reuse.refuse_another_ct(self.paths, present.recorded, present.input_sha256)
        if self.job.exports and reuse.has_outdated_masks(self.paths, present.recorded):
            raise BadInputError(
                f"the masks were made from other centroids than those in "
                f"{self.paths.of('vertebrae')}; run run-all (or segment) first."
            )
        exports.refuse_to_lose(self.job, self.paths, present, ())
        ct = self._ct()
        known = reuse.read_any(self.paths, ct)
        if known.vertebrae is None and known.label_map is None:
            raise BadInputError(f"{self.job.out} has no results of this case; run run-all first.")
        written = self.results.write_shown(ct, known)
        status = outcome.KEPT if self.job.command.makes else outcome.DONE
        names = ", ".join(written.names)
        asked_for = "" if self.job.exports.only is None else ", none of those asked for has a mask"
        line = (
            f"written in {self.job.out}: {names}" if names else f"no vertebra to write{asked_for}"
        )
        return Outcome(self.case.name, status, line, removed=written.removed)

    def failed(self, error: VersectlError) -> Outcome:
        """The outcome of a failure; where the command writes reports, one says why.

        The report of a case that is finished all the same stays: a format that it cannot be
        written in may have been asked for.
        """
        results, reports = self.results, self.job.command.reports
        if reports and results.present == Present():
            with suppress(BadInputError, OSError):
                results.present = reuse.look(self.case, self.job)
        stands = reuse.stands(self.case, self.job)
        done = failures.failure(self.case, failures.with_former(error) if stands else error)
        # By the report that is there the next run knows which files are of unknown origin.
        if reports and not results.present.unknown and not stands:
            with suppress(OSError):  # a full disk: the outcome must tell
                results.write_failure(failures.without_folder(done.error or error, self.case))
        return done

    def _take_over_corrections(self) -> None:
        """Centroids corrected in 3D Slicer become the case's own, unless they are made anew."""
        corrected = centroid_files.corrected_markups(self.paths)
        if corrected is not None and self.job.keeps_vertebrae:
            placed = volume.read_placement(layout.ct_of(self.case), self.case.series)
            centroid_files.take_over(self.paths, placed.own)

    def _kept(self) -> Outcome:
        """A finished case stays; a picture may be missing, or a format, or show other vertebrae."""
        if not exports.are_there(self.job, self.paths):
            return self.shown()
        return Outcome(self.case.name, outcome.KEPT, STAYS)

    def _ct(self) -> CT:
        return volume.read_ct(layout.ct_of(self.case), self.case.series)

    def _halvings(self) -> int:
        """How often networks' inputs are halved from the beginning; from the CT's header."""
        if self.job.memory_gb is None:
            return 0
        placed = volume.read_placement(layout.ct_of(self.case), self.case.series)
        return case_memory.halvings(placed.grid.size_vox, self.job.memory_gb)

    def _outcome(self, known: Known, written: Written) -> Outcome:
        present = self.results.present
        yours = [self.paths.of(stage).name for stage in present.yours]
        return Outcome(
            self.case.name,
            outcome.DONE,
            self._line(known),
            flags=written.flags,
            removed=written.removed,
            replaced=written.replaced,
            yours=tuple(yours),
            was_of_another_ct=present.was_of_another_ct,
        )

    def _line(self, known: Known) -> str:
        """What was done, in one line."""
        seconds = f", {sum(self.steps.seconds.values()):.1f} s" if self.job.command.reports else ""
        if known.vertebrae is not None:
            names = [labels.NAMES[label] for label in known.vertebrae]
            return (text.counted(names) if names else "no spine in view") + seconds
        if known.spine is None:
            return "done"
        if not known.spine.is_in_view:
            return f"no spine in view, peak {known.spine.peak:.2f}"
        x, y, z = known.spine.center_mm
        return f"spine at {x:.0f}, {y:.0f}, {z:.0f} mm, peak {known.spine.peak:.2f}"
