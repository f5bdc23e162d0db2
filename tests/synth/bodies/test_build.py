import numpy as np
import pytest

from versectl.synth.bodies.build import sample_build


def test_rare_ribs_and_arms_have_about_their_share():
    builds = [sample_build(np.random.default_rng(seed)) for seed in range(500)]
    assert np.mean([max(b.neck_ribs) > 0 for b in builds]) == pytest.approx(0.04, abs=0.03)
    assert np.mean([min(b.first_ribs) < 1 for b in builds]) == pytest.approx(0.05, abs=0.03)
    assert np.mean([b.arms_up[0] != b.arms_up[1] for b in builds]) == pytest.approx(0.1, abs=0.04)
