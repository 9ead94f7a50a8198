"""Members of an average: a preprocessing, a way to meet the target instrument, and honest errors.

A member has several configurations (parameters of its map, weights of the standards), each at all
penalties. Its errors on standards come from folds in which everything that learns from standards,
maps included, did not see them: an error of what was fitted on the same standards is too good,
and weights made of such errors are worse than none (recipe R, point 6).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.joint import (
    OWN,
    SETTINGS,
    SHARED,
    affine_joint,
    fit_joint,
    predict_joint,
)
from spectrakit.transfer.maps import (
    SpectrumMap,
    global_gain,
    latent_ridge,
    mean_difference,
    piecewise,
)
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.simulated import SHRINKAGES, SimulatedOperator, virtual_instruments

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]
Fit = Callable[[FloatArray, FloatArray], SpectrumMap]
Affine = Callable[[int, int, int], tuple[FloatArray, float]]

FOLDS = 5
LABEL_FREE, UPDATED, TARGET_ONLY = "label-free", "updated", "target-only"
LATENT_RIDGES = (0.01, 0.1, 1.0)
PIECEWISE = ((0, 0.03), (1, 0.03), (1, 0.3), (3, 0.1), (3, 1.0), (8, 0.3), (8, 3.0))


@dataclass(frozen=True, slots=True, eq=False)  # equal only to itself: members are kept by it
class Standards:
    """Source samples, and the standards among them measured on the target too.

    Attributes:
        source: (n, p) source spectra.
        known: (n, k) their reference values.
        target: (N, q) standards on the target instrument.
        twins: (N,) rows of ``source`` that are the same samples.
        labels: (N, k) reference values of the standards.
        groups: (N,) numbers; standards of one group stay in one fold.
        same_axis: the two instruments share the axis (p = q).
    """

    source: FloatArray
    known: FloatArray
    target: FloatArray
    twins: Rows
    labels: FloatArray
    groups: Rows
    same_axis: bool

    def folds(self) -> list[tuple[Rows, Rows]]:
        """Return (rows to learn from, rows left out) of each fold; groups are never split."""
        found, where = np.unique(self.groups, return_inverse=True)
        n = min(FOLDS, len(found))
        rows = np.arange(len(self.groups))
        return [(rows[where % n != k], rows[where % n == k]) for k in range(n)]


@dataclass(frozen=True, slots=True)
class Member:
    """One way to predict, in all its configurations.

    Attributes:
        family: ``label-free``, ``updated`` or ``target-only``.
        name: of the way, e.g. ``PDS``.
        preprocessing: what its spectra went through.
        texts: of its configurations, for the report.
        source_mse: (configurations, penalties, k) leave-one-out error on source samples.
        honest_mse: (configurations, penalties, k) error on standards left out: of the labels, or
            (label-free) of the source model's predictions for the same samples.
        left_out: (configurations, penalties, N, k) predictions of standards left out.
        affine: (configuration, penalty, property) to slope on the basis and offset.
    """

    family: str
    name: str
    preprocessing: Preprocessing
    texts: tuple[str, ...]
    source_mse: FloatArray
    honest_mse: FloatArray
    left_out: FloatArray
    affine: Affine


@lru_cache(maxsize=FOLDS + 1)  # two averages ask for them, on all standards and on each fold
def members(data: Standards, seed: int) -> tuple[Member, ...]:
    """Return every member for these standards.

    Args:
        data: at least 2 standards of 2 groups.
        seed: of the virtual instruments.
    """
    simulated = None
    if data.same_axis:
        simulated = virtual_instruments(data.source, np.random.default_rng(seed))
    return tuple(
        member
        for preprocessing in PREPROCESSINGS
        for member in _of_one(data, preprocessing, simulated)
    )


def _of_one(
    data: Standards, preprocessing: Preprocessing, simulated: FloatArray | None
) -> Iterator[Member]:
    source, target = preprocessing(data.source), preprocessing(data.target)
    model = Ridge(source, data.known)
    own = model.predict(source[data.twins])
    mapped: dict[str, Fit] = {}
    for name, texts, fits in _maps(data.same_axis):
        member, best = _mapped(data, preprocessing, name, texts, fits, source, target, model, own)
        mapped[name] = fits[best]
        yield member
    virtual = None
    if simulated is not None:
        operator = SimulatedOperator.of(source, simulated, preprocessing)
        member, best = _simulated(data, preprocessing, operator, target, own)
        virtual = (operator, SHRINKAGES[best])
        yield member
        yield from _updated(data, preprocessing, "as measured", None, None, source, target)
    for name, fit in mapped.items():
        if not data.same_axis or name != "latent":
            yield from _updated(data, preprocessing, name, fit, None, source, target)
    if virtual is not None:
        name = "simulated instruments"
        yield from _updated(data, preprocessing, name, None, virtual, source, target)
    yield _target_only(data, preprocessing, target)


def _maps(same_axis: bool) -> Iterator[tuple[str, tuple[str, ...], list[Fit]]]:
    if same_axis:
        yield "mean difference", ("",), [mean_difference]
        yield "gain", ("",), [global_gain]
    yield (
        "latent",
        tuple(f"ridge {ridge:g}" for ridge in LATENT_RIDGES),
        [partial(latent_ridge, ridge=ridge) for ridge in LATENT_RIDGES],
    )
    if same_axis:
        yield (
            "PDS",
            tuple(f"window {2 * half + 1}, ridge {ridge:g}" for half, ridge in PIECEWISE),
            [partial(piecewise, half=half, ridge=ridge) for half, ridge in PIECEWISE],
        )


def _mapped(
    data: Standards, preprocessing: Preprocessing, name: str, texts: tuple[str, ...],
    fits: list[Fit], source: FloatArray, target: FloatArray, model: Ridge, own: FloatArray,
) -> tuple[Member, int]:  # fmt: skip
    twins = source[data.twins]
    left_out = np.empty((len(fits), *own.shape))
    for rows, held in data.folds():
        for k, fit in enumerate(fits):
            left_out[k][:, held] = model.predict(fit(target[rows], twins[rows])(target[held]))
    honest = np.mean((left_out - own) ** 2, axis=2)
    base = np.broadcast_to(model.source_mse, honest.shape)
    whole = [fit(target, twins) for fit in fits]

    def affine(k: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        slope, offset = model.affine(np.full(own.shape[2], penalty))
        slope, offset = whole[k].pull(slope[:, [column]], offset[[column]])
        return preprocessing.pull(slope)[:, 0], float(offset[0])

    member = Member(LABEL_FREE, name, preprocessing, texts, base, honest, left_out, affine)
    return member, _best(base, honest, data.known)


def _simulated(
    data: Standards, preprocessing: Preprocessing, operator: SimulatedOperator,
    target: FloatArray, own: FloatArray,
) -> tuple[Member, int]:  # fmt: skip
    left_out = np.empty((len(SHRINKAGES), *own.shape))
    for rows, held in data.folds():
        for k, shrinkage in enumerate(SHRINKAGES):
            like = operator.target_like(target[rows], data.twins[rows], shrinkage)
            left_out[k][:, held] = Ridge(like, data.known).predict(target[held])
    honest = np.mean((left_out - own) ** 2, axis=2)
    whole = [
        Ridge(operator.target_like(target, data.twins, shrinkage), data.known)
        for shrinkage in SHRINKAGES
    ]
    base = np.stack([model.source_mse for model in whole])

    def affine(k: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        slope, offset = whole[k].affine(np.full(own.shape[2], penalty))
        return preprocessing.pull(slope[:, [column]])[:, 0], float(offset[column])

    texts = tuple(f"shrinkage {value:g}" for value in SHRINKAGES)
    name = "simulated instruments"
    member = Member(LABEL_FREE, name, preprocessing, texts, base, honest, left_out, affine)
    return member, _best(base, honest, data.known)


def _best(source_mse: FloatArray, honest_mse: FloatArray, known: FloatArray) -> int:
    """Return the configuration with the least error over all properties."""
    least = (source_mse + honest_mse).min(axis=1) / np.maximum(known.var(axis=0), 1e-300)
    return int(np.argmin(least.mean(axis=1)))


def _updated(
    data: Standards, preprocessing: Preprocessing, name: str, fit: Fit | None,
    virtual: tuple[SimulatedOperator, float] | None, source: FloatArray, target: FloatArray,
) -> Iterator[Member]:  # fmt: skip
    """Yield what learns from source samples and labelled standards in one space; see ``joint``.

    Two members: one model for both instruments, and coefficients of the target's own beside it.
    """
    n, size = len(source), len(target)
    is_target = np.r_[np.zeros(n), np.ones(size)]
    y = np.vstack([data.known, data.labels])

    def space(rows: Rows) -> tuple[FloatArray, FloatArray, SpectrumMap | None]:
        if virtual is not None:
            operator, shrinkage = virtual
            return operator.target_like(target[rows], data.twins[rows], shrinkage), target, None
        if fit is None:
            return source, target, None
        found = fit(target[rows], source[data.twins[rows]])
        return source, found(target), found

    left_out: FloatArray | None = None
    for rows, held in data.folds():
        left, right, _ = space(rows)
        centre = left.mean(axis=0)
        used = np.r_[np.arange(n), n + rows]
        spectra = np.vstack([left, right]) - centre
        gram = spectra[used] @ spectra[used].T
        found = fit_joint(gram, y[used], is_target[used])
        cross = spectra[n + held] @ spectra[used].T
        part = predict_joint(found, gram, cross, is_target[used])
        if left_out is None:
            left_out = np.empty((*part.shape[:2], size, y.shape[1]))
        left_out[:, :, held] = part
    assert left_out is not None  # there are two groups at least
    left, right, mapping = space(np.arange(size))
    centre = left.mean(axis=0)
    spectra = np.vstack([left, right]) - centre
    gram = spectra @ spectra.T
    whole = fit_joint(gram, y, is_target)

    def affine(k: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        setting = SETTINGS[k]
        slope, value = affine_joint(whole, spectra, gram, is_target, setting, k, penalty, column)
        offset = value - float(centre @ slope)
        if mapping is None:
            return preprocessing.pull(slope[:, None])[:, 0], offset
        pulled, offsets = mapping.pull(slope[:, None], np.array([offset]))
        return preprocessing.pull(pulled)[:, 0], float(offsets[0])

    source_mse = np.mean(whole.loo[:, :, :n] ** 2, axis=2)
    honest_mse = np.mean((left_out - data.labels) ** 2, axis=2)
    for kind, part in (("updated", SHARED), ("updated, own coefficients", OWN)):
        first = part.start
        yield Member(
            UPDATED,
            f"{name}, {kind}",
            preprocessing,
            tuple(f"weight {o.weight:g}, freedom {o.freedom:g}" for o in SETTINGS[part]),
            source_mse[part],
            honest_mse[part],
            left_out[part],
            partial(_shifted, affine, first),
        )


def _shifted(
    affine: Affine, first: int, k: int, penalty: int, column: int
) -> tuple[FloatArray, float]:
    return affine(first + k, penalty, column)


def _target_only(data: Standards, preprocessing: Preprocessing, target: FloatArray) -> Member:
    model = Ridge(target, data.labels)
    left_out = (data.labels + model.loo)[None]
    if len(np.unique(data.groups)) < len(data.groups):
        for rows, held in data.folds():
            part = Ridge(target[rows], data.labels[rows]).predict(target[held])
            left_out[0][:, held] = part
    honest = np.mean((left_out - data.labels) ** 2, axis=2)

    def affine(k: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        slope, offset = model.affine(np.full(data.labels.shape[1], penalty))
        return preprocessing.pull(slope[:, [column]])[:, 0], float(offset[column])

    return Member(TARGET_ONLY, TARGET_ONLY, preprocessing, ("",), honest, honest, left_out, affine)
