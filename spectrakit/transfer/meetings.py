"""Where the two instruments meet, behind each preprocessing: a map of target spectra to the
source, source samples as the target would show them, or the spectra as they were measured.

What members of an average are made of; two averages share them, fits without folds included.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import Preprocessing, of_averages
from spectrakit.transfer.bordered import SourceSide
from spectrakit.transfer.honest import Folds, Way
from spectrakit.transfer.maps import global_gain, latent_ridge, mean_difference, piecewise
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.simulated import SHRINKAGES, SimulatedOperator, virtual_instruments
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.ways import Fit, Maps, Meet, Met, Virtual

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

AS_MEASURED, PDS, SIMULATED, LATENT = "as measured", "PDS", "simulated instruments", "latent"
LATENT_RIDGES = (0.01, 0.1, 1.0)
PIECEWISE = ((0, 0.03), (1, 0.03), (1, 0.3), (3, 0.1), (3, 1.0), (8, 0.3), (8, 3.0))
CROWD = 200  # source samples, besides the standards, that virtual instruments are shown


@dataclass(frozen=True, slots=True)
class Meeting:
    """One place behind one preprocessing.

    Attributes:
        name: of it, e.g. ``PDS``.
        preprocessing: what spectra went through.
        target: (N, q) standards on the target, preprocessed.
        own: (penalties, N, k) what the source's model says of the standards' twins.
        texts: of the configurations that can be chosen, for the report.
        way: to predict there without labels; None where only labels help (as measured).
        meet: learns the place from some standards.
        choose: the configuration that is best for some standards.
    """

    name: str
    preprocessing: Preprocessing
    target: FloatArray
    own: FloatArray
    texts: tuple[str, ...]
    way: Way | None
    meet: Meet
    choose: Callable[[Folds], int]


@lru_cache(maxsize=1)  # two averages ask for them
def meetings(data: Standards, seed: int) -> tuple[Meeting, ...]:
    """Return every meeting for these standards, those of one preprocessing together.

    Args:
        data: at least 2 standards of 2 groups.
        seed: of the virtual instruments.
    """
    virtual = _crowd(data, seed) if data.same_axis else None
    return tuple(
        meeting
        for preprocessing in of_averages(len(data.source))
        for meeting in _of_one(data, preprocessing, virtual)
    )


def _crowd(data: Standards, seed: int) -> tuple[Rows, FloatArray]:
    """Return (m,) source samples for virtual instruments, and (instruments, m, p) spectra."""
    others = np.setdiff1d(np.arange(len(data.source)), data.twins)
    spread = np.linspace(0, max(len(others) - 1, 0), min(len(others), CROWD))
    chosen = np.union1d(others[np.unique(spread.round().astype(np.int64))], data.twins)
    return chosen, virtual_instruments(data.source[chosen], np.random.default_rng(seed))


def _of_one(
    data: Standards, preprocessing: Preprocessing, simulated: tuple[Rows, FloatArray] | None
) -> Iterator[Meeting]:
    source, target = preprocessing(data.source), preprocessing(data.target)
    model, side = Ridge(source, data.known), SourceSide(source, data.known)
    twins = source[data.twins]
    own = model.predict(twins)

    def of(name: str, texts: tuple[str, ...], how: Maps | Virtual) -> Meeting:
        way = Way(data, how.learn, own)
        choose = partial(_best, data, way)
        return Meeting(name, preprocessing, target, own, texts, way, how.meet, choose)

    for name, texts, fits in _maps(data.same_axis):
        yield of(name, texts, Maps(fits, model, side, twins, target))
    if simulated is not None:
        crowd, spectra = simulated
        operator = SimulatedOperator.of(source[crowd], spectra, preprocessing)
        texts = tuple(f"shrinkage {value:g}" for value in SHRINKAGES)
        rows = np.searchsorted(crowd, data.twins)
        yield of(SIMULATED, texts, Virtual(operator, data.known[crowd], rows, target))

        def as_measured(rows: Rows, choice: int) -> Met:
            return Met(side, None, twins)

        yield Meeting(
            AS_MEASURED, preprocessing, target, own, ("",), None, as_measured, lambda left: 0
        )


def _maps(same_axis: bool) -> Iterator[tuple[str, tuple[str, ...], Sequence[Fit]]]:
    if same_axis:
        yield "mean difference", ("",), [mean_difference]
        yield "gain", ("",), [global_gain]
    yield (
        LATENT,
        tuple(f"ridge {ridge:g}" for ridge in LATENT_RIDGES),
        [partial(latent_ridge, ridge=ridge) for ridge in LATENT_RIDGES],
    )
    if same_axis:
        yield (
            PDS,
            tuple(f"window {2 * half + 1}, ridge {ridge:g}" for half, ridge in PIECEWISE),
            [partial(piecewise, half=half, ridge=ridge) for half, ridge in PIECEWISE],
        )


def _best(data: Standards, way: Way, left: Folds) -> int:
    """Return the configuration with the least error over all properties, some folds unseen."""
    found = way.errors(left)
    least = (found.source_mse + found.honest_mse).min(axis=1)
    return int(np.argmin((least / np.maximum(data.known.var(axis=0), 1e-300)).mean(axis=1)))
