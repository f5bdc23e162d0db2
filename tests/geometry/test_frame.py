"""Where voxels lie in the world, at right angles or not."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry
from versectl.geometry import Frame

SPACING_MM = np.array([0.7, 0.9, 3.0])


def frame(direction=LPS, shear=0.0):
    """A lopsided frame; shear is the tangent of its gantry's tilt."""
    matrix_mm = np.array(direction).reshape(3, 3) * SPACING_MM
    matrix_mm[:, 2] += shear * SPACING_MM[2] * matrix_mm[:, 1] / SPACING_MM[1]
    return Frame.from_matrix((40, 50, 20), matrix_mm, np.array([-11.0, 7.0, 300.0]))


def test_voxels_and_world_agree_with_itk(scan):
    at_vox = [2.25, 7.5, 3.0]
    at_mm = scan.TransformContinuousIndexToPhysicalPoint(at_vox)
    assert geometry.to_mm(scan, np.array(at_vox)) == pytest.approx(at_mm)
    assert geometry.to_vox(scan, np.array(at_mm)) == pytest.approx(at_vox)


def test_many_points_at_once_keep_their_shape(scan):
    points_mm = np.arange(24.0).reshape(2, 4, 3)
    back = geometry.to_mm(scan, geometry.to_vox(scan, points_mm))
    assert back == pytest.approx(points_mm)


def test_the_extent_is_that_of_the_eight_corners(scan):
    low_mm, high_mm = geometry.extent(scan)
    x, y, z = (n - 1 for n in scan.GetSize())
    corners = [(0, 0, 0), (x, 0, 0), (0, y, z), (x, y, z), (0, 0, z), (x, 0, z)]
    for corner in corners:
        at_mm = np.array(scan.TransformIndexToPhysicalPoint(corner))
        assert np.all(at_mm >= low_mm - 1e-6)
        assert np.all(at_mm <= high_mm + 1e-6)


def test_a_scan_holds_its_voxels_to_their_borders_and_not_all_of_its_extent(scan):
    x, y, z = scan.GetSize()
    inside = [(0, 0, 0), (x - 1, y - 1, z - 1), (-0.49, y / 2, z - 0.51)]
    outside = [(-0.51, y / 2, z / 2), (x / 2, y - 0.49, z / 2), (x / 2, y / 2, z + 3)]
    assert all(geometry.contains(scan, geometry.to_mm(scan, at_vox)) for at_vox in inside)
    assert not any(geometry.contains(scan, geometry.to_mm(scan, at_vox)) for at_vox in outside)


def test_a_point_on_the_outer_border_belongs_to_the_scan(scan):
    x, y, z = scan.GetSize()
    for at_vox in ([-0.5, 3, 4], [x - 0.5, 3, 4], [1, y - 0.5, -0.5], [2, -0.5, z - 0.5]):
        assert geometry.contains(scan, geometry.to_mm(scan, at_vox))
    assert not geometry.contains(scan, [np.nan, 0.0, 0.0])


def test_grids_that_differ_are_told_apart(scan):
    other = sitk.Image(scan)
    assert geometry.same_grid(scan, other)
    other.SetOrigin(np.add(scan.GetOrigin(), (0.0, 1.0, 0.0)).tolist())
    assert not geometry.same_grid(scan, other)
    assert not geometry.same_grid(scan, scan[1:, :, :])


def test_axis_letters_say_where_the_axes_point():
    assert geometry.axis_letters(draw(direction=PIR)[0]) == ("P", "I", "R")
    assert geometry.axis_letters(draw(direction=oblique(PIR))[0]) == ("P", "I", "R")
    assert geometry.axis_letters(draw(direction=LPS)[0]) == ("L", "P", "S")


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


def test_axes_in_one_plane_span_no_volume_and_thin_ones_do():
    matrix_mm = frame().matrix_mm.copy()
    matrix_mm[:, 2] = matrix_mm[:, 0] + matrix_mm[:, 1]
    assert Frame.from_matrix((4, 5, 6), matrix_mm, np.zeros(3)).is_flat()
    assert Frame.from_matrix((4, 5, 6), np.diag([1.0, 0.0, 1.0]), np.zeros(3)).is_flat()
    assert not Frame.from_matrix((4, 5, 6), np.diag([0.01, 0.02, 9.0]), np.zeros(3)).is_flat()
    assert not frame(shear=1.5).is_flat()


def test_axes_that_lead_a_voxel_aside_are_oblique():
    ct, _ = draw(direction=oblique(LPS, 1e-5))
    assert geometry.axes_along_world(ct) is not None
    ct, _ = draw(direction=oblique(LPS, 0.1))
    assert geometry.axes_along_world(ct) is None
