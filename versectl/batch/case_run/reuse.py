"""What of a case is there already and need not be computed.

A result stays when the user made or changed its file, or when the same weights made it of the same
CT and of the same preceding result. Everything else is computed again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from versectl.batch.job import Job
from versectl.config import STAGES, Stage
from versectl.errors import BadInputError, DamagedError
from versectl.io import atomic, case_files, layout, volume
from versectl.io.case_files import Paths
from versectl.io.layout import Case
from versectl.io.volume import CT
from versectl.report import provenance, reading
from versectl.report.provenance import USER, VERSECTL, Origin, Origins
from versectl.types import Known

#: What is said of a case that stays as it is.
STAYS = "kept, its results are there already (--overwrite recomputes them and discards corrections)"


@dataclass(frozen=True)
class Present:
    """What is there of a case before it is worked on.

    recorded : file name -> what made it, as an earlier run recorded it.
    stays : stage -> what made its result, for those results that are not computed again.
    needed : the file of the preceding stage that the command reads; None where it reads none.
    needed_sha256 : of that file.
    unknown : files of a former version that did not record what it made, since its run failed.
    was_of_another_ct : whether versectl made results of another CT of this name.
    """

    input_sha256: str | None = None
    recorded: Origins = field(default_factory=dict)
    stays: Mapping[Stage, Origin] = field(default_factory=dict)
    needed: Path | None = None
    needed_sha256: str | None = None
    unknown: tuple[str, ...] = ()
    was_of_another_ct: bool = False

    @property
    def yours(self) -> list[Stage]:
        """Stages whose results stay since the user made or changed them."""
        return [stage for stage, origin in self.stays.items() if origin.made_by == USER]

    def reads(self, path: Path) -> bool:
        """Whether a file is the one that the command reads, however its folder is spelt."""
        needed = self.needed
        return needed is not None and needed.exists() and path.exists() and path.samefile(needed)


def look(case: Case, job: Job) -> Present:
    """What is there of a case; BadInputError when what the command needs is not."""
    paths = Paths(job.out, case.name)
    recorded = provenance.read(paths.of("provenance"), paths.of("report"))
    needed, input_sha256 = _needed(case, job, paths), _input_sha256(case)
    former = _results_of(recorded, paths, job.command.makes, made_by=VERSECTL)
    present = Present(
        input_sha256,
        recorded,
        needed=needed,
        needed_sha256=None if needed is None else sha256(needed),
        was_of_another_ct=input_sha256 is not None and bool(former - {input_sha256}),
    )
    if job.overwrite:
        return present
    stays, unknown = _staying(job, paths, present), _unknown(job, paths, recorded)
    return replace(present, stays=stays, unknown=unknown)


def is_finished(job: Job, paths: Paths, present: Present) -> bool:
    """Whether nothing is left to compute or to write."""
    makes = job.command.makes
    if not makes or any(stage not in present.stays for stage in makes):
        return False
    return not job.command.reports or _is_as_reported(paths, present)


def stands(case: Case, job: Job) -> bool:
    """Whether a case is finished already, though it may be wanted anew."""
    kept = replace(job, overwrite=False)
    try:
        return is_finished(kept, Paths(job.out, case.name), look(case, kept))
    except BadInputError:
        return False


def read(job: Job, paths: Paths, present: Present, ct: CT) -> Known:
    """The results that stay, and the one that the command needs."""
    known = Known()
    for stage, origin in present.stays.items():
        path = paths.of(stage)
        try:
            known = case_files.read(known, stage, ct, path)
        except DamagedError:
            # nobody corrects masks into a file that is cut off: it is versectl's, damaged
            recorded = present.recorded.get(path.name)
            if stage != "segmentation" or recorded is None or recorded.made_by == USER:
                raise
        if stage == "vertebrae" and known.vertebrae is not None:
            known = replace(known, vertebrae=provenance.with_certainty(known.vertebrae, origin))
    if job.command.needs is not None and present.needed is not None:
        known = case_files.read(known, job.command.needs, ct, present.needed)
    return known


def foresee(case: Case, job: Job, paths: Paths, present: Present) -> frozenset[Stage]:
    """The stages whose results will be kept; BadInputError where one that is the user's cannot be.

    What is as versectl wrote it is not read: it can be.
    """
    needed = present.needed
    is_yours = needed is not None and provenance.is_new(needed, present.recorded)
    if not present.yours and not is_yours:
        return frozenset(present.stays)
    blank = volume.read_blank(layout.ct_of(case), case.series)
    return read(job, paths, present, blank).stages


def read_any(paths: Paths, ct: CT) -> Known:
    """Whatever results are there, made by whomever; as certain as they were when made."""
    known = Known()
    for stage in STAGES:
        if paths.of(stage).exists():
            known = case_files.read(known, stage, ct, paths.of(stage))
    path = paths.of("vertebrae")
    origin = provenance.read(paths.of("provenance"), paths.of("report")).get(path.name)
    if known.vertebrae is None or origin is None:
        return known
    if origin.sha256 != sha256(path):
        origin = replace(origin, made_by=USER)
    return replace(known, vertebrae=provenance.with_certainty(known.vertebrae, origin))


def corrected(paths: Paths, recorded: Origins, stages: Iterable[Stage]) -> list[Path]:
    """Those of the stages' files that are not as versectl wrote them."""
    there = [paths.of(stage) for stage in stages if paths.of(stage).exists()]
    return [path for path in there if not _is_own(path, recorded)]


def refuse_another_ct(paths: Paths, recorded: Origins, input_sha256: str | None) -> None:
    """Raises BadInputError where the results that are there are of another CT than this one."""
    made_of = _results_of(recorded, paths, STAGES)
    if made_of and input_sha256 is not None and input_sha256 not in made_of:
        raise BadInputError(
            f"the results in {paths.folder} are of another CT; give theirs, or run run-all first."
        )


def has_outdated_masks(paths: Paths, recorded: Origins) -> bool:
    """Whether versectl's own masks were made from other centroids than those that are there."""
    masks, centroid_file = paths.of("segmentation"), paths.of("vertebrae")
    origin = recorded.get(masks.name)
    if origin is None or origin.made_by == USER or origin.made_from_sha256 is None:
        return False
    present = sha256(centroid_file)
    is_other = present is not None and present != origin.made_from_sha256
    return is_other and origin.sha256 == sha256(masks)


def sha256(path: Path) -> str | None:
    """SHA-256 of a file; None when it is missing or cannot be read, which its reader will tell."""
    try:
        return atomic.sha256(path)
    except OSError:
        return None


def _is_own(path: Path, recorded: Origins) -> bool:
    origin = recorded.get(path.name)
    return origin is not None and origin.made_by == VERSECTL and origin.sha256 == sha256(path)


def _results_of(
    recorded: Origins, paths: Paths, stages: Iterable[Stage], made_by: str | None = None
) -> set[str]:
    """SHA-256 of the CTs that the results that are there are recorded to be of."""
    origins = [recorded.get(paths.of(stage).name) for stage in stages if paths.of(stage).exists()]
    return {
        origin.input_sha256
        for origin in origins
        if origin is not None
        and origin.input_sha256 is not None
        and made_by in (None, origin.made_by)
    }


def _unknown(job: Job, paths: Paths, recorded: Origins) -> tuple[str, ...]:
    """Results that a former version left behind a failed run: its own, or corrected by hand."""
    report = reading.read(paths.of("report"))
    if report is None or report.is_current_format or report.status != reading.FAILED:
        return ()
    there = [paths.of(stage) for stage in job.command.makes if paths.of(stage).exists()]
    return tuple(path.name for path in there if path.name not in recorded)


def _input_sha256(case: Case) -> str | None:
    try:
        return layout.sha256(case)
    except (OSError, BadInputError):
        return None


def _needed(case: Case, job: Job, paths: Paths) -> Path | None:
    """The file of the preceding stage that the command reads."""
    stage = job.command.needs
    if stage is None:
        return None
    if job.given is not None and case.name not in job.given:
        raise BadInputError(f"none of the {len(job.given)} files given belongs to this case.")
    path = paths.of(stage) if job.given is None else job.given[case.name]
    if not path.exists():
        raise BadInputError(f"{path} is missing; run {case_files.COMMANDS[stage]} first.")
    return path


def _staying(job: Job, paths: Paths, present: Present) -> dict[Stage, Origin]:
    """What made each result of the command that is not computed again."""
    preceding = present.needed_sha256
    stays: dict[Stage, Origin] = {}
    for stage in job.command.makes:
        path = paths.of(stage)
        found = sha256(path)
        if found is not None:
            model = job.models.identity(stage)
            wanted = Origin(found, VERSECTL, present.input_sha256, model, preceding)
            origin = _origin(present.recorded.get(path.name), wanted)
            if origin is not None and _is_wanted(stage, origin, job, paths):
                stays[stage] = origin
        preceding = found if stage in stays else ""  # what is made of a new result is new
    return stays


def _origin(recorded: Origin | None, wanted: Origin) -> Origin | None:
    """What made a file whose result stays; None when it must be computed again.

    wanted : what it would have been made by now, and its SHA-256 as it is.
    """
    if recorded is None:
        return Origin(wanted.sha256, USER, wanted.input_sha256)
    if recorded.sha256 != wanted.sha256:  # changed since; when, nobody knows
        made_of = recorded.input_sha256 if recorded.made_by == VERSECTL else None
        input_sha256 = made_of or wanted.input_sha256  # in Python no CT's file was at hand
        return provenance.changed(recorded, wanted.sha256, input_sha256)
    if recorded.made_by == USER and recorded.input_sha256 is None:  # no CT was at hand
        return replace(recorded, input_sha256=wanted.input_sha256)
    if (
        recorded.made_by == USER
        or replace(recorded, certainty={}, numbering=None, engine=None) == wanted
    ):
        return recorded
    return None


def _is_wanted(stage: Stage, origin: Origin, job: Job, paths: Paths) -> bool:
    """Whether a result is as precise as asked for, and has the heatmap asked for beside it."""
    precision, engine = job.models.precision, origin.engine
    is_precise = precision == "auto" or engine is None or engine.precision == precision
    return is_precise and not _lacks_heatmap(stage, origin, job, paths)


def _lacks_heatmap(stage: Stage, origin: Origin, job: Job, paths: Paths) -> bool:
    """Whether the spine must be found again for the heatmap asked for; never the user's spine."""
    wanted = stage == "spine" and "heatmap" in job.extras
    if not wanted or paths.of("heatmap").exists():
        return False
    if origin.made_by == USER:
        raise BadInputError(
            f"{paths.of(stage)} was corrected by hand; --heatmap needs --overwrite, which "
            "recomputes the spine as well."
        )
    return True


def _is_as_reported(paths: Paths, present: Present) -> bool:
    """Whether the report is of this CT and of the files as they are."""
    report = reading.read(paths.of("report"))
    if report is None or not report.is_finished:
        return False
    files = {paths.of(stage).name: origin.sha256 for stage, origin in present.stays.items()}
    return report.input_sha256 == present.input_sha256 and dict(report.files) == files
