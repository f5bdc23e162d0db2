"""Altered versions of a scan: voxels and centres go together."""

import numpy as np
import pytest

from benchmarks.accuracy import variants
from versectl import geometry
from versectl.geometry import Grid

#: Six vertebrae as bright balls, on an anisotropic grid.
CENTERS_MM = {15 + n: np.array([40.0 + 3 * n, 52.0 - 2 * n, 165.0 - 27 * n]) for n in range(6)}
RADIUS_MM = 7.0


@pytest.fixture(scope="module")
def ct():
    grid = Grid((45, 60, 90), (2.0, 1.5, 2.0), (0.0, 0.0, 0.0))
    z, y, x = np.indices(grid.shape)
    points_mm = np.stack([x, y, z], -1) * grid.spacing_mm
    hounsfield = np.full(grid.shape, geometry.AIR_HU, np.float32)
    for center_mm in CENTERS_MM.values():
        hounsfield[np.linalg.norm(points_mm - center_mm, axis=-1) < RADIUS_MM] = 1000.0
    return geometry.from_array(hounsfield, grid)


def middle_mm(image, near_mm, radius_mm):
    """The middle of what is bright round a point."""
    bright = np.argwhere(geometry.to_array(image) > 0)
    points_mm = geometry.to_mm(image, bright[:, ::-1])
    return points_mm[np.linalg.norm(points_mm - near_mm, axis=1) < radius_mm].mean(axis=0)


def test_every_version_has_its_vertebrae_where_it_says(ct):
    made = list(variants.of(ct, CENTERS_MM, np.random.default_rng(1)))
    assert len({each.name for each in made}) == len(made) == 15
    for each in made:
        assert each.centers_mm
        for center_mm in each.centers_mm.values():
            inside = 1.4 * RADIUS_MM * each.size
            assert middle_mm(each.ct, center_mm, inside) == pytest.approx(center_mm, abs=1.6)


def test_a_cut_scan_ends_midway_to_the_next_vertebra(ct):
    first = variants.cut(ct, CENTERS_MM, from_head=True)
    last = variants.cut(ct, CENTERS_MM, from_head=False)
    assert list(first.centers_mm) == [15, 16, 17, 18, 19]
    assert list(last.centers_mm) == [16, 17, 18, 19, 20]
    assert geometry.extent(first.ct)[0][2] == pytest.approx(43.5, abs=2.0)
    assert geometry.extent(last.ct)[1][2] == pytest.approx(151.5, abs=2.0)


def test_a_turned_scan_lists_only_what_stayed_in_view(ct):
    turned = variants.turned(ct, CENTERS_MM, "x", 80.0)
    assert 0 < len(turned.centers_mm) < len(CENTERS_MM)


def test_a_smaller_person_is_smaller_in_voxels_and_distances(ct):
    half = variants.smaller(ct, CENTERS_MM, 0.5)
    assert half.ct.GetSpacing() == (1.0, 0.75, 1.0)
    assert half.ct.GetSize() == ct.GetSize()
    apart_mm = half.centers_mm[15] - half.centers_mm[20]
    assert apart_mm == pytest.approx((CENTERS_MM[15] - CENTERS_MM[20]) / 2)
