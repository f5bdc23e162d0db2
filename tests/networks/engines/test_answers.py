"""All installed engines give the same answers, each in a process of its own."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from versectl import config
from versectl.networks import architectures, weights
from versectl.networks.engines import choice

VERTEBRAE = replace(
    config.PAPER["vertebrae"].network, filters=(4, 3, 5), outputs=4, spatial_filters=3, inputs=2
)

#: Networks of every kind, default and published, so small that they answer at once.
NETWORKS = {
    "unet": replace(config.DEFAULT["segmentation"].network, filters=(3, 4, 5)),
    "unet_published": replace(config.PAPER["segmentation"].network, filters=(3, 2)),
    "scnet": replace(VERTEBRAE, kind="scnet", patch_vox=2, upsampling="nearest"),
    "scnet2019": replace(VERTEBRAE, stem=True, border="renormalised"),
    "scnet2020": replace(VERTEBRAE, kind="scnet2020", border="edge"),
}

SHAPE = (16, 32, 48, 2)

#: Answers for every network in a folder in every precision that the engine has on a CPU.
ANSWER = """
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
import numpy as np
from versectl.networks import weights
from versectl.networks.engines import choice
folder, engine = sys.argv[1:]
precisions = choice.prepare(engine, "cpu").library.use("cpu", None).precisions
seen = np.load(f"{folder}/seen.npy")
for precision in precisions:
    ready, answers = choice.prepare(engine, "cpu", precision), {}
    assert (ready.engine.name, ready.engine.precision) == (engine, precision)
    for one in filter(Path.is_dir, Path(folder).iterdir()):
        answers[one.name] = weights.load(one, "segmentation", ready).answer(seen)
    np.savez(f"{folder}/{engine}_{precision}.npz", **answers)
answer = weights.load(one, "segmentation", choice.prepare(engine, "cpu", "float32")).answer
first = answer(seen)
assert answer(seen[:, :16, :16]).shape[:3] != first.shape[:3]
assert np.allclose(answer(seen), first, atol=1e-5)  # the first size again
with ThreadPoolExecutor(3) as threads:  # more than it answers at the same time, of two sizes
    answers = [*threads.map(answer, [seen, seen[:, :16, :16], seen, seen])]
assert all(np.allclose(answers[i], first, atol=1e-5) for i in (0, 2, 3))
assert answers[1].shape[:3] != first.shape[:3]
print(*precisions)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Weights of networks whose answers vary, what they are asked, and Keras' own answers."""
    folder, rng = tmp_path_factory.mktemp("weights"), np.random.default_rng(5)
    seen, wanted = rng.normal(size=SHAPE).astype(np.float32), {}
    for name, network_config in NETWORKS.items():
        network = architectures.build(network_config)
        network.set_weights(
            [
                rng.normal(0, 1 / np.sqrt(np.prod(w.shape[:-1]) + 1), w.shape)
                for w in network.get_weights()
            ]
        )
        stage_config = replace(config.DEFAULT["segmentation"], network=network_config)
        weights.save(network, stage_config, folder / name)
        wanted[name] = np.asarray(network(seen[None]))[0]
    np.save(folder / "seen.npy", seen)
    np.savez(folder / "wanted.npz", **wanted)
    return folder


@pytest.fixture(scope="module", params=[name for name in choice.TITLES if name != "tensorflow"])
def answers(request, folder):
    """Precision -> network -> answer, of an engine that is installed."""
    engine = request.param
    if not choice.is_installed(engine):
        pytest.skip(f"{engine} is not installed")
    command = [sys.executable, "-W", "ignore", "-c", ANSWER, folder, engine]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {name: read(folder / f"{engine}_{name}.npz") for name in done.stdout.split()}


def test_every_engine_answers_as_this_one(folder, answers):
    wanted = read(folder / "wanted.npz")
    for name in NETWORKS:
        assert difference(answers["float32"][name], wanted[name]) < 1e-5, name


def test_every_engine_computes_in_the_precision_asked_for(answers):
    if "bfloat16" not in answers:
        pytest.skip("this engine does not compute in bfloat16 on this CPU")
    for name in NETWORKS:
        whole, half = answers["float32"][name], answers["bfloat16"][name]
        assert 1e-4 < difference(half, whole) < 0.1, name


def read(path):
    """The arrays of a file by name."""
    with np.load(path) as arrays:
        return dict(arrays)


def difference(one, other):
    """Largest difference of two answers, as a share of what they differ by themselves."""
    return np.abs(one - other).max() / np.ptp(other)
