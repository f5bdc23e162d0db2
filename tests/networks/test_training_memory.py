from dataclasses import replace

import pytest

from versectl.config import PRESETS
from versectl.errors import OutOfMemoryError
from versectl.networks import training_memory
from versectl.types import Engine

LARGE = PRESETS["paper"]["segmentation"]


def on(device):
    return Engine("tensorflow", "2", device, "float32")


def test_memory_is_what_a_machine_has_or_its_container_may_take(tmp_path):
    unlimited, limited = tmp_path / "max", tmp_path / "limit"
    unlimited.write_text("max\n")
    limited.write_text(f"{2**29}\n")
    assert training_memory.total_gb((unlimited, limited, tmp_path / "none")) == 0.5
    assert training_memory.total_gb((unlimited,)) > 0.5


def test_a_training_takes_more_with_larger_batches_and_less_in_half_precision():
    alone = training_memory.training_gb(LARGE, "float32")
    two = replace(LARGE, training=replace(LARGE.training, batch=2))
    assert training_memory.training_gb(two, "float32") > 1.5 * alone
    assert training_memory.training_gb(LARGE, "bfloat16") < 0.8 * alone


def test_a_training_that_does_not_fit_is_refused_with_both_figures(monkeypatch):
    monkeypatch.setattr(training_memory, "total_gb", lambda: 4.0)
    with pytest.raises(OutOfMemoryError, match=r"segmentation takes about \d GB.* has 4 GB"):
        training_memory.require(LARGE, on("CPU, 2 cores"))
    training_memory.require(PRESETS["tiny"]["segmentation"], on("CPU, 2 cores"))
    training_memory.require(LARGE, on("GPU of another memory"))
