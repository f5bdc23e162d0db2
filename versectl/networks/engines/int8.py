"""Convolutions in 8-bit numbers, for OpenVINO: what they multiply is rounded to 256 steps.

Weights are rounded to steps of the largest weight of their filter; activations, what goes into a
convolution, to steps of the range that they have in sample images.
"""

from collections.abc import Sequence

import numpy as np
import openvino as ov
from openvino import opset16

#: Steps of an activation, and of a weight, of which none lies beyond its largest value.
STEPS, WEIGHT_STEPS = 256, 255

#: Lowest and highest number.
Range = tuple[float, float]


def rounded(
    graph: ov.Model, activations: Sequence[Range], kernels: Sequence[np.ndarray]
) -> ov.Model:
    """The graph with its convolutions in 8-bit numbers; ValueError for other numbers of them.

    activations : range of the numbers into each convolution, in the order of `measured`.
    kernels : of each, as `kernels_of` has them.
    """
    each = zip(_convolutions(graph), activations, kernels, strict=True)
    for convolution, (low, high), weights in each:
        low, high = _with_zero(low, high)
        ends = map(np.float32, (low, high, low, high))
        coarse = opset16.fake_quantize(convolution.input_value(0), *ends, STEPS)
        largest = np.abs(weights).max(axis=(1, 2, 3, 4), keepdims=True)
        limits = (-largest, largest, -largest, largest)
        kernel = opset16.fake_quantize(opset16.constant(weights), *limits, WEIGHT_STEPS)
        convolution.input(0).replace_source_output(coarse.output(0))
        convolution.input(1).replace_source_output(kernel.output(0))
    return graph


def kernels_of(graph: ov.Model) -> list[np.ndarray]:
    """The kernel of each convolution, the same for images of every size."""
    made = [opset16.result(each.input_value(1)) for each in _convolutions(graph)]
    return [np.array(kernel, np.float32) for kernel in _compiled(ov.Model(made, []))([]).values()]


def measured(graph: ov.Model, images: Sequence[np.ndarray]) -> list[Range]:
    """The range of the numbers into each convolution, the mean of images (z, y, x, inputs).

    The mean, for steps as fine as most images allow: what lies beyond in others is cut off.
    """
    inside = [opset16.result(each.input_value(0)) for each in _convolutions(graph)]
    network = _compiled(ov.Model(inside, graph.get_parameters()))
    ranges = [
        [(seen.min(), seen.max()) for seen in network([image[None]]).values()] for image in images
    ]
    return [(float(low), float(high)) for low, high in np.mean(ranges, axis=0)]


def _convolutions(graph: ov.Model) -> list[ov.Node]:
    """Those that OpenVINO computes in 8 bits; it does not transposed ones."""
    return [node for node in graph.get_ordered_ops() if node.get_type_name() == "Convolution"]


def _with_zero(low: float, high: float) -> Range:
    """The range moved so that 0, which convolutions see beyond the border, is one of its steps."""
    low = min(low, 0.0)
    step = (high - low) / (STEPS - 1)
    below = round(-low / step)
    return -below * step, (STEPS - 1 - below) * step


def _compiled(graph: ov.Model) -> ov.CompiledModel:
    return ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
