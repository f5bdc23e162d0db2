"""The clock of the benchmarks."""

import threading
import time

import pytest

from benchmarks.clock import Clock


def spin(seconds):
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_a_part_does_not_count_what_the_parts_inside_it_take():
    clock, start_s = Clock(), time.perf_counter()
    with clock.running("outer"):
        spin(0.02)
        clock.timed("inner", spin)(0.06)
    whole_s = time.perf_counter() - start_s
    outer_s, inner_s = (clock.total(part).wall_s for part in ("outer", "inner"))
    assert inner_s >= 0.06
    assert 0.02 <= outer_s <= whole_s - inner_s


def test_runs_add_up_and_the_least_is_one_of_them():
    clock = Clock()
    for seconds in (0.03, 0.01):
        clock.timed("part", spin)(seconds)
    assert clock.count("part") == 2
    total_s, least_s = clock.total("part").wall_s, clock.least("part").wall_s
    assert total_s >= 0.04
    assert 0.01 <= least_s <= total_s - 0.03
    assert clock.parts == ("part",)


def test_a_part_that_never_ran_took_nothing():
    clock = Clock()
    assert (clock.count("part"), clock.total("part")) == (0, (0, 0))


def test_parts_of_two_threads_at_a_time_count_both():
    clock, both = Clock(), threading.Barrier(2)

    def wait():
        both.wait()
        time.sleep(0.05)

    threads = [threading.Thread(target=clock.timed("part", wait)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert clock.total("part").wall_s >= 0.1


def test_a_run_that_fails_counts_and_its_error_passes():
    clock = Clock()
    with pytest.raises(KeyError):
        clock.timed("part", {}.__getitem__)("missing")
    assert clock.count("part") == 1
