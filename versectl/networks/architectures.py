"""The networks, in Keras 3 operations only: a U-Net and SpatialConfiguration-Nets.

Tensors are (batch, z, y, x, channels). A U-Net's convolutions are 3x3x3; grids are halved by
average pooling (Payer et al. 2020, section 2). Every layer is given the type it computes in, so
that Keras' global settings are neither used nor changed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import keras
from keras import layers, ops

from versectl.config import SPATIAL_FACTOR, Kind, NetworkConfig
from versectl.networks import joining
from versectl.networks.upsampling import Shape, Upsample, resized

#: chosen: logit that the response for any vertebra starts from: one voxel in fifty has some.
RARE = -4.0

#: Where the channels of tensors are inside a network. Images and answers have them last.
Layout = Literal["channels_last", "channels_first"]

#: Voxels of an input along z, y, x; None for any number.
Sides = tuple[int | None, int | None, int | None]

#: What a convolution is given: a tensor, or fine and coarse ones that joining.Conv3D joins.
Features: TypeAlias = keras.KerasTensor | tuple[keras.KerasTensor, keras.KerasTensor]


def build(
    config: NetworkConfig,
    precision: str = "float32",
    layout: Layout = "channels_last",
    sides: Sides = (None, None, None),
    drawn: bool = True,
) -> keras.Model:
    """The network a configuration asks for, with fresh weights; any grid size it divides.

    precision : type the layers compute in: float32, bfloat16 or float16; weights are float32.
    layout : what the engine computes fastest; weights and answers are the same in both.
    sides : of the inputs; any by default.
    drawn : whether kernels are drawn at random; otherwise they are 0, until weights are loaded.

    unet answers logits, or a heatmap, (batch, z, y, x, outputs). scnet answers logarithms of
    heatmaps (batch, z/patch, y/patch, x/patch, outputs) on the coarser grid of its patches; the
    published ones answer heatmaps on the image's grid.
    """
    blocks = Blocks(config, policy(precision), layout, drawn)
    image = keras.Input((*sides, config.inputs), dtype="float32", name="image")
    folded = Fold(config.patch_vox, dtype=blocks.dtype, name="fold")(image)
    answer = KINDS[config.kind](blocks.entered(folded), blocks)
    network = keras.Model(image, answer, name=config.kind)
    network.dtype_policy = blocks.dtype
    return network


def policy(precision: str) -> keras.DTypePolicy:
    """Keras' policy for computing in a type; weights are float32 in each."""
    return keras.DTypePolicy(precision if precision == "float32" else f"mixed_{precision}")


@dataclass(frozen=True)
class Blocks:
    """What the networks are made of: layers of one configuration, type and layout."""

    config: NetworkConfig
    dtype: keras.DTypePolicy
    layout: Layout = "channels_last"
    drawn: bool = True

    @property
    def channels(self) -> int:
        """Axis of the channels."""
        return 4 if self.layout == "channels_last" else 1

    def drawn_by(self, initial: str | keras.Initializer) -> str | keras.Initializer:
        """What draws a kernel at first. JAX compiles a program for each, half a minute in all."""
        return initial if self.drawn else "zeros"

    def entered(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """A tensor with channels last in the layout of these layers."""
        return x if self.layout == "channels_last" else ops.transpose(x, (0, 4, 1, 2, 3))

    def left(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """A tensor in the layout of these layers with channels last."""
        return x if self.layout == "channels_last" else ops.transpose(x, (0, 2, 3, 4, 1))

    def u_shape(
        self, x: keras.KerasTensor, convolutions: int = 2, prefix: str = ""
    ) -> list[keras.KerasTensor]:
        """A U-Net's features at every level of the expanding path, finest first."""

        def block(x: Features, level: int, path: str) -> keras.KerasTensor:
            for index in range(convolutions):
                name = f"{prefix}{path}{level}_{index}"
                x = self.convolution(x, self.config.filters[level], name)
                x = self.dropout(x)
            return x

        levels = range(len(self.config.filters))
        down = []
        for level in levels:
            x = block(self.pooled(x) if level else x, level, "down")
            down.append(x)
        up = [block(x, levels[-1], "up") if self.config.deepest_twice else x]
        for level in reversed(levels[:-1]):
            up.append(block(self.with_coarse(down[level], up[-1]), level, "up"))
        return up[::-1]

    def convolution(
        self,
        x: Features,
        filters: int,
        name: str,
        size_vox: int = 3,
        initial: str = "he_normal",
    ) -> keras.KerasTensor:
        """A convolution, its kernel drawn at first as published, and a leaky ReLU."""
        kind = joining.Conv3D if isinstance(x, tuple) else layers.Conv3D
        x = kind(
            filters,
            size_vox,
            padding="same",
            data_format=self.layout,
            kernel_initializer=self.drawn_by(initial),
            dtype=self.dtype,
            name=name,
        )(x)
        return layers.LeakyReLU(self.config.leak, dtype=self.dtype)(x)

    def head(
        self, x: keras.KerasTensor, channels: int, name: str, bias: float = 0.0, size_vox: int = 0
    ) -> keras.KerasTensor:
        """A last convolution, in float32: its answer is near the bias at first, as published."""
        return layers.Conv3D(
            channels,
            size_vox or self.config.head_vox,
            padding="same",
            data_format=self.layout,
            kernel_initializer=self.drawn_by(keras.initializers.TruncatedNormal(stddev=0.001)),
            bias_initializer=keras.initializers.Constant(bias),
            dtype="float32",
            name=name,
        )(x)

    def pooled(self, x: keras.KerasTensor, factor: int = 2) -> keras.KerasTensor:
        """Average over cubes of voxels."""
        return layers.AveragePooling3D(factor, data_format=self.layout, dtype=self.dtype)(x)

    def with_coarse(self, fine: keras.KerasTensor, coarse: keras.KerasTensor) -> Features:
        """Features of two levels together, the coarse ones upsampled, for a convolution."""
        if self.config.upsampling == "nearest":
            return fine, coarse
        upsample = Upsample(2, self.config.upsampling, "edge", dtype=self.dtype)
        return self.joined(fine, self.entered(upsample(self.left(coarse))))

    def joined(self, *tensors: keras.KerasTensor) -> keras.KerasTensor:
        """The channels of all."""
        return layers.Concatenate(self.channels, dtype=self.dtype)(list(tensors))

    def dropout(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Dropout where the configuration asks for it."""
        return (
            layers.Dropout(self.config.dropout, dtype=self.dtype)(x) if self.config.dropout else x
        )


def unet(folded: keras.KerasTensor, blocks: Blocks) -> keras.KerasTensor:
    """U-Net: a number for every voxel of every patch, unfolded to the grid of the image."""
    config = blocks.config
    finest = blocks.u_shape(folded)[0]
    logits = blocks.head(finest, config.outputs * config.patch_vox**3, "logits")
    return Unfold(config.patch_vox, dtype="float32", name="unfold")(blocks.left(logits))


def scnet(folded: keras.KerasTensor, blocks: Blocks) -> keras.KerasTensor:
    """SpatialConfiguration-Net: where a vertebra is, times which one it must be.

    The local part says sharply where any vertebra is; the spatial part, from a quarter of the
    resolution and a wide view that includes the local answer, shares that response among the
    labels. So the heatmaps at one voxel sum to the local response, and at most one label is sure.
    """
    config = blocks.config
    finest, coarse = blocks.u_shape(folded)[:2]
    local = blocks.head(finest, 1, "local", bias=RARE)

    wide = blocks.joined(coarse, blocks.pooled(ops.sigmoid(local)))
    for index in range(3):  # 3 x 5 voxels reach 4 vertebrae up and down
        wide = blocks.convolution(
            wide, config.spatial_filters, f"spatial{index}", 5, "glorot_uniform"
        )
    labels = blocks.head(wide, config.outputs, "names")
    labels = layers.UpSampling3D(2, data_format=blocks.layout, dtype="float32")(labels)
    # The product of the published network, as a sum: logarithms keep what is nearly 0 learnable.
    shares = ops.log_softmax(labels, axis=blocks.channels)
    return blocks.left(ops.log_sigmoid(local) + shares)


def scnet2019(image: keras.KerasTensor, blocks: Blocks) -> keras.KerasTensor:
    """SpatialConfiguration-Net as published: local times spatial heatmaps, one per vertebra.

    The spatial heatmaps are made from the local ones alone, at a quarter of the resolution, by
    7x7x7 convolutions (section 2.2; tanh before the cubic upsampling: released VerSe 2019).
    """
    config = blocks.config
    x = blocks.convolution(image, config.filters[0], "stem") if config.stem else image
    local = blocks.head(blocks.u_shape(x)[0], config.outputs, "local")

    wide = blocks.pooled(local, SPATIAL_FACTOR)
    for index in range(3):
        wide = blocks.convolution(wide, config.spatial_filters, f"spatial{index}", 7)
    spatial = ops.tanh(blocks.head(wide, config.outputs, "spatial", size_vox=7))
    return blocks.left(local) * _cubically_upsampled(blocks.left(spatial), config)


def scnet2020(image: keras.KerasTensor, blocks: Blocks) -> keras.KerasTensor:
    """The same as released for VerSe 2020: the spatial part is a second U-Net.

    The local heatmaps pass a tanh before they are pooled, the spatial ones after upsampling.
    """
    config = blocks.config
    local = ops.tanh(blocks.head(blocks.u_shape(image)[0], config.outputs, "local"))

    narrow = replace(config, filters=(config.spatial_filters,) * len(config.filters))
    wide = replace(blocks, config=narrow).u_shape(
        blocks.pooled(local, SPATIAL_FACTOR), convolutions=1, prefix="spatial_"
    )[0]
    spatial = blocks.head(wide, config.outputs, "spatial")
    return blocks.left(local) * ops.tanh(_cubically_upsampled(blocks.left(spatial), config))


KINDS: dict[Kind, Callable[[keras.KerasTensor, Blocks], keras.KerasTensor]] = {
    "unet": unet,
    "scnet": scnet,
    "scnet2019": scnet2019,
    "scnet2020": scnet2020,
}


def _cubically_upsampled(spatial: keras.KerasTensor, config: NetworkConfig) -> keras.KerasTensor:
    return Upsample(SPATIAL_FACTOR, "cubic", config.border, dtype="float32")(spatial)


class Fold(layers.Layer):
    """(b, z, y, x, c) -> (b, z/p, y/p, x/p, p*p*p*c): the voxels of a patch become channels."""

    def __init__(
        self, patch: int, dtype: keras.DTypePolicy | str = "float32", name: str | None = None
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        self.patch = patch

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Fold."""
        p = self.patch
        if p == 1:
            return x
        b, z, y, x_size, c = ops.shape(x)
        x = ops.reshape(x, (b, z // p, p, y // p, p, x_size // p, p * c))
        x = ops.transpose(x, (0, 1, 3, 5, 2, 4, 6))
        return ops.reshape(x, (b, z // p, y // p, x_size // p, p * p * p * c))

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Shape after folding; unknown sizes stay unknown."""
        p = self.patch
        return resized(shape, lambda side: side // p, shape[4] * p**3)


class Unfold(layers.Layer):
    """(b, z, y, x, p*p*p*c) -> (b, z*p, y*p, x*p, c): the reverse of Fold."""

    def __init__(
        self, patch: int, dtype: keras.DTypePolicy | str = "float32", name: str | None = None
    ) -> None:
        super().__init__(dtype=dtype, name=name)
        self.patch = patch

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Unfold."""
        p = self.patch
        if p == 1:
            return x
        b, z, y, x_size, c = ops.shape(x)
        c = c // p**3
        x = ops.reshape(x, (b, z, y, x_size, p, p, p * c))
        x = ops.transpose(x, (0, 1, 4, 2, 5, 3, 6))
        return ops.reshape(x, (b, z * p, y * p, x_size * p, c))

    def compute_output_shape(self, shape: Shape) -> Shape:
        """Shape after unfolding; unknown sizes stay unknown."""
        p = self.patch
        return resized(shape, lambda side: side * p, shape[4] // p**3)
