"""A CSV that lists the cases of a batch: a column `ct`, and `case` where names shall differ."""

import csv
from pathlib import Path

from versectl import cases
from versectl.cases import Case
from versectl.errors import BadInputError

#: With the longest ending of a result still a file name everywhere.
LONGEST_NAME = 200


def read(path: Path, folder: Path) -> list[Case]:
    """The cases in the manifest's order; relative paths count from `folder`.

    Raises BadInputError when the file is no such table, or a name is no file's name or there twice.
    """
    found: dict[str, Case] = {}
    for number, row in enumerate(_rows(path), 2):
        if not row.get("ct") or "\0" in row["ct"]:
            raise BadInputError(f"{path}, line {number}: the column ct holds no path.")
        ct = folder / row["ct"]
        name = row.get("case") or (cases.parse(ct.name) or (ct.name, ""))[0]
        if not is_file_name(name):
            raise BadInputError(f"{path}, line {number}: {name!r} cannot name files; change it.")
        if name in found:
            raise BadInputError(f"{path}, line {number}: {name} is there twice; give it a case.")
        found[name] = Case(name, ct=ct)
    if not found:
        raise BadInputError(f"{path} lists no case.")
    return list(found.values())


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
        raise BadInputError(f"{path} is no CSV ({error}).") from error
    if "ct" not in columns:
        raise BadInputError(f"{path} has no column ct; its first line must name the columns.")
    return rows
