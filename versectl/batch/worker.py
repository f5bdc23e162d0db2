"""Cases done in a process of their own: when it dies, one case is lost and not the batch.

    worker (any thread)  --case-->  process: a thread per slot, one set of models for all
                         <--steps, outcome--

Several cases are in the process at a time: while a CPU computes one, another is read or written;
while a GPU answers for one, others prepare what it is asked next. When the process dies, nobody can
tell which of them caused it, so each is tried once more, alone.
"""

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection
from queue import SimpleQueue
from time import monotonic

from versectl.batch import case_run
from versectl.batch.case_run import steps
from versectl.batch.case_run.steps import LOAD, WAIT, Turns
from versectl.batch.job import Job
from versectl.batch.outcome import Outcome
from versectl.errors import (
    OutOfMemoryError,
    SetupError,
    TimeLimitError,
    VersectlError,
    explain,
)
from versectl.io.layout import Case
from versectl.networks import device

#: Cases in the process at a time, with the networks on the CPU or on a GPU.
#: chosen: on a CPU one case is computed while another is read or written.
SLOTS = 2
#: chosen: a GPU waits for what cores do before and after the networks; see
#: benchmarks/gpu/bench_gpu.py.
GPU_SLOTS = 4

#: Called with each step of each case as it begins.
OnCaseStep = Callable[[Case, str], None]


def slots(job: Job) -> int:
    """Cases in a process at a time."""
    return GPU_SLOTS if job.models.on_gpu else SLOTS


def ignored(_case: Case, _step: str) -> None:
    """Do nothing with a step."""


#: What the process sends: steps of the case, then its outcome, or why no case can be done.
Message = str | Outcome | SetupError


@dataclass(frozen=True)
class Death:
    """The process ended; code : its exit code, below 0 the signal that ended it."""

    code: int


class Worker:
    """Does cases, for any number of threads; its process starts with the first case.

    timeout_s : time limit of a case, waiting for its turn at the networks not counted; starting
    the process and loading the weights has the same limit again.
    """

    def __init__(self, job: Job, timeout_s: float | None, on_step: OnCaseStep = ignored) -> None:
        self.job, self.timeout_s, self.on_step = job, timeout_s, on_step
        self._slots = Slots(slots(job))
        self._lock = threading.Lock()
        self._process: Process | None = None
        self._closed = False

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process, with whatever it is doing; cases asked for later are not done."""
        with self._lock:
            self._closed = True
            if self._process:
                self._process.kill()

    def do(self, case: Case) -> Outcome:
        """The outcome of a case, whatever becomes of the process.

        Raises SetupError when no case can be done.
        """
        try:
            done = self._try(case, alone=False)
            if isinstance(done, Death):
                done = self._try(case, alone=True)
        except SetupError:
            raise
        except Exception as error:
            return case_run.give_up(case, self.job, explain(error))
        if isinstance(done, Outcome):
            return done
        return case_run.give_up(case, self.job, cause_of_death(done.code))

    def _try(self, case: Case, alone: bool) -> Outcome | Death:
        """The outcome of a case, or that the process died of it or of the one beside it."""
        with self._slots.taken(alone):
            process = self._running()
            line = process.lines.get()
            try:
                line.send(case)
                return self._await(line, case)
            except (EOFError, OSError):
                return Death(process.kill())
            except SetupError:  # the process itself says so, and goes on
                raise
            except BaseException:
                process.kill()  # it still has the case
                raise
            finally:
                process.lines.put(line)

    def _await(self, line: Connection, case: Case) -> Outcome:
        watch = Watch(self.timeout_s)
        while line.poll(watch.left_s()):
            message: Message = line.recv()
            if isinstance(message, Outcome):
                return message
            if isinstance(message, SetupError):
                raise message
            watch.step(message)
            self.on_step(case, message)
        raise TimeLimitError(
            f"it took longer than {self.timeout_s:g} s; raise the limit with --timeout-s."
        )

    def _running(self) -> "Process":
        with self._lock:
            if self._closed:
                raise SetupError("the batch was ended.")
            if self._process is None or not self._process.is_alive():
                self._process = Process(self.job)
            return self._process


class Process:
    """The other process and the lines to it, one per slot."""

    def __init__(self, job: Job) -> None:
        context = multiprocessing.get_context("spawn")  # a fork would share the engine's threads
        pairs = [context.Pipe() for _ in range(slots(job))]
        self._process = context.Process(
            target=serve, args=(job, [theirs for _, theirs in pairs]), daemon=True
        )
        self._process.start()
        self._lock = threading.Lock()  # a process can be waited for by one thread only
        self.lines: SimpleQueue[Connection] = SimpleQueue()
        for ours, theirs in pairs:
            theirs.close()  # so that the process's death ends the line
            self.lines.put(ours)

    def is_alive(self) -> bool:
        """Whether it still runs."""
        with self._lock:
            return self._process.is_alive()

    def kill(self) -> int:
        """End it, if it has not ended; its exit code. Its locks are released.

        What it leaves behind is thrown away when its cases are begun again.
        """
        with self._lock:
            self._process.kill()
            self._process.join()
            return self._process.exitcode or 0


class Slots:
    """Places for cases; who wants to be alone takes them all."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._free = threading.Semaphore(count)
        self._door = threading.Lock()

    @contextlib.contextmanager
    def taken(self, alone: bool) -> Iterator[None]:
        """Hold one slot, or every slot, for the block."""
        wanted = self._count if alone else 1
        with self._door:  # two who both want all would wait for each other
            for _ in range(wanted):
                self._free.acquire()
        try:
            yield
        finally:
            self._free.release(wanted)


class Watch:
    """What is left of a case's time limit.

    Starting the process and loading weights is one account, all other steps are another, each with
    the whole limit, so that the first case of a process has as much time as the rest. Waiting for a
    turn is not counted.
    """

    def __init__(self, limit_s: float | None) -> None:
        self._limit_s = limit_s
        self._spent_s = {LOAD: 0.0, "work": 0.0}
        self._account: str | None = LOAD  # the process may have to start
        self._since = monotonic()

    def left_s(self) -> float | None:
        """Seconds that are left of the present account; None when nothing is counted."""
        if self._limit_s is None or self._account is None:
            return None
        return max(0.0, self._limit_s - self._spent_s[self._account] - self._elapsed_s())

    def step(self, step: str) -> None:
        """The next step begins."""
        if self._account is not None:
            self._spent_s[self._account] += self._elapsed_s()
        self._account = None if step == WAIT else LOAD if step == LOAD else "work"
        self._since = monotonic()

    def _elapsed_s(self) -> float:
        return monotonic() - self._since


def cause_of_death(code: int) -> VersectlError:
    """What the exit code of a process, below 0 the signal that ended it, means to a user."""
    if code == -signal.SIGKILL:  # nobody but the kernel's memory guard kills like that
        return OutOfMemoryError(
            "the system killed the process that worked on it, most likely for lack of memory; "
            "crop the scan, or use a machine with more."
        )
    names = {-number: number.name for number in signal.Signals}
    ended = names.get(code, f"exit code {code}")
    return VersectlError(
        f"the process that worked on it crashed, twice ({ended}); please report it."
    )


def serve(job: Job, lines: list[Connection]) -> None:
    """What the process does: cases from each line, until the other side is gone."""
    device.set_environment()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches both; the parent decides
    turns = steps.turns(job.models.on_gpu)
    for line in lines:
        threading.Thread(target=_serve_line, args=(line, job, turns), daemon=True).start()
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)  # nobody wants what is being made


def _serve_line(line: Connection, job: Job, turns: Turns) -> None:
    """Cases from one line; whatever ends this closes the line, so that the other side knows."""

    def send(message: Message) -> None:
        with contextlib.suppress(OSError):  # the other side is gone, and so is this soon
            line.send(message)

    with line, contextlib.suppress(EOFError):
        while True:
            case = line.recv()
            try:
                send(case_run.do(case, job, send, turns))
            except SetupError as error:
                send(error)
            except BaseException as error:  # SystemExit, say: the other side waits for an answer
                send(case_run.failure(case, VersectlError(f"internal error: {error!r}.")))
