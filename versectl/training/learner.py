"""A network with its loss, its optimiser and, as published, the learned widths of its target."""

from pathlib import Path

import keras
from keras.optimizers.schedules import LearningRateSchedule

from versectl.config import StageConfig, TrainingConfig
from versectl.errors import BadInputError
from versectl.networks import architectures, weights
from versectl.training import losses

#: section 3.1: of Nesterov's method.
MOMENTUM = 0.99


class Learner(keras.Model):
    """A stage's network with the loss of its configuration.

    widths_vox : widths of the target's Gaussians, where they are learned, else None.
    """

    def __init__(self, network: keras.Model, config: StageConfig) -> None:
        super().__init__(network.input, network.output, name=network.name)
        self.dtype_policy = network.dtype_policy  # with float16 the loss is scaled
        self.config, self.widths_vox = config, None
        if config.training.sigma_l2:
            self.widths_vox = self.add_weight(
                shape=(config.network.outputs,),
                initializer=keras.initializers.Constant(config.sigma_mm / config.spacing_mm),
                name="widths_vox",
            )

    def compute_loss(
        self,
        x: keras.KerasTensor | None = None,
        y: keras.KerasTensor | None = None,
        y_pred: keras.KerasTensor | None = None,
        sample_weight: keras.KerasTensor | None = None,
        **_options: bool,
    ) -> keras.KerasTensor:
        """The loss of a batch, called by Keras; `sample_weight` says where an answer counts."""
        training = self.config.training
        y = keras.ops.cast(y, "float32")  # samples hand targets on in half of it
        if self.widths_vox is None:
            loss = losses.of_stage(self.config)(y, y_pred)
        else:
            loss = losses.placed_squares(y, y_pred, self.widths_vox, sample_weight)
            loss = loss + training.sigma_l2 * losses.widths_norm(y, self.widths_vox)
        if training.l2:
            loss = loss + training.l2 * losses.kernels_norm(self.trainable_variables)
        return loss


def spread(batch: int) -> int:
    """Share batches among all GPUs, by Keras' distribution; how many devices are used.

    Only the JAX backend supports this in full; with others, or when a batch cannot be divided
    equally, one device is used.
    """
    devices = keras.distribution.list_devices() if keras.backend.backend() == "jax" else []
    if len(devices) < 2 or batch % len(devices):
        return 1
    keras.distribution.set_distribution(keras.distribution.DataParallel(devices=devices))
    return len(devices)


def compiled(config: StageConfig, precision: str = "float32") -> Learner:
    """A fresh network with its optimiser and loss; its layers compute in `precision`."""
    learner = Learner(architectures.build(config.network, precision), config)
    # XLA makes 3-D convolutions on CPUs many times slower under TensorFlow.
    jit = False if keras.backend.backend() == "tensorflow" else "auto"
    learner.compile(optimizer(config.training), jit_compile=jit)
    learner.optimizer.build(learner.trainable_variables)
    return learner


def fill(learner: Learner, folder: Path) -> None:
    """Give a learner the weights in a folder, to train them further.

    Raises WeightsError as `weights.load` does, BadInputError when they are of another network.
    """
    stage = learner.config.stage
    described = weights.describe(folder, stage)
    if described.config.network != learner.config.network:
        raise BadInputError(
            f"{described.file} is of another network than the one to be trained; "
            "choose the --preset that it was trained with."
        )
    network = weights.load_network(folder, stage)
    for layer, own in zip(network.layers, learner.layers, strict=True):
        own.set_weights(layer.get_weights())


def optimizer(training: TrainingConfig) -> keras.optimizers.Optimizer:
    """Adam or Nesterov's method, with schedule, clipping and moving average as configured."""
    common = {
        "learning_rate": SCHEDULES[training.schedule](training),
        "global_clipnorm": training.clip_norm or None,
        "use_ema": bool(training.ema_share),
        "ema_momentum": 1 - 1 / max(training.ema_share * training.steps, 1),
    }
    if training.optimizer == "nesterov":
        return keras.optimizers.SGD(momentum=MOMENTUM, nesterov=True, **common)
    return keras.optimizers.Adam(epsilon=training.epsilon, **common)


def averaged(learner: Learner) -> keras.Model:
    """The network alone, its weights the moving averages of all steps where these are kept."""
    chosen = learner
    if learner.config.training.ema_share:
        chosen = compiled(learner.config)
        chosen.set_weights(learner.get_weights())
        learner.optimizer.finalize_variable_values(chosen.trainable_variables)
    network = architectures.build(learner.config.network, drawn=False)
    for layer, source in zip(network.layers, chosen.layers, strict=True):
        layer.set_weights(source.get_weights())
    return network


def _cosine(training: TrainingConfig) -> LearningRateSchedule:
    warm_up = max(training.steps // 50, 1)
    return keras.optimizers.schedules.CosineDecay(
        training.learning_rate / 10,
        max(training.steps - warm_up, 1),
        alpha=0.01,
        warmup_target=training.learning_rate,
        warmup_steps=warm_up,
    )


def _constant(training: TrainingConfig) -> LearningRateSchedule | float:
    if not training.boundaries:
        return training.learning_rate
    return keras.optimizers.schedules.PiecewiseConstantDecay(
        list(training.boundaries), [training.learning_rate, *training.later_rates]
    )


SCHEDULES = {"cosine": _cosine, "constant": _constant}
