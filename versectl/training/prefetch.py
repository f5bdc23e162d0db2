"""Items made ahead of their use, by a thread or by worker processes, which end with this one."""

import functools
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from typing import TypeVar, cast

import SimpleITK as sitk

from versectl.errors import OutOfMemoryError

#: chosen: items waiting per worker; enough to bridge a slow one.
AHEAD = 4

#: Variables that say how many threads the libraries of a worker compute in.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")

Item = TypeVar("Item")

#: Called once in each worker process: gives the function number -> item. Must be picklable.
Prepare = Callable[[], Callable[[int], Item]]


def ahead(prepare: Prepare[Item], first: int, workers: int) -> Generator[Item, None, None]:
    """The items of all numbers from `first` on, in order, without end.

    Raises what preparing or making an item raises; OutOfMemoryError when the system kills a worker.
    """
    waiting: deque[Future[Item]] = deque()
    make = cast(Callable[[int], Item], _make)  # what `prepare` gave in the worker
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, _begin, (prepare,)) as pool:
        try:
            for number in itertools.count(first):
                with _single_threaded():  # whoever submits starts the workers
                    waiting.append(pool.submit(make, number))
                if len(waiting) > AHEAD * workers:
                    yield waiting.popleft().result()
        except BrokenProcessPool as error:
            raise OutOfMemoryError(
                "the system killed a process that makes training samples, most likely for lack of "
                "memory; use fewer --workers or a machine with more memory."
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def one_ahead(items: Generator[Item, None, None]) -> Generator[Item, None, None]:
    """The same items of an endless generator; a thread makes the next while one is used."""
    with closing(items), ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, items)
        while True:
            item = coming.result()
            coming = thread.submit(next, items)
            yield item


@contextmanager
def _single_threaded() -> Iterator[None]:
    """Processes started within the block compute in one thread: the cores are the network's.

    Libraries read these variables as they load, so a process has to find them set.
    """
    unset = [name for name in THREADS if name not in os.environ]
    os.environ.update(dict.fromkeys(unset, "1"))
    try:
        yield
    finally:
        for name in unset:
            os.environ.pop(name, None)


#: Of a worker process: what gives its function number -> item.
_WORKER: list[Prepare[object]] = []


def _begin(prepare: Prepare[object]) -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent decides
    os.nice(2)  # the network goes first
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    # Called with the first item: the pool would take what is raised here for a killed worker.
    _WORKER.append(functools.cache(prepare))


def _make(number: int) -> object:
    (prepared,) = _WORKER
    return prepared()(number)


def _end_with_parent() -> None:
    """Wait for the parent's end, whatever ends it, a kill included; nobody needs a sample then."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
