"""What `versectl series` tells of a folder."""

import dicom_series as drawn
import pytest
from phantoms import draw

from versectl.errors import BadInputError
from versectl.io import volume
from versectl.io.dicom import listing, reading

pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")


@pytest.fixture
def study(tmp_path):
    """Three series in one folder: a scout without positions, axial slices, coronal ones of MR."""
    scout = drawn.as_series(drawn.datasets([0.0]), number=1)
    scout[0].ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    del scout[0].ImagePositionPatient
    mr = drawn.as_series(drawn.datasets(orientation=drawn.CORONAL), number=7)
    for ds in mr:
        ds.Modality = "MR"
    axial = drawn.datasets([0, 3, 6, 12, 15])
    for ds in axial:
        ds.ConvolutionKernel = ["Br40", "3"]
    return drawn.save(scout + axial + mr, tmp_path / "study")


def test_a_row_tells_what_a_series_is_and_whether_it_is_a_ct(study):
    scout, axial, mr = listing.rows(reading.list_series(study))
    assert (scout.series, scout.images, scout.spacing_mm, scout.plane) == ("1", 1, (), "")
    assert (axial.series, axial.images, axial.plane, axial.problem) == ("4", 5, "axial", None)
    assert axial.size_vox == (drawn.COLUMNS, drawn.ROWS)
    assert axial.spacing_mm == pytest.approx((drawn.COLUMN_MM, drawn.ROW_MM, drawn.SLICE_MM))
    assert (mr.series, mr.plane, mr.problem) == ("7", "coronal", "is MR, not CT")
    assert "localizer" in scout.problem


def test_a_file_that_is_no_dicom_is_not_called_damaged(tmp_path):
    volume.write(draw()[0], tmp_path / "scan.nii.gz")
    with pytest.raises(BadInputError, match=r"scan\.nii\.gz is no DICOM file; give a folder"):
        reading.list_series(tmp_path / "scan.nii.gz")
    (slice_,) = drawn.save(drawn.datasets([0.0]), tmp_path / "study").iterdir()
    renamed = slice_.rename(tmp_path / "slice.bin")
    assert [series.key for series in reading.list_series(renamed)] == ["4"]


def test_the_table_has_a_line_per_series_and_nothing_of_the_patient(study):
    text = listing.text(listing.rows(reading.list_series(study)))
    head, *lines = text.splitlines()
    assert head.split() == list(listing.COLUMNS)
    assert [line.split()[0] for line in lines] == ["1", "4", "7"]
    assert "2 x 1.5 x 3" in lines[1]
    assert lines[1].endswith("Spine        CT")
    assert "Secret" not in text
