import itertools
from dataclasses import replace

import numpy as np
from bodies import nobody_else

from versectl import config
from versectl.training import prefetch
from versectl.training.samples import Sample

SMALL = replace(config.DEFAULT["segmentation"], size_vox=(32, 32, 16), spacing_mm=5.0)


def test_workers_make_the_same_samples_whatever_their_number():
    few, many = (
        list(itertools.islice(prefetch.made(SMALL, nobody_else, workers, (7, 2)), 3))
        for workers in (1, 2)
    )
    for one, other in zip(few, many, strict=True):
        assert np.array_equal(one.seen, other.seen)
    assert not np.array_equal(few[0].seen, few[1].seen)


def test_every_sample_is_shown_as_often_as_asked_half_of_them_mirrored():
    left_right = np.array([0.0, 0.5]).reshape(1, 1, 2, 1)
    fresh = (Sample(left_right + n, left_right) for n in itertools.count())
    shown = list(itertools.islice(prefetch.replayed(fresh, 4, np.random.default_rng(0)), 2000))
    first = [float(sample.seen[0, 0, 0, 0]) for sample in shown]
    early = [value for value in first if value < 400]
    assert len(early) == 4 * 400
    assert sum(value % 1 == 0.5 for value in early) == 2 * 400
    assert first[:12] != sorted(first[:12])
