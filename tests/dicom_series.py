"""DICOM series drawn by the tests: small, lopsided, anisotropic, and broken on demand."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, EnhancedCTImageStorage, ExplicitVRLittleEndian, generate_uid

#: What must never be seen outside of the DICOM files.
PATIENT = "Doe^Jane^Secret"

#: Rows, columns, slices and the distances between them in mm.
ROWS, COLUMNS, SLICES = 33, 38, 7
ROW_MM, COLUMN_MM, SLICE_MM = 1.5, 2.0, 3.0

#: Where the first pixel of the lowest slice lies.
ORIGIN_MM = np.array([-21.0, -13.0, 40.0])

#: Directions of a row and of a column: axial slices of somebody who lies straight.
AXIAL = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)

SLOPE, INTERCEPT = 1, -1024

#: Changes one slice's dataset; the slices count from 0, from below.
Change = Callable[[Dataset, int], None]


def hounsfield(points_mm: np.ndarray) -> np.ndarray:
    """A CT that is linear in the world, whole numbers at the drawn voxels, (..., 3) -> (...)."""
    x, y, z = np.moveaxis(np.asarray(points_mm) - ORIGIN_MM, -1, 0)
    return 2 * x + 6 * y + 10 * z - 300


def slice_points_mm(position_mm: Sequence[float], orientation: Sequence[float]) -> np.ndarray:
    """World position of every pixel of a slice, (rows, columns, 3)."""
    row, column = np.reshape(orientation, (2, 3))
    rows, columns = np.indices((ROWS, COLUMNS))[..., None]
    return position_mm + columns * COLUMN_MM * row + rows * ROW_MM * column


def dataset(number: int, position_mm: Sequence[float], orientation: Sequence[float]) -> FileDataset:
    """One CT slice in uncompressed DICOM."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=bytes(128))
    ds.SOPClassUID, ds.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
    ds.Modality, ds.ImageType = "CT", ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.PatientName = ds.PatientID = PATIENT
    ds.PatientBirthDate, ds.PatientSex, ds.StudyDate, ds.StudyTime = "19700101", "F", "20200102", ""
    ds.AccessionNumber = ds.StudyID = ds.ReferringPhysicianName = ""
    ds.SeriesDescription, ds.SeriesNumber, ds.InstanceNumber = "Spine", 4, SLICES - number
    ds.ImagePositionPatient = [float(v) for v in np.round(position_mm, 6)]
    ds.ImageOrientationPatient = [float(v) for v in np.round(orientation, 8)]
    ds.PixelSpacing, ds.SliceThickness = [ROW_MM, COLUMN_MM], SLICE_MM
    ds.RescaleSlope, ds.RescaleIntercept = SLOPE, INTERCEPT
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    set_pixels(ds, hounsfield(slice_points_mm(position_mm, orientation)))
    return ds


def set_pixels(ds: Dataset, values_hu: np.ndarray) -> None:
    stored = np.rint((values_hu - INTERCEPT) / SLOPE).astype(np.uint16)
    ds.Rows, ds.Columns = stored.shape
    ds.PixelData = stored.tobytes()


def datasets(
    steps_mm: Sequence[float] | None = None,
    orientation: Sequence[float] = AXIAL,
    drift: Sequence[float] = (0.0, 0.0, 0.0),
) -> list[FileDataset]:
    """The slices of a series, from below.

    steps_mm : heights of the slices over the first. drift : what each mm of height moves besides.
    """
    row, column = np.reshape(orientation, (2, 3))
    along = np.cross(row, column) + drift
    heights = np.arange(SLICES) * SLICE_MM if steps_mm is None else np.asarray(steps_mm, float)
    made = [dataset(n, ORIGIN_MM + h * along, orientation) for n, h in enumerate(heights)]
    return as_series(made)


def as_series(made: list[FileDataset], number: int = 4) -> list[FileDataset]:
    """The same slices as one series of one study."""
    series, frame = generate_uid(), generate_uid()
    for ds in made:
        ds.StudyInstanceUID = "1.2.826.0.1.3680043.8.498.1"
        ds.SeriesInstanceUID, ds.FrameOfReferenceUID, ds.SeriesNumber = series, frame, number
    return made


def of_image(image: sitk.Image) -> list[FileDataset]:
    """A CT whose slices are its x, y planes as a series."""
    matrix = np.reshape(image.GetDirection(), (3, 3))
    made = []
    for number, plane in enumerate(sitk.GetArrayFromImage(image)):
        position_mm = image.TransformIndexToPhysicalPoint((0, 0, number))
        ds = dataset(number, position_mm, (*matrix[:, 0], *matrix[:, 1]))
        column_mm, row_mm, _ = image.GetSpacing()
        ds.PixelSpacing = [row_mm, column_mm]
        set_pixels(ds, plane)
        made.append(ds)
    return as_series(made)


def save(made: Sequence[FileDataset], folder: Path, ending: str = ".dcm") -> Path:
    """Write the slices under names that do not tell their order."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, ds in enumerate(made):
        name = f"im{ds.get('SeriesNumber', 0)}_{(index * 5) % 97:03d}{index}{ending}"
        ds.save_as(folder / name, enforce_file_format=True)
    return folder


def changed(change: Change, made: list[FileDataset] | None = None) -> list[FileDataset]:
    """The series with every slice changed."""
    made = datasets() if made is None else made
    for number, ds in enumerate(made):
        change(ds, number)
    return made


def enhanced(made: list[FileDataset]) -> FileDataset:
    """The slices as the frames of one Enhanced CT file."""
    ds = pydicom.dcmread(_buffer(made[0]))
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = EnhancedCTImageStorage
    for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"):
        del ds[name]
    del ds.RescaleSlope, ds.RescaleIntercept
    shared = Dataset()
    shared.PlaneOrientationSequence = [_only(made[0], "ImageOrientationPatient")]
    shared.PixelMeasuresSequence = [_only(made[0], "PixelSpacing", "SliceThickness")]
    shared.PixelValueTransformationSequence = [_only(made[0], "RescaleSlope", "RescaleIntercept")]
    ds.SharedFunctionalGroupsSequence = [shared]
    ds.PerFrameFunctionalGroupsSequence = []
    for slice_ in made:
        own = Dataset()
        own.PlanePositionSequence = [_only(slice_, "ImagePositionPatient")]
        ds.PerFrameFunctionalGroupsSequence.append(own)
    ds.NumberOfFrames = len(made)
    ds.PixelData = b"".join(slice_.PixelData for slice_ in made)
    return ds


def _only(ds: Dataset, *names: str) -> Dataset:
    part = Dataset()
    for name in names:
        setattr(part, name, ds[name].value)
    return part


def _buffer(ds: FileDataset):
    from io import BytesIO

    buffer = BytesIO()
    ds.save_as(buffer, enforce_file_format=True)
    buffer.seek(0)
    return buffer
