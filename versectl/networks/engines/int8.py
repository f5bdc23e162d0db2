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


def rounded(graph: ov.Model, activations: Sequence[Range]) -> ov.Model:
    """The graph with its convolutions in 8-bit numbers; ValueError for another number of ranges.

    activations : range of the numbers into each convolution, in the order of `measured`.
    """
    for convolution, (low, high) in zip(_convolutions(graph), activations, strict=True):
        seen, weights = convolution.input_value(0), _constant(convolution.input_value(1))
        low, high = _with_zero(low, high)
        coarse = opset16.fake_quantize(seen, *map(np.float32, (low, high, low, high)), STEPS)
        largest = np.abs(weights).max(axis=(1, 2, 3, 4), keepdims=True)
        ends = (-largest, largest, -largest, largest)
        kernel = opset16.fake_quantize(opset16.constant(weights), *ends, WEIGHT_STEPS)
        convolution.input(0).replace_source_output(coarse.output(0))
        convolution.input(1).replace_source_output(kernel.output(0))
    return graph


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


def _constant(output: ov.Output) -> np.ndarray:
    """The numbers of a constant part of a graph."""
    return np.array(_compiled(ov.Model([opset16.result(output)], []))([])[0], np.float32)


def _compiled(graph: ov.Model) -> ov.CompiledModel:
    return ov.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
