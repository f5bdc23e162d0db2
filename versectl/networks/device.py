"""Where networks compute and how exactly; settled before TensorFlow loads, which stays silent."""

import importlib.util
import os
from pathlib import Path

from versectl.errors import DeviceError
from versectl.io import silence

#: CPU features with which bfloat16 is faster than float32.
FAST_BFLOAT16 = frozenset({"avx512_bf16", "amx_bf16"})

#: NVIDIA compute capability from which bfloat16 is native (Ampere).
BFLOAT16_CAPABILITY = (8, 0)


def prepare(device: str, precision: str, gpu_memory_mb: int | None = None) -> str:
    """Set TensorFlow up for a device; the precision to compute in.

    device : "auto", "cpu", "gpu" or "gpu:N". precision : "auto" or a type's name.
    gpu_memory_mb : the most to take of the GPU's memory; None lets it grow as it is needed.
    Raises DeviceError when a GPU was asked for and none is visible. Call before TensorFlow loads.
    """
    quieten()
    if importlib.util.find_spec("tensorflow") is None:
        raise DeviceError("TensorFlow is not installed: pip install 'versectl[tensorflow]'.")
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    elif device.startswith("gpu:"):
        os.environ["CUDA_VISIBLE_DEVICES"] = device.removeprefix("gpu:")
    capability = _gpu_capability(gpu_memory_mb)
    if device.startswith("gpu") and capability is None:
        raise DeviceError(
            f"--device {device}: no such GPU is visible to TensorFlow; "
            "check nvidia-smi (in a container: --gpus all), or use --device cpu."
        )
    return precision if precision != "auto" else best_precision(capability, cpu_flags())


def quieten() -> None:
    """Keep TensorFlow's start-up messages from the user; what is set already stays."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")


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


def _gpu_capability(memory_mb: int | None) -> tuple[int, int] | None:
    """Compute capability of the first visible GPU, its memory limited; None without one."""
    with silence.libraries():
        import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        return None
    if memory_mb is not None:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory_mb)
        tf.config.set_logical_device_configuration(gpus[0], [limit])
    return tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (7, 0))
