"""Cases in a process of their own: what its death costs, and what a whole run's death does not."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

import numpy as np
import pytest
from phantoms import BONE, PROGRAM, Phantoms, draw, ended, results

from versectl import geometry
from versectl.batch import case_run, outcome, transaction, worker
from versectl.batch import run as batch_run
from versectl.batch.case_run import reuse
from versectl.batch.case_run.steps import Steps
from versectl.batch.job import RUN_ALL, Job
from versectl.io import case_files, volume
from versectl.io.layout import Case
from versectl.report import case_report, provenance
from versectl.stages import pipeline
from versectl.types import Model, Spine, Vertebra, Vertebrae

psutil = pytest.importorskip("psutil")

NAMES = [f"case{number}" for number in range(5)]


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Five small scans, each a little different."""
    folder = tmp_path_factory.mktemp("scans")
    ct, _ = draw((3.0, 2.5, 3.5))
    for number, name in enumerate(NAMES):
        volume.write(ct + 10 * number, folder / f"{name}_ct.nii.gz")
    return folder


@pytest.fixture(scope="module")
def todo(scans):
    return [Case(name, scans / f"{name}_ct.nii.gz") for name in NAMES]


@pytest.fixture(scope="module")
def undisturbed(todo, tmp_path_factory):
    out = tmp_path_factory.mktemp("undisturbed")
    job = Job(out, RUN_ALL, Phantoms())
    done = [case_run.do(case, job) for case in todo]
    assert [one.status for one in done] == [outcome.DONE] * 5
    assert len(results(out)) == 25
    return results(out)


@dataclass(frozen=True)
class Trouble:
    """The phantom's models, one of which does harm when it sees the third scan."""

    harm: str
    identity, load_ahead = Phantoms().identity, Phantoms().load_ahead
    fast, on_gpu = Phantoms().fast, Phantoms().on_gpu

    def model(self, stage) -> Model:
        model = Phantoms().model(stage)
        return replace(model, answer=self.answering(model)) if stage == "vertebrae" else model

    def answering(self, model):
        def answer(seen):
            bone_hu = 2048 * float(np.median(seen[seen > 0.2]))
            if abs(bone_hu - BONE - 20) < 5:  # the third scan
                HARMS[self.harm]()
            return model.answer(seen)

        return answer


HARMS = {
    "crash": lambda: os.kill(os.getpid(), signal.SIGSEGV),
    "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "hang": lambda: time.sleep(600),
}


@pytest.fixture
def clock(monkeypatch):
    """A clock that can be put forward, by hours, for the thread that does so."""
    ahead_s = defaultdict(float)
    monkeypatch.setattr(
        worker, "monotonic", lambda: time.monotonic() + ahead_s[threading.get_ident()]
    )
    return ahead_s


@pytest.mark.parametrize(
    "death",
    [("crash", 1, "SIGSEGV"), ("killed", 5, "lack of memory"), ("hang", 4, "longer than 1000 s")],
)
def test_the_death_of_the_process_costs_its_case_only(death, todo, undisturbed, tmp_path, clock):
    harm, code, says = death

    def put_forward(case, step):
        if harm == "hang" and (case.name, step) == ("case2", "vertebrae"):
            clock[threading.get_ident()] += 2000

    job = Job(tmp_path, RUN_ALL, Trouble(harm))
    done = sorted(batch_run.in_a_worker(todo, job, 1000, put_forward), key=lambda one: one.name)
    assert [ended(one) for one in done] == ["done", "done", "failed", "done", "done"]
    assert done[2].error.exit_code == code
    assert says in done[2].line
    found = json.loads((tmp_path / "case2_report.json").read_text())
    assert (found["status"], found["error"]["exit_code"]) == ("failed", code)
    left = results(tmp_path)
    assert {k: v for k, v in undisturbed.items() if "case2" not in k} == {
        k: v for k, v in left.items() if "case2" not in k
    }
    assert [name for name in left if "case2" in name] == ["case2_report.json"]
    assert not (tmp_path / ".versectl").exists()


def start(*words):
    return subprocess.Popen(
        [sys.executable, PROGRAM, "run-all", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_a_batch_killed_at_several_steps_ends_like_an_undisturbed_one(scans, undisturbed, tmp_path):
    """kill -9 of the whole batch at a step of a case, later each time; then left in peace."""
    for step in ("case0: segmentation", "case2: write", "case4: vertebrae"):
        process = start(scans, tmp_path, "-v")
        reached = any(line.startswith(step) for line in process.stdout)
        process.kill()
        process.communicate()
        assert reached, step
    process = start(scans, tmp_path)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert results(tmp_path) == undisturbed
    assert not (tmp_path / ".versectl").exists()
    assert len((tmp_path / "batch.csv").read_text().splitlines()) == 6


def test_a_terminated_batch_leaves_whole_cases_and_nothing_else(scans, undisturbed, tmp_path):
    process = start(scans, tmp_path)
    assert re.match(r"\[1/5\] case\d: T12 to L2", process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    *_, count, last = said.splitlines()
    assert re.fullmatch(r"[1-5] of 5 cases done; start the same command again to go on.", count)
    assert last == "Terminated. What was finished is kept; no file is half-written."
    assert len((tmp_path / "batch.csv").read_text().splitlines()) == int(count[0]) + 1
    assert not (tmp_path / ".versectl").exists()
    left = results(tmp_path)
    assert left == {name: undisturbed[name] for name in left}
    assert len(left) % 5 == 0
    assert len(left) >= 5


def test_two_runs_on_one_folder_do_no_damage(scans, undisturbed, tmp_path):
    both = [start(scans, tmp_path) for _ in range(2)]
    for process in both:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert results(tmp_path) == undisturbed


def test_one_case_is_read_while_another_computes(todo, tmp_path):
    heard = []
    job = Job(tmp_path, RUN_ALL, Phantoms())
    list(batch_run.in_a_worker(todo, job, None, lambda case, step: heard.append((case.name, step))))
    first_written = heard.index(("case0", "write"))
    assert ("case1", "read") in heard[:first_written]
    computing = [name for name, step in heard if step in ("spine", "vertebrae", "segmentation")]
    assert computing == [name for name in dict.fromkeys(computing) for _ in range(3)]


def test_a_watch_counts_work_and_loading_apart_and_no_waiting(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(worker, "monotonic", lambda: now[0])
    watch = worker.Watch(10.0)
    now[0] = 4.0  # the process starts
    assert watch.left_s() == 6.0
    watch.step("read")
    now[0] = 7.0
    assert watch.left_s() == 7.0
    watch.step("wait")
    now[0] = 100.0
    assert watch.left_s() is None
    watch.step("load")
    now[0] = 101.0
    assert watch.left_s() == 5.0
    watch.step("spine")
    now[0] = 107.0
    assert watch.left_s() == 1.0
    now[0] = 110.0
    assert watch.left_s() == 0.0
    assert worker.Watch(None).left_s() is None


def children_of(process):
    """The helpers of a program of ours; resource trackers are none."""
    found = psutil.Process(process.pid).children(recursive=True)
    return [child for child in found if "resource_tracker" not in " ".join(child.cmdline())]


def test_helpers_end_when_the_program_is_killed(scans, tmp_path):
    process = start(scans, tmp_path)
    assert re.match(r"\[1/5\] case\d: T12 to L2", process.stdout.readline())
    helpers = children_of(process)
    assert len(helpers) == 1
    process.kill()
    process.communicate()
    gone, alive = psutil.wait_procs(helpers, timeout=10)
    assert (len(gone), alive) == (1, [])


ERRORS = (OSError(5, "Input/output error"), ValueError("x"), MemoryError(), RuntimeError("y"))


@dataclass(frozen=True)
class Faults:
    """Models in a process where every step may raise, by chance, any error at all."""

    seed: int

    def __setstate__(self, state):
        """In the other process: from now on steps fail."""
        object.__setattr__(self, "seed", state["seed"])
        chance = random.Random(self.seed)
        pipeline.SPINE["default"] = lambda ct, _model: Spine(geometry.center(ct), 0.9)
        pipeline.VERTEBRAE["default"] = lambda _ct, at_mm, _model: Vertebrae(
            {20: Vertebra(at_mm, 0.9, 0.99)}
        )
        pipeline.SEGMENTATION["default"] = lambda ct, _at_mm, _model: ct > 500
        for place, name in STEPS:
            setattr(place, name, failing(getattr(place, name), chance))

    def model(self, stage) -> Model:
        return Phantoms().model(stage)

    identity, load_ahead = Phantoms().identity, Phantoms().load_ahead
    fast, on_gpu = Phantoms().fast, Phantoms().on_gpu


#: Where a case can fail: claiming, looking, reading, computing, writing, reporting, moving in.
STEPS = (
    (transaction, "_locked"),
    (reuse, "look"),
    (volume, "read_ct"),
    (pipeline, "find_spine"),
    (pipeline, "find_vertebrae"),
    (pipeline, "segment"),
    (case_files, "write"),
    (provenance, "write"),
    (case_report, "done"),
    (case_report, "failed"),
    (transaction.Transaction, "commit"),
    (Steps, "begin"),
)


def failing(work, chance):
    def attempt(*given, **named):
        if chance.random() < 0.08:
            raise chance.choice((*ERRORS, SystemExit(1)))
        return work(*given, **named)

    return attempt


def test_a_batch_with_errors_at_every_step_ends_and_tells_of_every_case(tmp_path):
    scan = tmp_path / "in" / "a_ct.nii.gz"
    volume.write(draw((6.0, 6.0, 6.0))[0], scan)
    todo = [Case(f"case{number:02d}", scan) for number in range(50)]
    done = list(batch_run.in_a_worker(todo, Job(tmp_path / "out", RUN_ALL, Faults(3)), None, quiet))
    assert sorted(one.name for one in done) == [case.name for case in todo]
    counts = Counter(one.status for one in done)
    assert counts["failed"] > 5
    assert counts["done"] > 5
    assert all(one.line for one in done)
    for one in done:
        masks = tmp_path / "out" / f"{one.name}_seg.nii.gz"
        assert masks.exists() == (one.status == "done"), one
    transaction.sweep(tmp_path / "out")
    assert not (tmp_path / "out" / ".versectl").exists()


def quiet(_case, _step):
    """Do nothing."""
