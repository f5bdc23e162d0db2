"""Which engine computes the networks; the tests' own process runs on TensorFlow."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import keras
import pytest

from versectl.errors import DeviceError
from versectl.networks import device
from versectl.networks.engines import choice

#: Imports what a program may import, and prints whether the environment is as it was.
IMPORTS = """
import os, sys
before = dict(os.environ)
import versectl, versectl.cli.main, versectl.networks.device, versectl.networks.loading
import versectl.networks.weights
print(before == dict(os.environ), "keras" in sys.modules, "tensorflow" in sys.modules)
"""


@pytest.fixture
def fresh(monkeypatch):
    """A process without Keras, with these engines installed."""

    def have(*installed):
        monkeypatch.delenv("KERAS_BACKEND", raising=False)
        monkeypatch.setattr(choice, "_running", lambda: None)
        monkeypatch.setattr(choice, "is_installed", lambda name: name in installed)
        monkeypatch.setattr(device, "visible_gpus", tuple)

    return have


def test_importing_versectl_changes_no_environment_and_loads_no_engine():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


def test_preparing_leaves_the_environment_and_a_scheduler_s_choice_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    before = dict(os.environ)
    once = choice.prepare(None, "cpu", "float32")
    assert choice.prepare(None, "cpu", "float32") == once  # twice is no other choice
    assert once.engine.name == keras.config.backend()
    assert once.engine.precision == "float32"
    assert once.engine.version
    assert once.engine.device.startswith("CPU, ")
    assert dict(os.environ) == before


def test_a_thread_never_looks_at_keras_while_another_imports_it(monkeypatch):
    running, is_importing = choice._running, threading.Event()

    def start(_name):
        is_importing.set()
        time.sleep(0.05)
        is_importing.clear()

    def looked():
        assert not is_importing.is_set()
        return running()

    monkeypatch.setattr(choice, "start", start)
    monkeypatch.setattr(choice, "_running", looked)
    with ThreadPoolExecutor(3) as threads:
        ready = list(threads.map(lambda _: choice.prepare(None, "cpu", "float32"), range(3)))
    assert ready[0] == ready[1] == ready[2]


@pytest.mark.parametrize(
    ("installed", "asked", "taken"),
    [
        (("openvino", "tensorflow"), None, "tensorflow"),
        (("openvino", "jax"), None, "openvino"),
        (("openvino", "tensorflow"), "auto", "openvino"),
        (("jax", "torch"), "auto", "torch"),
        (("openvino", "tensorflow"), "tensorflow", "tensorflow"),
    ],
)
def test_the_default_is_tensorflow_and_auto_the_fastest_installed(fresh, installed, asked, taken):
    fresh(*installed)
    assert choice.chosen(asked, "cpu") == taken


def test_on_a_gpu_auto_takes_what_computes_there(fresh, monkeypatch):
    fresh("openvino", "torch")
    assert choice.chosen("auto", "gpu:1") == "torch"
    monkeypatch.setattr(device, "visible_gpus", lambda: ("0",))
    assert choice.chosen("auto") == "torch"
    assert choice.chosen("auto", "cpu") == "openvino"


def test_keras_own_variable_chooses_unless_an_engine_is_named(fresh, monkeypatch):
    fresh("tensorflow", "openvino", "jax")
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert choice.chosen(None) == "jax"
    assert choice.chosen("openvino") == "openvino"
    monkeypatch.setenv("KERAS_BACKEND", "numpy")
    with pytest.raises(DeviceError, match="Keras is set to run on 'numpy'"):
        choice.chosen(None)


def test_an_engine_that_is_not_installed_is_named_with_what_installs_it(fresh):
    fresh("tensorflow")
    with pytest.raises(DeviceError, match=r"OpenVINO is not installed: pip install .*\[openvino\]"):
        choice.chosen("openvino")
    fresh()
    for asked in (None, "auto"):
        with pytest.raises(DeviceError, match="No engine for the networks is installed"):
            choice.chosen(asked)


def test_a_process_keeps_the_engine_that_keras_runs_on(fresh, monkeypatch):
    fresh("tensorflow", "openvino")
    monkeypatch.setattr(choice, "_running", lambda: "openvino")
    assert choice.chosen(None) == choice.chosen("auto") == choice.chosen("openvino") == "openvino"
    with pytest.raises(DeviceError, match="Keras runs on OpenVINO in this process already"):
        choice.chosen("tensorflow")


def test_networks_are_trained_with_an_engine_that_can(fresh, monkeypatch):
    fresh("openvino", "jax")
    assert choice.for_training() == "jax"
    fresh("openvino")
    with pytest.raises(DeviceError, match="No engine for the networks is installed"):
        choice.for_training()
    monkeypatch.setenv("KERAS_BACKEND", "openvino")
    with pytest.raises(DeviceError, match="OpenVINO cannot train networks"):
        choice.for_training()


def test_float16_is_refused_on_a_cpu_where_tensorflow_cannot_average_in_it():
    says = "^precision float16: TensorFlow computes in .*float32.* on this device .CPU, "
    with pytest.raises(DeviceError, match=says):
        choice.prepare(None, "cpu", "float16")
    for precision in ("float32", "bfloat16"):
        assert choice.prepare(None, "cpu", precision).engine.precision == precision
