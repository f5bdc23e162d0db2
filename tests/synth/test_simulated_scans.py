from dataclasses import replace

import bodies
import numpy as np
import pytest

from versectl.synth.bodies import bank
from versectl.synth.simulated_scans import SimulatedScans


def test_real_anatomy_is_shown_more_often_than_parametric_however_many_bodies_there_are(tmp_path):
    names = ["labels-a", "posed-0-000", "posed-0-001", *(f"parametric-0-{i:03d}" for i in range(4))]
    files = tuple(tmp_path / f"{name}.json" for name in names)
    for file in files:
        bank.save(bodies.body(), file)
    made = SimulatedScans(files)()
    assert [one.weight for one in made] == pytest.approx([1, 1, 1, *4 * [0.25]])
    assert np.array_equal(made[0].low_mm, bodies.GRID.origin_mm)


def test_bodies_without_ribs_and_sacrum_do_not_teach_labels(tmp_path):
    body = bodies.body()
    bare = replace(body, kinds={n: kind for n, kind in body.kinds.items() if kind != "bone"})
    files = (tmp_path / "labels-whole.json", tmp_path / "labels-bare.json")
    for file, kept in zip(files, (body, bare), strict=True):
        bank.save(kept, file)
    assert [one.weight for one in SimulatedScans(files)()] == [0.5, 0.5]
    assert [one.weight for one in SimulatedScans(files, for_labels=True)()] == [1.0]
