"""The picture: views along the spine in true proportions, names beside the bone, doubts marked."""

import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from matplotlib.image import imread
from phantoms import BONE, CENTERS_MM, FAT, LPS, PIR, draw, oblique

from versectl import geometry, labels
from versectl.io import atomic
from versectl.report import preview, reading
from versectl.report.preview import drawing, layout, planes, words
from versectl.report.preview.words import ERROR, WARNING, Shown
from versectl.types import Flag, Numbering, OtherNumbering, Vertebra, Vertebrae

T12, L1, L2 = CENTERS_MM


def found(centers_mm=CENTERS_MM, confidence=0.99, numbering=None):
    """Vertebrae at these centres, as sure as that."""
    return Vertebrae({k: Vertebra(at, 0.9, confidence) for k, at in centers_mm.items()}, numbering)


def flag(severity, vertebra=None, message="Something is odd."):
    return Flag("odd", severity, vertebra, message)


def planned(ct, label_map, shown):
    """Page, panes and words of a picture that is not drawn."""
    said, box = words.of(shown), planes.shown_box(ct, shown.centers_mm)
    page = layout.page(box.size_mm, said)
    return page, planes.panes(ct, label_map, box, shown.centers_mm, page.px_per_mm), said


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR)])
@pytest.mark.parametrize("view", [planes.SAGITTAL, planes.CORONAL])
def test_every_vertebra_has_its_colour_at_its_centre(direction, view):
    ct, label_map = draw(direction=direction)
    points_mm = planes.curved_plane(planes.shown_box(ct, CENTERS_MM), CENTERS_MM, view, 0.7)
    shown = planes.sample(label_map, points_mm, order=0)
    picture = planes.with_masks(np.full((*shown.shape, 3), 0.5), shown)
    for label, center_mm in CENTERS_MM.items():
        row, column = np.unravel_index(
            np.linalg.norm(points_mm - center_mm, axis=-1).argmin(), points_mm.shape[:2]
        )
        hue = picture[row, column] - picture[row, column].min()
        wanted = np.array(labels.color(label)) - min(labels.color(label))
        assert hue / hue.max() == pytest.approx(wanted / wanted.max(), abs=0.05)


def test_masks_are_outlined_and_the_bone_is_seen_through_them():
    shown = np.zeros((9, 9), int)
    shown[2:7, 2:7] = L1
    picture = planes.with_masks(np.full((9, 9, 3), 0.5), shown)
    change = np.abs(picture - 0.5).max(axis=-1)
    assert np.all(change[shown == 0] == 0)
    assert change[2, 4] > 0.3
    assert 0 < change[4, 4] < 0.1


def test_rows_go_down_and_follow_the_spine():
    box = planes.Box(np.zeros(3), np.full(3, 50.0))
    points_mm = planes.curved_plane(box, {20: np.array([9, 9, 25])}, planes.CORONAL, 1.0)
    assert points_mm.shape == (50, 50, 3)
    assert points_mm[0, 0, 2] == 49.5
    assert points_mm[1, 0, 2] == 48.5
    assert np.all(points_mm[..., 1] == 9)
    assert points_mm[0, -1, 0] > points_mm[0, 0, 0]


def test_a_bone_beside_the_plane_is_seen_in_the_projection_alone():
    ct, _ = draw((2.0, 2.0, 2.0))
    hounsfield = geometry.to_array(ct)
    behind_mm = CENTERS_MM[L1] + np.array([0.0, 30.0, 0.0])
    x, y, z = np.rint(geometry.to_vox(ct, behind_mm)).astype(int)
    hounsfield[z - 1 : z + 2, y - 1 : y + 2, x - 1 : x + 2] = 2000
    ct = geometry.from_array(hounsfield, ct)
    box = planes.shown_box(ct, CENTERS_MM)
    plane_mm = planes.curved_plane(box, CENTERS_MM, planes.CORONAL, 1.0)
    assert planes.sample(ct, plane_mm, order=1).max() < 1100
    assert planes.projection(ct, box, CENTERS_MM).max() == pytest.approx(2000, abs=1)


def test_all_panes_have_the_same_scale(ct, label_map):
    page, panes, _ = planned(ct, label_map, Shown("a", found()))
    wide_mm, deep_mm, tall_mm = planes.shown_box(ct, CENTERS_MM).size_mm
    for pane, width_mm in (
        (page.sagittal, deep_mm),
        (page.coronal, wide_mm),
        (page.bones, wide_mm),
    ):
        assert pane.width / width_mm == pytest.approx(page.px_per_mm, rel=0.01)
        assert pane.height / tall_mm == pytest.approx(page.px_per_mm, rel=0.01)
    assert page.bar.width == round(50 * page.px_per_mm)
    for where, pane in ((page.sagittal, panes.sagittal), (page.coronal, panes.coronal)):
        assert pane.picture.shape == (where.height, where.width, 3)


def test_the_same_vertebra_is_at_the_same_height_in_all_panes(ct, label_map):
    page, panes, _ = planned(ct, label_map, Shown("a", found()))
    assert page.sagittal.y == page.coronal.y == page.bones.y
    for label in CENTERS_MM:
        assert len({pane.at_px[label][1] for pane in panes}) == 1


@pytest.mark.parametrize("count", [2, 24])
def test_names_stand_beside_the_panes_and_never_over_one_another(count):
    low_mm = 30.0 * count
    centers_mm = {
        label: np.array([0.0, 0.0, low_mm - 12.0 * i])
        for i, label in enumerate(labels.ORDER[:count])
    }
    box = planes.Box(np.array([-60.0, -60.0, 0.0]), np.array([60.0, 60.0, low_mm + 20]))
    said = words.of(Shown("a", found(centers_mm, 0.5)))
    page = layout.page(box.size_mm, said)
    rows = [(box.high_mm[2] - at[2]) * page.px_per_mm for at in centers_mm.values()]
    gap = layout.NAME_LINE_PX
    placed = layout.spread(rows, gap, gap / 2, max(page.sagittal.height, gap * count) - gap / 2)
    assert np.all(np.diff(placed) >= gap - 1e-6)
    assert placed[0] >= gap / 2 - 1e-6
    room = layout.NAMES_PX - drawing.GUTTER_PX - drawing.BESIDE_PX
    widest = max(layout.width_px(line.text, layout.NAME_PX) for line in said.names.values())
    assert widest <= room
    assert page.sagittal.x >= layout.NAMES_PX
    assert page.coronal.x >= page.sagittal.x + page.sagittal.width
    assert page.bones.x - page.coronal.x - page.coronal.width >= layout.NAMES_PX


def test_the_widest_name_fits_its_column():
    line = words.of(Shown("a", found({28: np.zeros(3)}, 0.5), (flag("error", "T13"),))).names[28]
    room = layout.NAMES_PX - drawing.GUTTER_PX - drawing.BESIDE_PX
    assert layout.width_px(line.text, layout.NAME_PX) <= room


def test_names_stay_where_they_are_wanted_if_there_is_room():
    assert layout.spread([10.0, 50.0, 90.0], 16, 8, 200) == pytest.approx([10, 50, 90])
    assert layout.spread([50.0, 50.0], 16, 8, 200) == pytest.approx([42, 58])
    assert layout.spread([50.0, 199.0], 16, 8, 192) == pytest.approx([50, 192])
    assert layout.spread([], 16, 8, 200).size == 0


def test_lines_from_names_end_where_the_mask_begins(ct, label_map):
    page, panes, _ = planned(ct, label_map, Shown("a", found()))
    first, last = panes.sagittal.edges_px[L1]
    assert last - first == pytest.approx(28 * page.px_per_mm, rel=0.1)
    assert first < panes.sagittal.at_px[L1][0] < last
    _, bare, _ = planned(ct, None, Shown("a", found()))
    assert bare.sagittal.edges_px[L1] == (bare.sagittal.at_px[L1][0],) * 2


def test_doubtful_vertebrae_are_marked_by_shape_and_by_colour():
    sure = {**found()}
    sure[L1] = Vertebra(CENTERS_MM[L1], 0.9, 0.61)
    flags = (
        flag("error", "T12"),
        flag("warning", "T12"),
        flag("warning", "L1"),
        flag("note", "L2"),
    )
    said = words.of(Shown("a", Vertebrae(sure), flags))
    assert said.marks == {T12: ERROR, L1: WARNING}
    assert said.names[T12].text == "T12 ■ ▲"
    assert said.names[L1].text == "L1 ▲ ◆ 0.61"
    assert said.names[L2].text == "L2"
    assert len({mark.marker for mark in words.MARKS}) == len(words.MARKS)
    assert [line.text[0] for line in said.legend] == ["■", "▲", "◆"]


def test_marks_of_sentences_are_explained_too():
    said = words.of(Shown("a", found(), (flag("error"), flag("note"))))
    assert [line.text[0] for line in said.legend] == ["■"]


def test_centres_from_a_file_are_not_doubtful():
    said = words.of(Shown("a", found(confidence=float("nan"))))
    assert (said.marks, said.legend) == ({}, ())


def test_the_numbering_and_the_next_one_are_told():
    other = OtherNumbering((18, 19, 20), -1, 0.31)
    said = words.described(found(numbering=Numbering(0.61, other, ())))
    assert "T12 to L2, 3 vertebrae" in said.text
    assert "0.61" in said.text
    assert "T11 to L1: 0.31" in said.text
    within = OtherNumbering((T12, 28, L2), None, 0.2)
    assert "T13 for L1: 0.20" in words.described(found(numbering=Numbering(0.7, within, ()))).text
    passed = OtherNumbering((T12, None, L2), None, 0.2)
    assert "no L1: 0.20" in words.described(found(numbering=Numbering(0.7, passed, ()))).text


def test_the_most_severe_sentences_come_first_and_the_rest_is_counted():
    flags = [flag("note", None, f"Note {i}.") for i in range(6)] + [flag("error", None, "Wrong.")]
    texts = [line.text for line in words.sentences(tuple(flags))]
    assert texts[:2] == ["■ Wrong.", "• Note 0."]
    assert len(texts) == words.MOST_SENTENCES
    assert texts[-1] == "and 3 more"
    assert len(words.sentences(tuple(flags[:5]))) == 5


def test_long_sentences_are_broken_and_stay_on_the_page():
    shown = Shown("case" * 9, found(), (flag("error", None, "word " * 200),))
    page = layout.page(np.array([80.0, 80.0, 80.0]), words.of(shown))
    for line, x, y, size_px in page.texts:
        assert x + layout.width_px(line.text, size_px) <= page.width
        assert 0 < y < page.height - size_px / 2


def test_pictures_laid_out_at_the_same_time_do_not_disturb_one_another():
    texts = [f"The mask of L{n} has {n} times the volume" for n in range(1, 6)] * 400
    alone = [layout.width_px(text, 14) for text in texts]
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(layout.width_px, texts, [14] * len(texts)))
    finally:
        sys.setswitchinterval(before)
    assert together == alone


def test_letters_that_the_font_lacks_are_question_marks(ct, tmp_path):
    assert layout.printable("Größe $x$ 患者") == "Größe $x$ ??"
    preview.write(ct, None, Shown("患者_$x$_\udc80", found()), tmp_path / "a.png")
    assert (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("vertebrae", "text"), [(None, "No vertebrae yet"), (Vertebrae({}), "■ No spine in view")]
)
def test_an_empty_result_is_drawn_and_says_so(vertebrae, text, ct, tmp_path):
    shown = Shown("foot", vertebrae)
    page, _, _ = planned(ct, None, shown)
    assert text in [placed.line.text for placed in page.texts]
    preview.write(ct, None, shown, tmp_path / "a.png")
    picture = imread(tmp_path / "a.png")
    assert picture.shape[:2] == (page.height, page.width)
    assert picture[page.coronal.y :, ..., :3].max() > 0.5


@pytest.mark.parametrize("beyond_mm", [30.0, 900.0])
def test_a_single_vertebra_beyond_the_scan_is_drawn(beyond_mm, ct, tmp_path):
    shown = Shown("a", found({L1: geometry.extent(ct)[1] + beyond_mm}))
    preview.write(ct, None, shown, tmp_path / "a.png")
    assert imread(tmp_path / "a.png")[..., :3].max() > 0.5


def test_without_a_vertebra_the_bones_of_the_whole_scan_are_seen(ct):
    box = planes.shown_box(ct, {})
    assert planes.projection(ct, box, {}).max() > 0.9 * BONE
    front = planes.Box(box.low_mm, np.array([*box.high_mm[:1], box.low_mm[1] + 9, box.high_mm[2]]))
    assert planes.projection(ct, front, {}).max() < 0


def test_beyond_the_scan_it_is_black(ct):
    far_mm = geometry.extent(ct)[1] + 100
    assert planes.sample(ct, far_mm[None, None], order=1) == geometry.AIR_HU
    near_mm = geometry.center(ct) + np.array([35, 0, 0])
    assert planes.sample(ct, near_mm[None, None], order=1) == FAT


def test_the_command_draws_what_is_there(run, ct_file, out):
    assert run("preview", ct_file, out).exit_code == 3
    run("localize-spine", ct_file, out)
    run("localize-vertebrae", ct_file, out)
    done = run("preview", ct_file, out)
    assert done.exit_code == 0, done.output
    before = (out / "lumbar_preview.png").read_bytes()
    run("run-all", ct_file, out, "--preview")
    with_masks = (out / "lumbar_preview.png").read_bytes()
    assert with_masks != before
    (out / "lumbar_preview.png").unlink()
    assert "lumbar_preview.png" in run("run-all", ct_file, out, "--preview").stdout
    assert (out / "lumbar_preview.png").read_bytes() == with_masks


@pytest.fixture
def drawn(monkeypatch):
    """What each picture was drawn of, in place of the pictures."""
    seen = []

    def write(_ct, _label_map, shown, path):
        seen.append(shown)
        path.write_bytes(b"a picture")

    monkeypatch.setattr(preview, "write", write)
    return seen


def test_pictures_have_the_flags_and_the_certainty_of_the_report(run, ct_file, out, drawn):
    run("run-all", ct_file, out, "--preview")
    run("preview", ct_file, out)
    report = reading.read(out / "lumbar_report.json")
    for shown in drawn:
        assert shown.flags == report.flags
        rows = [(row.peak, row.confidence) for row in report.vertebrae]
        assert [(v.peak, v.confidence) for v in shown.vertebrae.values()] == rows
    assert len(drawn) == 2
    assert drawn[0].vertebrae.numbering == drawn[1].vertebrae.numbering is not None


def test_corrected_centroids_are_drawn_without_former_doubts(run, ct_file, out, drawn):
    run("run-all", ct_file, out)
    path = out / "lumbar_ctd.json"
    axes, _, *others = atomic.read_json(path)
    atomic.write_json([axes, *others], path)
    run("preview", ct_file, out)
    (shown,) = drawn
    assert [*shown.vertebrae] == [L1, L2]
    assert np.isnan([v.confidence for v in shown.vertebrae.values()]).all()
    assert shown.vertebrae.numbering is None
    assert "cut_at_border" not in [flag.code for flag in shown.flags]


def test_a_corrected_level_is_drawn_with_the_flags_of_the_new_labels(run, ct_file, out, drawn):
    run("run-all", ct_file, out, "--preview")
    result = run("relabel", out, "--case", "lumbar", "--set", "L2=L4", "--ct", ct_file)
    assert result.exit_code == 0, result.output
    shown = drawn[-1]
    assert [labels.NAMES[label] for label in shown.vertebrae] == ["T12", "L1", "L4"]
    assert shown.flags == reading.read(out / "lumbar_report.json").flags
    assert "gap" in [flag.code for flag in shown.flags]
