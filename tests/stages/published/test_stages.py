"""The three stages as published: what was drawn is read back, in any axis order."""

from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from phantoms import CENTERS_MM, LPS, PIR, dice, draw, oblique, pointed_at
from scipy import ndimage

from versectl import config, geometry
from versectl.cli import main as cli
from versectl.geometry import Grid
from versectl.io import volume
from versectl.networks import architectures, weights
from versectl.stages import heatmap, tiling
from versectl.stages import spine as default_spine
from versectl.stages.published import segmentation, spine, vertebrae
from versectl.stages.published.center_on import center_on
from versectl.stages.published.maxima import maxima
from versectl.stages.published.upright import Upright, whole_numbers
from versectl.types import Model

RELEASED = config.RELEASED
ORIENTATIONS = pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR)], ids=str)


def seen_in(upright):
    """The blocks' centres in the upright frame."""
    return {label: upright.from_world(point) for label, point in CENTERS_MM.items()}


@ORIENTATIONS
@pytest.mark.parametrize("preset", ["paper", "released"])
def test_the_spines_target_read_back_is_its_middle(direction, preset):
    ct = sitk.Image([80, 90, 110], sitk.sitkInt16)
    ct.SetSpacing((5.0, 5.5, 6.0))
    ct.SetDirection(direction)
    ct.SetOrigin((CENTERS_MM[20] - geometry.center(ct) + [9.0, 30.0, -21.0]).tolist())
    upright = Upright.of(ct)
    stage = config.PRESETS[preset]["spine"]
    grid = spine.frame(upright.image, stage)
    answer = spine.target(seen_in(upright), grid, stage)
    found = spine.predict(ct, Model(stage, lambda _: answer))
    wanted_mm = np.mean(list(CENTERS_MM.values()), axis=0)
    # Cutting Gaussians off at whole voxels moves them by half a voxel of 8 mm, as released.
    assert found.center_mm == pytest.approx(wanted_mm, abs=0.5 if preset == "paper" else 4.5)
    assert found.peak == pytest.approx(answer.max())


@pytest.mark.parametrize("preset", ["paper", "released"])
def test_where_the_network_answers_nowhere_no_spine_is_in_view(ct, preset):
    stage = config.PRESETS[preset]["spine"]
    found = spine.predict(ct, Model(stage, lambda seen: np.zeros_like(seen)))
    assert not found.is_in_view


@ORIENTATIONS
def test_the_vertebraes_target_read_back_is_every_vertebra_to_half_a_millimetre(direction):
    ct, _ = draw(direction=direction)
    upright = Upright.of(ct)
    stage = RELEASED["vertebrae"]
    scan = Grid.of(upright.image)
    grid = vertebrae.frame(upright.from_world(CENTERS_MM[20]), scan, stage)
    assert grid.origin_mm[2] == 0
    length = grid.size_vox[2]
    front = -((128 - length) // -2)

    def always_right(seen):
        assert seen.shape == (128, 96, 96, 1)
        assert np.all(seen[:front] == -1)
        assert np.all(seen[front + length :] == -1)
        assert seen[front : front + length].min() > -0.6
        answer = np.full((*seen.shape[:3], 25), -0.1, np.float32)
        answer[front : front + length] = vertebrae.target(seen_in(upright), grid, stage)
        return answer

    found = vertebrae.predict(ct, CENTERS_MM[20], Model(stage, always_right))
    assert list(found) == list(CENTERS_MM)
    for label, point_mm in CENTERS_MM.items():
        assert found[label].center_mm == pytest.approx(point_mm, abs=0.5)
        assert found[label].peak > 0.9


@ORIENTATIONS
def test_a_threshold_as_network_segments_every_block(direction):
    ct, label_map = draw(direction=direction)
    found = segmentation.predict(ct, CENTERS_MM, Model(RELEASED["segmentation"], pointed_at))
    assert geometry.same_grid(found, ct)
    assert found.GetOrigin() == ct.GetOrigin()
    for label in CENTERS_MM:
        assert dice(found, label_map, label) > 0.9


@pytest.mark.parametrize(
    ("size", "step", "starts"),
    [
        (151, 64, [0, 23]),
        (151, 96, [0, 23]),
        (200, 64, [0, 64, 72]),
        (200, 96, [0, 72]),
        (300, 64, [0, 64, 128, 172]),
        (300, 96, [0, 96, 172]),
    ],
)
def test_tiles_begin_where_the_released_inference_has_them(size, step, starts):
    assert tiling.starts(size, 128, step) == starts


@pytest.mark.parametrize(("length", "front"), [(101, 14), (127, 1), (128, 0)])
def test_a_short_box_is_padded_in_front_and_behind_and_cut_off_again(length, front):
    seen = np.random.default_rng(0).random((length, 8, 8, 1)).astype(np.float32) + 1
    looked_at = []

    def same(tile):
        looked_at.append(tile)
        return np.repeat(tile, 25, axis=-1)

    merged = vertebrae.respond(seen, Model(RELEASED["vertebrae"], same))
    assert np.array_equal(merged, np.repeat(seen, 25, axis=-1))
    assert np.flatnonzero(looked_at[0][:, 0, 0, 0] > 0)[0] == front


def test_negative_responses_are_merged_to_zero_and_overlaps_to_the_larger():
    seen = np.zeros((151, 8, 8, 1), np.float32)
    answers = iter([-1.0, 3.0])
    merged = vertebrae.respond(
        seen,
        Model(RELEASED["vertebrae"], lambda tile: np.full((*tile.shape[:3], 25), next(answers))),
    )
    assert merged[:23].max() == 0
    assert merged[23:].min() == 3


def bumps(*values_places):
    grid = Grid((40, 30, 50), (2.0, 2.0, 2.0), (0.0, 0.0, 0.0))
    return sum(v * heatmap.gaussian(np.array(p) * 2.0, 4.0, grid) for v, p in values_places)


def test_maxima_are_found_one_after_the_other_with_a_ball_blanked_round_each():
    heat = bumps((0.9, (10.3, 8.0, 12.0)), (0.5, (30.0, 20.0, 40.0)), (0.07, (10.0, 22.0, 40.0)))
    found = maxima(heat, 0.25, 0.1, 7.0)
    assert [round(value, 1) for value, _ in found] == [0.9, 0.5]  # 0.07 is under a tenth
    assert found[0][1][::-1] == pytest.approx([10.3, 8.0, 12.0], abs=0.05)


def test_a_faint_maximum_is_the_only_one_and_all_zero_gives_the_first_voxel():
    heat = bumps((0.2, (10.0, 8.0, 12.0)), (0.15, (30.0, 20.0, 40.0)))
    assert len(maxima(heat, 0.25, 0.1, 7.0)) == 1
    ((value, place),) = maxima(np.zeros((4, 5, 6)), 0.25, 0.1, 7.0)
    assert (value, place.tolist()) == (0.0, [0, 0, 0])


def test_the_blanked_ball_has_a_radius_of_7_round_the_place_between_voxels():
    heat = np.zeros((30, 30, 30), np.float32)
    heat[15, 15, 14:17] = 0.8, 1.0, 0.9  # top at 15.17
    for x, blanked in ((8, False), (22, True), (9, True), (23, False)):
        heat[15, 15, x] = 0.5
        found = [place.round().tolist() for _, place in maxima(heat, 0.25, 0.1, 7.0)]
        assert ([15, 15, x] not in found) == blanked, x
        heat[15, 15, x] = 0


def test_the_centre_of_mass_on_the_scans_grid_is_that_of_the_resampled_heatmap():
    rng = np.random.default_rng(0)
    grid = Grid((9, 8, 12), (8.0, 8.0, 8.0), (-20.0, -11.0, 5.0))
    scan = Grid((31, 37, 26), (1.7, 1.3, 3.1), (0.0, 0.0, 0.0))
    heat = rng.normal(0.5, 0.4, grid.shape).astype(np.float32)
    on_scan = geometry.resample(geometry.from_array(heat, grid), scan, sitk.sitkLinear, 0.0)
    wanted_vox = ndimage.center_of_mass(geometry.to_array(on_scan).astype(float))[::-1]
    assert center_on(heat, grid, scan) == pytest.approx(scan.to_mm(wanted_vox), abs=1e-4)


def test_a_truncated_gaussian_fills_a_box_of_whole_voxels():
    grid = Grid((40, 40, 40), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    drawn = heatmap.gaussian(np.array([20.0, 5.0, 19.5]), 3.0, grid, 2.5)
    rows = [np.flatnonzero(drawn.max(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    assert [(row[0], row[-1]) for row in rows] == [(12, 26), (0, 11), (12, 26)]
    whole = heatmap.gaussian(np.array([20.0, 5.0, 19.5]), 3.0, grid)
    assert drawn[19, 5, 20] == whole[19, 5, 20]


def test_pieces_that_touch_at_a_corner_only_are_two():
    stage = RELEASED["segmentation"]
    ct, _ = draw()
    logits = np.full((96, 128, 128, 1), -9.0)
    logits[10:20, 10:20, 10:20] = 9
    logits[20, 20, 20] = 9  # at a corner
    logits[20, 20:22, 12:14] = 9  # at an edge
    grid = segmentation.frame(CENTERS_MM[20], stage)
    found = segmentation.one(ct, CENTERS_MM[20], grid, Model(stage, lambda _: logits))
    corner, edge = (
        tuple(np.rint(found.grid.to_vox(grid.to_mm(vox))[::-1]).astype(int))
        for vox in ((20, 20, 20), (13, 21, 20))
    )
    assert found.response[corner] == 0
    assert found.response[edge] > 0.9


def test_equal_responses_as_float16_go_to_the_lower_label():
    ct, _ = draw()
    answers = iter([1.0, 1.0 + 1e-5, 1.5])

    def flat(seen):
        return np.full((*seen.shape[:3], 1), next(answers))

    near = {21: CENTERS_MM[20], 19: CENTERS_MM[20], 20: CENTERS_MM[20]}
    found = segmentation.predict(ct, near, Model(RELEASED["segmentation"], flat))
    assert set(np.unique(geometry.to_array(found))) <= {0, 21}
    answers = iter([1.5, 1.5 + 1e-5, 1.0])
    found = segmentation.predict(ct, near, Model(RELEASED["segmentation"], flat))
    assert set(np.unique(geometry.to_array(found))) <= {0, 19}


def test_fractions_of_a_float_ct_are_cut_off():
    image = sitk.GetImageFromArray(np.array([[[-0.9, 1.9], [-70000.0, 70000.0]]] * 2, np.float32))
    whole = geometry.to_array(whole_numbers(image))
    assert whole[0].tolist() == [[0, 1], [-32768, 32767]]
    assert whole.dtype == np.int16


def test_a_longer_scan_is_cut_by_the_published_spine_box():
    tall = sitk.Image([4, 4, 500], sitk.sitkInt16)
    tall.SetSpacing((90.0, 90.0, 3.3))
    assert spine.frame(tall, RELEASED["spine"]).size_vox == (64, 64, 128)
    assert default_spine.frame(tall, RELEASED["spine"]).size_vox[2] > 128


def test_run_all_goes_the_published_way_with_such_weights(ct_file, out, tmp_path):
    """Untrained networks find nothing: as released, all 25 vertebrae are returned all the same."""
    small = {
        "spine": {"size_vox": (32, 32, 32)},
        "vertebrae": {"size_vox": (32, 32, 64)},
        "segmentation": {"size_vox": (32, 48, 32)},
    }
    for stage, released in RELEASED.items():
        net = replace(released.network, filters=(2,) * len(released.network.filters))
        net = replace(net, spatial_filters=2 if net.spatial_filters else 0)
        weights.save(
            architectures.build(net), replace(released, network=net, **small[stage]), tmp_path / "w"
        )
    words = ["run-all", ct_file, out, "--weights", tmp_path / "w", "--precision", "float32"]
    done = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    assert "C1 to L6, 25 vertebrae" in done.stdout
    label_map = volume.read_labels(out / "lumbar_seg.nii.gz")
    assert geometry.same_grid(label_map, volume.read_ct(ct_file).image)


def test_a_blurred_target_loses_single_voxels_and_keeps_flat_faces():
    stage = RELEASED["segmentation"]
    grid = segmentation.frame(CENTERS_MM[20], stage)
    array = np.zeros(grid.shape, np.uint8)
    array[20:60, 20:60, 20:60] = 20
    array[20:60, 20:60, 60:90] = 21
    array[5, 5, 5] = 20
    label_map = geometry.from_array(array, grid)
    sharp, blurred = (
        segmentation.target(label_map, 20, grid, replace(stage, blur_vox=blur))
        for blur in (0.0, 1.0)
    )
    assert sharp[5, 5, 5, 0] == 1
    assert blurred[5, 5, 5, 0] == 0
    assert blurred[40, 40, 20:60, 0].min() == 1
    assert blurred[40, 40, 60:, 0].max() == 0
    assert blurred.sum() == pytest.approx(sharp.sum(), rel=0.05)
