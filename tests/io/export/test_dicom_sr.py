"""DICOM SR: measures of every vertebra, read back by highdicom and, independently, item by item."""

import math
from dataclasses import replace

import dicom_series as drawn
import numpy as np
import pytest

from versectl import geometry
from versectl.io.dicom import reading
from versectl.io.export import formats
from versectl.io.export.findings import Findings
from versectl.io.export.formats import Exports
from versectl.io.layout import Case
from versectl.types import Flag

pydicom = pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")
highdicom = pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")

MEASURES = {
    19: {"volume_ml": 31.25, "hu_mean": 151.74},
    20: {"volume_ml": 33.5, "hu_mean": math.nan},
    25: {"volume_ml": 40.0, "hu_mean": 120.0},
    28: {"volume_ml": math.nan, "hu_mean": math.nan},
}


@pytest.fixture
def findings(tmp_path):
    """Four vertebrae in a DICOM series; of T13 nothing is measured."""
    case = Case("spine", ct=drawn.save(drawn.datasets(), tmp_path / "spine"))
    image = reading.read(case.ct).image
    voxels = np.zeros(image.GetSize()[::-1], np.uint8)
    for number, label in enumerate(MEASURES):
        voxels[1 + number, 2:5, 3:9] = label
    return Findings(case, {}, geometry.from_array(voxels, image), measures=MEASURES)


def written(findings, folder, *chosen):
    paths = formats.write(Exports(chosen), findings, folder)
    return {path.name: pydicom.dcmread(path) for path in paths}


def concept(item):
    return item.ConceptNameCodeSequence[0].CodeValue


def test_the_report_has_volume_and_attenuation_of_every_segment(findings, tmp_path):
    files = written(findings, tmp_path, "dicom-sr")
    assert set(files) == {"spine_seg.dcm", "spine_sr.dcm"}
    report = highdicom.sr.srread(tmp_path / "spine_sr.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    found = {}
    for group in groups:
        values = {m.name.value: (m.value, m.unit.value) for m in group.get_measurements()}
        found[group.tracking_identifier] = values
    assert found == {
        "T12": {"118565006": (31.25, "cm3"), "112031": (151.7, "[hnsf'U]")},
        "L1": {"118565006": (33.5, "cm3")},
        "L6": {"118565006": (40.0, "cm3"), "112031": (120.0, "[hnsf'U]")},
    }
    assert [group.finding_type.value for group in groups] == ["23215003", "66794005", "51282000"]
    assert [site.value.value for site in groups[2].finding_sites] == ["122496007"]


def below(item):
    """Every item below one of an SR, in order."""
    for child in item.get("ContentSequence", ()):
        yield child
        yield from below(child)


def segment_of(item):
    return "ReferencedSOPSequence" in item and (
        "ReferencedSegmentNumber" in item.ReferencedSOPSequence[0]
    )


def numbers(item):
    """Every number below an item of an SR: (what, value, unit, derivation)."""
    found = []
    for child in below(item):
        if child.ValueType == "NUM":
            (value,) = child.MeasuredValueSequence
            derived = [one for one in below(child) if concept(one) == "121401"]
            means = [one.ConceptCodeSequence[0].CodeMeaning for one in derived]
            unit = value.MeasurementUnitsCodeSequence[0].CodeValue
            found.append((concept(child), float(value.NumericValue), unit, means))
    return found


def test_the_same_numbers_are_read_item_by_item(findings, tmp_path):
    report = written(findings, tmp_path, "dicom-sr")["spine_sr.dcm"]
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    assert numbers(report) == [
        ("118565006", 31.25, "cm3", []),
        ("112031", 151.7, "[hnsf'U]", ["Mean"]),
        ("118565006", 33.5, "cm3", []),
        ("118565006", 40.0, "cm3", []),
        ("112031", 120.0, "[hnsf'U]", ["Mean"]),
    ]


@pytest.mark.parametrize("more", [(), ("dicom-seg-binary",)])
def test_every_group_refers_to_its_segment_whatever_kind_of_seg_it_is(findings, tmp_path, more):
    files = written(findings, tmp_path, "dicom-sr", *more)
    seg = files["spine_seg.dcm"]
    assert str(seg.SegmentationType) == ("BINARY" if more else "LABELMAP")
    by_number = {item.SegmentNumber: item.SegmentLabel for item in seg.SegmentSequence}
    report = files["spine_sr.dcm"]
    names = [item.TextValue for item in below(report) if concept(item) == "112039"]
    referenced = [item.ReferencedSOPSequence[0] for item in below(report) if segment_of(item)]
    assert [by_number[segment.ReferencedSegmentNumber] for segment in referenced] == names
    assert {one.ReferencedSOPInstanceUID for one in referenced} == {seg.SOPInstanceUID}
    assert names == ["T12", "L1", "L6"]
    assert report.StudyInstanceUID == seg.StudyInstanceUID
    assert report.PatientID == seg.PatientID


@pytest.mark.parametrize("more", [(), ("dicom-seg-binary",)])
def test_without_any_measure_there_is_the_seg_alone(findings, tmp_path, caplog, more):
    unknown = {label: dict.fromkeys(values, math.nan) for label, values in MEASURES.items()}
    caplog.set_level("INFO", logger="versectl")
    for measures in ({}, unknown):
        files = written(replace(findings, measures=measures), tmp_path, "dicom-sr", *more)
        (seg,) = files.values()
        assert str(seg.SegmentationType) == ("BINARY" if more else "LABELMAP")
        assert "spine: no vertebra is measured; dicom-sr is left out" in caplog.messages
        caplog.clear()


def test_a_report_of_vertebrae_that_are_not_measured_is_none_though_others_are(findings, tmp_path):
    paths = formats.write(Exports(("dicom-sr",), only=(28,)), findings, tmp_path)
    assert [path.name for path in paths] == ["spine_seg.dcm"]


def test_the_formats_that_a_folder_has_are_recognised(findings, tmp_path):
    for chosen in (("dicom-seg",), ("dicom-seg-binary",), ("dicom-sr", "dicom-seg-binary")):
        folder = tmp_path / "-".join(chosen)
        written(findings, folder, *chosen)
        assert formats.present(folder, "spine").formats == chosen


MESSAGE = "Labels may be shifted: the numbering has a probability of 0.41; T11 to L4 has 0.38."
OTHER = "Centroids lie in the masks of other vertebrae: L1 in T12."
SHIFTED = Flag("levels_may_be_shifted", "error", None, MESSAGE)
DOUBTS = (
    Flag("gap", "warning", "L1", "There is a gap between L1 and L6."),
    Flag("centroid_in_other_mask", "error", None, OTHER),
    SHIFTED,
)


def comments(report):
    (container,) = (one for one in report.ContentSequence if concept(one) == "C0034375")
    return [item.TextValue for item in below(container)]


def test_a_likely_wrong_result_says_so_where_archives_show_it(findings, tmp_path):
    files = written(replace(findings, flags=DOUBTS), tmp_path, "dicom-sr")
    seg, report = files["spine_seg.dcm"], files["spine_sr.dcm"]
    assert seg.SeriesDescription == "Vertebrae (versectl) - levels may be shifted"
    assert report.SeriesDescription == "Measures of vertebrae (versectl) - levels may be shifted"
    assert seg.ContentDescription == "Labels may be shifted: the numbering has a probability of..."
    assert comments(report) == [MESSAGE, OTHER]
    read = highdicom.sr.srread(tmp_path / "spine_sr.dcm").content
    assert len(read.get_volumetric_roi_measurement_groups()) == 3


def test_other_errors_than_the_levels_refer_to_the_report_and_fit_the_description(
    findings, tmp_path
):
    files = written(replace(findings, flags=DOUBTS[:2]), tmp_path, "dicom-sr")
    for file, title in (("seg", "Vertebrae"), ("sr", "Measures of vertebrae")):
        shown = files[f"spine_{file}.dcm"].SeriesDescription
        assert shown == f"{title} (versectl) - likely wrong, see report"
        assert len(shown) <= 64
    assert files["spine_seg.dcm"].ContentDescription == OTHER
    assert comments(files["spine_sr.dcm"]) == [OTHER]


@pytest.mark.parametrize("flags", [(), DOUBTS[:1]])
def test_a_result_without_errors_says_nothing(findings, tmp_path, flags):
    files = written(replace(findings, flags=flags), tmp_path, "dicom-sr")
    assert files["spine_seg.dcm"].SeriesDescription == "Vertebrae (versectl)"
    assert not files["spine_seg.dcm"].get("ContentDescription")
    report = files["spine_sr.dcm"]
    assert "C0034375" not in {concept(one) for one in report.ContentSequence}
