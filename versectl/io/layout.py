"""A data folder -> its cases: which CT, label map and centroid file belong together.

Knows the names of the VerSe 2019 and 2020 challenge files, of the subject-based (BIDS) release,
and of versectl's own outputs. Every folder that directly holds slices of a CT in DICOM is a case,
named after it and the folders above it, as far as the one given; so is a zip of DICOM files.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io import atomic
from versectl.io.dicom import sources

#: How the names of volumes end that versectl reads.
NIFTI = (".nii.gz", ".nii")
SUFFIXES = (*NIFTI, ".nrrd", ".nhdr", ".mha", ".mhd")

#: What follows the case's name in a file's name, and what such a file holds. First match wins.
ENDINGS = (
    (r"\.seg", (".nrrd",), "other"),  # what 3D Slicer reads
    (r"_seg-[CTL]\d+_msk", SUFFIXES, "other"),  # one vertebra alone
    (r"_seg-vert_msk|_seg|_msk|_labels", SUFFIXES, "labels"),
    (r"_seg-(?:subreg|vb|vert)_ctd|_iso-ctd|_ctd", (".json",), "centroids"),
    (r"_spine", (".json",), "spine"),
    (r"_report", (".json",), "report"),
    (r"_seg-\w+_msk|_heatmap", SUFFIXES, "other"),
    (r"_ct|", SUFFIXES, "ct"),
)


#: What a file can hold that belongs to a case.
HELD = ("ct", "labels", "centroids", "spine", "report")


@dataclass(frozen=True)
class Case:
    """One scan and what is known of it; a file that is not there is None.

    ct : a file, or a folder or zip of DICOM. series : which DICOM series of it, None for the only.
    """

    name: str
    ct: Path | None = None
    labels: Path | None = None
    centroids: Path | None = None
    spine: Path | None = None
    report: Path | None = None
    series: str | None = None


def find(path: Path, only: Sequence[str] = HELD, apart_from: Path | None = None) -> dict[str, Case]:
    """Cases by name, in order of name, of one file or of all files in a folder and below.

    only : look for these kinds of files ("ct", "labels", ..) and pass over the others.
    apart_from : a folder below `path` to pass over.
    Raises BadInputError when the path is missing or two files claim the same place in a case.
    """
    path = Path(path)
    if not path.exists():
        raise BadInputError(f"{path} does not exist.")
    found: dict[str, Case] = {}
    for file, name, holds in _recognised(path, apart_from):
        if holds not in only:
            continue
        case = found.get(name, Case(name))
        taken = getattr(case, holds)
        if taken is not None:
            raise BadInputError(f"{taken} and {file} claim one case, {name}; rename one.")
        found[name] = replace(case, **{holds: file})  # type: ignore[arg-type]  # one of HELD
    return dict(sorted(found.items()))


def with_ct(path: Path, apart_from: Path | None = None, series: str | None = None) -> list[Case]:
    """The cases that have a CT, with nothing but it; BadInputError when there is none.

    A file that is named itself is the CT, whatever its name says it holds. With a DICOM series
    (its key or UID) the path is the one study that has it, with all folders below.
    """
    path = Path(path)
    if path.is_file() or series is not None:
        return [_single(path, series)]
    found = find(path, ("ct",), apart_from)
    for name, source in _dicom(path, apart_from):
        if name in found:
            raise BadInputError(
                f"{found[name].ct} and {source} claim one case, {name}; rename one."
            )
        found[name] = Case(name, ct=source)
    if not found and sources.files(path, below=False):
        return [_single(path, None)]  # its reader says why it is none
    if not found:
        endings = ", ".join(SUFFIXES)
        raise BadInputError(
            f"{path} holds no CT; put files ending in {endings}, or DICOM series, there."
        )
    return [found[name] for name in sorted(found)]


def with_labels(path: Path) -> list[Case]:
    """The cases that have a CT and a label map; BadInputError when there is none."""
    cases = [case for case in find(path).values() if case.ct and case.labels]
    if not cases:
        raise BadInputError(f"{path} holds no CT with a label map in VerSe layout.")
    return cases


def sha256(case: Case) -> str:
    """SHA-256 of a case's CT; of DICOM, of all its files in any order and of the series' name."""
    if case.ct is None:
        raise BadInputError(f"{case.name} has no CT.")
    if not case.ct.is_dir():
        return atomic.sha256(case.ct)
    digests = sorted(map(atomic.sha256, sources.files(case.ct, below=case.series is not None)))
    return hashlib.sha256("\n".join([*digests, case.series or ""]).encode()).hexdigest()


def parse(file_name: str) -> tuple[str, str] | None:
    """Case name and what the file holds, or None when the name is none of ours.

    >>> parse("sub-verse004_seg-vert_msk.nii.gz")
    ('sub-verse004', 'labels')
    >>> parse("verse500_CT-iso_iso-ctd.json")
    ('verse500_CT-iso', 'centroids')
    >>> parse("abdomen_3mm_ct.nii.gz")
    ('abdomen_3mm', 'ct')
    """
    for ending, suffixes, holds in ENDINGS:
        suffix = next((s for s in suffixes if file_name.endswith(s)), None)
        match = suffix and re.fullmatch(
            rf"(.+?)(?:{ending})", file_name.removesuffix(suffix), re.DOTALL
        )
        if match:
            return match[1], holds
    return None


def key(name: str) -> str:
    """A case's name as it is the same in every VerSe release.

    >>> key("sub-verse004"), key("verse500_CT-iso")
    ('verse004', 'verse500')
    """
    return name.removeprefix("sub-").removesuffix("_CT-iso").lower()


def _single(path: Path, series: str | None) -> Case:
    if path.is_dir() or sources.is_source(path):
        whole = path.resolve()
        return Case(whole.name if path.is_dir() else whole.stem, ct=path, series=series)
    if not path.name.endswith(SUFFIXES):
        raise BadInputError(f"{path} is no volume versectl reads; use {', '.join(SUFFIXES)}.")
    if series is not None:
        raise BadInputError(f"{path} has no series to choose from: it is not DICOM.")
    name, holds = parse(path.name) or (path.name, "ct")
    whole_name = path.name.removesuffix(next(s for s in SUFFIXES if path.name.endswith(s)))
    return Case(name if holds == "ct" else whole_name, ct=path)


def _recognised(path: Path, apart_from: Path | None) -> Iterator[tuple[Path, str, str]]:
    for file in _files(path, apart_from):
        parsed = parse(file.name)
        if parsed and parsed[1] != "other" and not file.name.startswith(".") and file.is_file():
            yield file, *parsed


def _dicom(path: Path, apart_from: Path | None) -> Iterator[tuple[str, Path]]:
    """Case name and DICOM folder or zip; those without CT, as localizers, are passed over."""
    from versectl.io.dicom import reading  # heavy, as the command line starts

    files = list(_files(path, apart_from))
    for folder in sources.folders(files):
        if reading.holds_ct(folder):
            yield "_".join(folder.relative_to(path).parts) or path.resolve().name, folder
    for file in files:
        if sources.is_zip(file) and sources.zip_holds_dicom(file):
            yield file.stem, file


def _files(path: Path, apart_from: Path | None) -> Iterator[Path]:
    """A file, or all files in a folder and below, in order of name."""
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    passed = None if apart_from is None else Path(apart_from).resolve()
    passed = passed if passed and path.resolve() in passed.parents else None
    for file in files:
        if passed is None or passed not in file.resolve().parents:
            yield file
