"""Other formats that were changed since versectl wrote them: they are never lost in silence.

Corrections count in the files of the stages and in the markups. Other formats are written again
from these, so that what was corrected in them, masks in 3D Slicer say, would be gone.
"""

from collections.abc import Iterable
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io import atomic
from versectl.io.case_files import Paths
from versectl.io.export import formats, nifti
from versectl.io.export.formats import DICOM_SEG, DICOM_SR, Exports
from versectl.report.provenance import VERSECTL, Origin, Origins


def replaced(exports: Exports, paths: Paths) -> list[Path]:
    """The files that writing these exports would replace or remove."""
    endings = {*exports.endings}
    if DICOM_SEG in endings:
        endings.add(DICOM_SR)  # one that refers to another SEG goes
    single = nifti.each_of(paths.folder, paths.case_name) if exports.per_vertebra else []
    names = {f"{paths.case_name}{ending}" for ending in endings} | {path.name for path in single}
    return [path for path in written(paths) if path.name in names]


def written(paths: Paths) -> list[Path]:
    """The files of all other formats that are there."""
    return formats.written(paths.folder, paths.case_name)


def check(files: Iterable[Path], recorded: Origins) -> None:
    """Raises BadInputError when one of these files is not as it was recorded.

    What a former version wrote was not recorded; it counts as versectl's own.
    """
    for path in files:
        if path.name in recorded and is_new(path, recorded):
            raise BadInputError(
                f"{path} was changed since versectl wrote it, and would be replaced; move it away, "
                "or delete it."
            )


def is_new(path: Path, recorded: Origins) -> bool:
    """Whether a file was not recorded as it is."""
    return path.name not in recorded or recorded[path.name].sha256 != atomic.sha256(path)


def origins(files: Iterable[Path]) -> Origins:
    """What is recorded of other formats that versectl wrote."""
    return {path.name: Origin(atomic.sha256(path), VERSECTL, None) for path in files}
