import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from versectl import config
from versectl.geometry import Grid
from versectl.networks import architectures
from versectl.stages import heatmap
from versectl.stages.published import vertebrae
from versectl.training import batches, learner, losses
from versectl.training.samples import Sample

SHAPE = (16, 8, 12)
GRID = Grid(SHAPE[::-1], (2.0, 2.0, 2.0), (-10.0, 4.0, 50.0))
POINTS_MM = {3: GRID.to_mm([5.3, 4.0, 8.2]), 25: GRID.to_mm([0.0, 7.0, 3.0])}


def tiny(stage, preset="paper", **training):
    """A stage as published, with a network that can be trained in a test."""
    chosen = config.PRESETS[preset][stage]
    filters = (2,) * len(chosen.network.filters[:3])
    net = replace(chosen.network, filters=filters, spatial_filters=2, dropout=0.0)
    return replace(chosen, network=net, training=replace(chosen.training, **training))


def test_a_heatmap_is_the_gaussian_of_section_2_2():
    points = vertebrae.points(POINTS_MM, GRID, tiny("vertebrae"))[None]
    widths = np.linspace(2, 4.4, 25).astype(np.float32)
    drawn = ops.convert_to_numpy(losses.gaussians(points, widths, SHAPE))[0]
    assert drawn.shape == (*SHAPE, 25)
    assert sorted({int(c) for c in np.nonzero(drawn)[3]}) == [2, 24]
    for label, point_mm in POINTS_MM.items():
        sigma = widths[label - 1]
        one = heatmap.gaussian(point_mm, 2.0 * sigma, GRID)
        peak = 1000 / (np.sqrt(2 * np.pi) * sigma) ** 3
        assert drawn[..., label - 1] == pytest.approx(peak * one, rel=1e-3, abs=1e-6)


def test_the_vertebraes_loss_is_equation_1_worked_by_hand():
    chosen = tiny("vertebrae")
    model = learner.compiled(chosen)
    points = vertebrae.points(POINTS_MM, GRID, chosen)[None]
    counts = np.ones((1, *SHAPE, 1), np.float32)
    counts[:, :4] = 0
    answered = np.random.default_rng(0).normal(size=(1, *SHAPE, 25)).astype(np.float32)
    wanted = sum(
        (1000 / (np.sqrt(2 * np.pi) * 4) ** 3)
        * heatmap.gaussian(point, 8.0, GRID)[..., None]
        * (np.arange(25) == label - 1)
        for label, point in POINTS_MM.items()
    )
    squares = 0.5 * np.sum(((answered[0] - wanted) * counts[0]) ** 2)
    kernels = [np.asarray(v) for v in model.trainable_variables if v.name == "kernel"]
    by_hand = squares + 100 * 0.5 * 2 * 4.0**2 + 5e-4 * 0.5 * sum(np.sum(k**2) for k in kernels)
    found = float(model.compute_loss(None, points, answered, counts))
    assert found == pytest.approx(by_hand, rel=1e-4)


def test_the_widths_are_learned_and_only_of_vertebrae_that_are_there():
    model = learner.compiled(tiny("vertebrae", learning_rate=1e-6))
    assert ops.convert_to_numpy(model.widths_vox) == pytest.approx(4.0)
    points = vertebrae.points(POINTS_MM, GRID, model.config)
    batch = batches.stacked(
        [Sample(np.zeros((*SHAPE, 1), np.float32), points, np.ones((*SHAPE, 1), np.float32))]
    )
    model.train_on_batch(*batch)
    changed = np.abs(ops.convert_to_numpy(model.widths_vox) - 4.0) > 1e-7
    assert np.flatnonzero(changed).tolist() == [2, 24]


def test_squares_and_cross_entropy_are_those_published():
    wanted, answered = np.float32([[0.0, 1.0]]), np.float32([[2.0, -1.0]])
    assert float(losses.squares(wanted, answered)) == pytest.approx(0.5 * (4 + 4))
    both = np.repeat(wanted, 2, axis=0), np.repeat(answered, 2, axis=0)
    assert float(losses.squares(*both)) == pytest.approx(0.5 * (4 + 4))  # per sample
    by_hand = (np.log1p(np.exp(2)) + np.log1p(np.exp(1))) / 2
    assert float(losses.cross_entropy(wanted, answered)) == pytest.approx(by_hand, rel=1e-5)


@pytest.mark.parametrize(
    ("preset", "stage", "rates"),
    [
        ("paper", "spine", {0: 1e-4, 19999: 1e-4}),
        ("paper", "vertebrae", {0: 1e-8, 99999: 1e-8}),
        ("released", "spine", {10000: 1e-4, 10001: 5e-5, 15001: 1e-5}),
        ("released", "vertebrae", {0: 5e-8, 50001: 2.5e-8, 75001: 5e-9}),
        ("released", "segmentation", {0: 1e-4, 20001: 5e-5, 40001: 1e-5}),
    ],
)
def test_rates_fall_where_they_did(preset, stage, rates):
    optimizer = learner.optimizer(config.PRESETS[preset][stage].training)
    for step, rate in rates.items():
        optimizer.iterations.assign(step)
        assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(rate)


def test_optimisers_are_adam_and_nesterov_clipped_where_the_released_one_was():
    kinds = {}
    for stage in config.STAGES:
        optimizer = learner.optimizer(config.RELEASED[stage].training)
        kinds[stage] = type(optimizer).__name__, optimizer.global_clipnorm, optimizer.use_ema
    assert kinds == {
        "spine": ("Adam", None, False),
        "vertebrae": ("SGD", None, False),
        "segmentation": ("Adam", 1.0, False),
    }
    nesterov = learner.optimizer(config.PAPER["vertebrae"].training)
    assert (nesterov.momentum, nesterov.nesterov) == (0.99, True)


def test_published_networks_are_initialised_as_published():
    network = architectures.build(config.PAPER["spine"].network)
    hidden, head = network.get_layer("down1_0"), network.get_layer("logits")
    assert np.std(hidden.kernel) == pytest.approx(np.sqrt(2 / (27 * 64)), rel=0.02)
    assert np.abs(hidden.kernel).max() == pytest.approx(2 * 0.0387, rel=0.01)  # cut off at 2 sd
    assert np.std(head.kernel) == pytest.approx(0.00088, rel=0.1)
    assert np.abs(hidden.bias).max() == 0


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [("spine", 2_548_353), ("vertebrae", 6_054_962), ("segmentation", 2_550_081)],
)
def test_the_released_networks_have_as_many_parameters_as_released(preset, parameters):
    network = architectures.build(config.RELEASED[preset].network)
    assert network.count_params() == parameters
    assert sum(layer.__class__.__name__ == "Dropout" for layer in network.layers) in (16, 20)


def test_a_batch_of_more_than_one_a_moving_average_and_adam_can_be_chosen():
    chosen = tiny(
        "vertebrae", optimizer="adam", learning_rate=1e-3, batch=2, ema_share=0.5, steps=4
    )
    model = learner.compiled(chosen)
    points = vertebrae.points(POINTS_MM, GRID, chosen)
    sample = Sample(np.ones((*SHAPE, 1), np.float32), points, np.ones((*SHAPE, 1), np.float32))
    for _ in range(2):
        model.train_on_batch(*batches.stacked([sample, sample]))
    kept = learner.averaged(model)
    last, average = model.get_layer("down0_0").kernel, kept.get_layer("down0_0").kernel
    assert not np.allclose(last, average, atol=1e-7)


@pytest.mark.parametrize(("steps", "momentum"), [(40000, 0.9995), (400, 0.95), (10, 0.0)])
def test_averages_reach_over_a_twentieth_of_a_training_however_long(steps, momentum):
    training = replace(config.DEFAULT["vertebrae"].training, steps=steps)
    assert learner.optimizer(training).ema_momentum == pytest.approx(momentum)


SHARED = """
import numpy as np, keras
from test_learner import GRID, POINTS_MM, SHAPE, tiny
from versectl.stages.published import vertebrae
from versectl.training import batches, learner
from versectl.training.samples import Sample

print(learner.spread(3), learner.spread(2))
chosen = tiny("vertebrae", optimizer="adam", learning_rate=1e-3, batch=2)
keras.utils.set_random_seed(0)
model = learner.compiled(chosen)
points = vertebrae.points(POINTS_MM, GRID, chosen)
seen = np.random.default_rng(0).normal(size=(2, *SHAPE, 1)).astype(np.float32)
batch = batches.stacked([Sample(s, points, np.ones((*SHAPE, 1), np.float32)) for s in seen])
print([round(float(model.train_on_batch(*batch)), 2) for _ in range(2)])
"""


def test_with_jax_two_devices_share_a_batch_and_learn_the_same():
    pytest.importorskip("jax")
    told = []
    for devices in (1, 2):
        environment = {
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "KERAS_BACKEND": "jax",
            "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        }
        done = subprocess.run(
            [sys.executable, "-c", SHARED], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        told.append(done.stdout.splitlines())
    assert [lines[0] for lines in told] == ["1 1", "1 2"]
    assert told[0][1] == told[1][1]
