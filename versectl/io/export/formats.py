"""The table of formats: what `--format` takes, and which files each writes."""

import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from versectl.errors import BadInputError
from versectl.io import markups
from versectl.io.dicom import sources
from versectl.io.export import Format, bids, dicom_seg, dicom_sr, itksnap, nifti, slicer
from versectl.io.export.findings import Findings
from versectl.io.layout import Case

log = logging.getLogger(__name__)


class File(NamedTuple):
    """One file of a format: <case><ending>, who writes it, and who reads its labels.

    labels_in : None where all cases have the same labels in it, or those of another of its files.
    """

    ending: str
    write: Callable[[Findings, Path], None]
    labels_in: Callable[[Path], Collection[int]] | None = None


#: Ending of both kinds of DICOM SEG, and of the DICOM SR that refers to one.
DICOM_SEG, DICOM_SR = "_seg.dcm", "_sr.dcm"

LABELMAP = File(DICOM_SEG, dicom_seg.write_labelmap, dicom_seg.labels_in)

#: Format -> its files. The NIfTI label map and the JSON files are always written.
FORMATS: dict[Format, tuple[File, ...]] = {
    "nifti": (),
    "dicom-sr": (LABELMAP, File(DICOM_SR, dicom_sr.write)),
    "dicom-seg": (LABELMAP,),
    "dicom-seg-binary": (File(DICOM_SEG, dicom_seg.write_binary, dicom_seg.labels_in),),
    "slicer": (
        File("_seg.seg.nrrd", slicer.write_segmentation),
        File("_ctd.mrk.json", slicer.write_markups, markups.read),
    ),
    "itk-snap": (File("_seg_labels.txt", itksnap.write),),
    "bids": (File("_dseg.tsv", bids.write),),
}

#: Format -> the kind of DICOM SEG that it is.
SEG_KINDS: dict[Format, str] = {"dicom-seg": "LABELMAP", "dicom-seg-binary": "BINARY"}

#: Formats that need the DICOM series the CT came from.
NEED_DICOM = ("dicom-sr", *SEG_KINDS)


@dataclass(frozen=True)
class Exports:
    """What is written of a case beside its NIfTI label map and its JSON files.

    formats : keys of FORMATS. per_vertebra : a mask of each vertebra besides.
    only : labels that go into these files; None for all.
    """

    formats: tuple[Format, ...] = ()
    per_vertebra: bool = False
    only: tuple[int, ...] | None = None

    @property
    def endings(self) -> dict[str, File]:
        """Ending -> file, of all formats, in the table's order; of two for an ending the last."""
        wanted = [name for name in FORMATS if name in self.formats]
        return {file.ending: file for name in wanted for file in FORMATS[name]}

    def possible(self, masked: Collection[int], measured: Collection[int]) -> "Exports":
        """What can be written of vertebrae of which these have a mask, and these are measured.

        A DICOM SEG must have a segment, and a DICOM SR a measure: without, it is its SEG alone.
        """
        formats = self.formats if masked else tuple(n for n in self.formats if n not in NEED_DICOM)
        if not measured:
            formats = tuple("dicom-seg" if name == "dicom-sr" else name for name in formats)
        return replace(self, formats=formats, per_vertebra=self.per_vertebra and bool(masked))

    def left_out(self, possible: "Exports") -> list[str]:
        """What is asked for and not possible, as the command line names it."""
        names: list[str] = [name for name in self.formats if name not in possible.formats]
        return names + ["--per-vertebra"] * (self.per_vertebra and not possible.per_vertebra)

    @property
    def hold_measures(self) -> bool:
        """Whether any of the files holds what is measured of vertebrae."""
        return "dicom-sr" in self.formats

    def __bool__(self) -> bool:
        """Whether anything is to be written."""
        return bool(self.endings) or self.per_vertebra

    def among(self, vertebrae: Iterable[int]) -> set[int]:
        """Those of these vertebrae that are asked for."""
        return {label for label in vertebrae if self.only is None or label in self.only}

    def are_there(self, folder: Path, case_name: str, vertebrae: Collection[int]) -> bool:
        """Whether the folder has all files of the formats, and masks of single vertebrae.

        vertebrae : the case's, that have a mask; the files must show those that are asked for.
        """
        start = str(folder / case_name)
        if not all(Path(start + ending).exists() for ending in self.endings):
            return False
        held = [f.labels_in(Path(start + f.ending)) for f in self.endings.values() if f.labels_in]
        held += [nifti.labels_alone(folder, case_name)] if self.per_vertebra else []
        wanted = self.among(vertebrae)
        shown = all(wanted == set(vertebrae).intersection(labels) for labels in held)
        return shown and self._are_asked_for(Path(start + DICOM_SEG), Path(start + DICOM_SR))

    def _are_asked_for(self, seg: Path, sr: Path) -> bool:
        """Whether a DICOM SEG is of the kind asked for, and a DICOM SR refers to it.

        Both kinds have the same name, so that one can have replaced the other.
        """
        asked = [kind for name, kind in SEG_KINDS.items() if name in self.formats]
        is_kind = not asked or dicom_seg.kind_of(seg) == asked[-1]
        return is_kind and ("dicom-sr" not in self.formats or dicom_sr.refers_to(sr, seg))


NO_EXPORTS = Exports()


def check(exports: Exports, case: Case) -> None:
    """Raises BadInputError when a case cannot be written in a format: its CT must be DICOM."""
    needing = [name for name in exports.formats if name in NEED_DICOM]
    if needing and (case.ct is None or not sources.is_source(case.ct)):
        raise BadInputError(
            f"{case.ct} is not DICOM; --format {needing[0]} needs a DICOM series as input: leave "
            "this format out, or give the series."
        )


def write(exports: Exports, findings: Findings, folder: Path) -> list[Path]:
    """Write a case's exports into a folder, as far as it has something to show; their files.

    The folder has none of the case yet: what others would become of it is not looked at.
    """
    shown = findings if exports.only is None else findings.limited_to(exports.only)
    possible = exports.possible(shown.labels, shown.measured)
    for name in exports.left_out(possible):
        vertebra = "vertebra" if exports.only is None else "vertebra asked for"
        lacking = "is measured" if shown.labels else "has a mask"
        log.info("%s: no %s %s; %s is left out", findings.case.name, vertebra, lacking, name)
    paths = []
    for ending, file in possible.endings.items():
        paths.append(folder / f"{findings.case.name}{ending}")
        file.write(shown, paths[-1])
    return paths + (nifti.write_each(shown, folder) if exports.per_vertebra else [])


def present(folder: Path, case_name: str) -> Exports:
    """What a folder has of a case beside its NIfTI label map and its JSON files."""

    def is_there(name: Format) -> bool:
        own = [f for f in FORMATS[name] if f.ending != DICOM_SEG] or FORMATS[name]
        return any((folder / f"{case_name}{file.ending}").exists() for file in own)

    formats = tuple(name for name in FORMATS if FORMATS[name] and is_there(name))
    seg = folder / f"{case_name}{DICOM_SEG}"
    if seg.exists():
        kind = dicom_seg.kind_of(seg)
        formats = tuple(name for name in formats if SEG_KINDS.get(name, kind) == kind)
    return Exports(formats, bool(nifti.each_of(folder, case_name)))


def is_of_another_seg(folder: Path, case_name: str, seg_folder: Path) -> bool:
    """Whether a case's DICOM SR in a folder refers to another DICOM SEG than one elsewhere."""
    sr, seg = folder / f"{case_name}{DICOM_SR}", seg_folder / f"{case_name}{DICOM_SEG}"
    return sr.exists() and seg.exists() and not dicom_sr.refers_to(sr, seg)


def labels_in(folder: Path, case_name: str, name: Format) -> set[int] | None:
    """The labels that a case's files of a format hold; None where they do not tell."""
    paths = [(file, folder / f"{case_name}{file.ending}") for file in FORMATS[name]]
    held = [file.labels_in(path) for file, path in paths if file.labels_in and path.exists()]
    return {*held[0]} if held else None


def written(folder: Path, case_name: str) -> list[Path]:
    """All files that write() wrote for a case, whatever was asked for."""
    endings = {file.ending for files in FORMATS.values() for file in files}
    paths = [folder / f"{case_name}{ending}" for ending in sorted(endings)]
    return [path for path in paths if path.exists()] + nifti.each_of(folder, case_name)
