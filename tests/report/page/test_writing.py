"""Pages without a browser: what they say, and that nothing in them reaches out."""

import json
import re

import pytest

from versectl.io import atomic, volume
from versectl.report.page import measures, viewer, writing


@pytest.fixture
def done(run, ct_file, out):
    assert run("run-all", ct_file, out).exit_code == 0
    return out


def html(out, name="lumbar"):
    return (out / "report" / f"{name}.html").read_text()


def test_the_policy_allows_no_network_and_no_script_but_ours(run, ct_file, done):
    assert run("report", done, "--ct", ct_file).exit_code == 0
    nonces = set()
    for text in (html(done), (done / "report.html").read_text()):
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
        assert policy.startswith("default-src &#39;none&#39;; ")
        assert not re.search(r"https?:|connect-src|unsafe-eval|\*", policy)
        nonce = re.search(r"nonce-([\w-]+)", policy)[1]
        assert text.count(f'<script nonce="{nonce}">') == text.count("<script nonce=") > 0
        assert not re.search(r'<(?:script|img|link|iframe)[^>]+(?:src|href)="(?!data:)', text)
        nonces.add(nonce)
    assert len(nonces) == 2


def test_without_the_viewer_the_page_has_pictures_and_says_what_to_install(
    run, ct_file, done, monkeypatch
):
    missing = viewer.Viewer(problem="Install it: pip install 'versectl[report]'.")
    monkeypatch.setattr(viewer, "load", lambda: missing)
    assert run("report", done, "--ct", ct_file).exit_code == 0
    text = html(done)
    assert "versectl[report]" in text
    assert '<img src="data:image/webp;base64,' in text
    assert 'id="viewer"' not in text


def test_without_the_ct_the_masks_are_shown_alone(run, done):
    assert run("report", done).exit_code == 0
    assert "--ct IN" in html(done)
    assert "Hounsfield" not in html(done)


def test_cases_without_a_ct_are_named(run, ct_file, done):
    assert "shows masks alone: lumbar" in run("report", done).stdout
    assert "masks alone" not in run("report", done, "--ct", ct_file).stdout


def test_a_manifest_names_the_cts_as_it_did_for_run_all(run, ct_file, out):
    listed = ct_file.with_name("cases.csv")
    listed.write_text(f"case,ct\none,{ct_file.name}\n")
    assert run("run-all", ct_file.parent, out, "--manifest", listed).exit_code == 0
    shown = run("report", out, "--ct", ct_file.parent, "--manifest", listed)
    assert (shown.exit_code, "masks alone" in shown.stdout) == (0, False)
    assert "No CT was given" not in html(out, "one")
    refused = run("report", out, "--manifest", listed)
    assert (refused.exit_code, "--manifest goes with one --ct" in refused.stderr) == (2, True)


def test_a_page_says_that_its_files_were_corrected_since(run, ct_file, done):
    assert run("report", done, "--ct", ct_file).exit_code == 0
    assert "results from before" not in html(done)
    centroids = done / "lumbar_ctd.json"
    centroids.write_text(centroids.read_text().replace('"label": 20', '"label": 19'))
    assert run("report", done, "--ct", ct_file).exit_code == 0
    says = "This page shows results from before lumbar_ctd.json was changed or removed."
    assert says in html(done)


def test_a_page_says_what_made_each_file_and_why_a_measure_is_missing(run, done):
    assert run("relabel", done, "--set", "L2=L3").exit_code == 0
    assert run("report", done).exit_code == 0
    assert re.search(r"made or corrected by hand; .*relabel on \S+: L2 → L3", html(done))
    assert '<td title="no vertebra follows">\N{EN DASH}</td>' in html(done)


def test_a_ct_that_is_gone_costs_its_own_viewer(run, ct_file, out):
    listed = ct_file.with_name("cases.csv")
    listed.write_text(f"case,ct\none,{ct_file.name}\n")
    run("run-all", ct_file.parent, out, "--manifest", listed)
    ct_file.rename(ct_file.with_name("moved_ct.nii.gz"))
    shown = run("report", out, "--ct", ct_file.parent, "--manifest", listed)
    assert shown.exit_code == 0, shown.output
    assert "The scan cannot be shown" in html(out, "one")


def test_another_ct_is_said(run, ct_file, done, label_map):
    path = done / "lumbar_report.json"
    content = json.loads(path.read_text())
    content["input"]["sha256"] = "0" * 64
    atomic.write_json(content, path)
    for _ in range(2):  # the page is written, and kept
        warned = run("report", done, "--ct", ct_file)
        assert warned.exit_code == 0
        assert "is not the one that the results were made from, or was changed: lumbar" in (
            warned.stderr
        )
    assert "is not the file that the results were made from" in html(done)
    content["input"]["sha256"] = None  # as versectl.save has it
    atomic.write_json(content, path)
    assert run("report", done, "--ct", ct_file).stderr == ""
    assert "is not the file that" not in html(done)


def test_a_ct_of_another_name_is_not_taken_for_none(run, ct_file, done, tmp_path):
    other = tmp_path / "elsewhere" / "neck_ct.nii.gz"
    other.parent.mkdir()
    other.write_bytes(ct_file.read_bytes())
    assert run("report", done).exit_code == 0
    warned = run("report", done, "--ct", other.parent)
    assert "None of the CTs given (--ct) has the name of these cases" in warned.stderr
    assert "No CT that was given (--ct) has the name of this case" in html(done)
    assert "No CT was given" not in html(done)


def test_no_page_tells_the_folder_a_scan_lies_in(run, ct_file, done):
    folder = ct_file.parent.rename(ct_file.parent.parent / "MUSTERMANN^MAX")
    scan = folder / ct_file.name
    for content in (scan.read_bytes() + b"changed", b"no scan"):
        scan.write_bytes(content)
        run("report", done, "--ct", scan)
        assert ct_file.name in html(done)
        assert "MUSTERMANN" not in html(done) + (done / "report.html").read_text()


def test_a_case_without_masks_has_a_page_that_says_so(run, ct_file, done):
    (done / "lumbar_seg.nii.gz").unlink()
    assert run("report", done, "--ct", ct_file).exit_code == 0
    assert "The scan cannot be shown" in html(done)
    assert "lumbar" in (done / "report.html").read_text()


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("grid", {"size_vox": 3}),
        ("kept", [1]),
        ("flags", [{"code": [1], "severity": "grave", "vertebra": None, "message": ""}]),
    ],
)
def test_a_damaged_report_costs_its_own_page_alone(run, done, part, content):
    whole = json.loads((done / "lumbar_report.json").read_text())
    atomic.write_json({**whole, part: content}, done / "odd_report.json")
    assert run("report", done).exit_code == 0
    index = (done / "report.html").read_text()
    assert "report/lumbar.html" in index
    assert "odd" in index
    assert not (done / "report" / "odd.html").exists()
    assert run("status", done).exit_code == run("collect", done).exit_code == 0


def test_an_unreadable_report_is_listed(run, done):
    (done / "odd_report.json").write_text("{")
    assert run("report", done).exit_code == 0
    assert "odd" in (done / "report.html").read_text()


def test_a_case_that_cannot_be_compared_is_told_with_its_reason(run, done, label_map, tmp_path):
    for name in ("lumbar", "other"):
        volume.write(label_map, tmp_path / "gt" / f"{name}_seg.nii.gz")
    (done / "other_seg.nii.gz").write_bytes(b"damaged")
    result = run("report", done, "--gt", tmp_path / "gt")
    assert result.exit_code == 0, result.output
    assert re.search(r"other: [^<]*other_seg.nii.gz", (done / "report.html").read_text())


def test_a_page_is_written_again_only_when_it_would_show_something_else(run, ct_file, done):
    def written(*words):
        assert run("report", done, "--ct", ct_file, *words).exit_code == 0
        return html(done)

    first = written()
    index = (done / "report.html").read_text()
    assert written() == first
    assert (done / "report.html").read_text().count("data:image/webp") == 1
    assert index.count("data:image/webp") == 1
    assert written("--overwrite") != first
    assert run("relabel", done, "--case", "lumbar", "--shift", "+1").exit_code == 0
    assert "L3" in written()


def batch_id(page):
    data = re.search(r'id="data">(.*?)</script>', page.read_text())[1]
    return json.loads(data)["batch"]["id"]


def test_verdicts_are_kept_by_a_number_that_goes_with_the_folder(run, ct_file, done, tmp_path):
    run("report", done)
    first = batch_id(done / "report.html")
    assert batch_id(done / "report" / "lumbar.html") == first
    moved = done.rename(tmp_path / "moved")
    run("report", moved, "--overwrite")
    assert batch_id(moved / "report.html") == batch_id(moved / "report" / "lumbar.html") == first
    run("run-all", ct_file, done)  # another batch at the same place, as in a container
    run("report", done)
    assert batch_id(done / "report.html") != first


def test_pages_of_a_batch_that_lost_its_number_get_one_new_number(run, done):
    run("report", done)
    (done / "report" / "batch-id.txt").write_text("\udcff<b>", errors="surrogateescape")
    run("report", done)
    found = {batch_id(path) for path in (done / "report.html", done / "report" / "lumbar.html")}
    assert len(found) == 1
    assert "<b>" not in found.pop()


def test_a_folder_without_results_is_refused_and_nothing_is_written(run, tmp_path):
    (tmp_path / "empty").mkdir()
    refused = run("report", tmp_path / "empty")
    assert refused.exit_code == 3
    assert list((tmp_path / "empty").iterdir()) == []


def test_a_case_is_found_by_its_name_and_by_its_files(done, tmp_path):
    for name in ("lumbar", "lumbar_report.json", "lumbar_seg.nii.gz"):
        assert writing.find_case(done / name) == (done, "lumbar")
    with pytest.raises(writing.BadInputError, match="is not a case"):
        writing.find_case(done / "thoracic")


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("volume_ml", ("Volume", "ml")),
        ("kyphosis_t4_t12_deg", ("Kyphosis T4 to T12", "°")),
        ("confidence", ("Confidence of the label", "")),
    ],
)
def test_names_and_units_of_measures(key, said):
    assert measures.title(key) == said
