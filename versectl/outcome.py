"""What came of a case, as the batch tells, counts and records it."""

from typing import NamedTuple

from versectl.errors import VersectlError

#: A case's result is new, was there already, is missing, or is another run's affair.
DONE, KEPT, FAILED, BUSY = "done", "kept", "failed", "busy"


class Outcome(NamedTuple):
    """What came of one case; goes between processes, so it is small and plain.

    line : what there is to say in one line. notes : what deserves a look, a sentence each.
    error : why it failed. details : the traceback, for whoever mends the program.
    """

    name: str
    status: str
    line: str
    notes: tuple[str, ...] = ()
    error: VersectlError | None = None
    seconds: float = 0.0
    details: str = ""
