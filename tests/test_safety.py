"""Nothing gets out of where it belongs: paths, names, patients, code."""

import csv
import pickle
import re
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import draw

from versectl import config
from versectl.errors import WeightsError
from versectl.io import atomic, volume
from versectl.networks import architectures, weights
from versectl.text import printable

ODD = [
    "=cmd|' call'!A1",
    "+1+1",
    "@SUM(A1)",
    "-2+3",
    "red\x1b[31mtext",
    "two\nlines",
    "a;b & $(touch x) `y`",
    "näme Ω 名",
    "right\u202eleft",
]


@pytest.mark.parametrize("name", ODD)
def test_an_odd_name_neither_breaks_nor_injects(run, tmp_path, name):
    ct, _ = draw()
    folder, out = tmp_path / "in", tmp_path / "out"
    volume.write(ct, folder / f"{name}_ct.nii.gz")
    (folder / "broken_ct.nii.gz").write_text("no CT")
    done = run("run-all", folder, out)
    assert done.exit_code == 4, done.output
    assert (out / f"{name}_seg.nii.gz").exists()
    assert all(line.isprintable() for line in done.output.splitlines())
    told = re.findall(r"^\[\d/2\]", done.output, re.MULTILINE)
    assert sorted(told) == ["[1/2]", "[2/2]"]
    assert run("collect", out).exit_code == 0
    for table in ("batch.csv", "collected.csv"):
        with (out / table).open(newline="") as file:
            rows = list(csv.reader(file))
        assert len(rows) == 3
        assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)


def test_a_name_that_is_no_text_is_refused_in_one_line(run, tmp_path):
    """SimpleITK crashes when it is handed such a name."""
    ct, _ = draw()
    volume.write(ct, tmp_path / "in" / "a_ct.nii.gz")
    try:
        (tmp_path / "in" / "a_ct.nii.gz").rename(tmp_path / "in" / "a\udcff_ct.nii.gz")
    except OSError:
        pytest.skip("this file system takes names that are text only")
    done = run("run-all", tmp_path / "in", tmp_path / "out")
    assert done.exit_code == 3
    assert "a file name that is not valid UTF-8" in done.output
    assert run("collect", tmp_path / "out").exit_code == 0


def test_text_on_a_terminal_obeys_nobody():
    assert printable("a\x1b[2Jb\nc\u202e") == r"a\x1b[2Jb\nc\u202e"
    assert printable("Wirbelsäule 名") == "Wirbelsäule 名"


SECRET = "MUSTERMANN^MAX"


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_nothing_a_header_tells_of_the_patient_gets_out(run, tmp_path, suffix):
    ct, _ = draw()
    path = tmp_path / "in" / f"a_ct{suffix}"
    path.parent.mkdir()
    ct.SetMetaData("0010|0010", SECRET)
    ct.SetMetaData("PatientName", SECRET)
    sitk.WriteImage(ct, str(path))
    if suffix == ".nii.gz":
        image = nibabel.load(path)
        image.header["descrip"] = image.header["aux_file"] = SECRET
        nibabel.save(
            nibabel.Nifti1Image(np.asarray(image.dataobj), image.affine, image.header), path
        )
    (path.parent / f"b_ct{suffix}").write_bytes(path.read_bytes()[:-300])
    out = tmp_path / "out"
    done = run("run-all", path.parent, out, "-v", "--preview")
    assert done.exit_code == 4
    assert SECRET not in done.output
    for file in out.iterdir():
        content = file.read_bytes()
        assert SECRET.encode() not in content
        if file.name.endswith(".nii.gz"):
            header = nibabel.load(file).header
            assert SECRET not in str(header)


def test_a_report_cannot_name_files_outside(run, ct_file, out, tmp_path):
    """A report whose files lie elsewhere is not believed, and nothing there is touched."""
    run("run-all", ct_file, out)
    elsewhere = tmp_path / "elsewhere.txt"
    elsewhere.write_text("mine")
    for name in ("lumbar_report.json", "lumbar_provenance.json"):
        content = atomic.read_json(out / name)
        content["case"] = "../../x"
        entry = content["files"].pop("lumbar_ctd.json")
        content["files"]["../elsewhere.txt"] = {**entry, "sha256": atomic.sha256(elsewhere)}
        atomic.write_json(content, out / name)
    assert run("run-all", ct_file, out).exit_code == 0
    assert run("collect", out).exit_code == 0
    assert elsewhere.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere.txt", "in", "out"]


class Exploit:
    """What a pickle would run."""

    def __reduce__(self):
        return open, ("owned", "w")


def test_weights_are_arrays_and_nothing_else(tmp_path, monkeypatch):
    """The code never unpickles, and a file that is a pickle or holds other things is refused."""
    monkeypatch.chdir(tmp_path)
    spine = config.DEFAULT["spine"]
    weights.save(architectures.build(spine.network), spine, tmp_path)
    file = tmp_path / "spine.weights.h5"
    with h5py.File(file) as content:
        kinds = []
        content.visititems(lambda _name, item: kinds.append(type(item)))
    assert set(kinds) <= {h5py.Group, h5py.Dataset}
    file.write_bytes(pickle.dumps(Exploit()))
    described = atomic.read_json(tmp_path / "spine.json")
    atomic.write_json({**described, "sha256": atomic.sha256(file)}, tmp_path / "spine.json")
    with pytest.raises(WeightsError):
        weights.load(tmp_path, "spine")
    assert not (tmp_path / "owned").exists()


def test_no_module_runs_what_it_reads():
    """No pickle, no eval, no shell in the package; multiprocessing and Dask pickle our own only."""
    for path in (Path(__file__).parents[1] / "versectl").rglob("*.py"):
        text = path.read_text()
        for word in ("import pickle", "eval(", "exec(", "os.system", "shell=True", "load_model("):
            assert word not in text, f"{path.name}: {word}"


def test_the_package_asks_no_network():
    network = r"(requests|urllib(?!\.parse)|http\.client|socket)\b"
    for path in (Path(__file__).parents[1] / "versectl").rglob("*.py"):
        assert not re.search(rf"^\s*(import|from) {network}", path.read_text(), re.M), path.name
