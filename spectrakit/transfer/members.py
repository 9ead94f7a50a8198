"""Members of an average: a preprocessing, and a way to meet the target instrument behind it.

A member has several configurations (parameters of its map, weights of the standards), each at all
penalties, with errors on standards that it had not seen; see ``honest``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.honest import WHOLE, Alone, Errors, Folds, Way
from spectrakit.transfer.joint import OWN, SETTINGS, SHARED, SourceSide
from spectrakit.transfer.maps import global_gain, latent_ridge, mean_difference, piecewise
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.simulated import SHRINKAGES, SimulatedOperator, virtual_instruments
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.ways import Fit, Maps, Meet, OfStandards, Updating, Virtual

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

LABEL_FREE, UPDATED, TARGET_ONLY = "label-free", "updated", "target-only"
ALL = slice(None)
LATENT_RIDGES = (0.01, 0.1, 1.0)
PIECEWISE = ((0, 0.03), (1, 0.03), (1, 0.3), (3, 0.1), (3, 1.0), (8, 0.3), (8, 3.0))
CROWD = 200  # source samples, besides the standards, that virtual instruments are shown


@dataclass(frozen=True, slots=True)
class Member:
    """One way to predict, in all its configurations.

    Attributes:
        family: ``label-free``, ``updated`` or ``target-only``.
        name: of the way, e.g. ``PDS``.
        preprocessing: what its spectra went through.
        texts: of its configurations, for the report.
        way: how it learns; several members may share one.
        some: which of the way's configurations are this member's.
    """

    family: str
    name: str
    preprocessing: Preprocessing
    texts: tuple[str, ...]
    way: Way
    some: slice

    def errors(self, left: Folds = WHOLE) -> Errors:
        """Return the errors on standards, without looking at some folds."""
        return self.way.errors(left).part(self.some)

    def outside(self, fold: int) -> FloatArray:
        """Return (configurations, penalties, h, k) predictions of a fold that it never saw."""
        return self.way.outside(fold)[self.some]

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope (q,) on the basis and offset of one property."""
        first = self.some.start or 0
        fit = self.way.learned(WHOLE)
        slope, offset = fit.affine(first + configuration, penalty, column)
        return self.preprocessing.pull(slope[:, None])[:, 0], offset


@lru_cache(maxsize=1)  # two averages ask for them
def members(data: Standards, seed: int) -> tuple[Member, ...]:
    """Return every member for these standards.

    Args:
        data: at least 2 standards of 2 groups.
        seed: of the virtual instruments.
    """
    virtual = _crowd(data, seed) if data.same_axis else None
    return tuple(
        member
        for preprocessing in PREPROCESSINGS
        for member in _of_one(data, preprocessing, virtual)
    )


def _crowd(data: Standards, seed: int) -> tuple[Rows, FloatArray]:
    """Return (m,) source samples for virtual instruments, and (instruments, m, p) spectra."""
    others = np.setdiff1d(np.arange(len(data.source)), data.twins)
    spread = np.linspace(0, max(len(others) - 1, 0), min(len(others), CROWD))
    chosen = np.union1d(others[np.unique(spread.round().astype(np.int64))], data.twins)
    return chosen, virtual_instruments(data.source[chosen], np.random.default_rng(seed))


def _of_one(
    data: Standards, preprocessing: Preprocessing, simulated: tuple[Rows, FloatArray] | None
) -> Iterator[Member]:
    source, target = preprocessing(data.source), preprocessing(data.target)
    model, side = Ridge(source, data.known), SourceSide(source, data.known)
    own = model.predict(source[data.twins])

    def both(name: str, texts: tuple[str, ...], how: Maps | Virtual) -> Iterator[Member]:
        way = Way(data, how.learn, own)
        yield Member(LABEL_FREE, name, preprocessing, texts, way, ALL)
        if not data.same_axis or name != "latent":
            yield from updated(name, how.meet, partial(_best, data, way))

    def updated(name: str, meet: Meet, choose: Callable[[Folds], int]) -> Iterator[Member]:
        way = Way(data, Updating(meet, target, data.labels).learn, data.labels, choose)
        for kind, some in (("updated", SHARED), ("updated, own coefficients", OWN)):
            texts = tuple(f"weight {o.weight:g}, freedom {o.freedom:g}" for o in SETTINGS[some])
            yield Member(UPDATED, f"{name}, {kind}", preprocessing, texts, way, some)

    for name, texts, fits in _maps(data.same_axis):
        yield from both(name, texts, Maps(fits, model, side, source[data.twins], target))
    if simulated is not None:
        crowd, spectra = simulated
        operator = SimulatedOperator.of(source[crowd], spectra, preprocessing)
        twins = np.searchsorted(crowd, data.twins)
        texts = tuple(f"shrinkage {value:g}" for value in SHRINKAGES)
        how = Virtual(operator, data.known[crowd], twins, target)
        yield from both("simulated instruments", texts, how)
        yield from updated("as measured", lambda rows, choice: (side, None), lambda left: 0)

    def alone(rows: Rows, _: int) -> OfStandards:
        return OfStandards(Ridge(target[rows], data.labels[rows]), target)

    way = Alone(data, alone, data.labels)
    yield Member(TARGET_ONLY, TARGET_ONLY, preprocessing, ("",), way, ALL)


def _maps(same_axis: bool) -> Iterator[tuple[str, tuple[str, ...], Sequence[Fit]]]:
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


def _best(data: Standards, way: Way, left: Folds) -> int:
    """Return the configuration with the least error over all properties, some folds unseen."""
    found = way.errors(left)
    least = (found.source_mse + found.honest_mse).min(axis=1)
    return int(np.argmin((least / np.maximum(data.known.var(axis=0), 1e-300)).mean(axis=1)))
