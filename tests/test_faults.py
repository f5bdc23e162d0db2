"""The machine fails, not the scan: disks, folders, weights. One line, the right exit code, nothing
lost or half-written. Crashes, time limits and kills are in test_worker.py, a lost worker of a
cluster in test_dask.py, bad scans in test_bad_input.py."""

import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace

import pytest
from phantoms import PROGRAM, draw

from versectl import config
from versectl.errors import WeightsError
from versectl.io import atomic, volume
from versectl.networks import architectures, weights


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    ct, _ = draw()
    for name in "ab":
        volume.write(ct, folder / f"{name}_ct.nii.gz")
    return folder


def mounted(folder, options):
    """A small file system of its own at a folder; skips where that is not allowed."""
    folder.mkdir()
    if not shutil.which("mount"):
        pytest.skip("no mount command")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False)
    if done.returncode:
        pytest.skip("only root may mount")


@pytest.fixture
def small_disk(tmp_path):
    mounted(tmp_path / "disk", "size=32k")
    yield tmp_path / "disk"
    subprocess.run(["umount", tmp_path / "disk"], check=True)


@pytest.fixture
def frozen_disk(tmp_path):
    mounted(tmp_path / "disk", "ro,size=32k")
    yield tmp_path / "disk"
    subprocess.run(["umount", tmp_path / "disk"], check=True)


def tried(run, scans, out):
    """What a case in a batch, and a case alone, say of that output folder."""
    return [run("run-all", scans, out), run("run-all", scans / "a_ct.nii.gz", out)]


def test_a_full_disk_fails_cases_in_one_line_each_and_leaves_no_half_result(
    run, scans, small_disk, tmp_path
):
    (small_disk / "others").write_bytes(bytes(24_000))
    many, single = tried(run, scans, small_disk / "out")
    assert (many.exit_code, single.exit_code) == (4, 3)
    assert single.stderr.count("\n") == 1
    assert "disk" in single.stderr
    left = [path.name for path in (small_disk / "out").rglob("*")]
    assert not any(name.endswith((".nii.gz", "_ctd.json", "_spine.json")) for name in left)
    (small_disk / "others").unlink()
    subprocess.run(["mount", "-o", "remount,size=4m", small_disk], check=True)
    assert run("run-all", scans, small_disk / "out").exit_code == 0
    run("run-all", scans, tmp_path / "elsewhere")
    for path in (tmp_path / "elsewhere").glob("*_seg.nii.gz"):
        assert atomic.sha256(path) == atomic.sha256(small_disk / "out" / path.name)


def test_a_file_that_may_not_grow_is_not_left_half_written(scans, tmp_path):
    """What a quota does, without a disk of its own: no file may be longer than 500 bytes."""
    done = subprocess.run(
        [sys.executable, PROGRAM, "run-all", scans / "a_ct.nii.gz", tmp_path / "out"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500, 500)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    assert done.stderr.count("\n") == 1
    assert "disk" in done.stderr
    assert list((tmp_path / "out").rglob("*")) == []


def test_an_output_folder_that_cannot_be_written_ends_the_batch_at_once(run, scans, frozen_disk):
    foretold = run("run-all", scans, frozen_disk / "out", "--dry-run")
    for done in (*tried(run, scans, frozen_disk / "out"), foretold):
        assert done.exit_code == 3
        assert done.stderr.count("\n") == 1
        assert "(Read-only file system)" in done.stderr
    assert list(frozen_disk.iterdir()) == []


def test_an_output_folder_that_is_no_ones_is_told(scans, run, tmp_path):
    """Without mounting anything: the output would lie in a file, or behind a broken link."""
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere" / "deeper")
    for place in ("file", "file/out", "link"):
        foretold = run("run-all", scans, tmp_path / place, "--dry-run")
        for done in (*tried(run, scans, tmp_path / place), foretold):
            assert done.exit_code == 3, done.output
            assert done.stderr.count("\n") == 1
            assert "results cannot be written there" in done.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_of_another_user_is_told(run, scans, tmp_path):
    (tmp_path / "out").mkdir(mode=0o555)
    for done in tried(run, scans, tmp_path / "out"):
        assert done.exit_code == 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """Whole weights of tiny networks for all three stages."""
    folder = tmp_path_factory.mktemp("tiny")
    for whole in config.DEFAULT.values():
        network = replace(whole.network, filters=(2, 3))
        if network.spatial_filters:
            network = replace(network, spatial_filters=2)
        small = replace(whole, network=network)
        weights.save(architectures.build(small.network), small, folder)
    return folder


@pytest.mark.parametrize("stage", config.STAGES)
@pytest.mark.parametrize("at", [0.1, 0.5, 0.99])
def test_weights_with_one_flipped_byte_do_no_case(tiny, tmp_path, stage, at):
    folder = shutil.copytree(tiny, tmp_path / "weights")
    file = folder / f"{stage}.weights.h5"
    content = bytearray(file.read_bytes())
    content[int(at * len(content))] ^= 1
    file.write_bytes(content)
    with pytest.raises(WeightsError, match=f"{stage}.weights.h5 does not match"):
        weights.load(folder, stage)


def test_a_batch_with_flipped_weights_ends_with_6_in_one_line(tiny, scans, tmp_path):
    """The command itself, with TensorFlow, in a process of its own."""
    folder = shutil.copytree(tiny, tmp_path / "weights")
    file = folder / "spine.weights.h5"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    command = [sys.executable, "-m", "versectl", "run-all", scans, tmp_path / "out"]
    done = subprocess.run(
        [*command, "--weights", folder, "--device", "cpu"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 6
    assert done.stderr.count("\n") == 1
    assert "spine.weights.h5 does not match" in done.stderr
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []
