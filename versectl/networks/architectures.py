"""The networks, in Keras 3 operations only: a U-Net and SpatialConfiguration-Nets.

Tensors are (batch, z, y, x, channels). A U-Net's convolutions are 3x3x3; grids are halved by
average pooling (Payer et al. 2020, section 2).
"""

from dataclasses import replace

import keras
from keras import layers, ops

from versectl.config import SPATIAL_FACTOR, NetworkConfig
from versectl.networks.upsampling import Upsample

#: Logit the response for any vertebra starts from: about one voxel in fifty has some.
RARE = -4.0


def compute_in(precision: str) -> None:
    """Networks built from now on compute in float32, bfloat16 or float16; weights are float32."""
    keras.config.set_dtype_policy(precision if precision == "float32" else f"mixed_{precision}")


def build(config: NetworkConfig) -> keras.Model:
    """The network a configuration asks for, with fresh weights; any grid size it divides.

    unet answers logits, or a heatmap, (batch, z, y, x, outputs). scnet answers logarithms of
    heatmaps (batch, z/patch, y/patch, x/patch, outputs) on the coarser grid of its patches, the
    published ones answer heatmaps on the image's grid.
    """
    image = keras.Input((None, None, None, config.inputs), name="image")
    folded = Fold(config.patch_vox, name="fold")(image)
    return keras.Model(image, KINDS[config.kind](folded, config), name=config.kind)


def unet(folded: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """U-Net: a number for every voxel of every patch, unfolded to the grid of the image."""
    finest = _u_shape(folded, config)[0]
    channels = config.outputs * config.patch_vox**3
    logits = _head(channels, config.head_vox, "logits")(finest)
    return Unfold(config.patch_vox, dtype="float32", name="unfold")(logits)


def scnet(folded: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """SpatialConfiguration-Net: where a vertebra is, times which one it must be.

    The local part says sharply where any vertebra is, the spatial part, from a quarter of the
    resolution and a wide view that includes the local answer, shares that response among the
    names. So heatmaps of one place sum to the local response, and at most one name is sure.
    """
    finest, coarse = _u_shape(folded, config)[:2]
    local = _head(1, config.head_vox, "local", bias=RARE)(finest)

    wide = layers.Concatenate()([coarse, layers.AveragePooling3D(2)(ops.sigmoid(local))])
    for index in range(3):  # 3 x 5 voxels reach 4 vertebrae up and down
        name = f"spatial{index}"
        wide = layers.Conv3D(config.spatial_filters, 5, padding="same", name=name)(wide)
        wide = layers.LeakyReLU(config.leak)(wide)
    names = _head(config.outputs, config.head_vox, "names")(wide)
    names = layers.UpSampling3D(2, dtype="float32")(names)
    # The product of the published network, as a sum: logarithms keep what is nearly 0 learnable.
    return ops.log_sigmoid(local) + ops.log_softmax(names)


def scnet2019(image: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """SpatialConfiguration-Net as published: local times spatial heatmaps, one per vertebra.

    The spatial heatmaps are made from the local ones alone, at a quarter of the resolution, by
    7x7x7 convolutions (section 2.2; tanh before the cubic upsampling: released VerSe 2019).
    """
    x = _convolution(image, config.filters[0], config, "stem") if config.stem else image
    local = _head(config.outputs, config.head_vox, "local")(_u_shape(x, config)[0])

    wide = layers.AveragePooling3D(SPATIAL_FACTOR)(local)
    for index in range(3):
        name = f"spatial{index}"
        wide = layers.Conv3D(
            config.spatial_filters, 7, padding="same", kernel_initializer="he_normal", name=name
        )(wide)
        wide = layers.LeakyReLU(config.leak)(wide)
    spatial = ops.tanh(_head(config.outputs, 7, "spatial")(wide))
    return local * Upsample(SPATIAL_FACTOR, "cubic", config.border, dtype="float32")(spatial)


def scnet2020(image: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    """The same as released for VerSe 2020: the spatial part is a second U-Net.

    The local heatmaps pass a tanh before they are pooled, the spatial ones after upsampling.
    """
    local = ops.tanh(_head(config.outputs, config.head_vox, "local")(_u_shape(image, config)[0]))

    wide = layers.AveragePooling3D(SPATIAL_FACTOR)(local)
    narrow = replace(config, filters=(config.spatial_filters,) * len(config.filters))
    wide = _u_shape(wide, narrow, 1, "spatial_")[0]
    spatial = _head(config.outputs, config.head_vox, "spatial")(wide)
    spatial = Upsample(SPATIAL_FACTOR, "cubic", config.border, dtype="float32")(spatial)
    return local * ops.tanh(spatial)


KINDS = {"unet": unet, "scnet": scnet, "scnet2019": scnet2019, "scnet2020": scnet2020}


def _u_shape(
    x: keras.KerasTensor, config: NetworkConfig, convolutions: int = 2, prefix: str = ""
) -> list[keras.KerasTensor]:
    """Features at every level of the way up, finest first."""

    def block(x: keras.KerasTensor, level: int, way: str) -> keras.KerasTensor:
        for index in range(convolutions):
            x = _convolution(x, config.filters[level], config, f"{prefix}{way}{level}_{index}")
            x = layers.Dropout(config.dropout)(x) if config.dropout else x
        return x

    levels = range(len(config.filters))
    down = []
    for level in levels:
        if level:
            x = layers.AveragePooling3D(2)(x)
        x = block(x, level, "down")
        down.append(x)
    up = [block(x, levels[-1], "up") if config.deepest_twice else x]
    for level in reversed(levels[:-1]):
        x = layers.Concatenate()([down[level], _doubled(up[-1], config)])
        up.append(block(x, level, "up"))
    return up[::-1]


def _doubled(x: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    if config.upsampling == "nearest":
        return layers.UpSampling3D(2)(x)
    return Upsample(2, config.upsampling, "edge")(x)


def _head(channels: int, size_vox: int, name: str, bias: float = 0.0) -> layers.Layer:
    """The last convolution: float32, and near its bias at first, as published."""
    return layers.Conv3D(
        channels,
        size_vox,
        padding="same",
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.001),
        bias_initializer=keras.initializers.Constant(bias),
        dtype="float32",
        name=name,
    )


def _convolution(
    x: keras.KerasTensor, width: int, config: NetworkConfig, name: str
) -> keras.KerasTensor:
    x = layers.Conv3D(width, 3, padding="same", kernel_initializer="he_normal", name=name)(x)
    return layers.LeakyReLU(config.leak)(x)


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
