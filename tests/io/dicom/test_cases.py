"""DICOM in a data folder: which folders and zips are cases, and what they are called."""

import builtins
import errno
import io
import zipfile
from pathlib import Path

import dicom_series as drawn
import pytest
import SimpleITK as sitk
from phantoms import draw

from versectl.errors import BadInputError
from versectl.io import layout, volume
from versectl.io.dicom import sources

pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")


@pytest.fixture
def batch(tmp_path):
    """A folder of two DICOM cases, a zip, a NIfTI, and what is none: a scout, a SEG, a text."""
    folder = tmp_path / "in"
    drawn.save(drawn.datasets(), folder / "anna")
    drawn.save(drawn.datasets(), folder / "bert" / "CT thin", ending="")
    scout = drawn.changed(lambda ds, _: setattr(ds, "ImageType", ["ORIGINAL", "LOCALIZER"]))
    drawn.save(scout, folder / "bert" / "scout")
    segmentation = drawn.changed(lambda ds, _: setattr(ds, "Modality", "SEG"))
    drawn.save(segmentation[:1], folder / "results")
    with zipfile.ZipFile(folder / "carl.zip", "w") as archive:
        for file in (folder / "anna").iterdir():
            archive.write(file, f"deep/{file.name}")
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        archive.writestr("notes", "none")
    volume.write(draw()[0], folder / "dora_ct.nii.gz")
    (folder / "README").write_text("no DICOM")
    return folder


def test_every_folder_and_zip_with_a_ct_is_a_case_named_after_where_it_lies(batch):
    found = {case.name: case.ct for case in layout.with_ct(batch)}
    assert found == {
        "anna": batch / "anna",
        "bert_CT thin": batch / "bert" / "CT thin",
        "carl": batch / "carl.zip",
        "dora": batch / "dora_ct.nii.gz",
    }


def test_a_folder_of_slices_is_one_case_named_after_it(batch, monkeypatch):
    assert [case.name for case in layout.with_ct(batch / "anna")] == ["anna"]
    monkeypatch.chdir(batch / "anna")
    (case,) = layout.with_ct(Path("."))
    assert case.name == "anna"
    assert volume.read_ct(case.ct).image.GetPixelID() == sitk.sitkInt16


def test_with_a_series_the_folder_is_one_study(batch):
    (case,) = layout.with_ct(batch / "bert", series="4")
    assert (case.name, case.ct, case.series) == ("bert_series-4", batch / "bert", "4")


@pytest.mark.parametrize("study", ["bert", "carl.zip"])
def test_every_series_of_a_study_is_a_case_of_its_own(batch, study):
    chosen = ["3a", "4", "-1", "1.2.840.113619.2.5"]
    names = [layout.with_ct(batch / study, series=series)[0].name for series in chosen]
    assert names == [f"{study.removesuffix('.zip')}_series-{series}" for series in chosen]


@pytest.mark.parametrize("series", ["", "../4", "CT thin", "4\n", "a/4"])
def test_what_can_be_no_series_names_no_case(batch, series):
    with pytest.raises(BadInputError, match="is neither a series' number nor its UID"):
        layout.with_ct(batch / "bert", series=series)


def test_a_linked_folder_of_slices_is_a_case_and_part_of_its_study(batch, tmp_path):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "eva").symlink_to(batch / "bert" / "CT thin")
    assert {case.name: case.ct for case in layout.with_ct(linked)} == {"eva": linked / "eva"}
    own = len(sources.files(batch / "bert" / "CT thin", below=True))
    assert len(sources.files(linked, below=True)) == own > 0


def test_a_series_of_a_file_that_is_no_dicom_is_refused(batch):
    with pytest.raises(BadInputError, match="no series to choose from"):
        layout.with_ct(batch / "dora_ct.nii.gz", series="4")


def test_a_damaged_slice_stops_its_case_alone(batch):
    slices = sorted((batch / "anna").iterdir())
    slices[0].write_bytes(b"no header " * 50)
    found = {case.name: case.ct for case in layout.with_ct(batch)}
    assert list(found) == ["anna", "bert_CT thin", "carl", "dora"]
    with pytest.raises(BadInputError, match="is damaged, cut off or no DICOM"):
        volume.read_ct(found["anna"])


@pytest.fixture
def forbid(monkeypatch):
    """Takes the permission to read a file, which the superuser keeps whatever a file's mode is."""
    really_open = open

    def forbid(path):
        def opened(file, *args, **kwargs):
            if str(file) == str(path):
                raise PermissionError(errno.EACCES, "Permission denied", str(file))
            return really_open(file, *args, **kwargs)

        monkeypatch.setattr(builtins, "open", opened)
        monkeypatch.setattr(io, "open", opened)
        monkeypatch.setattr(Path, "open", opened)  # bound early in Python 3.10

    return forbid


@pytest.mark.parametrize("case", ["anna", "bert/CT thin"])
def test_a_slice_without_read_permission_stops_its_case_alone(batch, forbid, case):
    file = sorted((batch / case).iterdir())[2]
    forbid(file)
    found = {case.name: case.ct for case in layout.with_ct(batch)}
    assert list(found) == ["anna", "bert_CT thin", "carl", "dora"]
    with pytest.raises(PermissionError, match=file.name):
        volume.read_ct(found.pop(case.replace("/", "_")))
    assert all(map(volume.read_ct, found.values()))


@pytest.mark.parametrize("name", ["notes", "slice.dcm", "scout.12"])
def test_a_folder_whose_only_slice_cannot_be_read_is_not_passed_over(batch, forbid, name):
    folder = batch / "elsa"
    folder.mkdir()
    (folder / name).write_bytes(b"")
    forbid(folder / name)
    found = {case.name: case.ct for case in layout.with_ct(batch)}
    assert list(found) == ["anna", "bert_CT thin", "carl", "dora", "elsa"]
    with pytest.raises(PermissionError, match=name):
        volume.read_ct(found["elsa"])


def test_two_cases_of_one_name_are_refused(batch):
    volume.write(draw()[0], batch / "anna_ct.nii.gz")
    with pytest.raises(BadInputError, match="belong to the same case, anna"):
        layout.with_ct(batch)


def test_a_case_is_the_same_whatever_its_files_are_called(batch):
    case = layout.Case("anna", ct=batch / "anna")
    before = layout.sha256(case)
    for index, file in enumerate(sorted((batch / "anna").iterdir(), reverse=True)):
        file.rename(file.with_name(f"{index}.dcm"))
    assert layout.sha256(case) == before
    assert layout.sha256(layout.Case("anna", ct=batch / "anna", series="4")) != before
    next((batch / "anna").iterdir()).unlink()
    assert layout.sha256(case) != before


def test_another_series_of_a_zip_is_another_ct(batch):
    whole, thick, thin = (
        layout.sha256(layout.Case("carl", ct=batch / "carl.zip", series=series))
        for series in (None, "3", "4")
    )
    assert len({whole, thick, thin}) == 3
