"""Cases done in a process of their own: when it dies, one case is lost and not the batch.

    crew (any thread)  --case-->  process: a thread per seat, one model for all
                       <--what it does, outcome--

Two cases are in the process at a time: while the networks compute one, the other is read or
written. Nobody can tell which of the two was the death of it, so each is tried once more, alone.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from queue import SimpleQueue
from time import monotonic
from typing import Any

from versectl.batch import case as casework
from versectl.batch.case_run import WAITS, Desk
from versectl.batch.outcome import Outcome
from versectl.errors import OutOfMemoryError, SetupError, TimeLimitError, VersectlError
from versectl.io.layout import Case

#: Cases in the process at a time.
SEATS = 2


class Crew:
    """Does cases, for any number of threads; its process starts with the first case.

    timeout_s : what a case may take, waiting for its turn at the networks not counted.
    hear : told of each step of each case as it begins.
    """

    def __init__(
        self,
        desk: Desk,
        timeout_s: float | None = None,
        hear: Callable[[Case, str], None] = lambda _case, _step: None,
    ) -> None:
        self.desk, self.timeout_s, self.hear = desk, timeout_s, hear
        self._room = Room(SEATS)
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._closed = False

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_failure: object) -> None:
        """Kill the process, with whatever it has in hand."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.kill()

    def do(self, case: Case) -> Outcome:
        """The outcome of a case, whatever becomes of the process; SetupError when all is lost."""
        for alone in (False, True):
            done = self._try(case, alone)
            if isinstance(done, Outcome):
                return done
        return casework.give_up(case, self.desk, cause_of_death(done))

    def _try(self, case: Case, alone: bool) -> Outcome | int:
        """The outcome of a case, or the exit code of the process that died of it, or beside it."""
        with self._room.seats(alone):
            process = self._alive()
            line = process.lines.get()
            try:
                line.send(case)
                return self._await(line, case)
            except (EOFError, OSError):
                return process.kill()
            except TimeLimitError as error:
                process.kill()
                return casework.give_up(case, self.desk, error)
            finally:
                process.lines.put(line)

    def _await(self, line: Connection, case: Case) -> Outcome:
        watch = Stopwatch(self.timeout_s)
        while line.poll(watch.left_s()):
            told = line.recv()
            if isinstance(told, Outcome):
                return told
            if isinstance(told, SetupError):
                raise told
            watch.stop() if told == WAITS else watch.go()
            self.hear(case, told)
        raise TimeLimitError(
            f"it took longer than {self.timeout_s:g} s; give it more with --timeout-s."
        )

    def _alive(self) -> "Process":
        with self._lock:
            if self._closed:
                raise SetupError("the batch was ended.")
            if self._process is None or not self._process.is_alive():
                self._process = Process(self.desk)
            return self._process


class Process:
    """The other process and the lines to it, one per seat."""

    def __init__(self, desk: Desk) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share TensorFlow's threads
        pairs = [context.Pipe() for _ in range(SEATS)]
        self._process = context.Process(
            target=serve, args=(desk, [theirs for _, theirs in pairs]), daemon=True
        )
        self._process.start()
        self._lock = threading.Lock()  # a process can be waited for by one thread only
        self.lines: SimpleQueue[Connection] = SimpleQueue()
        for ours, theirs in pairs:
            theirs.close()  # so that the process's death ends the line
            self.lines.put(ours)

    def is_alive(self) -> bool:
        """Whether it can still be talked to."""
        with self._lock:
            return self._process.is_alive()

    def kill(self) -> int:
        """End it, if it has not ended; how it ended. Its cases are free then: it held their locks.

        What it leaves behind is thrown away when they are claimed again.
        """
        with self._lock:
            self._process.kill()
            self._process.join()
            return self._process.exitcode


class Room:
    """Seats; who wants to be alone takes them all."""

    def __init__(self, seats: int) -> None:
        self._count = seats
        self._free = threading.Semaphore(seats)
        self._door = threading.Lock()

    @contextlib.contextmanager
    def seats(self, alone: bool) -> Iterator[None]:
        """Hold one seat, or every seat, for the block."""
        wanted = self._count if alone else 1
        with self._door:  # two who both want all would wait for each other
            for _ in range(wanted):
                self._free.acquire()
        try:
            yield
        finally:
            self._free.release(wanted)


class Stopwatch:
    """Counts time against a limit, but only while it runs; it stands at first."""

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s, self._spent_s = limit_s, 0.0
        self._since: float | None = None

    def left_s(self) -> float | None:
        """What is left; None when there is no limit or the watch stands."""
        if self._limit_s is None or self._since is None:
            return None
        return max(0.0, self._limit_s - self._spent_s - (monotonic() - self._since))

    def stop(self) -> None:
        """Count no longer."""
        if self._since is not None:
            self._spent_s += monotonic() - self._since
        self._since = None

    def go(self) -> None:
        """Count on."""
        if self._since is None:
            self._since = monotonic()


def cause_of_death(code: int) -> VersectlError:
    """What the exit code of a process, below 0 the signal that ended it, means to a user."""
    if code == -signal.SIGKILL:  # nobody but the kernel's memory guard kills like that
        return OutOfMemoryError(
            "the system killed the process that worked on it, most likely for want of memory; "
            "crop the scan, or use a machine with more."
        )
    names = {-number: number.name for number in signal.Signals}
    told = names.get(code, f"exit code {code}")
    return VersectlError(
        f"the process that worked on it crashed, twice ({told}); please report it."
    )


def serve(desk: Desk, lines: list[Connection]) -> None:
    """What the process does: cases from each line, until the other side is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent decides
    turn = threading.Lock()
    for line in lines:
        threading.Thread(target=_sit, args=(line, desk, turn), daemon=True).start()
    multiprocessing.parent_process().join()
    os._exit(1)  # nobody wants what is being made


def _sit(line: Connection, desk: Desk, turn: Any) -> None:
    def tell(what: object) -> None:
        with contextlib.suppress(OSError):  # the other side is gone, and so is this soon
            line.send(what)

    while True:
        case = line.recv()
        try:
            tell(casework.do(case, desk, tell, turn))
        except SetupError as error:
            tell(error)
