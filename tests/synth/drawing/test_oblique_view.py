from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from versectl import geometry
from versectl.geometry import Grid
from versectl.synth.drawing import oblique_view
from versectl.synth.subject import Scan

GRID = Grid((41, 31, 61), (2.0, 3.0, 1.0), (-30.0, 10.0, 55.0))


def scan() -> Scan:
    """Tissue with a vertebra in the middle and one in a corner."""
    labels = np.zeros(GRID.shape, np.uint8)
    labels[25:36, 12:19, 16:25] = 20
    labels[:6, :6, :6] = 24
    centroids_mm = {20: GRID.to_mm(np.array([20, 15, 30])), 24: GRID.to_mm(np.full(3, 2.5))}
    ct = geometry.from_array(np.full(GRID.shape, 40, np.int16), GRID)
    return Scan(ct, geometry.from_array(labels, GRID), centroids_mm)


def test_a_box_that_is_not_turned_ends_at_its_share_of_each_side():
    outside = oblique_view.beyond(GRID, np.eye(3), np.array([0.5, 1.0, 1.1]))
    inside = ~outside
    assert inside.any(axis=(0, 1)).sum() == 21
    assert inside.any(axis=(0, 2)).all()
    assert inside.any(axis=(1, 2)).all()


def test_a_box_turned_about_the_long_axis_cuts_the_edges_along_it():
    turn = Rotation.from_euler("z", 20, degrees=True).as_matrix()
    outside = oblique_view.beyond(GRID, turn, np.ones(3))
    edges = outside[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert edges.all(axis=0).sum() >= 2  # two edges opposite of each other
    assert not outside[:, 15, 20].any()


@pytest.mark.parametrize("seed", range(5))
def test_beyond_the_field_is_air_and_what_it_cuts_is_not_whole(seed):
    before = scan()
    after = oblique_view.cut(before, np.random.default_rng(seed))
    seen, found = geometry.to_array(after.ct), geometry.to_array(after.labels)
    assert seen.dtype == np.int16
    assert set(np.unique(seen)) == {-1024, 40}
    assert not found[seen == -1024].any()
    assert np.array_equal(found[seen == 40], geometry.to_array(before.labels)[seen == 40])
    assert set(after.centroids_mm) <= {20, 24}
    assert 20 in after.centroids_mm
    left = (found == 24).sum() / 6**3
    assert (24 in after.centroids_mm) == (left >= 1 - oblique_view.MOST_LOST)
    assert (24 in after.cut_mm) == (
        1 - oblique_view.OUT_OF_VIEW <= left < 1 - oblique_view.MOST_LOST
    )


def test_what_was_cut_before_never_becomes_whole():
    before = scan()
    cut_before = replace(before, centroids_mm={}, cut_mm=before.centroids_mm)
    after = oblique_view.cut(cut_before, np.random.default_rng(1))
    assert not after.centroids_mm
    assert 20 in after.cut_mm


def test_the_same_numbers_cut_the_same_field():
    one, other = (oblique_view.cut(scan(), np.random.default_rng(7)) for _ in range(2))
    assert np.array_equal(geometry.to_array(one.ct), geometry.to_array(other.ct))


@pytest.mark.parametrize("seed", range(4))
def test_a_tilted_gantry_cuts_the_ends_along_a_slope_and_no_side(seed):
    after = oblique_view.cut_by_gantry(scan(), np.random.default_rng(seed))
    shown = geometry.to_array(after.ct) > -1024  # (z, y, x)
    assert np.array_equal(shown, np.broadcast_to(shown[:, :, :1], shown.shape))
    assert shown[30].all()
    top = shown[:, :, 0].argmax(axis=0)  # first slice shown, from front to back
    assert top[0] != top[-1]
    assert np.all(np.diff(top) >= 0) or np.all(np.diff(top) <= 0)
