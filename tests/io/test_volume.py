"""Volumes: on disk, in the world, as arrays, whatever their axes, spacing and types."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk
from nibabel import Nifti1Image, load
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import volume

DIRECTIONS = {"as the world": LPS, "sagittal slices": PIR, "oblique": oblique(PIR, 23.0)}


@pytest.fixture(params=DIRECTIONS.values(), ids=DIRECTIONS)
def scan(request) -> sitk.Image:
    return draw((3.1, 1.9, 2.3), request.param)[0]


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


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd"])
def test_every_format_is_read_as_it_was_written(scan, ending, tmp_path):
    path = tmp_path / f"scan{ending}"
    sitk.WriteImage(scan, str(path), useCompression=True)
    found = volume.read_ct(path).image
    assert np.array_equal(geometry.to_array(found), geometry.to_array(scan))
    assert geometry.same_grid(found, scan)


@pytest.mark.parametrize("kind", [sitk.sitkInt32, sitk.sitkFloat32, sitk.sitkFloat64])
@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd"])
def test_other_types_become_float32(scan, kind, ending, tmp_path):
    path = tmp_path / f"scan{ending}"
    sitk.WriteImage(sitk.Cast(scan, kind), str(path))
    found = volume.read_ct(path).image
    assert found.GetPixelID() == sitk.sitkFloat32
    assert np.array_equal(geometry.to_array(found), geometry.to_array(scan))


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_a_scaled_nifti_is_read_with_its_slope_as_itk_reads_it(byte_order, tmp_path):
    stored = np.random.default_rng(3).integers(0, 2000, (19, 28, 17)).astype(f"{byte_order}i2")
    image = Nifti1Image(stored, np.diag([2.0, 1.0, 3.0, 1.0]))
    image.header.set_slope_inter(2.0, -1024.0)
    path = tmp_path / "scaled.nii.gz"
    image.to_filename(path)
    load(path)  # a NIfTI in nibabel's eyes, too
    found = geometry.to_array(volume.read_ct(path).image)
    assert np.array_equal(found, sitk.GetArrayFromImage(sitk.ReadImage(str(path))))
    assert found.min() < 0


@pytest.mark.parametrize("ending", [".nii.gz", ".nrrd", ".mha"])
def test_four_axes_with_one_frame_are_a_volume(scan, ending, tmp_path):
    path = tmp_path / f"frame{ending}"
    sitk.WriteImage(sitk.JoinSeries([scan]), str(path))
    found = volume.read_ct(path).image
    assert found.GetDimension() == 3
    assert np.array_equal(geometry.to_array(found), geometry.to_array(scan))
    if ending != ".nii.gz":  # ITK writes the place of a 4-D image's axes to NIfTI only in part
        assert found.GetSpacing() == pytest.approx(scan.GetSpacing())


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".nrrd", ".mha"])
def test_a_result_is_on_the_scans_exact_grid_even_for_itk(scan, ending, tmp_path):
    sitk.WriteImage(scan, str(tmp_path / f"scan{ending}"))
    ct = volume.read_ct(tmp_path / f"scan{ending}").image
    volume.write(sitk.Cast(ct > 500, sitk.sitkUInt8), tmp_path / "scan_seg.nii.gz")
    found = sitk.ReadImage(str(tmp_path / "scan_seg.nii.gz"))
    assert found.GetSize() == ct.GetSize()
    assert found.GetSpacing() == pytest.approx(ct.GetSpacing(), rel=1e-6)
    assert found.GetOrigin() == pytest.approx(ct.GetOrigin(), abs=1e-4)
    assert found.GetDirection() == pytest.approx(ct.GetDirection(), abs=1e-6)
    sitk.Mask(ct, found)  # refuses images that do not occupy the same space


def test_a_label_map_in_floats_is_read_as_whole_numbers(label_map, tmp_path):
    sitk.WriteImage(sitk.Cast(label_map, sitk.sitkFloat64), str(tmp_path / "map.nii.gz"))
    found = volume.read_labels(tmp_path / "map.nii.gz")
    assert found.GetPixelID() == sitk.sitkUInt8
    assert np.array_equal(geometry.to_array(found), geometry.to_array(label_map))


@pytest.mark.parametrize("value", [0.5, -1.0, 256.0])
def test_a_label_map_holds_whole_numbers_up_to_255(label_map, value, tmp_path):
    array = geometry.to_array(label_map).astype(np.float32)
    array[1, 2, 3] = value
    sitk.WriteImage(geometry.from_array(array, label_map), str(tmp_path / "map.nii.gz"))
    with pytest.raises(BadInputError, match=r"whole numbers in 0\.\.255"):
        volume.read_labels(tmp_path / "map.nii.gz")


def test_axis_letters_say_where_the_axes_point():
    assert geometry.axis_letters(draw(direction=PIR)[0]) == ("P", "I", "R")
    assert geometry.axis_letters(draw(direction=oblique(PIR))[0]) == ("P", "I", "R")
    assert geometry.axis_letters(draw(direction=LPS)[0]) == ("L", "P", "S")


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


def test_a_grid_round_a_centre_has_it_in_its_middle():
    grid = geometry.Grid.centered((1.0, 2.0, 3.0), (4, 5, 6), (0.5, 1.0, 2.0))
    assert grid.shape == (6, 5, 4)
    assert (np.array(grid.origin_mm) + grid.last_mm) / 2 == pytest.approx([1.0, 2.0, 3.0])
    assert grid.contains((1.0, 2.0, 3.0))
    assert not grid.contains((1.0, 2.0, 9.1))


def test_a_coarsened_grid_has_its_voxels_in_the_middle_of_those_it_merges():
    grid = geometry.Grid((97, 40, 128), (2.0, 1.5, 3.0), (-8.0, 3.0, 70.0))
    coarse = grid.coarsened(2)
    assert coarse.size_vox == (48, 20, 64)
    assert coarse.to_mm([0, 0, 0]) == pytest.approx(grid.to_mm([0.5, 0.5, 0.5]))
    assert coarse.to_mm([47, 19, 63]) == pytest.approx(grid.to_mm([94.5, 38.5, 126.5]))


def test_grids_that_differ_are_told_apart(scan):
    other = sitk.Image(scan)
    assert geometry.same_grid(scan, other)
    other.SetOrigin(np.add(scan.GetOrigin(), (0.0, 1.0, 0.0)).tolist())
    assert not geometry.same_grid(scan, other)
    assert not geometry.same_grid(scan, scan[1:, :, :])


def test_a_file_that_cannot_be_written_leaves_nothing(scan, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="file"):
        volume.write(scan, tmp_path / "file" / "scan.nii.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no file")
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_file_that_does_not_fit_on_the_disk_is_not_kept(ending, tmp_path):
    """A limit on the length of a file ends a write as a full disk does."""
    program = """
import resource, signal, sys
from pathlib import Path
import numpy as np, SimpleITK as sitk
from versectl.errors import explain
from versectl.io import volume
noise = np.random.default_rng(0).integers(0, 255, (30, 40, 50)).astype(np.uint8)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    volume.write(sitk.GetImageFromArray(noise), Path(sys.argv[1]))
except Exception as error:
    print(explain(error))
"""
    command = [sys.executable, "-c", program, tmp_path / f"scan{ending}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "the disk is full" in done.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_reading_a_scan_takes_little_memory_beside_its_voxels(ending, tmp_path):
    """No copy in floats of what came in as int16; ITK's own copy of the voxels is not counted."""
    rng = np.random.default_rng(1)
    voxels = rng.integers(-1100, 1500, (160, 170, 180), dtype=np.int16)
    path = tmp_path / f"scan{ending}"
    volume.write(sitk.GetImageFromArray(voxels), path)
    volume.read_ct(path)  # modules that are loaded now do not count
    tracemalloc.start()
    volume.read_ct(path)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1.3 * voxels.nbytes


def test_a_label_map_in_floats_is_converted_plane_by_plane(tmp_path):
    voxels = np.random.default_rng(1).integers(0, 25, (120, 130, 140)).astype(np.float32)
    volume.write(sitk.GetImageFromArray(voxels), tmp_path / "map.nii.gz")
    tracemalloc.start()
    volume.read_labels(tmp_path / "map.nii.gz")
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 1.5 * voxels.nbytes
