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


def test_a_cortex_thinner_than_a_voxel_is_fainter_in_coarser_voxels(monkeypatch):
    monkeypatch.setattr(ct, "RIM_BEGINS", (-1.0, -1.0))  # all of a mask is bone
    structures = bodies.body().structures

    surface = ct._edge(structures) & (structures == 20)

    def surface_hu(spacing_mm):
        drawn = []
        for seed in range(20):
            hounsfield = np.full(structures.shape, 40.0, np.float32)
            sampling = (np.full(3, spacing_mm), np.random.default_rng(seed))
            ct._add_bone(hounsfield, structures, bodies.KINDS, sampling)
            drawn.append(hounsfield[surface].mean())
        return np.mean(drawn)

    assert surface_hu(4.0) < surface_hu(1.0) - 50


def test_bone_fades_in_at_the_edge_of_its_mask_and_only_there():
    structures = bodies.body().structures
    x, y, z = np.rint(bodies.GRID.to_vox(bodies.CENTERS_MM[20])).astype(int)
    middle, corner = (z, y, x), tuple(np.argwhere(structures == 20)[0])

    def drawn(begins):
        hounsfield = np.full(structures.shape, -5000.0, np.float32)
        sampling = (np.ones(3), np.random.default_rng(8))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(ct, "RIM_BEGINS", (begins, begins))
            ct._add_bone(hounsfield, structures, bodies.KINDS, sampling)
        return hounsfield

    sharp, faded = drawn(-1.0), drawn(0.7)
    assert faded[middle] == pytest.approx(sharp[middle], abs=5)
    assert faded[corner] < sharp[corner] - 500


def test_marrow_of_a_thin_process_counts_as_slender_and_that_of_a_body_does_not():
    bone = np.zeros((50, 60, 70), bool)
    bone[10:40, 5:35, 15:55] = True  # a body of 40 x 30 x 30 mm ...
    bone[22:26, 35:58, 33:38] = True  # ... and a process 5 mm wide and 4 mm high
    slender = ct._slender(bone, np.ones(3))
    assert slender[10:40, 5:35, 15:55].mean() < 0.05
    assert slender[24, 50, 35] > 0.9
    coarse = ct._slender(bone[::2], np.array([1.0, 1.0, 2.0]))
    assert coarse[12, 50, 35] > 0.9
    assert coarse[12, 20, 35] < 0.05


def test_thick_slices_average_along_their_axis():
    matrix = ct._slices(40, 5.0, 0.3)
    assert matrix.sum(axis=1) == pytest.approx(np.ones(40), abs=1e-5)
    stripes = np.arange(40) % 2
    assert (matrix @ stripes).std() < 0.1 * stripes.std()
    assert np.array_equal(ct._slices(7, 0.9, 0.5), np.eye(7, dtype=np.float32))


def test_rings_depend_on_the_distance_from_one_axis_in_mm():
    rng = np.random.default_rng(2)
    square = ct._rings((60, 120), np.array([1.0, 2.0, 1.0]), np.random.default_rng(2))
    axis_mm = rng.normal(0, 60, 2)
    y, x = (np.arange(60) - 30) * 2.0 - axis_mm[0], (np.arange(120) - 60) * 1.0 - axis_mm[1]
    radius_mm = np.hypot(y[:, None], x)
    order = np.argsort(radius_mm, axis=None)
    near = np.abs(np.diff(square.ravel()[order]))
    assert near.max() < 3 * np.std(square)
    assert np.median(near) < 0.1 * np.std(square)
    assert 2 < np.std(square) < 60


def test_noise_fields_have_unit_spread_and_the_width_asked_for():
    rng = np.random.default_rng(0)
    field = ct._field((40, 60, 80), np.array([12.0, 6.0, 3.0]), rng)
    assert field.std() == pytest.approx(1.0, abs=1e-3)
    steps = [np.abs(np.diff(field, axis=a)).mean() for a in (2, 1, 0)]
    assert steps[0] < steps[1] < steps[2]


def test_a_vertebra_whose_process_is_cut_has_its_centroid():
    shallow = Grid((60, 42, 100), (2.0, 2.0, 2.0), (-51.0, -40.0, -20.0))  # to y = 42
    made = ct.scan(bodies.body(), shallow, np.random.default_rng(8), STILL)
    found = geometry.to_array(made.labels)
    assert (found[:, -1] == 19).any()
    assert 19 in made.centroids_mm


def test_no_marrow_is_darker_than_fat():
    structures = bodies.body().structures
    bone = np.isin(structures, list(bodies.CENTERS_MM))
    for seed in range(20):
        hounsfield = np.zeros(structures.shape, np.float32)
        sampling = (np.full(3, 2.0), np.random.default_rng(seed))
        ct._add_bone(hounsfield, structures, bodies.KINDS, sampling)
        assert hounsfield[bone].min() >= ct.HOUNSFIELD["fat"][0]


def test_contrast_in_the_canal_is_bright_round_a_dark_cord_or_all_of_it():
    structures = np.zeros((20, 40, 40), np.uint8)
    y, x = np.indices((40, 40)) - 20
    structures[:, np.hypot(x, y) < 9] = 5
    seen = set()
    for seed in range(8):
        hounsfield = np.zeros(structures.shape, np.float32)
        ct._fill_canal(
            hounsfield,
            structures,
            {0: "tissue", 5: "canal"},
            (np.ones(3), np.random.default_rng(seed)),
        )
        assert not hounsfield[structures == 0].any()
        assert hounsfield[10, 20, 12] >= 150
        seen.add(bool(hounsfield[10, 20, 20] >= 150))
    assert seen == {True, False}


def test_contrast_in_the_canal_may_be_denser_where_it_sank_to(monkeypatch):
    monkeypatch.setattr(ct, "LAYERED", 1.0)
    monkeypatch.setattr(ct, "PRONE", 0.0)
    structures = np.zeros((12, 40, 30), np.uint8)
    structures[:, 6:34, 8:22] = 5  # y runs to the back, and down for who lies on it
    sampling = (np.array([1.0, 0.8, 2.0]), np.random.default_rng(3))
    hounsfield = np.zeros(structures.shape, np.float32)
    ct._fill_canal(hounsfield, structures, {0: "tissue", 5: "canal"}, sampling)
    front, back = hounsfield[6, 6, 15], hounsfield[6, 33, 15]
    assert 150 <= front < back
    assert set(np.unique(hounsfield)) <= {0.0, front, back}
    assert not hounsfield[structures == 0].any()


def bone_drawn(monkeypatch, **chosen):
    """HU (z, y, x) of bone that is all of its mask, without marrow's own texture differing."""
    monkeypatch.setattr(ct, "RIM_BEGINS", (-1.0, -1.0))
    for name, value in chosen.items():
        monkeypatch.setattr(ct, name, value)
    structures = bodies.body().structures
    drawn = np.full(structures.shape, 40.0, np.float32)
    sampling = (np.full(3, 1.0), np.random.default_rng(5))
    ct._add_bone(drawn, structures, bodies.KINDS, sampling)
    return drawn, structures == 20


def test_cortex_is_thicker_in_some_places_and_hardly_there_in_others(monkeypatch):
    even, bone = bone_drawn(monkeypatch, UNEVEN=0.0, SCLEROTIC=0.0)
    uneven, _ = bone_drawn(monkeypatch, UNEVEN=2.0, SCLEROTIC=0.0)
    surface = ct._edge(np.where(bone, 20, 0).astype(np.uint8)) & bone
    darker = (even - uneven)[surface]
    assert (darker > 100).mean() > 0.05
    assert (darker < -20).mean() > 0.05


def test_sclerosis_makes_patches_of_bone_brighter_and_leaves_the_rest(monkeypatch):
    chosen = {"UNEVEN": 0.0, "SCLEROSIS_MM": (2.0, 2.0), "SCLEROSIS_HU": 5000.0}
    plain, bone = bone_drawn(monkeypatch, SCLEROTIC=0.0, **chosen)
    worn, _ = bone_drawn(monkeypatch, SCLEROTIC=1.0, **chosen)
    assert worn[bone].max() > plain[bone].max() + 500
    assert np.percentile(worn[bone], 25) < plain[bone].max()


def test_a_lung_kernel_makes_an_edge_overshoot(monkeypatch):
    step = np.full((24, 24, 24), 40, np.float32)
    step[:, :, 12:] = 500
    beyond = {}
    for share in (0.0, 1.0):
        monkeypatch.setattr(ct, "LUNG_KERNEL", share)
        seen = [ct._acquire(step, np.ones(3), np.random.default_rng(seed)) for seed in range(30)]
        profiles = [image.mean(axis=(0, 1)) for image in seen]
        beyond[share] = np.median([p[12:15].max() - np.median(p[16:22]) for p in profiles])
    assert beyond[1.0] > beyond[0.0] + 20
