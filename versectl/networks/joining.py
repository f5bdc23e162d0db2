"""A convolution of the features of two levels together, in fewer operations.

To join them, every voxel of the coarse ones is repeated 2 x 2 x 2 times. A 3 x 3 x 3 kernel then
meets the same voxel up to eight times. Its weights are added first, here, and multiplied once: a
transposed convolution of the coarse features, which takes 8 products for each voxel and channel of
the fine grid in place of 27. Answers are the same but for rounding.
"""

import keras
from keras import KerasTensor, layers, ops

from versectl.networks.upsampling import Shape

#: Engines that this is faster with on a CPU: a fifth to a quarter of stage 3. JAX takes five times
#: longer for a transposed convolution; with PyTorch, and on GPUs, it was not measured.
TRANSPOSING = ("openvino", "tensorflow")


class Conv3D(layers.Conv3D):
    """(fine (b, z, y, x, c), coarse (b, z/2, y/2, x/2, d)) -> (b, z, y, x, filters).

    Kernel (3, 3, 3, c + d, filters) and bias are those of Keras' Conv3D on the joined features.
    The class has its name, too: files of weights are made of the names of classes.
    """

    def __init__(self, filters: int, size_vox: int, **settings: object) -> None:
        super().__init__(filters, size_vox, **settings)
        self.input_spec = None  # two tensors
        self.channels = -1 if self.data_format == "channels_last" else 1

    def build(self, shapes: tuple[Shape, Shape]) -> None:
        """Make the weights."""
        inputs = sum(shape[self.channels] or 0 for shape in shapes)
        self._kernel = self.add_weight(
            name="kernel",
            shape=(*self.kernel_size, inputs, self.filters),
            initializer=self.kernel_initializer,
            autocast=False,  # weights are added in float32
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.filters,), initializer=self.bias_initializer
        )
        self.built = True

    def call(self, features: tuple[KerasTensor, KerasTensor]) -> KerasTensor:
        """The answer for the joined features."""
        kernel = ops.convert_to_tensor(self._kernel)
        if keras.config.backend() in TRANSPOSING:
            answer = self._merged(*features, kernel)
        else:
            answer = self._conv(self._joined(*features), kernel)
        bias = ops.reshape(self.bias, [-1 if a == self.channels % 5 else 1 for a in range(5)])
        return answer + bias

    def compute_output_shape(self, shapes: tuple[Shape, Shape]) -> Shape:
        """That of the fine features, with other channels."""
        fine: Shape = super().compute_output_shape(shapes[0])
        return fine

    def _merged(self, fine: KerasTensor, coarse: KerasTensor, kernel: KerasTensor) -> KerasTensor:
        own = fine.shape[self.channels]
        repeating = ops.cast(merged(kernel[:, :, :, own:]), self.compute_dtype)
        far = ops.conv_transpose(
            coarse, repeating, strides=2, padding="same", data_format=self.data_format
        )
        return self._conv(fine, kernel[:, :, :, :own]) + far

    def _joined(self, fine: KerasTensor, coarse: KerasTensor) -> KerasTensor:
        first = 1 if self.channels == -1 else 2
        for axis in range(first, first + 3):
            coarse = ops.repeat(coarse, 2, axis)
        return ops.concatenate([fine, coarse], self.channels)

    def _conv(self, x: KerasTensor, kernel: KerasTensor) -> KerasTensor:
        return self.convolution_op(x, ops.cast(kernel, self.compute_dtype))


def merged(kernel: KerasTensor) -> KerasTensor:
    """Kernel (4, 4, 4, filters, c) of the transposed convolution with stride 2.

    kernel : (3, 3, 3, c, filters), for features of which every voxel is repeated.
    """
    for axis in range(3):
        before, here, after = ops.split(kernel, 3, axis)
        kernel = ops.concatenate([after, here + after, before + here, before], axis)
    return ops.transpose(kernel, (0, 1, 2, 4, 3))
