import numpy as np
import pytest

from versectl.synth.drawing import implants
from versectl.synth.drawing.texture import Sampling

SPACING_MM = np.array([1.0, 1.5, 3.0])
SHAPE = (20, 60, 80)


@pytest.fixture
def bone():
    mask = np.zeros(SHAPE, bool)
    mask[5:14, 15:40, 30:60] = True
    return mask


def test_a_rod_is_as_long_and_thick_as_asked_for_in_mm():
    ends_mm = (np.array([20.0, 30.0, 30.0]), np.array([60.0, 30.0, 30.0]))
    rod = implants._rod(SHAPE, ends_mm, 4.0, SPACING_MM)
    found = np.argwhere(rod)[:, ::-1] * SPACING_MM
    assert found.min(axis=0) == pytest.approx([17, 27, 27], abs=0.1)
    assert found.max(axis=0) == pytest.approx([63, 33, 33], abs=0.1)


def test_metal_is_bright_streaks_fade_and_slices_without_metal_keep_their_values(bone, monkeypatch):
    monkeypatch.setattr(implants, "METAL", 1.0)
    monkeypatch.setattr(implants, "CEMENT", 0.0)
    changed = 0
    for seed in range(5):
        hounsfield = np.zeros(SHAPE, np.float32)
        implants.add(hounsfield, bone, Sampling(SPACING_MM, np.random.default_rng(seed)))
        metal = hounsfield >= implants.METAL_HU[0]
        assert metal[bone].any()
        untouched = ~metal.any(axis=(1, 2))
        assert np.all(hounsfield[untouched] == 0)
        changed += np.count_nonzero(hounsfield[~metal])
    assert changed > 0


def test_cement_stays_inside_the_bone(bone, monkeypatch):
    monkeypatch.setattr(implants, "METAL", 0.0)
    monkeypatch.setattr(implants, "CEMENT", 1.0)
    hounsfield = np.zeros(SHAPE, np.float32)
    implants.add(hounsfield, bone, Sampling(SPACING_MM, np.random.default_rng(3)))
    assert np.all(hounsfield[~bone] == 0)
    assert hounsfield[bone].max() >= implants.CEMENT_HU[0]


def test_nothing_is_drawn_where_no_vertebra_is(monkeypatch):
    monkeypatch.setattr(implants, "METAL", 1.0)
    monkeypatch.setattr(implants, "CEMENT", 1.0)
    hounsfield = np.zeros(SHAPE, np.float32)
    implants.add(hounsfield, np.zeros(SHAPE, bool), Sampling(SPACING_MM, np.random.default_rng(0)))
    assert not hounsfield.any()
