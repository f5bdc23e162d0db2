"""versectl doctor says what it found, and ends with the code of what does not work."""

import pytest

from versectl import geometry, self_test
from versectl.self_test import SelfTest


@pytest.fixture
def tested(monkeypatch):
    """Has the self-test find what is given."""

    def set_found(*names, dice=0.9):
        found = SelfTest(drawn=("L4", "L5"), found=names, dice=dice, seconds=3.0)
        monkeypatch.setattr(self_test, "run", lambda _models: found)

    return set_found


def test_it_tells_versions_device_precision_and_weights(run, tested):
    tested("L3", "L4", "L5")
    done = run("doctor", "--device", "cpu", "--precision", "float32")
    assert done.exit_code == 0, done.output
    for word in ("versectl", "tensorflow", "CPU", "float32", "segmentation", "sha256", "works"):
        assert word in done.output


def test_networks_that_find_something_else_end_with_1(run, tested):
    tested("L3", "L4")
    done = run("doctor", "--device", "cpu")
    assert done.exit_code == 1
    assert "L4, L5 were drawn, L3, L4 found" in done.stderr


def test_masks_far_off_end_with_1(run, tested):
    tested("L4", "L5", dice=0.3)
    assert run("doctor", "--device", "cpu").exit_code == 1


def test_missing_weights_end_with_6(run, tmp_path):
    assert run("doctor", "--device", "cpu", "--weights", tmp_path).exit_code == 6


def test_the_self_test_can_be_left_out(run, monkeypatch):
    monkeypatch.setattr(self_test, "run", lambda _models: 1 / 0)
    assert run("doctor", "--device", "cpu", "--skip-test").exit_code == 0


def test_the_scan_shows_a_few_vertebrae_down_to_the_last_and_is_always_the_same():
    one, other = self_test.scan(), self_test.scan()
    assert (geometry.to_array(one.ct) == geometry.to_array(other.ct)).all()
    assert 2 <= len(one.centroids_mm) <= 5
    assert max(one.centroids_mm) in (24, 25)
