"""Where networks compute and how exactly."""

import pytest

from versectl.networks import device


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
