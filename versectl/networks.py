"""The networks, in Keras 3 operations only: a U-Net and a SpatialConfiguration-Net.

Tensors are (batch, z, y, x, channels). Convolutions are 3x3x3 with leaky ReLU; grids are halved
by average pooling (Payer et al. 2020, section 2).
"""

from collections.abc import Sequence

import keras
from keras import layers, ops

from versectl.config import NetworkConfig

#: Slope of the leaky ReLU for negative values, as in the released VerSe 2020 weights.
LEAK = 0.1

#: Logit the response for any vertebra starts from: about one voxel in fifty has some.
RARE = -4.0


def compute_in(precision: str) -> None:
    """Networks built from now on compute in float32, bfloat16 or float16; weights are float32."""
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")


def build(config: NetworkConfig) -> keras.Model:
    """The network a configuration asks for, with fresh weights; any grid size it divides.

    unet answers logits (batch, z, y, x, outputs). scnet answers logarithms of heatmaps (batch,
    z/patch, y/patch, x/patch, outputs) on the coarser grid of its patches.
    """
    image = keras.Input((None, None, None, config.inputs), name="image")
    folded = Fold(config.patch_vox, name="fold")(image)
    answer = scnet(folded, config) if config.kind == "scnet" else unet(folded, config)
    return keras.Model(image, answer, name=config.kind)


def unet(folded: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """U-Net: logits for every voxel of every patch, unfolded to the grid of the image."""
    finest = _u_shape(folded, config.filters)[0]
    channels = config.outputs * config.patch_vox**3
    logits = _head(channels, "logits")(finest)
    return Unfold(config.patch_vox, dtype="float32", name="unfold")(logits)


def scnet(folded: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """SpatialConfiguration-Net: where a vertebra is, times which one it must be.

    The local part says sharply where any vertebra is, the spatial part, from a quarter of the
    resolution and a wide view that includes the local answer, shares that response among the
    names. So heatmaps of one place sum to the local response, and at most one name is sure.
    """
    finest, coarse = _u_shape(folded, config.filters)[:2]
    local = _head(1, "local", bias=RARE)(finest)

    wide = layers.Concatenate()([coarse, layers.AveragePooling3D(2)(ops.sigmoid(local))])
    for index in range(3):  # 3 x 5 voxels reach 4 vertebrae up and down
        name = f"spatial{index}"
        wide = layers.Conv3D(config.spatial_filters, 5, padding="same", name=name)(wide)
        wide = layers.LeakyReLU(LEAK)(wide)
    names = _head(config.outputs, "names")(wide)
    names = layers.UpSampling3D(2, dtype="float32")(names)
    # The product of the published network, as a sum: logarithms keep what is nearly 0 learnable.
    return ops.log_sigmoid(local) + ops.log_softmax(names)


def _u_shape(x: keras.KerasTensor, filters: Sequence[int]) -> list[keras.KerasTensor]:
    """Features at every level of the way up, finest first."""
    down = []
    for level, width in enumerate(filters):
        if level:
            x = layers.AveragePooling3D(2)(x)
        x = _convolutions(x, width, f"down{level}")
        down.append(x)
    up = [x]
    for level in reversed(range(len(filters) - 1)):
        x = layers.Concatenate()([down[level], layers.UpSampling3D(2)(x)])
        x = _convolutions(x, filters[level], f"up{level}")
        up.append(x)
    return up[::-1]


def _head(channels: int, name: str, bias: float = 0.0) -> layers.Layer:
    """The last convolution: float32, and near its bias at first, as published."""
    return layers.Conv3D(
        channels,
        3,
        padding="same",
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.001),
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )


def _convolutions(x: keras.KerasTensor, width: int, name: str) -> keras.KerasTensor:
    for index in range(2):
        x = layers.Conv3D(
            width, 3, padding="same", kernel_initializer="he_normal", name=f"{name}_{index}"
        )(x)
        x = layers.LeakyReLU(LEAK)(x)
    return x


class Fold(layers.Layer):
    """(b, z, y, x, c) -> (b, z/p, y/p, x/p, p*p*p*c): the voxels of a patch become channels."""

    def __init__(self, patch: int, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch

    def call(self, x):
        """Fold."""
        p = self.patch
        if p == 1:
            return x
        b, z, y, x_size, c = ops.shape(x)
        x = ops.reshape(x, (b, z // p, p, y // p, p, x_size // p, p * c))
        x = ops.transpose(x, (0, 1, 3, 5, 2, 4, 6))
        return ops.reshape(x, (b, z // p, y // p, x_size // p, p * p * p * c))

    def compute_output_shape(self, shape):
        """Shape after folding; unknown sizes stay unknown."""
        p = self.patch
        return (shape[0], *(n and n // p for n in shape[1:4]), shape[4] * p**3)


class Unfold(layers.Layer):
    """(b, z, y, x, p*p*p*c) -> (b, z*p, y*p, x*p, c): the reverse of Fold."""

    def __init__(self, patch: int, **kwargs):
        super().__init__(**kwargs)
        self.patch = patch

    def call(self, x):
        """Unfold."""
        p = self.patch
        if p == 1:
            return x
        b, z, y, x_size, c = ops.shape(x)
        c = c // p**3
        x = ops.reshape(x, (b, z, y, x_size, p, p, p * c))
        x = ops.transpose(x, (0, 1, 4, 2, 5, 3, 6))
        return ops.reshape(x, (b, z * p, y * p, x_size * p, c))

    def compute_output_shape(self, shape):
        """Shape after unfolding; unknown sizes stay unknown."""
        p = self.patch
        return (shape[0], *(n and n * p for n in shape[1:4]), shape[4] // p**3)
