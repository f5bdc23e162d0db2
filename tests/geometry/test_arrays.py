"""Masks and their labels as arrays."""

import tracemalloc

import numpy as np
import pytest

from versectl import geometry


def test_labels_are_counted_as_bincount_counts_them():
    label_map = np.random.default_rng(2).integers(0, 30, (5, 6, 7)).astype(np.uint8)
    expected = np.bincount(label_map.ravel(), minlength=256)
    assert np.array_equal(geometry.label_counts(label_map), expected)


def test_centres_of_labels_are_exact_and_take_little_more_memory_than_the_mask():
    mask = np.full((40, 200, 220), 20, np.uint8)
    mask[:10, :, :100] = 200
    tracemalloc.start()
    centers = geometry.label_centers_vox(mask)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 * mask.nbytes
    expected = {label: np.argwhere(mask == label)[:, ::-1].mean(axis=0) for label in (20, 200)}
    assert centers.keys() == expected.keys()
    for label, center in expected.items():
        np.testing.assert_allclose(centers[label], center)


def test_labels_are_counted_with_little_memory():
    label_map = np.random.default_rng(2).integers(0, 30, (60, 200, 200)).astype(np.uint8)
    tracemalloc.start()
    geometry.label_counts(label_map)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak_bytes < 0.3 * label_map.nbytes


def test_the_place_of_a_mask_is_told_with_a_margin_that_stays_in_the_array():
    mask = np.zeros((9, 8, 7), bool)
    mask[1:3, 4, 5] = mask[2, 4:7, 5] = True
    assert geometry.around(mask) == (slice(1, 3), slice(4, 7), slice(5, 6))
    assert geometry.around(mask, 2) == (slice(0, 5), slice(2, 8), slice(3, 7))
    assert geometry.around(np.zeros((2, 3, 4), np.uint8)) is None


@pytest.mark.parametrize(("connectivity", "size"), [(1, 3), (2, 4), (3, 7)])
def test_the_largest_piece_hangs_together_by_faces_edges_or_corners(connectivity, size):
    mask = np.zeros((6, 7, 8), np.uint8)
    mask[0, 0, :3] = 1
    mask[1, 1, 1] = 1  # an edge away
    mask[2, 2, 2:5] = 1  # a corner away from that, and as large as the first
    mask[5, 5, 5:7] = 1
    largest = geometry.largest_piece(mask, connectivity)
    assert largest.dtype == bool
    assert largest.sum() == size
    assert largest[0, 0, :3].all()  # the first of equals
    assert not largest[mask == 0].any()


def test_an_empty_mask_has_an_empty_largest_piece():
    assert not geometry.largest_piece(np.zeros((2, 3, 4), bool), 1).any()
