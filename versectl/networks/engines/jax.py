"""JAX: CPUs, and GPUs where its CUDA packages are installed."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import jax
import keras

from versectl.networks import device as machine
from versectl.networks.architectures import Layout
from versectl.networks.device import Device
from versectl.networks.engines import calling

if TYPE_CHECKING:
    from versectl.types import Answer

LAYOUT: Layout = "channels_last"
MIXED = True


def use(device: str, memory_mb: int | None) -> Device:
    """The device that networks will be built and called on."""
    gpu = machine.chosen(device, _gpus(), "JAX")
    if gpu is None:
        return machine.cpu()
    machine.refuse_limit(memory_mb, "JAX")
    capability = tuple(map(int, str(getattr(gpu, "compute_capability", "7.0")).split(".")))
    best = machine.best_precision((capability[0], capability[-1]), frozenset())
    return Device(f"GPU {gpu.device_kind}", f"gpu:{gpu.id}", machine.ordered(best))


def scope(place: str) -> AbstractContextManager[object]:
    """Keras' scope of the device."""
    return keras.device(place)


def answering(network: keras.Model, _precision: str, place: str, _at_once: int = 1) -> "Answer":
    """The network as a function of one image."""
    return calling.answering(network, lambda: scope(place))


def _gpus() -> list[jax.Device]:
    try:
        return jax.devices("gpu")
    except RuntimeError:  # it was built without, or there is none
        return []
