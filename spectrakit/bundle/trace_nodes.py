"""Each step on traces as ONNX nodes that give what ``apply_trace_steps`` gives.

No product with a scalar constant stands beside a matrix product: onnxruntime would fuse the two
and round the scalar to float32.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spectrakit.bundle.als_nodes import als
from spectrakit.bundle.onnx_nodes import Nodes
from spectrakit.errors import MismatchError
from spectrakit.preprocess.resampling import interpolation
from spectrakit.preprocess.trace_kinds import resample_points, resolved_window
from spectrakit.preprocess.trace_steps import StepLike, apply_trace_steps, parameters_of
from spectrakit.preprocess.traces import (
    NO_SCALE,
    NOT_A_FRACTION,
    kept_channels,
    polynomials,
    savitzky_golay_weights,
)
from spectrakit.spectrum import FloatArray

BLOCK = 64  # channels that one row of the moving window's matrix product answers


def append_step(nodes: Nodes, tensor: str, axis: FloatArray, step: StepLike) -> str:
    """Append one step to (n, p) on ``axis``; return the name of its (n, q) result.

    Raises:
        MismatchError: the step is unknown, is not fitted or does not fit the axis.
    """
    told = parameters_of(step)
    build = _NODES.get((step.step, step.version))
    if build is None:
        raise MismatchError(
            f"the preprocessing step '{step.step}' version {step.version} has no graph.",
            hint="Update spectrakit.",
        )
    apply_trace_steps(np.zeros((1, len(axis))), axis, [step])  # refuses what does not fit
    return build(nodes, tensor, axis, **told)


def _scaled(nodes: Nodes, tensor: str, scale: str, size: str) -> str:
    limit = nodes.op("Mul", size, nodes.constant(NO_SCALE))
    enough = nodes.op("Greater", nodes.op("Abs", scale), limit)
    return nodes.op("Div", tensor, nodes.op("Where", enough, scale, nodes.constant(np.nan)))


def _largest(nodes: Nodes, tensor: str) -> str:
    return nodes.op("ReduceMax", nodes.op("Abs", tensor), nodes.integers(-1), keepdims=1)


def _centred(nodes: Nodes, tensor: str) -> str:
    return nodes.op("Sub", tensor, nodes.mean(tensor))


def _length(nodes: Nodes, tensor: str, freedom: int = 1) -> str:
    square = nodes.total(nodes.op("Mul", tensor, tensor))
    return nodes.op("Sqrt", nodes.op("Div", square, nodes.constant(float(freedom))))


def _snv(nodes: Nodes, tensor: str, axis: FloatArray) -> str:
    centred = _centred(nodes, tensor)
    spread = _length(nodes, centred, max(1, len(axis) - 1))
    return nodes.whole(_scaled(nodes, centred, spread, _largest(nodes, tensor)), tensor)


def _msc(nodes: Nodes, tensor: str, axis: FloatArray, *, reference: Any) -> str:
    against = np.asarray(reference, np.float64)
    level = against.mean()
    shape = against - level
    length = np.sqrt(shape @ shape)
    centred = _centred(nodes, tensor)
    with np.errstate(divide="ignore", invalid="ignore"):
        slope = nodes.op("MatMul", centred, nodes.constant((shape / length**2)[:, None]))
        per_length = nodes.constant(np.sqrt(len(against)) / length)
    size = nodes.op("Mul", _largest(nodes, tensor), per_length)
    scaled = _scaled(nodes, centred, slope, size)
    return nodes.whole(nodes.op("Add", scaled, nodes.constant(level)), tensor)


def _moving_window(
    nodes: Nodes,
    tensor: str,
    axis: FloatArray,
    *,
    window: int | str,
    order: int,
    derivative: int = 0,
) -> str:
    """Multiply overlapping blocks of channels by one banded matrix: no (p, p) constant."""
    width = resolved_window(window, len(axis), order)
    centre, left, right = savitzky_golay_weights(width, order, derivative)
    channels, inner = len(axis), len(axis) - width + 1
    block = min(BLOCK, inner)
    blocks = -(-inner // block)
    index = block * np.arange(blocks)[:, None] + np.arange(block + width - 1)
    banded = np.zeros((block + width - 1, block))
    for k in range(block):
        banded[k : k + width, k] = centre
    gathered = nodes.op(  # (n, blocks, block + width - 1)
        "Gather", tensor, nodes.constant(np.minimum(index, channels - 1), np.int64), axis=1
    )
    product = nodes.op("MatMul", gathered, nodes.constant(banded))
    flat = nodes.op("Reshape", product, nodes.integers(0, blocks * block))
    middle = nodes.op("Slice", flat, nodes.integers(0), nodes.integers(inner), nodes.integers(1))
    if width > 1:
        first = nodes.channels(tensor, 0, width)
        last = nodes.channels(tensor, channels - width, channels)
        ends = [nodes.op("MatMul", first, nodes.constant(left)),
                nodes.op("MatMul", last, nodes.constant(right))]  # fmt: skip
        middle = nodes.op("Concat", ends[0], middle, ends[1], axis=1)
    return nodes.whole(middle, tensor)


def _detrend(nodes: Nodes, tensor: str, axis: FloatArray, *, order: int) -> str:
    basis = polynomials(len(axis), order)
    score = nodes.op("MatMul", tensor, nodes.constant(basis))
    return nodes.op("Sub", tensor, nodes.op("MatMul", score, nodes.constant(basis.T)))


def _als(
    nodes: Nodes, tensor: str, axis: FloatArray, *, lam: float, p: float, iterations: int
) -> str:
    return nodes.op("Sub", tensor, als(nodes, tensor, len(axis), lam, p, iterations))


def _normalise(nodes: Nodes, tensor: str, axis: FloatArray, *, kind: str) -> str:
    size = _largest(nodes, tensor)
    scale = size
    shifted = tensor
    if kind == "area":
        scale = nodes.total(nodes.op("Abs", tensor))
    elif kind == "vector":
        scale = _length(nodes, tensor)
    elif kind == "range":
        low = nodes.op("ReduceMin", tensor, nodes.integers(-1), keepdims=1)
        high = nodes.op("ReduceMax", tensor, nodes.integers(-1), keepdims=1)
        shifted, scale = nodes.op("Sub", tensor, low), nodes.op("Sub", high, low)
    return nodes.whole(_scaled(nodes, shifted, scale, size), tensor)


def _resample(nodes: Nodes, tensor: str, axis: FloatArray, **told: Any) -> str:
    first, second, weight = interpolation(axis, resample_points(**told))
    parts = [
        nodes.op("Mul", _taken(nodes, tensor, channels), nodes.constant(part))
        for channels, part in ((first, 1 - weight), (second, weight))
    ]
    return nodes.op("Add", *parts)


def _taken(nodes: Nodes, tensor: str, channels: Any) -> str:
    return nodes.op("Gather", tensor, nodes.constant(channels, np.int64), axis=1)


def _cut(nodes: Nodes, tensor: str, axis: FloatArray, *, ranges: Any) -> str:
    return _taken(nodes, tensor, kept_channels(axis, ranges))


def _absorbance(nodes: Nodes, tensor: str, axis: FloatArray, *, full: float, floor: float) -> str:
    ones = np.ones(len(axis))
    fraction = nodes.op("Div", tensor, nodes.constant(full * ones))
    limit = nodes.constant(NOT_A_FRACTION)
    low = nodes.op("Where", nodes.op("Less", fraction, limit), nodes.constant(np.nan), limit)
    bad = nodes.total(nodes.op("Sub", low, low))  # (n, 1): NaN where one value is too low
    least = nodes.constant(floor)
    clipped = nodes.op("Where", nodes.op("Less", fraction, least), least, fraction)
    log10 = nodes.op("Mul", nodes.op("Log", clipped), nodes.constant(-ones / np.log(10)))
    return nodes.op("Add", log10, bad)


def _mean_centre(nodes: Nodes, tensor: str, axis: FloatArray, *, mean: Any) -> str:
    return nodes.op("Sub", tensor, nodes.constant(mean))


def _autoscale(nodes: Nodes, tensor: str, axis: FloatArray, *, mean: Any, sd: Any) -> str:
    return nodes.op("Div", _mean_centre(nodes, tensor, axis, mean=mean), nodes.constant(sd))


_NODES: Mapping[tuple[str, int], Callable[..., str]] = {
    ("snv", 1): _snv,
    ("msc", 1): _msc,
    ("sg", 1): _moving_window,
    ("smooth", 1): _moving_window,
    ("detrend", 1): _detrend,
    ("als", 1): _als,
    ("normalise", 1): _normalise,
    ("resample", 1): _resample,
    ("cut", 1): _cut,
    ("absorbance", 1): _absorbance,
    ("mean_centre", 1): _mean_centre,
    ("autoscale", 1): _autoscale,
}
