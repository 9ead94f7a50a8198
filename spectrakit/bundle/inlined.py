"""A graph written elsewhere, made part of another: its nodes under names of their own."""

from typing import Any

import numpy as np

from spectrakit.bundle.graphs import open_bytes
from spectrakit.bundle.onnx_nodes import OPSET, Nodes
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

_SAME = 1e-4  # of the answers' spread


def append_graph(nodes: Nodes, tensor: str, model: bytes, prefix: str) -> str:
    """Append a whole graph that reads ``tensor`` (n, p) float64; return its answer (n, w) float64.

    Args:
        nodes: that it becomes part of.
        tensor: what takes the place of its only input.
        model: ONNX bytes, weights inside, of the same operator set as ours or an older one.
        prefix: of its names.

    Raises:
        MismatchError: it has several inputs or outputs, or operators of another kind.
    """
    import onnx
    from onnx import compose, helper, version_converter

    whole = onnx.load_from_string(model)
    own = {one.domain or "ai.onnx": one.version for one in whole.opset_import}
    if set(own) != {"ai.onnx"} or len(whole.functions):
        others = sorted(set(own) - {"ai.onnx"}) or ["functions"]
        raise MismatchError(
            f"the method's graph uses {', '.join(others)}, which a bundle's graph cannot hold.",
            hint="Write it with operators of ONNX itself.",
        )
    if own["ai.onnx"] != OPSET:
        whole = version_converter.convert_version(whole, OPSET)
    graph = compose.add_prefix(whole, prefix).graph
    constants = {one.name for one in graph.initializer}
    inputs = [one for one in graph.input if one.name not in constants]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise MismatchError(
            f"the method's graph has {len(inputs)} inputs and {len(graph.output)} outputs.",
            hint="It takes spectra (batch, q) and gives values (batch, k).",
        )
    kind = inputs[0].type.tensor_type.elem_type
    nodes.nodes.append(helper.make_node("Cast", [tensor], [inputs[0].name], to=kind))
    nodes.initializers.update({one.name: one for one in graph.initializer})
    nodes.nodes.extend(graph.node)
    double = helper.np_dtype_to_tensor_dtype(np.dtype(np.float64))
    answer = nodes.op("Cast", graph.output[0].name, to=int(double))
    return nodes.whole(answer, tensor)


def run_graph(model: bytes, values: FloatArray) -> FloatArray:
    """Return (m, w) float64 answers of a graph to spectra (m, p); NaN where a row has NaN."""
    session = open_bytes(model, "the graph of the method")
    one: Any = session.get_inputs()[0]
    kind = np.float32 if one.type == "tensor(float)" else np.float64
    whole = np.asarray(np.isfinite(values).all(axis=1), np.bool_)
    found: Any = session.run(None, {one.name: np.where(whole[:, None], values, 0.0).astype(kind)})
    answer = np.asarray(found[0], np.float64)
    answer[~whole] = np.nan
    return answer


def check_same(model: bytes, values: FloatArray, expected: FloatArray) -> None:
    """Check that a graph gives what its maker says, alone and together.

    Args:
        model: ONNX bytes.
        values: (m, p) spectra.
        expected: (m, w) answers.

    Raises:
        MismatchError: it gives another shape or other values.
    """
    together = run_graph(model, values)
    alone = run_graph(model, values[:1])
    if together.shape != expected.shape:
        raise MismatchError(
            f"the method's graph gives {together.shape[1:]} values for a spectrum, its predict "
            f"{expected.shape[1:]}.",
            hint="Both give (batch, k).",
        )
    slack = _SAME * (np.ptp(expected, axis=0) + 1e-12 * np.abs(expected).max(axis=0))
    for found, wanted in ((together, expected), (alone, expected[:1])):
        worst = np.abs(found - wanted).max(axis=0)
        if not (worst <= slack).all():
            raise MismatchError(
                f"the method's graph differs from its predict by {float(worst.max()):.3g}.",
                hint="Nothing was written.",
            )
