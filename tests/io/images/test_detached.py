"""A CT whose voxels lie beside its header is another one when they change."""

import pytest
import SimpleITK as sitk
from phantoms import draw

from versectl.io import layout
from versectl.io.images import detached


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_other_voxels_under_the_same_header_are_another_ct(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    sitk.WriteImage(draw()[0], str(path))
    case, header = layout.Case("a", ct=path), path.read_bytes()
    before = layout.sha256(case)
    assert layout.sha256(case) == before
    sitk.WriteImage(draw()[0] + 1, str(path))
    assert path.read_bytes() == header
    assert layout.sha256(case) != before


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("ElementDataFile = my 1.raw\n", ["my 1.raw"]),
        ("ElementDataFile = LIST\nmy 1.raw\r\ns2.raw\nlost.raw\n", ["my 1.raw", "s2.raw"]),
        ("ElementDataFile = s%d.raw 2 3 1\n", ["s2.raw", "s3.raw"]),
        ("data file: s%01d.raw 2 3 1\n", ["s2.raw", "s3.raw"]),
        ("datafile: LIST 2\ns2.raw\n", ["s2.raw"]),
        ("ElementDataFile = LOCAL\n", []),
        ("NDims = 3\n", []),
    ],
)
def test_the_files_of_a_header_are_those_it_names(tmp_path, text, named):
    folder = tmp_path / "[1]"
    folder.mkdir()
    for name in ("my 1.raw", "s2.raw", "s3.raw", "other.raw"):
        (folder / name).touch()
    (folder / "a.mhd").write_text(f"NDims = 3\n{text}")
    assert [file.name for file in detached.data_files(folder / "a.mhd")] == named


def test_what_is_no_such_header_has_no_files(tmp_path):
    assert detached.data_files(tmp_path / "a.nii.gz") == []
