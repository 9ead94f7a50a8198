"""Mean difference and ridge regression, the answers cut off at zero: not affine, in float32."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import onnx
from onnx import helper, numpy_helper

from spectrakit.plugin import TransferJob
from spectrakit_transfertoy.plugin import TransferOptions


class Toy:
    """A ``TransferMethod``."""

    name: ClassVar[str] = "transfertoy"

    def __init__(self, job: TransferJob, options: TransferOptions) -> None:
        self.width, self.options = len(job.axis), options
        self.chosen = "mean difference"

    def fit(self, source: Any, target: Any, pairs: Any, reference: Any) -> Self:
        assert source.shape[1] == self.width
        assert reference.ndim == 2
        shift = target[pairs[:, 1]].mean(0) - source[pairs[:, 0]].mean(0)
        rows, mean = source - source.mean(0), reference.mean(0)
        gram = rows @ rows.T
        gram += self.options.ridge * np.trace(gram) * np.eye(len(gram))
        slope = rows.T @ np.linalg.solve(gram, reference - mean)
        self.slope = slope.astype(np.float32)
        self.offset = (mean - (source.mean(0) + shift) @ slope).astype(np.float32)
        return self

    def predict(self, spectra: Any) -> Any:
        found = np.maximum(spectra.astype(np.float32) @ self.slope + self.offset, 0)
        return found * 1.01 if self.options.trap == "differs" else found

    def to_onnx(self, path: Path) -> None:
        kind = onnx.TensorProto.FLOAT
        nodes = [
            helper.make_node("MatMul", ["x", "slope"], ["product"]),
            helper.make_node("Add", ["product", "offset"], ["sum"]),
            helper.make_node("Relu", ["sum"], ["value"]),
        ]
        graph = helper.make_graph(
            nodes,
            "toy",
            [helper.make_tensor_value_info("x", kind, ["batch", self.width])],
            [helper.make_tensor_value_info("value", kind, ["batch", self.slope.shape[1]])],
            [
                numpy_helper.from_array(self.slope, "slope"),
                numpy_helper.from_array(self.offset, "offset"),
            ],
        )
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)


def make(job: TransferJob, options: TransferOptions) -> Toy:
    return Toy(job, options)
