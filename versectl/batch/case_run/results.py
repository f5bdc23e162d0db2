"""What is written of a case, all at once, and what is recorded of it."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from versectl.batch.case_run import exports, reuse
from versectl.batch.case_run.reuse import Present
from versectl.batch.case_run.steps import Steps, WatchedModels
from versectl.batch.corrections import centroid_files, export_files
from versectl.batch.job import Job
from versectl.batch.transaction import Transaction
from versectl.config import STAGES, Stage
from versectl.errors import VersectlError
from versectl.io import atomic, case_files, layout, volume
from versectl.io.case_files import Paths
from versectl.io.export import formats
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.report import case_report, provenance, quality, reading
from versectl.report.case_report import Record
from versectl.report.provenance import VERSECTL, Origin, Origins
from versectl.types import Flag, Known


class Written(NamedTuple):
    """What was written.

    flags : what deserves a look. names : files that were made of the results.
    removed : files that are gone, since they showed former results. replaced : files that were not
        as versectl wrote them, and were replaced or removed.
    """

    flags: tuple[Flag, ...] = ()
    names: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()


@dataclass
class Results:
    """The files of a case in work.

    files : where they are made. models, steps : what was run, and how long it took.
    present : what was there before.
    """

    case: Case
    job: Job
    files: Transaction
    models: WatchedModels
    steps: Steps
    present: Present = field(default_factory=Present)

    @property
    def paths(self) -> Paths:
        """The case's files in OUT."""
        return Paths(self.job.out, self.case.name)

    @property
    def making(self) -> Paths:
        """The same, being made."""
        return Paths(self.files.making, self.case.name)

    def write(self, ct: CT, known: Known, made: Sequence[Stage]) -> Written:
        """Write the results of the stages that were computed, and all that is made of them."""
        for stage in made:
            case_files.write(known, stage, ct, self.making.of(stage))
        if "heatmap" in self.job.extras and known.spine and known.spine.heatmap is not None:
            volume.write(known.spine.heatmap, self.making.of("heatmap"), ct.placement)
        origins = self._origins(known, made)
        by_file = {self.paths.of(stage).name: origin for stage, origin in origins.items()}
        self.steps.end()
        kept = tuple(stage for stage in origins if stage not in made)
        flags = self._report(ct, known, self._record(by_file, kept))
        shown, record = self._write_shown(ct, known, flags)
        return self._commit(flags, shown, {**by_file, **record}, made)

    def write_shown(self, ct: CT, known: Known) -> Written:
        """Write what is made of the results that are there: the picture, other formats."""
        flags = self._present_flags(ct, known)
        shown, record = self._write_shown(ct, known, flags)
        if not shown and not self._in_place_of_others():
            return Written()
        if self.paths.of("report").exists():  # it is of these results still
            self.making.folder.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.paths.of("report"), self.making.of("report"))
        return self._commit(flags, shown, record, ())

    def _commit(
        self, flags: Sequence[Flag], shown: tuple[str, ...], record: Origins, made: Sequence[Stage]
    ) -> Written:
        """Record what was made, and move it to the other files."""
        removed, replaced = self._outdated(made), self._not_its_own(made)
        every = {**self._recorded(), **record}
        left = {name: origin for name, origin in every.items() if name not in removed}
        provenance.write(self.case.name, left, self.making.of("provenance"))
        self.files.commit(removed)
        gone = (*removed, *shown, *(self.paths.of(stage).name for stage in made))
        replaced = tuple(name for name in replaced if name in gone)
        return Written(tuple(flags), shown, removed, replaced)

    def write_failure(self, error: VersectlError) -> None:
        """Write a report that says why the case failed.

        What is recorded of the results that are there stays.
        """
        record = self._record(self._recorded(), ())
        report = case_report.failed(self.case.name, error, record)
        atomic.write_json(report, self.paths.of("report"))

    def _write_shown(
        self, ct: CT, known: Known, flags: Sequence[Flag]
    ) -> tuple[tuple[str, ...], Origins]:
        """Write other formats and the picture, as far as asked for; names, what is recorded."""
        written = [*self._export(ct, known, flags), *self._draw(ct, known, flags)]
        record = export_files.origins(written, export_files.shown(self.making, self.paths))
        markups, only = self.paths.of("markups").name, self.job.exports.only
        if markups in record:
            held = [label for label in known.vertebrae or () if not only or label in only]
            record[markups] = centroid_files.with_labels(record[markups], held)
        return tuple(path.name for path in written), record

    def _export(self, ct: CT, known: Known, flags: Sequence[Flag]) -> list[Path]:
        """Write the other formats asked for; their files."""
        if not self.job.exports:
            return []
        found = exports.findings(self.case, known, ct, self.job.exports)
        found = replace(found, flags=tuple(flags))
        return formats.write(self.job.exports, found, self.making.folder)

    def _draw(self, ct: CT, known: Known, flags: Sequence[Flag]) -> list[Path]:
        """Draw the picture, if it is asked for; its file."""
        if "preview" not in self.job.extras:
            return []
        from versectl.report import preview

        shown = preview.Shown(self.case.name, known.vertebrae, tuple(flags))
        preview.write(ct.image, known.label_map, shown, self.making.of("preview"))
        return [self.making.of("preview")]

    def _present_flags(self, ct: CT, known: Known) -> Sequence[Flag]:
        """What the report says of the results that are there; what they show if it is of others."""
        report = reading.read(self.paths.of("report"))
        if report is not None and report.is_of(self.paths.folder):
            return report.flags
        found = known.vertebrae
        return [*ct.flags, *([] if found is None else quality.of_vertebrae(found, ct.image))]

    def _origins(self, known: Known, made: Sequence[Stage]) -> dict[Stage, Origin]:
        """What made each of the command's results, those that were kept included."""
        origins: dict[Stage, Origin] = {}
        preceding = self.present.needed_sha256
        for stage in self.job.command.makes:
            if stage in made:
                origins[stage] = self._origin(stage, known, preceding)
            else:
                origins[stage] = self.present.stays[stage]
            preceding = origins[stage].sha256
        return origins

    def _origin(self, stage: Stage, known: Known, preceding: str | None) -> Origin:
        """What made a result now; preceding : SHA-256 of the preceding stage's file."""
        origin = Origin(
            atomic.sha256(self.making.of(stage)),
            VERSECTL,
            self.present.input_sha256,
            self.job.models.identity(stage),
            preceding,
            engine=self.models.engines.get(stage),
        )
        if stage == "vertebrae" and known.vertebrae is not None:
            return provenance.with_vertebrae(origin, known.vertebrae)
        return origin

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

    def _record(self, files: Origins, kept: tuple[Stage, ...]) -> Record:
        """What the run knows of itself, for the report."""
        return Record(
            input_file=layout.ct_of(self.case).name,
            input_sha256=self.present.input_sha256,
            files=files,
            kept=kept,
            parts=self.models.parts,
            seconds=self.steps.seconds,
            unknown=self.present.unknown,
            engine=next(iter(self.models.engines.values()), None),
            fast=self.job.models.fast,
        )

    def _recorded(self) -> Origins:
        """What earlier runs recorded of the files that are there."""
        files = [*map(self.paths.of, STAGES), *export_files.made(self.paths)]
        recorded = self.present.recorded
        return {f.name: recorded[f.name] for f in files if f.name in recorded and f.exists()}

    def _not_its_own(self, made: Sequence[Stage]) -> tuple[str, ...]:
        """Files that are not as versectl wrote them, of these stages and of other formats."""
        recorded = self.present.recorded
        new = [path for path in export_files.written(self.paths) if self._is_new(path)]
        return tuple(path.name for path in (*reuse.corrected(self.paths, recorded, made), *new))

    def _outdated(self, made: Sequence[Stage]) -> tuple[str, ...]:
        """Pictures and other formats that show former results, where no new ones come."""
        shown, former = export_files.shown(self.making, self.paths), export_files.made(self.paths)
        outdated = export_files.outdated(former, self.present.recorded, shown)
        outdated += [path for path in former if self._is_new(path) and _may_show(path, made)]
        outdated += [self.paths.of("heatmap")] if "spine" in made else []
        gone = [path for path in outdated if path.exists() and not self.present.reads(path)]
        names = [path.name for path in gone if not self._is_made(path.name)]
        return tuple(dict.fromkeys([*names, *self._in_place_of_others()]))

    def _is_new(self, path: Path) -> bool:
        return provenance.is_new(path, self.present.recorded)

    def _in_place_of_others(self) -> tuple[str, ...]:
        """Files of the formats asked for that there are no longer, and the SR of another SEG."""
        former = export_files.replaced(self.job.exports, self.paths)
        names = [path.name for path in former if not self._is_made(path.name)]
        seg, sr = (f"{self.case.name}{ending}" for ending in (formats.DICOM_SEG, formats.DICOM_SR))
        folders = (self.paths.folder, self.case.name, self.making.folder)
        if sr in names and seg not in names and not formats.is_of_another_seg(*folders):
            names.remove(sr)
        return tuple(names)

    def _is_made(self, name: str) -> bool:
        return (self.making.folder / name).exists()


def _may_show(path: Path, made: Sequence[Stage]) -> bool:
    """Whether a file whose content nobody recorded may show a former result of these stages."""
    return "vertebrae" in made or ("segmentation" in made and not export_files.is_markups(path))
