"""Where networks compute and how exactly."""

import pytest

from versectl import device


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
