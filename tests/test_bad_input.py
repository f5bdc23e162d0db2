"""Bad input: one line that says what, where and what to do, exit code 3, nothing half-written."""

import gzip
import json

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import FAT, draw

from versectl import geometry
from versectl.io import atomic

#: Name of the file to make -> what it says; the makers below draw them.
SAYS = {
    "missing.nii.gz": "does not exist",
    "empty": "holds no CT",
    "only_text": "holds no CT",
    "text.txt": "is not an image that versectl reads",
    "no_bytes.nii.gz": "not in the format its name says",
    "text.nii.gz": "not in the format its name says",
    "cut.nii": "damaged or cut off",
    "cut.nii.gz": "damaged or cut off",
    "cut_late.nii.gz": "damaged or cut off",
    "flipped.nii.gz": "damaged or cut off",
    "cut.nrrd": "damaged or cut off",
    "cut.mha": "damaged or cut off",
    "flipped.mha": "damaged or cut off",
    "no_data.mhd": "damaged or cut off",
    "flat.nii.gz": "40x36 voxels; versectl needs one 3-D CT",
    "slice.nii.gz": "1 voxels; versectl needs one 3-D CT",
    "slice.nrrd": "1 voxels; versectl needs one 3-D CT",
    "color.nii.gz": "colour or vector image",
    "color.mha": "colour or vector image",
    "complex.nii.gz": "colour or vector image",
    "frames.nii.gz": "3 frames",
    "frames.nrrd": "3 frames",
    "infinite.nii.gz": "infinite values",
    "infinite.nrrd": "infinite values",
    "constant.nii.gz": "is constant: every voxel is -90",
    "stored_values.nii.gz": "not Hounsfield units; convert it first",
    "picture.nii.gz": "not Hounsfield units; it looks like a label map or an 8-bit picture",
    "label_map.nii.gz": "not Hounsfield units; it looks like a label map or an 8-bit picture",
    "padded_stored_values.nii.gz": "not Hounsfield units",
    "twice_padded_stored_values.nii.gz": "not Hounsfield units",
    "flat_axes.nii.gz": "voxel axes that span no volume",
    "flat_axes.nrrd": "voxel axes that span no volume",
    "flat_axes.mha": "voxel axes that span no volume",
    "metres.nii.gz": "would be 117.5 m long along its z axis (a body part has 20 mm to 3 m), "
    "and its units say metre; check the units and the spacing",
    "short.nii.gz": "would be 12.5 mm long along its z axis",
    "short.mha": "would be 12.5 mm long along its z axis",
    "no_extent.mha": "spacing of 0",
    "scan.img": "is not an image that versectl reads",
    "folder.nii.gz": "holds no CT",
    "zeros.nii.gz": "not in the format its name says",
    "huge.nii": "would be 75 m long along its z axis",
    "negative.nii": "is -40x36x47 voxels",
    "packed_twice.nii.gz": "not in the format its name says",
    "nrrd_named.nii.gz": "not in the format its name says",
    "elsewhere.mhd": "damaged or cut off",
    "rgb.nrrd": "colour or vector image",
    "nowhere.nii": "position or spacing that is not finite",
    "many_axes.mha": "a strange number of axes",
    "no_text.mha": "its header is not text",
    "mr.nii.gz": "not Hounsfield units",
    "far.nii.gz": "not Hounsfield units",
}


def flat_axes(ct, path):
    affine = np.diag([2.0, 1.5, 2.5, 1.0])
    affine[:3, 2] = affine[:3, 0] + affine[:3, 1]
    nibabel.save(nibabel.Nifti1Image(geometry.to_array(ct).T, affine), path)


def metres(ct, path):
    sitk.WriteImage(ct, str(path))
    image = nibabel.load(path)
    image.header.set_xyzt_units("meter")
    image.to_filename(path)


def edit(old, new):
    """A maker: the CT as MetaImage or NRRD with a line of its header changed."""

    def make(ct, path):
        sitk.WriteImage(ct, str(path))
        content = path.read_bytes()
        assert content.count(old) == 1
        path.write_bytes(content.replace(old, new))

    return make


def cut(share):
    """A maker: the CT, of which only a share of the bytes is there."""

    def make(ct, path):
        sitk.WriteImage(ct, str(path), useCompression=True)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return make


def flip(ct, path):
    """The CT with one wrong byte in its packed voxels."""
    noisy = geometry.to_array(ct) + np.random.default_rng(1).integers(-50, 50, ct.GetSize()[::-1])
    sitk.WriteImage(geometry.from_array(noisy.astype(np.int16), ct), str(path), useCompression=True)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def drawn(change):
    """A maker: the CT's array, changed."""

    def make(ct, path):
        sitk.WriteImage(geometry.from_array(change(geometry.to_array(ct)), ct), str(path))

    return make


def with_value(value):
    def change(array):
        array = array.astype(np.float32)
        array[2, 3, 4] = value
        return array

    return drawn(change)


def imaged(change):
    """A maker: another SimpleITK image made from the CT."""
    return lambda ct, path: sitk.WriteImage(change(ct), str(path))


def nifti_edit(offset, numbers):
    """A maker: an uncompressed NIfTI with 16-bit numbers of its header changed."""

    def make(ct, path):
        sitk.WriteImage(ct, str(path))
        content = bytearray(path.read_bytes())
        content[offset : offset + 2 * len(numbers)] = np.array(numbers, "<i2").tobytes()
        path.write_bytes(content)

    return make


def packed_twice(ct, path):
    sitk.WriteImage(ct, str(path))
    path.write_bytes(gzip.compress(path.read_bytes()))


def named_otherwise(suffix):
    """A maker: a whole file under another format's name."""

    def make(ct, path):
        other = path.with_name(f"other{suffix}")
        sitk.WriteImage(ct, str(other))
        other.rename(path)

    return make


def edit_after(old, new):
    """A maker: a MetaImage in two files, with a word of the header changed."""

    def make(ct, path):
        sitk.WriteImage(ct, str(path))
        path.write_bytes(path.read_bytes().replace(old, new))

    return make


MAKERS = {
    "missing.nii.gz": lambda _ct, _path: None,
    "empty": lambda _ct, path: path.mkdir(),
    "only_text": lambda _ct, path: (path.mkdir(), (path / "notes.txt").touch()),
    "text.txt": lambda _ct, path: path.write_text("hello"),
    "no_bytes.nii.gz": lambda _ct, path: path.touch(),
    "text.nii.gz": lambda _ct, path: path.write_text("hello"),
    "cut.nii": cut(0.6),
    "cut.nii.gz": cut(0.6),
    "cut_late.nii.gz": cut(0.98),
    "flipped.nii.gz": flip,
    "cut.nrrd": cut(0.6),
    "cut.mha": cut(0.6),
    "flipped.mha": flip,
    "no_data.mhd": lambda ct, path: (
        sitk.WriteImage(ct, str(path)),
        path.with_suffix(".raw").unlink(),
    ),
    "flat.nii.gz": imaged(lambda ct: sitk.Image(40, 36, sitk.sitkInt16)),
    "slice.nii.gz": imaged(lambda ct: ct[:, :, 5:6]),
    "slice.nrrd": imaged(lambda ct: ct[:, :, 5:6]),
    "color.nii.gz": imaged(lambda ct: sitk.Compose(ct, ct, ct)),
    "color.mha": imaged(lambda ct: sitk.Compose(ct, ct, ct)),
    "complex.nii.gz": imaged(lambda ct: sitk.RealAndImaginaryToComplex(*[to_float(ct)] * 2)),
    "frames.nii.gz": imaged(lambda ct: sitk.JoinSeries([ct] * 3)),
    "frames.nrrd": imaged(lambda ct: sitk.JoinSeries([ct] * 3)),
    "infinite.nii.gz": with_value(-np.inf),
    "infinite.nrrd": with_value(np.inf),
    "constant.nii.gz": drawn(lambda array: np.full_like(array, FAT)),
    "stored_values.nii.gz": drawn(lambda array: array + np.int16(1024)),
    "picture.nii.gz": drawn(lambda array: np.clip(array / 4 + 100, 0, 255).astype(np.uint8)),
    "label_map.nii.gz": drawn(lambda array: (array > 0).astype(np.uint8)),
    "padded_stored_values.nii.gz": drawn(lambda array: padded(array + np.int16(1024), -2000)),
    "twice_padded_stored_values.nii.gz": drawn(
        lambda array: padded(padded(array + np.int16(1024), -2000), -1024, 30)
    ),
    "flat_axes.nii.gz": flat_axes,
    "flat_axes.nrrd": edit(b"(0,1.5,0)", b"(2,0.0001,0)"),
    "flat_axes.mha": edit(b"TransformMatrix = 1 0 0 0 1 0", b"TransformMatrix = 1 0 0 1 0.0001 0"),
    "metres.nii.gz": metres,
    "short.nii.gz": imaged(lambda ct: ct[:, :, :5]),
    "short.mha": imaged(lambda ct: ct[:, :, :5]),
    "no_extent.mha": edit(b"ElementSpacing = 2 1.5", b"ElementSpacing = 2 0"),
    "scan.img": lambda _ct, path: path.write_bytes(bytes(348)),
    "folder.nii.gz": lambda _ct, path: path.mkdir(),
    "zeros.nii.gz": lambda _ct, path: path.write_bytes(bytes(5000)),
    "huge.nii": nifti_edit(42, (30000, 30000, 30000)),
    "negative.nii": nifti_edit(42, (-40, 36, 47)),
    "packed_twice.nii.gz": packed_twice,
    "nrrd_named.nii.gz": named_otherwise(".nrrd"),
    "elsewhere.mhd": edit_after(b"ElementDataFile = ", b"ElementDataFile = ../../"),
    "nowhere.nii": nifti_edit(308, (0, -128)),  # an infinity: ITK would compute for ever
    "many_axes.mha": edit(b"NDims = 3", b"NDims = 999999999993"),  # ITK would crash
    "no_text.mha": edit(b"CenterOfRotation = 0", b"CenterOfRotation = \xff"),
    "rgb.nrrd": imaged(lambda ct: sitk.Compose(ct, ct, ct)),
    "mr.nii.gz": drawn(lambda array: np.abs(array)),
    "far.nii.gz": drawn(lambda array: array.astype(np.float32) * 1e9),
}


def padded(array, value, planes=40):
    """The array with a constant at one end."""
    array[planes:] = value
    return array


def to_float(ct):
    return sitk.Cast(ct, sitk.sitkFloat32)


@pytest.mark.parametrize("name", SAYS)
def test_bad_input_is_told_in_one_line_and_leaves_nothing_half_written(name, run, tmp_path, out):
    path = tmp_path / "in" / name
    path.parent.mkdir()
    MAKERS[name](draw()[0], path)
    done = run("run-all", path, out)
    assert done.exit_code == 3, done.output
    assert done.stderr.startswith(f"Error: {path}")
    assert SAYS[name] in done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""
    left = [file.name for file in out.iterdir()] if out.exists() else []
    assert all(file.endswith("_report.json") for file in left)


def test_a_bad_case_gets_a_report_that_says_why(run, tmp_path, out):
    path = tmp_path / "infinite_ct.nii.gz"
    MAKERS["infinite.nii.gz"](draw()[0], path)
    run("run-all", path, out)
    report = json.loads((out / "infinite_report.json").read_text())
    assert report["status"] == "failed"
    assert report["error"]["exit_code"] == 3
    assert "infinite values" in report["error"]["message"]
    assert report["input"]["sha256"] == atomic.sha256(path)


def test_output_that_cannot_be_written_is_bad_input(run, ct_file, tmp_path):
    (tmp_path / "file").touch()
    done = run("run-all", ct_file, tmp_path / "file")
    assert done.exit_code == 3
    assert done.stderr.count("\n") == 1


SPINES = {
    "not json": "is not a spine file",
    '{"center": [1, 2, 3]}': "is not a spine file",
    '{"center_mm": [1, 2]}': "center_mm needs three numbers",
    '{"center_mm": [1, 2, 30000]}': "outside the scan; correct the point or remove the file",
    '{"center_mm": [1, 2, NaN]}': "center_mm needs three numbers",
    '{"center_mm": "here"}': "is not a spine file",
    "[]": "is not a spine file",
}


@pytest.mark.parametrize("text", SPINES)
def test_a_spine_file_spoilt_by_hand_is_bad_input(run, ct_file, out, text):
    out.mkdir()
    (out / "lumbar_spine.json").write_text(text)
    done = run("localize-vertebrae", ct_file, out)
    assert done.exit_code == 3
    assert SPINES[text] in done.stderr
    assert done.stderr.count("\n") == 1


CENTROIDS = {
    "not json": "; mend or remove it",
    '[{"direction": ["P", "I", "R"]}, {"label": 26, "X": 9, "Y": 9, "Z": 9}]': "names no vertebra",
    '[{"direction": ["P", "I", "R"]}, {"label": 20, "X": 900, "Y": 9, "Z": 9}]': "outside the scan",
}


@pytest.mark.parametrize("text", CENTROIDS)
def test_a_centroid_file_spoilt_by_hand_is_bad_input(run, ct_file, out, text):
    out.mkdir()
    (out / "lumbar_ctd.json").write_text(text)
    done = run("segment", ct_file, out)
    assert done.exit_code == 3
    assert CENTROIDS[text] in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("option", "command"), [("--spine", "localize-vertebrae"), ("--centroids", "segment")]
)
def test_a_folder_without_the_files_of_the_stage_before_is_bad_input(
    run, ct_file, tmp_path, option, command
):
    done = run(command, ct_file, tmp_path / "out", option, tmp_path / "in")
    assert done.exit_code == 3
    assert "contains no" in done.stderr


def test_a_case_that_was_not_given_is_not_taken_from_elsewhere(run, ct_file, out, tmp_path):
    run("run-all", ct_file, out)
    atomic.write_json([], tmp_path / "mine" / "another_ctd.json")
    done = run("segment", ct_file, out, "--overwrite", "--centroids", tmp_path / "mine")
    assert done.exit_code == 3
    assert "none of the 1 files given belongs to this case" in done.stderr
