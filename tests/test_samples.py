import numpy as np
import pytest

from tests import bodies
from versectl import config, samples
from versectl.augment import Ranges
from versectl.synth import ct

STILL = Ranges(angle_deg=4.0, scale=0.05, bump_mm=1.0)


@pytest.fixture(scope="module")
def subject():
    return ct.subject(bodies.body(), STILL)


@pytest.mark.parametrize("stage", config.STAGES)
def test_a_sample_has_the_shapes_of_the_stage_and_depends_on_the_generator_alone(stage, subject):
    chosen = config.DEFAULT[stage]
    one, other = (samples.draw(subject, chosen, np.random.default_rng(3)) for _ in range(2))
    assert one.seen.shape == (*chosen.size_vox[::-1], chosen.network.inputs)
    assert one.wanted.shape[-1] == chosen.network.outputs
    assert -1 <= one.seen.min() < one.seen.max() <= 1
    assert np.array_equal(one.seen, other.seen)
    assert np.array_equal(one.wanted, other.wanted)


def test_what_is_wanted_lies_where_bone_is_seen(subject):
    chosen = config.DEFAULT["segmentation"]
    sample = samples.draw(subject, chosen, np.random.default_rng(1))
    inside = sample.wanted[..., 0] > 0
    beside = ~inside & (sample.seen[..., 0] > -0.4)
    assert inside.sum() > 3000
    assert np.median(sample.seen[..., 0][inside]) > np.median(sample.seen[..., 0][beside])
    assert sample.seen[..., 1][inside].max() > 0.5


def test_fields_of_view_hold_a_centre_and_stay_within_the_subject(subject):
    rng = np.random.default_rng(0)
    lengths = []
    for _ in range(200):
        low_mm, high_mm = samples.field_of_view(subject, rng)
        assert np.all(low_mm >= subject.low_mm)
        assert np.all(high_mm <= subject.high_mm)
        lengths.append(high_mm[2] - low_mm[2])
        assert any(
            np.all((point > low_mm) & (point < high_mm)) for point in subject.centroids_mm.values()
        )
    assert min(lengths) < 100
    assert max(lengths) > 200
