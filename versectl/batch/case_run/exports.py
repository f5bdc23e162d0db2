"""What other formats show of a case, and which of them are there."""

from collections.abc import Sequence

import SimpleITK as sitk

from versectl.batch.case_run.reuse import Present
from versectl.batch.corrections import export_files
from versectl.batch.job import Job
from versectl.config import Stage
from versectl.errors import BadInputError
from versectl.io.case_files import Paths
from versectl.io.export.findings import Findings, is_measured
from versectl.io.export.formats import Exports
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.report import measures, provenance, reading
from versectl.types import Known, Vertebrae


def findings(case: Case, known: Known, ct: CT, exports: Exports) -> Findings:
    """What exports show; BadInputError when there are no masks yet."""
    from versectl.report.measurements import bodies

    if known.label_map is None:
        raise BadInputError("there are no masks to write in other formats; run segment first.")
    vertebrae = known.vertebrae or Vertebrae({})
    measured = _measured(vertebrae, known.label_map, ct) if exports.hold_measures else {}
    wanted = exports.per_vertebra and vertebrae
    alone = bodies.alone(wanted, known.label_map) if wanted else None
    return Findings(case, vertebrae.centers_mm, known.label_map, ct.placement, measured, alone)


def refuse_to_lose(job: Job, paths: Paths, present: Present, made: Sequence[Stage]) -> None:
    """Raises BadInputError when another format that was corrected would be lost.

    made : stages whose results are computed: what shows former ones goes.
    """
    if job.overwrite:
        return
    written = export_files.written(paths)
    if not made:
        shown = export_files.outdated(written, present.recorded, export_files.shown(paths))
        written = [*{*shown, *export_files.replaced(job.exports, paths)}]
    export_files.check([path for path in written if not present.reads(path)], present.recorded)


def are_there(job: Job, paths: Paths) -> bool:
    """Whether the picture and other formats asked for are there, and show what is there."""
    if not _is_drawn(job, paths) or not _are_written(job.exports, paths):
        return False
    recorded = provenance.read(paths.of("provenance"), paths.of("report"))
    asked = export_files.replaced(job.exports, paths)
    asked += [paths.of("preview")] if "preview" in job.extras else []
    return not export_files.outdated(asked, recorded, export_files.shown(paths))


def _is_drawn(job: Job, paths: Paths) -> bool:
    return "preview" not in job.extras or paths.of("preview").exists()


def _are_written(exports: Exports, paths: Paths) -> bool:
    report = reading.read(paths.of("report"))
    if report is None:
        return not exports
    masked = {row.label: measures.values(row.measures) for row in report.with_mask}
    measured = [label for label, values in masked.items() if is_measured(values)]
    possible = exports.possible(exports.among(masked), exports.among(measured))
    if export_files.of_other_vertebrae(exports, possible, paths):
        return False
    return possible.are_there(paths.folder, paths.case_name, masked)


def _measured(vertebrae: Vertebrae, label_map: sitk.Image, ct: CT) -> dict[int, dict[str, float]]:
    """Label -> measures by name."""
    from versectl.report import measurements

    rows = measurements.of(vertebrae, label_map, ct.image).vertebrae
    return {row.label: measures.values(row.measures) for row in rows}
