"""The DICOM library says nothing while headers are read, and what it pleases otherwise."""

import warnings
from contextlib import ExitStack

import dicom_series as drawn
import pytest

from versectl.io.dicom import headers, reading

pydicom = pytest.importorskip("pydicom", reason="DICOM is an extra: versectl[dicom]")


def is_silent():
    with warnings.catch_warnings(record=True) as caught:
        warnings.warn("odd value", UserWarning, stacklevel=1)
    if pydicom.config.logger.disabled:
        assert caught == []
        return True
    return False


@pytest.fixture
def as_before():
    """Holds that logger and filters are in the end as they were."""
    before = list(warnings.filters)
    assert not pydicom.config.logger.disabled
    yield
    assert not pydicom.config.logger.disabled
    assert warnings.filters == before


def test_reading_leaves_the_logger_and_the_warnings_of_others_as_they_were(as_before, tmp_path):
    reading.read(drawn.save(drawn.datasets([0.0, 3.0]), tmp_path / "series"))


def test_blocks_that_overlap_as_those_of_threads_do_are_silent_to_the_last(as_before):
    one, other = ExitStack(), ExitStack()
    one.enter_context(headers.quiet())
    other.enter_context(headers.quiet())
    one.close()
    assert is_silent()
    other.close()


def test_a_logger_that_a_user_has_turned_off_stays_off(monkeypatch):
    monkeypatch.setattr(pydicom.config.logger, "disabled", True)
    with headers.quiet():
        assert is_silent()
    assert pydicom.config.logger.disabled
