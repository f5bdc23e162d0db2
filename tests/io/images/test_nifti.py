"""Odd NIfTI headers: read where they can only be meant one way, and said; else refused."""

import struct
import time
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import draw

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import volume


@pytest.fixture
def path(ct, tmp_path):
    volume.write(ct, tmp_path / "a.nii")
    return tmp_path / "a.nii"


def edit(path, offset, format_, *numbers):
    """Numbers of the header changed in place."""
    content = bytearray(path.read_bytes())
    struct.pack_into(format_, content, offset, *numbers)
    path.write_bytes(content)


def assert_same(found, ct):
    assert np.array_equal(geometry.to_array(found.image), geometry.to_array(ct))
    assert geometry.same_grid(found.image, ct)


@pytest.mark.parametrize("offset", [0.0, 176.0, 348.0])
def test_voxels_that_would_begin_inside_the_header_begin_behind_it(path, ct, offset):
    edit(path, 108, "<f", offset)
    found = volume.read_ct(path)
    assert_same(found, ct)
    assert [flag.code for flag in found.flags] == ["header_repaired"]
    assert "byte 352" in found.flags[0].message


def test_an_offset_behind_extensions_is_believed(ct, path):
    image = nibabel.load(path)
    image.header.extensions.append(nibabel.nifti1.Nifti1Extension("comment", b"a note" * 20))
    image.to_filename(path.with_name("b.nii.gz"))
    found = volume.read_ct(path.with_name("b.nii.gz"))
    assert_same(found, ct)
    assert found.flags == ()


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
def test_both_versions_are_read_and_masks_are_written_alike(ct, path, kind):
    image = nibabel.load(path)
    kind(np.asarray(image.dataobj), image.affine).to_filename(path.with_name("b.nii.gz"))
    found = volume.read_ct(path.with_name("b.nii.gz"))
    assert_same(found, ct)
    volume.write(found.image > 500, path.with_name("m.nii.gz"), found.placement)
    assert isinstance(nibabel.load(path.with_name("m.nii.gz")), kind)


def test_a_fourth_axis_of_no_voxels_is_left_out(path, ct):
    edit(path, 40, "<h", 4)
    edit(path, 48, "<h", 0)
    found = volume.read_ct(path)
    assert_same(found, ct)
    assert [flag.code for flag in found.flags] == ["header_repaired"]


def test_negative_spacings_beside_a_sound_sform_are_repaired(path, ct):
    edit(path, 80, "<f", -2.0)
    found = volume.read_ct(path)
    assert_same(found, ct)
    assert [flag.code for flag in found.flags] == ["header_repaired"]


@pytest.mark.parametrize(("unit", "in_mm"), [("meter", 1000.0), ("micron", 0.001)])
def test_other_units_are_converted_and_kept_in_the_mask(path, ct, unit, in_mm):
    image = nibabel.load(path)
    affine = image.affine.copy()
    affine[:3] /= in_mm
    other = nibabel.Nifti1Image(np.asarray(image.dataobj), affine)
    other.header.set_xyzt_units(unit)
    scan = path.with_name("b.nii")  # not the file that nibabel still maps into memory
    other.to_filename(scan)
    found = volume.read_ct(scan)
    assert found.placement.own.distance_mm(geometry.Frame.of(ct)) < 1e-3
    assert found.flags == ()
    volume.write(found.image > 500, path.with_name("m.nii"), found.placement)
    header = nibabel.load(path.with_name("m.nii")).header
    assert header.get_xyzt_units()[0] == unit
    assert np.array_equal(header.get_sform(), nibabel.load(scan).header.get_sform())


def test_a_name_in_capitals_is_read(path, ct):
    shout = path.rename(path.with_name("A.NII"))
    assert_same(volume.read_ct(shout), ct)
    sitk.WriteImage(ct, str(path.with_name("b.nrrd")))
    assert_same(volume.read_ct(path.with_name("b.nrrd").rename(path.with_name("B.NRRD"))), ct)
    sitk.WriteImage(ct, str(path.with_name("c.mha")))
    assert_same(volume.read_ct(path.with_name("c.mha").rename(path.with_name("C.MHA"))), ct)


def test_voxels_that_the_file_cannot_hold_take_no_memory(path):
    edit(path, 42, "<hhh", 20000, 20000, 20000)
    edit(path, 80, "<fff", 0.1, 0.1, 0.1)
    edit(path, 252, "<hh", 0, 0)  # no forms: the spacing counts
    with pytest.raises(BadInputError, match="bytes of voxels are announced"):
        volume.read_ct(path)


def test_the_same_mask_is_the_same_file(ct, tmp_path):
    for folder in ("one", "two"):
        volume.write(draw()[1], tmp_path / folder / f"{folder}.nii.gz")
    one, two = ((tmp_path / f / f"{f}.nii.gz").read_bytes() for f in ("one", "two"))
    assert one == two


def test_a_frame_alone_is_read_by_the_same_rules(path, ct):
    frame = volume.read_frame(path)
    assert geometry.same_grid(frame, ct)
    edit(path, 76, "<f", -1.0)
    edit(path, 252, "<hh", 1, 0)
    edit(path, 80, "<fff", 2e3, 2e3, 2e3)
    with pytest.raises(BadInputError, match="check the units and the spacing"):
        volume.read_frame(path)


def test_itk_reads_one_header_at_a_time(path, monkeypatch):
    """Its NIfTI reader now and then ends a process in which two threads read headers."""
    inside, beside = [], []

    class Watched(sitk.ImageFileReader):
        def ReadImageInformation(self):  # noqa: N802
            beside.append(len(inside))
            inside.append(self)
            time.sleep(0.02)  # another thread would come in now
            super().ReadImageInformation()
            inside.pop()

    monkeypatch.setattr(sitk, "ImageFileReader", Watched)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(volume.read_frame, [path] * 4))
    assert beside == [0, 0, 0, 0]
