"""Asymmetric least squares in a graph: LDL' of five diagonals as two Scans over the channels.

The order of operations is that of ``spectrakit.preprocess.baseline``, digit by digit.
"""

from collections.abc import Sequence
from typing import Any

from spectrakit.bundle.onnx_nodes import Nodes
from spectrakit.preprocess.baseline import second_differences
from spectrakit.spectrum import FloatArray


def als(nodes: Nodes, tensor: str, channels: int, lam: float, p: float, iterations: int) -> str:
    """Append the baseline of (n, p) and return its name."""
    down, up = _elimination(), _substitution()
    diagonals = second_differences(channels, lam)
    main = nodes.constant(diagonals[0][:, None])
    bands = [nodes.constant(band) for band in _shifted(diagonals)]
    y = nodes.op("Transpose", tensor, perm=[1, 0])  # (p, n): a step takes a channel of all rows
    row = nodes.op("Gather", y, nodes.constant(0, dtype="int64"), axis=0)
    zero = nodes.op("Sub", row, row)  # (n,), NaN where the row begins with one
    above, below = nodes.constant(p), nodes.constant(1 - p)
    weight = nodes.op("Add", nodes.op("Sub", y, y), nodes.constant(1.0))
    fitted = y
    for _ in range(iterations):
        given = [nodes.op("Add", weight, main), nodes.op("Mul", weight, y), *bands]
        eliminated = nodes.ops(
            "Scan", [zero] * 6 + given, 9, body=down, num_scan_inputs=len(given)
        )[6:]
        fitted = nodes.ops(
            "Scan",
            [zero, zero, *eliminated],
            3,
            body=up,
            num_scan_inputs=3,
            scan_input_directions=[1, 1, 1],
            scan_output_directions=[1],
        )[2]
        weight = nodes.op("Where", nodes.op("Greater", y, fitted), above, below)
    return nodes.whole(nodes.op("Transpose", fitted, perm=[1, 0]), tensor)


def _shifted(diagonals: FloatArray) -> list[FloatArray]:
    """Return what channel i needs: A[i, i+1], A[i, i+2], A[i-1, i+1], A[i-2, i]."""
    second = diagonals[2]
    before, before2 = second.copy(), second.copy()
    before[1:], before[0] = second[:-1], 0.0
    before2[2:], before2[:2] = second[:-2], 0.0
    return [diagonals[1], second, before, before2]


def _elimination() -> Any:
    """States e, ed, f of the last channel, f of the one before, u of both; gives u/d, e, f."""
    body = Nodes("down_")
    rows = e1, ed1, f1, f2, u1, u2, main, right = [
        f"down_{name}" for name in ("e1", "ed1", "f1", "f2", "u1", "u2", "main", "right")
    ]
    numbers = first, second, before, before2 = [
        f"down_{name}" for name in ("first", "second", "before", "before2")
    ]
    partly = body.op("Sub", main, body.op("Mul", e1, ed1))
    pivot = body.op("Sub", partly, body.op("Mul", f2, before2))
    ed = body.op("Sub", first, body.op("Mul", before, e1))
    partly = body.op("Sub", right, body.op("Mul", e1, u1))
    u = body.op("Sub", partly, body.op("Mul", f2, u2))
    e, f = body.op("Div", ed, pivot), body.op("Div", second, pivot)
    kept = [e, ed, f, body.op("Identity", f1), u, body.op("Identity", u1)]
    given = [body.op("Div", u, pivot), body.op("Identity", e), body.op("Identity", f)]
    return _body(body, rows, numbers, [*kept, *given])


def _substitution() -> Any:
    """States z of the two channels to the right; gives z."""
    body = Nodes("up_")
    z1, z2, solved, below, below2 = names = [f"up_{name}" for name in ("z1", "z2", "g", "e", "f")]
    partly = body.op("Sub", solved, body.op("Mul", below, z1))
    z = body.op("Sub", partly, body.op("Mul", below2, z2))
    return _body(body, names, [], [z, body.op("Identity", z1), body.op("Identity", z)])


def _body(nodes: Nodes, rows: Sequence[str], numbers: Sequence[str], given: Sequence[str]) -> Any:
    from onnx import TensorProto, helper

    def told(name: str, shape: list[Any]) -> Any:
        return helper.make_tensor_value_info(name, TensorProto.DOUBLE, shape)

    inputs = [told(name, ["batch"]) for name in rows] + [told(name, []) for name in numbers]
    return helper.make_graph(nodes.nodes, "step", inputs, [told(n, ["batch"]) for n in given])
