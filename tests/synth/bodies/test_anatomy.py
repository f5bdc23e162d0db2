import numpy as np
import pytest
from scipy import ndimage

from versectl.labels import NUMBERS
from versectl.synth.bodies import anatomy, posture
from versectl.synth.bodies.body import KINDS
from versectl.synth.bodies.structures import NUMBER
from versectl.synth.bodies.vertebra import bridges

SPACING_MM = 3.0
THORACIC = (*range(8, 20), 28)


@pytest.fixture(scope="module")
def spine():
    return posture.sample(np.random.default_rng(3))


@pytest.fixture(scope="module")
def body(spine):
    with pytest.MonkeyPatch.context() as patch:  # nobody whose vertebrae have grown together
        patch.setattr(bridges, "BRIDGED", 0)
        patch.setattr(bridges, "GROWN_TOGETHER", 0)
        return anatomy.build(spine, np.random.default_rng(4), SPACING_MM)


def value_at(body, point_mm):
    x, y, z = np.rint(body.grid.to_vox(point_mm)).astype(int)
    return body.structures[z, y, x]


def middle_mm(body, mask):
    return body.grid.to_mm(np.argwhere(mask).mean(axis=0)[::-1])


def test_the_array_fits_the_grid_and_every_number_has_a_kind(body):
    assert body.structures.dtype == np.uint8
    assert body.structures.shape == body.grid.shape
    assert body.kinds[0] == "air"
    assert all(body.kinds[int(number)] in KINDS for number in np.unique(body.structures))


def test_every_vertebra_is_there_and_has_its_centre_inside(body, spine):
    assert tuple(body.centroids_mm) == spine.labels
    for label, center_mm in body.centroids_mm.items():
        assert body.grid.contains(center_mm)
        if label != NUMBERS["C1"]:
            assert value_at(body, center_mm) == label


@pytest.mark.parametrize(
    ("name", "least_ml", "most_ml"), [("C5", 8, 28), ("T6", 12, 45), ("L3", 38, 110)]
)
def test_vertebrae_are_about_as_large_as_those_of_real_label_maps(body, name, least_ml, most_ml):
    volume_ml = np.sum(body.structures == NUMBERS[name]) * SPACING_MM**3 / 1000
    assert least_ml < volume_ml < most_ml


def around(body, label):
    """The structures round a vertebra, with a margin of two voxels."""
    where = ndimage.find_objects(body.structures, max_label=label)[label - 1]
    return body.structures[tuple(slice(max(s.start - 2, 0), s.stop + 2) for s in where)]


def test_vertebrae_hold_together_even_where_they_are_thinnest(spine):
    fine = anatomy.build(spine, np.random.default_rng(4), 1.5)
    for label in fine.centroids_mm:
        thick = ndimage.binary_opening(around(fine, label) == label)
        parts, _ = ndimage.label(thick)
        sizes = np.bincount(parts.ravel())[1:]
        assert sizes.max() > 0.9 * sizes.sum(), label


def test_the_centre_of_the_atlas_lies_in_the_front_of_its_ring(body):
    ring = middle_mm(body, body.structures == NUMBERS["C1"])
    offset = body.centroids_mm[NUMBERS["C1"]] - ring
    assert -30 < offset[1] < -2
    assert abs(offset[0]) < 10


def test_every_vertebra_is_one_piece(body, spine):
    for label in spine.labels:
        _, pieces = ndimage.label(around(body, label) == label)
        assert pieces == 1


def test_no_vertebra_touches_another(body, spine):
    for label in spine.labels:
        near = around(body, label)
        grown = ndimage.binary_dilation(near == label)
        touched = set(np.unique(near[grown])) & set(spine.labels)
        assert touched == {label}


def test_every_thoracic_vertebra_touches_a_rib_on_both_sides_and_no_lumbar_does(body, spine):
    for label in spine.labels:
        grown = ndimage.binary_dilation(body.structures == label)
        near = set(np.unique(body.structures[grown]))
        ribs = {NUMBER["rib_left"], NUMBER["rib_right"]}
        if label in THORACIC:
            assert ribs <= near, label
        if label in range(21, 26):
            assert not ribs & near, label


def test_first_ribs_and_tops_of_lungs_differ_between_people(spine):
    made = [anatomy.build(spine, np.random.default_rng(seed), 4.0) for seed in range(5)]
    z_mm = spine.centers_mm[spine.labels.index(NUMBERS["T1"])][2]

    def top_mm(body):
        lungs = np.isin(body.structures, [NUMBER["lung_left"], NUMBER["lung_right"]])
        return body.grid.to_mm([0, 0, np.argwhere(lungs)[:, 0].max()])[2] - z_mm

    def first_rib_ml(body):
        ribs = np.isin(body.structures, [NUMBER["rib_left"], NUMBER["rib_right"]])
        z = body.grid.to_mm(np.argwhere(ribs)[:, ::-1])[:, 2]
        return np.sum(z > z_mm) * 4.0**3 / 1000

    assert np.ptp([top_mm(body) for body in made]) > 8
    assert np.ptp([first_rib_ml(body) for body in made]) > 1


def test_the_sacrum_lies_below_the_last_lumbar_vertebra_and_the_skull_above_the_first(body, spine):
    last, first = body.centroids_mm[spine.labels[-1]], body.centroids_mm[spine.labels[0]]
    assert middle_mm(body, body.structures == NUMBER["sacrum"])[2] < last[2] - 20
    assert middle_mm(body, body.structures == NUMBER["skull"])[2] > first[2] + 10


def test_left_structures_lie_on_the_left(body):
    for name in ("rib", "lung", "kidney", "hip", "scapula", "psoas"):
        left, right = (
            middle_mm(body, body.structures == NUMBER[f"{name}_{side}"])
            for side in ("left", "right")
        )
        assert left[0] > right[0] + 30
    assert (
        middle_mm(body, body.structures == NUMBER["liver"])[0]
        < middle_mm(body, body.structures == NUMBER["spleen"])[0]
    )


def test_the_canal_runs_behind_the_bodies(body, spine):
    for label in spine.labels[2:]:
        at = spine.labels.index(label)
        look_back = spine.rotations[at][:, 1]
        behind = [value_at(body, body.centroids_mm[label] + d * look_back) for d in range(8, 36)]
        assert NUMBER["canal"] in behind


def test_the_same_seed_gives_the_same_body_and_the_global_generator_is_left_alone(spine):
    before = np.random.get_state()[1].copy()
    first, second = (anatomy.build(spine, np.random.default_rng(9), 6.0) for _ in range(2))
    np.testing.assert_array_equal(first.structures, second.structures)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_another_seed_gives_another_body_round_the_same_spine(spine):
    first, second = (anatomy.build(spine, np.random.default_rng(n), 6.0) for n in (1, 2))
    for label in spine.labels:
        np.testing.assert_array_equal(first.centroids_mm[label], second.centroids_mm[label])
    assert first.structures.shape != second.structures.shape or np.any(
        first.structures != second.structures
    )


@pytest.mark.parametrize("seed", [11, 40])
def test_coarse_bodies_of_other_people_hold_every_vertebra(seed):
    rng = np.random.default_rng(seed)
    spine = posture.sample(rng)
    made = anatomy.build(spine, rng, 5.0)
    assert set(spine.labels) <= set(np.unique(made.structures).tolist())
