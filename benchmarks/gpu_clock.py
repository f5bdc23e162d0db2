"""How long networks answer, how busy the card is meanwhile, and what memory they take of it."""

import gc
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np

#: chosen: how often the whole card is asked how busy it is, ms.
SAMPLED_MS = 100


@dataclass
class Clock:
    """Seconds and number of the networks' calls; where two overlap, both count."""

    network_s: float = 0.0
    calls: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def measure(self, library: object) -> None:
        """Have the networks that an engine's file will build run this clock."""
        original = library.answering

        def answering(*given: object) -> Callable[[np.ndarray], np.ndarray]:
            answer = original(*given)

            def measured(seen: np.ndarray) -> np.ndarray:
                start = perf_counter()
                answered = answer(seen)
                with self.lock:
                    self.network_s += perf_counter() - start
                    self.calls += 1
                return answered

            return measured

        library.answering = answering

    @contextmanager
    def running(self) -> Iterator[dict[str, float]]:
        """Filled at the end of a block: wall seconds, and those of its network calls."""
        taken: dict[str, float] = {}
        start, network_s, calls = perf_counter(), self.network_s, self.calls
        yield taken
        taken["wall s"] = perf_counter() - start
        taken["network s"] = self.network_s - network_s
        taken["calls"] = self.calls - calls


@contextmanager
def card() -> Iterator[dict[str, float]]:
    """Filled at the end of a block: how busy the card was, %, and the most it held, MB.

    Both are of all processes, as nvidia-smi tells them; nothing where there is none.
    """
    taken: dict[str, float] = {}
    query = "--query-gpu=utilization.gpu,memory.used"
    command = ["nvidia-smi", "-i=0", query, "--format=csv,noheader,nounits", f"-lms={SAMPLED_MS}"]
    try:
        asked = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    except OSError:
        yield taken
        return
    try:
        yield taken
    finally:
        asked.terminate()
        rows = [line.split(",") for line in asked.communicate()[0].splitlines()]
        samples = [[float(cell) for cell in row] for row in rows if len(row) == 2]
        if samples:
            busy, memory = np.array(samples).T
            taken |= {"card busy %": float(busy.mean()), "card MB": float(memory.max())}


def forget_peak(engine: str) -> None:
    """Give back what is not used, and look for the most memory anew, where the engine can."""
    gc.collect()
    if engine == "torch" and sys.modules["torch"].cuda.is_available():
        sys.modules["torch"].cuda.empty_cache()
        sys.modules["torch"].cuda.reset_peak_memory_stats()


def tune(engine: str, tuned: bool) -> None:
    """Whether PyTorch tries what is quickest for each new size of image."""
    if engine == "torch":
        sys.modules["torch"].backends.cudnn.benchmark = tuned


def peak_mb(engine: str) -> float | None:
    """The most of the GPU's memory that the engine's own allocator gave out; None on a CPU.

    JAX's is of the whole process so far.
    """
    library = sys.modules[engine]
    if engine == "torch" and library.cuda.is_available():
        return library.cuda.max_memory_allocated() / 1e6
    if engine == "jax":
        taken = library.local_devices()[0].memory_stats() or {}
        return taken["peak_bytes_in_use"] / 1e6 if "peak_bytes_in_use" in taken else None
    return None
