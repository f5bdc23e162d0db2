"""Modules that are imported when they are first used, in a process of their own."""

import gc
import subprocess
import sys

import pytest

from versectl.networks.engines import choice
from versectl.networks.engines.postponed import postponed, uncollected

USED_LATER = """
import sys
from versectl.networks.engines.postponed import postponed
with postponed("scipy.signal", "no.such.module", "matplotlib.pyplot"):
    import inspect, scipy.signal, matplotlib.pyplot as plt
    signal = sys.modules["scipy.signal"]
    inspect.getmodule(inspect.currentframe())  # asks every module where it is
assert "scipy.signal" not in sys.modules and "matplotlib.pyplot" not in sys.modules
assert "scipy.stats" not in sys.modules
assert "matplotlib.figure" not in sys.modules
assert signal.get_window("boxcar", 3).tolist() == [1, 1, 1]
import scipy.signal.windows
assert scipy.signal.windows.boxcar is signal.windows.boxcar
assert sys.modules["scipy.signal"] is scipy.signal and scipy.signal.hilbert is signal.hilbert
assert plt.Figure is sys.modules["matplotlib.figure"].Figure
assert "no.such.module" not in sys.modules
"""

NOT_USED = """
import sys
from versectl.networks.engines import choice
choice.prepare("openvino", "cpu")
assert not {"scipy.stats", "matplotlib.figure", "IPython"} & {*sys.modules}
"""


def in_a_process(code):
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_a_postponed_module_is_imported_when_it_is_used():
    in_a_process(USED_LATER)


def test_a_module_that_is_there_stays():
    before = sys.modules["subprocess"]
    with postponed("subprocess"):
        assert sys.modules["subprocess"] is before
    assert sys.modules["subprocess"] is before is subprocess


def test_starting_an_engine_draws_nothing_and_hears_nothing():
    if not choice.is_installed("openvino"):
        pytest.skip("OpenVINO is not installed")
    in_a_process(NOT_USED)


def test_nothing_is_collected_within_the_block_whatever_happens_there():
    def fails():
        with uncollected(), uncollected():
            assert not gc.isenabled()
            raise ImportError

    with pytest.raises(ImportError):
        fails()
    assert gc.isenabled()


def test_who_does_not_collect_is_left_alone():
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
