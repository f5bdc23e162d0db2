"""DICOM SEG: the masks as an object of the study that the CT came from.

It bears the patient's name and numbers, as every object of a study must; of all that versectl
writes only this and the DICOM SR do. Archives keep it without the report, so that it says itself
what is likely wrong.
"""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import SimpleITK as sitk

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.io import atomic
from versectl.io.dicom import headers, reading
from versectl.io.export.findings import Findings
from versectl.version import __version__

if TYPE_CHECKING:
    from highdicom import Volume
    from highdicom.seg import Segmentation, SegmentDescription
    from highdicom.sr import CodedConcept
    from pydicom import Dataset

#: Category of every segment in SNOMED CT.
CATEGORY = labels.Code("123037004", "Anatomical Structure")

#: What a patient and a study may be empty of (type 2: part 3, C.7.1.1 and C.7.2.1), and what is
#: often missing where a series was made anonymous.
MAY_BE_EMPTY = (
    *("PatientName", "PatientID", "PatientBirthDate", "PatientSex"),
    *("StudyDate", "StudyTime", "StudyID", "AccessionNumber", "ReferringPhysicianName"),
)

#: Letters that a description may have (value representation LO: part 5, 6.2).
LONGEST = 64

#: What tells to which study, and where in it, a segmentation belongs.
NEEDED = ("StudyInstanceUID", "FrameOfReferenceUID")


def write_labelmap(findings: Findings, path: Path) -> None:
    """Write one frame per slice that holds the labels; segment numbers are VerSe's labels."""
    numbers = {label: label for label in sorted(findings.labels)}
    _write(_segmentation(findings, "LABELMAP", numbers), path)


def write_binary(findings: Findings, path: Path) -> None:
    """Write frames of 0 and 1 for each vertebra, for older readers; segments count from 1."""
    numbers = {label: number for number, label in enumerate(findings.labels, start=1)}
    _write(_segmentation(findings, "BINARY", numbers), path)


def kind_of(path: Path) -> str:
    """LABELMAP or BINARY, as DICOM names them; empty for what is no DICOM SEG."""
    return str(headers.value_in(path, "SegmentationType") or "")


def labels_in(path: Path) -> list[int]:
    """The labels that a DICOM SEG holds; its background is none. What is no DICOM SEG has none."""
    with headers.quiet():
        segments = headers.value_in(path, "SegmentSequence") or ()
        names = [str(segment.SegmentLabel) for segment in segments]
    return [labels.NUMBERS[name] for name in names if name in labels.NUMBERS]


def _segmentation(findings: Findings, kind: str, numbers: dict[int, int]) -> "Segmentation":
    if not numbers or findings.case.ct is None:
        raise BadInputError("no vertebra has a mask; there is nothing to write as DICOM SEG.")
    with headers.quiet():
        from highdicom import UID
        from highdicom.seg import Segmentation
        from pydicom.uid import ExplicitVRLittleEndian, RLELossless

        source = _source(findings.case.ct, findings.case.series)
        return Segmentation(
            source_images=source,
            pixel_array=_volume(findings.label_map, numbers, source[0].FrameOfReferenceUID),
            segmentation_type=kind,
            segment_descriptions=[_described(label, number) for label, number in numbers.items()],
            series_instance_uid=UID(),
            series_number=_series_number(source),
            sop_instance_uid=UID(),
            instance_number=1,
            manufacturer="versectl",
            manufacturer_model_name="versectl",
            software_versions=__version__,
            device_serial_number=__version__,
            content_label="VERTEBRAE",
            content_description=_in_letters(" ".join(findings.doubts)) or None,
            series_description=described("Vertebrae (versectl)", findings),
            transfer_syntax_uid=RLELossless if kind == "LABELMAP" else ExplicitVRLittleEndian,
        )


def _source(ct: Path, series: str | None) -> "list[Dataset]":
    """The headers of a CT's slices, with what may be empty; BadInputError where more is missing."""
    source = reading.headers_of(ct, series)
    for header in source:
        for name in MAY_BE_EMPTY:
            header.setdefault(name, "")
        missing = [name for name in NEEDED if not header.get(name)]
        if missing:
            raise BadInputError(
                f"{ct} has no {missing[0]}, which its study's DICOM SEG needs; get the series "
                "again, or leave the DICOM formats out."
            )
    return source


def _volume(label_map: sitk.Image, numbers: dict[int, int], frame_of_reference: str) -> "Volume":
    """Segment numbers as frames, rows, columns, with their place in the world."""
    from highdicom import Volume

    table = np.zeros(256, np.uint8)
    table[list(numbers)] = list(numbers.values())
    frame = geometry.Frame.of(label_map)
    affine = np.eye(4)
    affine[:3, :3] = frame.matrix_mm[:, ::-1]
    affine[:3, 3] = frame.origin_mm
    return Volume(
        table[sitk.GetArrayViewFromImage(label_map)],
        affine,
        coordinate_system="PATIENT",
        frame_of_reference_uid=frame_of_reference,
    )


def _described(label: int, number: int) -> "SegmentDescription":
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from pydicom.sr.codedict import codes

    region = labels.region_code(label)
    return SegmentDescription(
        segment_number=number,
        segment_label=labels.NAMES[label],
        segmented_property_category=coded(CATEGORY),
        segmented_property_type=coded(labels.code(label)),
        algorithm_type="AUTOMATIC",
        algorithm_identification=AlgorithmIdentificationSequence(
            name="versectl",
            family=codes.DCM.ArtificialIntelligence,
            version=__version__,
        ),
        anatomic_regions=[coded(region)] if region else None,
        display_color=CIELabColor.from_rgb(*labels.rgb(label)),
    )


def described(title: str, findings: Findings) -> str:
    """A series' description: what it is, and in short what is likely wrong."""
    return f"{title} - {findings.doubt}" if findings.doubt else title


def _in_letters(text: str) -> str:
    """The first words of a text, as many as a description may have."""
    return textwrap.shorten(text.replace("\\", "/"), LONGEST, placeholder="...")


def coded(code: labels.Code) -> "CodedConcept":
    """A concept of SNOMED CT, as DICOM objects hold it."""
    from highdicom.sr import CodedConcept

    return CodedConcept(code.value, "SCT", code.meaning)


def _series_number(source: Sequence["Dataset"]) -> int:
    """The source's number and two digits, as archives sort them beside it."""
    return int(source[0].get("SeriesNumber") or 0) * 100 + 1


def _write(segmentation: "Segmentation", path: Path) -> None:
    with atomic.replacing(path) as temporary, headers.quiet():
        segmentation.save_as(temporary)
