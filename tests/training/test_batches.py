import itertools
from dataclasses import replace

import numpy as np
from bodies import nobody_else

from versectl import config
from versectl.training import batches, prefetch
from versectl.training.batches import SampleMaker
from versectl.training.samples import Sample

SMALL = replace(config.DEFAULT["segmentation"], size_vox=(32, 32, 16), spacing_mm=5.0)


def test_workers_make_the_same_samples_whatever_their_number():
    few, many = (
        list(itertools.islice(prefetch.ahead(SampleMaker(SMALL, nobody_else, 7), 2, workers), 3))
        for workers in (1, 2)
    )
    for one, other in zip(few, many, strict=True):
        assert np.array_equal(one.network_input, other.network_input)
    assert not np.array_equal(few[0].network_input, few[1].network_input)


def test_every_sample_is_shown_as_often_as_asked_half_of_them_mirrored():
    left_right = np.array([0.0, 0.5]).reshape(1, 1, 2, 1)
    fresh = (Sample(left_right + n, left_right) for n in itertools.count())
    shown = list(itertools.islice(batches.repeated(fresh, 4, np.random.default_rng(0)), 2000))
    first = [float(sample.network_input[0, 0, 0, 0]) for sample in shown]
    early = [value for value in first if value < 400]
    assert len(early) == 4 * 400
    assert sum(value % 1 == 0.5 for value in early) == 2 * 400
    assert first[:12] != sorted(first[:12])


def test_a_batch_holds_samples_of_one_size_and_none_is_lost():
    sizes = [3, 4, 3, 3, 4, 4, 3, 4]
    made = [Sample(np.full((n, 2, 2, 1), i), np.zeros((n, 2, 2, 1))) for i, n in enumerate(sizes)]
    seen = [
        [int(sample.network_input[0, 0, 0, 0]) for sample in group]
        for group in batches.grouped(iter(made), 2)
    ]
    assert seen == [[0, 2], [1, 4], [3, 6], [5, 7]]


def test_batches_go_on_after_a_checkpoint_where_the_samples_do():
    chosen = replace(SMALL, training=replace(SMALL.training, batch=2, repeats=1))
    first = next(batches.batches(chosen, nobody_else, 7, 0, 1))
    later = next(batches.batches(chosen, nobody_else, 7, 5, 1))
    assert first.network_input.shape == (2, 16, 32, 32, 2)
    assert first.target.shape == (2, 16, 32, 32, 1)
    assert first.counts is None
    assert not np.array_equal(first.network_input, later.network_input)
    again = next(batches.batches(chosen, nobody_else, 7, 5, 2))
    assert np.array_equal(again.network_input, later.network_input)
