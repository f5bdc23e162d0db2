"""OpenVINO: CPUs, and Intel's GPUs where they are asked for. It cannot train.

Networks are compiled here and not by Keras, which would leave the precision to OpenVINO: bfloat16
on CPUs that have it, whatever was asked for.
"""

import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING

import keras
import numpy as np
import openvino as ov
from openvino import opset16

from versectl.errors import WeightsError
from versectl.networks import device as machine
from versectl.networks.architectures import Layout
from versectl.networks.device import Device
from versectl.networks.engines import int8

if TYPE_CHECKING:
    from versectl.types import Answer

LAYOUT: Layout = "channels_first"
MIXED = False

#: Precision -> what OpenVINO calls it.
HINTS = {"float32": "f32", "bfloat16": "bf16", "float16": "f16"}
CAPABILITIES = {"float32": "FP32", "bfloat16": "BF16", "float16": "FP16"}

#: What to do where there are too few GPUs.
FOR_INTEL = "check the driver of Intel's GPUs, take another engine for NVIDIA's"

#: chosen: networks compiled for so many sizes of image are kept; each holds its own memory.
SIZES = 3


def use(device: str, memory_mb: int | None) -> Device:
    """The device that networks will be compiled for; auto is the CPU."""
    core = ov.Core()
    gpus = [name for name in core.available_devices if name.startswith("GPU")]
    gpu = machine.chosen("cpu" if device == "auto" else device, gpus, "OpenVINO", FOR_INTEL)
    if gpu is None:
        cpu = machine.cpu()
        return Device(cpu.name, "CPU", _possible(core, "CPU", cpu.precisions))
    machine.refuse_limit(memory_mb, "OpenVINO")
    name = core.get_property(gpu, "FULL_DEVICE_NAME")
    return Device(f"GPU {name}", gpu, _possible(core, gpu, machine.ordered("float16")))


def scope(_place: str) -> AbstractContextManager[object]:
    """Nothing: networks are compiled for their device."""
    return nullcontext()


def answering(network: keras.Model, precision: str, place: str, at_once: int = 1) -> "Answer":
    """The network as a function of one image; compiled for each size when that first comes.

    at_once : images that are answered at the same time, each by its share of the cores: on two,
        without one waiting for the other layer by layer.
    """
    return _answering(partial(_graph, network), precision, place, at_once)


def answering_in_int8(
    network: keras.Model,
    precision: str,
    place: str,
    at_once: int,
    activations: Sequence[int8.Range],
) -> "Answer":
    """The same, with convolutions in 8-bit numbers, the rest in `precision`.

    activations : range of the numbers into each convolution, as `measured` has them.
    Its first answer raises WeightsError if they are not as many as the convolutions.
    """
    kernels: list[np.ndarray] = []  # computed once, not for each size

    def graph(shape: tuple[int, ...]) -> ov.Model:
        exact = _graph(network, shape)
        if not kernels:
            kernels.extend(int8.kernels_of(exact))
        if len(kernels) != len(activations):
            raise WeightsError(
                f"The weights have {len(kernels)} convolutions but ranges for {len(activations)} "
                "(activations in their .json): measure them again with benchmarks/weights/int8.py."
            )
        return int8.rounded(exact, activations, kernels)

    return _answering(graph, precision, place, at_once)


def measured(network: keras.Model, images: Sequence[np.ndarray]) -> list[int8.Range]:
    """The range of the numbers into each convolution, from images (z, y, x, inputs) of a size."""
    return int8.measured(_graph(network, (1, *images[0].shape)), images)


def _answering(
    graph: Callable[[tuple[int, ...]], ov.Model], precision: str, place: str, at_once: int
) -> "Answer":
    core = ov.Core()
    options = {"INFERENCE_PRECISION_HINT": HINTS[precision], "NUM_STREAMS": str(at_once)}

    def compiled(shape: tuple[int, ...]) -> _Compiled:
        return _Compiled(core.compile_model(graph(shape), place, options), at_once)

    network = _Network(compiled)

    def answer(seen: np.ndarray) -> np.ndarray:
        image = np.ascontiguousarray(seen[None], np.float32)
        ours = network.of_size(image.shape)
        with _turns.taken_by(network):
            return ours.answer(image)

    return answer


class _Compiled:
    """A network compiled for one size of image, which answers so many at the same time."""

    def __init__(self, network: ov.CompiledModel, at_once: int) -> None:
        self.network = network
        self._requests: SimpleQueue[ov.InferRequest] = SimpleQueue()
        for _ in range(at_once):
            self._requests.put(network.create_infer_request())

    def answer(self, image: np.ndarray) -> np.ndarray:
        """The answer for an image; waits until another one is answered, if need be."""
        request = self._requests.get()
        try:
            return np.array(request.infer([image], share_inputs=True)[0][0], np.float32)
        finally:
            self._requests.put(request)


class _Network:
    """A network compiled for the sizes of image that came last, SIZES of them."""

    def __init__(self, compiled: Callable[[tuple[int, ...]], _Compiled]) -> None:
        self._compiled = compiled
        self._kept: dict[tuple[int, ...], _Compiled] = {}
        self._lock = threading.Lock()

    def of_size(self, shape: tuple[int, ...]) -> _Compiled:
        """The network for images of a shape."""
        with self._lock:
            ours = self._kept.pop(shape, None) or self._compiled(shape)
            self._kept[shape] = ours  # the last to go
            if len(self._kept) > SIZES:
                del self._kept[next(iter(self._kept))]
            return ours

    def release_memory(self) -> None:
        """Give back what is held for answers, while none is being computed."""
        with self._lock:
            for each in self._kept.values():
                each.network.release_memory()


class _Turns:
    """One network answers at a time; the one before gives back what it held for its answers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._answering = 0
        self._last: Callable[[], _Network | None] = lambda: None

    @contextmanager
    def taken_by(self, ours: _Network) -> Iterator[None]:
        """The turn of a network, for any number of images of any sizes."""
        with self._changed:
            self._changed.wait_for(lambda: not self._answering or self._last() is ours)
            last = self._last()
            if last is not None and last is not ours:
                last.release_memory()
            self._last = weakref.ref(ours)
            self._answering += 1
        try:
            yield
        finally:
            with self._changed:
                self._answering -= 1
                self._changed.notify_all()


_turns = _Turns()


def _graph(network: keras.Model, shape: tuple[int, ...]) -> ov.Model:
    """The network's operations on an image of a shape, as Keras' own `predict` collects them."""
    image = opset16.parameter(list(shape), dtype=ov.Type.f32)
    # Keras' own wrapper of an operation's output, which no public name stands for.
    tensor = type(keras.ops.convert_to_tensor(np.float32(0)))
    answer = network(tensor(image.output(0)), training=False)
    return ov.Model([opset16.result(answer.output)], [image])


def _possible(core: ov.Core, place: str, precisions: tuple[str, ...]) -> tuple[str, ...]:
    """Those of the precisions that the device computes in."""
    able = core.get_property(place, "OPTIMIZATION_CAPABILITIES")
    return tuple(precision for precision in precisions if CAPABILITIES[precision] in able)
