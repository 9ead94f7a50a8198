"""What every transfer comes down to: a weighted sum of clipped affine functions of a spectrum.

A preprocessing by matrices, a map between instruments and a linear model are one affine function
of the spectrum as measured, or of its SNV. A sum of them is what a bundle's graph computes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import BASES

FloatArray = NDArray[np.float64]
MARGIN = 0.25  # of the range of known values that a prediction may leave it by


@dataclass(frozen=True, slots=True)
class Term:
    """``weight * clip(basis(x) @ slope + offset, low, high)`` for each property.

    Attributes:
        basis: ``raw`` or ``snv``.
        slope: (q, k).
        offset: (k,).
        weight: (k,), 0 where the term says nothing of a property.
        low: (k,) least value; -inf for no limit.
        high: (k,) largest value.
    """

    basis: str
    slope: FloatArray
    offset: FloatArray
    weight: FloatArray
    low: FloatArray
    high: FloatArray


@dataclass(frozen=True, slots=True)
class GraphTerm:
    """``predict(x) @ place``: what a plugin has fitted, which need not be affine.

    Attributes:
        model: returns ONNX bytes, one input (batch, q), one output (batch, w).
        predict: (m, q) to (m, w), the same.
        place: (w, k) where the answers go, and their weights.
    """

    model: Callable[[], bytes]
    predict: Callable[[FloatArray], FloatArray]
    place: FloatArray


@dataclass(frozen=True, slots=True)
class AffineSum:
    """A calibration of (q,) target spectra for k properties."""

    terms: tuple[Term, ...]
    graphs: tuple[GraphTerm, ...] = ()

    @property
    def width(self) -> int:
        """k."""
        return len(self.terms[0].offset) if self.terms else self.graphs[0].place.shape[1]

    def predict(self, values: FloatArray) -> FloatArray:
        """Return (m, k) predictions of (m, q) target spectra; NaN where a spectrum has NaN."""
        bases = {name: BASES[name](values) for name in {term.basis for term in self.terms}}
        total = np.zeros((len(values), self.width))
        for graph in self.graphs:
            total += graph.predict(values) @ graph.place
        for term in self.terms:
            value = bases[term.basis] @ term.slope + term.offset
            total += term.weight * np.clip(value, term.low, term.high)
        return total


def limits(known: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the least and largest (k,) value that a prediction may have.

    The range of the (n, k) known values and a quarter of it on either side: an odd spectrum must
    not turn a linear model into nonsense.
    """
    low, high = np.nanmin(known, axis=0), np.nanmax(known, axis=0)
    return low - MARGIN * (high - low), high + MARGIN * (high - low)


def mixture(parts: Sequence[AffineSum], weights: FloatArray) -> AffineSum:
    """Return the average of calibrations with (parts, k) weights."""
    return AffineSum(
        tuple(
            Term(t.basis, t.slope, t.offset, t.weight * weight, t.low, t.high)
            for part, weight in zip(parts, weights, strict=True)
            for t in part.terms
        ),
        tuple(
            GraphTerm(g.model, g.predict, g.place * weight)
            for part, weight in zip(parts, weights, strict=True)
            for g in part.graphs
        ),
    )
