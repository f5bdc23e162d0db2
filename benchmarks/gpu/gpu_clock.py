"""How long networks answer, how busy the card is meanwhile, and what memory they take of it."""

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter

import numpy as np

from benchmarks.clock import Clock

#: chosen: how often the whole card is asked how busy it is, ms.
SAMPLED_MS = 100


#: The part of a clock that networks' calls are; where two overlap, both count.
NETWORK = "network"


def measure(library: object, clock: Clock) -> None:
    """Have the networks that an engine's file will build run the clock."""
    original = library.answering

    def answering(*given: object) -> Callable[[np.ndarray], np.ndarray]:
        return clock.timed(NETWORK, original(*given))

    library.answering = answering


@contextmanager
def spending(clock: Clock) -> Iterator[dict[str, float]]:
    """Filled at the end of a block: wall seconds, and those of its network calls."""
    taken: dict[str, float] = {}
    start, network_s, calls = perf_counter(), clock.total(NETWORK).wall_s, clock.count(NETWORK)
    yield taken
    taken["wall s"] = perf_counter() - start
    taken["network s"] = clock.total(NETWORK).wall_s - network_s
    taken["calls"] = clock.count(NETWORK) - calls


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
