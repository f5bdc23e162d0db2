"""A real DICOM series, and the same converted to NIfTI by another reader."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from versectl import geometry
from versectl.io import volume

pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")

SERIES = Path(__file__).parents[4] / "shared" / "data" / "ct" / "CRLM-CT-1004_dicom"


@pytest.mark.real
@pytest.mark.skipif(not SERIES.exists(), reason="needs the real CT in ../shared")
def test_a_series_and_its_conversion_to_nifti_are_the_same_ct(tmp_path):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(SERIES)))
    converted = tmp_path / "converted_ct.nii.gz"
    sitk.WriteImage(sitk.Cast(reader.Execute(), sitk.sitkInt16), str(converted))
    one, other = volume.read_ct(SERIES).image, volume.read_ct(converted).image
    assert geometry.same_grid(one, other)
    assert one.GetPixelID() == other.GetPixelID()
    np.testing.assert_array_equal(geometry.to_array(one), geometry.to_array(other))
