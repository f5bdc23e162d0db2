import numpy as np
import pytest

from tests import bodies
from versectl import subjects
from versectl.synth import bank


def test_real_anatomy_is_shown_more_often_than_parametric_however_many_bodies_there_are(tmp_path):
    names = ["labels-a", "posed-0-000", "posed-0-001", *(f"parametric-0-{i:03d}" for i in range(4))]
    files = tuple(tmp_path / f"{name}.json" for name in names)
    for file in files:
        bank.save(bodies.body(), file)
    made = subjects.Synthetic(files)()
    assert [one.weight for one in made] == pytest.approx([2, 1, 1, *4 * [0.25]])
    assert np.array_equal(made[0].low_mm, bodies.GRID.origin_mm)
