from dataclasses import replace

import bodies
import numpy as np
import pytest

from versectl import config, geometry, labels
from versectl.synth.drawing import ct, field_of_view
from versectl.synth.drawing.distortion import Ranges
from versectl.synth.subject import Scan
from versectl.training import batches, samples

STILL = Ranges(angle_deg=4.0, scale=0.05, bump_mm=1.0)


@pytest.fixture(scope="module")
def subject():
    return ct.subject(bodies.body(), STILL)


@pytest.mark.parametrize("stage", config.STAGES)
def test_a_sample_has_the_shapes_of_the_stage_and_depends_on_the_generator_alone(stage, subject):
    chosen = config.DEFAULT[stage]
    one, other = (batches.draw(subject, chosen, np.random.default_rng(3)) for _ in range(2))
    assert one.network_input.shape == (*chosen.size_vox[::-1], chosen.network.inputs)
    assert one.target.shape[-1] == chosen.network.outputs
    assert -1 <= one.network_input.min() < one.network_input.max() <= 1
    assert np.array_equal(one.network_input, other.network_input)
    assert np.array_equal(one.target, other.target)


def test_what_is_wanted_lies_where_bone_is_seen(subject):
    chosen = config.DEFAULT["segmentation"]
    sample = batches.draw(subject, chosen, np.random.default_rng(1))
    inside = sample.target[..., 0] > 0
    shown, pointer = np.moveaxis(sample.network_input, -1, 0)
    beside = ~inside & (shown > -0.4)
    assert inside.sum() > 3000
    assert np.median(shown[inside]) > np.median(shown[beside])
    assert pointer[inside].max() > 0.5


def test_a_vertebra_is_shown_at_the_spacing_of_its_level_or_as_all_others(subject, monkeypatch):
    chosen = config.DEFAULT["segmentation"]
    fine = config.LevelBox(1, 25, chosen.size_vox, chosen.spacing_mm / 2)
    volumes = []
    monkeypatch.setattr(samples, "SMALL", 0.0)
    for share in (0.0, 1.0):
        monkeypatch.setattr(samples, "AT_LEVEL", share)
        drawn = replace(chosen, boxes=(fine,))
        sample = batches.draw(subject, drawn, np.random.default_rng(1))
        assert sample.target.shape[:3] == chosen.size_vox[::-1]
        volumes.append(sample.target.sum())
    assert volumes[1] > 4 * volumes[0]


def test_some_vertebrae_are_shown_in_the_small_boxes_of_fast(subject):
    chosen = config.DEFAULT["segmentation"]
    small = {box.size_vox[::-1] for box in config.fast(chosen).boxes} - {chosen.size_vox[::-1]}
    seen = [
        batches.draw(subject, chosen, np.random.default_rng(seed)).target.shape[:3]
        for seed in range(12)
    ]
    assert {*seen} >= {chosen.size_vox[::-1]}
    assert {*seen} & small
    assert {*seen} <= small | {chosen.size_vox[::-1]}


def test_fields_of_view_hold_a_centre_and_stay_within_the_subject(subject):
    rng = np.random.default_rng(0)
    lengths = []
    for _ in range(200):
        low_mm, high_mm = field_of_view.field_of_view(subject, rng)
        assert np.all(low_mm >= subject.low_mm)
        assert np.all(high_mm <= subject.high_mm)
        lengths.append(high_mm[2] - low_mm[2])
        assert any(
            np.all((point > low_mm) & (point < high_mm)) for point in subject.centroids_mm.values()
        )
    assert min(lengths) < 100
    assert max(lengths) > 200


def test_tight_boxes_are_small_and_hold_the_body_of_the_vertebra_they_lie_round(subject):
    rng = np.random.default_rng(0)
    for center_mm in subject.centroids_mm.values():
        low_mm, high_mm = field_of_view.tight(subject, rng, center_mm)
        assert np.all((high_mm - low_mm)[:2] <= 80)
        assert np.all(low_mm <= center_mm)
        assert np.all(high_mm >= center_mm)
        assert low_mm[1] <= center_mm[1] - 20  # the front of the body


def published(stage, **training):
    chosen = config.RELEASED[stage]
    return replace(chosen, training=replace(chosen.training, **training))


def test_a_cut_vertebra_is_wanted_half_as_much_as_a_whole_one(subject):
    def fixed(grid, rng):
        empty = geometry.from_array(np.zeros(grid.shape, np.int16), grid)
        some, other = ({label: bodies.CENTERS_MM[label]} for label in (20, 21))
        return Scan(empty, empty, some, cut_mm=other)

    chosen = config.DEFAULT["vertebrae"]
    still = replace(subject, scan=fixed)
    wanted = batches.draw(still, chosen, np.random.default_rng(6)).target
    highest = wanted.max(axis=(0, 1, 2))
    whole, cut = (labels.CHANNELS.index(label) for label in (20, 21))
    assert highest[whole] > 0.8
    assert highest[cut] == pytest.approx(samples.CUT, abs=0.1)
    assert np.delete(highest, [whole, cut]).max() == 0


@pytest.mark.parametrize("stage", config.STAGES)
def test_published_samples_have_the_shapes_of_the_stage(stage, subject):
    chosen = published(stage)
    sample = batches.draw(subject, chosen, np.random.default_rng(3))
    assert sample.network_input.shape == (*chosen.size_vox[::-1], chosen.network.inputs)
    assert sample.target.shape == (
        (25, 4) if stage == "vertebrae" else (*chosen.size_vox[::-1], chosen.network.outputs)
    )
    assert (sample.counts is None) == (stage != "vertebrae")


def test_the_published_points_are_the_vertebrae_of_the_box(subject):
    still = replace(subject, scan=lambda grid, rng: bodies_scan(grid))
    sample = batches.draw(still, published("vertebrae"), np.random.default_rng(0))
    there = np.flatnonzero(sample.target[:, 3])
    assert there.tolist() == [label - 1 for label in bodies.CENTERS_MM]
    down = sample.target[there, 0]
    assert np.all(np.diff(down) == pytest.approx(-15, abs=1e-3))  # 30 mm a vertebra
    middle = sample.target[there, 1:3].mean(axis=0)
    assert middle == pytest.approx([47.5, 47.5], abs=1e-3)


def test_nothing_counts_near_the_ends_of_a_scan(subject):
    still = replace(subject, scan=lambda grid, rng: bodies_scan(grid))
    sample = batches.draw(still, published("vertebrae"), np.random.default_rng(0))
    depth = bodies_scan(None).depth_mm
    assert sample.counts[depth >= 25].min() == 1
    assert sample.counts[depth < 25].max() == 0
    assert sample.target[:, 3].any()
    fixed = batches.draw(still, published("vertebrae", sigma_l2=0.0), np.random.default_rng(0))
    assert fixed.counts is None
    assert fixed.target.shape == (128, 96, 96, 25)
    assert fixed.target.max() == pytest.approx(1, abs=0.1)


def bodies_scan(grid):
    """A scan whose voxels lie ever deeper."""
    depth_mm = np.broadcast_to(np.arange(128.0)[:, None, None], (128, 96, 96))
    if grid is None:
        return Scan(None, None, {}, depth_mm)
    empty = geometry.from_array(np.zeros(grid.shape, np.int16), grid)
    return Scan(empty, empty, bodies.CENTERS_MM, depth_mm)
