"""The picture: both views along the spine, in true proportions."""

import numpy as np
import pytest
from matplotlib.image import imread
from phantoms import CENTERS_MM, FAT, LPS, PIR, draw, oblique

from versectl import geometry, labels
from versectl.report import preview


@pytest.mark.parametrize("direction", [LPS, PIR, oblique(PIR)])
@pytest.mark.parametrize("view", [preview.SAGITTAL, preview.CORONAL])
def test_every_vertebra_has_its_colour_at_its_centre(direction, view):
    ct, label_map = draw(direction=direction)
    box_mm = preview.shown_box(ct, CENTERS_MM)
    points_mm = preview.curved_plane(box_mm, CENTERS_MM, view)
    picture = preview.picture(ct, label_map, points_mm)
    for label, center_mm in CENTERS_MM.items():
        row, column = np.unravel_index(
            np.linalg.norm(points_mm - center_mm, axis=-1).argmin(), points_mm.shape[:2]
        )
        hue = picture[row, column] - picture[row, column].min()
        wanted = np.array(labels.color(label)) - min(labels.color(label))
        assert hue / hue.max() == pytest.approx(wanted / wanted.max(), abs=0.05)


def test_rows_go_down_and_follow_the_spine():
    points_mm = preview.curved_plane(
        (np.zeros(3), np.full(3, 50.0)), {20: np.array([9, 9, 25])}, preview.CORONAL
    )
    assert points_mm[0, 0, 2] == 50
    assert points_mm[1, 0, 2] < 50
    assert np.all(points_mm[..., 1] == 9)
    assert points_mm[0, -1, 0] > points_mm[0, 0, 0]


def test_a_picture_has_the_scans_proportions(tmp_path):
    ct, label_map = draw((2.0, 1.5, 2.5), PIR)
    preview.write(ct, CENTERS_MM, label_map, tmp_path / "a.png")
    height, width = imread(tmp_path / "a.png").shape[:2]
    assert height / width == pytest.approx(118 / (88 + 96), rel=0.15)


def test_a_scan_without_results_is_drawn_too(ct, tmp_path):
    preview.write(ct, {}, None, tmp_path / "a.png")
    assert imread(tmp_path / "a.png")[..., :3].max() > 0.5


def test_beyond_the_scan_it_is_black(ct):
    far_mm = geometry.extent(ct)[1] + 100
    assert preview.sample(ct, far_mm[None, None], order=1) == geometry.AIR_HU
    near_mm = geometry.center(ct) + np.array([35, 0, 0])
    assert preview.sample(ct, near_mm[None, None], order=1) == FAT


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
