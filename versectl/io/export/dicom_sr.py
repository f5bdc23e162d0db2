"""DICOM SR: volume and mean attenuation of every vertebra as a measurement report (TID 1500).

Each group of measures refers to its segment in the DICOM SEG beside it, and like that object bears
the patient's name and numbers.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from versectl import labels
from versectl.io import atomic
from versectl.io.dicom import headers
from versectl.io.export import dicom_seg
from versectl.io.export.findings import Findings
from versectl.version import __version__

if TYPE_CHECKING:
    from highdicom.sr import (
        Comprehensive3DSR,
        ContainerContentItem,
        Measurement,
        ObservationContext,
        VolumetricROIMeasurementsAndQualitativeEvaluations,
    )
    from pydicom import Dataset

#: What was reported on.
PROCEDURE = labels.Code("77477000", "Computed tomography")


def write(findings: Findings, path: Path) -> None:
    """Write <case>_sr.dcm of findings that are measured; their DICOM SEG lies beside it already."""
    with headers.quiet() as pydicom:
        seg = pydicom.dcmread(path.with_name(path.name.replace("_sr.dcm", "_seg.dcm")))
        report = _report(findings, seg)
        with atomic.replacing(path, ".dcm") as temporary:
            report.save_as(temporary)


def refers_to(path: Path, seg: Path) -> bool:
    """Whether a DICOM SR is of this very DICOM SEG, which has not been replaced since."""
    with headers.quiet():
        studies = headers.value_in(path, "CurrentRequestedProcedureEvidenceSequence") or ()
        series = [one for study in studies for one in study.ReferencedSeriesSequence]
        uids = {obj.ReferencedSOPInstanceUID for one in series for obj in one.ReferencedSOPSequence}
    return headers.value_in(seg, "SOPInstanceUID") in uids


def _report(findings: Findings, seg: "Dataset") -> "Comprehensive3DSR":
    from highdicom import UID
    from highdicom.sr import Comprehensive3DSR, MeasurementReport

    groups = [_group(label, findings, seg) for label in findings.measured]
    content = MeasurementReport(_observer(), dicom_seg.coded(PROCEDURE), groups)
    if findings.doubts:
        content[0].ContentSequence.append(_evaluated(findings.doubts))
    return Comprehensive3DSR(
        evidence=[seg],
        content=content[0],
        series_instance_uid=UID(),
        series_number=int(seg.SeriesNumber) + 1,
        sop_instance_uid=UID(),
        instance_number=1,
        manufacturer="versectl",
        is_complete=True,
        series_description=dicom_seg.described("Measures of vertebrae (versectl)", findings),
    )


def _group(
    label: int, findings: Findings, seg: "Dataset"
) -> "VolumetricROIMeasurementsAndQualitativeEvaluations":
    """The measures of one vertebra, which has a segment."""
    from highdicom import UID, sr

    (number,) = (
        int(one.SegmentNumber)
        for one in seg.SegmentSequence
        if one.SegmentLabel == labels.NAMES[label]
    )
    source = sr.SourceSeriesForSegmentation(seg.ReferencedSeriesSequence[0].SeriesInstanceUID)
    region = labels.region_code(label)
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(UID(), labels.NAMES[label]),
        referenced_segment=sr.ReferencedSegment(
            seg.SOPClassUID, seg.SOPInstanceUID, number, source_series=source
        ),
        finding_category=dicom_seg.coded(dicom_seg.CATEGORY),
        finding_type=dicom_seg.coded(labels.code(label)),
        finding_sites=[sr.FindingSite(dicom_seg.coded(region))] if region else None,
        algorithm_id=sr.AlgorithmIdentification("versectl", __version__),
        measurements=_measures(findings.measures[label]),
    )


def _measures(known: dict[str, float]) -> list["Measurement"]:
    """Volume and mean attenuation, as far as they are known."""
    from highdicom.sr import Measurement
    from pydicom.sr.codedict import codes

    found = []
    if math.isfinite(known.get("volume_ml", math.nan)):
        cubic_cm = codes.UCUM.CubicCentimeter
        found.append(Measurement(codes.SCT.Volume, round(known["volume_ml"], 3), cubic_cm))
    if math.isfinite(known.get("hu_mean", math.nan)):
        found.append(
            Measurement(
                codes.DCM.AttenuationCoefficient,
                round(known["hu_mean"], 1),
                codes.UCUM.HounsfieldUnit,
                derivation=codes.SCT.Mean,
            )
        )
    return found


def _evaluated(doubts: Sequence[str]) -> "ContainerContentItem":
    """What is likely wrong, a comment each, where TID 1500 has evaluations of the whole."""
    from highdicom.sr import (
        CodedConcept,
        ContainerContentItem,
        ContentSequence,
        RelationshipTypeValues,
        TextContentItem,
    )
    from pydicom.sr.codedict import codes

    contains = RelationshipTypeValues.CONTAINS
    evaluations = CodedConcept("C0034375", "UMLS", "Qualitative Evaluations")
    item = ContainerContentItem(evaluations, relationship_type=contains)
    item.ContentSequence = ContentSequence(
        [TextContentItem(codes.DCM.Comment, sentence, contains) for sentence in doubts]
    )
    return item


def _observer() -> "ObservationContext":
    """Who measured: this program."""
    from highdicom import UID
    from highdicom.sr import (
        DeviceObserverIdentifyingAttributes,
        ObservationContext,
        ObserverContext,
    )
    from pydicom.sr.codedict import codes

    device = DeviceObserverIdentifyingAttributes(
        uid=UID(), name="versectl", manufacturer_name="versectl", model_name=__version__
    )
    return ObservationContext(
        observer_device_context=ObserverContext(codes.DCM.Device, device),
    )
