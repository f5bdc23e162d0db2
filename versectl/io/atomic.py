"""Files that are whole or not there: written under a temporary name, then renamed."""

import csv
import errno
import hashlib
import json
import math
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from versectl.errors import BadInputError

#: What to do where a file cannot be written.
UNWRITABLE = {
    **dict.fromkeys((errno.EACCES, errno.EPERM), "make its folder writable, or write elsewhere"),
    errno.EROFS: "write elsewhere",
    errno.EISDIR: "give the name of a file",
}

#: JSON that is not longer goes on one line.
LINE_LENGTH = 140


@contextmanager
def replacing(path: Path, suffix: str = "") -> Iterator[Path]:
    """A temporary path beside `path` that takes its name when the block ends well.

    The temporary name ends with `suffix`, for writers that choose the format by it.
    """
    path = Path(path)
    temporary = path.with_name(f".writing-{secrets.token_hex(8)}{suffix}")
    # The system applies the umask. To read it, the process would have to set another for a moment,
    # for all its threads.
    with _naming(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield temporary
        with _naming(path):
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Errors of the block have the file in them that is to be written, and what to do."""
    try:
        yield
    except OSError as error:
        advice = UNWRITABLE.get(error.errno or 0)
        if advice is None:
            raise
        raise OSError(error.errno, f"{error.strerror}; {advice}", str(path)) from error


def write_json(content: object, path: Path) -> None:
    """Write any JSON content, readable, ending in a newline; NaN and infinity become null."""
    with replacing(path) as temporary:
        temporary.write_text(_layout(_plain(content)) + "\n", encoding="utf-8")


def read_json(path: Path) -> object:
    """The content of a JSON file; ValueError, with the reason, when it is none."""
    try:
        return json.loads(Path(path).read_bytes())
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def number(value: float | None) -> float:
    """A number of JSON content; NaN where it is null, as write_json() writes that."""
    return math.nan if value is None else float(value)


def read_given_json(path: Path) -> object:
    """The content of a JSON file that a user gave; BadInputError, with the reason, otherwise."""
    try:
        return read_json(path)
    except OSError as error:
        raise BadInputError(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadInputError(f"{path} is not valid JSON: {error}; mend or remove it.") from error


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[object]], path: Path) -> None:
    """Write a table, a .tsv with tabs; no cell of it is a formula to a spreadsheet."""
    between = "\t" if Path(path).suffix.lower() == ".tsv" else ","
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=between, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_cell(value) for value in row] for row in rows)


def _cell(value: object) -> object:
    """Text on one line; a sign that would begin a formula gets a quote before it."""
    if not isinstance(value, str):
        return value
    line = " ".join(_unicode(value).split())
    return f"'{line}" if line.startswith(("=", "+", "-", "@")) else line


def _unicode(text: str) -> str:
    """The text without the bytes of file names that are no characters."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hex digits."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _layout(content: object, indent: str = "") -> str:
    """JSON text; what fits on a line stays on one."""
    line = json.dumps(content, allow_nan=False, ensure_ascii=False)
    if len(line) + len(indent) <= LINE_LENGTH or not isinstance(content, dict | list):
        return line
    deeper = indent + " "
    if isinstance(content, dict):
        rows = [f"{json.dumps(k)}: {_layout(v, deeper)}" for k, v in content.items()]
    else:
        rows = [_layout(value, deeper) for value in content]
    begin, end = line[0], line[-1]
    return begin + "\n" + ",\n".join(deeper + row for row in rows) + f"\n{indent}{end}"


def _plain(content: object) -> object:
    if isinstance(content, Mapping):
        return {_unicode(str(key)): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if hasattr(content, "tolist"):  # numpy numbers and arrays
        return _plain(content.tolist())
    if isinstance(content, str):
        return _unicode(content)
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content
