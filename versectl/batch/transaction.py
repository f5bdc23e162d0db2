"""A case's results come into the output folder together: made aside, then moved in.

OUT/.versectl/<case>.lock     locked by the run that works on the case
OUT/.versectl/<case>.making   files being written; left behind by a dead run, they are thrown away
OUT/.versectl/<case>.ready    whole files; left behind by a dead run, they are moved in, and what
                              its list OUTDATED names is removed

The change of name from making to ready is the one moment in which a case becomes done, so a run
can be killed at any time without harm.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from versectl.errors import BadInputError, BusyError, OutputError, VersectlError
from versectl.io import ENDINGS, atomic

#: The folder within OUT that holds all that is not a result.
HIDDEN = ".versectl"

#: Among the files that are ready, the list of those in OUT that go when they come.
OUTDATED = ".outdated.json"

#: The hidden folder may go with another case's last file at the moment it is wanted; at most this
#: often in a row.
TRIES = 100

#: A run that was just killed may need a moment to die.
PATIENCE_S = 3.0


@dataclass(frozen=True)
class Transaction:
    """Where a case's files are made, and how they come to the others."""

    out: Path
    case_name: str

    @property
    def making(self) -> Path:
        """The folder to write files to; they are lost unless commit() follows."""
        return self._aside("making")

    def commit(self, outdated: Iterable[str] = ()) -> None:
        """Move all that was made into OUT, in place of what is there.

        outdated : names of files in OUT that are removed then.
        """
        names = [*outdated]
        if names:
            atomic.write_json(names, self.making / OUTDATED)
        self.making.rename(self._aside("ready"))
        self._move_in()

    def tidy(self) -> None:
        """Throw away what a dead run had not finished, move in what it had."""
        shutil.rmtree(self.making, ignore_errors=True)
        self._move_in()

    def _move_in(self) -> None:
        ready = self._aside("ready")
        report = self.out / f"{self.case_name}{ENDINGS['report']}"
        made = sorted(ready.iterdir()) if ready.is_dir() else []
        if made:  # a report must not outlive its results
            report.unlink(missing_ok=True)
        last = (OUTDATED, report.name)  # while there is no report, all of this can be done again
        for file in sorted(made, key=lambda file: (file.name in last, file.name == report.name)):
            if file.name == OUTDATED:
                self._remove_outdated(file)
            else:
                file.replace(self.out / file.name)
        with suppress(FileNotFoundError):
            ready.rmdir()

    def _remove_outdated(self, listed: Path) -> None:
        names = atomic.read_json(listed)
        for name in names if isinstance(names, list) else ():
            (self.out / name).unlink(missing_ok=True)
        listed.unlink()

    def _aside(self, state: str) -> Path:
        return self.out / HIDDEN / f"{self.case_name}.{state}"


@contextmanager
def begin(out: Path, case_name: str, patience_s: float = PATIENCE_S) -> Iterator[Transaction]:
    """Lock a case for this run; what an earlier one left of it is put in order first.

    The kernel releases the lock when the process dies, however it dies.
    Raises BusyError when another run holds the lock, OutputError when OUT cannot be written.
    """
    files = Transaction(Path(out), case_name)
    lock = _locked(files, patience_s)
    try:
        files.tidy()
        yield files
    finally:
        shutil.rmtree(files.making, ignore_errors=True)
        with suppress(OSError):
            os.unlink(lock.lock_file)  # while it is locked: who waits for it notices and retries
        lock.release()
        with suppress(OSError):  # other cases are in it
            (files.out / HIDDEN).rmdir()


@contextmanager
def begin_or_refuse(out: Path, case_name: str) -> Iterator[Transaction]:
    """begin() for who has no other case to go on with.

    Raises BusyError, with what to do, and OutputError when OUT cannot be written.
    """
    try:
        with begin(out, case_name) as files:
            yield files
    except BusyError as error:
        raise refusal(case_name) from error


def refusal(case_name: str) -> BusyError:
    """The error where there is no other case to go on with."""
    return BusyError(
        f"{case_name} is being processed by another run; try again when that has ended."
    )


def check_writable(out: Path) -> None:
    """Raises OutputError where begin() could make no folder for its files; nothing is made."""
    hidden = Path(out) / HIDDEN
    there = next(path for path in (hidden, *hidden.parents) if os.path.lexists(path))
    code = 0
    if not there.is_dir():
        code = errno.ENOTDIR
    elif not os.access(there, os.W_OK | os.X_OK):
        code = errno.EROFS if os.statvfs(there).f_flag & os.ST_RDONLY else errno.EACCES
    if code:
        raise _unwritable(Transaction(Path(out), ""), OSError(code, os.strerror(code)))


def sweep(out: Path) -> None:
    """Put in order whatever dead runs have left of any case; others' present cases stay."""
    for name in locked(out):
        with suppress(VersectlError, OSError), begin(out, name, patience_s=0.0):
            pass


def locked(out: Path) -> list[str]:
    """Names of the cases that runs are working on, or were when they died."""
    return sorted(file.name.removesuffix(".lock") for file in (out / HIDDEN).glob("*.lock"))


def interrupted(out: Path) -> list[str]:
    """Those of these cases whose run has died: nobody holds their lock. Nothing is changed."""
    return [name for name in locked(out) if _is_free(out / HIDDEN / f"{name}.lock")]


def _is_free(lock: Path) -> bool:
    """Whether nobody holds a lock; who may only read OUT can ask, too."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # let go when the file is closed
    except OSError:  # it is held, gone by now, or locks cannot be asked here
        return False
    return True


def _locked(files: Transaction, patience_s: float) -> FileLock:
    hidden = files.out / HIDDEN
    lock = FileLock(hidden / f"{files.case_name}.lock", timeout=patience_s)
    for tries_left in reversed(range(TRIES)):
        try:
            hidden.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            break
        except Timeout as error:
            raise BusyError("skipped, another run is processing it") from error
        except OSError as error:
            if not (tries_left and isinstance(error, FileNotFoundError | FileExistsError)):
                raise _unwritable(files, error) from error
    return lock


def _unwritable(files: Transaction, error: OSError) -> VersectlError:
    if error.errno == errno.ENAMETOOLONG:
        return BadInputError("its name is too long for files; give it a shorter one.")
    reason = error.strerror or str(error)
    return OutputError(
        f"{files.out}: results cannot be written there ({reason}); make it a folder that you can "
        "write to, or use another."
    )
