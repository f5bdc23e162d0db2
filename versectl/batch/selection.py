"""Which cases of a batch are done, and where; the manifest that lists them.

A manifest is a CSV with a column `ct`, a column `case` where names shall differ, and a column
`series` where DICOM series are chosen one by one.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io import layout
from versectl.io.layout import Case


@dataclass(frozen=True)
class Selection:
    """Which cases of a batch are done, and where; what is None is not asked for.

    manifest : a CSV that lists the cases. shard : (i, N), every N-th from the i-th, counted from 1.
    limit : at most so many that are not finished. timeout_s : time limit of each.
    series : number or UID of the DICOM series to read. dry_run : list the cases, compute nothing.
    scheduler : address of a Dask cluster. local_workers : so many processes on this machine.
    """

    manifest: Path | None = None
    shard: tuple[int, int] | None = None
    limit: int | None = None
    timeout_s: float | None = None
    scheduler: str | None = None
    local_workers: int | None = None
    series: str | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        """BadInputError where cases would have to run in two places."""
        if self.scheduler is not None and self.local_workers is not None:
            raise BadInputError("choose --scheduler or --local-workers; cases run in one place.")


#: All cases of the source, one after the other.
EVERYTHING = Selection()

#: With the longest ending of a result still a file name everywhere.
LONGEST_NAME = 200


def find_cases(sources: Sequence[Path], out: Path, series: str | None = None) -> list[Case]:
    """The cases of files, folders and trees, in order of name, leaving aside what lies in `out`.

    Raises BadInputError when a source holds no CT, or two CTs have the same case name.
    """
    found: dict[str, Case] = {}
    for source in sources:
        for case in layout.with_ct(source, apart_from=out, series=series):
            if case.name in found:
                raise BadInputError(
                    f"{found[case.name].ct} and {case.ct} belong to the same case, {case.name}; "
                    "rename one, or give each a name with --manifest."
                )
            found[case.name] = case
    return [found[name] for name in sorted(found)]


def read_manifest(path: Path, folder: Path, series: str | None = None) -> list[Case]:
    """The cases in the manifest's order; relative paths count from `folder`.

    series : number or UID of the DICOM series to read of each that names none itself.
    Raises BadInputError when the file is no such table, a case name is not valid or occurs twice,
    or a series is asked of what is no DICOM.
    """
    found: dict[str, Case] = {}
    for number, row in enumerate(_rows(path), 2):
        try:
            case = _case(row, folder, row.get("series") or series)
            if case.name in found:
                twice = f"case name {case.name} occurs twice"
                raise BadInputError(f"{twice}; set another in the column case.")
        except BadInputError as error:
            raise BadInputError(f"{path}, line {number}: {error}") from error
        found[case.name] = case
    if not found:
        raise BadInputError(f"{path} lists no case.")
    return list(found.values())


def check_name(name: str, advice: str = "") -> None:
    """Raises BadInputError where a case's name cannot be the beginning of file names."""
    if not is_file_name(name):
        raise BadInputError(
            f'{name!r} is not a valid case name (no / \\ : * ? " < > |, no dot in front, at most '
            f"{LONGEST_NAME} bytes){advice}."
        )


def _case(row: Mapping[str, str], folder: Path, series: str | None) -> Case:
    """The case of a row; BadInputError, without the line, where it is none."""
    if not row.get("ct") or "\0" in row["ct"]:
        raise BadInputError("the column ct holds no path.")
    ct = folder / row["ct"]
    if series is not None and layout.suffix(ct.name) is not None:
        raise BadInputError(f"{ct} has no series to choose from: it is not DICOM.")
    usual = layout.name_of(ct, series)
    name = row.get("case") or usual
    check_name(name, "; set another in the column case")
    return Case(name, ct=ct, series=series)


def is_file_name(name: str) -> bool:
    """Whether results can be named so, and stay in the folder they are meant for."""
    plain = not name.startswith(".") and not set(name) & set('/\\:*?"<>|')
    return plain and name.isprintable() and 0 < len(name.encode()) <= LONGEST_NAME


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            table = csv.DictReader(file, strict=True)
            columns, rows = table.fieldnames or (), list(table)
    except (ValueError, csv.Error) as error:
        raise BadInputError(f"{path} is not a CSV file ({error}).") from error
    if "ct" not in columns:
        raise BadInputError(f"{path} has no column ct; its first line must name the columns.")
    return rows
