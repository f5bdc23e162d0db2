"""Wall and CPU seconds of parts of a program, and the most memory it has held."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, NamedTuple


class Spent(NamedTuple):
    """Seconds; CPU seconds are those of all threads, user and system."""

    wall_s: float
    cpu_s: float


class Clock:
    """Seconds of every run of a part, without those of parts inside it.

    Threads may run parts at the same time: then the wall seconds of all count, and CPU seconds
    hold those of the others.
    """

    def __init__(self) -> None:
        self._runs: dict[str, list[Spent]] = {}
        self._inside = threading.local()  # of the part that a thread runs: what its parts took
        self._lock = threading.Lock()

    @contextmanager
    def running(self, part: str) -> Iterator[None]:
        """A run of a part: the block."""
        outer, self._inside.spent = getattr(self._inside, "spent", Spent(0, 0)), Spent(0, 0)
        wall, cpu = perf_counter(), process_time()
        try:
            yield
        finally:
            took = Spent(perf_counter() - wall, process_time() - cpu)
            within = self._inside.spent
            self._inside.spent = Spent(outer.wall_s + took.wall_s, outer.cpu_s + took.cpu_s)
            own = Spent(took.wall_s - within.wall_s, took.cpu_s - within.cpu_s)
            with self._lock:
                self._runs.setdefault(part, []).append(own)

    def timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, whose calls are runs of a part."""

        @wraps(function)
        def call(*given: Any, **named: Any) -> Any:
            with self.running(part):
                return function(*given, **named)

        return call

    @property
    def parts(self) -> tuple[str, ...]:
        """Parts that have run."""
        return tuple(self._runs)

    def count(self, part: str) -> int:
        """How often a part has run."""
        return len(self._runs.get(part, ()))

    def total(self, part: str) -> Spent:
        """Seconds of all runs of a part."""
        return self._of_runs(sum, part)

    def least(self, part: str) -> Spent:
        """The least wall and the least CPU seconds of a run of a part."""
        return self._of_runs(min, part)

    def _of_runs(self, function: Callable[[list[float]], float], part: str) -> Spent:
        with self._lock:
            runs = list(self._runs.get(part, ())) or [Spent(0, 0)]
        return Spent(*(function(list(each)) for each in zip(*runs, strict=True)))


def memory_kb(field: str = "VmHWM") -> int:
    """Memory of this process by Linux' name of it: the most it has held; VmRSS: what it holds."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))
