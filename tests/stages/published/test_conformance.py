"""Ours against the released models' own figures, where these are at hand."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import reference
import SimpleITK as sitk

from versectl import config, geometry
from versectl.geometry import Grid
from versectl.networks import checkpoints, weights
from versectl.stages.published import labelling as published_labelling
from versectl.stages.published import spine
from versectl.stages.published.center_on import center_on
from versectl.stages.published.labelling import Peak
from versectl.stages.published.upright import Upright

FACTS = Path(__file__).parents[4] / "shared" / "facts"
CONFORMANCE = FACTS / "conformance"

pytestmark = pytest.mark.skipif(
    not CONFORMANCE.is_dir(), reason="needs the figures in ../shared/facts/conformance"
)

STAGES = {
    "spine": "spine_localization",
    "vertebrae": "vertebrae_localization",
    "segmentation": "vertebrae_segmentation",
}


@pytest.fixture(scope="module")
def random_checkpoints(tmp_path_factory):
    folder = tmp_path_factory.mktemp("random")
    script = CONFORMANCE / "make_random_checkpoint.py"
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def imported(random_checkpoints, tmp_path_factory):
    out = tmp_path_factory.mktemp("imported")
    found = checkpoints.import_folder(random_checkpoints, out)
    assert found == dict.fromkeys(STAGES, "VerSe 2019")
    return out


def test_the_spine_network_answers_as_the_released_one(imported):
    golden = np.load(CONFORMANCE / "golden_spine_localization.npz")
    answered = np.asarray(weights.load_network(imported, "spine")(golden["input_zyxc"]))
    assert answered == pytest.approx(golden["output"], abs=1e-4)


@pytest.mark.parametrize("stage", ["vertebrae", "segmentation"])
def test_the_other_networks_answer_as_the_reference_does_with_the_same_checkpoint(
    random_checkpoints, imported, stage
):
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(random_checkpoints / STAGES[stage] / "model"))
    network = reference.scnet_2019 if stage == "vertebrae" else reference.unet_2019
    seen = np.random.default_rng(5).normal(0, 0.4, (16, 32, 48, 2)).astype(np.float32)
    seen = seen if stage == "segmentation" else seen[..., :1]
    wanted = network(seen, lambda name, *_shape: reader.get_tensor(name))
    answered = np.asarray(weights.load_network(imported, stage)(seen[None]))
    assert answered[0] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("year", [2019, 2020])
@pytest.mark.parametrize("stage", STAGES)
def test_the_released_checkpoints_variables_are_those_expected(year, stage):
    path = FACTS / "checkpoints" / f"verse{year}_{STAGES[stage]}_variables.csv"
    with path.open() as file:
        rows = [row for row in csv.DictReader(file) if row["used_by_inference"] == "1"]
    listed = {row["name"]: tuple(map(int, row["shape"].split("x"))) for row in rows}
    release = checkpoints.RELEASES[year - 2019]
    assert checkpoints.expected(release, stage) == listed
    with path.open() as file:
        besides = {row["name"] for row in csv.DictReader(file)} - listed.keys()
    assert all(checkpoints.BESIDES.fullmatch(name) for name in besides)


@pytest.fixture(scope="module")
def scan():
    stored = np.load(CONFORMANCE / "preprocessing_spine.npz")
    ct = sitk.GetImageFromArray(stored["ct_zyx_int16"])
    ct.SetSpacing(stored["spacing_xyz"].tolist())
    return ct, stored


def test_a_scan_is_framed_smoothed_and_scaled_as_for_the_released_spine_network(scan):
    ct, stored = scan
    grid = spine.frame(ct, config.RELEASED["spine"])
    assert grid.origin_mm == pytest.approx(stored["spine_origin_mm"], abs=1e-4)
    seen = spine.box(ct, grid, config.RELEASED["spine"])
    assert seen == pytest.approx(stored["spine_input"], abs=1e-3)


def test_the_spines_centre_is_that_of_the_released_inference(scan):
    ct, stored = scan
    grid = spine.frame(ct, config.RELEASED["spine"])
    found_mm = center_on(stored["spine_heatmap_in"][..., 0], grid, Grid.of(ct))
    assert found_mm == pytest.approx(stored["spine_com_xyz_mm"], abs=1e-2)


def test_the_vertebrae_chosen_are_those_of_the_released_inference():
    cases = json.loads((CONFORMANCE / "sequence_2019.json").read_text())
    assert len(cases) == 30
    for case in cases:
        peaks = [[Peak(v, np.array(p)) for v, *p in found] for found in case["candidates"]]
        chosen = published_labelling.best(peaks, case["z_size_voxels"] * case["spacing_mm"])
        listed = {i: peak for i, peak in enumerate(case["result"]) if peak is not None}
        assert {i: [p.value, *p.point_mm] for i, p in chosen.items()} == listed


def test_the_world_is_kept_beside_the_upright_frame(scan):
    """The stored scan, turned and moved in the world, gives the same frame."""
    ct, _ = scan
    turned = sitk.DICOMOrient(ct, "PIR")
    turned.SetOrigin((1.0, 2.0, 3.0))
    upright = Upright.of(turned)
    assert np.array_equal(geometry.to_array(upright.image), geometry.to_array(ct))
    # The first voxel of the frame is the scan's right, anterior and inferior corner.
    _, inferior, right = turned.GetSize()
    corner_mm = geometry.to_mm(turned, np.array([0, inferior - 1, right - 1]))
    assert upright.to_world(np.zeros(3)) == pytest.approx(corner_mm, abs=1e-3)
    assert upright.from_world(geometry.center(turned)) == pytest.approx(
        geometry.center(upright.image), abs=1e-3
    )
