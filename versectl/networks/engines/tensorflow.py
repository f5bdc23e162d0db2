"""TensorFlow: CPUs, and NVIDIA GPUs through CUDA. Its devices are set for the whole process."""

import threading
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from versectl.errors import DeviceError
from versectl.networks import device as machine
from versectl.networks.architectures import Layout
from versectl.networks.device import Device
from versectl.networks.engines import calling
from versectl.types import Answer

if TYPE_CHECKING:
    import keras

LAYOUT: Layout = "channels_last"
MIXED = True

#: On a CPU it does not average over cubes of voxels in float16.
CPU_PRECISIONS = ("float32", "bfloat16")


def use(device: str, memory_mb: int | None) -> Device:
    """Have TensorFlow use a device."""
    visible = tf.config.get_visible_devices("GPU")
    seen = visible if device == "auto" else tf.config.list_physical_devices("GPU")
    gpu = machine.chosen(device, seen, "TensorFlow")
    gpus = visible if device == "auto" else [] if gpu is None else [gpu]
    try:
        if visible != gpus:
            tf.config.set_visible_devices(gpus, "GPU")
        for each in gpus:
            _limit_memory(each, memory_mb)
    except RuntimeError as error:
        raise DeviceError(
            "TensorFlow runs in this process already, on other devices or with other memory; "
            "choose them before its first use."
        ) from error
    return machine.cpu(CPU_PRECISIONS) if gpu is None else _described(gpu)


def scope(_place: str) -> AbstractContextManager[object]:
    """Nothing: TensorFlow sees no other device."""
    return nullcontext()


def answering(network: "keras.Model", _precision: str, _place: str, _at_once: int = 1) -> Answer:
    """The network as a function of one image, traced once for images of every size.

    Threads that call it wait for each other: two answers at a time take as long and more memory.
    """
    of_any_size = tf.TensorSpec((1, None, None, None, network.inputs[0].shape[-1]), tf.float32)

    @tf.function(input_signature=[of_any_size])
    def traced(image: tf.Tensor) -> tf.Tensor:
        return network(image, training=False)

    def answer(seen: np.ndarray) -> np.ndarray:
        return np.asarray(traced(tf.constant(seen[None], tf.float32))[0], np.float32)

    return calling.in_turn(answer, threading.Lock())


def _described(gpu: tf.config.PhysicalDevice) -> Device:
    details = tf.config.experimental.get_device_details(gpu)
    best = machine.best_precision(details.get("compute_capability", (7, 0)), frozenset())
    return Device(f"GPU {details.get('device_name', gpu.name)}", gpu.name, machine.ordered(best))


def _limit_memory(gpu: tf.config.PhysicalDevice, memory_mb: int | None) -> None:
    """Let TensorFlow take no more than that, or what it needs as it needs it."""
    if memory_mb is None:
        if not tf.config.experimental.get_memory_growth(gpu):
            tf.config.experimental.set_memory_growth(gpu, True)
    else:
        limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory_mb)
        if tf.config.get_logical_device_configuration(gpu) != [limit]:
            tf.config.set_logical_device_configuration(gpu, [limit])
