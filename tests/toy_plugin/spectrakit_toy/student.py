"""The toy model as one ONNX graph, peaks in and m/z out."""

from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from spectrakit.bundle import Step, write_bundle
from spectrakit.plugin import Job
from spectrakit_toy.plugin import plugin
from spectrakit_toy.training import BINS, UNIT, design, load, targets


def distill(job: Job, options) -> Path:
    weights, settings = load(job.parent)
    held_out = job.valid or job.train
    error = design(held_out, settings) @ weights - targets(held_out)
    return write_bundle(
        job.run.student("toy", options.version),
        graphs={"predict": graph(weights, settings)},
        task="regress",
        modality="msms",
        input={"kind": "peaks", "max_peaks": options.max_peaks},
        preprocessing=(
            Step("clean_peaks", 1, {"tolerance": "0.01Da", "max_peaks": options.max_peaks}),
            Step("base_peak_one", 1),
        ),
        properties=({"name": "precursor_mz", "unit": "m/z"},),
        plugin={"name": plugin.name, "version": plugin.version},
        data=job.run.data(),
        metrics=(
            {
                "name": "rmse",
                "value": float(np.sqrt((error**2).mean()) * UNIT),
                "split": "valid",
                "n": len(error),
            },
        ),
        summary=plugin.summary,
        licence="CC0-1.0",
    )


def graph(weights, settings) -> bytes:
    """Bins by one-hot, the largest peak of each, then the straight line."""
    slope, offset = weights[:-1], weights[-1] - np.dot(weights[:-1], settings["centre"])
    constants = {
        "width": np.array(settings["bin_width"], np.float64),
        "last": np.array(BINS - 1, np.float64),
        "depth": np.array(BINS, np.int64),
        "off_on": np.array([0, 1], np.float32),
        "slope": (slope[:, None] * UNIT).astype(np.float32),
        "offset": np.array([offset * UNIT], np.float32),
        "last_axis": np.array([-1], np.int64),
        "peaks_axis": np.array([1], np.int64),
    }
    scale = "Sqrt" if settings["scale"] == "sqrt" else "Identity"
    nodes = [
        helper.make_node("Div", ["mz", "width"], ["ratio"]),
        helper.make_node("Min", ["ratio", "last"], ["inside"]),
        helper.make_node("Floor", ["inside"], ["whole"]),
        helper.make_node("Cast", ["whole"], ["bin"], to=TensorProto.INT64),
        helper.make_node("OneHot", ["bin", "depth", "off_on"], ["hot"], axis=-1),
        helper.make_node("Unsqueeze", ["intensity", "last_axis"], ["column"]),
        helper.make_node("Mul", ["hot", "column"], ["spread"]),
        helper.make_node("ReduceMax", ["spread", "peaks_axis"], ["binned"], keepdims=0),
        helper.make_node(scale, ["binned"], ["scaled"]),
        helper.make_node("MatMul", ["scaled", "slope"], ["line"]),
        helper.make_node("Add", ["line", "offset"], ["value"]),
    ]
    peaks = ["batch", "peaks"]
    made = helper.make_graph(
        nodes,
        "toy",
        [
            helper.make_tensor_value_info("mz", TensorProto.DOUBLE, peaks),
            helper.make_tensor_value_info("intensity", TensorProto.FLOAT, peaks),
        ],
        [helper.make_tensor_value_info("value", TensorProto.FLOAT, ["batch", 1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    return model.SerializeToString()
