"""Fit the ranker: weights that make the right candidates likeliest, constants of probabilities.

The weights are those of a conditional logit; the probability of "none of them" is fitted by
maximum likelihood on top of the merits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spectrakit.bundle import write_bundle
from spectrakit.search.conditional_logit import conditional_logit
from spectrakit.search.ranker import NoneOfThem, Presence
from spectrakit.spectrum import FloatArray


@dataclass(frozen=True, slots=True)
class Case:
    """One spectrum: (n, f) features of its candidates and the row of the right one, -1 for none."""

    features: FloatArray
    truth: int
    n_peaks: int
    weight: float = 1.0  # such that every molecule counts alike


def fit_weights(
    cases: Sequence[Case], penalty: float = 1e-3, fixed: Mapping[int, float] | None = None
) -> FloatArray:
    """Return (f,) weights that make the true candidates likeliest.

    Args:
        cases: those without a truth, or with one candidate only, teach nothing and are left out.
        penalty: weight of the squared weights against the mean negative log-likelihood.
        fixed: column to a weight that is known and not fitted.

    Raises:
        ValueError: no case has a truth and a rival.
    """
    used = [case for case in cases if case.truth >= 0 and len(case.features) > 1]
    if not used:
        raise ValueError("no case has both its truth and a rival")
    known = dict(fixed or {})
    free = [column for column in range(used[0].features.shape[1]) if column not in known]
    share = np.array([case.weight for case in used])
    told = [case.features[:, list(known)] @ np.array(list(known.values())) for case in used]
    found = np.zeros(len(free) + len(known))
    found[free] = conditional_logit(
        [case.features[:, free] for case in used],
        [case.truth for case in used],
        penalty=penalty,
        share=share / share.sum(),
        offset=np.concatenate(told),
    )
    found[list(known)] = list(known.values())
    return found


def fit_none(merits: Sequence[FloatArray], cases: Sequence[Case]) -> tuple[float, NoneOfThem]:
    """Return by what merits are to be multiplied, and the merit of "none of the candidates".

    Weights fitted where every truth is listed trust too much where some are not: lists without
    the truth show how well a wrong candidate can look. About half of the cases should be such.
    """
    own = np.array(
        [m[c.truth] if c.truth >= 0 else 0.0 for m, c in zip(merits, cases, strict=True)]
    )
    known, peaks, share = _columns(cases)

    def loss(x: FloatArray) -> float:
        scale, none = np.exp(x[0]), x[1] + x[2] * peaks
        sums = np.array([_log_sum(scale * merit) for merit in merits])
        return float(share @ (np.logaddexp(sums, none) - np.where(known, scale * own, none)))

    log_scale, base, slope = _minimised(loss, [0.0, 1.0, 0.0])
    return float(np.exp(log_scale)), NoneOfThem(base, slope)


def fit_presence(merits: Sequence[FloatArray], cases: Sequence[Case]) -> Presence:
    """Return the constants of "one of the candidates"; some cases must have no truth."""
    best = np.array([float(merit.max()) for merit in merits])
    known, peaks, share = _columns(cases)

    def loss(x: FloatArray) -> float:
        logit = x[0] + x[1] * peaks + x[2] * best
        return float(share @ (np.logaddexp(0, logit) - known * logit))

    return Presence(*_minimised(loss, [0.0, 0.0, 0.3]))


def _columns(cases: Sequence[Case]) -> tuple[NDArray[np.bool_], FloatArray, FloatArray]:
    known = np.array([case.truth >= 0 for case in cases])
    share = np.array([case.weight for case in cases])
    return known, np.log1p([case.n_peaks for case in cases]), share / share.sum()


def _log_sum(merit: FloatArray) -> float:
    return float(np.logaddexp.reduce(merit)) if len(merit) else -np.inf


def _minimised(loss: Any, start: list[float]) -> list[float]:
    from scipy.optimize import minimize

    found = minimize(loss, np.array(start), method="Nelder-Mead", options={"maxiter": 2000})
    return [float(value) for value in found.x]


def rank_graph(weights: Sequence[float]) -> bytes:
    """Return the ONNX graph that multiplies ``features`` (n, f) by weights to ``merit`` (n,)."""
    from onnx import TensorProto, helper, numpy_helper

    column = numpy_helper.from_array(np.asarray(weights, np.float32), "weights")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["features", "weights"], ["merit"])],
        "ranker",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(weights)])],
        [helper.make_tensor_value_info("merit", TensorProto.FLOAT, ["n"])],
        [column],
    )
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString()


def write_ranker(
    path: Path,
    weights: Mapping[str, float],
    constants: Mapping[str, Presence | NoneOfThem],
    *,
    replace_old: bool = False,
    **fields: Any,
) -> Path:
    """Write a ranker as a bundle and return its folder.

    Args:
        path: folder ``NAME@VERSION``.
        weights: feature (one of ``ranker.FEATURES``) to weight, in log-odds for one unit.
        constants: of the probabilities of ``structure``, ``library`` and ``reference``.
        replace_old: take the place of one that is there.
        fields: of the manifest: metrics, data, licence, attributions, summary.

    Raises:
        InputError: it cannot be written.
    """
    return write_bundle(
        path,
        graphs={"rank": rank_graph(list(weights.values()))},
        units={"rank": {"merit": "log-odds"}},
        replace_old=replace_old,
        task="rank",
        modality="msms",
        input={"kind": "features", "names": list(weights)},
        calibration={kind: asdict(one) for kind, one in constants.items()},
        **fields,
    )
