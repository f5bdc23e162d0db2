"""A manifest lists cases; nothing in it leads out of the output folder."""

import zipfile
from pathlib import Path

import dicom_series as drawn
import pytest

from versectl.batch import run, selection
from versectl.batch.selection import Selection
from versectl.errors import BadInputError
from versectl.io import volume


def write(tmp_path, text):
    path = tmp_path / "cases.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_paths_count_from_the_folder_and_names_from_the_files(tmp_path):
    path = write(tmp_path, "\ufeffcase,ct\r\nb,x/b_ct.nii.gz\r\n,/y/a_ct.nrrd\r\n")
    found = selection.read_manifest(path, tmp_path)
    assert [(case.name, str(case.ct)) for case in found] == [
        ("b", f"{tmp_path}/x/b_ct.nii.gz"),
        ("a", "/y/a_ct.nrrd"),
    ]


@pytest.mark.parametrize("delimiter", ",;\t")
def test_columns_are_known_in_any_case_of_letters_between_blanks_and_as_excel_writes_them(
    delimiter, tmp_path
):
    lines = ["\ufeffCase, CT ", ' b, "x, y; z_ct.nii.gz"', ",a_ct.nrrd,,", ",,"]
    text = "\r\n".join(lines).replace(",", delimiter).replace(f"x{delimiter}", "x,")
    found = selection.read_manifest(write(tmp_path, text), tmp_path)
    assert [(case.name, case.ct.name) for case in found] == [
        ("b", "x, y; z_ct.nii.gz"),
        ("a", "a_ct.nrrd"),
    ]


def test_a_column_that_is_not_known_is_told_of(tmp_path, caplog):
    selection.read_manifest(write(tmp_path, "ct,case,series\na,,\n"), tmp_path)
    assert caplog.messages == []
    (case,) = selection.read_manifest(write(tmp_path, "ct,Sereis,age,\na,7,8,\n"), tmp_path)
    assert case.series is None
    told = "cases.csv passed over (known are ct, case and series): sereis, age"
    assert caplog.messages == [f"Columns of {tmp_path}/{told}"]


def test_a_row_is_named_by_its_line_in_the_file(tmp_path):
    path = write(tmp_path, 'ct,note\n\na,"two\nlines"\n,none\n')
    with pytest.raises(BadInputError, match="line 5: the column ct holds no path"):
        selection.read_manifest(path, tmp_path)


def test_a_ct_that_is_given_twice_is_one_case(tmp_path, monkeypatch):
    for name in ("q/a/s.nii.gz", "q/b/s.nii.gz"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    twice = [Path("q"), tmp_path / "q" / "b" / "s.nii.gz", Path("q/../q")]
    found = selection.find_cases(twice, tmp_path / "out")
    assert [(case.name, case.ct) for case in found] == [
        ("a", Path("q/a/s.nii.gz")),
        ("b", Path("q/b/s.nii.gz")),
    ]


def test_a_series_is_that_of_every_study_listed(tmp_path):
    path = write(tmp_path, "ct\nanna\nbert.zip\n")
    wanted = Selection(manifest=path, series="4")
    assert [case.series for case in run.chosen([tmp_path], tmp_path / "out", wanted)] == ["4", "4"]


def test_the_series_is_in_a_case_s_name_unless_the_manifest_names_it(tmp_path):
    path = write(tmp_path, "ct,case\nanna,\nbert,b\n")
    found = selection.read_manifest(path, tmp_path, series="4")
    assert [case.name for case in found] == ["anna_series-4", "b"]


def test_a_row_may_choose_its_own_series(tmp_path):
    path = write(tmp_path, "ct,series,case\nanna,7,\nanna,1.2.8,\nbert,,\ncarl,7,c\n")
    found = selection.read_manifest(path, tmp_path, series="4")
    assert [(case.name, case.series) for case in found] == [
        ("anna_series-7", "7"),
        ("anna_series-1.2.8", "1.2.8"),
        ("bert_series-4", "4"),
        ("c", "7"),
    ]
    assert [case.series for case in selection.read_manifest(path, tmp_path)] == [
        "7",
        "1.2.8",
        None,
        "7",
    ]


@pytest.mark.parametrize("row", ["anna,../x,", "anna,../x,a", "anna.nii.gz,7,"])
def test_a_series_that_is_none_is_told_with_its_line(tmp_path, row):
    path = write(tmp_path, f"ct,series,case\nbert,,\n{row}\n")
    with pytest.raises(BadInputError, match=r"line 3: .* series"):
        selection.read_manifest(path, tmp_path)


def test_a_manifest_names_scans_as_a_run_without_one_does(tmp_path, ct):
    volume.write(ct, tmp_path / "foo_seg.nii.gz")
    volume.write(ct, tmp_path / "bar_ct.nii.gz")
    drawn.save(drawn.datasets(), tmp_path / "anna" / "1.2.3")
    single = drawn.save(drawn.datasets(), tmp_path / "single")
    next(single.iterdir()).rename(tmp_path / "enhanced.dcm")
    with zipfile.ZipFile(tmp_path / "study.v2.zip", "w") as archive:
        archive.write(tmp_path / "enhanced.dcm", "0.dcm")
    cts = ["foo_seg.nii.gz", "bar_ct.nii.gz", "anna/1.2.3", "enhanced.dcm", "study.v2.zip"]
    listed = selection.read_manifest(write(tmp_path, "\n".join(["ct", *cts])), tmp_path)
    alone = [selection.find_cases([tmp_path / ct], tmp_path / "out") for ct in cts]
    assert [case.name for case in listed] == [case.name for (case,) in alone]
    assert [case.name for case in listed] == ["foo_seg", "bar", "1.2.3", "enhanced", "study.v2"]


def test_a_series_of_a_nifti_is_refused(tmp_path):
    path = write(tmp_path, "ct\nanna\nbert.nii.gz\n")
    with pytest.raises(BadInputError, match=r"line 3: .*has no series to choose from"):
        selection.read_manifest(path, tmp_path, series="4")


BAD = {
    "case,ct\n../../etc/x,a.nii.gz\n": "is not a valid case name",
    "case,ct\n/etc/x,a.nii.gz\n": "is not a valid case name",
    "case,ct\n..,a.nii.gz\n": "is not a valid case name",
    "case,ct\n.versectl,a.nii.gz\n": "is not a valid case name",
    "case,ct\nx\\y,a.nii.gz\n": "is not a valid case name",
    "case,ct\n\x1b[31mred,a.nii.gz\n": "is not a valid case name",
    'case,ct\n"two\nlines",a.nii.gz\n': "is not a valid case name",
    f"case,ct\n{'x' * 300},a.nii.gz\n": "is not a valid case name",
    "case,ct\na,a.nii.gz\na,b.nii.gz\n": "case name a occurs twice; set another in the column case",
    "case,ct\na,\n": "holds no path",
    "case,ct\na,a\0.nii.gz\n": "holds no path|is not a CSV",
    "case,file\na,a.nii.gz\n": "has no column ct",
    "case,ct\n": "lists no case",
    "": "has no column ct",
    b"\xff\xfe\x00": "is not a CSV",
    "ct\nMüller_ct.nii.gz\n".encode("latin-1"): "is not a CSV file in UTF-8; save it as one",
    "ct\nMüller, J_ct.nii.gz\n": "line 2: there are more values than columns; .* in quotes",
    "ct,CT\na,b\n": "has the column ct twice; keep one",
    'ct\n"a': "is not a CSV",
    "ct\n" + "a" * 200_000: "is not a CSV",
}


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_a_manifest_that_is_none_or_leads_elsewhere_is_bad_input(text, tmp_path):
    with pytest.raises(BadInputError, match=BAD[text]):
        selection.read_manifest(write(tmp_path, text), tmp_path)


def test_cases_run_in_one_place():
    with pytest.raises(BadInputError, match="choose --scheduler or --local-workers"):
        Selection(scheduler="tcp://cluster:8786", local_workers=2)
