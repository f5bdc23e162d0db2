"""Which engine computes the networks, on which device, in which precision."""

import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from versectl.errors import DeviceError
from versectl.io import stderr
from versectl.networks import device as devices
from versectl.networks.device import FAST_INT8, PRECISIONS, Device, cpu_flags, wants_gpu
from versectl.networks.engines import postponed
from versectl.types import Answer, Engine

if TYPE_CHECKING:
    import keras

    from versectl.networks.architectures import Layout

#: Engine -> its name in messages.
TITLES = {"tensorflow": "TensorFlow", "openvino": "OpenVINO", "jax": "JAX", "torch": "PyTorch"}

#: What auto takes the first installed of. On CPUs the order is measured: docs/performance.md.
#: PyTorch before JAX on a GPU is measured, too; chosen: TensorFlow first, for it is the default.
ON_CPU = ("openvino", "tensorflow", "torch", "jax")
ON_GPU = ("tensorflow", "torch", "jax", "openvino")

#: Engines with `answering_in_int8`.
IN_INT8 = ("openvino",)

#: Engines that can train; chosen: what the default weights were trained with comes first.
TRAINING = ("tensorflow", "jax", "torch")

#: Held while Keras is imported: to another thread it looks imported from the beginning.
_PREPARING = threading.Lock()


class Library(Protocol):
    """What the file of an engine offers.

    LAYOUT : of the tensors in networks, what it computes fastest.
    MIXED : whether networks are built for their precision, as Keras' mixed policies do; otherwise
        they are built in float32 and the engine lowers the precision itself.
    """

    LAYOUT: "Layout"
    MIXED: bool

    def use(self, device: str, memory_mb: int | None) -> Device:
        """Have the engine use a device; DeviceError when it is not there."""

    def scope(self, place: str) -> AbstractContextManager[object]:
        """What networks are built and called in."""

    def answering(
        self, network: "keras.Model", precision: str, place: str, at_once: int = 1
    ) -> Answer:
        """The network as a function of one image, which so many threads will call at a time."""


class RoundingLibrary(Library, Protocol):
    """What engines in IN_INT8 offer, too."""

    def answering_in_int8(
        self,
        network: "keras.Model",
        precision: str,
        place: str,
        at_once: int,
        activations: Sequence[tuple[float, float]],
    ) -> Answer:
        """The network as a function of one image, with convolutions in 8-bit numbers."""


@dataclass(frozen=True)
class Ready:
    """An engine with its device and precision chosen.

    place : the engine's name of the device. int8 : whether networks whose weights come with the
    ranges of their activations are computed in 8-bit numbers.
    """

    library: Library
    engine: Engine
    place: str
    int8: bool = False


def check(engine: str | None, device: str, precision: str) -> None:
    """DeviceError when one of these is no word for an engine, a device or a precision."""
    devices.check(device)
    for kind, word, words in (("engine", engine, TITLES), ("precision", precision, PRECISIONS)):
        if word not in (None, "auto", *words):
            raise DeviceError(f"{word!r} is no {kind}; use auto, {' or '.join(words)}.")


def prepare(
    engine: str | None = None,
    device: str = "auto",
    precision: str = "auto",
    gpu_memory_mb: int | None = None,
) -> Ready:
    """Have Keras and an engine use a device.

    engine : "tensorflow", "openvino", "jax", "torch"; "auto", the fastest of those installed; None,
        TensorFlow if it is installed, otherwise as "auto".
    device : "auto", "cpu", "gpu" or "gpu:N", counted among the GPUs that this process may see.
    precision : "auto" or a type's name.
    gpu_memory_mb : the most to take of the GPU's memory; None takes as much as is needed.
    Raises DeviceError when engine, device or precision is not there, or when this process uses
    another already.
    """
    check(engine, device, precision)
    with _PREPARING:
        name = chosen(engine, device)
        start(name)
        library: Library = importlib.import_module(f"versectl.networks.engines.{name}")
        used = library.use(device, gpu_memory_mb)
    if precision not in ("auto", *used.precisions):
        raise DeviceError(
            f"precision {precision}: {TITLES[name]} computes in {' or '.join(used.precisions)} "
            f"on this device ({used.name})."
        )
    computes_in = used.precisions[0] if precision == "auto" else precision
    return Ready(library, Engine(name, version(name), used.name, computes_in), used.place)


def in_int8(ready: Ready) -> Ready:
    """The same, in 8-bit numbers where the engine computes them and the CPU is fast at them."""
    able = ready.engine.name in IN_INT8 and ready.place == "CPU" and FAST_INT8 & cpu_flags()
    return replace(ready, int8=bool(able))


def chosen(engine: str | None, device: str = "auto") -> str:
    """The engine to use; DeviceError when it is not installed or Keras runs on another."""
    running = _running()
    if running is not None:
        if engine in (None, "auto", running):
            return _known(running)
        raise DeviceError(
            f"engine {engine}: Keras runs on {TITLES.get(running, running)} in this process "
            "already; choose the engine before its first use."
        )
    engine = engine or os.environ.get("KERAS_BACKEND") or _default()
    if engine == "auto":
        engine = _first_installed(ON_GPU if wants_gpu(device) else ON_CPU)
    return _installed(_known(engine))


def for_training() -> str:
    """The engine to train with: KERAS_BACKEND, or the first installed that can."""
    set_by_user = os.environ.get("KERAS_BACKEND")
    engine = _running() or set_by_user or _first_installed(TRAINING)
    if engine not in TRAINING:
        can = ", ".join(TITLES[name] for name in TRAINING)
        raise DeviceError(
            f"{TITLES.get(engine, engine)} cannot train networks; set KERAS_BACKEND to one of "
            f"{', '.join(TRAINING)} ({can})."
        )
    return _installed(engine)


def start(name: str) -> None:
    """Import Keras on an engine, if it is not imported yet; the environment stays as it is."""
    if "keras" in sys.modules:
        return
    with (
        _environment("KERAS_BACKEND", name),
        stderr.suppressed(),
        postponed.postponed(*postponed.BY_KERAS),
        postponed.uncollected(),
    ):
        import keras  # noqa: F401


def version(name: str) -> str:
    """Version of an engine in use, without the build's name."""
    return str(sys.modules[name].__version__).split("-")[0]


def is_installed(name: str) -> bool:
    """Whether an engine is installed; it is not imported."""
    return importlib.util.find_spec(name) is not None


def _default() -> str:
    return "tensorflow" if is_installed("tensorflow") else "auto"


def _first_installed(names: tuple[str, ...]) -> str:
    there = next(filter(is_installed, names), None)
    if there is None:
        raise DeviceError(
            "No engine for the networks is installed: pip install 'versectl[tensorflow]', or, "
            "for CPUs, 'versectl[openvino]'."
        )
    return there


def _installed(name: str) -> str:
    if not is_installed(name):
        raise DeviceError(f"{TITLES[name]} is not installed: pip install 'versectl[{name}]'.")
    return name


def _known(name: str) -> str:
    if name not in TITLES:
        raise DeviceError(
            f"Keras is set to run on {name!r} (KERAS_BACKEND); "
            f"versectl runs on {', '.join(TITLES)}."
        )
    return name


def _running() -> str | None:
    """What Keras runs on in this process; None when it is not imported."""
    return sys.modules["keras"].config.backend() if "keras" in sys.modules else None


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """A variable of the environment is set within the block."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before
