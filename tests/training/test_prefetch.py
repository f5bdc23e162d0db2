"""Worker processes: their items come in order, and nothing outlives the process that wants them."""

import contextlib
import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from versectl.errors import BadInputError, OutOfMemoryError
from versectl.training import prefetch


def numbers():
    """Each number with the process that made it; the later, the sooner."""
    process = os.getpid()
    return lambda number: (time.sleep(0.02 / (1 + number)), (number, process))[1]


def variables():
    """What a worker finds in its environment."""
    return lambda number: [os.environ.get(name) for name in prefetch.THREADS]


def failing():
    return [0, 1, 2].__getitem__


def unprepared():
    raise BadInputError("a has no centroid file")


def dying():
    return lambda number: os.kill(os.getpid(), signal.SIGKILL)


def busy():
    """Its process at first, then nothing for a minute."""
    return lambda number: time.sleep(60) if number > 9 else os.getpid()


def is_alive(process: int) -> bool:
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"  # a zombie has ended, and waits for somebody to take note
    return False


def wait_for_end_of(processes, seconds=10):
    until = time.monotonic() + seconds
    while time.monotonic() < until and any(map(is_alive, processes)):
        time.sleep(0.05)
    return [process for process in processes if is_alive(process)]


def test_workers_compute_in_one_thread_and_the_environment_stays_as_it_is(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    before = dict(os.environ)
    with contextlib.closing(prefetch.ahead(variables, 0, 2)) as made:
        assert list(itertools.islice(made, 12)) == [["1", "3"]] * 12
        assert dict(os.environ) == before


def test_items_come_in_order_and_their_makers_end_with_the_last():
    made = prefetch.ahead(numbers, 5, 2)
    found = list(itertools.islice(made, 12))
    assert [number for number, _ in found] == list(range(5, 17))
    made.close()
    assert wait_for_end_of({process for _, process in found}) == []


def test_a_failure_in_a_worker_is_raised_where_the_item_is_wanted():
    made = prefetch.ahead(failing, 1, 1)
    assert [next(made), next(made)] == [1, 2]
    with pytest.raises(IndexError):
        next(made)


def test_a_failure_to_prepare_is_raised_as_it_is():
    with pytest.raises(BadInputError, match="a has no centroid file"):
        next(prefetch.ahead(unprepared, 0, 1))


def test_a_worker_that_the_system_kills_is_told_in_words():
    with pytest.raises(OutOfMemoryError, match="fewer --workers"):
        next(prefetch.ahead(dying, 0, 1))


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent_however_it_ends(number):
    code = (
        "from test_prefetch import busy\nfrom versectl.training import prefetch\n"
        "for process in prefetch.ahead(busy, 0, 2): print(process, flush=True)"
    )
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    parent = subprocess.Popen(
        [sys.executable, "-c", code],
        env=here,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    workers = {int(parent.stdout.readline())}
    assert all(map(is_alive, workers))
    parent.send_signal(number)
    left = wait_for_end_of([*workers, parent.pid])
    parent.kill()
    parent.communicate()
    assert left == []
