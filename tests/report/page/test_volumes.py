"""Volumes within pages: what is embedded lies where it was, in Hounsfield units."""

import base64
import gzip

import nibabel
import numpy as np
import SimpleITK as sitk
from phantoms import CENTERS_MM, PIR, draw, oblique

from versectl.report.page import volumes


def read(packed: str) -> nibabel.Nifti1Image:
    return nibabel.Nifti1Image.from_bytes(gzip.decompress(base64.b64decode(packed)))


def at(image: nibabel.Nifti1Image, point_mm: np.ndarray) -> float:
    """The value at a point in LPS, as a reader of NIfTI (RAS) finds it."""
    voxel = np.linalg.inv(image.affine) @ np.array([-point_mm[0], -point_mm[1], point_mm[2], 1.0])
    return float(image.get_fdata()[tuple(np.rint(voxel[:3]).astype(int))])


def test_bone_and_masks_are_found_at_the_centres_of_any_scan():
    for direction in (PIR, oblique()):
        ct, label_map = draw(direction=direction)
        made = volumes.embed(ct, label_map, list(CENTERS_MM.values()))
        bone, masks = read(made.ct), read(made.masks)
        assert bone.shape == masks.shape
        for label, center_mm in CENTERS_MM.items():
            assert at(masks, center_mm) == label
            assert abs(at(bone, center_mm) - 1000) < 10
        between_mm = (CENTERS_MM[19] + CENTERS_MM[20]) / 2
        assert at(masks, between_mm) == 0
        assert abs(at(bone, between_mm) - -90) < 10


def test_values_beyond_the_range_are_at_its_ends():
    ct, label_map = draw()
    made = read(volumes.embed(ct * 3 - 900, label_map, list(CENTERS_MM.values())).ct)
    ends = [made.get_fdata().min(), made.get_fdata().max()]
    np.testing.assert_allclose(ends, volumes.RANGE_HU, atol=0.01)
    assert made.get_data_dtype() == np.uint8


def test_without_ct_the_masks_are_embedded_alone():
    _, label_map = draw()
    made = volumes.embed(None, label_map, list(CENTERS_MM.values()))
    assert not made.has_ct
    assert at(read(made.masks), CENTERS_MM[20]) == 20
    assert np.unique(read(made.ct).get_fdata()).size == 1


def test_a_large_scan_is_shown_coarser_and_cropped_to_the_spine():
    large = sitk.Image([700, 500, 900], sitk.sitkUInt8)
    large.SetSpacing((0.9, 0.9, 1.0))
    grid = volumes.shown_grid(large, [(300.0, 200.0, z) for z in range(30, 880, 30)])
    width_mm = grid.size_vox[0] * grid.spacing_mm[0]
    assert width_mm < 2 * volumes.MARGIN_MM[0] + 3
    assert np.prod(grid.size_vox) < 1.1 * volumes.MOST_VOX
    whole = volumes.shown_grid(large, [])
    assert whole.spacing_mm[0] > grid.spacing_mm[0]
    assert np.prod(whole.size_vox) < 1.1 * volumes.MOST_VOX
