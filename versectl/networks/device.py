"""What this machine has to compute networks on: its CPU and its GPUs."""

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from versectl.errors import DeviceError
from versectl.text import count

#: CPU features with which bfloat16 is faster than float32.
FAST_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})

#: CPU features with which products of 8-bit numbers are fast and exact.
FAST_INT8 = frozenset({"avx512_vnni", "avx_vnni", "amx_int8"})

#: NVIDIA compute capability from which bfloat16 is native (Ampere).
BFLOAT16_CAPABILITY = (8, 0)

PRECISIONS = ("float32", "bfloat16", "float16")

#: What to do where an engine that uses NVIDIA's GPUs sees too few.
FOR_NVIDIA = "check nvidia-smi (in a container: --gpus all) and CUDA_VISIBLE_DEVICES"

#: What a device is called.
DEVICES = re.compile(r"auto|cpu|gpu(:\d+)?")

Gpu = TypeVar("Gpu")


class Device(NamedTuple):
    """A device in use.

    name : for people: the GPU's, or the CPU with its cores. place : as its engine calls it.
    precisions : what networks can be computed in there, the one that auto takes first.
    """

    name: str
    place: str
    precisions: tuple[str, ...]


def set_environment() -> None:
    """Have engines start quietly and take a GPU's memory as they need it; what is set stays.

    Only for processes of our own, the command line's and its workers', before Keras is imported.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def check(device: str) -> None:
    """DeviceError when it is no word for a device; a user's code may give anything."""
    if not isinstance(device, str) or not DEVICES.fullmatch(device):
        raise DeviceError(f"{device!r} is not a device; use auto, cpu, gpu or gpu:N.")


def chosen(device: str, gpus: Sequence[Gpu], engine: str, advice: str = FOR_NVIDIA) -> Gpu | None:
    """Which of these GPUs is meant; None for the CPU.

    device : "cpu"; "gpu" or "gpu:N"; "auto" takes the first GPU if there is one.
    engine : who sees these GPUs. advice : what to do where there are too few.
    Raises DeviceError when there is no such GPU, or it is no device.
    """
    check(device)
    if device == "cpu" or (device == "auto" and not gpus):
        return None
    number = int(device.removeprefix("auto").removeprefix("gpu").removeprefix(":") or 0)
    if number >= len(gpus):
        there = f"{count(len(gpus), 'GPU')}, counted from 0" if gpus else "no GPU"
        raise DeviceError(f"device {device}: {engine} sees {there}; {advice}, or use device cpu.")
    return gpus[number]


def wants_gpu(device: str) -> bool:
    """Whether a device asked for is a GPU, or will be if the engine sees what the machine has."""
    return device.startswith("gpu") or (device == "auto" and bool(visible_gpus()))


def refuse_limit(memory_mb: int | None, engine: str) -> None:
    """DeviceError when a limit of GPU memory is asked of an engine that has none."""
    if memory_mb is not None:
        raise DeviceError(
            f"{engine} cannot limit its GPU memory; leave the limit out, or use engine tensorflow."
        )


def cpu(able: Sequence[str] = PRECISIONS) -> Device:
    """The CPU. able : precisions that the engine computes networks in there."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    best = best_precision(None, cpu_flags())
    precisions = tuple(precision for precision in ordered(best) if precision in able)
    return Device(f"CPU, {cores} cores", "cpu", precisions)


def ordered(best: str) -> tuple[str, ...]:
    """All precisions, the best one first."""
    return (best, *(precision for precision in PRECISIONS if precision != best))


def best_precision(capability: tuple[int, int] | None, flags: frozenset[str]) -> str:
    """The fastest precision that is exact enough: on a GPU of that capability, else on the CPU."""
    if capability is not None:
        return "bfloat16" if capability >= BFLOAT16_CAPABILITY else "float16"
    return "bfloat16" if flags & FAST_BFLOAT16 else "float32"


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """What the CPU can do, as Linux names it; empty elsewhere."""
    try:
        lines = cpuinfo.read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split() for line in lines if line.startswith("flags")), ()))


def visible_gpus(nodes: Path = Path("/dev")) -> tuple[str, ...]:
    """Numbers or names of the NVIDIA GPUs this process may use, found without an engine."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(gpu for gpu in chosen.split(",") if gpu not in ("", "-1"))
    numbers = (node.name.removeprefix("nvidia") for node in nodes.glob("nvidia*"))
    return tuple(sorted((n for n in numbers if n.isdecimal()), key=int))
