"""Images turned, cut, smoothed and read at other places."""

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry
from versectl.geometry import Frame


@pytest.mark.parametrize("letters", ["LPS", "RAS", "PIR", "SAL"])
@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR, 23.0)])
def test_an_image_is_turned_as_itk_turns_it(direction, letters):
    voxels = np.random.default_rng(1).integers(-1000, 1000, (4, 5, 7)).astype(np.int16)
    matrix_mm = np.array(direction).reshape(3, 3) * [0.7, 0.9, 3.0]
    frame = Frame.from_matrix((7, 5, 4), matrix_mm, [-11.0, 7.0, 300.0])
    image = frame.place(sitk.GetImageFromArray(voxels))
    ours, itks = geometry.turned(image, letters), sitk.DICOMOrient(image, letters)
    assert np.array_equal(geometry.to_array(ours), geometry.to_array(itks))
    assert geometry.axis_letters(ours) == tuple(letters)
    for of in ("GetOrigin", "GetSpacing", "GetDirection", "GetPixelID"):
        assert getattr(ours, of)() == pytest.approx(getattr(itks, of)(), abs=1e-9)


def test_a_resampled_value_stays_at_its_place_in_the_world(scan):
    grid = geometry.Grid.centered(geometry.center(scan), (20, 24, 28), (2.0, 1.5, 2.5))
    there = geometry.to_array(geometry.resample(scan, grid))
    assert there.shape == grid.shape
    at_mm = grid.to_mm(np.array([10, 12, 14]))
    before = geometry.to_vox(scan, at_mm)
    assert there[14, 12, 10] == pytest.approx(
        sitk.GetArrayFromImage(scan)[tuple(np.rint(before[::-1]).astype(int))], abs=1100
    )


def test_resampling_to_the_own_grid_changes_nothing():
    scan, _ = draw((2.0, 1.5, 2.5))
    grid = geometry.Grid(scan.GetSize(), scan.GetSpacing(), scan.GetOrigin())
    there = geometry.to_array(geometry.resample(scan, grid)).astype(int)
    assert there == pytest.approx(geometry.to_array(scan).astype(int), abs=1)  # ITK truncates


def test_beyond_the_scan_there_is_air():
    scan, _ = draw()
    beyond_mm = geometry.extent(scan)[1] + 50
    grid = geometry.Grid.centered(beyond_mm, (3, 4, 5), (1.0, 1.0, 1.0))
    assert np.all(geometry.to_array(geometry.resample(scan, grid)) == geometry.AIR_HU)


def test_a_crop_covers_its_box_and_stays_in_the_world(scan):
    middle_mm = geometry.center(scan)
    low_mm, high_mm = middle_mm - np.array([9, 8, 7]), middle_mm + np.array([5, 6, 4])
    part = geometry.crop(scan, low_mm, high_mm)
    found_low_mm, found_high_mm = geometry.extent(part)
    assert np.all(found_low_mm <= low_mm)
    assert np.all(found_high_mm >= high_mm)
    start = np.rint(geometry.to_vox(scan, np.array(part.GetOrigin()))).astype(int).tolist()
    assert part[0, 0, 0] == scan[start]


def test_a_crop_beyond_the_scan_is_never_empty(scan):
    far_mm = geometry.extent(scan)[1] + 500
    assert min(geometry.crop(scan, far_mm, far_mm + 10).GetSize()) >= 1


def test_smoothing_is_in_millimetres_along_every_axis():
    image = sitk.Image((41, 31, 21), sitk.sitkInt16)
    image.SetSpacing((0.5, 1.0, 2.0))
    image[20, 15, 10] = 10_000
    smooth = geometry.to_array(geometry.smooth(image, 3.0))
    falls = [smooth[10, 15, 26], smooth[10, 18, 20], (smooth[11, 15, 20] + smooth[12, 15, 20]) / 2]
    assert falls[0] == pytest.approx(falls[1], rel=0.05)
    assert falls[2] == pytest.approx(falls[1], rel=0.15)


def test_smoothing_leaves_an_axis_of_three_voxels_alone():
    image = sitk.Image((3, 31, 21), sitk.sitkInt16)
    image[1, 15, 10] = 1000
    smooth = geometry.to_array(geometry.smooth(image, 2.0))
    assert smooth[10, 15, 0] == 0
    assert 0 < smooth[10, 15, 1] < 1000
