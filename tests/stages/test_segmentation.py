import threading
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk
from phantoms import CENTERS_MM, pointed_at

from versectl import config, geometry
from versectl.stages import segmentation, spacing
from versectl.stages.segmentation import Placed
from versectl.types import Model

CONFIG = config.DEFAULT["segmentation"]


def dice(one, other):
    return 2 * np.count_nonzero(one & other) / (np.count_nonzero(one) + np.count_nonzero(other))


def test_a_threshold_as_network_segments_every_block_by_its_own_centroid(phantom):
    ct, truth = phantom

    def bright_and_near(seen):
        z, y, x = np.indices(seen.shape[:3])
        near = (abs(z - 47.5) < 14) & (abs(y - 43.5) < 18) & (abs(x - 63.5) < 22)
        return np.where((seen[..., 0] > 0.2) & near, 5.0, -5.0)[..., None]

    found = geometry.to_array(segmentation.predict(ct, CENTERS_MM, Model(CONFIG, bright_and_near)))
    for label in CENTERS_MM:
        assert dice(found == label, geometry.to_array(truth) == label) > 0.9


def test_an_answer_that_is_the_threshold_but_for_rounding_is_no_mask(phantom):
    def barely(seen):
        return np.full((*seen.shape[:3], 1), np.float32(1e-9))

    model = Model(replace(CONFIG, threshold=0.5), barely)
    found = segmentation.predict(phantom[0], {20: CENTERS_MM[20]}, model)
    assert not geometry.to_array(found).any()


def test_the_result_lies_on_the_scans_grid(phantom):
    ct, _ = phantom
    found = segmentation.predict(ct, {}, Model(CONFIG, lambda seen: seen))
    assert geometry.same_grid(found, ct)
    assert found.GetPixelID() == sitk.sitkUInt8


@pytest.mark.parametrize("filtered", [sitk.RegionOfInterest, sitk.Resample])
def test_no_filter_holds_the_scan_while_other_threads_read_its_voxels(
    filtered, phantom, monkeypatch
):
    ct, _ = phantom
    held = []

    def recording(image, *given):
        held.append(image.GetSize())
        return filtered(image, *given)

    monkeypatch.setattr(segmentation.sitk, filtered.__name__, recording)
    model = Model(CONFIG, lambda seen: np.where(seen[..., :1] > 0.2, 5.0, -5.0), at_once=2)
    found = segmentation.predict(ct, CENTERS_MM, model)
    assert geometry.to_array(found).any()
    assert ct.GetSize() not in held


def test_the_target_is_the_vertebra_alone(phantom):
    _, truth = phantom
    grid = segmentation.frame(CENTERS_MM[20], CONFIG)
    wanted = segmentation.target(truth, 20, grid, CONFIG)
    assert wanted.shape == (96, 128, 128, 1)
    drawn_mm3 = np.count_nonzero(geometry.to_array(truth) == 20) * np.prod(truth.GetSpacing())
    assert wanted.sum() == pytest.approx(drawn_mm3, rel=0.05)


def test_the_second_input_is_a_gaussian_of_3_mm_at_the_centroid(phantom):
    grid = segmentation.frame(CENTERS_MM[20], CONFIG)
    seen = segmentation.box(phantom[0], CENTERS_MM[20], grid, CONFIG)
    peak = np.unravel_index(seen[..., 1].argmax(), seen.shape[:3])
    assert np.abs(grid.to_mm(peak[::-1]) - CENTERS_MM[20]).max() <= 0.5
    assert seen[..., 1].sum() == pytest.approx((2 * np.pi) ** 1.5 * 27, rel=0.01)


def test_the_box_reaches_64_mm_to_either_side_and_84_mm_behind():
    grid = segmentation.frame(np.zeros(3), CONFIG)
    assert grid.origin_mm == (-63.5, -43.5, -47.5)
    assert grid.last_mm.tolist() == [63.5, 83.5, 47.5]


def test_only_the_largest_piece_answers(phantom):
    def two_pieces(seen):
        logits = np.full((*seen.shape[:3], 1), -9.0)
        logits[40:60, 40:60, 50:80] = 9.0
        logits[5:8, 5:8, 5:8] = 9.0
        return logits

    ct, _ = phantom
    grid = segmentation.frame(CENTERS_MM[20], CONFIG)
    found = segmentation.one(ct, CENTERS_MM[20], grid, Model(CONFIG, two_pieces))
    at_mm = [grid.to_mm(np.array(vox)[::-1]) for vox in ([6, 6, 6], [50, 50, 60])]
    beside, within = (tuple(np.rint(found.grid.to_vox(mm)[::-1]).astype(int)) for mm in at_mm)
    assert found.response[beside] == 0
    assert found.response[within] > 0.99


def small_box(size_vox):
    return replace(CONFIG, boxes=(config.LevelBox(20, 20, size_vox, 1.0),))


def counting(answer):
    """A network, and the sizes (x, y, z) of what it was given."""
    sizes = []

    def counted(seen):
        sizes.append(seen.shape[2::-1])
        return answer(seen)

    return counted, sizes


def test_the_box_of_a_level_is_used_for_that_level_alone(phantom):
    answer, sizes = counting(pointed_at)
    segmentation.predict(phantom[0], CENTERS_MM, Model(small_box((80, 96, 64)), answer))
    assert sizes == [(128, 128, 96), (80, 96, 64), (128, 128, 96)]


@pytest.mark.parametrize("size_vox", [(32, 96, 64), (80, 96, 16)], ids=["across", "along"])
def test_a_vertebra_that_its_box_cuts_is_seen_again_in_the_trained_one(phantom, size_vox):
    ct, truth = phantom
    answer, sizes = counting(pointed_at)
    found = segmentation.predict(ct, {20: CENTERS_MM[20]}, Model(small_box(size_vox), answer))
    assert sizes == [size_vox, (128, 128, 96)]
    assert dice(geometry.to_array(found) == 20, geometry.to_array(truth) == 20) > 0.9


@pytest.mark.parametrize(
    ("width_vox", "looks"), [(32, 2), (48, 1)], ids=["much is cut", "little is cut"]
)
def test_fast_looks_again_where_much_is_cut_alone(phantom, width_vox, looks):
    def corner_sticks_out(seen):
        """A block of 40 x 29 x 20 mm, and a rod that ends beyond every small box."""
        z, y, x = (np.arange(n) - (n - 1) / 2 for n in seen.shape[:3])
        near = [abs(each) < half for each, half in ((z, 10), (y, 14.5), (x, 20))]
        rod = [abs(each) < half for each, half in ((z, 2), (y, 2), (x, 40))]
        shown = np.multiply.outer(np.multiply.outer(near[0], near[1]), near[2])
        shown |= np.multiply.outer(np.multiply.outer(rod[0], rod[1]), rod[2])
        return np.where(shown, 5.0, -5.0)[..., None]

    answer, sizes = counting(corner_sticks_out)
    stage = replace(small_box((width_vox, 96, 64)), looks_again=False)
    boxes = segmentation.looks(stage, 20, 1.0)
    found = segmentation.whole(phantom[0], CENTERS_MM[20], Model(stage, answer), boxes)
    assert len(sizes) == looks
    again = Model(replace(stage, looks_again=True), answer)
    wide = segmentation.whole(phantom[0], CENTERS_MM[20], again, boxes)
    assert np.count_nonzero(wide.response > 0.5) - np.count_nonzero(found.response > 0.5) == (
        0 if looks == 2 else 4 * 4 * 32
    )


def test_boxes_of_a_level_are_tried_in_turn_until_one_shows_the_vertebra_uncut(phantom):
    answer, sizes = counting(pointed_at)
    boxes = [
        config.LevelBox(20, 20, size, 1.0) for size in ((32, 96, 64), (96, 96, 64), (112,) * 3)
    ]
    stage = replace(CONFIG, boxes=tuple(boxes))
    segmentation.predict(phantom[0], {20: CENTERS_MM[20]}, Model(stage, answer))
    assert sizes == [(32, 96, 64), (96, 96, 64)]


def test_a_vertebra_that_a_small_box_does_not_show_is_sought_in_the_trained_one(phantom):
    def wants_room(seen):
        return (
            pointed_at(seen)
            if seen.shape == (96, 128, 128, 2)
            else np.full((*seen.shape[:3], 1), -9)
        )

    answer, sizes = counting(wants_room)
    stage = replace(small_box((96, 96, 64)), looks_again=False)
    assert (
        segmentation.whole(phantom[0], CENTERS_MM[20], Model(stage, answer), stage.looks(20))
        is not None
    )
    assert sizes == [(96, 96, 64), (128, 128, 96)]


def test_a_small_persons_vertebrae_are_shown_as_large_as_an_adults(phantom):
    adult, _ = phantom
    small = sitk.Image(adult)
    small.SetSpacing([0.6 * each for each in adult.GetSpacing()])
    small.SetOrigin([0.6 * each for each in adult.GetOrigin()])
    small_mm = {label: 0.6 * center_mm for label, center_mm in CENTERS_MM.items()}

    def shown(ct, centers_mm, config_):
        boxes = []

        def pointed(seen):
            boxes.append(seen)
            return pointed_at(seen)

        segmentation.predict(ct, centers_mm, Model(config_, pointed))
        return np.stack(boxes)

    as_usual = shown(adult, CENTERS_MM, CONFIG.scaled(spacing.size_of(CENTERS_MM)))
    assert np.allclose(shown(small, small_mm, CONFIG), as_usual, rtol=0, atol=1e-4)
    assert not np.allclose(shown(adult, CENTERS_MM, CONFIG), as_usual, rtol=0, atol=1e-4)


def test_a_vertebra_that_a_small_persons_box_cuts_is_seen_in_an_adults(phantom):
    looks = segmentation.looks(CONFIG, 20, 0.6)
    assert [each.spacing_mm for each in looks] == pytest.approx([0.6, 1.0])
    for adults in (0.44, 0.76, 1.0):
        assert segmentation.looks(CONFIG, 20, adults) == CONFIG.looks(20)
    full = np.full((96, 128, 128, 1), 5.0)
    answer, sizes = counting(lambda seen: full if len(sizes) == 1 else pointed_at(seen))
    found = segmentation.whole(phantom[0], CENTERS_MM[20], Model(CONFIG, answer), looks)
    assert len(sizes) == 2
    assert found.grid.spacing_mm == (1.0, 1.0, 1.0)


def test_a_vertebra_that_the_scan_cuts_is_seen_once(phantom):
    ct, _ = phantom
    cut = geometry.crop(ct, [-99, -99, CENTERS_MM[20][2]], [99, 99, 99])
    answer, sizes = counting(pointed_at)
    segmentation.predict(cut, {20: CENTERS_MM[20]}, Model(small_box((80, 96, 64)), answer))
    assert len(sizes) == 1


def test_two_vertebrae_in_work_at_a_time_give_the_same_masks_as_one_after_the_other(phantom):
    ct, _ = phantom
    both = threading.Barrier(2, timeout=20)

    def together(seen):
        both.wait()  # breaks unless another thread asks, too
        return pointed_at(seen)

    two = dict([*CENTERS_MM.items()][:2])
    alone = segmentation.predict(ct, two, Model(CONFIG, pointed_at))
    found = segmentation.predict(ct, two, Model(CONFIG, together, at_once=2))
    assert np.array_equal(geometry.to_array(found), geometry.to_array(alone))


def test_what_a_network_raises_in_a_thread_is_raised(phantom):
    def fails(_seen):
        raise MemoryError

    with pytest.raises(MemoryError):
        segmentation.predict(phantom[0], CENTERS_MM, Model(CONFIG, fails, at_once=2))


def test_where_nothing_answers_nothing_is_found(phantom):
    def nothing(seen):
        return np.full((*seen.shape[:3], 1), -9.0)

    ct, _ = phantom
    grid = segmentation.frame(CENTERS_MM[20], CONFIG)
    assert segmentation.one(ct, CENTERS_MM[20], grid, Model(CONFIG, nothing)) is None
    found = segmentation.predict(ct, CENTERS_MM, Model(CONFIG, nothing))
    assert not geometry.to_array(found).any()


def test_narrow_hollows_are_filled_barely_and_wide_ones_and_surroundings_stay():
    response = np.zeros((40, 50, 60), np.float32)
    response[5:35, 10:40, 10:50] = 0.9
    response[15:18, 20:23, 20:23] = 0.2  # 3 voxels wide
    response[20:30, 20:30, 35:45] = 0.2  # 10 voxels wide
    response[5:8, 39:, 20:30] = 0.8  # a process that the box's border cuts
    closed = segmentation.closed(response, 0.5)
    assert np.all(closed[15:18, 20:23, 20:23] == np.float32(0.51))
    assert np.all(closed[22:28, 22:28, 37:43] == np.float32(0.2))
    elsewhere = np.ones(response.shape, bool)
    elsewhere[15:18, 20:23, 20:23] = elsewhere[20:30, 20:30, 35:45] = False
    elsewhere[3:10, 38:43, 18:32] = False  # the corner between body and process
    assert np.array_equal(closed[elsewhere], response[elsewhere])


def test_where_two_vertebrae_answer_the_stronger_wins_and_half_is_not_enough():
    merged = segmentation.Merged(sitk.Image(2, 2, 2, sitk.sitkInt16), 0.5)
    lower = (slice(0, 2), slice(0, 2), slice(0, 1))
    merged.add(9, Placed(lower, np.full((2, 2, 1), 0.7)))
    merged.add(10, Placed(lower, np.array([[[0.6], [0.9]]] * 2)))
    merged.add(11, Placed((slice(0, 2),) * 3, np.full((2, 2, 2), 0.5)))
    label_map = geometry.to_array(merged.label_map)
    assert label_map[..., 0].tolist() == [[9, 10], [9, 10]]
    assert not label_map[..., 1].any()


def test_parts_that_overlap_by_a_corner_or_not_at_all_are_merged_as_a_volume_would_be():
    rng = np.random.default_rng(5)
    merged = segmentation.Merged(sitk.Image(9, 8, 7, sitk.sitkInt16), 0.5)
    strongest, label_map = np.full((7, 8, 9), 0.5, np.float16), np.zeros((7, 8, 9), np.uint8)
    for label in range(1, 15):
        start = rng.integers(0, 5, 3)
        where = tuple(slice(a, a + n) for a, n in zip(start, rng.integers(1, 4, 3), strict=True))
        where = tuple(slice(s.start, min(s.stop, n)) for s, n in zip(where, (7, 8, 9), strict=True))
        response = rng.uniform(0.2, 1, strongest[where].shape).astype(np.float32)
        merged.add(label, Placed(where, response))
        wins = response > strongest[where]
        label_map[where][wins], strongest[where][wins] = label, response[wins]
    assert np.array_equal(geometry.to_array(merged.label_map), label_map)
