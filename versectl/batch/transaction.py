"""A case's results come into the output folder together: made aside, then moved in.

OUT/.versectl/<case>.lock     held by the run that works on the case
OUT/.versectl/<case>.making   files being written; left behind by a dead run, they are thrown away
OUT/.versectl/<case>.ready    whole files; left behind by a dead run, they are moved in

The change of name from making to ready is the one moment in which a case becomes done, so a run
can be killed at any time without harm.
"""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from versectl.errors import BadInputError, OutputError, VersectlError

#: The folder within OUT that holds all that is not a result.
HIDDEN = ".versectl"

#: The hidden folder may go with another case's last file at the moment it is wanted; at most as
#: often in a row.
TRIES = 100

#: A run that was just killed may need a moment to die.
PATIENCE_S = 3.0


class BusyError(VersectlError):
    """Another run holds the case."""


@dataclass(frozen=True)
class Place:
    """Where a case's files are made, and how they come to the others."""

    out: Path
    case_name: str

    @property
    def making(self) -> Path:
        """The folder to write files to; they are lost unless commit() follows."""
        return self._aside("making")

    def commit(self) -> None:
        """Move all that was made into OUT; what it replaces goes."""
        self.making.rename(self._aside("ready"))
        self._move_in()

    def tidy(self) -> None:
        """Throw away what a dead run had not finished, move in what it had."""
        shutil.rmtree(self.making, ignore_errors=True)
        self._move_in()

    def _move_in(self) -> None:
        ready = self._aside("ready")
        report = self.out / f"{self.case_name}_report.json"
        made = sorted(ready.iterdir()) if ready.is_dir() else []
        if made:  # a report must not outlive the results it tells of
            report.unlink(missing_ok=True)
        for file in sorted(made, key=lambda file: file.name == report.name):  # the report last
            file.replace(self.out / file.name)
        with suppress(FileNotFoundError):
            ready.rmdir()

    def _aside(self, state: str) -> Path:
        return self.out / HIDDEN / f"{self.case_name}.{state}"


@contextmanager
def claim(out: Path, case_name: str) -> Iterator[Place]:
    """Hold a case for this run; what an earlier one left of it is put in order first.

    The kernel lets go of the lock when the process dies, however it dies.
    Raises BusyError when another run holds the case, OutputError when OUT cannot be written.
    """
    place = Place(Path(out), case_name)
    lock = _locked(place)
    try:
        place.tidy()
        yield place
    finally:
        shutil.rmtree(place.making, ignore_errors=True)
        with suppress(OSError):
            os.unlink(lock.lock_file)  # while it is held: who waits for it notices and tries anew
        lock.release()
        with suppress(OSError):  # other cases are in it
            (place.out / HIDDEN).rmdir()


def sweep(out: Path) -> None:
    """Put in order whatever dead runs have left of any case."""
    for name in held(out):
        with suppress(VersectlError), claim(out, name):
            pass


def held(out: Path) -> list[str]:
    """Names of the cases that runs are working on, or were when they died."""
    return sorted(file.name.removesuffix(".lock") for file in (out / HIDDEN).glob("*.lock"))


def _locked(place: Place) -> FileLock:
    hidden = place.out / HIDDEN
    lock = FileLock(hidden / f"{place.case_name}.lock", timeout=PATIENCE_S)
    for tries_left in reversed(range(TRIES)):
        try:
            hidden.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            break
        except Timeout as error:
            raise BusyError("left to the other run that works on it") from error
        except OSError as error:
            if not (tries_left and isinstance(error, FileNotFoundError | FileExistsError)):
                raise _unwritable(place, error) from error
    return lock


def _unwritable(place: Place, error: OSError) -> VersectlError:
    if error.errno == errno.ENAMETOOLONG:
        return BadInputError("its name is too long for files; give it a shorter one.")
    reason = error.strerror or str(error)
    return OutputError(
        f"{place.out}: results cannot be written there ({reason}); choose another OUT."
    )
