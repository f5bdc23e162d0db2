"""Where networks are computed and in which precision."""

import os
import subprocess
import sys

import pytest

from versectl.errors import DeviceError
from versectl.networks import device

#: Imports what a program may import, and prints whether the environment is as it was.
IMPORTS = """
import os, sys
before = dict(os.environ)
import versectl, versectl.cli.main, versectl.networks.device, versectl.networks.loading
import versectl.networks.weights
print(before == dict(os.environ), "keras" in sys.modules, "tensorflow" in sys.modules)
"""


def test_importing_versectl_changes_no_environment_and_loads_no_network_library():
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False", "False"], done.stderr


def test_the_command_line_chooses_keras_backend_unless_the_user_did(monkeypatch):
    monkeypatch.setattr(os, "environ", {"TF_CPP_MIN_LOG_LEVEL": "0"})
    device.set_environment()
    assert os.environ["KERAS_BACKEND"] == "tensorflow"
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"


@pytest.mark.parametrize(
    ("asked", "taken"),
    [("cpu", []), ("gpu", ["a"]), ("gpu:0", ["a"]), ("gpu:1", ["b"])],
)
def test_gpus_are_counted_among_those_that_are_visible(asked, taken):
    assert device.chosen(asked, ["a", "b"]) == taken


@pytest.mark.parametrize(("asked", "there"), [("gpu", 0), ("gpu:0", 0), ("gpu:2", 2)])
def test_a_gpu_that_is_not_visible_is_refused(asked, there):
    with pytest.raises(DeviceError, match=f"{asked}: TensorFlow sees {there} GPUs"):
        device.chosen(asked, range(there))


def test_preparing_leaves_the_environment_and_a_scheduler_s_choice_alone(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    before = dict(os.environ)
    assert device.prepare("cpu", "float32") == "float32"
    assert device.prepare("cpu", "float32") == "float32"  # twice is no other choice
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    ("capability", "flags", "precision"),
    [
        ((9, 0), set(), "bfloat16"),
        ((7, 5), {"amx_bf16"}, "float16"),
        (None, {"avx512_bf16", "fma"}, "bfloat16"),
        (None, {"amx_bf16"}, "bfloat16"),
        (None, {"avx2"}, "float32"),
    ],
)
def test_auto_takes_the_fastest_the_device_is_good_at(capability, flags, precision):
    assert device.best_precision(capability, frozenset(flags)) == precision


def test_cpu_flags_are_read_as_linux_names_them(tmp_path):
    (tmp_path / "cpuinfo").write_text(
        "processor : 0\nflags\t\t: fpu avx2 amx_bf16\n\nprocessor : 1\n"
    )
    assert {"fpu", "avx2", "amx_bf16"} <= device.cpu_flags(tmp_path / "cpuinfo")
    assert device.cpu_flags(tmp_path / "none") == frozenset()


def test_visible_gpus_are_those_of_the_environment_or_of_the_machine(tmp_path, monkeypatch):
    for name in ("nvidia0", "nvidia10", "nvidia2", "nvidiactl", "nvidia-uvm", "null"):
        (tmp_path / name).touch()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert device.visible_gpus(tmp_path) == ("0", "2", "10")
    assert device.visible_gpus(tmp_path / "none") == ()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,GPU-8a")
    assert device.visible_gpus(tmp_path) == ("3", "GPU-8a")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert device.visible_gpus(tmp_path) == ()
