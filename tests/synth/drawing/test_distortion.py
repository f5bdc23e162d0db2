import numpy as np
import pytest
import SimpleITK as sitk

from versectl.geometry import Grid
from versectl.synth.drawing import distortion
from versectl.synth.drawing.distortion import Ranges

GRID = Grid((24, 30, 20), (2.0, 1.5, 3.0), (-20.0, 7.0, 100.0))


def test_the_same_generator_gives_the_same_distortion_and_the_global_one_is_untouched():
    before = np.random.get_state()[1].copy()
    one, other = (distortion.sample(np.random.default_rng(4), GRID, Ranges()) for _ in range(2))
    assert np.array_equal(one.matrix, other.matrix)
    assert np.array_equal(one.bumps_mm, other.bumps_mm)
    assert np.array_equal(np.random.get_state()[1], before)


def test_no_range_is_no_distortion():
    still = distortion.sample(np.random.default_rng(0), GRID, Ranges(0.0, 0.0, 0.0, flips=False))
    where = distortion.sources_mm(still, GRID)
    assert where[:, 3, 4, 5] == pytest.approx(GRID.to_mm([5, 4, 3]), abs=1e-3)
    assert where[:, 19, 29, 23] == pytest.approx(GRID.last_mm, abs=1e-3)


def test_points_go_where_the_voxels_they_come_from_are():
    warp = distortion.sample(np.random.default_rng(11), GRID, Ranges())
    where = distortion.sources_mm(warp, GRID)
    voxels = [(3, 4, 5), (12, 20, 9), (20, 10, 15)]
    sources = np.array([where[:, z, y, x] for x, y, z in voxels], float)
    back = distortion.distorted_mm(warp, sources)
    assert back == pytest.approx(GRID.to_mm(np.array(voxels)), abs=0.01)


def test_a_mirrored_distortion_turns_left_and_right_round_the_middle():
    for seed in range(20):
        warp = distortion.sample(np.random.default_rng(seed), GRID, Ranges(0.0, 0.0, 0.0))
        left = warp.middle_mm + np.array([10.0, 0.0, 0.0])
        moved = distortion.distorted_mm(warp, left[None])[0] - warp.middle_mm
        assert abs(moved[0]) == pytest.approx(10.0, abs=0.01)
        if moved[0] < 0:
            return
    pytest.fail("none of 20 distortions mirrored")


def test_the_bumps_are_smooth_and_as_large_as_asked():
    warp = distortion.sample(np.random.default_rng(2), GRID, Ranges(0.0, 0.0, 5.0, flips=False))
    still = distortion.sample(np.random.default_rng(2), GRID, Ranges(0.0, 0.0, 0.0, flips=False))
    bump = distortion.sources_mm(warp, GRID) - distortion.sources_mm(still, GRID)
    assert 0.5 < np.abs(bump).max() <= 5.0
    assert max(np.abs(np.diff(bump, axis=a)).max() for a in (1, 2, 3)) < 2.0


MESH = Ranges(
    angle_deg=14.3, scale=0.15, bump_mm=8.0, flips=False, axis_share=1.0, spread="mesh", shift_mm=30
)


def test_the_published_distortion_is_itks_spline_then_scales_then_turns_then_shifts():
    warp = distortion.sample(np.random.default_rng(5), GRID, MESH)
    spline = sitk.BSplineTransform(3, 3)
    spline.SetTransformDomainOrigin(GRID.origin_mm)
    spline.SetTransformDomainPhysicalDimensions(np.multiply(GRID.size_vox, GRID.spacing_mm))
    spline.SetTransformDomainMeshSize((3, 3, 3))
    bumps_mm = np.tensordot(np.linalg.inv(warp.matrix), warp.bumps_mm, axes=1)
    assert np.abs(bumps_mm).max() <= 8.0
    spline.SetParameters(bumps_mm.ravel())
    affine = sitk.AffineTransform(warp.matrix.ravel(), warp.shift_mm, warp.middle_mm)
    both = sitk.CompositeTransform([affine, spline])  # the last comes first
    where = distortion.sources_mm(warp, GRID)
    ours = distortion.transform(where, GRID)
    for x, y, z in [(0, 0, 0), (3, 4, 5), (12, 20, 9), (23, 29, 19)]:
        point_mm = GRID.to_mm([x, y, z])
        wanted = both.TransformPoint(point_mm)
        assert where[:, z, y, x] == pytest.approx(wanted, abs=2e-3)
        assert ours.TransformPoint(point_mm) == pytest.approx(wanted, abs=2e-3)


def test_the_published_ranges_are_kept():
    for seed in range(30):
        warp = distortion.sample(np.random.default_rng(seed), GRID, MESH)
        scale = np.linalg.norm(warp.matrix, axis=0)
        assert np.all((scale > 0.85**2) & (scale < 1.15**2))
        assert np.linalg.det(warp.matrix) > 0
        assert np.abs(warp.shift_mm).max() <= 30
        intensity = distortion.sample_intensity(
            np.random.default_rng(seed), Ranges(intensity_scale=0.25)
        )
        assert intensity.shift == 0
        assert 0.75 <= intensity.scale <= 1.25


def test_large_bumps_lose_few_points_and_misplace_none():
    grid = Grid((128, 128, 96), (1.0, 1.0, 1.0), (-20.0, 7.0, 100.0))
    found = 0
    for seed in range(10):
        warp = distortion.sample(
            np.random.default_rng(seed), grid, Ranges(14.3, 0.15, 25.0, spread="mesh")
        )
        back = distortion.distorted_mm(warp, warp.middle_mm[None] + [[0, 0, 0], [9, -9, 5]])
        lost = np.isnan(back).any(axis=1)
        found += np.count_nonzero(~lost)
        assert np.all(np.abs(back[~lost] - warp.middle_mm) < 120)
        again = distortion._source_mm(warp, back[~lost])
        wanted = (warp.middle_mm[None] + [[0, 0, 0], [9, -9, 5]])[~lost]
        assert again == pytest.approx(wanted, abs=0.02)
    assert found >= 19


def test_a_lean_tips_a_body_forwards_and_backwards_alone():
    ranges = Ranges(0, 0, 0, False, lean_deg=20.0)
    matrices = np.array(
        [distortion.sample(np.random.default_rng(seed), GRID, ranges).matrix for seed in range(40)]
    )
    assert matrices[:, 0] == pytest.approx(np.tile([1.0, 0.0, 0.0], (40, 1)))
    tips_deg = np.degrees(np.arctan2(matrices[:, 2, 1], matrices[:, 1, 1]))
    assert -20 <= tips_deg.min() < -15
    assert 15 < tips_deg.max() <= 20


def test_a_scan_of_wrong_slice_spacing_shows_a_body_at_up_to_a_third_of_its_width():
    widths = [
        distortion.sample(
            np.random.default_rng(seed), GRID, Ranges(0, 0, 0, False, wrong_slice_spacing=1.0)
        ).matrix
        for seed in range(40)
    ]
    ratios = np.array([np.diag(matrix) for matrix in widths])
    assert np.all(ratios[:, 1:] == 1)
    assert ratios[:, 0].min() < 1.5
    assert 2.8 < ratios[:, 0].max() <= distortion.MOST_WRONG_SPACING
