import csv
from dataclasses import replace

import numpy as np
import pytest
from bodies import nobody_else

from versectl import config
from versectl.config import NetworkConfig, TrainingConfig
from versectl.errors import BadInputError, DivergedError
from versectl.networks import weights
from versectl.training import loop
from versectl.training.learner import Learner
from versectl.training.loop import Run

TINY = replace(
    config.DEFAULT["segmentation"],
    size_vox=(16, 16, 16),
    spacing_mm=6.0,
    network=NetworkConfig("unet", inputs=2, outputs=1, filters=(4, 6)),
    training=TrainingConfig(steps=24, learning_rate=3e-3, ema_share=0.5),
)


def trained(out, steps, resume=False, until=24):
    chosen = replace(TINY, training=replace(TINY.training, steps=until))
    lines = []
    run = Run(out, seed=3, resume=resume, checkpoint_every=steps)
    network = loop.train(chosen, nobody_else, run, lines.append)
    return network, lines


def test_training_learns_writes_weights_and_can_be_resumed(tmp_path):
    _, lines = trained(tmp_path, 12)
    assert [line.step for line in lines] == [12, 24]
    assert lines[1].loss < lines[0].loss
    with (tmp_path / "segmentation.log.csv").open() as file:
        assert [row["step"] for row in csv.DictReader(file)] == ["12", "24"]
    model = weights.load(tmp_path, "segmentation")
    assert model.answer(np.zeros((16, 16, 16, 2), np.float32)).shape == (16, 16, 16, 1)

    again, more = trained(tmp_path, 6, resume=True, until=30)
    assert [line.step for line in more] == [30]
    assert int(again.optimizer.iterations.numpy()) == 30


def test_the_written_weights_are_the_moving_average(tmp_path):
    network, _ = trained(tmp_path, 24)
    model = weights.load(tmp_path, "segmentation")
    seen = np.random.default_rng(0).random((16, 16, 16, 2)).astype(np.float32)
    last = network.predict_on_batch(seen[None])[0]
    assert not np.allclose(model.answer(seen), last, atol=1e-3)


def test_a_run_is_not_overwritten_nor_resumed_from_nothing(tmp_path):
    with pytest.raises(BadInputError, match="without --resume"):
        trained(tmp_path, 24, resume=True)
    (tmp_path / "segmentation.checkpoint.weights.h5").write_bytes(b"")
    with pytest.raises(BadInputError, match="--resume or choose"):
        trained(tmp_path, 24)


@pytest.mark.parametrize("name", ["segmentation.json", "segmentation.weights.h5"])
def test_good_weights_of_a_stage_are_not_overwritten(tmp_path, name):
    (tmp_path / "spine.weights.h5").write_bytes(b"another stage's")
    (tmp_path / name).write_bytes(b"good")
    with pytest.raises(BadInputError, match=f"{name} exists and is not overwritten; .*--out"):
        trained(tmp_path, 24)
    assert (tmp_path / name).read_bytes() == b"good"


def test_a_loss_that_is_no_number_ends_the_training_and_keeps_the_last_good_checkpoint(
    tmp_path, monkeypatch
):
    trained(tmp_path, 3, until=3)
    kept = {file.name: file.read_bytes() for file in tmp_path.glob("*.h5")}
    take_step = Learner.train_on_batch

    def diverging(network, *batch):
        loss = take_step(network, *batch)
        return np.nan if int(network.optimizer.iterations) == 5 else loss

    monkeypatch.setattr(Learner, "train_on_batch", diverging)
    with pytest.raises(DivergedError, match=r"at step 5 the loss is nan\. .*checkpoint.* is kept"):
        trained(tmp_path, 10, resume=True, until=10)
    assert {file.name: file.read_bytes() for file in tmp_path.glob("*.h5")} == kept
    monkeypatch.undo()
    again, _ = trained(tmp_path, 3, resume=True, until=6)
    assert int(again.optimizer.iterations.numpy()) == 6


def test_weights_that_are_no_numbers_are_never_saved(tmp_path, monkeypatch):
    take_step = Learner.train_on_batch

    def spoiling(network, *batch):
        loss = take_step(network, *batch)
        if int(network.optimizer.iterations) == 2:
            network.trainable_variables[0].assign(network.trainable_variables[0] * np.inf)
        return loss

    monkeypatch.setattr(Learner, "train_on_batch", spoiling)
    with pytest.raises(DivergedError, match=r"at step 2 a weight is .*There is no checkpoint yet"):
        trained(tmp_path, 2, until=2)
    assert list(tmp_path.glob("*.h5")) == []


def test_training_can_begin_from_weights_and_refuses_those_of_another_network(tmp_path):
    trained(tmp_path / "first", 24)
    before = weights.load_network(tmp_path / "first", "segmentation").get_weights()
    hardly = replace(TINY, training=replace(TINY.training, steps=1, learning_rate=1e-9))
    run = Run(tmp_path / "second", start=tmp_path / "first")
    loop.train(hardly, nobody_else, run, lambda line: None)
    after = weights.load_network(tmp_path / "second", "segmentation").get_weights()
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)

    other = replace(TINY, network=replace(TINY.network, filters=(4, 8)))
    with pytest.raises(BadInputError, match="another network"):
        loop.train(other, nobody_else, replace(run, out=tmp_path / "third"), lambda line: None)


def test_the_same_seed_begins_with_the_same_weights(tmp_path, monkeypatch):
    sample = np.zeros((1, 16, 16, 16, 2), np.float32), np.ones((1, 16, 16, 16, 1), np.float32)
    monkeypatch.setattr(loop, "batches", lambda *_: (sample for _ in range(2)))
    one, other = (trained(tmp_path / name, 1, until=1)[0] for name in ("one", "other"))
    for a, b in zip(one.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)
