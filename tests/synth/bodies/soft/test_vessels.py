import numpy as np
import pytest

from versectl.labels import NUMBERS
from versectl.synth.bodies import landmarks, posture
from versectl.synth.bodies.soft import vessels


def test_a_course_runs_beside_its_vertebrae_and_is_mirrored_for_the_right():
    spine = posture.sample(np.random.default_rng(3))
    points = (("T5", 20.0, -10.0), ("L3", 4.0, -30.0))
    left, right = (vessels.course(spine, points, side) for side in (1, -1))
    for (name, x, y), *sides in zip(points, left, right, strict=True):
        frame = landmarks.trunk(spine, NUMBERS[name])
        for sign, point_mm in zip((1, -1), sides, strict=True):
            away = np.array([sign * x, y, 0]) * spine.scale
            assert frame.to_local(point_mm) == pytest.approx(away)
