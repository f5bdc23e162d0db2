"""The challenges' own layouts and contracts."""

import json
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, PROGRAM, Phantoms, dice, draw, oblique

from versectl import geometry
from versectl.batch import selection, transaction
from versectl.batch.job import RUN_ALL, Job
from versectl.challenges import grand_challenge, verse
from versectl.challenges.sockets import Sockets
from versectl.io import challenge_centroids, volume


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.glob("[!.]*"))


@pytest.mark.parametrize(
    ("layout", "place", "meant"),
    [("verse2019", "verse004", "verse19"), ("verse2020", "GL003/verse500_CT-iso", "verse20")],
)
def test_results_are_as_the_challenge_wanted_them(run, tmp_path, layout, place, meant):
    """Read back by the evaluation, which knows the challenges' axes on its own."""
    ct, truth = draw((1.7, 2.4, 1.3), oblique())
    volume.write(ct, tmp_path / "in" / f"{place}.nii.gz")
    done = run("challenge", tmp_path / "in", tmp_path / "out", "--layout", layout)
    assert done.exit_code == 0, done.output
    made = (tmp_path / "out" / place).parent
    assert names(made) == [f"{Path(place).name}_ctd.json", f"{Path(place).name}_seg.nii.gz"]
    label_map = volume.read_labels(tmp_path / "out" / f"{place}_seg.nii.gz")
    assert all(dice(label_map, truth, label) > 0.9 for label in CENTERS_MM)
    points_mm = challenge_centroids.read_points(tmp_path / "out" / f"{place}_ctd.json", ct, meant)
    for label, center_mm in CENTERS_MM.items():
        assert points_mm[label] == pytest.approx(center_mm, abs=1.5)
    assert list(json.loads((tmp_path / "out" / f"{place}_ctd.json").read_text())[0]) == [
        "label",
        "X",
        "Y",
        "Z",
    ]


def test_one_bad_scan_of_a_challenge_costs_itself_only(run, tmp_path, ct):
    volume.write(ct, tmp_path / "in" / "a.nii.gz")
    (tmp_path / "in" / "b.nii.gz").write_text("no scan")
    done = run("challenge", tmp_path / "in", tmp_path / "out", "--layout", "verse2019")
    assert done.exit_code == 4
    assert names(tmp_path / "out") == ["a_ctd.json", "a_seg.nii.gz"]
    assert run("challenge", tmp_path, tmp_path / "x", "--layout", "verse2019").exit_code == 3


def test_a_single_scan_of_a_challenge_that_another_run_has_is_an_error(run, tmp_path, ct):
    volume.write(ct, tmp_path / "in" / "a.nii.gz")
    with transaction.begin(verse.workplace(tmp_path / "out"), "a"):
        done = run("challenge", tmp_path / "in", tmp_path / "out", "--layout", "verse2019")
    assert (done.exit_code, "another run" in done.stderr) == (7, True)
    assert names(tmp_path / "out") == []


def test_no_two_scans_of_a_challenge_share_a_name(run, tmp_path):
    """a/b_c and a_b/c are two subjects."""
    places = ("a/b_c", "a_b/c", "a%5Fb/c", "a/b%5Fc")
    scans = [tmp_path / "in" / f"{place}.nii.gz" for place in places]
    names = {verse.case_name(scan, tmp_path / "in") for scan in scans}
    assert len(names) == len(places)
    assert all(selection.is_file_name(name) for name in names)
    for number, scan in enumerate(scans[:2]):
        volume.write(draw((4.0, 4.0, 4.0 + number))[0], scan)
    assert (
        run("challenge", tmp_path / "in", tmp_path / "out", "--layout", "verse2020").exit_code == 0
    )
    for scan, place in zip(scans[:2], places, strict=False):
        made = volume.read_labels(tmp_path / "out" / f"{place}_seg.nii.gz")
        assert geometry.same_grid(made, volume.read_frame(scan))


@pytest.fixture
def sockets(tmp_path):
    return Sockets(tmp_path / "input", tmp_path / "output", None, "masks", "centres", "told")


def ask(sockets, method, path):
    """Status and body of one request, without a server."""
    app = grand_challenge.application(sockets, Job(Path(), RUN_ALL, Phantoms()))
    return asked(app, method, path)


def asked(app, method, path):
    answered = []
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    body = b"".join(app(environ, lambda status, _headers: answered.append(status)))
    return int(answered[0].split()[0]), json.loads(body)


def test_an_invocation_takes_the_scan_and_leaves_the_results(sockets, ct, label_map):
    volume.write(ct, sockets.input / "images" / "ct" / "5f-1.mha")
    for _ in range(2):  # as often as it is asked
        assert ask(sockets, "POST", "/invoke")[0] == HTTPStatus.CREATED
    found = volume.read_labels(sockets.output / "images" / "masks" / "5f-1.mha")
    assert geometry.same_grid(found, ct)
    assert set(np.unique(geometry.to_array(found))) == {0, *CENTERS_MM}
    assert dice(found, label_map, 20) > 0.9
    assert json.loads((sockets.output / "told.json").read_text())["status"] == "done"
    assert len(json.loads((sockets.output / "centres.json").read_text())) == 4


def without_bone(ct):
    return sitk.Cast(sitk.Clamp(ct, sitk.sitkInt16, -1000, 200), sitk.sitkInt16)


def test_a_scan_without_a_spine_has_empty_results(run, sockets, ct, tmp_path):
    """Platforms want every file; an empty one is right where there is nothing."""
    volume.write(without_bone(ct), sockets.input / "images" / "ct" / "5f-1.mha")
    assert ask(sockets, "POST", "/invoke")[0] == HTTPStatus.CREATED
    assert not geometry.to_array(
        volume.read_labels(sockets.output / "images" / "masks" / "5f-1.mha")
    ).any()
    assert len(json.loads((sockets.output / "centres.json").read_text())) == 1
    volume.write(without_bone(ct), tmp_path / "in" / "a.nii.gz")
    done = run("challenge", tmp_path / "in", tmp_path / "out", "--layout", "verse2019")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "out" / "a_ctd.json").read_text()) == []


def test_a_failing_call_leaves_no_results_of_an_earlier_one(sockets, ct):
    scan = sockets.input / "images" / "ct" / "5f-1.mha"
    volume.write(ct, scan)
    assert ask(sockets, "POST", "/invoke")[0] == HTTPStatus.CREATED
    scan.write_bytes(b"no scan")
    status, told = ask(sockets, "POST", "/invoke")
    assert (status, told["exit_code"]) == (HTTPStatus.INTERNAL_SERVER_ERROR, 3)
    assert [path for path in sockets.output.rglob("*") if path.is_file()] == []


def test_while_a_scan_is_in_work_health_answers_and_a_second_call_is_refused(sockets, ct):
    volume.write(ct, sockets.input / "images" / "ct" / "5f-1.mha")
    begun, go_on = threading.Event(), threading.Event()
    models = Phantoms()

    def slow(seen):
        begun.set()
        assert go_on.wait(60)
        return Phantoms().model("spine").answer(seen)

    models["spine"] = replace(models["spine"], answer=slow)
    app = grand_challenge.application(sockets, Job(Path(), RUN_ALL, models))
    with ThreadPoolExecutor(1) as thread:
        first = thread.submit(asked, app, "POST", "/invoke")
        assert begun.wait(60)
        assert asked(app, "GET", "/health")[0] == HTTPStatus.OK
        assert asked(app, "POST", "/invoke")[0] == HTTPStatus.SERVICE_UNAVAILABLE
        go_on.set()
        assert first.result()[0] == HTTPStatus.CREATED
    assert (sockets.output / "told.json").exists()


@pytest.mark.parametrize("count", [0, 2])
def test_an_invocation_without_its_one_scan_fails_and_says_so(sockets, ct, count):
    for number in range(count):
        volume.write(ct, sockets.input / "images" / "ct" / f"{number}.mha")
    status, told = ask(sockets, "POST", "/invoke")
    assert status == HTTPStatus.INTERNAL_SERVER_ERROR
    assert f"holds {count} scans" in told["error"]
    assert not sockets.output.exists()


def test_other_requests_are_told_what_to_ask(sockets):
    assert ask(sockets, "GET", "/health") == (200, {"status": "ready"})
    assert ask(sockets, "GET", "/invoke")[0] == 404
    assert ask(sockets, "GET", "/../etc/passwd")[0] == 404


@pytest.mark.parametrize("slug", ["../x", "a/b", "A", ""])
def test_a_slug_leads_nowhere_else(run, slug):
    assert run("serve-challenge", "--segmentation", slug).exit_code == 2


def test_the_server_is_ready_when_it_listens_and_ends_when_terminated(sockets, ct):
    volume.write(ct, sockets.input / "images" / "ct" / "scan.mha")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["--host", "127.0.0.1", "--port", port, "--input", sockets.input]
    words += ["--output", sockets.output]

    process = subprocess.Popen(
        [sys.executable, PROGRAM, "serve-challenge", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout.readline().startswith(b"ready")
    there = f"http://127.0.0.1:{port}"
    assert urllib.request.urlopen(f"{there}/health").status == 200
    request = urllib.request.Request(f"{there}/invoke", method="POST", data=b"")
    assert urllib.request.urlopen(request).status == 201
    assert (sockets.output / "images" / "vertebrae" / "scan.mha").exists()
    process.send_signal(signal.SIGTERM)
    _, troubles = process.communicate(timeout=20)
    assert troubles == b""  # the platform shows any as a warning
    assert process.returncode == 0
