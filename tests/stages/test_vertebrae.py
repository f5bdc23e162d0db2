from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM

from versectl import config, geometry, labels
from versectl.stages import heatmap, numbering, vertebrae
from versectl.stages.labelling import Candidate
from versectl.types import Model, Numbering

CONFIG = config.DEFAULT["vertebrae"]


def frame_of(ct, center_mm=None):
    low_mm, high_mm = geometry.extent(ct)
    middle_mm = (low_mm + high_mm) / 2
    if center_mm is not None:
        middle_mm[:2] = center_mm[:2]
    length_mm = high_mm[2] - low_mm[2]
    return vertebrae.frame(middle_mm, length_mm, vertebrae.fitted(CONFIG, length_mm))


def test_the_target_read_back_is_every_vertebra_to_half_a_millimetre(phantom):
    ct, _ = phantom
    center_mm = np.mean(list(CENTERS_MM.values()), axis=0)

    grid = frame_of(ct, center_mm)
    plain = vertebrae.box(ct, grid, CONFIG)

    def always_right(seen):
        assert np.array_equal(seen, plain)
        return np.log(vertebrae.target(CENTERS_MM, grid, CONFIG) + 1e-9)

    found = vertebrae.predict(ct, center_mm, Model(CONFIG, always_right))
    assert list(found) == list(CENTERS_MM)
    for label, point_mm in CENTERS_MM.items():
        assert found[label].center_mm == pytest.approx(point_mm, abs=0.5)
        assert found[label].peak > 0.8


def test_the_target_has_a_channel_per_label_and_none_for_absent_ones(phantom):
    grid = frame_of(phantom[0])
    answer = vertebrae.target(CENTERS_MM, grid, CONFIG)
    assert answer.shape == (32, 48, 48, 26)
    assert [labels.CHANNELS[c] for c in np.flatnonzero(answer.max(axis=(0, 1, 2)))] == [19, 20, 21]


def test_what_is_seen_in_the_mirror_is_on_its_own_side():
    seen = np.zeros((128, 96, 96, 1), np.float32)
    seen[:, :, 61] = 1  # 34 in the mirror

    def sees_the_left_half(tile):
        heat = np.zeros((64, 48, 48, 26))
        heat[..., :24, 3] = tile[::2, ::2, :48:2, 0]
        return np.log(heat + 1e-9)

    heat = vertebrae.respond_mirrored(seen, Model(CONFIG, sees_the_left_half))
    assert set(np.argwhere(heat[..., 3] > 0.1)[:, 2]) == {30}


class Looks:
    """A network that gives tiles of one size the same answer and others none, and counts them."""

    def __init__(self, heat):
        self.answer, self.shapes = np.log(heat + 1e-9), []

    def __call__(self, seen):
        self.shapes.append(seen.shape)
        size = np.array(seen.shape[:3]) // 2
        known = self.answer.shape[:3] == tuple(size)
        return self.answer if known else np.full((*size, self.answer.shape[-1]), -30.0)


@pytest.mark.parametrize(("share", "looks"), [(0.02, [64]), (0.5, [64, 64, 96])])
def test_a_scan_is_looked_at_again_in_the_mirror_and_enlarged_where_its_levels_are_undecided(
    phantom, share, looks
):
    center_mm = np.mean(list(CENTERS_MM.values()), axis=0)
    config_ = vertebrae.fitted(CONFIG, 0.0)
    low_mm, high_mm = geometry.extent(phantom[0])
    middle_mm = np.array([*center_mm[:2], (low_mm[2] + high_mm[2]) / 2])
    heat = vertebrae.target(CENTERS_MM, vertebrae.frame(middle_mm, 0.0, config_), config_)
    one_higher = np.roll(heat, -1, axis=-1)
    network = Looks((1 - share) * heat + share * one_higher)
    vertebrae.predict(phantom[0], center_mm, Model(CONFIG, network))
    assert network.shapes == [(length, 96, 96, 1) for length in looks]


def enlarged_target(ct, centers_mm):
    """What a network should answer to the enlarged tile of a scan."""
    low_mm, high_mm = geometry.extent(ct)
    length_mm = high_mm[2] - low_mm[2]
    enlarged = vertebrae.fitted(CONFIG.scaled(1 / vertebrae.ENLARGED), length_mm)
    grid = vertebrae.frame(geometry.center(ct), length_mm, enlarged)
    return vertebrae.target(centers_mm, grid, enlarged)


def shrunk(ct, size):
    center_mm = geometry.center(ct)
    return {n: center_mm + size * (c - center_mm) for n, c in CENTERS_MM.items()}


def test_vertebrae_of_a_small_person_are_found_where_the_scan_is_enlarged(phantom):
    ct, _ = phantom
    small_mm = shrunk(ct, 0.6)
    network = Looks(enlarged_target(ct, small_mm))
    found = vertebrae.predict(ct, geometry.center(ct), Model(CONFIG, network))
    assert network.shapes == [(64, 96, 96, 1), (64, 96, 96, 1), (96, 96, 96, 1)]
    assert list(found) == list(small_mm)
    for label, point_mm in small_mm.items():
        assert found[label].center_mm == pytest.approx(point_mm, abs=0.5)


def test_what_an_enlarged_scan_shows_counts_neither_of_an_adult_nor_where_it_is_undecided(phantom):
    ct, _ = phantom
    center_mm = geometry.center(ct)
    adult = Looks(enlarged_target(ct, shrunk(ct, 1.0)))
    assert vertebrae.predict(ct, center_mm, Model(CONFIG, adult)) == {}
    heat = enlarged_target(ct, shrunk(ct, 0.6))
    undecided = Looks(0.5 * heat + 0.5 * np.roll(heat, -1, axis=-1))
    assert vertebrae.predict(ct, center_mm, Model(CONFIG, undecided)) == {}
    assert [shape[0] for shape in undecided.shapes] == [64, 64, 96, 96]


def test_a_single_look_is_all_that_is_taken_where_no_other_is_asked_for(phantom):
    ct, _ = phantom
    shapes = []

    def undecided(seen):
        shapes.append(seen.shape)
        return np.full((*np.array(seen.shape[:3]) // 2, 26), -9.0)

    vertebrae.predict(ct, geometry.center(ct), Model(replace(CONFIG, looks_again=False), undecided))
    assert shapes == [(64, 96, 96, 1)]


def test_a_place_that_no_vertebra_explains_asks_for_another_look():
    named = {20: np.array([0.0, 0.0, 40.0]), 21: np.array([0.0, 8.0, 5.0])}
    places = [Candidate(center_mm, 0.9, {label: 0.9}) for label, center_mm in named.items()]
    read = numbering.Reading(dict(zip(named, places, strict=True)), {}, Numbering(0.97, None, ()))
    beside, between, faint = (
        Candidate(np.array([0.0, y, z]), response, {22: response})
        for y, z, response in ((0.0, 50.0, 0.3), (4.0, 20.0, 0.3), (4.0, 20.0, 0.05))
    )
    assert vertebrae.is_clear(read, [*places, beside, faint])
    assert not vertebrae.is_clear(read, [*places, between])
    assert not vertebrae.is_clear(None, [])


@pytest.mark.parametrize(
    ("length_mm", "length_vox"), [(0.0, 64), (126.0, 64), (127.0, 96), (191.0, 128), (900.0, 128)]
)
def test_tiles_are_no_longer_than_a_scan_needs(length_mm, length_vox):
    assert vertebrae.fitted(CONFIG, length_mm).size_vox == (96, 96, length_vox)


def test_what_lies_beside_a_turned_scan_is_no_vertebra_though_within_its_extent():
    ct = sitk.Image(40, 30, 40, sitk.sitkFloat32)
    ct.SetSpacing((3.0, 2.0, 4.0))
    turn = np.deg2rad(30)  # about x: the corners of the extent are beyond the scan
    cos, sin = np.cos(turn), np.sin(turn)
    ct.SetDirection((1, 0, 0, 0, cos, -sin, 0, sin, cos))
    low_mm, high_mm = geometry.extent(ct)
    middle_mm = (low_mm + high_mm) / 2
    beside_mm = np.array([middle_mm[0], middle_mm[1] - 32, middle_mm[2] - 20])
    assert np.all((beside_mm > low_mm) & (beside_mm < high_mm))
    both_mm = {20: middle_mm, 21: beside_mm}
    both = Looks(vertebrae.target(both_mm, frame_of(ct, middle_mm), CONFIG))
    assert list(vertebrae.predict(ct, middle_mm, Model(CONFIG, both))) == [20]


def test_no_response_gives_no_vertebra(phantom):
    def silent(seen):
        return np.full((*(n // 2 for n in seen.shape[:3]), 26), -30.0, np.float32)

    assert vertebrae.predict(phantom[0], np.zeros(3), Model(CONFIG, silent)) == {}


def test_places_of_a_bent_neck_13_mm_apart_keep_their_own_names():
    grid = geometry.Grid((30, 30, 40), (4.0, 4.0, 4.0), (-50.0, -60.0, -70.0))
    truth = {
        label: np.array([1.7, -30.0 + 9.2 * step, 40.0 - 9.2 * step])
        for step, label in enumerate(range(3, 8))  # C3 to C7
    }
    heat = np.zeros((*grid.shape, 26), np.float32)
    for label, center_mm in truth.items():
        heat[..., labels.CHANNELS.index(label)] = 0.8 * heatmap.gaussian(center_mm, 5.0, grid)
    found = numbering.read(vertebrae.candidates(heat, grid, 0.05), -70.0)
    assert list(found.places) == list(truth)
    for label, candidate in found.places.items():
        assert candidate.center_mm == pytest.approx(truth[label], abs=3)


def test_a_places_names_share_its_response():
    grid = geometry.Grid((20, 20, 20), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0))
    heat = np.zeros((*grid.shape, 26), np.float32)
    there = heatmap.gaussian(np.array([40.0, 36.0, 44.0]), 5.0, grid)
    heat[..., 3], heat[..., 4] = 0.6 * there, 0.2 * there
    for candidate in vertebrae.candidates(heat, grid, 0.05):
        assert candidate.response == pytest.approx(0.8)
        assert candidate.responses[labels.CHANNELS[3]] == pytest.approx(0.6)
        assert sum(candidate.responses.values()) == pytest.approx(candidate.response)
