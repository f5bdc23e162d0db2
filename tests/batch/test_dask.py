"""The same batch on Dask workers, one of which is killed, ends as in one process."""

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from phantoms import MIDDLE_MM, Phantoms, draw, ended, results

from versectl.batch import run as batch_run
from versectl.batch.job import LOCALIZE_VERTEBRAE, RUN_ALL, Job
from versectl.batch.selection import Selection
from versectl.io import volume
from versectl.io.layout import Case

distributed = pytest.importorskip("distributed", reason="needs versectl[cluster]")
dask = pytest.importorskip("dask")
psutil = pytest.importorskip("psutil")
cluster = pytest.importorskip("versectl.batch.dask")

#: Of a cluster that a test starts: any port, no messages, room for a child process.
QUIET = {"dashboard_address": ":0", "silence_logs": 60, "memory_limit": 0}


def ignore(_case, _step):
    """Nobody listens."""


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    """Eight small scans, the last cut off."""
    folder = tmp_path_factory.mktemp("many")
    ct, _ = draw((3.0, 2.5, 3.5))
    for number in range(8):
        volume.write(ct + number, folder / f"case{number:02d}_ct.nii.gz")
    last = folder / "case07_ct.nii.gz"
    last.write_bytes(last.read_bytes()[:-500])
    return folder


def workers():
    """Processes of the local cluster's workers: ours, with a process of their own."""
    return [process for process in psutil.Process().children() if process.children()]


def test_two_workers_do_what_one_process_does_although_one_is_killed(scans, tmp_path):
    todo = [Case(file.name[:6], file) for file in sorted(scans.iterdir())]
    expected = list(
        batch_run.in_this_process(todo, Job(tmp_path / "one", RUN_ALL, Phantoms()), ignore)
    )
    job = Job(tmp_path / "two", RUN_ALL, Phantoms())
    done = []
    for one in batch_run.outcomes(todo, job, Selection(local_workers=2), ignore):
        done.append(one)
        if len(done) == 2:
            assert len(workers()) == 2
            workers()[0].kill()
    assert sorted((one.name, ended(one)) for one in done) == [
        (one.name, one.status) for one in expected
    ]
    assert [one.status for one in expected].count("failed") == 1
    assert results(tmp_path / "two") == results(tmp_path / "one")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A cluster whose one worker was started in a folder of its own."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    monkeypatch.setitem(dask.config.config["distributed"]["worker"], "daemon", False)
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **QUIET) as running:
        monkeypatch.chdir(tmp_path)
        yield running
    assert list(elsewhere.iterdir()) == []


def test_relative_paths_count_from_where_the_command_was_given(site, ct_file, tmp_path):
    (tmp_path / "points").mkdir()
    given = {"lumbar": Path("points", "lumbar_spine.json")}
    (tmp_path / given["lumbar"]).write_text(
        json.dumps({"center_mm": list(MIDDLE_MM), "frame": "LPS", "peak": 0.9})
    )
    job = Job(Path("out"), LOCALIZE_VERTEBRAE, Phantoms(), given=given)
    todo = [Case("lumbar", ct_file.relative_to(tmp_path))]
    where = Selection(scheduler=site.scheduler_address)
    assert [one.status for one in batch_run.outcomes(todo, job, where, ignore)] == ["done"]
    assert (tmp_path / "out" / "lumbar_ctd.json").exists()


def test_a_cluster_without_workers_is_told_once_and_waited_for(ct_file, out, monkeypatch):
    monkeypatch.setattr(cluster, "NO_WORKER_S", 0.2)
    monkeypatch.setitem(dask.config.config["distributed"]["worker"], "daemon", False)
    told = []
    with distributed.LocalCluster(n_workers=0, threads_per_worker=1, **QUIET) as site:

        def warn(text, *names):
            told.append(text % names)
            site.scale(1)

        monkeypatch.setattr(cluster.log, "warning", warn)
        todo, where = [Case("lumbar", ct_file)], Selection(scheduler=site.scheduler_address)
        done = list(batch_run.outcomes(todo, Job(out, RUN_ALL, Phantoms()), where, ignore))
    assert [one.status for one in done] == ["done"]
    address = site.scheduler_address
    assert told == [f"waiting for workers at {address}; start one with: dask worker {address}"]


def test_a_scheduler_that_does_not_answer_is_one_clear_line(run, scans, out, monkeypatch):
    monkeypatch.setattr("versectl.batch.dask.CONNECT_S", 1)
    done = run("run-all", scans, out, "--scheduler", "tcp://127.0.0.1:9")
    assert done.exit_code == 2
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_dask_one_line_says_what_to_install(run, scans, out, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "versectl.batch.dask", raising=False)
    monkeypatch.delattr("versectl.batch.dask", raising=False)
    done = run("run-all", scans, out, "--local-workers", "2")
    assert done.exit_code == 2
    assert "pip install 'versectl[cluster]'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("gpus", [("0", "2"), ()])
def test_local_workers_share_the_gpus_out(gpus, tmp_path, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    plugin = cluster.JobPlugin(Job(tmp_path, RUN_ALL, Phantoms()), None, gpus)
    plugin.setup(SimpleNamespace(name=3))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ("2" if gpus else "7")
