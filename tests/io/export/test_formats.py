"""Every format is read back by a library that did not write it."""

import csv
import json
from dataclasses import replace
from xml.etree import ElementTree

import dicom_series as drawn
import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import LPS, PIR, draw, oblique

from versectl import geometry, labels
from versectl.errors import BadInputError
from versectl.io import layout, volume
from versectl.io.dicom import reading
from versectl.io.export import dicom_seg, formats, nifti
from versectl.io.export.findings import Findings
from versectl.io.export.formats import Exports
from versectl.io.layout import Case
from versectl.types import Flag

#: What the drawn label map holds: T12, T13, L1, L6.
HELD = (19, 28, 20, 25)


def block_map(ct):
    """A lopsided block for each label, head to foot or what the grid has for it."""
    voxels = np.zeros(ct.GetSize()[::-1], np.uint8)
    for index, label in enumerate(HELD):
        x = 2 + 5 * index
        voxels[1 + index % 2 : 4, 3 : 7 + index, x : x + 4] = label
    return geometry.from_array(voxels, ct)


def found_in(case, ct):
    label_map = block_map(ct)
    centers_mm = {
        label: geometry.to_mm(ct, np.array([3.5 + 5 * index, 5.0, 2.25]))
        for index, label in enumerate(HELD)
    }
    return Findings(case, centers_mm, label_map)


@pytest.fixture(params=[PIR, oblique(LPS)], ids=["PIR", "oblique"])
def findings(request):
    return found_in(Case("spine"), draw(direction=request.param)[0])


@pytest.mark.parametrize("chosen", formats.FORMATS)
def test_no_exported_file_is_taken_for_another_case(chosen, tmp_path):
    for file in formats.FORMATS[chosen]:
        (tmp_path / f"spine{file.ending}").touch()
    (tmp_path / "spine_seg-L1_msk.nii.gz").touch()
    assert layout.find(tmp_path) == {}


def test_the_nifti_bears_the_names_and_colours_of_its_labels(findings, tmp_path):
    path = tmp_path / "spine_seg.nii.gz"
    nifti.write_labels(findings.label_map, path)
    (extension,) = nibabel.load(path).header.extensions
    assert extension.get_code() == 30
    root = ElementTree.fromstring(extension.content)
    rows = root.findall("VolumeInformation/LabelTable/Label")
    assert {int(row.get("Key")): row.text for row in rows} == {0: "???", **labels.NAMES}
    assert len({row.get("Red") + row.get("Green") + row.get("Blue") for row in rows}) == 27


def test_the_nifti_is_where_the_label_map_is(findings, tmp_path):
    path = tmp_path / "spine_seg.nii.gz"
    nifti.write_labels(findings.label_map, path)
    for read in (sitk.ReadImage(str(path)), volume.read_labels(path)):
        assert read.GetPixelID() == sitk.sitkUInt8
        assert geometry.same_grid(read, findings.label_map)
        same = geometry.to_array(read) == geometry.to_array(findings.label_map)
        assert same.all()
    header = nibabel.load(path).header
    assert (header["qform_code"], header["sform_code"]) == (1, 1)
    assert header.get_xyzt_units()[0] == "mm"


def test_the_same_label_map_makes_the_same_bytes_whatever_was_written_between(findings, tmp_path):
    label_map = findings.label_map
    for name, written in (("a", label_map), ("b", label_map == 19), ("c", label_map)):
        nifti.write_labels(written, tmp_path / f"{name}_seg.nii.gz")
    first, between, again = (path.read_bytes() for path in sorted(tmp_path.iterdir()))
    assert first == again != between


def test_each_vertebra_has_a_mask_of_its_own(findings, tmp_path):
    written = nifti.write_each(findings, tmp_path)
    assert [path.name for path in written] == [
        f"spine_seg-{name}_msk.nii.gz" for name in ("T12", "T13", "L1", "L6")
    ]
    whole = geometry.to_array(findings.label_map)
    for path, label in zip(written, HELD, strict=True):
        np.testing.assert_array_equal(np.asarray(nibabel.load(path).dataobj).T, whole == label)


def test_a_slicer_segmentation_has_names_colours_and_terminology(findings, tmp_path):
    nrrd = pytest.importorskip("nrrd")
    (path, _) = formats.write(Exports(("slicer",)), findings, tmp_path)
    voxels, header = nrrd.read(str(path))
    np.testing.assert_array_equal(voxels.T, geometry.to_array(findings.label_map))
    assert header["space"] == "left-posterior-superior"
    frame = geometry.Frame.of(findings.label_map)
    np.testing.assert_allclose(header["space directions"], frame.matrix_mm.T, atol=1e-9)
    np.testing.assert_allclose(header["space origin"], frame.origin_mm, atol=1e-9)
    assert [header[f"Segment{n}_Name"] for n in range(4)] == ["T12", "T13", "L1", "L6"]
    assert [header[f"Segment{n}_LabelValue"] for n in range(4)] == ["19", "28", "20", "25"]
    assert "Segment4_ID" not in header
    for n, label in enumerate(HELD):
        x0, x1, y0, y1, z0, z1 = map(int, header[f"Segment{n}_Extent"].split())
        block = voxels[x0 : x1 + 1, y0 : y1 + 1, z0 : z1 + 1]
        assert (block == label).all()
        assert block.size == (voxels == label).sum()
        color = [float(part) for part in header[f"Segment{n}_Color"].split()]
        assert color == pytest.approx(labels.color(label), abs=1e-4)
    assert "~SCT^66794005^L1 vertebra~^^~" in header["Segment2_Tags"]
    assert "~SCT^51282000^Vertebra~^^~" in header["Segment1_Tags"]
    assert "~SCT^122495006^Thoracic spine~^^|" in header["Segment1_Tags"]
    assert "~SCT^122496007^Lumbar spine~^^|" in header["Segment3_Tags"]


def test_a_slicer_segmentation_says_what_is_likely_wrong(findings, tmp_path):
    nrrd = pytest.importorskip("nrrd")
    flags = (Flag("levels_may_be_shifted", "error", None, "Labels may be shifted: no landmark."),)
    for found, says in ((findings, None), (replace(findings, flags=flags), flags[0].message)):
        path = formats.write(Exports(("slicer",)), found, tmp_path)[0]
        assert nrrd.read_header(str(path)).get("versectl_likely_wrong") == says


def test_slicer_markups_name_the_centres_in_lps(findings, tmp_path):
    (_, path) = formats.write(Exports(("slicer",)), findings, tmp_path)
    (markup,) = json.loads(path.read_text())["markups"]
    assert (markup["type"], markup["coordinateSystem"]) == ("Fiducial", "LPS")
    points = {point["label"]: point for point in markup["controlPoints"]}
    assert list(points) == ["T12", "T13", "L1", "L6"]
    for name, point in points.items():
        center_mm = findings.centers_mm[labels.NUMBERS[name]]
        assert point["position"] == pytest.approx(center_mm.tolist(), abs=1e-3)
        assert point["positionStatus"] == "defined"


def test_itk_snap_has_a_line_for_every_label(findings, tmp_path):
    (path,) = formats.write(Exports(("itk-snap",)), findings, tmp_path)
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    rows = [(*map(int, line.split('"')[0].split()), line.split('"')[1]) for line in lines]
    assert rows[0] == (0, 0, 0, 0, 0, 0, 0, "Clear Label")
    assert {row[0]: row[-1] for row in rows[1:]} == labels.NAMES
    assert all(row[4:7] == (1, 1, 1) and max(row[1:4]) <= 255 for row in rows[1:])


def test_bids_has_a_row_for_every_label(findings, tmp_path):
    (path,) = formats.write(Exports(("bids",)), findings, tmp_path)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert list(rows[0]) == ["index", "name", "abbreviation", "color"]
    assert {int(row["index"]): row["abbreviation"] for row in rows[1:]} == labels.NAMES
    assert all(len(bytes.fromhex(row["color"][1:])) == 3 for row in rows)


def test_a_subset_has_these_vertebrae_only(findings, tmp_path):
    exports = Exports(("slicer",), per_vertebra=True, only=labels.span("T13-L4"))
    seg, points, *masks = formats.write(exports, findings, tmp_path)
    assert [path.name for path in masks] == [
        f"spine_seg-{name}_msk.nii.gz" for name in ("T13", "L1")
    ]
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(seg)))
    whole = geometry.to_array(findings.label_map)
    np.testing.assert_array_equal(voxels, np.where(np.isin(whole, (28, 20)), whole, 0))
    (markup,) = json.loads(points.read_text())["markups"]
    assert [point["label"] for point in markup["controlPoints"]] == ["T13", "L1"]


def test_the_exports_of_a_case_are_known_by_their_names(findings, tmp_path):
    kept = tmp_path / "spine two_seg-L1_msk.nii.gz"
    kept.touch()
    exports = Exports(("slicer", "bids", "itk-snap"), per_vertebra=True)
    assert not exports.are_there(tmp_path, "spine", HELD)
    written = formats.write(exports, findings, tmp_path)
    assert exports.are_there(tmp_path, "spine", HELD)
    assert {*formats.written(tmp_path, "spine")} == {*written} == {*tmp_path.iterdir()} - {kept}
    assert len(written) == 8


@pytest.mark.parametrize("chosen", ["slicer", "per vertebra", *formats.NEED_DICOM])
def test_exports_of_other_vertebrae_are_not_those_asked_for(chosen, tmp_path):
    case = Case("spine", ct=drawn.save(drawn.datasets(), tmp_path / "spine"))
    found = replace(
        found_in(case, reading.read(case.ct).image),
        measures={label: {"volume_ml": 30.0} for label in HELD},
    )
    per_vertebra = chosen == "per vertebra"
    asked = Exports(() if per_vertebra else (chosen,), per_vertebra)
    few, one, all_of_them = ((20, 28, 24), (20,), None)
    for only in (few, all_of_them, one):
        folder = tmp_path / str(only)
        folder.mkdir()
        formats.write(replace(asked, only=only), found, folder)
        for other in (few, all_of_them, one):
            are_there = replace(asked, only=other).are_there(folder, "spine", HELD)
            assert are_there == (other == only)


def test_a_dicom_sr_of_a_seg_that_was_replaced_is_not_the_one_asked_for(tmp_path):
    case = Case("spine", ct=drawn.save(drawn.datasets(), tmp_path / "spine"))
    found = found_in(case, reading.read(case.ct).image)
    measured = replace(found, measures={20: {"volume_ml": 30.0}})
    formats.write(Exports(("dicom-sr",)), measured, tmp_path)
    formats.write(Exports(("dicom-seg",)), measured, tmp_path)
    assert not Exports(("dicom-sr",)).are_there(tmp_path, "spine", HELD)


def test_a_ct_that_is_no_dicom_has_no_dicom_seg(tmp_path):
    case = Case("spine", ct=tmp_path / "spine_ct.nii.gz")
    formats.check(Exports(("slicer", "nifti")), case)
    with pytest.raises(BadInputError, match="is not DICOM; --format dicom-seg needs"):
        formats.check(Exports(("slicer", "dicom-seg")), case)


pydicom = pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")
pytest.importorskip("highdicom", reason="DICOM is an extra: versectl[dicom]")

#: Source series: as it is, out of three files more, leaning, multi-frame.
SOURCES = {
    "axial": lambda: drawn.datasets(),
    "coronal": lambda: drawn.datasets(orientation=drawn.CORONAL),
    "oblique": lambda: drawn.datasets(orientation=np.reshape(oblique(), (3, 3))[:, :2].T.ravel()),
    "leaning": lambda: drawn.datasets(drift=(0.0, 0.25, 0.0)),
    "multi-frame": lambda: [drawn.enhanced(drawn.datasets())],
}


def exported(chosen, made, folder):
    """Findings in a series, their DICOM SEG, and the source's datasets."""
    case = Case("spine", ct=drawn.save(made, folder / "spine"))
    findings = found_in(case, reading.read(case.ct).image)
    (path,) = formats.write(Exports((chosen,)), findings, folder)
    return findings, pydicom.dcmread(path), path


def read_by_gdcm(path):
    """The frames as SimpleITK reads them: (frames, rows, columns).

    GDCM does not know the storage class of label maps yet; it is given another, the pixels stay.
    """
    seg = pydicom.dcmread(path)
    seg.SOPClassUID = pydicom.uid.MultiFrameGrayscaleByteSecondaryCaptureImageStorage
    seg.file_meta.MediaStorageSOPClassUID = seg.SOPClassUID
    known = path.with_name("known.dcm")
    seg.save_as(known)
    voxels = sitk.GetArrayFromImage(sitk.ReadImage(str(known)))
    return voxels.reshape(-1, seg.Rows, seg.Columns)


def frame_index(label_map, frame):
    """Which slice of a label map a frame lies on; its corner must be the slice's."""
    position = frame.PlanePositionSequence[0].ImagePositionPatient
    x, y, z = geometry.to_vox(label_map, np.array(position, float))
    assert (x, y) == pytest.approx((0, 0), abs=1e-3)
    assert z == pytest.approx(round(z), abs=1e-3)
    return round(z)


@pytest.mark.parametrize("make", SOURCES.values(), ids=SOURCES)
def test_a_dicom_seg_is_the_label_map_voxel_by_voxel(make, tmp_path):
    findings, seg, path = exported("dicom-seg", make(), tmp_path)
    read = read_by_gdcm(path)
    voxels = np.zeros_like(geometry.to_array(findings.label_map))
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, read, strict=True):
        voxels[frame_index(findings.label_map, frame)] = plane
    np.testing.assert_array_equal(voxels, geometry.to_array(findings.label_map))
    measures = seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    spacing_mm = (*measures.PixelSpacing[::-1], measures.SpacingBetweenSlices)
    assert spacing_mm == pytest.approx(findings.label_map.GetSpacing())


def test_a_binary_dicom_seg_has_the_voxels_of_every_vertebra(tmp_path):
    findings, seg, _ = exported("dicom-seg-binary", drawn.datasets(), tmp_path)
    numbers = {item.SegmentNumber: item.SegmentLabel for item in seg.SegmentSequence}
    assert list(numbers) == [1, 2, 3, 4]
    voxels = np.zeros_like(geometry.to_array(findings.label_map))
    for frame, plane in zip(seg.PerFrameFunctionalGroupsSequence, seg.pixel_array, strict=True):
        number = frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        at = voxels[frame_index(findings.label_map, frame)]
        at[plane > 0] = labels.NUMBERS[numbers[number]]
    np.testing.assert_array_equal(voxels, geometry.to_array(findings.label_map))


def test_a_dicom_seg_has_codes_and_points_to_its_series(tmp_path):
    made = drawn.datasets()
    _, seg, _ = exported("dicom-seg", made, tmp_path)
    segments = {item.SegmentLabel: item for item in seg.SegmentSequence}
    assert {name: item.SegmentNumber for name, item in segments.items()} == {
        "Background": 0,
        "T12": 19,
        "L1": 20,
        "L6": 25,
        "T13": 28,
    }
    kinds = {n: i.SegmentedPropertyTypeCodeSequence[0].CodeValue for n, i in segments.items()}
    assert kinds == {
        "Background": "125040",
        "T12": "23215003",
        "L1": "66794005",
        "L6": "51282000",
        "T13": "51282000",
    }
    regions = {
        name: item.AnatomicRegionSequence[0].CodeValue
        for name, item in segments.items()
        if "AnatomicRegionSequence" in item
    }
    assert regions == {"T13": "122495006", "L6": "122496007"}
    (series,) = seg.ReferencedSeriesSequence
    assert series.SeriesInstanceUID == made[0].SeriesInstanceUID
    assert seg.StudyInstanceUID == made[0].StudyInstanceUID
    assert seg.FrameOfReferenceUID == made[0].FrameOfReferenceUID
    referenced = {i.ReferencedSOPInstanceUID for i in series.ReferencedInstanceSequence}
    assert referenced <= {ds.SOPInstanceUID for ds in made}


def test_only_dicom_objects_bear_the_patient(tmp_path):
    case = Case("spine", ct=drawn.save(drawn.datasets(), tmp_path / "spine"))
    found = found_in(case, reading.read(case.ct).image)
    findings = replace(found, measures={20: {"volume_ml": 30.0}})
    written = formats.write(Exports(tuple(formats.FORMATS), True), findings, tmp_path / "out")
    bearing = [path.name for path in written if b"Secret" in path.read_bytes()]
    assert bearing == ["spine_seg.dcm", "spine_sr.dcm"]


def test_a_case_without_masks_has_no_dicom_seg(tmp_path):
    case = Case("spine", ct=drawn.save(drawn.datasets(), tmp_path / "spine"))
    findings = found_in(case, reading.read(case.ct).image)
    nothing = replace(findings, label_map=findings.label_map * 0)
    exports = Exports(("dicom-seg", "dicom-sr", "bids"))
    assert formats.write(exports, nothing, tmp_path) == [tmp_path / "spine_dseg.tsv"]
    assert list(tmp_path.glob("*.dcm")) == []
    with pytest.raises(BadInputError, match="no vertebra has a mask"):
        dicom_seg.write_labelmap(nothing, tmp_path / "spine_seg.dcm")
