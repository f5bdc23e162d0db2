"""Volumes: on disk, in the world, as arrays, whatever their axes, spacing and types."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import SimpleITK as sitk
from nibabel import Nifti1Image, load

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import volume


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
