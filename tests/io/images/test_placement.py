"""Wherever a header puts a scan, what is written on it lies there: for every reader."""

import re
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry
from versectl.geometry import Frame
from versectl.io import centroids, volume

#: NIfTI's world seen from ours.
FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])

#: A lopsided scan, x, y, z.
SIZE_VOX, SPACING_MM = (12, 14, 9), np.array([2.0, 1.75, 4.5])


def save(path, affine, *, qform=None, codes=(1, 1), voxels=None):
    """A CT with such an sform, and a qform that is its rotation or another."""
    voxels = drawn() if voxels is None else voxels
    image = nibabel.Nifti1Image(voxels, None)
    image.header.set_sform(affine, codes[1])
    image.header.set_qform(affine if qform is None else qform, codes[0], strip_shears=True)
    image.header["sform_code"], image.header["qform_code"] = codes[1], codes[0]
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def drawn():
    """Fat, an air corner and a lopsided bone: (x, y, z) int16."""
    voxels = np.random.default_rng(4).integers(-120, -60, SIZE_VOX).astype(np.int16)
    voxels[:3, :2, :4] = -1000
    voxels[4:7, 5:11, 2:5] = 700
    return voxels


@st.composite
def affines(draw_one):
    """Any axis order and flips, turned, moved, sheared or not, rounded or not: (4, 4)."""
    order = draw_one(st.permutations(range(3)))
    signs = draw_one(st.tuples(*[st.sampled_from([-1.0, 1.0])] * 3))
    axis = np.array(draw_one(st.tuples(*[st.floats(-1, 1)] * 3))) + (0, 0, 2.0)
    angle = draw_one(st.sampled_from([0.0, 0.02, 0.3, 1.0, 2.5]))
    turn = sitk.VersorTransform((axis / np.linalg.norm(axis)).tolist(), angle).GetMatrix()
    matrix = np.reshape(turn, (3, 3)) @ np.eye(3)[:, order] * signs
    shear = draw_one(st.sampled_from([0.0, 0.0, 1e-5, -0.1, 0.3]))
    matrix[:, 2] += shear * matrix[:, 1]
    if draw_one(st.booleans()):
        matrix = matrix.round(4)
    affine = np.eye(4)
    affine[:3, :3] = matrix * SPACING_MM
    affine[:3, 3] = draw_one(st.tuples(*[st.integers(-500, 500)] * 3))
    return affine


def corners_mm(affine):
    corners_vox = geometry.CORNERS * (np.array(SIZE_VOX) - 1)
    return nibabel.affines.apply_affine(affine, corners_vox)


def itk_corners_mm(path):
    """Where SimpleITK puts the corners, None when it does not read the file."""
    with suppress(RuntimeError):
        return Frame.of(sitk.ReadImage(str(path))).corners_mm
    return None


@given(
    affine=affines(),
    codes=st.sampled_from([(0, 1), (0, 2), (1, 0), (1, 1), (2, 1), (1, 4), (0, 0)]),
    far_mm=st.sampled_from([0.0, 0.0, 60.0]),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_a_mask_lies_on_its_scan_for_nibabel_for_itk_and_for_us(affine, codes, far_mm):
    with TemporaryDirectory() as folder:
        scan, mask = Path(folder, "scan_ct.nii.gz"), Path(folder, "scan_seg.nii.gz")
        moved = affine.copy()
        moved[0, 3] += far_mm
        save(scan, affine, qform=moved, codes=codes)
        ct = volume.read_ct(scan)
        volume.write(sitk.Cast(ct.image > 500, sitk.sitkUInt8), mask, ct.placement)
        theirs, ours = nibabel.load(scan), nibabel.load(mask)
        assert ours.shape == SIZE_VOX
        assert corners_mm(ours.affine) == pytest.approx(corners_mm(theirs.affine), abs=1e-3)
        for field in ("qform_code", "sform_code", "xyzt_units"):
            assert ours.header[field] == theirs.header[field]
        assert np.array_equal(ours.get_sform(), theirs.get_sform())
        assert np.array_equal(ours.get_qform(), theirs.get_qform())
        by_itk = itk_corners_mm(scan)
        if by_itk is not None:
            assert itk_corners_mm(mask) == pytest.approx(by_itk, abs=1e-3)
        assert volume.read_placement(mask).own.distance_mm(ct.placement.own) < 1e-3
        assert geometry.same_grid(volume.read_labels(mask), ct.image)
        lps = Frame.from_matrix(
            SIZE_VOX, (FLIP @ theirs.affine)[:3, :3], (FLIP @ theirs.affine)[:3, 3]
        )
        assert ct.placement.own.distance_mm(lps) < 1e-3
        ours_bone, bone = np.asarray(ours.dataobj) > 0, drawn() > 500
        if not ct.placement.is_sheared:
            assert np.array_equal(ours_bone, bone)
        assert np.abs(np.argwhere(ours_bone).mean(0) - np.argwhere(bone).mean(0)).max() < 0.6


@given(affine=affines())
@settings(max_examples=30, deadline=None, derandomize=True)
def test_a_voxel_named_in_a_centroid_file_is_that_voxel_of_the_scan(affine):
    with TemporaryDirectory() as folder:
        save(Path(folder, "scan_ct.nii.gz"), affine, codes=(0, 1))
        own = volume.read_placement(Path(folder, "scan_ct.nii.gz")).own
        at_vox = np.array([3.25, 7.5, 4.0])
        at_mm = FLIP[:3, :3] @ nibabel.affines.apply_affine(affine, at_vox)
        listed = centroids.from_world({20: at_mm}, own)
        assert listed.points_vox[20] == pytest.approx(at_vox, abs=0.011)


ROUNDED = np.array([[0.9397, -0.3420, 0.0], [0.3420, 0.9397, 0.0002], [0.0, 0.0001, 1.0]])


def test_directions_rounded_to_four_digits_are_right_angled_without_a_word(tmp_path):
    affine = np.eye(4)
    affine[:3, :3] = ROUNDED * SPACING_MM
    save(tmp_path / "a.nii.gz", affine, codes=(0, 2))
    ct = volume.read_ct(tmp_path / "a.nii.gz")
    assert ct.flags == ()
    assert ct.image.GetSize() == SIZE_VOX
    assert np.array_equal(geometry.to_array(ct.image), drawn().T)


def test_a_tilted_gantry_is_resampled_with_a_flag_whether_or_not_a_qform_is_there(tmp_path):
    affine = np.diag([*SPACING_MM, 1.0])
    affine[1, 2] = np.tan(np.radians(15)) * SPACING_MM[2]
    found = []
    for name, codes in (("with", (1, 1)), ("without", (0, 1))):
        save(tmp_path / f"{name}.nii.gz", affine, codes=codes)
        found.append(volume.read_ct(tmp_path / f"{name}.nii.gz"))
    assert [[flag.code for flag in ct.flags] for ct in found] == [["resampled_shear"]] * 2
    assert "15.0 degrees" in found[0].flags[0].message
    assert np.array_equal(*(geometry.to_array(ct.image) for ct in found))
    assert geometry.same_grid(found[0].image, found[1].image)
    bone_vox = np.argwhere(drawn() > 500).mean(axis=0)
    bone_mm = geometry.to_mm(found[0].placement.own, bone_vox)
    resampled_vox = np.argwhere(geometry.to_array(found[0].image) > 300)[:, ::-1].mean(axis=0)
    assert geometry.to_mm(found[0].image, resampled_vox) == pytest.approx(bone_mm, abs=1.0)


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_a_sheared_scan_in_another_format_is_resampled_too(ending, tmp_path):
    ct = draw()[0]
    sitk.WriteImage(ct, str(tmp_path / f"a{ending}"))
    content = (tmp_path / f"a{ending}").read_bytes()
    old, new = {
        ".nrrd": (b"(2,0,0)", b"(2,0.6,0)"),
        ".mha": (b"TransformMatrix = 1 0 0", b"TransformMatrix = 1 0.2 0"),
    }[ending]
    (tmp_path / f"a{ending}").write_bytes(content.replace(old, new))
    found = volume.read_ct(tmp_path / f"a{ending}")
    assert [flag.code for flag in found.flags] == ["resampled_shear"]
    volume.write(sitk.Cast(found.image > 500, sitk.sitkUInt8), tmp_path / "m.nii", found.placement)
    assert nibabel.load(tmp_path / "m.nii").shape == ct.GetSize()
    written = volume.read_placement(tmp_path / "m.nii").own
    assert written.distance_mm(found.placement.own) < 1e-3


def test_forms_that_disagree_are_told_with_both_distances_and_the_sform_counts(tmp_path):
    affine = np.diag([*SPACING_MM, 1.0])
    other = affine.copy()
    other[2, 3] = 80.0
    other[0, 0] *= 1.0
    save(tmp_path / "a.nii.gz", affine, qform=other, codes=(1, 2))
    found = volume.read_ct(tmp_path / "a.nii.gz")
    (flag,) = found.flags
    assert (flag.code, flag.severity) == ("forms_disagree", "warning")
    assert "80.0 mm at the first voxel and by up to 80.0 mm" in flag.message
    assert found.image.GetOrigin()[2] == 0.0


@pytest.mark.parametrize("off_mm", [0.0, 0.05])
def test_forms_that_agree_but_for_rounding_are_not_told(off_mm, tmp_path):
    affine = np.diag([*SPACING_MM, 1.0])
    other = affine.copy()
    other[2, 3] = off_mm
    save(tmp_path / "a.nii.gz", affine, qform=other, codes=(1, 2))
    assert volume.read_ct(tmp_path / "a.nii.gz").flags == ()


def test_a_scan_without_orientation_says_what_was_assumed_and_its_mask_has_none(tmp_path):
    save(tmp_path / "a.nii.gz", np.diag([*SPACING_MM, 1.0]), codes=(0, 0))
    found = volume.read_ct(tmp_path / "a.nii.gz")
    assert [flag.code for flag in found.flags] == ["no_orientation"]
    assert geometry.axis_letters(found.image) == ("L", "A", "S")
    volume.write(sitk.Cast(found.image > 9, sitk.sitkUInt8), tmp_path / "m.nii", found.placement)
    header = nibabel.load(tmp_path / "m.nii").header
    assert (int(header["qform_code"]), int(header["sform_code"])) == (0, 0)


#: What takes a drawn scan's orientation from its header.
NRRD_SPACE = (rb"space: left-posterior-superior\n", b"space dimension: 3\n")
NRRD_FIELDS = (rb"space[^\n]*\n", b"")
MATRIX = (rb"TransformMatrix[^\n]*\n", b"")
LETTERS = (rb"AnatomicalOrientation[^\n]*\n", b"")


@pytest.mark.parametrize(
    ("ending", "changes", "says"),
    [
        (".nrrd", [], None),
        (".nrrd", [(rb"left-posterior-superior", b"right-anterior-superior")], None),
        (".nrrd", [NRRD_SPACE], "it has no space"),
        (".nrrd", [NRRD_FIELDS, (rb"kinds", b"spacings: 2 1.5 2.5\nkinds")], "it has no space"),
        (".nrrd", [(rb"left-posterior-superior", b"scanner-xyz")], "its space is scanner-xyz"),
        (".mha", [], None),
        (".mha", [LETTERS], None),
        (".mha", [MATRIX], None),  # it has RAI
        (".mha", [MATRIX, LETTERS], "it has no TransformMatrix"),
        (".mha", [MATRIX, (rb"= RAI", b"= ???")], "it has no TransformMatrix"),
        (".mha", [MATRIX, (rb"= RAI", b"= LPI")], "it has no TransformMatrix"),
    ],
)
def test_other_formats_without_orientation_say_what_was_assumed(ending, changes, says, tmp_path):
    path = tmp_path / f"a{ending}"
    ct = draw(direction=LPS)[0]
    sitk.WriteImage(ct, str(path))
    content = path.read_bytes()
    for old, new in changes:
        content, count = re.subn(old, new, content)
        assert count
    path.write_bytes(content)
    found = volume.read_ct(path)
    if says is None:
        assert found.flags == ()
        return
    (flag,) = found.flags
    assert (flag.code, flag.severity) == ("no_orientation", "warning")
    assert f"({says}); it was assumed" in flag.message
    assert "the patient's left, back and head" in flag.message
    assert geometry.axis_letters(found.image) == ("L", "P", "S")


def test_a_heatmap_is_written_on_the_scans_own_grid(tmp_path):
    save(tmp_path / "a.nii.gz", np.diag([*SPACING_MM, 1.0]))
    placed = volume.read_placement(tmp_path / "a.nii.gz")
    grid = geometry.Grid.centered(geometry.center(placed.own), (8, 8, 8), (8.0, 8.0, 8.0))
    values = np.zeros(grid.shape, np.float32)
    values[4, 3, 5] = 1.0
    volume.write(geometry.from_array(values, grid), tmp_path / "h.nii.gz", placed)
    heat = nibabel.load(tmp_path / "h.nii.gz")
    assert heat.shape == SIZE_VOX
    highest = np.unravel_index(np.asarray(heat.dataobj).argmax(), SIZE_VOX)
    peak_mm = geometry.to_mm(placed.own, highest)
    assert peak_mm == pytest.approx(grid.to_mm([5, 3, 4]), abs=4.5)


@pytest.mark.parametrize("letters", ["LPS", "RAS", "PIR", "ASL"])
@pytest.mark.parametrize("direction", [PIR, oblique(PIR, 23.0)])
def test_a_frame_is_turned_as_itk_turns_its_image(letters, direction):
    image = draw((3.1, 1.9, 2.3), direction)[0]
    expected = Frame.of(sitk.DICOMOrient(image, letters))
    found = Frame.of(image).turned(letters)
    assert found.size_vox == expected.size_vox
    assert found.distance_mm(expected) < 1e-9
