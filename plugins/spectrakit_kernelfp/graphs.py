"""The small model as two ONNX graphs: peaks to vectors, fingerprints to vectors.

Everything after cleaning happens in the graph: losses, pairwise differences, bins with linear
shares, exponents, directions, unit length, kernel, and the mean over polarities where the
polarity is not said. Bins find their row by a table that is built when a session opens (a file
holds the distances between bins only), and int8 tables become float32 then, too.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper

from spectrakit_kernelfp.compact import Compact, Part, Table
from spectrakit_kernelfp.features import (
    BIN,
    KINDS,
    MAX_MASS,
    MIN_DIFFERENCE,
    N_BINS,
    N_DIFFERENCE_PEAKS,
    WEIGHTS,
)
from spectrakit_kernelfp.kernel import QUADRATIC

PRECURSOR = ("precursor_mz", "polarity")  # columns of the input ``precursor``
OPSET, IR_VERSION = 18, 10

_SHORT = 1e-6
_NIBBLE = 8  # added to values of 4 bits, so that none is negative
_HEAVIEST = 1e6  # m/z; no precursor is beyond
_FLOAT, _INT = TensorProto.FLOAT, TensorProto.INT64


class _Graph:
    """Nodes and constants as they are written; every value is known by its name."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}

    def add(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """Append a node and return the name of its output; arrays become constants."""
        names = [one if isinstance(one, str) else self.constant(one) for one in inputs]
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, names, [name], **attributes))
        return name

    def constant(self, value: Any) -> str:
        """Return the name of a constant array."""
        array = np.asarray(value)
        name = f"constant_{len(self.constants)}"
        self.constants[name] = numpy_helper.from_array(array, name)
        return name

    def single(self, value: float) -> str:
        """Return the name of a float32 scalar."""
        return self.constant(np.float32(value))

    def double(self, value: float) -> str:
        """Return the name of a float64 scalar."""
        return self.constant(np.float64(value))

    def cast(self, name: str, kind: int) -> str:
        """Return a value as another type."""
        return self.add("Cast", name, to=kind)

    def table(self, table: Table) -> str:
        """Return a float32 matrix; whole numbers are scaled when the session opens."""
        if table.bits == 32:
            return self.constant(table.dense)
        values = self.nibbles(table.values) if table.bits == 4 else self.constant(table.values)
        return self.add("Mul", self.cast(values, _FLOAT), table.scale)

    def nibbles(self, values: Any) -> str:
        """Return int8 values of -8 to 7, two to a byte: the left half of a row below the right."""
        width = values.shape[1]
        half = (width + 1) // 2
        shifted = np.full((len(values), 2 * half), _NIBBLE, np.uint8)
        shifted[:, :width] = (values + _NIBBLE).astype(np.uint8)
        packed = self.constant(shifted[:, :half] | shifted[:, half:] << np.uint8(4))
        low = self.add("BitwiseAnd", packed, np.uint8(15))
        high = self.add("BitShift", packed, np.uint8(4), direction="RIGHT")
        both = self.cast(self.add("Concat", low, high, axis=1), TensorProto.INT8)
        whole = self.add("Sub", both, np.int8(_NIBBLE))
        ends = (np.array([k], np.int64) for k in (0, width, 1))
        return self.add("Slice", whole, *ends)

    def finish(self, name: str, inputs: Sequence[Any], output: str, shape: list[Any]) -> bytes:
        """Return the model with one output, ``embedding``."""
        self.nodes.append(helper.make_node("Identity", [output], ["embedding"]))
        told = [helper.make_tensor_value_info("embedding", _FLOAT, shape)]
        made = helper.make_graph(self.nodes, name, inputs, told, list(self.constants.values()))
        model: ModelProto = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)])
        model.ir_version = IR_VERSION
        return model.SerializeToString()


def spectrum_graph(small: Compact) -> bytes:
    """Return ``encode_spectrum``: (n, n_blocks, d) vectors of cleaned peak lists."""
    graph = _Graph()
    n_blocks = len(small.bounds) - 1
    columns = {
        name: graph.add("Gather", "precursor", np.array([k], np.int64), axis=1)
        for k, name in enumerate(PRECURSOR)
    }
    values = _values(graph, columns["precursor_mz"])
    found = {polarity: _embedded(graph, part, values) for polarity, part in small.parts.items()}
    mixed = _by_polarity(graph, found, columns["polarity"])
    shaped = graph.add("Reshape", mixed, np.array([0, n_blocks, -1], np.int64))
    peaks = ["batch", "peaks"]
    inputs = [
        helper.make_tensor_value_info("mz", TensorProto.DOUBLE, peaks),
        helper.make_tensor_value_info("intensity", _FLOAT, peaks),
        helper.make_tensor_value_info("mask", TensorProto.BOOL, peaks),
        helper.make_tensor_value_info("precursor", _FLOAT, ["batch", len(PRECURSOR)]),
    ]
    shape = ["batch", n_blocks, small.molecule.values.shape[1]]
    return graph.finish("encode_spectrum", inputs, shaped, shape)


def molecule_graph(small: Compact, n_bits: int) -> bytes:
    """Return ``encode_molecule``: (m, n_blocks, d) vectors of (m, ``n_bits``) fingerprints."""
    graph = _Graph()
    shared = graph.table(small.molecule)
    blocks: list[str] = []
    last = np.array([1], np.int64)
    for start, stop in pairwise(small.bounds):
        own = graph.add("Gather", "fingerprint", small.kept[start:stop], axis=1)
        rows = graph.add("Slice", shared, np.array([start]), np.array([stop]), np.array([0]))
        size = graph.add("Max", graph.add("ReduceSum", own, last, keepdims=1), graph.single(1.0))
        vector = graph.add("Div", graph.add("MatMul", own, rows), graph.add("Sqrt", size))
        blocks.append(graph.add("Unsqueeze", vector, last))
    whole = graph.add("Concat", *blocks, axis=1)
    told = [helper.make_tensor_value_info("fingerprint", _FLOAT, ["batch", n_bits])]
    shape = ["batch", len(blocks), small.molecule.values.shape[1]]
    return graph.finish("encode_molecule", told, whole, shape)


def _values(graph: _Graph, precursor_mz: str) -> dict[str, tuple[str, str]]:
    """Return for each kind the masses (n, m) float64 and their weights (n, m) float32."""
    positive = graph.add("Greater", "intensity", graph.single(0.0))
    real = graph.add("And", "mask", positive)
    weight = graph.add("Where", real, "intensity", graph.single(0.0))
    mz = graph.add("Where", real, "mz", graph.double(0.0))
    known = graph.add(
        "And",
        graph.add("Greater", precursor_mz, graph.single(0.0)),
        graph.add("Less", precursor_mz, graph.single(_HEAVIEST)),
    )  # false for NaN
    whole = graph.cast(
        graph.add("Where", known, precursor_mz, graph.single(0.0)), TensorProto.DOUBLE
    )
    loss = graph.add("Sub", whole, mz)
    loss_weight = graph.add("Where", known, weight, graph.single(0.0))
    difference, both = _differences(graph, mz, weight)
    return {"peak": (mz, weight), "loss": (loss, loss_weight), "difference": (difference, both)}


def _differences(graph: _Graph, mz: str, weight: str) -> tuple[str, str]:
    """Return masses between the strongest peaks, and the geometric means of their weights."""
    padding = np.array([0, 0, 0, N_DIFFERENCE_PEAKS], np.int64)  # TopK wants as many as it takes
    all_mz = graph.add("Pad", mz, padding, graph.double(0.0))
    all_weights = graph.add("Pad", weight, padding, graph.single(0.0))
    top, where = f"strongest_{len(graph.nodes)}", f"where_{len(graph.nodes)}"
    most = graph.constant(np.array([N_DIFFERENCE_PEAKS], np.int64))
    graph.nodes.append(helper.make_node("TopK", [all_weights, most], [top, where], axis=1))
    chosen = graph.add("GatherElements", all_mz, where, axis=1)
    low, high = (index.astype(np.int64) for index in np.triu_indices(N_DIFFERENCE_PEAKS, 1))
    mass = graph.add(
        "Abs",
        graph.add(
            "Sub", graph.add("Gather", chosen, high, axis=1),
            graph.add("Gather", chosen, low, axis=1),
        ),
    )  # fmt: skip
    product = graph.add(
        "Mul", graph.add("Gather", top, low, axis=1), graph.add("Gather", top, high, axis=1)
    )
    wide = graph.add("Greater", mass, graph.double(MIN_DIFFERENCE))
    return mass, graph.add("Where", wide, graph.add("Sqrt", product), graph.single(0.0))


def _embedded(graph: _Graph, part: Part, values: dict[str, tuple[str, str]]) -> str:
    """Return the (n, n_blocks * d) vectors of spectra as if all were of one polarity."""
    total = ""
    for kind, columns, vectors, rows in zip(
        KINDS, part.columns, part.vectors, part.rows, strict=True
    ):
        if not vectors.values.size:
            continue  # nothing of this kind was ever seen
        latent = _latent(graph, *values[kind], kind, columns, vectors)
        inner = graph.add("MatMul", latent, graph.add("Transpose", graph.table(rows), perm=[1, 0]))
        square = graph.add("Mul", graph.add("Mul", inner, inner), graph.single(QUADRATIC))
        one = graph.add("Add", inner, square)
        total = graph.add("Add", total, one) if total else one
    similar = graph.add("Mul", total, graph.single(1 / len(KINDS)))
    return graph.add("MatMul", similar, graph.table(part.output))


def _latent(graph: _Graph, mass: str, weight: str, kind: str, columns: Any, vectors: Table) -> str:
    """Return (n, r) unit vectors: shares of bins times the directions of the bins."""
    none = len(columns)  # the row of zeros, for bins that do not count
    inside = graph.add(
        "And",
        graph.add("Greater", mass, graph.double(-BIN)),
        graph.add("Less", mass, graph.double(MAX_MASS)),
    )
    position = graph.add("Max", graph.add("Div", mass, graph.double(BIN)), graph.double(0.0))
    position = graph.add("Where", inside, position, graph.double(0.0))
    floor = graph.add("Floor", position)
    share = graph.cast(graph.add("Sub", position, floor), _FLOAT)
    lower = graph.cast(floor, _INT)
    power = graph.add("Pow", weight, graph.single(WEIGHTS[kind].intensity))
    value = graph.add("Where", inside, power, graph.single(0.0))
    upper_value = graph.add("Mul", value, share)
    bins = graph.add("Concat", lower, graph.add("Add", lower, graph.constant(np.int64(1))), axis=1)
    amounts = graph.add("Concat", graph.add("Sub", value, upper_value), upper_value, axis=1)
    steps = np.diff(columns, prepend=0)
    at = graph.add("CumSum", graph.cast(graph.constant(steps.astype(np.uint32)), _INT), np.int64(0))
    empty = graph.add(
        "ConstantOfShape", np.array([N_BINS], np.int64),
        value=numpy_helper.from_array(np.array([none], np.int64)),
    )  # fmt: skip
    place = graph.add("ScatterElements", empty, at, np.arange(none, dtype=np.int64), axis=0)
    directions = graph.add(
        "Concat", graph.table(vectors), np.zeros((1, vectors.values.shape[1]), np.float32), axis=0
    )
    own = graph.add("Gather", directions, graph.add("Gather", place, bins, axis=0), axis=0)
    row = graph.add("MatMul", graph.add("Unsqueeze", amounts, np.array([1])), own)  # (n, 1, r)
    latent = graph.add("Squeeze", row, np.array([1]))
    squared = graph.add("ReduceSumSquare", latent, np.array([1]), keepdims=1)
    length = graph.add("Sqrt", squared)
    long = graph.add("Greater", length, graph.single(_SHORT))
    unit = graph.add("Div", latent, graph.add("Max", length, graph.single(_SHORT)))
    return graph.add("Where", long, unit, graph.single(0.0))


def _by_polarity(graph: _Graph, found: dict[int, str], polarity: str) -> str:
    """Return the vectors of the polarity that is said; of both, averaged, where none is said."""
    zero = graph.single(0.0)
    said = {1: graph.add("Greater", polarity, zero), -1: graph.add("Less", polarity, zero)}
    unsaid = graph.add("Not", graph.add("Or", said[1], said[-1]))
    total = ""
    for sign, vectors in found.items():
        share = graph.add(
            "Where", said[sign], graph.single(1.0),
            graph.add("Where", unsaid, graph.single(1 / len(found)), zero),
        )  # fmt: skip
        part = graph.add("Mul", vectors, share)
        total = graph.add("Add", total, part) if total else part
    return total
