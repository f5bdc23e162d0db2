"""Where DICOM lies: folders, files with or without endings, and zips. Needs no DICOM library."""

import lzma
import os
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from versectl.errors import BadInputError, missing

#: Endings of DICOM files; they may also have none, or end in the last number of their UID.
ENDINGS = (".dcm", ".dicom", ".ima", "")

#: DICOM part 10, section 7.1: 128 bytes, then this.
PREFIX, PREFIX_START = b"DICM", 128

#: chosen: members of a zip looked at for DICOM; a README or two may come first.
LOOKED_AT = 20

#: What unpacking a damaged zip raises; NotImplementedError where it names an unknown compression.
DAMAGED_ZIP: tuple[type[Exception], ...] = (
    EOFError,
    NotImplementedError,
    lzma.LZMAError,
    zipfile.BadZipFile,
    zlib.error,
)


def is_source(path: Path) -> bool:
    """Whether a path is read as DICOM: a folder, a zip, or a DICOM file."""
    return path.is_dir() or is_zip(path) or is_dicom(path)


def is_dicom(file: Path) -> bool:
    """Whether a file is DICOM by its name and its first bytes.

    One that may be DICOM and cannot be read counts, also a link to a file that is not there: a
    series without one of its slices would be another scan. Who reads it says why it cannot be read.
    """
    if not _may_be_dicom(file.name) or not is_file(file):
        return False
    try:
        with file.open("rb") as stream:
            return _begins_as_dicom(stream.read(PREFIX_START + len(PREFIX)), file.name)
    except OSError:
        return True


def is_zip(path: Path) -> bool:
    """Whether a path is a zip by its name."""
    return path.suffix.lower() == ".zip" and is_file(path)


def is_file(path: Path) -> bool:
    """Whether there is a file, or a link to one that is not there or cannot be reached."""
    return os.path.isfile(path) or leads_nowhere(path)


def leads_nowhere(path: Path) -> bool:
    """Whether a path is a link to what is not there or cannot be reached."""
    return os.path.islink(path) and not os.path.exists(path)


def zip_holds_dicom(path: Path) -> bool:
    """Whether one of the first files in a zip is DICOM; a damaged zip holds none.

    One that is not there or may not be read counts: who reads it says why it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name for name in archive.namelist() if _may_be_dicom(PurePosixPath(name).name)]
            return any(_member_is_dicom(archive, name) for name in names[:LOOKED_AT])
    except (FileNotFoundError, PermissionError):
        return True
    except DAMAGED_ZIP + (RuntimeError, OSError):  # RuntimeError: it is encrypted
        return False


def all_below(folder: Path, on_error: Callable[[OSError], None]) -> list[Path]:
    """All files in a folder and below in order of name, without hidden ones; links are followed.

    on_error : called for each folder that cannot be read; it may raise the error.
    A folder counts once: under its own name if it lies below, otherwise under the first link to it.
    A link that leads back up, to a folder that it lies in, is passed over.
    """
    found: list[Path] = []
    seen: set[Path] = set()
    todo = [folder]
    while todo:
        links: list[Path] = []
        for at, folders_there, files_there in os.walk(todo.pop(0), onerror=on_error):
            real = Path(at).resolve()
            if real in seen or not _is_open(at, on_error):
                folders_there.clear()
                continue
            seen.add(real)
            folders_there[:] = [name for name in folders_there if not name.startswith(".")]
            found += [Path(at, name) for name in files_there if not name.startswith(".")]
            links += [Path(at, name) for name in folders_there if _leads_away(Path(at, name), real)]
        todo += sorted(links)
    return sorted(found)


def files(folder: Path, below: bool) -> list[Path]:
    """The DICOM files of a folder in order of name, with those of all folders below or without."""
    found = all_below(folder, _refuse) if below else sorted(folder.iterdir())
    return [file for file in found if is_dicom(file)]


@contextmanager
def opened(path: Path, below: bool) -> Iterator[list[Path]]:
    """The DICOM files of a source while the block runs; a zip is unpacked for so long.

    below : look into the folders below a folder as well.
    Raises BadInputError when the source is missing or the zip cannot be unpacked.
    """
    if path.is_dir():
        yield files(path, below)
    elif is_zip(path):
        with tempfile.TemporaryDirectory(prefix="versectl-") as folder:
            _unpack(path, Path(folder))
            try:
                yield files(Path(folder), below=True)
            except BadInputError as error:
                raise BadInputError(str(error).replace(folder, str(path))) from error
    elif path.is_file():
        if not is_dicom(path) and not _has_prefix(path):
            raise BadInputError(f"{path} is no DICOM file; give a folder, zip or file of DICOM.")
        yield [path]
    else:
        raise missing(path)


def folders(found: Iterable[Path]) -> list[Path]:
    """The folders that directly hold a DICOM file, in order, each looked into only until then."""
    holding: dict[Path, None] = {}
    for file in found:
        if file.parent in holding or (leads_nowhere(file) and not file.suffix):
            continue  # a link without an ending may have led to anything
        if is_dicom(file):
            holding[file.parent] = None
    return list(holding)


def _refuse(error: OSError) -> None:
    raise error


def _is_open(folder: str, on_error: Callable[[OSError], None]) -> bool:
    """Whether files in a folder can be reached; one may be listed and still be closed."""
    try:
        os.stat(os.path.join(folder, os.curdir))
    except OSError as error:
        on_error(OSError(error.errno, error.strerror, folder))
        return False
    return True


def _leads_away(folder: Path, within: Path) -> bool:
    """Whether a folder is a link to one that does not hold the folder with the link."""
    return folder.is_symlink() and not within.is_relative_to(folder.resolve())


def _has_prefix(file: Path) -> bool:
    """Whether a file is DICOM by its first bytes, whatever its name."""
    with file.open("rb") as stream:
        return stream.read(PREFIX_START + len(PREFIX))[PREFIX_START:] == PREFIX


def _may_be_dicom(name: str) -> bool:
    suffix = PurePosixPath(name).suffix.lower()
    named = suffix in ENDINGS or suffix[1:].isdigit()
    return named and not name.startswith(".") and name != "DICOMDIR"


def _begins_as_dicom(head: bytes, name: str) -> bool:
    """By its prefix; old files lack it, as empty ones do, and are known by their ending alone."""
    return head[PREFIX_START:] == PREFIX or name.lower().endswith(".dcm")


def _member_is_dicom(archive: zipfile.ZipFile, name: str) -> bool:
    with archive.open(name) as stream:
        return _begins_as_dicom(stream.read(PREFIX_START + len(PREFIX)), name)


def _unpack(path: Path, folder: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            archive.extractall(folder)
    except DAMAGED_ZIP as error:
        raise BadInputError(f"{path} is damaged or not a zip; get it again.") from error
    except RuntimeError as error:
        raise BadInputError(f"{path} is encrypted; unpack it and give its folder.") from error
