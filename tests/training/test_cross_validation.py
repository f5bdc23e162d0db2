"""Cross-validation with toy networks: three folds, a case of each of VerSe's layouts in each."""

import json
import re

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from phantoms import CENTERS_MM, PIR, draw

from versectl import geometry
from versectl.batch import case as case_run
from versectl.cli import main as cli
from versectl.cli import train
from versectl.config import CrossValidationOptions
from versectl.errors import BadInputError
from versectl.io import centroids, challenge_centroids, volume
from versectl.io.layout import Case
from versectl.training import cross_validation

#: Layout -> names of CT, mask and centroids.
LAYOUTS = {
    "verse19": ("{}.nii.gz", "{}_seg.nii.gz", "{}_ctd.json"),
    "verse20": ("{}_CT-iso.nii.gz", "{}_CT-iso_seg.nii.gz", "{}_CT-iso_iso-ctd.json"),
    "subject": (
        "rawdata/sub-{0}/sub-{0}_ct.nii.gz",
        "derivatives/sub-{0}/sub-{0}_seg-vert_msk.nii.gz",
        "derivatives/sub-{0}/sub-{0}_seg-subreg_ctd.json",
    ),
}


def as_challenge(ct, year):
    """The blocks' centres in millimetres from the volume's edge, as the challenge counted."""
    oriented = sitk.DICOMOrient(ct, "LPS")
    extent_mm = np.multiply(oriented.GetSize(), oriented.GetSpacing())
    entries = []
    for label, point in CENTERS_MM.items():
        x, y, z = geometry.to_vox(oriented, point) * oriented.GetSpacing()
        down, left = extent_mm[2] - z, extent_mm[0] - x
        xyz = (down, y, x) if year == "verse19" else (y, down, left)
        entries.append({"label": label, **dict(zip("XYZ", xyz, strict=True))})
    return entries


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("verse")
    for number in range(6):
        layout = list(LAYOUTS)[number % 3]
        ct, label_map = draw(direction=PIR)
        paths = [folder / path.format(f"verse00{number}") for path in LAYOUTS[layout]]
        volume.write(ct, paths[0])
        volume.write(label_map, paths[1])
        if layout == "subject":
            centroids.write(centroids.from_world(CENTERS_MM, ct), paths[2])
        else:
            paths[2].write_text(json.dumps(as_challenge(ct, layout)))
    folds = [["verse000", "verse001"], ["sub-verse002", "VERSE003"], ["verse004", "verse005"]]
    (folder / "folds.json").write_text(json.dumps(folds))
    return folder


def command(data, out, *more):
    words = ["cross-validate", "--data", data, "--folds", data / "folds.json", "--out", out]
    words += ["--preset", "tiny", "--steps", "2", "--device", "cpu", "--precision", "float32"]
    return CliRunner().invoke(cli.main, [str(word) for word in (*words, *more)])


@pytest.mark.parametrize("year", ["verse19", "verse20"])
def test_centroids_as_downloaded_are_read_by_their_name(data, year):
    number = list(LAYOUTS).index(year)
    path = data / LAYOUTS[year][2].format(f"verse00{number}")
    ct, _ = draw(direction=PIR)
    read = challenge_centroids.read_points(path, ct, challenge_centroids.meant_by(path))
    for label, point_mm in CENTERS_MM.items():
        assert read[label] == pytest.approx(point_mm, abs=0.01)


def test_an_interrupted_run_goes_on_where_it_was_and_prints_both_tables(
    data, tmp_path, monkeypatch
):
    out = tmp_path / "cv"
    do, done = case_run.do, []

    def interrupted(case, job):
        done.append(case.name)
        if done.count(case.name) == 3 and len(set(done)) == 4:  # end to end, in the second fold
            raise KeyboardInterrupt
        return do(case, job)

    monkeypatch.setattr(case_run, "do", interrupted)
    assert command(data, out).exit_code == 130
    kept = {
        p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and "fold2" not in str(p)
    }
    assert not (out / "fold2").exists()
    assert len(list((out / "end_to_end").glob("*_report.json"))) == 3

    monkeypatch.setattr(case_run, "do", do)
    finished = command(data, out)
    assert finished.exit_code == 0, finished.output
    changed = [p for p, at in kept.items() if p.stat().st_mtime_ns != at]
    assert changed == []
    assert len(list((out / "end_to_end").glob("*_report.json"))) == 6
    assert "spine: 6 of 6 found" in finished.stdout
    tables = finished.stdout.split("pooled over vertebrae, beside Table 1")[1:]
    for table in tables:
        assert re.search(r"paper .* 774 of 862", table)
        assert re.search(r"ID .* of 18 ", table)
    for name in ("from_truth.csv", "end_to_end.csv"):
        assert len((out / name).read_text().splitlines()) == 1 + 6 * 3


def test_a_fold_can_be_done_alone_and_is_trained_on_the_others(data, tmp_path, monkeypatch):
    trained = []
    train_stage = cross_validation.train_stage

    def noted(plan, stage, given, tell):
        trained.append([case.name for case in given[1]])
        train_stage(plan, stage, given, tell)

    monkeypatch.setattr(cross_validation, "train_stage", noted)
    finished = command(data, tmp_path, "--fold", "1")
    assert finished.exit_code == 0, finished.output
    assert trained == [["verse000", "verse001_CT-iso", "verse004_CT-iso", "sub-verse005"]] * 3
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("fold")) == ["fold1"]
    found = sorted(p.name for p in (tmp_path / "truth").glob("*_ctd.json"))
    assert found == ["sub-verse002_ctd.json", "verse003_ctd.json"]
    assert command(data, tmp_path, "--fold", "3").exit_code == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is no list of folds"),
        ("[1, 2]", "is no list of folds"),
        ('[["a"], ["c"]]', "names c, which has no CT"),
        ('[["a"], ["b", "a"]]', "names a twice"),
        ('[["a", "b"]]', "fewer than 2 folds"),
    ],
)
def test_folds_that_make_no_sense_are_refused(tmp_path, content, message):
    path = tmp_path / "folds.json"
    path.write_text(content)
    with pytest.raises(BadInputError, match=message):
        cross_validation.read_folds(path, [Case("a"), Case("sub-B")])


def test_masks_made_from_true_centres_identify_nothing_by_themselves(tmp_path, capsys):
    ct, label_map = draw(direction=PIR)
    options = CrossValidationOptions(tmp_path, tmp_path, tmp_path, None, "tiny", None, 1, 0)
    volume.write(label_map, options.truth / "a_seg.nii.gz")
    centroids.write(centroids.from_world(CENTERS_MM, ct), options.truth / "a_ctd.json")
    volume.write(label_map, options.from_truth / "a_seg.nii.gz")  # and no centroids: that failed
    train._show_folds(options)
    shown = capsys.readouterr().out
    assert re.search(r"ID .* 0 of 3 \(0.00 %\)", shown)
    assert re.search(r"Dice .* 1.0000 ± 0.0000", shown)
