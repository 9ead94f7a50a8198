"""`spectrakit transfer fit --method spectralfm`: the learned operator as a method of the sweep.

``how=average`` is core's honest average over members of the operator (and, with ``beside``, over
core's own members too, which is recipe R with one family more); ``how=direct`` predicts in
context: what the network says is believed, nothing is chosen on the standards.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from spectrakit.bundle.trace_graph import Member as Part
from spectrakit.bundle.trace_graph import TraceGraph
from spectrakit.errors import MismatchError
from spectrakit.plugin import TransferJob
from spectrakit.preprocess.trace_chain import parse_chain
from spectrakit.transfer.affine import AffineSum
from spectrakit.transfer.averaging import average
from spectrakit.transfer.members import members
from spectrakit.transfer.standard_samples import Standards
from spectrakit_spectralfm.direct import direct
from spectrakit_spectralfm.model import TECHNIQUES
from spectrakit_spectralfm.operator_members import operator_members
from spectrakit_spectralfm.operator_pretrain import load_operator
from spectrakit_spectralfm.operator_tasks import place_of
from spectrakit_spectralfm.places import coordinate
from spectrakit_spectralfm.plugin import TransferOptions

FloatArray = NDArray[np.float64]
LEAST = 2  # standards
SLACK = 0.02  # decades of wavenumber that a range may go beyond what was pretrained


class OperatorTransfer:
    """The operator on two axes that are one."""

    name: ClassVar[str] = "spectralfm"

    def __init__(self, job: TransferJob, options: TransferOptions) -> None:
        self.operator, told = load_operator(job.parent)
        _check(job, told)
        self.options, self._seed = options, job.seed
        self._axis = np.asarray(job.axis, np.float64)
        self._place = place_of(self._axis, job.axis_unit)
        self._sum: AffineSum | None = None
        self.chosen = ""

    def fit(self, source: Any, target: Any, pairs: Any, reference: Any) -> Self:
        """Learn from source samples (n, p), standards (N, p) and their pairs (N, 2).

        Raises:
            MismatchError: fewer than 2 standards.
        """
        pairs = np.asarray(pairs, np.int64)
        twins = pairs[:, 0]
        if len(np.unique(twins)) < LEAST:
            raise MismatchError(
                f"spectralfm needs {LEAST} standards, there are {len(np.unique(twins))}.",
                hint="Measure more samples on both instruments.",
            )
        known = np.asarray(reference, np.float64)
        groups = np.unique(twins, return_inverse=True)[1].astype(np.int64)
        data = Standards(
            np.asarray(source, np.float64), known, np.asarray(target, np.float64)[pairs[:, 1]],
            twins, known[twins], groups, True,
        )  # fmt: skip
        if self.options.how == "direct":
            fitted = direct(self.operator, data, self._place)
        else:
            found = list(operator_members(self.operator, data, self._place))
            if self.options.beside:
                found += members(data, self._seed)
            fitted = average(found, data)
        self._sum, self.chosen = fitted.calibration, fitted.chosen[0]
        return self

    def predict(self, spectra: Any) -> FloatArray:
        """Return (m, k) values of target spectra (m, p)."""
        return self._fitted().predict(np.asarray(spectra, np.float64))

    def to_onnx(self, path: Path) -> None:
        """Write the calibration as one graph, without torch."""
        graph = TraceGraph(self._axis)
        bases = {"raw": graph.basis("raw"), "snv": graph.basis("snv", parse_chain("snv"))}
        terms = self._fitted().terms
        graph.head([
            Part(bases[t.basis], t.slope, t.offset, t.weight, t.low, t.high) for t in terms
        ])  # fmt: skip
        graph.save(path)

    def _fitted(self) -> AffineSum:
        if self._sum is None:
            raise MismatchError("spectralfm was not fitted yet.", hint="Call fit first.")
        return self._sum


def method(job: TransferJob, options: TransferOptions) -> OperatorTransfer:
    """Return the method for two instruments, fitted to nothing."""
    return OperatorTransfer(job, options)


def _check(job: TransferJob, told: Any) -> None:
    """Check that the operator knows such spectra.

    Raises:
        MismatchError: two axes, another technique, or a range that was not pretrained.
    """
    one, other = np.asarray(job.axis), np.asarray(job.target_axis)
    if len(one) != len(other) or not np.array_equal(one, other):
        raise MismatchError(
            "spectralfm needs both instruments on one axis, and these have no common range.",
            hint="Use --method auto: latent maps need no common range.",
        )
    seen = told["seen"]
    if job.modality in TECHNIQUES and job.modality not in seen:
        raise MismatchError(
            f"the operator was pretrained on {', '.join(sorted(seen)) or 'no'} spectra, these are "
            f"{job.modality}.",
            hint="Pretrain it on such spectra too, or use --method auto.",
        )
    where, known = coordinate(one[[0, -1]], job.axis_unit)
    if not known or job.modality not in seen:
        return
    low, high = seen[job.modality]
    if where.min() < low - SLACK or where.max() > high + SLACK:
        raise MismatchError(
            f"the spectra cover {one[0]:g} to {one[-1]:g} {job.axis_unit} "
            f"({10 ** where.min():.0f} to {10 ** where.max():.0f} cm-1); the operator was "
            f"pretrained on {job.modality} spectra of {10**low:.0f} to {10**high:.0f} cm-1.",
            hint="Cut them with --preprocess 'cut(START-STOP)', or pretrain on such spectra too.",
        )
