"""A growing list of ONNX nodes: every call appends one operator and names what it gives.

Opset 18 and file version 8: onnxruntime since 1.14 reads them. All arithmetic is float64.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from spectrakit.spectrum import FloatArray

OPSET, IR_VERSION = 18, 8


class Nodes:
    """Nodes and constants of one graph (or of the body of a Scan, told apart by ``prefix``)."""

    def __init__(self, prefix: str = "") -> None:
        self.nodes: list[Any] = []
        self.initializers: dict[str, Any] = {}
        self._prefix = prefix
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append an operator with one output; return the output's name."""
        return self.ops(kind, inputs, 1, **attributes)[0]

    def ops(
        self, kind: str, inputs: Sequence[str], outputs: int, **attributes: Any
    ) -> tuple[str, ...]:
        """Append an operator; return the names of its outputs."""
        from onnx import helper

        number = len(self.nodes)
        names = tuple(f"{self._prefix}{kind}_{number}_{k}" for k in range(outputs))
        self.nodes.append(helper.make_node(kind, list(inputs), list(names), **attributes))
        return names

    def constant(self, array: Any, dtype: Any = np.float64) -> str:
        """Return the name of a constant; equal ones are stored once."""
        from onnx import numpy_helper

        value = np.ascontiguousarray(array, dtype).reshape(np.shape(array))
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._constants:
            name = f"{self._prefix}constant_{len(self._constants)}"
            self._constants[key] = name
            self.initializers[name] = numpy_helper.from_array(value, name)
        return self._constants[key]

    def integers(self, *numbers: int) -> str:
        """Return the name of a constant (k,) int64."""
        return self.constant(np.array(numbers), np.int64)

    def total(self, tensor: str) -> str:
        """Sum over the last axis, which stays with length 1."""
        return self.op("ReduceSum", tensor, self.integers(-1), keepdims=1)

    def mean(self, tensor: str) -> str:
        """Mean over the last axis, which stays with length 1."""
        return self.op("ReduceMean", tensor, self.integers(-1), keepdims=1)

    def channels(self, tensor: str, start: int, stop: int) -> str:
        """Return channels ``start`` to ``stop`` of (n, p)."""
        ends = (self.integers(start), self.integers(stop), self.integers(1))
        return self.op("Slice", tensor, *ends)

    def clip(self, tensor: str, lower: FloatArray, upper: FloatArray) -> str:
        """Limit values between ``lower`` and ``upper``; NaN stays NaN, unlike with Min and Max."""
        low, high = self.constant(lower), self.constant(upper)
        floored = self.op("Where", self.op("Less", tensor, low), low, tensor)
        return self.op("Where", self.op("Greater", floored, high), high, floored)

    def whole(self, result: str, tensor: str) -> str:
        """Set to NaN the rows of ``result`` whose row of ``tensor`` holds a NaN."""
        return self.op("Add", result, self.total(self.op("Sub", tensor, tensor)))
