"""The table of formats: what `--format` takes, and which files each writes."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from versectl.errors import BadInputError
from versectl.io.dicom import sources
from versectl.io.export import bids, dicom_seg, itksnap, slicer
from versectl.io.export.findings import Findings
from versectl.io.layout import Case


class File(NamedTuple):
    """One file of a format: <case><ending>, and who writes it."""

    ending: str
    write: Callable[[Findings, Path], None]


#: Format -> its files. The NIfTI label map and the JSON files are always written.
FORMATS: dict[str, tuple[File, ...]] = {
    "nifti": (),
    "dicom-seg": (File("_seg.dcm", dicom_seg.write_labelmap),),
    "dicom-seg-binary": (File("_seg.dcm", dicom_seg.write_binary),),
    "slicer": (
        File("_seg.seg.nrrd", slicer.write_segmentation),
        File("_ctd.mrk.json", slicer.write_markups),
    ),
    "itk-snap": (File("_seg_labels.txt", itksnap.write),),
    "bids": (File("_dseg.tsv", bids.write),),
}

#: Formats that need the DICOM series the CT came from.
NEED_DICOM = ("dicom-seg", "dicom-seg-binary")


def check(chosen: Iterable[str], case: Case) -> None:
    """Raises BadInputError when a case cannot be written in a format: its CT must be DICOM."""
    needing = [name for name in chosen if name in NEED_DICOM]
    if needing and (case.ct is None or not sources.is_source(case.ct)):
        raise BadInputError(
            f"{case.ct} is no DICOM; --format {needing[0]} needs the series that it belongs to."
        )


def write(chosen: Iterable[str], findings: Findings, folder: Path) -> list[Path]:
    """Write a case in these formats into a folder; the files written."""
    files = {file.ending: file for name in chosen for file in FORMATS[name]}
    paths = [folder / f"{findings.case.name}{ending}" for ending in files]
    for path, file in zip(paths, files.values(), strict=True):
        file.write(findings, path)
    return paths
