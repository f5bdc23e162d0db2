import numpy as np

from tests import bodies
from versectl.synth import bank


def test_a_body_comes_back_as_it_was(tmp_path):
    body = bodies.body()
    bank.save(body, tmp_path / "one.json")
    again = bank.load(tmp_path / "one.json")
    assert np.array_equal(again.structures, body.structures)
    assert again.grid == body.grid
    assert again.kinds == body.kinds
    assert {k: v.tolist() for k, v in again.centroids_mm.items()} == {
        k: v.tolist() for k, v in body.centroids_mm.items()
    }


def test_bodies_that_are_there_are_not_built_again(tmp_path, monkeypatch):
    built = []
    monkeypatch.setattr(bank.posture, "sample", lambda rng: None)
    monkeypatch.setattr(
        bank.anatomy, "build", lambda spine, rng, spacing_mm: built.append(1) or bodies.body()
    )
    first = bank.prepare(tmp_path, 2, 5, None)
    assert bank.prepare(tmp_path, 3, 5, None)[:2] == first
    assert len(built) == 3
    assert not any(bank.is_label_map(file) for file in first)
