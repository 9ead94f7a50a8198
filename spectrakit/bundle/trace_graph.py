"""One ONNX graph from a raw trace to an answer: common steps, named bases, a head and a gate.

What is appended to the graph is also kept as numpy, so that ``expected`` gives what the graph
must give and ``to_bytes`` can refuse a graph that does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spectrakit.atomic import atomic_path
from spectrakit.bundle.graph_check import check_graph
from spectrakit.bundle.inlined import append_graph, run_graph
from spectrakit.bundle.onnx_nodes import IR_VERSION, OPSET, Nodes
from spectrakit.bundle.trace_nodes import append_step
from spectrakit.errors import MismatchError
from spectrakit.preprocess.trace_steps import (
    StepLike,
    apply_trace_steps,
    axis_after,
    without_infinities,
)
from spectrakit.spectrum import FloatArray

COMMON = "common"  # the basis that every other one is made of


@dataclass(frozen=True, slots=True)
class Member:
    """One linear model of a head, for q properties: ``clip(offset + basis @ coefficients)``.

    ``coefficients`` (p_b, q); ``offset`` (q,); ``weight``, ``lower`` and ``upper`` (q,) or one
    number for all; float64.
    """

    basis: str
    coefficients: FloatArray
    offset: FloatArray
    weight: FloatArray | float = 1.0
    lower: FloatArray | float = -np.inf
    upper: FloatArray | float = np.inf

    def row(self, name: str) -> FloatArray:
        """Return an attribute as (q,) float64."""
        return np.broadcast_to(np.asarray(getattr(self, name), np.float64), self.offset.shape)


@dataclass(frozen=True, slots=True)
class Inlined:
    """A whole graph of its own as part of a head.

    Attributes:
        basis: what it reads.
        model: ONNX bytes, one input (batch, p_b), one output (batch, w).
        place: (w, q) where its answers go, and their weights.
    """

    basis: str
    model: bytes
    place: FloatArray


@dataclass(frozen=True, slots=True)
class _Basis:
    """A tensor (n, p) of the graph, the axis of its channels, and how numpy makes it."""

    tensor: str
    axis: FloatArray
    parent: "_Basis | None" = None
    make: Callable[[FloatArray], FloatArray] | None = None


_Look = Callable[[_Basis], FloatArray]  # a basis of the spectra at hand, computed once


@dataclass(frozen=True, slots=True)
class _Output:
    """A tensor of shape (n, *shape), and how numpy makes it."""

    tensor: str
    shape: list[int]
    made: Callable[[_Look], FloatArray]


class TraceGraph:
    """Build a graph with the input ``spectrum`` (n, p); arithmetic inside is float64.

    A spectrum with NaN or infinite values answers NaN (unless they are cut away), never an error.

    Args:
        axis: (p,) raw axis of the spectra, any direction.
        dtype: of the input.
        output_dtype: of every output.

    Raises:
        MismatchError: any method: a step, basis or array that does not fit.
    """

    def __init__(
        self, axis: FloatArray, *, dtype: Any = np.float64, output_dtype: Any = np.float64
    ) -> None:
        self.axis = np.asarray(axis, np.float64)
        self.dtype, self.output_dtype = np.dtype(dtype), np.dtype(output_dtype)
        self._nodes = Nodes()
        raw = self._nodes.op("Cast", "spectrum", to=_onnx_type(np.float64))
        finite = self._nodes.op("Add", raw, self._nodes.op("Sub", raw, raw))  # inf - inf is NaN
        self._bases = {COMMON: _Basis(finite, self.axis)}
        self._outputs: dict[str, _Output] = {}

    def axis_of(self, basis: str = COMMON) -> FloatArray:
        """Return the axis (p_b,) of a basis."""
        return self._basis(basis).axis

    def apply(self, steps: Sequence[StepLike]) -> str:
        """Append fitted steps to the common chain; bases made before stay as they are."""
        return self.basis(COMMON, steps)

    def basis(self, name: str, steps: Sequence[StepLike] = (), *, of: str = COMMON) -> str:
        """Name what fitted steps make of another basis; return the name."""
        parent, steps = self._basis(of), tuple(steps)
        tensor, axis = parent.tensor, parent.axis
        for step in steps:
            tensor = append_step(self._nodes, tensor, axis, step)
            axis = axis_after(axis, [step])

        def make(values: FloatArray) -> FloatArray:
            return apply_trace_steps(values, parent.axis, steps)[0]

        self._bases[name] = _Basis(tensor, axis, parent, make)
        return name

    def affine(
        self,
        name: str,
        matrix: FloatArray,
        offset: FloatArray,
        *,
        of: str = COMMON,
        axis: FloatArray | None = None,
    ) -> str:
        """Name ``basis @ matrix + offset``: a transfer map. Return the name.

        Args:
            name: of the new basis.
            matrix: (p_b, q) float64.
            offset: (q,) float64.
            of: the basis it is made of.
            axis: (q,) of the new one; that of the old one when None.
        """
        parent = self._basis(of)
        matrix, offset = np.asarray(matrix, np.float64), np.asarray(offset, np.float64)
        axis = parent.axis if axis is None else np.asarray(axis, np.float64)
        _fit("matrix", matrix, (len(parent.axis), len(axis)))
        _fit("offset", offset, (len(axis),))
        product = self._nodes.op("MatMul", parent.tensor, self._nodes.constant(matrix))
        tensor = self._nodes.op("Add", product, self._nodes.constant(offset))
        self._bases[name] = _Basis(tensor, axis, parent, lambda v: v @ matrix + offset)
        return name

    def head(
        self, members: Sequence[Member], *, inlined: Sequence[Inlined] = (), output: str = "value"
    ) -> str:
        """Add the output (n, q): the sum of members' clipped answers times their weights.

        Whole graphs add their answers to it.
        """
        if not members and not inlined:
            raise MismatchError("a head needs a member.", hint="Give at least one model.")
        width = len(members[0].offset) if members else inlined[0].place.shape[1]
        for one in members:
            _fit("coefficients", one.coefficients, (len(self.axis_of(one.basis)), width))
            for name in ("offset", "weight", "lower", "upper"):
                if np.ndim(getattr(one, name)) or name == "offset":
                    _fit(name, getattr(one, name), (width,))
        groups: dict[str, list[Member]] = {}
        for one in members:
            groups.setdefault(one.basis, []).append(one)
        bases = {name: self._basis(name) for name in groups}
        sums = [self._group(bases[name].tensor, group) for name, group in groups.items()]
        bases |= {one.basis: self._basis(one.basis) for one in inlined}
        for number, one in enumerate(inlined):
            tensor = bases[one.basis].tensor
            answer = append_graph(self._nodes, tensor, one.model, f"{output}_{number}_")
            sums.append(self._nodes.op("MatMul", answer, self._nodes.constant(one.place)))
        total = sums[0]
        for one in sums[1:]:
            total = self._nodes.op("Add", total, one)

        def made(look: _Look) -> FloatArray:
            answer: FloatArray = np.zeros(width)
            for one in members:
                plain = look(bases[one.basis]) @ one.coefficients + one.offset
                answer = answer + np.clip(plain, one.lower, one.upper) * one.weight
            for one in inlined:
                answer = answer + run_graph(one.model, look(bases[one.basis])) @ one.place
            return answer

        self._outputs[output] = _Output(total, [width], made)
        return output

    def _group(self, tensor: str, members: Sequence[Member]) -> str:
        """Answer all members of one basis with one matrix product."""
        nodes, width = self._nodes, len(members[0].offset)
        together = np.concatenate([one.coefficients for one in members], axis=1)
        row = {
            name: np.concatenate([one.row(name) for one in members])
            for name in ("offset", "weight", "lower", "upper")
        }
        plain = nodes.op("MatMul", tensor, nodes.constant(together))
        plain = nodes.op("Add", plain, nodes.constant(row["offset"]))
        clipped = nodes.clip(plain, row["lower"], row["upper"])
        weighted = nodes.op("Mul", clipped, nodes.constant(row["weight"]))
        shaped = nodes.op("Reshape", weighted, nodes.integers(0, len(members), width))
        return nodes.op("ReduceSum", shaped, nodes.integers(1), keepdims=0)

    def gate(
        self,
        mean: FloatArray,
        loadings: FloatArray,
        variances: FloatArray,
        *,
        basis: str = COMMON,
        q: str = "q",
        t2: str = "t2",
    ) -> tuple[str, str]:
        """Add two outputs (n,): the residual Q and Hotelling's T² of spectra on a basis.

        Args:
            mean: (p_b,) of the calibration set on this basis.
            loadings: (p_b, k) orthonormal columns.
            variances: (k,) of its scores.
            basis: of which the spectra are judged.
            q: name of ``||(x - mean) - (x - mean) P P'||²``.
            t2: name of ``sum of scores² / variances``.

        Source: Jackson and Mudholkar 1979, Technometrics 21, 341.
        """
        nodes, on = self._nodes, self._basis(basis)
        k = np.shape(loadings)[1]
        _fit("mean", mean, (len(on.axis),))
        _fit("loadings", loadings, (len(on.axis), k))
        _fit("variances", variances, (k,))
        centred = nodes.op("Sub", on.tensor, nodes.constant(mean))
        scores = nodes.op("MatMul", centred, nodes.constant(loadings))
        known = nodes.op("MatMul", scores, nodes.constant(np.transpose(loadings)))
        rest = nodes.op("Sub", centred, known)
        scaled = nodes.op("Div", nodes.op("Mul", scores, scores), nodes.constant(variances))
        last = nodes.integers(1)
        residual = nodes.op("ReduceSum", nodes.op("Mul", rest, rest), last, keepdims=0)
        distance = nodes.op("ReduceSum", scaled, last, keepdims=0)

        def residuals(look: _Look) -> FloatArray:
            centred = look(on) - mean
            return ((centred - (centred @ loadings) @ loadings.T) ** 2).sum(axis=1)

        def distances(look: _Look) -> FloatArray:
            return (((look(on) - mean) @ loadings) ** 2 / variances).sum(axis=1)

        self._outputs[q] = _Output(residual, [], residuals)
        self._outputs[t2] = _Output(distance, [], distances)
        return q, t2

    def output(self, name: str, *, basis: str = COMMON) -> str:
        """Give a basis itself out as (n, p_b)."""
        on = self._basis(basis)
        self._outputs[name] = _Output(on.tensor, [len(on.axis)], lambda look: look(on))
        return name

    def expected(self, values: FloatArray) -> dict[str, FloatArray]:
        """Return by numpy what the graph must give for raw spectra (n, p), float64."""
        clean = without_infinities(np.asarray(values, self.dtype))
        seen: dict[int, FloatArray] = {}

        def look(basis: _Basis) -> FloatArray:
            if basis.parent is None or basis.make is None:
                return clean
            if id(basis) not in seen:
                seen[id(basis)] = basis.make(look(basis.parent))
            return seen[id(basis)]

        with np.errstate(invalid="ignore"):
            return {name: one.made(look) for name, one in self._outputs.items()}

    def to_bytes(
        self, *, outputs: Sequence[str] | None = None, check: FloatArray | None = None
    ) -> bytes:
        """Return the model (opset 18, file version 8).

        Args:
            outputs: names in order; all when None.
            check: raw spectra (n, p) on which onnxruntime must give what numpy gives, one alone
                and all together.

        Raises:
            MismatchError: no such output, or the graph differs from numpy.
        """
        model = self._model(tuple(self._outputs if outputs is None else outputs))
        if check is not None:
            check_graph(model, np.asarray(check, self.dtype), self.expected)
        return model

    def save(
        self, path: Path, *, outputs: Sequence[str] | None = None, check: FloatArray | None = None
    ) -> Path:
        """Write the model to a file, whole or not at all."""
        model = self.to_bytes(outputs=outputs, check=check)
        with atomic_path(path) as part:
            part.write_bytes(model)
        return path

    def _model(self, outputs: Sequence[str]) -> bytes:
        from onnx import helper

        told: list[Any] = []
        casts: list[Any] = []
        for name in outputs:
            if name not in self._outputs:
                raise MismatchError(
                    f"the graph has no output '{name}'.", hint=f"It has {', '.join(self._outputs)}."
                )
            one = self._outputs[name]
            kind = _onnx_type(self.output_dtype)
            casts.append(helper.make_node("Cast", [one.tensor], [name], to=kind))
            told.append(helper.make_tensor_value_info(name, kind, ["batch", *one.shape]))
        shape = ["batch", len(self.axis)]
        given = helper.make_tensor_value_info("spectrum", _onnx_type(self.dtype), shape)
        constants = list(self._nodes.initializers.values())
        graph = helper.make_graph(self._nodes.nodes + casts, "trace", [given], told, constants)
        opset = [helper.make_opsetid("", OPSET)]
        whole = helper.make_model(graph, opset_imports=opset, producer_name="spectrakit")
        whole.ir_version = IR_VERSION
        return whole.SerializeToString(deterministic=True)

    def _basis(self, name: str) -> _Basis:
        if name not in self._bases:
            raise MismatchError(
                f"the graph has no basis '{name}'.", hint=f"It has {', '.join(self._bases)}."
            )
        return self._bases[name]


def _fit(what: str, array: FloatArray, shape: tuple[int, ...]) -> None:
    if np.shape(array) != shape:
        raise MismatchError(
            f"{what} of shape {np.shape(array)} stands where {shape} belongs.",
            hint="Fit the model on the basis that it is used on.",
        )


def _onnx_type(dtype: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
