import bodies
import numpy as np
import pytest

from versectl.synth.drawing import bone as drawing
from versectl.synth.drawing.texture import Sampling
from versectl.synth.drawing.tissue import HOUNSFIELD


def test_a_cortex_thinner_than_a_voxel_is_fainter_in_coarser_voxels(monkeypatch):
    monkeypatch.setattr(drawing, "RIM_BEGINS", (-1.0, -1.0))  # all of a mask is bone
    structures = bodies.body().structures

    surface = drawing.edge(structures) & (structures == 20)

    def surface_hu(spacing_mm):
        drawn = []
        for seed in range(20):
            hounsfield = np.full(structures.shape, 40.0, np.float32)
            sampling = Sampling(np.full(3, spacing_mm), np.random.default_rng(seed))
            drawing.add(hounsfield, structures, bodies.KINDS, sampling)
            drawn.append(hounsfield[surface].mean())
        return np.mean(drawn)

    assert surface_hu(4.0) < surface_hu(1.0) - 50


def test_bone_fades_in_at_the_edge_of_its_mask_and_only_there():
    structures = bodies.body().structures
    x, y, z = np.rint(bodies.GRID.to_vox(bodies.CENTERS_MM[20])).astype(int)
    middle, corner = (z, y, x), tuple(np.argwhere(structures == 20)[0])

    def drawn(begins):
        hounsfield = np.full(structures.shape, -5000.0, np.float32)
        sampling = Sampling(np.ones(3), np.random.default_rng(8))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(drawing, "RIM_BEGINS", (begins, begins))
            drawing.add(hounsfield, structures, bodies.KINDS, sampling)
        return hounsfield

    sharp, faded = drawn(-1.0), drawn(0.7)
    assert faded[middle] == pytest.approx(sharp[middle], abs=5)
    assert faded[corner] < sharp[corner] - 500


def test_marrow_of_a_thin_process_counts_as_slender_and_that_of_a_body_does_not():
    bone = np.zeros((50, 60, 70), bool)
    bone[10:40, 5:35, 15:55] = True  # a body of 40 x 30 x 30 mm ...
    bone[22:26, 35:58, 33:38] = True  # ... and a process 5 mm wide and 4 mm high
    slender = drawing._slender(bone, np.ones(3))
    assert slender[10:40, 5:35, 15:55].mean() < 0.05
    assert slender[24, 50, 35] > 0.9
    coarse = drawing._slender(bone[::2], np.array([1.0, 1.0, 2.0]))
    assert coarse[12, 50, 35] > 0.9
    assert coarse[12, 20, 35] < 0.05


def test_no_marrow_is_darker_than_fat():
    structures = bodies.body().structures
    bone = np.isin(structures, list(bodies.CENTERS_MM))
    for seed in range(20):
        hounsfield = np.zeros(structures.shape, np.float32)
        sampling = Sampling(np.full(3, 2.0), np.random.default_rng(seed))
        drawing.add(hounsfield, structures, bodies.KINDS, sampling)
        assert hounsfield[bone].min() >= HOUNSFIELD["fat"][0]


def bone_drawn(monkeypatch, **chosen):
    """HU (z, y, x) of bone that is all of its mask, without marrow's own texture differing."""
    monkeypatch.setattr(drawing, "RIM_BEGINS", (-1.0, -1.0))
    for name, value in chosen.items():
        monkeypatch.setattr(drawing, name, value)
    structures = bodies.body().structures
    drawn = np.full(structures.shape, 40.0, np.float32)
    sampling = Sampling(np.full(3, 1.0), np.random.default_rng(5))
    drawing.add(drawn, structures, bodies.KINDS, sampling)
    return drawn, structures == 20


def test_cortex_is_thicker_in_some_places_and_hardly_there_in_others(monkeypatch):
    even, bone = bone_drawn(monkeypatch, UNEVEN=0.0, SCLEROTIC=0.0)
    uneven, _ = bone_drawn(monkeypatch, UNEVEN=2.0, SCLEROTIC=0.0)
    surface = drawing.edge(np.where(bone, 20, 0).astype(np.uint8)) & bone
    darker = (even - uneven)[surface]
    assert (darker > 100).mean() > 0.05
    assert (darker < -20).mean() > 0.05


def test_sclerosis_makes_patches_of_bone_brighter_and_leaves_the_rest(monkeypatch):
    chosen = {"UNEVEN": 0.0, "SCLEROSIS_MM": (2.0, 2.0), "SCLEROSIS_HU": 5000.0}
    plain, bone = bone_drawn(monkeypatch, SCLEROTIC=0.0, **chosen)
    worn, _ = bone_drawn(monkeypatch, SCLEROTIC=1.0, **chosen)
    assert worn[bone].max() > plain[bone].max() + 500
    assert np.percentile(worn[bone], 25) < plain[bone].max()
