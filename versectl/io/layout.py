"""A data folder -> its cases: which CT, label map and centroid file belong together.

Knows the names of the VerSe 2019 and 2020 challenge files, of the subject-based (BIDS) release,
and of versectl's own outputs. Every folder with slices of a CT in DICOM is a case, named after it
and the folders above it, as far as the one given; so is a zip of DICOM files.
"""

import hashlib
import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from versectl.errors import BadInputError, missing
from versectl.io import atomic
from versectl.io.dicom import sources
from versectl.io.images import NIFTI, detached
from versectl.text import count, first_few

log = logging.getLogger(__name__)

#: How the names of volumes end that versectl reads.
SUFFIXES = (*NIFTI, ".nrrd", ".nhdr", ".mha", ".mhd")

#: What follows the case's name in a file's name, and the kind of such a file. First match wins.
ENDINGS = (
    (r"\.seg", (".nrrd",), "other"),  # what 3D Slicer reads
    (r"_seg-[CTL]\d+(?:-body)?_msk", SUFFIXES, "other"),  # one vertebra, or its body, alone
    (r"_seg-vert_msk|_seg|_msk|_labels", SUFFIXES, "labels"),
    (r"_seg-(?:subreg|vb|vert)_ctd|_iso-ctd|_ctd", (".json",), "centroids"),
    (r"_ctd", (".mrk.json",), "markups"),  # the same, as 3D Slicer has them
    (r"_spine", (".json",), "spine"),
    (r"_report", (".json",), "report"),
    (r"_seg-\w+_msk|_heatmap", SUFFIXES, "other"),
    (r"_ct|", SUFFIXES, "ct"),
)


#: What to do where a case would have two files of a kind. A table is for CTs to be processed.
KEEP_ONE = "move one of them out of the folder, or rename it if it belongs to another case."
NAME_THEM = "rename one, or name every case in a table (--manifest)."

#: The kinds of files that belong to a case. Markups are asked for by name: exports lie beside
#: what they were made of.
KINDS = ("ct", "labels", "centroids", "spine", "report")


@dataclass(frozen=True)
class Case:
    """One scan and what is known of it; a file that is not there is None.

    ct : a file, or a folder or zip of DICOM. series : which DICOM series of it, None for the only.
    """

    name: str
    ct: Path | None = None
    labels: Path | None = None
    centroids: Path | None = None
    markups: Path | None = None
    spine: Path | None = None
    report: Path | None = None
    series: str | None = None


class _File(NamedTuple):
    """A file, the case that its name says, and its kind: a field of Case."""

    path: Path
    case: str
    kind: str


def suffix(file_name: str) -> str | None:
    """How a volume's name ends, as it is spelt; None when it is none that versectl reads.

    >>> suffix("SCAN.NII.GZ"), suffix("scan.dcm")
    ('.NII.GZ', None)
    """
    ending = next((s for s in SUFFIXES if file_name.lower().endswith(s)), None)
    return None if ending is None else file_name[-len(ending) :]


def find(
    path: Path, only: Sequence[str] = KINDS, apart_from: Path | None = None
) -> dict[str, Case]:
    """Cases by name, in order of name, of one file or of all files in a folder and below.

    A name that files in several folders share gives way to the names of their folders.
    only : look for these kinds of files ("ct", "labels", ..) and pass over the others.
    apart_from : a folder below `path` to pass over.
    Raises BadInputError when the path is missing or two files would be the same part of a case.
    """
    path = Path(path)
    if not path.exists():
        raise missing(path)
    wanted = [file for file in _recognised(_files(path, apart_from)) if file.kind in only]
    there = [file for file in wanted if not sources.leads_nowhere(file.path)]
    if len(there) < len(wanted):
        broken = [str(file.path) for file in wanted if file not in there]
        log.warning("Broken links passed over, fetch their files: %s", first_few(broken))
    return _cases(_told_apart(there), KEEP_ONE)


def with_ct(path: Path, apart_from: Path | None = None, series: str | None = None) -> list[Case]:
    """The cases that have a CT, with nothing but it; BadInputError when there is none.

    A file that is named itself is the CT, whatever its name says. With a DICOM series
    (its key or UID) the path is the one study that has it, with all folders below; the case's name
    then tells the series. A broken link that is named as a CT counts: who reads it says so.
    """
    path = Path(path)
    if path.is_file() or series is not None:
        return [_single(path, series)]
    if not path.exists():
        raise missing(path)
    files = _files(path, apart_from)
    cts = [*_scans(path, files), *_dicom(path, files)]
    if not cts and sources.files(path, below=False):
        return [_single(path, None)]  # its reader says why it is none
    if not cts:
        endings = ", ".join(SUFFIXES)
        raise BadInputError(
            f"{path} holds no CT; put files ending in {endings}, or DICOM series, there"
            f"{_named_otherwise(files)}."
        )
    named = _told_apart(cts)
    _tell_of_folders(cts, named)
    return list(_cases(named, NAME_THEM).values())


def with_labels(path: Path) -> list[Case]:
    """The cases that have a CT and a label map; BadInputError when there is none."""
    cases = [case for case in find(path).values() if case.ct and case.labels]
    if not cases:
        raise BadInputError(f"{path} holds no CT with a label map in VerSe layout.")
    return cases


def ct_of(case: Case) -> Path:
    """The case's CT; BadInputError when it has none."""
    if case.ct is None:
        raise BadInputError(f"{case.name} has no CT.")
    return case.ct


def sha256(case: Case) -> str:
    """SHA-256 of a case's CT.

    Of a DICOM folder, and of a header with its voxels in other files, that of all files in any
    order. The name of a series that was chosen counts, too.
    """
    ct = ct_of(case)
    if ct.is_dir():
        files = sources.files(ct, below=case.series is not None)
    else:
        files = [ct, *detached.data_files(ct)]
        if files == [ct] and case.series is None:
            return atomic.sha256(ct)
    digests = sorted(map(atomic.sha256, files))
    return hashlib.sha256("\n".join([*digests, case.series or ""]).encode()).hexdigest()


def parse(file_name: str) -> tuple[str, str] | None:
    """Case name and the kind of file, or None when the name is none of ours.

    >>> parse("sub-verse004_seg-vert_msk.nii.gz")
    ('sub-verse004', 'labels')
    >>> parse("verse500_CT-iso_iso-ctd.json")
    ('verse500_CT-iso', 'centroids')
    >>> parse("abdomen_3mm_ct.nii.gz")
    ('abdomen_3mm', 'ct')
    """
    for ending, suffixes, kind in ENDINGS:
        spelt = next((s for s in suffixes if file_name.lower().endswith(s)), None)
        match = spelt and re.fullmatch(rf"(.+?)(?:{ending})", file_name[: -len(spelt)], re.DOTALL)
        if match:
            return match[1], kind
    return None


def name_of(ct: Path, series: str | None = None) -> str:
    """The name of the case that a CT is, given by itself: a file, or a folder or file of DICOM.

    Raises BadInputError where the series can be no series' number or UID.

    >>> name_of(Path("foo_ct.nii.gz")), name_of(Path("foo_seg.nii.gz")), name_of(Path("study.zip"))
    ('foo', 'foo_seg', 'study')
    """
    ending = suffix(ct.name)
    if ending is None:
        return of_series(ct.name if os.path.isdir(ct) else ct.stem, series)
    name, kind = parse(ct.name) or (ct.name, "ct")
    return name if kind == "ct" else ct.name.removesuffix(ending)


def of_series(name: str, series: str | None) -> str:
    """A case's name, with the DICOM series chosen of its study: each has results of its own.

    Raises BadInputError where it can be no series' number or UID.

    >>> of_series("anna", "4"), of_series("anna", None)
    ('anna_series-4', 'anna')
    """
    if series is None:
        return name
    if not re.fullmatch(r"-?\d+[a-z]*|[\d.]+", series):
        raise BadInputError(
            f"{series!r} is neither a series' number nor its UID; versectl series shows those "
            "there are."
        )
    return f"{name}_series-{series}"


def key(name: str) -> str:
    """A case's name as it is the same in every VerSe release.

    >>> key("sub-verse004"), key("verse500_CT-iso")
    ('verse004', 'verse500')
    """
    return name.removeprefix("sub-").removesuffix("_CT-iso").lower()


def without_folder(text: str, path: Path) -> str:
    """The text without the folder that a file lies in, which can bear a patient's name."""
    for folder in {path.parent.resolve(), path.parent} - {Path()}:
        text = re.sub(rf"(?<![^\s('\"]){re.escape(f'{folder}/')}", "", text)
    return text


def _single(path: Path, series: str | None) -> Case:
    if path.is_dir() or sources.is_source(path):
        return Case(name_of(path.resolve(), series), ct=path, series=series)
    if suffix(path.name) is None:
        raise BadInputError(
            f"{path} is not an image that versectl reads; use {', '.join(SUFFIXES)}."
        )
    if series is not None:
        raise BadInputError(f"{path} has no series to choose from: it is not DICOM.")
    return Case(name_of(path), ct=path)


def _cases(files: Iterable[_File], advice: str) -> dict[str, Case]:
    """The files as cases, in order of name. advice : where two files are the same part of one."""
    found: dict[str, Case] = {}
    for file in files:
        case = found.get(file.case, Case(file.case))
        taken = getattr(case, file.kind)
        if taken is not None:
            both = " and ".join(_described(path, file.case) for path in (taken, file.path))
            raise BadInputError(f"{both} belong to the same case, {file.case}; {advice}")
        found[file.case] = replace(case, **{file.kind: file.path})  # type: ignore[arg-type]  # one of KINDS
    return dict(sorted(found.items()))


def _described(path: Path, case: str) -> str:
    """A file of a case, and why it belongs to that case where its own name does not say so."""
    if path.is_dir():
        return f"the DICOM folder {path}"
    own = parse(path.name)
    if own is None or own[0] == case:
        return str(path)
    return f"{path} (named after its folder, for other files are called {own[0]} as well)"


def _told_apart(files: Iterable[_File]) -> list[_File]:
    """Files under the names of their cases: those of folders where several files share a name."""
    by_name: dict[str, list[_File]] = {}
    for file in files:
        by_name.setdefault(file.case, []).append(file)
    return [file for group in by_name.values() for file in _group_told_apart(group)]


def _tell_of_folders(cts: Iterable[_File], named: Iterable[_File]) -> None:
    """Log which names gave way to those of folders."""
    final = {file.path: file.case for file in named}
    shared = Counter(file.case for file in cts if file.case != final[file.path])
    if shared:
        files = first_few([f"{number} files are called {name}" for name, number in shared.items()])
        log.info("Cases are named after their folders, since %s", files)


def _group_told_apart(group: list[_File]) -> list[_File]:
    """Files of one name: as they are, or under the names of the folders that tell them apart."""
    kinds = [file.kind for file in group]
    if len(kinds) == len(set(kinds)):
        return group
    for level in range(max(len(file.path.parts) for file in group) - 1):
        renamed = [file._replace(case=_folder(file.path, level)) for file in group]
        if len({(file.case, file.kind) for file in renamed}) == len(renamed):
            return renamed
    return group


def _folder(path: Path, level: int) -> str:
    """The name of the folder so many levels above the file's own, the highest one's at most."""
    folders = [folder.name for folder in path.parents if folder.name]
    return folders[min(level, len(folders) - 1)] if folders else path.name


def _recognised(files: Iterable[Path]) -> Iterator[_File]:
    """Files whose kind is known by their names."""
    for file in files:
        parsed = parse(file.name)
        if parsed and parsed[1] != "other" and sources.is_file(file):
            yield _File(file, *parsed)


def _named_otherwise(files: Iterable[Path]) -> str:
    """What is said of volumes whose names say that they are no CT; empty where there is none."""
    parsed = ((file, parse(file.name)) for file in files if suffix(file.name) is not None)
    names = [file.name for file, known in parsed if known is not None and known[1] != "ct"]
    if not names:
        return ""
    return (
        f" ({count(len(names), 'file')} named as label maps or heatmaps: {first_few(names)}; such "
        "a file is read as a CT if it is given by itself or in a manifest)"
    )


def _scans(path: Path, files: Iterable[Path]) -> list[_File]:
    """Volumes that are named as CT and are no label maps."""
    from versectl.io.images import masks  # it needs ITK, names do not

    named = [file for file in _recognised(files) if file.kind == "ct"]
    scans = [file for file in named if not masks.is_mask(file.path)]
    if len(scans) < len(named):
        log.info("Label maps passed over in %s: %d", path, len(named) - len(scans))
    return scans


def _dicom(path: Path, files: Sequence[Path]) -> Iterator[_File]:
    """DICOM folders and zips; those without CT, as localizers, are passed over."""
    from versectl.io.dicom import reading  # heavy, as the command line starts

    for folder in sources.folders(files):
        if reading.holds_ct(folder):
            name = "_".join(folder.relative_to(path).parts) or path.resolve().name
            yield _File(folder, name, "ct")
    for file in files:
        if sources.is_zip(file) and sources.zip_holds_dicom(file):
            yield _File(file, name_of(file), "ct")


def _files(path: Path, apart_from: Path | None) -> list[Path]:
    """A file, or all files in a folder and below, in order of name, without hidden ones.

    A folder below that cannot be read is passed over with a warning; the folder itself must be.
    """
    closed: list[OSError] = []
    files = [path] if path.is_file() else sources.all_below(path, closed.append)
    itself = next((error for error in closed if Path(error.filename) == path), None)
    if itself is not None:
        raise itself
    if closed:
        names = first_few(sorted(f"{error.filename} ({error.strerror})" for error in closed))
        log.warning("Folders passed over; give permission to read them: %s", names)
    passed = None if apart_from is None else Path(apart_from).resolve()
    if passed is None or path.resolve().is_relative_to(passed):
        return files
    return [file for file in files if passed not in file.resolve().parents]
