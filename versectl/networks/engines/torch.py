"""PyTorch: CPUs, and NVIDIA GPUs through CUDA."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import keras
import torch

from versectl.networks import device as machine
from versectl.networks.architectures import Layout
from versectl.networks.device import Device
from versectl.networks.engines import calling

if TYPE_CHECKING:
    from versectl.types import Answer

LAYOUT: Layout = "channels_first"
MIXED = True

#: On a CPU it averages over cubes of voxels in float32 only.
CPU_PRECISIONS = ("float32",)

#: measured on an H200 (evaluation/results/bench-gpu.md): in bfloat16 centres move by up to 0.8 mm
#: and a vertebra keeps a Dice of 0.985 only, and half precision saves no time.
GPU_PRECISION = "float32"


def use(device: str, memory_mb: int | None) -> Device:
    """The device that networks will be built and called on."""
    gpu = machine.chosen(device, range(torch.cuda.device_count()), "PyTorch")
    if gpu is None:
        return machine.cpu(CPU_PRECISIONS)
    found = torch.cuda.get_device_properties(gpu)
    if memory_mb is not None:
        share = min(memory_mb * 1e6 / found.total_memory, 1.0)
        torch.cuda.set_per_process_memory_fraction(share, gpu)
    return Device(f"GPU {found.name}", f"gpu:{gpu}", machine.ordered(GPU_PRECISION))


def scope(place: str) -> AbstractContextManager[object]:
    """Keras' scope of the device."""
    return keras.device(place)


def answering(network: keras.Model, _precision: str, place: str, _at_once: int = 1) -> "Answer":
    """The network as a function of one image."""
    return calling.answering(network, lambda: scope(place))
