"""Damaged files are read or refused, never an accident: a sample; `make fuzz` takes thousands."""

import sys

import numpy as np
import pytest
from mutation import mutate

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows limits no memory")


@pytest.mark.parametrize("count", [25, pytest.param(900, marks=pytest.mark.slow)])
def test_no_damaged_file_crashes_hangs_or_surprises_a_reader(tmp_path, count):
    import fuzz

    tally = fuzz.run(count, tmp_path)
    assert len(tally) >= 12
    for kind, found in tally.items():
        assert set(found) <= {"read", "refused"}, kind
        assert found.total() == count
    assert sum(found["read"] for found in tally.values()) > count  # not all is broken at once


def test_mutations_are_the_same_every_time_and_change_something():
    whole = bytes(range(256)) * 4
    made = [mutate(whole, np.random.default_rng(seed), 100) for seed in range(50)]
    assert made == [mutate(whole, np.random.default_rng(seed), 100) for seed in range(50)]
    assert sum(one != whole for one in made) > 45
    assert mutate(b"", np.random.default_rng(3), 100) is not None
