"""What a machine has to compute networks on."""

import os

import pytest

from versectl.errors import DeviceError
from versectl.networks import device


def test_engines_start_quietly_unless_the_user_chose_otherwise(monkeypatch):
    monkeypatch.setattr(os, "environ", {"TF_CPP_MIN_LOG_LEVEL": "0"})
    device.set_environment()
    assert os.environ["TF_CPP_MIN_LOG_LEVEL"] == "0"
    assert os.environ["GRPC_VERBOSITY"] == "ERROR"
    assert "KERAS_BACKEND" not in os.environ


@pytest.mark.parametrize(
    ("asked", "taken"), [("cpu", None), ("gpu", "a"), ("gpu:0", "a"), ("gpu:1", "b"), ("auto", "a")]
)
def test_gpus_are_counted_among_those_that_are_visible(asked, taken):
    assert device.chosen(asked, ["a", "b"], "JAX") == taken


def test_auto_takes_the_cpu_where_there_is_no_gpu():
    assert device.chosen("auto", [], "JAX") is None


@pytest.mark.parametrize(
    ("asked", "there", "seen"),
    [
        ("gpu", 0, "no GPU; check nvidia-smi"),
        ("gpu:1", 1, "1 GPU, counted from 0"),
        ("gpu:2", 2, "2 GPUs"),
    ],
)
def test_a_gpu_that_is_not_visible_is_refused(asked, there, seen):
    with pytest.raises(DeviceError, match=f"^device {asked}: PyTorch sees {seen}"):
        device.chosen(asked, range(there), "PyTorch")


def test_nvidias_advice_is_for_engines_that_use_its_gpus():
    openvino = pytest.importorskip("versectl.networks.engines.openvino")
    with pytest.raises(DeviceError, match=r"^device gpu:9: .* driver of Intel's") as refused:
        openvino.use("gpu:9", None)
    assert "nvidia-smi" not in str(refused.value)


@pytest.mark.parametrize("asked", ["cuda", "gpu:one", ""])
def test_what_is_no_device_is_refused(asked):
    with pytest.raises(DeviceError, match=r"is not a device; use auto, cpu, gpu or gpu:N"):
        device.chosen(asked, ["a"], "PyTorch")


def test_a_limit_of_memory_is_refused_where_there_is_none():
    device.refuse_limit(None, "JAX")
    with pytest.raises(DeviceError, match="JAX cannot limit its GPU memory"):
        device.refuse_limit(4000, "JAX")


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
    assert device.ordered(precision)[0] == precision
    assert set(device.ordered(precision)) == set(device.PRECISIONS)


def test_a_cpu_has_the_precisions_of_its_engine_alone_the_fastest_first(monkeypatch):
    monkeypatch.setattr(device, "cpu_flags", lambda: frozenset({"avx512_bf16"}))
    assert device.cpu().precisions == ("bfloat16", "float32", "float16")
    assert device.cpu(("float32", "bfloat16")).precisions == ("bfloat16", "float32")
    assert device.cpu(("float32",)).precisions == ("float32",)


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


@pytest.mark.parametrize(
    ("asked", "visible", "wanted"),
    [
        ("auto", "", False),
        ("auto", "0,1", True),
        ("cpu", "0", False),
        ("gpu", "0", True),
        ("gpu:1", "", True),
    ],
)
def test_a_gpu_is_wanted_where_it_is_asked_for_or_there_is_one(asked, visible, wanted, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert device.wants_gpu(asked) == wanted
