"""Where networks are computed and in which precision, for TensorFlow."""

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from versectl.errors import DeviceError
from versectl.io import stderr

#: CPU features with which bfloat16 is faster than float32.
FAST_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})

#: NVIDIA compute capability from which bfloat16 is native (Ampere).
BFLOAT16_CAPABILITY = (8, 0)

Gpu = TypeVar("Gpu")


def set_environment() -> None:
    """Have Keras use TensorFlow, without its start-up messages; what is set already stays.

    Only for processes of our own, the command line's and its workers', before TensorFlow loads.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


def prepare(device: str, precision: str, gpu_memory_mb: int | None = None) -> str:
    """Have TensorFlow use a device; the precision to compute in.

    device : "auto", "cpu", "gpu" or "gpu:N", counted among the GPUs that this process may see.
    precision : "auto" or a type's name.
    gpu_memory_mb : the most to take of the GPU's memory; None takes as much as is needed.
    Raises DeviceError when the device is not there, or TensorFlow runs on others already.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise DeviceError("TensorFlow is not installed: pip install 'versectl[tensorflow]'.")
    capability = _use(device, gpu_memory_mb)
    return precision if precision != "auto" else best_precision(capability, cpu_flags())


def chosen(device: str, gpus: Sequence[Gpu]) -> list[Gpu]:
    """Which of these GPUs "gpu" or "gpu:N" means, none for "cpu"; DeviceError if there is none."""
    if device == "cpu":
        return []
    number = int(device.removeprefix("gpu").removeprefix(":") or 0)
    if number >= len(gpus):
        raise DeviceError(
            f"--device {device}: TensorFlow sees {len(gpus)} GPUs, counted from 0; "
            "check nvidia-smi (in a container: --gpus all) and CUDA_VISIBLE_DEVICES, "
            "or use --device cpu."
        )
    return [gpus[number]]


def in_use() -> str:
    """What networks run on, after prepare(): the GPU's name, or the CPU with its cores."""
    import tensorflow as tf

    gpus = tf.config.get_visible_devices("GPU")
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        return f"GPU {details.get('device_name', gpus[0].name)}"
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count()
    return f"CPU, {cores} cores"


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
    """Numbers or names of the NVIDIA GPUs this process may use, found without TensorFlow."""
    chosen = os.environ.get("CUDA_VISIBLE_DEVICES")
    if chosen is not None:
        return tuple(gpu for gpu in chosen.split(",") if gpu not in ("", "-1"))
    numbers = (node.name.removeprefix("nvidia") for node in nodes.glob("nvidia*"))
    return tuple(sorted((n for n in numbers if n.isdecimal()), key=int))


def _use(device: str, memory_mb: int | None) -> tuple[int, int] | None:
    """Compute capability of the GPU that is used, its memory limited; None on the CPU."""
    with stderr.suppressed():
        import tensorflow as tf

    visible = tf.config.get_visible_devices("GPU")
    is_chosen = device != "auto"
    gpus = chosen(device, tf.config.list_physical_devices("GPU")) if is_chosen else visible
    try:
        if visible != gpus:
            tf.config.set_visible_devices(gpus, "GPU")
        for gpu in gpus:
            _limit_memory(gpu, memory_mb)
    except RuntimeError as error:
        raise DeviceError(
            "TensorFlow runs in this process already, on other devices or with other memory; "
            "choose them before its first use."
        ) from error
    if not gpus:
        return None
    return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (7, 0))


def _limit_memory(gpu: object, memory_mb: int | None) -> None:
    """Let TensorFlow take no more than that, or what it needs as it needs it."""
    import tensorflow as tf

    if memory_mb is None:
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)
    else:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory_mb)
        if tf.config.get_logical_device_configuration(gpu) != [limit]:
            tf.config.set_logical_device_configuration(gpu, [limit])
