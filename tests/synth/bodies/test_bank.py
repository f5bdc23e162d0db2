import bodies
import numpy as np

from versectl import geometry
from versectl.io import volume
from versectl.synth.bodies import bank


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


def built_here(monkeypatch):
    """Building takes no time, and what is asked for is listed: spacing and casts."""
    built = []

    def build(spine, rng, spacing_mm, casts):
        built.append((spacing_mm, casts))
        return bodies.body()

    monkeypatch.setattr(bank.anatomy, "build", build)
    return built


def test_bodies_that_are_there_are_not_built_again(tmp_path, monkeypatch):
    built = built_here(monkeypatch)
    first = bank.prepare(tmp_path, bank.Plan(2, 5, 2.0))
    assert bank.prepare(tmp_path, bank.Plan(3, 5, 2.0))[:2] == first
    assert [(spacing_mm, casts) for spacing_mm, casts in built] == 3 * [(2.0, None)]
    assert {bank.kind(file) for file in first} == {"parametric"}


def test_label_maps_become_bodies_and_lend_their_vertebrae_to_others(tmp_path, monkeypatch):
    built = built_here(monkeypatch)
    body = bodies.body()
    spine = np.where(body.structures < 30, body.structures, 0)
    volume.write(geometry.from_array(spine, body.grid), tmp_path / "in" / "someone_seg.nii.gz")
    made = bank.prepare(tmp_path / "bank", bank.Plan(2, 5, 2.0, tmp_path / "in"))
    assert [bank.kind(f) for f in made] == ["labels", *2 * ["parametric"], *2 * ["posed"]]
    assert [casts and set(casts) for _, casts in built[2:]] == 2 * [set(bodies.CENTERS_MM)]


def test_a_corrected_label_map_and_what_has_its_vertebrae_are_built_again(tmp_path, monkeypatch):
    built_here(monkeypatch)
    body = bodies.body()
    spine = np.where(body.structures < 30, body.structures, 0)
    path = tmp_path / "in" / "someone_seg.nii.gz"
    plan = bank.Plan(1, 5, 2.0, tmp_path / "in")
    volume.write(geometry.from_array(spine, body.grid), path)
    first = bank.prepare(tmp_path / "bank", plan)
    assert bank.prepare(tmp_path / "bank", plan) == first
    spine[:, :, 30:] = 0
    volume.write(geometry.from_array(spine, body.grid), path)
    again = bank.prepare(tmp_path / "bank", plan)
    assert [one == other for one, other in zip(first, again, strict=True)] == [False, True, False]
