"""What ITK raises, as a user is told it."""

import pytest
import SimpleITK as sitk

from versectl.errors import BadInputError, OutOfMemoryError, explain
from versectl.io.images import itk

BAD_ALLOC = "Exception thrown in SimpleITK: std::bad_alloc"


@pytest.fixture
def raises(monkeypatch):
    """Has ITK's reader and writer raise a message."""

    def fail(message):
        def raising(*_given, **_named):
            raise RuntimeError(message)

        monkeypatch.setattr(sitk.ImageFileReader, "Execute", raising)
        monkeypatch.setattr(sitk, "WriteImage", raising)

    return fail


def test_a_lack_of_memory_is_no_damaged_file(raises, tmp_path):
    raises(BAD_ALLOC)
    with pytest.raises(RuntimeError) as reading:
        itk.read_image(tmp_path / "scan.nrrd")
    with pytest.raises(RuntimeError) as writing:
        itk.write(sitk.Image(2, 3, 4, sitk.sitkUInt8), tmp_path / "scan.nrrd")
    for raised in (reading, writing):
        assert isinstance(explain(raised.value), OutOfMemoryError)


def test_what_is_damaged_says_why_in_one_line(raises, tmp_path):
    raises("many lines\nitk::ERROR: the data are cut off.\n")
    with pytest.raises(BadInputError, match=r"cut off \(itk::ERROR: the data are cut off\)"):
        itk.read_image(tmp_path / "scan.nrrd")
    with pytest.raises(BadInputError, match="could not be written"):
        itk.write(sitk.Image(2, 3, 4, sitk.sitkUInt8), tmp_path / "scan.nrrd")
