"""Frames that are not at right angles, and counts of labels."""

import itertools
import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry
from versectl.geometry import Frame, Grid

SPACING_MM = np.array([0.7, 0.9, 3.0])


def frame(direction=LPS, shear=0.0):
    """A lopsided frame; shear is the tangent of its gantry's tilt."""
    matrix_mm = np.array(direction).reshape(3, 3) * SPACING_MM
    matrix_mm[:, 2] += shear * SPACING_MM[2] * matrix_mm[:, 1] / SPACING_MM[1]
    return Frame.from_matrix((40, 50, 20), matrix_mm, np.array([-11.0, 7.0, 300.0]))


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR, 23.0)])
def test_a_rounded_frame_is_squared_to_less_than_its_rounding(direction):
    rounded = np.round(np.array(direction).reshape(3, 3), 4) * SPACING_MM
    crooked = Frame.from_matrix((40, 50, 20), rounded, np.array([-11.0, 7.0, 300.0]))
    square = crooked.squared()
    axes = square.direction
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-12)
    assert crooked.distance_mm(square) < 0.01
    assert geometry.axis_letters(square) == geometry.axis_letters(frame(direction))


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR, 23.0)])
@pytest.mark.parametrize("shear", [-0.3, 0.27])
def test_a_tilted_frame_is_covered_slice_by_slice(direction, shear):
    tilted = frame(direction, shear)
    straight = tilted.straightened()
    axes = straight.direction
    assert axes.T @ axes == pytest.approx(np.eye(3), abs=1e-12)
    assert straight.spacing_mm == pytest.approx(SPACING_MM)
    assert straight.size_vox[2] == tilted.size_vox[2]
    corners_vox = geometry.to_vox(straight, tilted.corners_mm)
    assert corners_vox.min() > -1e-6
    assert np.all(corners_vox.max(axis=0) <= np.array(straight.size_vox) - 1 + 1e-2)
    slices = geometry.to_vox(straight, geometry.to_mm(tilted, [[3, 4, k] for k in range(20)]))[:, 2]
    assert slices == pytest.approx(np.arange(20), abs=1e-6)


@pytest.mark.parametrize("letters", ["LPS", "RAS", "PIR", "SAL"])
@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR, 23.0)])
def test_an_image_is_turned_as_itk_turns_it(direction, letters):
    voxels = np.random.default_rng(1).integers(-1000, 1000, (4, 5, 7)).astype(np.int16)
    image = frame(direction).place(sitk.GetImageFromArray(voxels))
    ours, itks = geometry.turned(image, letters), sitk.DICOMOrient(image, letters)
    assert np.array_equal(geometry.to_array(ours), geometry.to_array(itks))
    assert geometry.axis_letters(ours) == tuple(letters)
    for of in ("GetOrigin", "GetSpacing", "GetDirection", "GetPixelID"):
        assert getattr(ours, of)() == pytest.approx(getattr(itks, of)(), abs=1e-9)


def test_axes_in_one_plane_span_no_volume_and_thin_ones_do():
    matrix_mm = frame().matrix_mm.copy()
    matrix_mm[:, 2] = matrix_mm[:, 0] + matrix_mm[:, 1]
    assert Frame.from_matrix((4, 5, 6), matrix_mm, np.zeros(3)).is_flat()
    assert Frame.from_matrix((4, 5, 6), np.diag([1.0, 0.0, 1.0]), np.zeros(3)).is_flat()
    assert not Frame.from_matrix((4, 5, 6), np.diag([0.01, 0.02, 9.0]), np.zeros(3)).is_flat()
    assert not frame(shear=1.5).is_flat()


def test_labels_are_counted_as_bincount_counts_them():
    label_map = np.random.default_rng(2).integers(0, 30, (5, 6, 7)).astype(np.uint8)
    expected = np.bincount(label_map.ravel(), minlength=256)
    assert np.array_equal(geometry.label_counts(label_map), expected)


def test_centres_of_labels_are_exact_and_take_little_more_memory_than_the_mask():
    mask = np.full((40, 200, 220), 20, np.uint8)
    mask[:10, :, :100] = 200
    tracemalloc.start()
    centers = geometry.label_centers_vox(mask)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * mask.nbytes
    expected = {label: np.argwhere(mask == label)[:, ::-1].mean(axis=0) for label in (20, 200)}
    assert centers.keys() == expected.keys()
    for label, center in expected.items():
        np.testing.assert_allclose(centers[label], center)


def test_labels_are_counted_with_little_memory():
    label_map = np.random.default_rng(2).integers(0, 30, (60, 200, 200)).astype(np.uint8)
    tracemalloc.start()
    geometry.label_counts(label_map)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 0.3 * label_map.nbytes


@pytest.mark.parametrize("direction", [oblique(LPS), oblique(PIR)], ids=str)
def test_a_large_oblique_scan_is_smoothed_in_parts_and_gives_the_same_network_input(
    direction, monkeypatch
):
    ct, _ = draw(direction=direction)
    grid = Grid.centered(geometry.center(ct), (11, 13, 15), (8.0, 8.0, 8.0))
    whole = geometry.network_input(ct, grid, 3.0)
    smoothed = []
    smooth = geometry.smooth

    def noted(image, sigma_mm):
        smoothed.append(image.GetNumberOfPixels())
        return smooth(image, sigma_mm)

    monkeypatch.setattr(geometry, "smooth", noted)
    most = ct.GetNumberOfPixels() * 3 // 4
    monkeypatch.setattr(geometry, "MOST_FLOAT_VOX", most)
    parts = geometry.network_input(ct, grid, 3.0)
    assert len(smoothed) > 1
    assert max(smoothed) <= most
    assert parts == pytest.approx(whole, abs=2e-3)  # 4 HU


def filtered_by_itk(ct, grid, smoothing_mm):
    smooth = geometry.resample(geometry.smooth(ct, smoothing_mm), grid)
    return np.clip(geometry.to_array(smooth) / geometry.UNIT_HU, -1, 1)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
@pytest.mark.parametrize("ways", [(1, 1, 1), (-1, 1, -1), (1, -1, -1)], ids=str)
def test_axes_along_the_world_give_what_filters_of_the_whole_volume_give(order, ways):
    direction = np.zeros((3, 3))
    direction[list(order), range(3)] = ways
    ct, _ = draw(direction=tuple(direction.ravel().tolist()))
    assert geometry.axes_along_world(ct) is not None
    low_mm, high_mm = geometry.extent(ct)
    for spacing_mm, smoothing_mm in ((1.0, 0.75), (8.0, 3.0)):
        size_vox = np.array([30, 40, 50]) if spacing_mm == 1 else np.array([13, 14, 15])
        partly_outside_mm = low_mm + np.array([0.2, 0.5, 0.8]) * (high_mm - low_mm)
        grid = Grid.centered(partly_outside_mm, size_vox, (spacing_mm,) * 3)
        seen = geometry.network_input(ct, grid, smoothing_mm)
        assert seen == pytest.approx(filtered_by_itk(ct, grid, smoothing_mm), abs=1e-5)


def test_a_grid_beside_the_scan_shows_air():
    ct, _ = draw()
    grid = Grid.centered(geometry.center(ct) + [0, 900, 0], (4, 5, 6), (2.0, 2.0, 2.0))
    seen = geometry.network_input(ct, grid, 0.75)
    assert np.all(seen == geometry.AIR_HU / geometry.UNIT_HU)


def test_axes_that_lead_a_voxel_aside_are_oblique():
    ct, _ = draw(direction=oblique(LPS, 1e-5))
    assert geometry.axes_along_world(ct) is not None
    ct, _ = draw(direction=oblique(LPS, 0.1))
    assert geometry.axes_along_world(ct) is None


def test_no_more_of_a_scan_than_a_part_is_held_in_floats():
    hounsfield = np.zeros((300, 200, 210), np.int16)
    ct = geometry.from_array(hounsfield, Grid((210, 200, 300), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0)))
    grid = Grid.centered(geometry.center(ct), (32, 32, 48), (8.0, 8.0, 8.0))
    tracemalloc.start()
    geometry.network_input(ct, grid, 3.0)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 2 * hounsfield.nbytes  # floats of all of it, once: 2 times


def test_the_place_of_a_mask_is_told_with_a_margin_that_stays_in_the_array():
    mask = np.zeros((9, 8, 7), bool)
    mask[1:3, 4, 5] = mask[2, 4:7, 5] = True
    assert geometry.around(mask) == (slice(1, 3), slice(4, 7), slice(5, 6))
    assert geometry.around(mask, 2) == (slice(0, 5), slice(2, 8), slice(3, 7))
    assert geometry.around(np.zeros((2, 3, 4), np.uint8)) is None


@pytest.mark.parametrize(("connectivity", "size"), [(1, 3), (2, 4), (3, 7)])
def test_the_largest_piece_hangs_together_by_faces_edges_or_corners(connectivity, size):
    mask = np.zeros((6, 7, 8), np.uint8)
    mask[0, 0, :3] = 1
    mask[1, 1, 1] = 1  # an edge away
    mask[2, 2, 2:5] = 1  # a corner away from that, and as large as the first
    mask[5, 5, 5:7] = 1
    largest = geometry.largest_piece(mask, connectivity)
    assert largest.dtype == bool
    assert largest.sum() == size
    assert largest[0, 0, :3].all()  # the first of equals
    assert not largest[mask == 0].any()


def test_an_empty_mask_has_an_empty_largest_piece():
    assert not geometry.largest_piece(np.zeros((2, 3, 4), bool), 1).any()
