"""Which cases of a batch are done, and where; the manifest that lists them.

A manifest is a CSV with a column `ct`, a column `case` where names shall differ, and a column
`series` where DICOM series are chosen one by one.
"""

import csv
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from versectl.errors import BadInputError
from versectl.io import layout
from versectl.io.layout import Case
from versectl.text import first_few, in_words

log = logging.getLogger(__name__)


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

#: The columns of a manifest, and what may stand between them: Excel writes semicolons in many
#: languages.
COLUMNS, DELIMITERS = ("ct", "case", "series"), ",;\t"

#: With the longest ending of a result still a file name everywhere.
LONGEST_NAME = 200


def find_cases(sources: Sequence[Path], out: Path, series: str | None = None) -> list[Case]:
    """The cases of files, folders and trees, in order of name, leaving aside what lies in `out`.

    A CT that several sources hold counts once, under its first name.
    Raises BadInputError when a source holds no CT, or two CTs have the same case name.
    """
    found: dict[str, Case] = {}
    known: set[str] = set()
    for source in sources:
        for case in layout.with_ct(source, apart_from=out, series=series):
            path = os.path.abspath(layout.ct_of(case))
            if path in known:
                continue
            known.add(path)
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
    for number, row in _rows(path):
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


def _rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Each row's line and what it holds in the known columns; blanks round it are left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            delimiter = _delimiter(file.readline())
            file.seek(0)
            table = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            names = _column_names(next(table, []))
            rows = [(table.line_num, list(map(str.strip, row))) for row in table]
    except UnicodeDecodeError as error:
        raise BadInputError(
            f"{path} is not a CSV file in UTF-8; save it as one (in Excel: CSV UTF-8)."
        ) from error
    except (ValueError, csv.Error) as error:
        raise BadInputError(f"{path} is not a CSV file ({error}).") from error
    _check_columns(names, path)
    for line, row in rows:
        if any(row[len(names) :]):
            raise BadInputError(
                f"{path}, line {line}: there are more values than columns; put a value that holds "
                "a comma or semicolon in quotes."
            )
    return [(line, dict(zip(names, row, strict=False))) for line, row in rows if any(row)]


def _delimiter(first_line: str) -> str:
    """What separates the columns: that by which the first line names a column ct."""
    for delimiter in DELIMITERS:
        if "ct" in _column_names(next(csv.reader([first_line], delimiter=delimiter), [])):
            return delimiter
    return DELIMITERS[0]


def _column_names(cells: Sequence[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _check_columns(names: Sequence[str], path: Path) -> None:
    """BadInputError where a column is missing or there twice; a line on those that are not known.

    Other columns may be somebody's own, or a known one that is spelt wrong.
    """
    if "ct" not in names:
        raise BadInputError(f"{path} has no column ct; its first line must name the columns.")
    twice = [name for name in COLUMNS if names.count(name) > 1]
    if twice:
        raise BadInputError(f"{path} has the column {twice[0]} twice; keep one.")
    other = [name for name in names if name and name not in COLUMNS]
    if other:
        known = in_words(COLUMNS)
        log.warning("Columns of %s passed over (known are %s): %s", path, known, first_few(other))
