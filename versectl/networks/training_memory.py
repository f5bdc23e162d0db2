"""How much memory a training takes, and how much there is."""

import os
from pathlib import Path

import numpy as np

from versectl.config import StageConfig
from versectl.errors import OutOfMemoryError
from versectl.networks import architectures
from versectl.types import Engine

GB = 2**30

#: chosen, by what published trainings were measured to take (docs/training.md): libraries, weights,
#: their gradients, and samples that wait.
BASE_GB = 1.0

#: Bytes of a number that layers answer with; some of them stay in float32.
BYTES = {"float32": 4.0, "bfloat16": 2.5, "float16": 2.5}

#: Where Linux says how much a container may take: version 2 of control groups, and version 1.
LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def require(config: StageConfig, engine: Engine) -> None:
    """Raise OutOfMemoryError when this machine has less memory than a training on its CPU takes."""
    needed_gb, there_gb = training_gb(config, engine.precision), total_gb()
    if engine.device.startswith("CPU") and needed_gb > there_gb:
        raise OutOfMemoryError(
            f"training the {config.stage} takes about {needed_gb:.0f} GB of memory, this machine "
            f"has {there_gb:.0f} GB; use a smaller --batch or --precision bfloat16."
        )


def training_gb(config: StageConfig, precision: str) -> float:
    """Memory that a training step takes on a CPU, in GB.

    Every layer's answer is kept until its gradient is known; together they are nearly all of it.
    """
    network = architectures.build(config.network, sides=config.size_vox[::-1])
    answers = sum(np.prod(operation.output.shape[1:]) for operation in network.operations)
    return BASE_GB + config.training.batch * float(answers) * BYTES[precision] / GB


def total_gb(limits: tuple[Path, ...] = LIMITS) -> float:
    """Memory of this machine, or of the container, in GB."""
    installed = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    allowed = [path.read_text().strip() for path in limits if path.is_file()]
    return min([installed, *(int(text) for text in allowed if text.isdecimal())]) / GB
