"""The pages in a browser: from a file, offline, with viewer, keys, corrections and verdicts."""

import json
import shutil
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from chromium import browser, watched
from click.testing import CliRunner
from phantoms import CENTERS_MM, Phantoms

from versectl import geometry, labels
from versectl.cli import main as cli
from versectl.io import atomic, centroids, volume

SCHEMAS = Path(__file__).parents[3] / "docs" / "schemas"

#: Runs if a page does not escape it.
HOSTILE = "z<script>document.title='run'<script>&'"

NAMES = [labels.NAMES[label] for label in CENTERS_MM]


def versectl(*words):
    done = CliRunner().invoke(cli.main, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done


@pytest.fixture(scope="module")
def phantom_models():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("versectl.networks.loading.Models", lambda *_settings: Phantoms())
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory, phantom, phantom_models):
    """in/, gt/ and out/ of three cases, reported: lumbar, y without spine, a failed hostile one."""
    whole = tmp_path_factory.mktemp("report")
    ct, label_map = phantom
    volume.write(ct, whole / "in" / "lumbar_ct.nii.gz")
    volume.write(label_map, whole / "gt" / "lumbar_seg.nii.gz")
    versectl("run-all", whole / "in", whole / "out")
    done = json.loads((whole / "out" / "lumbar_report.json").read_text())
    empty = done | {"status": "no_spine", "vertebrae": [], "numbering": None, "flags": []}
    atomic.write_json(empty | {"case": "y"}, whole / "out" / "y_report.json")
    failed = {key: done[key] for key in done if key not in ("vertebrae", "numbering", "flags")}
    failed |= {"status": "failed", "error": {"message": "<b>odd</b>", "exit_code": 3}}
    atomic.write_json(failed | {"case": HOSTILE}, whole / "out" / f"{HOSTILE}_report.json")
    versectl("report", whole / "out", "--ct", whole / "in", "--gt", whole / "gt")
    return whole


@pytest.fixture(scope="module")
def context():
    with browser() as running:
        yield running.new_context(viewport={"width": 1000, "height": 640}, offline=True)


@pytest.fixture
def page(context):
    made, seen = watched(context)
    yield made
    made.close()
    assert (seen.messages, seen.requests) == ([], [])


def opened(page, path):
    page.goto(path.as_uri())
    return page


@pytest.fixture(scope="module")
def viewer(context, folder):
    """The page of lumbar, opened once."""
    made, seen = watched(context)
    opened(made, folder / "out" / "report" / "lumbar.html")
    made.locator("#viewer[data-state=ready]").wait_for(timeout=60_000)
    yield made
    made.close()
    assert (seen.messages, seen.requests) == ([], [])


def place_mm(page):
    """Where the crosshair is, x, y, z in LPS."""
    shown = page.locator("#place").inner_text()
    return np.array([float(part) for part in shown.split(" mm")[0].split(",")])


def test_the_viewer_shows_the_case_and_goes_to_a_vertebra(viewer):
    for name in (NAMES[0], NAMES[2]):
        viewer.get_by_role("button", name=name, exact=True).first.click()
        at = CENTERS_MM[labels.NUMBERS[name]]
        assert np.abs(place_mm(viewer) - at).max() < 2.5, name
        assert f"near {name}" in viewer.locator("#place").inner_text()
    viewer.keyboard.press("k")
    assert f"near {NAMES[1]}" in viewer.locator("#place").inner_text()


def test_a_click_on_the_slice_meets_the_point_drawn_there(viewer):
    """Dots are placed by the page, slices by NiiVue: both agree, and right is at the left."""
    viewer.get_by_role("button", name=NAMES[1], exact=True).first.click()
    names = viewer.locator("#names")
    box = names.bounding_box()
    dot = names.locator("i.here").nth(1).bounding_box()  # the first is sagittal, this one coronal
    letters = [names.locator("b", has_text=letter).first.bounding_box()["x"] for letter in "RL"]
    assert letters[0] < letters[1]
    viewer.mouse.click(dot["x"] - 25, dot["y"] + 3)
    moved = place_mm(viewer) - CENTERS_MM[labels.NUMBERS[NAMES[1]]]
    assert moved[0] < -3, "to the left of the picture is to the patient's right"
    assert box["height"] > 300


def test_the_masks_are_seen_and_can_be_hidden(viewer):
    middle = viewer.locator("#names i.here").first.bounding_box()
    around = {"x": middle["x"] - 40, "y": middle["y"] - 40, "width": 40, "height": 80}
    shown = viewer.screenshot(clip=around)
    viewer.keyboard.press("m")
    hidden = viewer.screenshot(clip=around)
    viewer.keyboard.press("m")
    assert shown != hidden
    assert shown == viewer.screenshot(clip=around)


def test_the_window_and_the_opacity_change_the_picture(viewer):
    middle = viewer.locator("#names i.here").first.bounding_box()
    around = {"x": middle["x"] - 40, "y": middle["y"] - 40, "width": 40, "height": 80}
    before = viewer.screenshot(clip=around)
    viewer.locator("#preset").select_option(label="soft tissue")
    assert viewer.locator("#width-hu").inner_text() == "400 HU"
    soft = viewer.screenshot(clip=around)
    viewer.locator("#opacity").fill("0.9")
    assert len({before, soft, viewer.screenshot(clip=around)}) == 3


def test_keys_judge_and_the_index_exports_the_verdicts(page, folder):
    opened(page, folder / "out" / "report" / "y.html")
    page.keyboard.press("f")
    assert page.locator("[data-verdict=fail]").get_attribute("aria-pressed") == "true"
    page.locator("#comment").fill("puff")
    page.locator("#comment").press("u")  # letters typed there are no keys
    page.locator("#comment").blur()
    page.keyboard.press("n")
    page.wait_for_url("**/z*.html")
    page.keyboard.press("p")
    page.locator("#index").click()
    assert page.locator("td.verdict").all_inner_texts()[1].startswith("fail")
    content = json.loads(exported(page).read_text())
    assert {v["case"]: (v["verdict"], v["comment"]) for v in content["verdicts"]} == {
        "y": ("fail", "puffu"),
        HOSTILE: ("pass", ""),
    }


def exported(page):
    """What the page exports, checked against the schema."""
    with page.expect_download() as download:
        page.locator("#export").click()
    path = download.value.path()
    schema = json.loads((SCHEMAS / "verdicts.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(path.read_text()))
    return path


@pytest.fixture
def other(folder, tmp_path):
    """The same results as another batch."""
    shutil.copytree(folder / "out", tmp_path / "out", ignore=shutil.ignore_patterns("report*"))
    versectl("report", tmp_path / "out")
    return tmp_path / "out"


def test_a_comment_before_any_verdict_is_kept_and_moves_with_the_folder(page, other):
    opened(page, other / "report" / "y.html")
    page.locator("#comment").fill("which rib?")
    moved = other.rename(other.with_name("moved"))
    opened(page, moved / "report.html")
    assert page.locator("td.verdict").all_inner_texts()[1].strip() == "which rib?"
    (only,) = json.loads(exported(page).read_text())["verdicts"]
    assert (only["case"], only["verdict"], only["comment"]) == ("y", None, "which rib?")
    opened(page, moved / "report" / "y.html")
    page.keyboard.press("p")
    page.keyboard.press("p")
    assert page.locator("#comment").input_value() == "which rib?"
    page.locator("#comment").fill("")
    assert json.loads(exported(page).read_text())["verdicts"] == []


def test_exported_verdicts_can_be_imported_where_they_are_not_known(page, other, folder, tmp_path):
    for name, key in (("lumbar", "f"), ("y", "u")):
        opened(page, other / "report" / f"{name}.html")
        page.keyboard.press(key)
    path = tmp_path / "verdicts.json"
    path.write_bytes(exported(page).read_bytes())
    (other / "report" / "batch-id.txt").unlink()
    versectl("report", other)
    opened(page, other / "report" / "y.html")
    assert page.locator("#verdict-now").inner_text() == "None yet."
    with page.expect_file_chooser() as chooser:
        page.locator("#import").click()
    chooser.value.set_files(path)
    page.get_by_text("1 imported, 1 on cases that this page does not show.").wait_for()
    assert page.locator("#verdict-now").inner_text().startswith("unsure, ")
    page.keyboard.press("p")
    opened(page, other / "report.html")
    page.locator("#import-file").set_input_files(path)
    page.get_by_text("1 imported, 1 older than those here.").wait_for()
    told = [cell.split()[0] for cell in page.locator("td.verdict").all_inner_texts() if cell]
    assert told == ["fail", "pass"]
    page.locator("#import-file").set_input_files(folder / "out" / "y_report.json")
    page.get_by_text("This is no file of exported verdicts; nothing was imported.").wait_for()


def test_shifted_labels_are_saved_and_segment_goes_on_from_them(viewer, folder, tmp_path):
    viewer.locator("[data-shift='1']").click()
    assert viewer.locator("#command").inner_text().endswith("--case lumbar --shift +1")
    with viewer.expect_download() as download:
        viewer.locator("#save").click()
    assert download.value.suggested_filename == "lumbar_ctd.json"
    path = tmp_path / "lumbar_ctd.json"
    download.value.save_as(path)
    given = centroids.read(folder / "out" / "lumbar_ctd.json")
    saved = centroids.read(path)
    assert saved.direction == given.direction
    assert list(saved.points_vox) == [label + 1 for label in given.points_vox]
    assert list(saved.points_vox.values()) == list(given.points_vox.values())
    ct = folder / "in" / "lumbar_ct.nii.gz"
    versectl("segment", ct, tmp_path / "again", "--centroids", path)
    masks = volume.read_labels(tmp_path / "again" / "lumbar_seg.nii.gz")
    found = set(np.unique(geometry.to_array(masks))) - {0}
    assert found == set(saved.points_vox)


def test_a_label_given_twice_cannot_be_saved(viewer):
    viewer.locator("#reset").click()
    choices = viewer.locator("#renames select")
    choices.nth(0).select_option(label="L1")
    assert viewer.locator("#save").is_disabled()
    assert "L1" in viewer.locator("#clash").inner_text()
    choices.nth(1).select_option(label="L6")
    assert viewer.locator("#save").is_enabled()
    assert viewer.locator("#command").inner_text().endswith("--set T12=L1 --set L1=L6")


def test_a_hostile_name_and_message_are_text(page, folder):
    opened(page, folder / "out" / "report.html")
    page.get_by_role("link", name=HOSTILE).click()
    page.wait_for_url("**/z*.html")
    assert page.locator("h1").inner_text() == HOSTILE
    assert page.title() == f"{HOSTILE}: report"
    assert "<b>odd</b>" in page.locator("#main").inner_text()


def ends_of_axis(page, figure):
    marks = page.locator(f"#{figure} text[text-anchor=end]").all_text_contents()
    return float(marks[0]), float(marks[-1])


def test_the_index_sorts_filters_and_plots(page, folder):
    opened(page, folder / "out" / "report.html")
    page.get_by_role("button", name="Status").click()
    assert page.locator("#cases tbody th").all_inner_texts() == ["lumbar", HOSTILE, "y"]
    page.locator("#find").fill("lumb")
    assert page.locator("#cases tbody tr:visible").count() == 1
    assert page.locator("#measures circle").count() == len(NAMES)
    assert page.locator("#accuracy circle").count() == len(NAMES)
    assert ends_of_axis(page, "accuracy") == (0, 1)
    assert page.evaluate("ticks(-3.2, 41)") == [-10, 0, 10, 20, 30, 40, 50]
    assert page.evaluate("ticks(0, 0.6)") == pytest.approx([0, 0.2, 0.4, 0.6])
    page.locator("#measures circle").first.click(force=True)
    page.wait_for_url("**/report/lumbar.html", wait_until="commit")
