import bodies
import numpy as np
import pytest

from versectl import geometry
from versectl.geometry import Grid
from versectl.synth.bodies.body import Body
from versectl.synth.drawing import ct, distortion
from versectl.synth.drawing.distortion import Ranges

STILL = Ranges(0.0, 0.0, 0.0, flips=False)
GRID = Grid((60, 70, 100), (2.0, 2.0, 2.0), (-51.0, -40.0, -20.0))


@pytest.fixture(scope="module")
def made():
    return ct.scan(bodies.body(), GRID, np.random.default_rng(8), STILL)


def test_an_undistorted_scan_has_the_bodys_vertebrae_at_their_places(made):
    found = geometry.to_array(made.labels)
    assert set(np.unique(found)) == {0, *bodies.CENTERS_MM}
    for label, point_mm in made.centroids_mm.items():
        assert point_mm == pytest.approx(bodies.CENTERS_MM[label], abs=0.05)
        x, y, z = np.rint(GRID.to_vox(point_mm)).astype(int)
        assert found[z, y, x] == label


def test_bone_is_brighter_than_soft_tissue_and_that_than_air(made):
    hounsfield, found = geometry.to_array(made.ct), geometry.to_array(made.labels)
    structures = bodies.body().structures[5:105]
    soft = np.median(hounsfield[structures == 31])
    assert np.percentile(hounsfield[found > 0], 75) > soft + 100  # cortex; marrow may be dark
    assert np.median(hounsfield[structures == 0]) < soft - 600
    assert hounsfield.min() >= -1024
    assert hounsfield.max() <= 3071


@pytest.mark.parametrize(("lowest_mm", "cut"), [(88.0, {20}), (94.0, set())])
def test_a_vertebra_cut_by_the_border_has_voxels_but_no_centroid(lowest_mm, cut):
    low = Grid((60, 70, 40), (2.0, 2.0, 2.0), (-51.0, -40.0, lowest_mm))  # L1's centre: 90 mm
    made = ct.scan(bodies.body(), low, np.random.default_rng(8), STILL)
    assert 20 in np.unique(geometry.to_array(made.labels))
    assert 20 not in made.centroids_mm
    assert 19 in made.centroids_mm
    assert set(made.cut_mm) == cut


def test_scans_differ_with_the_generator_and_only_with_it(made):
    again = ct.scan(bodies.body(), GRID, np.random.default_rng(8), STILL)
    other = ct.scan(bodies.body(), GRID, np.random.default_rng(9), STILL)
    assert np.array_equal(geometry.to_array(again.ct), geometry.to_array(made.ct))
    assert not np.array_equal(geometry.to_array(other.ct), geometry.to_array(made.ct))


def test_organs_slip_along_the_spine_and_bone_disc_and_skin_stay():
    body = bodies.body()
    structures = body.structures.copy()
    structures[40:50, 10:20, 20:36] = 32
    kinds = {**bodies.KINDS, 32: "organ"}
    with_organ = Body(structures, body.grid, kinds, body.centroids_mm)
    where_mm = distortion.sources_mm(distortion.sample(np.random.default_rng(0), GRID, STILL), GRID)
    here, up = (ct._slipped(with_organ, where_mm, by_mm) for by_mm in (0.0, 20.0))
    assert np.array_equal(up[45:55] == 32, here[35:45] == 32)
    assert (up == 32).any()
    stays = np.isin(here, [n for n, kind in kinds.items() if kind not in ct.SLIPPERY])
    assert np.array_equal(up[stays], here[stays])
    assert np.isin(up[~stays], (31, 32)).all()


def test_smoothing_a_vertebra_trades_with_what_surrounds_it_and_leaves_no_holes_of_air():
    structures = bodies.body().structures
    rounded = ct._rounded(structures, bodies.KINDS)
    assert np.any(rounded != structures)
    assert np.array_equal(rounded == 0, structures == 0)
    assert np.array_equal(rounded == 30, structures == 30)  # the rib keeps its shape


def test_a_vertebra_whose_process_is_cut_has_its_centroid():
    shallow = Grid((60, 42, 100), (2.0, 2.0, 2.0), (-51.0, -40.0, -20.0))  # to y = 42
    made = ct.scan(bodies.body(), shallow, np.random.default_rng(8), STILL)
    found = geometry.to_array(made.labels)
    assert (found[:, -1] == 19).any()
    assert 19 in made.centroids_mm
