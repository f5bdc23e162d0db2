import itertools

import numpy as np
import pytest

from versectl.geometry import Grid
from versectl.labels import NUMBERS
from versectl.synth.bodies import vertebra
from versectl.synth.bodies.shapes import Canvas, Frame
from versectl.synth.bodies.structures import NUMBER
from versectl.synth.bodies.vertebra import bridges
from versectl.synth.bodies.vertebra.bridges import Disc

T8, T9, T10, T11, L1 = (NUMBERS[name] for name in ("T8", "T9", "T10", "T11", "L1"))
LABELS = (T8, T9, T10, T11)


@pytest.fixture
def canvas():
    """Bodies of T8 to T11, 25 mm apart along z, in muscle; discs between them, ribs in front."""
    grid = Grid((70, 60, 130), (1.0, 1.0, 1.0), (-35.0, -30.0, -100.0))
    structures = np.full(grid.shape, NUMBER["muscle"], np.uint8)
    y, x = np.indices((60, 70)) - np.array([30, 35]).reshape(2, 1, 1)
    round_body = np.hypot(x / 17, y / 15) < 1
    for index, label in enumerate(LABELS):
        middle = 100 - 25 * index
        structures[middle - 16 : middle - 9, round_body] = NUMBER["disc"]
        structures[middle - 9 : middle + 10, round_body] = label
    return Canvas(structures, grid)


@pytest.fixture
def looks():
    person = vertebra.sample_person(np.random.default_rng(1))
    rng = np.random.default_rng(2)
    return {label: vertebra.sample(label, 1.0, 1.0, person, rng) for label in LABELS}


DISCS = [
    Disc(upper, Frame(np.array([0.0, 0.0, -12.5 - 25 * index]), np.eye(3)), lower)
    for index, (upper, lower) in enumerate(itertools.pairwise(LABELS))
]


def touching(structures, upper, lower):
    return np.any((structures[1:] == upper) & (structures[:-1] == lower))


def test_a_bridge_joins_neighbours_in_front_and_leaves_their_disc(canvas, looks, monkeypatch):
    monkeypatch.setattr(bridges, "BRIDGED", 1.0)
    monkeypatch.setattr(bridges, "GROWN_TOGETHER", 0.0)
    before = canvas.structures.copy()
    bridges.paint(canvas, DISCS, looks, np.random.default_rng(0))
    after = canvas.structures
    assert touching(after, T8, T9)
    assert touching(after, T10, T11)
    changed = after != before
    assert np.isin(after[changed], LABELS).all()
    assert np.argwhere(changed)[:, 1].mean() < 30  # in front of the middle
    assert (after[88, 30, 35], after[88, 30, 40]) == (NUMBER["disc"],) * 2
    assert not np.any(changed & np.isin(before, LABELS))


def test_a_disc_turned_to_bone_belongs_half_to_each_vertebra(canvas, looks, monkeypatch):
    monkeypatch.setattr(bridges, "BRIDGED", 0.0)
    monkeypatch.setattr(bridges, "GROWN_TOGETHER", 1.0)
    bridges.paint(canvas, DISCS, looks, np.random.default_rng(0))
    columns = canvas.structures[:, 30, 35]
    discs = [
        np.count_nonzero(columns[88 - 25 * i - 4 : 88 - 25 * i + 3] == NUMBER["disc"])
        for i in range(3)
    ]
    grown = [index for index, left in enumerate(discs) if left == 0]
    assert grown
    for index in grown:
        middle = round(100 - 12.5 - 25 * index)
        assert columns[middle + 2] == LABELS[index]
        assert columns[middle - 2] == LABELS[index + 1]


def test_most_people_have_neither(canvas, looks):
    untouched = 0
    for seed in range(40):
        copy = Canvas(canvas.structures.copy(), canvas.grid)
        bridges.paint(copy, DISCS, looks, np.random.default_rng(seed))
        untouched += np.array_equal(copy.structures, canvas.structures)
    assert 30 <= untouched < 40
