"""Cross-validation with toy networks: three folds, a case of each of VerSe's layouts in each."""

import gc
import json
import re
import shutil
import weakref

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from phantoms import CENTERS_MM, PIR, draw

from versectl import geometry
from versectl.cli import main as cli
from versectl.cli.commands import train
from versectl.config import CrossValidationOptions
from versectl.errors import BadInputError
from versectl.io import atomic, centroids, challenge_centroids, volume
from versectl.io.layout import Case
from versectl.networks import architectures, weights
from versectl.training import cross_validation, loop

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


@pytest.fixture
def untrained(monkeypatch):
    """Networks as they are before training; whether each training went on from a checkpoint."""
    resumed = []

    def save(stage_config, _source, here, _report):
        resumed.append(here.resume)
        if not here.resume:
            network = architectures.build(stage_config.network)
            weights.save(network, stage_config, here.out)
            loop.checkpoint_of(here.out, stage_config.stage).touch()

    monkeypatch.setattr(loop, "train", save)
    return resumed


def test_an_interrupted_run_goes_on_where_it_was_and_prints_both_tables(
    data, tmp_path, monkeypatch, untrained
):
    out = tmp_path / "cv"
    test, tested = cross_validation.test, []

    def interrupted(case, *given):
        if len(tested) == 3:  # in the second fold
            raise KeyboardInterrupt
        tested.append(case.name)
        test(case, *given)

    monkeypatch.setattr(cross_validation, "test", interrupted)
    assert command(data, out).exit_code == 130
    kept = times(out)
    assert not (out / "fold2").exists()
    assert len(list((out / "end_to_end").glob("*_report.json"))) == 3

    monkeypatch.setattr(cross_validation, "test", test)
    finished = command(data, out)
    assert finished.exit_code == 0, finished.output
    assert [path for path, at in kept.items() if path.stat().st_mtime_ns != at] == []
    assert untrained == 6 * [False] + 6 * [True] + 3 * [False]
    assert len(list((out / "end_to_end").glob("*_report.json"))) == 6
    assert "spine: 6 of 6 found" in finished.stdout
    tables = finished.stdout.split("pooled over vertebrae, beside Table 1")[1:]
    for table in tables:
        assert re.search(r"paper .* 774 of 862", table)
        assert re.search(r"ID .* of 18 ", table)
    for name in ("from_truth.csv", "end_to_end.csv"):
        assert len((out / name).read_text().splitlines()) == 1 + 6 * 3


def test_a_fold_can_be_done_alone_is_trained_on_the_others_and_kept(data, tmp_path, monkeypatch):
    trained = []
    train = cross_validation.Fold.train

    def noted(fold, stage, cases, report):
        trained.append([case.name for case in cases])
        train(fold, stage, cases, report)

    monkeypatch.setattr(cross_validation.Fold, "train", noted)
    finished = command(data, tmp_path, "--fold", "1")
    assert finished.exit_code == 0, finished.output
    assert trained == [["verse000", "verse001_CT-iso", "verse004_CT-iso", "sub-verse005"]] * 3
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("fold")) == ["fold1"]
    found = sorted(p.name for p in (tmp_path / "truth").glob("*_ctd.json"))
    assert found == ["sub-verse002_ctd.json", "verse003_ctd.json"]
    before = {path: at for path, at in times(tmp_path).items() if path.suffix != ".csv"}
    assert command(data, tmp_path, "--fold", "1").exit_code == 0
    assert {path: times(tmp_path).get(path) for path in before} == before
    assert command(data, tmp_path, "--fold", "3").exit_code == 3


def test_a_corrected_mask_is_trained_on_and_tested_with_and_nothing_else_done_again(
    data, tmp_path, monkeypatch, untrained
):
    copy, out = tmp_path / "data", tmp_path / "cv"
    shutil.copytree(data, copy)

    monkeypatch.setattr(cross_validation, "test", lambda *_: None)

    def run():
        """Which trainings went on, which results are new, and what was said."""
        before = times(out)
        untrained.clear()
        said = command(copy, out, "--fold", "0").stdout
        new = {path for path, at in times(out).items() if before.get(path) != at}
        return list(untrained), {path.name for path in new if path.suffix == ".gz"}, said

    tested, learned = (copy / LAYOUTS["verse19"][1].format(f"verse00{i}") for i in (0, 3))
    assert run()[0] == 3 * [False]
    assert run()[:2] == (3 * [True], set())
    correct(tested)
    assert run()[:2] == (3 * [True], {"verse000_seg.nii.gz"})
    truth = volume.read_labels(out / "truth" / "verse000_seg.nii.gz")
    assert set(np.unique(geometry.to_array(truth))) == {0, 19, 21, 28}
    correct(learned)
    resumed, _, said = run()
    assert resumed == 3 * [False]
    assert "fold 0, spine: other data or settings; starting again" in said


def test_a_fold_whose_checkpoint_is_gone_is_trained_again_and_no_other_weights_are_touched(
    data, tmp_path, monkeypatch, untrained
):
    monkeypatch.setattr(cross_validation, "test", lambda *_: None)
    command(data, tmp_path, "--fold", "0")
    checkpoint = loop.checkpoint_of(tmp_path / "fold0", "spine")
    checkpoint.unlink()
    untrained.clear()
    command(data, tmp_path, "--fold", "0")
    assert untrained == [False, True, True]
    assert checkpoint.is_file()


def test_a_scan_in_which_no_spine_is_found_counts_as_not_found(tmp_path):
    options = CrossValidationOptions(tmp_path, tmp_path, tmp_path, None, "tiny", None, 1, 0)
    for name, found_mm in (("a", [3.0, 4.0, 9.0]), ("b", None)):
        atomic.write_json({"center_mm": [0.0, 0.0, 0.0]}, options.truth / f"{name}_spine.json")
        atomic.write_json({"center_mm": found_mm}, options.end_to_end / f"{name}_spine.json")
    errors_mm = cross_validation.spine_errors_mm(options)
    assert errors_mm == {"a": 5.0}
    assert "1 of 2 found" in cross_validation.spine_line(errors_mm, 2)


def correct(mask):
    """What is L1 is T13, in a file of the same name."""
    volume.write(sitk.ChangeLabel(volume.read_labels(mask), {20: 28}), mask)


def test_the_networks_of_a_fold_are_freed_with_it(data, tmp_path, monkeypatch, untrained):
    held = []

    def noted(_case, _options, models, prefix):
        gc.collect()
        assert [fold for fold, answer in held if answer() is not None and fold != prefix] == []
        held.append((prefix, weakref.ref(models.model("spine").answer)))

    monkeypatch.setattr(cross_validation, "test", noted)
    command(data, tmp_path)
    assert [fold for fold, _ in held] == ["fold 0, "] * 2 + ["fold 1, "] * 2 + ["fold 2, "] * 2


def times(out):
    """When each file was last written."""
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ('{"a": 1}', "is not a list of folds"),
        ("[1, 2]", "is not a list of folds"),
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
