"""A DICOM source becomes one CT in its place, or one line says what to do."""

import shutil
import warnings
import zipfile

import dicom_series as drawn
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import draw, grid_points_mm, oblique
from scipy import ndimage

from versectl import geometry
from versectl.errors import BadInputError
from versectl.io import layout, volume
from versectl.io.dicom import headers, reading, stack

pydicom = pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")


def compressed(syntax):
    return drawn.changed(lambda ds, _: ds.compress(syntax, generate_instance_uid=False))


def without_endings(folder):
    return drawn.save(drawn.datasets(), folder, ending="")


def zipped(folder):
    drawn.save(drawn.datasets(), folder / "deep" / "down")
    path = folder / "study.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README.txt", "read me")
        for file in sorted((folder / "deep").rglob("*.dcm")):
            archive.write(file, file.relative_to(folder))
    return path


def multi_frame(folder):
    return drawn.save([drawn.enhanced(drawn.datasets())], folder)


def monochrome1(ds, _):
    ds.PhotometricInterpretation = "MONOCHROME1"


def localizer_beside(folder):
    scout = drawn.changed(
        lambda ds, _: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", "LOCALIZER"]),
        drawn.datasets([0.0, 1.0], drawn.CORONAL),
    )
    capture = drawn.as_series(drawn.datasets([0.0]), number=99)
    capture[0].SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    drawn.save(drawn.as_series(scout, number=1) + capture, folder)
    return drawn.save(drawn.datasets(), folder)


def without_preamble(folder):
    drawn.save(drawn.datasets(), folder)
    for file in folder.iterdir():
        ds = pydicom.dcmread(file)
        del ds.file_meta
        ds.save_as(file, implicit_vr=False, little_endian=True, enforce_file_format=False)
    return folder


def jpeg_lossless(folder):
    """Compressed as most archives do it, which pydicom itself cannot write."""
    gdcm = pytest.importorskip("gdcm")
    for file in drawn.save(drawn.datasets(), folder).iterdir():
        reader, change, writer = (
            gdcm.ImageReader(),
            gdcm.ImageChangeTransferSyntax(),
            gdcm.ImageWriter(),
        )
        reader.SetFileName(str(file))
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(file))
        assert writer.Write()
        syntax = pydicom.dcmread(file).file_meta.TransferSyntaxUID
        assert syntax == pydicom.uid.JPEGLosslessSV1
    return folder


def saved(make):
    return lambda folder: drawn.save(make(), folder)


#: Odd series that are read as they are.
READ = {
    "files without endings": without_endings,
    "a zip of a study": zipped,
    "enhanced multi-frame": multi_frame,
    "MONOCHROME1": saved(lambda: drawn.changed(monochrome1)),
    "a localizer and a capture beside": localizer_beside,
    "no preamble": without_preamble,
    "coronal": saved(lambda: drawn.datasets(orientation=drawn.CORONAL)),
    "oblique": saved(
        lambda: drawn.datasets(orientation=np.reshape(oblique(), (3, 3))[:, :2].T.ravel())
    ),
    "RLE": saved(lambda: compressed(pydicom.uid.RLELossless)),
    "JPEG lossless": jpeg_lossless,
    "JPEG-LS": saved(lambda: compressed(pydicom.uid.JPEGLSLossless)),
    "JPEG 2000": saved(lambda: compressed(pydicom.uid.JPEG2000Lossless)),
}


@pytest.mark.parametrize("make", READ.values(), ids=READ)
def test_an_odd_series_is_read_as_it_is(make, tmp_path):
    read = reading.read(make(tmp_path / "scan"))
    assert read.mended == ()
    assert read.image.GetSize() == (drawn.COLUMNS, drawn.ROWS, drawn.SLICES)
    assert read.image.GetSpacing() == pytest.approx((drawn.COLUMN_MM, drawn.ROW_MM, drawn.SLICE_MM))
    assert read.image.GetPixelID() == sitk.sitkInt16
    off_hu = geometry.to_array(read.image) - drawn.hounsfield(grid_points_mm(read.image))
    assert np.abs(off_hu).max() <= 0.51  # what is drawn off the voxels is rounded


def test_positions_that_are_rounded_are_even(tmp_path):
    source = drawn.save(drawn.datasets([0, 3.1, 6, 8.9, 12, 15, 18]), tmp_path / "scan")
    image, mended = reading.read(source)
    assert (mended, image.GetSpacing()[2]) == ((), 3.0)


def test_rescale_of_fractions_keeps_them(tmp_path):
    made = drawn.changed(lambda ds, _: setattr(ds, "RescaleSlope", 0.5))
    image = reading.read(drawn.save(made, tmp_path / "scan")).image
    expected = (drawn.hounsfield(grid_points_mm(image)) + 1024) / 2 - 1024
    assert image.GetPixelID() == sitk.sitkFloat32
    np.testing.assert_allclose(geometry.to_array(image), expected, atol=1e-3)


def twice(folder):
    drawn.save(drawn.datasets(), folder)
    first = sorted(folder.iterdir())[0]
    (folder / "copy.dcm").write_bytes(first.read_bytes())
    return folder


#: Broken series that are mended -> what is told of them.
MENDED = {
    "a file copied": (twice, (stack.DUPLICATES,)),
    "a slice missing": (
        saved(lambda: drawn.datasets([0, 3, 6, 12, 15, 18, 21])),
        (stack.INTERPOLATED,),
    ),
    "uneven": (saved(lambda: drawn.datasets([0, 3, 6, 9, 11, 13, 15])), (stack.INTERPOLATED,)),
    "gantry tilt": (saved(lambda: drawn.datasets(drift=(0.0, 0.25, 0.0))), (stack.TILTED,)),
    "gantry tilt, backwards and across": (
        saved(lambda: drawn.datasets(orientation=drawn.CORONAL, drift=(0.2, 0.0, 0.3))),
        (stack.TILTED,),
    ),
    "tilt and a slice missing": (
        saved(lambda: drawn.datasets([0, 3, 6, 12, 15, 18, 21], drift=(0.0, -0.25, 0.0))),
        (stack.INTERPOLATED, stack.TILTED),
    ),
}


@pytest.mark.parametrize(("make", "told"), MENDED.values(), ids=MENDED)
def test_a_broken_series_is_mended_and_says_so(make, told, tmp_path):
    image, mended = reading.read(make(tmp_path / "scan"))
    assert mended == told
    matrix = np.reshape(image.GetDirection(), (3, 3))
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    voxels, expected = geometry.to_array(image), drawn.hounsfield(grid_points_mm(image))
    seen = voxels != geometry.AIR_HU  # beside leaning slices there is air
    assert seen.any(axis=(1, 2)).all()
    assert seen.sum() >= (drawn.ROWS - 1) * (drawn.COLUMNS - 1) * len(seen)  # nothing is cut off
    inner = ndimage.binary_erosion(seen, np.ones((1, 3, 3)))  # no half pixels of the edge
    assert np.abs(voxels - expected)[inner].max() <= 1.51  # rounded up to three times


def two_phases():
    later = drawn.changed(
        lambda ds, n: drawn.set_pixels(ds, np.full((drawn.ROWS, drawn.COLUMNS), 40.0 + n))
    )
    early = drawn.datasets()
    for ds, other in zip(later, early, strict=True):
        ds.SeriesInstanceUID = other.SeriesInstanceUID
    for n, ds in enumerate(later):
        ds.InstanceNumber = 50 + n
        ds.SeriesNumber = 4
    return early + later


def mixed():
    made = drawn.datasets() + drawn.datasets(orientation=drawn.CORONAL)
    return drawn.as_series(made)


def cut_off(folder):
    drawn.save(drawn.datasets(), folder)
    file = sorted(folder.iterdir())[3]
    file.write_bytes(file.read_bytes()[:-100])
    return folder


def unknown_compression(folder):
    drawn.save(drawn.datasets(), folder)
    for file in folder.iterdir():
        ds = pydicom.dcmread(file)
        ds.PixelData = pydicom.encaps.encapsulate([ds.PixelData])
        ds["PixelData"].VR = "OB"
        ds.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.102"  # a video
        ds.save_as(file)
    return folder


def shifted():
    made = drawn.datasets()
    made[3].ImagePositionPatient = [-19.0, -13.0, 49.0]
    return made


def one_without_rescale(folder):
    made = drawn.datasets()
    del made[2].RescaleIntercept
    return drawn.save(made, folder)


def without(*names):
    def remove(ds, _):
        for name in names:
            delattr(ds, name)

    return saved(lambda: drawn.changed(remove))


#: Series that are refused -> what the line says.
REFUSED = {
    "a gap": (saved(lambda: drawn.datasets([0, 3, 6, 9, 30, 33, 36])), "a gap of 21.0 mm"),
    "two phases": (saved(two_phases), "different images at the same place"),
    "mixed orientations": (saved(mixed), "2 CT series, 4a, 4b; choose one by --series"),
    "MR": (
        saved(lambda: drawn.changed(lambda ds, _: setattr(ds, "Modality", "MR"))),
        "is MR, not CT",
    ),
    "a capture": (
        saved(
            lambda: drawn.changed(
                lambda ds, _: setattr(ds, "SOPClassUID", "1.2.840.10008.5.1.4.1.1.7")
            )
        ),
        "is a secondary capture",
    ),
    "no positions": (without("ImagePositionPatient"), "does not say where its slices lie"),
    "one slice": (saved(lambda: drawn.datasets([0])), "is a single slice"),
    "cut off": (cut_off, "damaged, cut off"),
    "unknown compression": (unknown_compression, "is compressed as"),
    "a slice shifted": (saved(shifted), "shifted sideways"),
    "a slice without rescale": (one_without_rescale, "lacks RescaleSlope"),
    "skewed": (
        saved(lambda: drawn.datasets(orientation=(1, 0, 0, 0.2, 1, 0))),
        "not at right angles",
    ),
}


@pytest.mark.parametrize(("make", "says"), REFUSED.values(), ids=REFUSED)
def test_a_series_that_cannot_be_read_is_refused_in_one_line(make, says, tmp_path):
    source = make(tmp_path / "scan")
    with pytest.raises(BadInputError) as caught:
        reading.read(source)
    line = str(caught.value)
    assert says in line
    assert str(source) in line
    assert "\n" not in line
    assert "Secret" not in line


def test_a_slice_cut_off_anywhere_is_never_left_out(tmp_path):
    """A header without its end would be a series of its own, and the others a CT with a gap."""
    drawn.save(drawn.datasets([0.0, 3.0, 6.0]), tmp_path)
    path = sorted(tmp_path.iterdir())[1]
    whole = path.read_bytes()
    for length in range(0, whole.index(b"\xe0\x7f\x10\x00") + 40, 13):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInputError, match=rf"{path.name} is damaged, cut off"):
            reading.read(tmp_path)


def test_a_file_cut_off_anywhere_is_called_damaged(tmp_path):
    """The lengths of its sequences are not known in front, as many archives write them."""
    ds = drawn.enhanced(drawn.datasets([0.0, 3.0]))
    for element in ds.iterall():
        element.is_undefined_length = element.VR == "SQ"
    whole = next(drawn.save([ds], tmp_path).iterdir()).read_bytes()
    path = tmp_path / "cut.dcm"
    pixels_at = whole.index(b"\xe0\x7f\x10\x00")
    for length in range(0, pixels_at + 40, 17):
        path.write_bytes(whole[:length])
        with pytest.raises(BadInputError, match=r"cut\.dcm(, frame 0,)? is damaged, cut off"):
            reading.Pixels().of(headers.read_images(path)[0])


def test_encrypted_and_damaged_zips_are_refused(tmp_path):
    path = tmp_path / "study.zip"
    path.write_bytes(b"PK" + bytes(50))
    with pytest.raises(BadInputError, match="damaged or not a zip"):
        reading.read(path)


def test_a_zip_with_damaged_bytes_is_refused_and_stops_no_batch(tmp_path):
    path = zipped(tmp_path / "in")
    shutil.rmtree(tmp_path / "in" / "deep")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("slice.dcm", np.random.default_rng(0).bytes(5000) + bytes(5000))
    content = bytearray(path.read_bytes())
    content[60:90] = b"\xff" * 30
    path.write_bytes(content)
    volume.write(draw()[0], tmp_path / "in" / "sound_ct.nii.gz")
    assert [case.name for case in layout.with_ct(tmp_path / "in")] == ["sound"]
    with pytest.raises(BadInputError, match="damaged or not a zip"):
        reading.read(path)


def test_nothing_of_the_patient_is_decoded_or_told(tmp_path, caplog, capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = drawn.changed(lambda ds, _: setattr(ds, "PatientBirthDate", "no date, Secret"))
        drawn.save(made, tmp_path / "scan")
    caplog.clear()  # of what was told while the files were made
    capfd.readouterr()
    found = reading.list_series(tmp_path / "scan")
    reading.read(tmp_path / "scan")
    assert "Secret" not in repr(found) + caplog.text + "".join(capfd.readouterr())


def test_a_series_is_chosen_by_its_number_or_uid_wherever_it_lies(tmp_path):
    drawn.save(drawn.as_series(drawn.datasets(), number=2), tmp_path / "study" / "thick")
    thin = drawn.as_series(drawn.datasets([0, 1, 2, 3]), number=3)
    drawn.save(thin, tmp_path / "study" / "thin")
    for wanted in ("3", thin[0].SeriesInstanceUID):
        assert reading.read(tmp_path / "study", wanted).image.GetSize()[2] == 4
    with pytest.raises(BadInputError, match="has no series 7; there is 2, 3"):
        reading.read(tmp_path / "study", "7")
