"""Networks in 8-bit numbers: only where the engine, the CPU and the weights allow it."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from versectl import config
from versectl.errors import WeightsError
from versectl.networks import architectures, weights
from versectl.networks.engines import choice
from versectl.networks.engines.choice import Ready
from versectl.types import Engine

#: Measures, saves and loads; answers with and without 8-bit numbers, and what was measured.
ROUND = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from versectl.errors import WeightsError
from versectl.networks import weights
from versectl.networks.engines import choice
folder = Path(sys.argv[1])
seen = np.load(folder / "seen.npy")
ready = replace(choice.prepare("openvino", "cpu", "float32"), int8=True)
exact = weights.load(folder, "segmentation", ready)
assert exact.engine.precision == "float32"  # nothing is known of activations
network = weights.load_network(folder, "segmentation", layout=ready.library.LAYOUT)
ranges = ready.library.measured(network, [seen, seen * 0.5])
weights.save_activations(ranges, folder, "segmentation")
rounded = weights.load(folder, "segmentation", ready)
assert rounded.engine.precision == "int8"
assert (rounded.config, rounded.sha256) == (exact.config, exact.sha256)
assert weights.load(folder, "segmentation", replace(ready, int8=False)).engine == exact.engine
np.savez(folder / "answers.npz", exact=exact.answer(seen), rounded=rounded.answer(seen))
small = seen[:16, :16, :16]
assert rounded.answer(small).shape == (*small.shape[:3], 1)
weights.save_activations(ranges[1:], folder, "segmentation")
try:
    weights.load(folder, "segmentation", ready).answer(seen)
except WeightsError as error:
    assert "measure them again" in str(error)
else:
    raise AssertionError("too few ranges were taken")
print(*np.ravel(ranges))
"""


def saved(folder):
    """Weights of a small network, which vary, and an image for it."""
    rng = np.random.default_rng(7)
    stage = replace(
        config.DEFAULT["segmentation"],
        network=replace(config.DEFAULT["segmentation"].network, filters=(8, 12, 16)),
    )
    network = architectures.build(stage.network)
    shapes = [w.shape for w in network.get_weights()]
    network.set_weights(
        [rng.normal(0, 1 / np.sqrt(np.prod(shape[:-1]) + 1), shape) for shape in shapes]
    )
    weights.save(network, stage, folder)
    np.save(folder / "seen.npy", rng.normal(0.3, 0.5, (16, 32, 48, 2)).astype(np.float32))
    return folder


@pytest.mark.skipif(not choice.is_installed("openvino"), reason="OpenVINO is not installed")
def test_openvino_answers_in_8_bits_nearly_as_in_float32(tmp_path):
    folder = saved(tmp_path)
    command = [sys.executable, "-W", "ignore", "-c", ROUND, folder]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ranges = np.array(done.stdout.split(), float).reshape(-1, 2)
    seen = np.load(folder / "seen.npy")
    ends = np.array([seen.min(), seen.max()])
    assert ranges[0] == pytest.approx(0.75 * ends, abs=1e-3)  # the mean of an image and its half
    answers = np.load(folder / "answers.npz")
    off = answers["rounded"] - answers["exact"]
    assert 0 < np.abs(off).mean() < 0.05 * answers["exact"].std()


@pytest.mark.parametrize(
    ("engine", "place", "flags", "able"),
    [
        ("openvino", "CPU", {"avx512_vnni"}, True),
        ("openvino", "CPU", {"avx2"}, False),
        ("openvino", "GPU.0", {"avx512_vnni"}, False),
        ("tensorflow", "cpu", {"avx512_vnni"}, False),
    ],
)
def test_only_an_engine_that_can_on_a_cpu_that_is_fast_at_them(
    engine, place, flags, able, monkeypatch
):
    monkeypatch.setattr(choice, "cpu_flags", lambda: frozenset(flags))
    ready = Ready(None, Engine(engine, "1", "CPU, 2 cores", "float32"), place)
    assert choice.in_int8(ready).int8 == able


@pytest.mark.parametrize("activations", [3, [[1.0]], ["ab"], [[0.0, None]]])
def test_damaged_ranges_are_refused(activations, tmp_path):
    folder = saved(tmp_path)
    file = folder / "segmentation.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "activations": activations}))
    with pytest.raises(WeightsError, match="get both files again"):
        weights.describe(folder, "segmentation")


def test_new_weights_forget_the_ranges_of_those_before(tmp_path):
    folder = saved(tmp_path)
    weights.save_activations([(-1.0, 2.00004)], folder, "segmentation")
    assert weights.describe(folder, "segmentation").activations == ((-1.0, 2.0),)
    assert weights.describe(saved(tmp_path), "segmentation").activations == ()
