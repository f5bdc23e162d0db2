"""The models of a run: loaded when first used or just before, held as long as this provider is."""

import gc
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from versectl import config
from versectl.config import STAGES, Stage, StageConfig
from versectl.networks.device import wants_gpu
from versectl.networks.engines.postponed import uncollected
from versectl.types import Identity, Model


@dataclass(frozen=True)
class Models:
    """The models of a folder of weights. A process that is handed this loads its own, once.

    folder : None for the weights that come with versectl.
    engine, device, precision, gpu_memory_mb : as choice.prepare() takes them.
    fast : masks from less context, as config.fast() has it, and, if the precision is "auto", in
        8-bit numbers, as choice.in_int8() has it.
    Using a model raises WeightsError or DeviceError when it cannot be had.
    """

    folder: Path | None = None
    engine: str | None = None
    device: str = "auto"
    precision: str = "auto"
    gpu_memory_mb: int | None = None
    fast: bool = False
    _loaded: dict[Stage, Model] = field(default_factory=dict, init=False, repr=False, compare=False)
    _locks: dict[Stage, threading.Lock] = field(
        default_factory=lambda: {stage: threading.Lock() for stage in STAGES},
        init=False,
        repr=False,
        compare=False,
    )

    def model(self, stage: Stage) -> Model:
        """The stage's model, loaded when it is first asked for."""
        with self._locks[stage]:
            if stage not in self._loaded:
                self._loaded[stage] = self._load(stage)
            return self._loaded[stage]

    @property
    def on_gpu(self) -> bool:
        """Whether networks will run on a GPU, as far as is known without their engine."""
        return wants_gpu(self.device)

    def identity(self, stage: Stage) -> Identity:
        """What the stage's model is known by, without loading it."""
        from versectl.networks import weights

        described = weights.describe(self.folder, stage)
        return Identity(described.sha256, config.fingerprint(self._used(described.config)))

    def load_ahead(self, stages: Sequence[Stage]) -> None:
        """Load these stages' models in another thread, while this one reads a scan, say.

        What goes wrong is raised when the model is used.
        """
        missing = [stage for stage in STAGES if stage in stages and stage not in self._loaded]
        if missing:
            threading.Thread(target=self._load_all, args=(missing,)).start()

    def __reduce__(self) -> tuple[object, ...]:
        """For another process, in whatever folder: what to load, not what was loaded here."""
        folder = None if self.folder is None else self.folder.absolute()
        return type(self), (folder, *self._settings, self.fast)

    @property
    def _settings(self) -> tuple[str | None, str, str, int | None]:
        return self.engine, self.device, self.precision, self.gpu_memory_mb

    def _used(self, trained: StageConfig) -> StageConfig:
        return config.fast(trained) if self.fast else trained

    def _load_all(self, stages: Sequence[Stage]) -> None:
        with uncollected():
            with suppress(Exception):  # whoever uses the model meets it, and can explain it
                for stage in stages:
                    self.model(stage)
            gc.freeze()  # what is loaded stays, and need not be looked through again and again

    def _load(self, stage: Stage) -> Model:
        from versectl.networks import weights
        from versectl.networks.engines import choice

        ready = choice.prepare(*self._settings)
        if self.fast and self.precision == "auto":
            ready = choice.in_int8(ready)
        model = weights.load(self.folder, stage, ready)
        return replace(model, config=self._used(model.config))
