"""Pictures and other formats: whether they were changed, and whether they show what is there.

Corrections count in the files of the stages and in the markups. Other formats are written again
from these, so that what was corrected in them, masks in 3D Slicer say, would be gone: they are
never lost in silence.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io import atomic, markups
from versectl.io.case_files import Paths
from versectl.io.export import formats, nifti
from versectl.io.export.formats import DICOM_SEG, DICOM_SR, Exports
from versectl.report import provenance
from versectl.report.provenance import VERSECTL, Origin, Origins


def replaced(exports: Exports, paths: Paths) -> list[Path]:
    """The files that writing these exports would replace or remove."""
    endings = {*exports.endings}
    if DICOM_SEG in endings:
        endings.add(DICOM_SR)  # one that refers to another SEG goes
    single = nifti.each_of(paths.folder, paths.case_name) if exports.per_vertebra else []
    names = {f"{paths.case_name}{ending}" for ending in endings} | {path.name for path in single}
    return [path for path in written(paths) if path.name in names]


def of_other_vertebrae(asked: Exports, possible: Exports, paths: Paths) -> list[Path]:
    """Files of formats asked for that cannot be of the vertebrae asked for: these allow none."""
    endings = asked.endings.keys() - possible.endings.keys()
    files = [paths.folder / f"{paths.case_name}{ending}" for ending in sorted(endings)]
    if asked.per_vertebra and not possible.per_vertebra:
        files += nifti.each_of(paths.folder, paths.case_name)
    return [path for path in files if path.exists()]


def written(paths: Paths) -> list[Path]:
    """The files of all other formats that are there."""
    return formats.written(paths.folder, paths.case_name)


def made(paths: Paths) -> list[Path]:
    """All that is made of the results and is there: the picture, other formats."""
    picture = paths.of("preview")
    return [*written(paths), *([picture] if picture.exists() else [])]


def check(files: Iterable[Path], recorded: Origins) -> None:
    """Raises BadInputError when one of these files is not as it was recorded."""
    for path in files:
        if provenance.is_new(path, recorded):
            raise BadInputError(
                f"{path} is not as versectl wrote it, and would be replaced; move it away, or "
                "delete it."
            )


def without_effect(paths: Paths) -> tuple[str, ...]:
    """Other formats that are not as versectl wrote them: corrections in them do not count."""
    recorded = provenance.read(paths.of("provenance"), paths.of("report"))
    files = [path for path in written(paths) if not is_markups(path)]
    return tuple(path.name for path in files if provenance.is_new(path, recorded))


def shown(*folders: Paths) -> dict[str, str]:
    """Name -> SHA-256 of a case's centroids and masks, from the first folder that has them."""
    found = {}
    for stage in ("vertebrae", "segmentation"):
        path = next((path for each in folders if (path := each.of(stage)).exists()), None)
        if path is not None:
            found[path.name] = atomic.sha256(path)
    return found


def outdated(files: Iterable[Path], recorded: Origins, present: Mapping[str, str]) -> list[Path]:
    """Those of these files that show other centroids or masks than those present, see `shown`.

    Of what nobody recorded it is not known: it shows those that were recorded.
    """
    former = {name: recorded[name].sha256 for name in present if name in recorded}

    def is_outdated(path: Path) -> bool:
        now, origin = _shown_in(path, present), recorded.get(path.name)
        if origin is not None and origin.shows:
            return origin.shows != now
        return any(now[name] != sha256 for name, sha256 in _shown_in(path, former).items())

    return [path for path in files if is_outdated(path)]


def origins(files: Iterable[Path], present: Mapping[str, str]) -> Origins:
    """What is recorded of pictures and other formats that versectl wrote of what is present."""
    return {
        path.name: Origin(atomic.sha256(path), VERSECTL, None, shows=_shown_in(path, present))
        for path in files
    }


def is_markups(path: Path) -> bool:
    """Whether a file holds centroids alone."""
    return path.name.endswith(markups.ENDING)


def _shown_in(path: Path, present: Mapping[str, str]) -> dict[str, str]:
    """What a file shows of what is present: markups hold centroids alone."""
    if not is_markups(path):
        return dict(present)
    return {name: sha256 for name, sha256 in present.items() if name.endswith(".json")}
