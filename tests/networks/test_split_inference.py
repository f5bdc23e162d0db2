"""Networks run in parts answer as whole ones, from smaller inputs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from versectl.networks import split_inference


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
def test_parts_answer_as_the_whole_does(shape, times, coarser):
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


def test_inputs_are_halved_until_they_fit():
    def too_big(seen):
        if seen[..., 0].size > 25_000:
            raise MemoryError
        return seen[..., :1]

    fitting = split_inference.Fitting(too_big, 8)
    assert fitting.parts == 1
    seen = np.random.default_rng(1).normal(size=(32, 16, 96, 2))
    assert (fitting(seen) == seen[..., :1]).all()
    assert fitting.parts == 4


@pytest.mark.parametrize(
    ("error", "times"), [(MemoryError, split_inference.HALVINGS + 1), (ZeroDivisionError, 1)]
)
def test_what_never_fits_fails_and_what_is_no_lack_of_memory_is_not_tried_again(error, times):
    asked = []

    def failing(seen):
        asked.append(seen.shape)
        raise error

    with pytest.raises(error):
        split_inference.Fitting(failing, 8)(np.zeros((32, 32, 32, 1)))
    assert len(asked) == times


def test_a_case_computed_in_parts_is_done_and_says_so(run, ct_file, out, models, monkeypatch):
    model = models["spine"]
    longer = replace(model.config, size_vox=(32, 32, 64))

    def small_only(seen):
        if len(seen) == 64:
            raise MemoryError
        return model.answer(seen)

    monkeypatch.setitem(models, "spine", replace(model, config=longer, answer=small_only))
    done = run("run-all", ct_file, out)
    assert done.exit_code == 0, done.output
    assert "note: The network of the spine was run in 2 overlapping parts" in done.stdout
    report = json.loads((out / "lumbar_report.json").read_text())
    assert report["parts"] == {"spine": 2}
    assert [flag["code"] for flag in report["flags"]] == ["computed_in_parts"]
