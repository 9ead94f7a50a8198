"""Models as ONNX graphs that were compared with torch before anyone can use them.

Departure from a plain export: the graph is run at two batch sizes, one of which the exporter
never saw, because a size that was baked in shows in no other way.
"""

import logging
import tempfile
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spectrakit.errors import MismatchError

Sample = Callable[[int], Mapping[str, torch.Tensor]]
TOLERANCE = 1e-4  # of the spread of an output


@dataclass(frozen=True, slots=True)
class Quantised:
    """What became of an int8 graph: the graph to use, its cost in ranks, and whether it is int8."""

    graph: bytes
    change: float
    kept: bool


def export_graph(
    model: torch.nn.Module,
    sample: Sample,
    outputs: Sequence[str],
    *,
    dynamic: Mapping[str, Sequence[str]],
    sizes: tuple[int, int] = (2, 5),
    tolerance: float = TOLERANCE,
) -> bytes:
    """Return a model as an ONNX graph, checked against torch.

    Args:
        model: on the CPU; called in evaluation mode with the sample's tensors by name.
        sample: realistic inputs by name for a batch size. Dimensions that are dynamic should
            differ between the sizes.
        outputs: names of what the model returns, in order.
        dynamic: for each input the names of its leading dimensions that may vary, such as
            ``{"mz": ("batch", "peaks"), "precursor": ("batch",)}``.
        sizes: of the batch that is exported, and of one that the exporter does not see.
        tolerance: largest difference, as a share of the output's spread.

    Raises:
        MismatchError: the exporter refuses the model, or the graph differs from torch.
    """
    model.eval()
    first = dict(sample(sizes[0]))
    shapes = {
        name: dict.fromkeys(range(len(dynamic.get(name, ()))), torch.export.Dim.DYNAMIC)
        for name in first
    }
    graph = _exported(model, first, list(outputs), shapes)
    for size in sizes:
        _compare(model, graph, dict(sample(size)), outputs, tolerance)
    return graph


def _exported(
    model: torch.nn.Module,
    inputs: dict[str, torch.Tensor],
    outputs: list[str],
    shapes: dict[str, Any],
) -> bytes:
    try:
        with torch.no_grad(), _silence():
            program = torch.onnx.export(
                model,
                kwargs=inputs,
                input_names=list(inputs),
                output_names=outputs,
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
                external_data=False,
            )
    except Exception as error:  # torch's exporters share no other base
        reason = " ".join(str(error).split())[:300]
        raise MismatchError(
            f"{type(model).__name__} cannot be exported to ONNX: {reason}.",
            hint="Write the forward pass with plain tensor operations.",
        ) from error
    if program is None:
        raise MismatchError(f"{type(model).__name__}: torch.onnx.export gave no graph.")
    return program.model_proto.SerializeToString()


@contextmanager
def _silence() -> Generator[None]:
    """Keep what exporters say of themselves (torchvision is missing, ...) from the user."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def open_graph(graph: bytes) -> Any:
    """Return an onnxruntime session of one thread on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def run_graph(graph: bytes, inputs: Mapping[str, Any]) -> list[Any]:
    """Return what onnxruntime computes on the CPU, one array for each output.

    Raises:
        MismatchError: onnxruntime cannot run the graph on these inputs.
    """
    try:
        session = open_graph(graph)
        names = [one.name for one in session.get_inputs()]
        return list(session.run(None, {name: np.asarray(inputs[name]) for name in names}))
    except Exception as error:  # onnxruntime's own exceptions share no other base
        shapes = ", ".join(f"{name} {tuple(value.shape)}" for name, value in inputs.items())
        reason = " ".join(str(error).split())[:300]
        raise MismatchError(
            f"onnxruntime cannot run the exported graph on {shapes}: {reason}.",
            hint="A size that should vary may be fixed in the model's forward pass.",
        ) from error


def _compare(
    model: torch.nn.Module,
    graph: bytes,
    inputs: dict[str, torch.Tensor],
    outputs: Sequence[str],
    tolerance: float,
) -> None:
    with torch.no_grad():
        answer = model(**inputs)
    expected = answer if isinstance(answer, tuple) else (answer,)
    found = run_graph(graph, {name: value.numpy() for name, value in inputs.items()})
    n = len(next(iter(inputs.values())))
    for name, torch_value, onnx_value in zip(outputs, expected, found, strict=True):
        want = torch_value.numpy().astype(np.float64)
        limit = tolerance * (float(np.ptp(want)) or float(np.abs(want).max(initial=0.0)) or 1.0)
        worst = float("inf")
        if want.shape == onnx_value.shape and np.isfinite(want).all():
            worst = float(np.abs(want - onnx_value).max(initial=0.0))
        if not worst <= limit:
            raise MismatchError(
                f"output '{name}' of the exported graph differs from torch by {worst:.3g} for a "
                f"batch of {n}; {limit:.3g} is allowed (shapes {want.shape}, {onnx_value.shape}).",
                hint="Nothing was written. Look for TopK, remainder or a size fixed in the model.",
            )


def quantised(graph: bytes, rank_change: Callable[[bytes], float], *, most: float) -> Quantised:
    """Return the graph with int8 weights where that costs no more ranks than ``most``.

    Args:
        graph: float graph.
        rank_change: what the caller's ranking loses on held-out data when it uses this graph
            instead; comparing outputs would not tell.
        most: largest change that is accepted.
    """
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load_model_from_string(graph)
    del model.graph.value_info[:]  # the exporter's shapes, which quantising would contradict
    with tempfile.TemporaryDirectory() as folder, _silence():
        source, target = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
        source.write_bytes(model.SerializeToString())
        quantize_dynamic(source, target, weight_type=QuantType.QInt8)
        smaller = target.read_bytes()
    change = rank_change(smaller)
    kept = change <= most
    return Quantised(smaller if kept else graph, change, kept)
