import numpy as np

from versectl.synth.drawing import tissue
from versectl.synth.drawing.texture import Sampling


def test_contrast_in_the_canal_is_bright_round_a_dark_cord_or_all_of_it():
    structures = np.zeros((20, 40, 40), np.uint8)
    y, x = np.indices((40, 40)) - 20
    structures[:, np.hypot(x, y) < 9] = 5
    seen = set()
    for seed in range(8):
        hounsfield = np.zeros(structures.shape, np.float32)
        tissue.fill_canal(
            hounsfield,
            structures,
            {0: "tissue", 5: "canal"},
            Sampling(np.ones(3), np.random.default_rng(seed)),
        )
        assert not hounsfield[structures == 0].any()
        assert hounsfield[10, 20, 12] >= 150
        seen.add(bool(hounsfield[10, 20, 20] >= 150))
    assert seen == {True, False}


def test_contrast_in_the_canal_may_be_denser_where_it_sank_to(monkeypatch):
    monkeypatch.setattr(tissue, "LAYERED", 1.0)
    monkeypatch.setattr(tissue, "PRONE", 0.0)
    structures = np.zeros((12, 40, 30), np.uint8)
    structures[:, 6:34, 8:22] = 5  # y runs to the back, and down for who lies on it
    sampling = Sampling(np.array([1.0, 0.8, 2.0]), np.random.default_rng(3))
    hounsfield = np.zeros(structures.shape, np.float32)
    tissue.fill_canal(hounsfield, structures, {0: "tissue", 5: "canal"}, sampling)
    front, back = hounsfield[6, 6, 15], hounsfield[6, 33, 15]
    assert 150 <= front < back
    assert set(np.unique(hounsfield)) <= {0.0, front, back}
    assert not hounsfield[structures == 0].any()
