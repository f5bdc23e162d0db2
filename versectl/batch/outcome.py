"""What came of a case, and the table of what came of every case of a batch."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from versectl.errors import VersectlError
from versectl.io import atomic
from versectl.text import first_few
from versectl.types import Flag

log = logging.getLogger(__name__)

#: A case's results are new, were there already, are missing, or another run is processing it.
DONE, KEPT, FAILED, BUSY = "done", "kept", "failed", "busy"


@dataclass(frozen=True)
class Outcome:
    """What came of one case; goes between processes, so it is small and plain.

    line : what there is to say in one line. flags : of its results, if they are new.
    error : why it failed, or what --strict finds in its report.
    details : the traceback, for whoever mends the program.
    removed : files that are gone, since they showed former results.
    yours, replaced : files that are not as versectl wrote them, and stay, or were replaced
        or removed.
    without_effect : other formats that are not as versectl wrote them, and stay.
    was_of_another_ct : whether the results of another CT of this name were replaced.
    """

    name: str
    status: str
    line: str
    flags: tuple[Flag, ...] = ()
    error: VersectlError | None = None
    seconds: float = 0.0
    details: str = ""
    removed: tuple[str, ...] = ()
    yours: tuple[str, ...] = ()
    replaced: tuple[str, ...] = ()
    without_effect: tuple[str, ...] = ()
    was_of_another_ct: bool = False

    @property
    def remarks(self) -> list[str]:
        """What became of files that were there, a sentence each."""
        other = [f"these replace the results of another CT with the name {self.name}"]
        removed = [file for file in self.removed if file not in self.replaced]
        yours = [file for file in self.yours if file not in self.replaced]
        return [
            *(other if self.was_of_another_ct else []),
            *(f"kept, though it is not as versectl wrote it: {file}" for file in yours),
            *map(self._lost, self.replaced),
            *(f"removed, because it showed former results: {file}" for file in removed),
            *said_of(self.name, self.without_effect),
        ]

    def _lost(self, file: str) -> str:
        done = "removed" if file in self.removed else "replaced"
        return f"{done}, though it was not as versectl wrote it: {file}"


def said_of(name: str, without_effect: Sequence[str]) -> list[str]:
    """What there is to say of a case's other formats that are not as versectl wrote them."""
    if not without_effect:
        return []
    files = first_few(without_effect)
    return [f"not as versectl wrote it, without effect: {files}; save masks as {name}_seg.nii.gz"]


COLUMNS = ("case", "status", "exit_code", "seconds", "message")

#: Time between two writings of the table.
INTERVAL_S = 5.0


def table_name(shard: tuple[int, int] | None) -> str:
    """The table's file name; every shard has one of its own."""
    return "batch.csv" if shard is None else f"batch-{shard[0]}of{shard[1]}.csv"


class OutcomeTable:
    """The outcomes so far; on disk as well, unless there is no path."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.outcomes: list[Outcome] = []
        self._written_s = monotonic()

    def __enter__(self) -> "OutcomeTable":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_failure: object) -> None:
        is_interrupted = kind is not None and not issubclass(kind, Exception)
        if self.outcomes or (is_interrupted and self.path is not None and self.path.exists()):
            self._write()  # without a row, too: one of an earlier batch would pass for this one's

    def add(self, one: Outcome) -> None:
        """One more case is over."""
        self.outcomes.append(one)
        if monotonic() - self._written_s > INTERVAL_S:
            self._write()

    def _write(self) -> None:
        self._written_s = monotonic()
        if self.path is None:
            return
        try:
            found = sorted(self.outcomes, key=lambda one: one.name)
            atomic.write_csv(COLUMNS, map(_row, found), self.path)
        except OSError as error:  # a full disk: the cases' own outcomes matter more
            log.warning("%s could not be written: %s", self.path, error.strerror)


def _row(one: Outcome) -> tuple[object, ...]:
    code = 0 if one.error is None else one.error.exit_code
    return one.name, one.status, code, one.seconds, one.line
