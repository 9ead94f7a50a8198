"""Small ONNX models, and bundles whose digests hold whatever is in them."""

import hashlib

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from spectrakit.bundle import Graph, Manifest, write_bundle
from spectrakit.bundle.manifest import manifest_bytes


def model(nodes, inputs, outputs, constants=None, opset=18, domains=()):
    """Return ONNX bytes; ``inputs`` and ``outputs``: (name, type, shape)."""
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(*one) for one in inputs],
        [helper.make_tensor_value_info(*one) for one in outputs],
        [numpy_helper.from_array(v, k) for k, v in (constants or {}).items()],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(d, 1) for d in domains)]
    whole = helper.make_model(made, opset_imports=opsets)
    whole.ir_version = 10
    return whole


def straight_line(weights, offset):
    """Traces (batch, n) to (batch, properties)."""
    return model(
        [
            helper.make_node("MatMul", ["spectrum", "w"], ["product"]),
            helper.make_node("Add", ["product", "b"], ["value"]),
        ],
        [("spectrum", TensorProto.FLOAT, ["batch", len(weights)])],
        [("value", TensorProto.FLOAT, ["batch", len(offset)])],
        {"w": np.asarray(weights, np.float32), "b": np.asarray(offset, np.float32)},
    )


TRACE = {
    "task": "regress",
    "modality": "nir",
    "input": {"kind": "trace", "axis": [1000.0, 1010.0, 1020.0], "axis_unit": "nm"},
    "properties": ({"name": "moisture", "unit": "%"}, {"name": "fat", "unit": "%"}),
}
WEIGHTS = np.array([[1.0, 0.5], [2.0, 0.25], [3.0, -1.0]])
OFFSET = np.array([10.0, -1.0])


def trace_bundle(folder, label="line@1.0", **fields):
    """A whole bundle: two properties from three points."""
    line = straight_line(WEIGHTS, OFFSET).SerializeToString()
    return write_bundle(folder / label, graphs={"predict": line}, **{**TRACE, **fields})


def forged(folder, onnx_bytes, label="forged@1.0", files=None, inputs=None, outputs=None, **fields):
    """A bundle around any bytes: its digests hold, whatever onnxruntime thinks of it."""
    contents = {"predict.onnx": onnx_bytes, **(files or {})}
    graph = Graph(
        "predict.onnx",
        inputs or {"spectrum": ["tensor(float)", "batch", 3]},
        outputs or {"value": ["tensor(float)", "batch", 2]},
    )
    name, _, version = label.partition("@")
    manifest = Manifest(
        name=name, version=version, graphs={"predict": graph}, **{**TRACE, **fields}
    )
    digests = {
        one: {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for one, data in contents.items()
    }
    path = folder / label
    path.mkdir(parents=True)
    for one, data in contents.items():
        (path / one).write_bytes(data)
    (path / "bundle.json").write_bytes(manifest_bytes(manifest, digests))
    return path
