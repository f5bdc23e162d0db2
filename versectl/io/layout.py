"""A data folder -> its cases: which CT, label map and centroid file belong together.

Knows the names of the VerSe 2019 and 2020 challenge files, of the subject-based (BIDS) release,
and of versectl's own outputs.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from versectl.errors import BadInputError

#: How the names of volumes end that versectl reads.
NIFTI = (".nii.gz", ".nii")
SUFFIXES = (*NIFTI, ".nrrd", ".nhdr", ".mha", ".mhd")

#: What follows the case's name in a file's name, and what such a file holds. First match wins.
ENDINGS = (
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
    """One scan and what is known of it; a file that is not there is None."""

    name: str
    ct: Path | None = None
    labels: Path | None = None
    centroids: Path | None = None
    spine: Path | None = None
    report: Path | None = None


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
        found[name] = replace(case, **{holds: file})
    return dict(sorted(found.items()))


def with_ct(path: Path, apart_from: Path | None = None) -> list[Case]:
    """The cases that have a CT, with nothing but it; BadInputError when there is none.

    A file that is named itself is the CT, whatever its name says it holds.
    """
    endings = ", ".join(SUFFIXES)
    if Path(path).is_file():
        return [_single(Path(path))]
    cases = list(find(path, ("ct",), apart_from).values())
    if not cases:
        raise BadInputError(f"{path} holds no CT; put files ending in {endings} there.")
    return cases


def with_labels(path: Path) -> list[Case]:
    """The cases that have a CT and a label map; BadInputError when there is none."""
    cases = [case for case in find(path).values() if case.ct and case.labels]
    if not cases:
        raise BadInputError(f"{path} holds no CT with a label map in VerSe layout.")
    return cases


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


def _single(file: Path) -> Case:
    if not file.name.endswith(SUFFIXES):
        raise BadInputError(f"{file} is no volume versectl reads; use {', '.join(SUFFIXES)}.")
    name, holds = parse(file.name) or (file.name, "ct")
    whole = file.name.removesuffix(next(s for s in SUFFIXES if file.name.endswith(s)))
    return Case(name if holds == "ct" else whole, ct=file)


def _recognised(path: Path, apart_from: Path | None) -> Iterator[tuple[Path, str, str]]:
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    passed = None if apart_from is None else Path(apart_from).resolve()
    passed = passed if passed and path.resolve() in passed.parents else None
    for file in files:
        if passed is not None and passed in file.resolve().parents:
            continue
        parsed = parse(file.name)
        if parsed and parsed[1] != "other" and not file.name.startswith(".") and file.is_file():
            yield file, *parsed
