"""Answers in portions: as whole ones, but smaller boxes."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from versectl.networks import split_inference
from versectl.report import case_report


def smoothing(coarser=1):
    """A network that sees five voxels far and answers on a coarser grid."""
    asked = []

    def answer(seen):
        asked.append(seen.shape[:3])
        assert all(side % 8 == 0 for side in seen.shape[:3])
        smooth = ndimage.uniform_filter(seen, (11, 11, 11, 1), mode="constant")
        return smooth[::coarser, ::coarser, ::coarser]

    return answer, asked


@pytest.mark.parametrize("coarser", [1, 4])
@pytest.mark.parametrize("times", [0, 1, 2])
@pytest.mark.parametrize("shape", [(96, 40, 48), (32, 88, 40), (40, 32, 104)])
def test_portions_answer_as_the_whole_does(shape, times, coarser):
    seen = np.random.default_rng(1).normal(size=(*shape, 2)).astype(np.float32)
    answer, asked = smoothing(coarser)
    whole = answer(seen)
    asked.clear()
    assert split_inference.halved(answer, times, 8)(seen) == pytest.approx(whole, abs=1e-6)
    assert len(asked) == 2**times
    assert max(map(np.prod, asked)) <= np.prod(shape) * 0.8**times


def test_what_is_too_small_to_be_cut_is_not():
    answer, asked = smoothing()
    split_inference.halved(answer, 5, 8)(np.zeros((16, 24, 32, 1)))
    assert asked == [(16, 24, 32)]


def test_boxes_are_halved_until_they_fit(models):
    def too_big(seen):
        if seen[..., 0].size > 25_000:
            raise MemoryError
        return seen[..., :1]

    model = models("segmentation")._replace(answer=too_big)
    seen = np.random.default_rng(1).normal(size=(32, 16, 96, 2))
    answer, count = split_inference.fitting(lambda fitted: fitted.answer(seen), model)
    assert count == 4
    assert (answer == seen[..., :1]).all()


def test_what_never_fits_fails_and_what_is_no_lack_of_memory_is_not_tried_again(models):
    asked = []

    def failing(error):
        def predict(model):
            asked.append(model)
            raise error

        return predict

    with pytest.raises(MemoryError):
        split_inference.fitting(failing(MemoryError()), models("spine"))
    assert len(asked) == split_inference.HALVINGS + 1
    with pytest.raises(ZeroDivisionError):
        split_inference.fitting(failing(ZeroDivisionError()), models("spine"))
    assert len(asked) == split_inference.HALVINGS + 2


def test_a_case_computed_in_portions_is_done_and_says_so(run, ct_file, out, models, monkeypatch):
    model = models["spine"]
    longer = replace(model.config, size_vox=(32, 32, 64))

    def small_only(seen):
        if len(seen) == 64:
            raise MemoryError
        return model.answer(seen)

    monkeypatch.setitem(models, "spine", model._replace(config=longer, answer=small_only))
    done = run("run-all", ct_file, out)
    assert done.exit_code == 0, done.output
    assert "look: The spine was computed in 2 portions" in done.stdout
    told = case_report.read(out / "lumbar_report.json")
    assert told["portions"] == {"spine": 2}
