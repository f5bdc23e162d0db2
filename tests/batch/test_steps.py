"""Cases in one process at the same time: what they take turns at."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from phantoms import Phantoms, draw, results

from versectl.batch import case_run, outcome, worker
from versectl.batch import run as batch_run
from versectl.batch.case_run import steps
from versectl.batch.job import RUN_ALL, Job
from versectl.io import volume
from versectl.io.layout import Case
from versectl.networks.engines import calling
from versectl.stages import pipeline

WAIT_S = 30


class OnGpu(Phantoms):
    """The phantom's models, as if on a GPU."""

    on_gpu = True


@pytest.fixture
def todo(tmp_path):
    ct, _ = draw((3.0, 2.5, 3.5))
    cases = [Case(f"case{n}", tmp_path / f"case{n}_ct.nii.gz") for n in range(5)]
    for number, case in enumerate(cases):
        volume.write(ct + 10 * number, case.ct)
    return cases


class Counting:
    """Counts who is in it at the same time; the most so far."""

    def __init__(self):
        self.inside, self.most, self.lock = 0, 0, threading.Lock()

    def __call__(self, function):
        def counted(*given):
            with self.lock:
                self.inside += 1
                self.most = max(self.most, self.inside)
            try:
                return function(*given)
            finally:
                with self.lock:
                    self.inside -= 1

        return counted


@pytest.mark.parametrize("on_gpu", [False, True])
def test_on_a_gpu_cases_take_turns_at_the_networks_alone(todo, tmp_path, monkeypatch, on_gpu):
    computing, answering = Counting(), Counting()
    together = threading.Barrier(2 if on_gpu else 1)

    def find_spine(ct, models, find=pipeline.find_spine):
        together.wait(WAIT_S)  # on a GPU it is passed only by two cases that compute
        return find(ct, models)

    monkeypatch.setattr(pipeline, "find_spine", computing(find_spine))
    models = OnGpu() if on_gpu else Phantoms()
    for stage, model in models.items():
        models[stage] = replace(model, answer=answering(model.answer))
    turns = steps.turns(on_gpu)
    job = Job(tmp_path / "out", RUN_ALL, models)
    with ThreadPoolExecutor(2) as threads:
        done = threads.map(lambda case: case_run.do(case, job, turns=turns), todo[:4])
        assert [one.status for one in done] == [outcome.DONE] * 4
    assert answering.most == 1
    assert computing.most == (2 if on_gpu else 1)


def test_more_cases_at_a_time_leave_the_same_results(todo, tmp_path):
    plain, on_gpu = (Job(tmp_path / kind.__name__, RUN_ALL, kind()) for kind in (Phantoms, OnGpu))
    assert worker.slots(on_gpu) > worker.slots(plain)
    for job in (plain, on_gpu):
        done = batch_run.in_a_worker(todo, job, None, lambda *_: None)
        assert [one.status for one in done] == [outcome.DONE] * 5
    assert results(plain.out) == results(on_gpu.out)


def test_a_turn_is_over_when_a_network_fails():
    def fail(_seen):
        raise RuntimeError("out of memory")

    turn = threading.Lock()
    with pytest.raises(RuntimeError):
        calling.in_turn(fail, turn)(np.zeros(1))
    assert not turn.locked()
