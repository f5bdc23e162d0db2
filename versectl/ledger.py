"""What came of every case of a batch, as a table that is never older than a few seconds."""

import logging
from pathlib import Path
from time import monotonic

from versectl import files, outcome
from versectl.outcome import Outcome

log = logging.getLogger(__name__)

COLUMNS = ("case", "status", "exit_code", "seconds", "message")

#: Time between two writings of the table.
INTERVAL_S = 5.0


def name(shard: tuple[int, int] | None) -> str:
    """The table's file name; every shard has one of its own."""
    return "batch.csv" if shard is None else f"batch-{shard[0]}of{shard[1]}.csv"


class Ledger:
    """The outcomes so far; on disk as well, unless there is no path."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.outcomes: list[Outcome] = []
        self._written_s = monotonic()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, *_failure: object) -> None:
        self._write()

    def add(self, one: Outcome) -> None:
        """One more case is over."""
        self.outcomes.append(one)
        if monotonic() - self._written_s > INTERVAL_S:
            self._write()

    def _write(self) -> None:
        self._written_s = monotonic()
        if self.path is None or not self.outcomes:
            return
        try:
            files.write_csv(COLUMNS, map(_row, self.outcomes), self.path)
        except OSError as error:  # a full disk: the cases' own outcomes matter more
            log.warning("%s could not be written: %s", self.path, error.strerror)


def _row(one: Outcome) -> tuple:
    failed = one.status == outcome.FAILED
    code = one.error.exit_code if failed else 0
    return one.name, one.status, code, one.seconds, one.line
