import itertools
import time

import numpy as np
import pytest

from versectl.stages.published import labelling as published_labelling
from versectl.stages.published.labelling import Peak

#: Centres 25 mm apart, the first vertebra highest.
HEIGHTS_MM = [650.0 - 25 * index for index in range(25)]


def peak(value, z_mm, x_mm=100.0):
    return Peak(value, np.array([x_mm, 80.0, z_mm]))


def spine(first, last, value=0.9):
    """Maxima of a scan that shows these vertebrae; elsewhere a faint one in a far corner."""
    return [
        [peak(value if first <= i <= last else 0.05, z, 100.0 if first <= i <= last else 5.0)]
        for i, z in enumerate(HEIGHTS_MM)
    ]


def test_the_visible_vertebrae_are_the_longest_run_and_nothing_else():
    chosen = published_labelling.best(spine(7, 11), 700.0)
    assert list(chosen) == [7, 8, 9, 10, 11]


def test_of_equally_long_runs_the_lower_counts():
    peaks = spine(3, 5)
    for index in (9, 10, 11):
        peaks[index] = [peak(0.5, HEIGHTS_MM[index])]
    assert published_labelling.visible(peaks, 700.0) == (9, 11)


def test_a_strong_vertebra_at_the_scans_end_is_the_first_or_last():
    peaks = spine(9, 11)
    height_mm = HEIGHTS_MM[7] + 20
    peaks[7] = [peak(0.5, HEIGHTS_MM[7])]
    assert published_labelling.visible(peaks, height_mm) == (7, 11)
    assert published_labelling.visible(peaks, height_mm + 10.0) == (7, 11)  # 30 mm is near
    assert published_labelling.visible(peaks, height_mm + 10.1) == (9, 11)
    peaks[7] = [peak(0.49, HEIGHTS_MM[7])]
    assert published_labelling.visible(peaks, height_mm) == (9, 11)


def test_without_detection_or_upside_down_all_25_strongest_maxima_are_returned():
    for peaks in (spine(30, 30), spine(9, 11)):
        if peaks[10][0].value > 0.5:  # the first found at the foot, the last at the head
            peaks[2], peaks[20] = [peak(0.8, 10.0)], [peak(0.8, 695.0)]
        chosen = published_labelling.best(peaks, 700.0)
        assert [chosen[i] for i in range(25)] == [found[0] for found in peaks]


def enumerated(peaks):
    """The published search, as it was: all combinations."""
    best, run = -np.inf, []
    for combination in itertools.product(*peaks):
        pairs = list(itertools.pairwise(combination))
        distances = [np.linalg.norm(a.point_mm - b.point_mm) for a, b in pairs]
        if all(12.5 < d < 50 for d in distances) and all(
            a.point_mm[2] > b.point_mm[2] for a, b in pairs
        ):
            total = sum(p.value for p in combination)
            if total >= best:
                best, run = total, list(combination)
    return run


@pytest.mark.parametrize("seed", range(40))
def test_the_heaviest_combination_is_the_one_enumeration_finds(seed):
    rng = np.random.default_rng(seed)
    peaks = [
        [
            # Whole and half values add up without rounding, so that ties are ties.
            peak(rng.integers(1, 4) / 2, 200 - 25 * i + rng.normal(0, 25), rng.normal(0, 20))
            for _ in range(rng.integers(1, 5))
        ]
        for i in range(rng.integers(1, 6))
    ]
    assert published_labelling.heaviest(peaks) == enumerated(peaks)


def test_fifty_candidates_per_vertebra_take_no_time():
    rng = np.random.default_rng(0)
    peaks = [
        sorted((peak(v, z + 30 * r) for v, r in rng.random((50, 2))), key=lambda p: -p.value)
        for z in HEIGHTS_MM
    ]
    started = time.process_time()
    assert len(published_labelling.best(peaks, 700.0)) == 25
    assert time.process_time() - started < 2


def test_vertebrae_that_cannot_be_combined_are_taken_unchecked():
    peaks = spine(5, 7)
    peaks[6] = [peak(0.9, 300.0, 300.0)]
    chosen = published_labelling.best(peaks, 720.0)
    assert [chosen[i] for i in (5, 6, 7)] == [peaks[i][0] for i in (5, 6, 7)]


def test_the_run_goes_on_upwards_while_the_strongest_maximum_fits():
    peaks = spine(9, 12)
    peaks[8] = [peak(0.26, HEIGHTS_MM[8])]
    peaks[7] = [peak(0.2, 5.0, 5.0), peak(0.6, HEIGHTS_MM[7])]
    peaks[6] = [peak(0.9, HEIGHTS_MM[6])]
    chosen = published_labelling.best(peaks, 720.0)
    assert list(chosen) == [7, 8, 9, 10, 11, 12]
    assert chosen[7] is peaks[7][1]  # not the strongest maximum: 6 is not looked for


@pytest.mark.parametrize(("distance_mm", "added"), [(14.9, 0), (15.1, 1), (34.9, 1), (35.1, 0)])
def test_a_vertebra_is_added_below_at_15_to_35_mm(distance_mm, added):
    peaks = spine(9, 12)
    below = HEIGHTS_MM[12] - distance_mm
    peaks[13] = [peak(0.2, 5.0, 5.0), peak(0.3, below)]
    assert len(published_labelling.best(peaks, 720.0)) == 4 + added
