"""One case from its files to its files: what stays, what is computed, written and reported.

Nothing is computed that is there already: a result that the user made or changed, or one that the
same weights made of the same CT and of the same preceding result.
"""

import os
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from versectl import labels
from versectl.batch import outcome, reuse, transaction
from versectl.batch.corrections import centroid_files, export_files
from versectl.batch.job import Job
from versectl.batch.outcome import Outcome
from versectl.batch.reuse import Present
from versectl.batch.steps import READ, WAIT, WRITE, OnStep, Steps, Turns, WatchedModels, ignored
from versectl.batch.transaction import Transaction
from versectl.config import STAGES, Stage
from versectl.errors import BadInputError, FlaggedError, SetupError, VersectlError, explain
from versectl.io import atomic, case_files, layout, volume
from versectl.io.case_files import Paths
from versectl.io.export import formats
from versectl.io.export.findings import Findings, is_measured
from versectl.io.export.formats import Exports
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.networks import case_memory
from versectl.report import case_report, measures, provenance, quality
from versectl.report.case_report import Record
from versectl.report.provenance import VERSECTL, Origin, Origins
from versectl.stages import pipeline
from versectl.types import Flag, Known

KEPT = "kept, its results are there already (--overwrite recomputes them)"


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
            done = replace(done, error=_flagged(case, job))
    except SetupError:
        raise
    except transaction.BusyError as busy:
        done = Outcome(case.name, outcome.BUSY, str(busy))
    except Exception as error:
        done = failure(case, explain(error))
    return replace(done, seconds=round(perf_counter() - start, 2))


def forecast(case: Case, job: Job) -> str:
    """What do() would do with a case, in words; nothing is computed or written."""
    try:
        return _forecast(case, job, Paths(job.out, case.name))
    except BadInputError as error:
        return f"would fail: {without_folder(error, case)}"


def _forecast(case: Case, job: Job, paths: Paths) -> str:
    """The same; BadInputError when the case would fail."""
    # unlike Path.exists, this raises for no folder that is closed to us
    if not os.path.exists(ct_of(case)):
        raise BadInputError(f"{case.ct} does not exist.")
    corrected = centroid_files.corrected_markups(paths)
    if corrected is not None and job.keeps_vertebrae:
        recorded = provenance.read(paths.of("provenance"), paths.of("report"))
        _check_exports(job, paths, Present(recorded=recorded, needed=corrected), STAGES)
        return f"would be processed, with the corrections in {corrected.name}"
    present = reuse.look(case, job)
    finished = reuse.is_finished(job, paths, present)
    if finished and _is_drawn(job, paths) and _is_exported(job.exports, paths):
        return KEPT
    formats.check(job.exports, case)
    made = [stage for stage in job.command.makes if stage not in present.stays]
    _check_exports(job, paths, present, made)
    if finished:
        return "would be kept; formats or a picture that it lacks would be written"
    stays = [stage for stage in STAGES if stage in present.stays]
    return f"would be processed, keeping {', '.join(stays)}" if stays else "would be processed"


def give_up(case: Case, job: Job, error: VersectlError) -> Outcome:
    """The outcome, with its report, of a case whose process is dead; what it was making goes."""
    try:
        with transaction.begin(job.out, case.name) as files:
            return CaseRun(case, job, files, Steps(), Turns()).failed(error)
    except transaction.BusyError as busy:
        return Outcome(case.name, outcome.BUSY, str(busy))
    except Exception:  # the folder cannot be written: the outcome must tell
        return failure(case, error)


def failure(case: Case, error: VersectlError) -> Outcome:
    """The outcome of a case that failed, with its file in the message."""
    named = _named(error, case)
    details = "".join(traceback.format_exception(error.__cause__ or error))
    line = str(without_folder(named, case))
    return Outcome(case.name, outcome.FAILED, line, error=named, details=details)


def without_folder(error: VersectlError, case: Case) -> VersectlError:
    """The error as logs and reports may tell it: without the folders above the case."""
    return type(error)(layout.without_folder(str(error), ct_of(case)))


def ct_of(case: Case) -> Path:
    """The case's CT; BadInputError when it has none."""
    if case.ct is None:
        raise BadInputError(f"{case.name} has no CT.")
    return case.ct


def summary(found: Mapping[int, object]) -> str:
    """Which vertebrae, in words: T9..L3, 7 vertebrae."""
    if not found:
        return "no spine in view"
    names = [labels.NAMES[label] for label in found]
    return f"{names[0]}..{names[-1]}, {len(names)} vertebrae" if names[1:] else f"{names[0]} alone"


class CaseRun:
    """A case in work: its files, what is there of it, and how far it is."""

    def __init__(
        self, case: Case, job: Job, files: Transaction, steps: Steps, turns: Turns
    ) -> None:
        self.case, self.job, self.files, self.steps, self.turns = case, job, files, steps, turns
        self.paths = Paths(job.out, case.name)
        self.making = Paths(files.making, case.name)
        self.models = WatchedModels(job.models, steps, turns.network)
        self.present = Present()

    def outcome(self) -> Outcome:
        """Do what is left to do."""
        self._take_over_corrections()
        self.present = reuse.look(self.case, self.job)
        if reuse.is_finished(self.job, self.paths, self.present):
            return self._kept()
        formats.check(self.job.exports, self.case)
        self.models.halvings = self._halvings()
        self.job.models.load_ahead(
            [s for s in self.job.command.makes if s not in self.present.stays]
        )
        ct = volume.read_ct(ct_of(self.case), self.case.series)
        kept = reuse.read(self.job, self.paths, self.present, ct)
        _check_exports(self.job, self.paths, self.present, self._made(kept))
        self.steps.begin(WAIT)
        with self.turns.case:
            known = self.job.command.compute(ct.image, self.models, kept)
        self.steps.begin(WRITE)
        notes, removed = self._write(ct, kept, known)
        line = self._line(known)
        return Outcome(self.case.name, outcome.DONE, line, notes, removed=removed)

    def derived(self) -> Outcome:
        """Write what is made of the results that are there: the picture, other formats."""
        formats.check(self.job.exports, self.case)
        self._take_over_corrections()
        ct = volume.read_ct(ct_of(self.case), self.case.series)
        known = reuse.read_any(self.paths, ct)
        if known.vertebrae is None and known.label_map is None:
            raise BadInputError(f"{self.job.out} has no results of this case; run run-all first.")
        flags = self._present_flags(ct, known)
        written, removed = self._export_anew(ct, known, flags) if self.job.exports else ([], ())
        written += self._draw(ct, known, flags, self.paths)
        status = outcome.KEPT if self.job.command.makes else outcome.DONE
        names = ", ".join(path.name for path in written)
        line = f"written in {self.job.out}: {names}" if names else "no vertebra to write"
        return Outcome(self.case.name, status, line, removed=removed)

    def failed(self, error: VersectlError) -> Outcome:
        """The outcome of a failure; where the command writes reports, one says why.

        What is recorded of the results that are there stays, and so does the report of a case that
        is finished all the same: a format that it cannot be written in may have been asked for.
        """
        if self.job.command.reports and self.present == Present():
            with suppress(BadInputError, OSError):
                self.present = reuse.look(self.case, self.job)
        stands = reuse.stands(self.case, self.job)
        done = failure(self.case, _with_former(error) if stands else error)
        # By the report that is there the next run knows which files are of unknown origin.
        stays = self.present.unknown or stands
        if self.job.command.reports and not stays:
            shown = without_folder(done.error or error, self.case)
            report = case_report.failed(self.case.name, shown, self._record(self._recorded(), ()))
            with suppress(OSError):  # a full disk: the outcome must tell
                atomic.write_json(report, self.paths.of("report"))
        return done

    def _take_over_corrections(self) -> None:
        """Centroids corrected in 3D Slicer become the case's own, unless they are made anew."""
        corrected = centroid_files.corrected_markups(self.paths)
        if corrected is not None and self.job.keeps_vertebrae:
            placed = volume.read_placement(ct_of(self.case), self.case.series)
            centroid_files.take_over(self.paths, placed.own)

    def _kept(self) -> Outcome:
        """A finished case stays; a picture may be missing, or a format, or show other vertebrae."""
        if not _is_drawn(self.job, self.paths) or not _is_exported(self.job.exports, self.paths):
            return self.derived()
        return Outcome(self.case.name, outcome.KEPT, KEPT)

    def _export_anew(
        self, ct: CT, known: Known, flags: Sequence[Flag]
    ) -> tuple[list[Path], tuple[str, ...]]:
        """Write other formats of the results that are there; their files, and names of those gone.

        Raises BadInputError where they would replace a correction, or show outdated masks.
        """
        recorded = provenance.read(self.paths.of("provenance"), self.paths.of("report"))
        if reuse.has_outdated_masks(self.paths, recorded):
            raise BadInputError(
                f"the masks were made from other centroids than those in "
                f"{self.paths.of('vertebrae')}; run run-all (or segment) first."
            )
        export_files.check(export_files.replaced(self.job.exports, self.paths), recorded)
        former = export_files.written(self.paths)
        try:
            written = self._export(ct, known, flags, self.paths)
        finally:  # what was written before it failed, or was stopped, is versectl's own, too
            self._record_exports(known, recorded)
        return written, tuple(path.name for path in former if not path.exists())

    def _record_exports(self, known: Known, recorded: Origins) -> None:
        """Record the files of the formats asked for, as far as they are not recorded so."""
        there = export_files.replaced(self.job.exports, self.paths)
        new = [path for path in there if export_files.is_new(path, recorded)]
        if new:
            record = recorded | self._exported(known, new)
            provenance.write(self.case.name, record, self.paths.of("provenance"))

    def _made(self, kept: Known) -> list[Stage]:
        """The stages whose results are computed, since they were not kept."""
        return [stage for stage in self.job.command.makes if stage not in kept.stages]

    def _write(self, ct: CT, kept: Known, known: Known) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Write what was computed, all at once.

        Sentences on what deserves a look, and the names of files that are gone.
        """
        made = self._made(kept)
        for stage in made:
            case_files.write(known, stage, ct, self.making.of(stage))
        if "heatmap" in self.job.extras and known.spine and known.spine.heatmap is not None:
            volume.write(known.spine.heatmap, self.making.of("heatmap"), ct.placement)
        origins = self._origins(known, made)
        self.steps.end()
        kept_stages = tuple(stage for stage in origins if stage not in made)
        flags = self._report(ct, known, self._record(self._by_file(origins), kept_stages))
        exported = self._exported(known, self._export(ct, known, flags, self.making))
        record = {**self._recorded(), **self._by_file(origins), **exported}
        provenance.write(self.case.name, record, self.making.of("provenance"))
        self._draw(ct, known, flags, self.making)
        outdated = self._outdated(made, ct, known)
        self.files.commit(outdated)
        return tuple(flag.message for flag in flags), outdated

    def _export(self, ct: CT, known: Known, flags: Sequence[Flag], paths: Paths) -> list[Path]:
        """Write the other formats asked for; their files."""
        exports = self.job.exports
        if not exports:
            return []
        found = replace(findings(self.case, known, ct, exports), flags=tuple(flags))
        return formats.write(exports, found, paths.folder)

    def _draw(self, ct: CT, known: Known, flags: Sequence[Flag], paths: Paths) -> list[Path]:
        """Draw the picture, if it is asked for; its file."""
        if "preview" not in self.job.extras:
            return []
        from versectl.report import preview

        shown = preview.Shown(self.case.name, known.vertebrae, tuple(flags))
        preview.write(ct.image, known.label_map, shown, paths.of("preview"))
        return [paths.of("preview")]

    def _present_flags(self, ct: CT, known: Known) -> Sequence[Flag]:
        """What the report says of the results that are there; what they tell if it is of others."""
        report = case_report.read(self.paths.of("report"))
        if report is not None and report.is_of(self.paths.folder):
            return report.flags
        found = known.vertebrae
        return [*ct.flags, *([] if found is None else quality.of_vertebrae(found, ct.image))]

    def _origins(self, known: Known, made: Sequence[Stage]) -> dict[Stage, Origin]:
        """What made each of the command's results, those that were kept included."""
        origins: dict[Stage, Origin] = {}
        preceding = None if self.present.needed is None else reuse.sha256(self.present.needed)
        for stage in self.job.command.makes:
            if stage in made:
                origin = Origin(
                    atomic.sha256(self.making.of(stage)),
                    VERSECTL,
                    self.present.input_sha256,
                    self.job.models.identity(stage),
                    preceding,
                    engine=self.models.engines.get(stage),
                )
                if stage == "vertebrae" and known.vertebrae is not None:
                    origin = provenance.with_vertebrae(origin, known.vertebrae)
                origins[stage] = origin
            else:
                origins[stage] = self.present.stays[stage]
            preceding = origins[stage].sha256
        return origins

    def _report(self, ct: CT, known: Known, record: Record) -> list[Flag]:
        """Write the report, where the command has one; what deserves a look."""
        result = known.result
        if self.job.command.reports and result is not None:
            report = case_report.done(self.case.name, ct, result, record)
            atomic.write_json(report, self.making.of("report"))
            return [Flag(**flag) for flag in report["flags"]]
        flags = [*ct.flags, *record.flags()]
        if "vertebrae" in self.job.command.makes and known.vertebrae is not None:
            flags = quality.of_vertebrae(known.vertebrae, ct.image) + flags
        return flags

    def _outdated(self, made: Sequence[Stage], ct: CT, known: Known) -> tuple[str, ...]:
        """Pictures and exports of results that are replaced now, where no new ones come."""
        if not made:
            return ()
        extras = {"preview"} | ({"heatmap"} if "spine" in made else set())
        former = [self.paths.of(extra) for extra in sorted(extras)]
        former = [path for path in former if path.exists()] + export_files.written(self.paths)
        markups, own = self.paths.of("markups"), ct.placement.own
        if "vertebrae" not in made and centroid_files.are_current(markups, own, known.vertebrae):
            former = [path for path in former if path != markups]
        return tuple(p.name for p in former if not (self.making.folder / p.name).exists())

    def _halvings(self) -> int:
        """How often networks' inputs are halved from the beginning; from the CT's header."""
        if self.job.memory_gb is None:
            return 0
        placed = volume.read_placement(ct_of(self.case), self.case.series)
        return case_memory.halvings(placed.grid.size_vox, self.job.memory_gb)

    def _record(self, files: Origins, kept: tuple[Stage, ...]) -> Record:
        """What the run knows of itself, for the report."""
        return Record(
            ct_of(self.case).name,
            self.present.input_sha256,
            files,
            kept,
            self.models.parts,
            self.steps.seconds,
            self.present.unknown,
            next(iter(self.models.engines.values()), None),
            self.job.models.fast,
        )

    def _recorded(self) -> Origins:
        """What earlier runs recorded of the results that are there."""
        recorded = self.present.recorded
        files = [self.paths.of(stage) for stage in STAGES] + export_files.written(self.paths)
        return {f.name: recorded[f.name] for f in files if f.name in recorded and f.exists()}

    def _exported(self, known: Known, written: Sequence[Path]) -> Origins:
        """What is recorded of other formats that were written just now."""
        markups, only = self.paths.of("markups").name, self.job.exports.only
        exported = export_files.origins(written)
        if markups in exported:
            held = [label for label in known.vertebrae or () if not only or label in only]
            exported[markups] = centroid_files.with_labels(exported[markups], held)
        return exported

    def _by_file(self, origins: Mapping[Stage, Origin]) -> Origins:
        return {self.paths.of(stage).name: origin for stage, origin in origins.items()}

    def _line(self, known: Known) -> str:
        """What was done, in one line."""
        seconds = f", {sum(self.steps.seconds.values()):.1f} s" if self.job.command.reports else ""
        if known.vertebrae is not None:
            return summary(known.vertebrae) + seconds
        if known.spine is None:
            return "done"
        if not known.spine.is_in_view:
            return f"no spine in view, peak {known.spine.peak:.2f}"
        x, y, z = known.spine.center_mm
        return f"spine at {x:.0f}, {y:.0f}, {z:.0f} mm, peak {known.spine.peak:.2f}"


def _check_exports(job: Job, paths: Paths, present: Present, made: Sequence[Stage]) -> None:
    """Raises BadInputError when another format that was corrected would be lost.

    made : stages whose results are computed: what shows former ones goes.
    """
    if not job.overwrite:
        lost = export_files.written(paths) if made else export_files.replaced(job.exports, paths)
        export_files.check([path for path in lost if path != present.needed], present.recorded)


def _is_drawn(job: Job, paths: Paths) -> bool:
    """Whether the picture is there, if it is asked for."""
    return "preview" not in job.extras or paths.of("preview").exists()


def _is_exported(exports: Exports, paths: Paths) -> bool:
    """Whether the other formats asked for are there, of the vertebrae asked for."""
    report = case_report.read(paths.of("report"))
    if report is None:
        return not exports
    masked = {row.label: measures.values(row.measures) for row in report.with_mask}
    measured = [label for label, values in masked.items() if is_measured(values)]
    possible = exports.possible(exports.among(masked), exports.among(measured))
    return possible.are_there(paths.folder, paths.case_name, masked)


def _attempt(run: CaseRun) -> Outcome:
    """The outcome of a case, whatever happens in it; SetupError when no case can be done."""
    try:
        return run.outcome() if run.job.command.makes else run.derived()
    except SetupError:
        raise
    except Exception as error:
        return run.failed(explain(error))


def _flagged(case: Case, job: Job) -> FlaggedError | None:
    """What the report says of a result that is likely wrong; None where it says no such thing."""
    report = case_report.read(Paths(job.out, case.name).of("report"))
    flags = () if report is None else report.flags
    codes = [flag.code for flag in flags if flag.severity == "error"]
    if not codes:
        return None
    return FlaggedError(
        f"{case.name}: likely wrong ({', '.join(codes)}); its results are written in {job.out}."
    )


def findings(case: Case, known: Known, ct: CT, exports: Exports) -> Findings:
    """What exports show; BadInputError when there are no masks yet."""
    from versectl.report.measurements import bodies

    if known.label_map is None:
        raise BadInputError("there are no masks to write in other formats; run segment first.")
    centers_mm = pipeline.centers_mm(known.vertebrae or {})
    measures = _measures(known, ct) if exports.hold_measures else {}
    wanted = exports.per_vertebra and known.vertebrae
    alone = bodies.alone(wanted, known.label_map) if wanted else None
    return Findings(case, centers_mm, known.label_map, ct.placement, measures, alone)


def _measures(known: Known, ct: CT) -> dict[int, dict[str, float]]:
    """Label -> measures by name; none without a spine file."""
    from versectl.report import measurements

    if known.result is None:
        return {}
    rows = measurements.of(known.result, ct.image).vertebrae
    return {row.label: measures.values(row.measures) for row in rows}


def _with_former(error: VersectlError) -> VersectlError:
    """The error of a case that was finished before, and stays so."""
    line = f"{str(error).removesuffix('.')}; its former results are kept and still count as done."
    former = type(error)(line)
    former.__cause__ = error.__cause__ or error
    return former


def _named(error: VersectlError, case: Case) -> VersectlError:
    """The error with the case's file in its message."""
    if str(case.ct) in str(error):
        return error
    named = type(error)(f"{case.ct}: {error}")
    named.__cause__ = error.__cause__ or error
    return named
