"""What would become of a case, in words; nothing is computed or written."""

import os

from versectl.batch import outcome
from versectl.batch.case_run import exports, reuse
from versectl.batch.case_run.failures import without_folder
from versectl.batch.case_run.reuse import STAYS, Present
from versectl.batch.corrections import centroid_files, export_files
from versectl.batch.job import Job
from versectl.config import STAGES
from versectl.errors import BadInputError, explain, missing
from versectl.io import layout, volume
from versectl.io.case_files import Paths
from versectl.io.export import formats
from versectl.io.layout import Case
from versectl.report import provenance, reading


def forecast(case: Case, job: Job) -> str:
    """What do() would do with a case."""
    paths = Paths(job.out, case.name)
    try:
        said = _forecast(case, job, paths)
    except (BadInputError, OSError) as error:
        return f"would fail: {without_folder(explain(error), case)}"
    stay = () if job.overwrite else export_files.without_effect(paths)
    return "; ".join([said, *outcome.said_of(case.name, stay)])


def is_finished(case: Case, job: Job) -> bool:
    """Whether nothing would be done with a case, and it would not fail."""
    paths = Paths(job.out, case.name)
    try:
        corrected = centroid_files.corrected_markups(paths)
        present = reuse.look(case, job)
    except (BadInputError, OSError):  # its own outcome tells
        return False
    if corrected is not None and job.keeps_vertebrae:
        return False
    is_computed = not job.command.makes or reuse.is_finished(job, paths, present)
    return is_computed and exports.are_there(job, paths)


def failed_before(case: Case, job: Job) -> bool:
    """Whether the case has a report, which says that it failed."""
    report = reading.read(Paths(job.out, case.name).of("report"))
    return report is not None and report.status == reading.FAILED


def _forecast(case: Case, job: Job, paths: Paths) -> str:
    """The same; BadInputError when the case would fail."""
    # unlike Path.exists, this raises for no folder that is closed to us
    if not os.path.exists(layout.ct_of(case)):
        raise missing(layout.ct_of(case))
    corrected = centroid_files.corrected_markups(paths)
    if corrected is not None and job.keeps_vertebrae:
        placed = volume.read_placement(layout.ct_of(case), case.series)
        centroid_files.check(paths, placed.own)
        recorded = provenance.read(paths.of("provenance"), paths.of("report"))
        exports.refuse_to_lose(job, paths, Present(recorded=recorded, needed=corrected), STAGES)
        return f"would be processed, with the corrections in {corrected.name}"
    present = reuse.look(case, job)
    finished = reuse.is_finished(job, paths, present)
    if finished and exports.are_there(job, paths):
        return STAYS
    formats.check(job.exports, case)
    volume.check_header(layout.ct_of(case), case.series)
    kept_stages = reuse.foresee(case, job, paths, present)
    made = [stage for stage in job.command.makes if stage not in kept_stages]
    exports.refuse_to_lose(job, paths, present, made)
    if finished:
        return "would be kept; missing formats or the picture would be written"
    stays = [stage for stage in STAGES if stage in present.stays and stage not in made]
    kept = [f"keeping {', '.join(stays)}"] if stays else []
    lost = [path.name for path in reuse.corrected(paths, present.recorded, made)]
    replaced = [f"replacing {', '.join(lost)}, not as versectl wrote it"] if lost else []
    other = ["replacing the results of another CT"] if present.was_of_another_ct else []
    return ", ".join(["would be processed", *kept, *replaced, *other])
