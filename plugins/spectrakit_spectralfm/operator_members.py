"""The operator as members of an average: regressions of source samples as the target shows them.

``label-free`` members know the standards' spectra (their labels choose among configurations),
``updated`` ones are one regression of these source samples and the labelled standards.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import PREPROCESSINGS, Preprocessing
from spectrakit.transfer.bordered import SourceSide
from spectrakit.transfer.honest import Folds, Way
from spectrakit.transfer.joint import OWN, SETTINGS, SHARED
from spectrakit.transfer.members import ALL, LABEL_FREE, UPDATED, Member
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.ways import Met, Updating
from spectrakit_spectralfm.operator import Operator
from spectrakit_spectralfm.operator_applied import Applied, Learned, Metric

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

NOISES = (0.3, 3.0)  # times what the network expects; honest errors choose
TRUSTS = (0.0, 1.0, 10.0)
KEPT = 16  # fits: without no fold, one, and two of five
CROWD = 200  # source samples, besides the standards, that the operator is shown


@dataclass(frozen=True, slots=True)
class Shown:
    """Regressions behind each configuration of the operator; ``honest.Learned``."""

    models: Sequence[Ridge]
    metrics: Sequence[Metric]
    target: FloatArray

    def source_mse(self) -> FloatArray:
        """Return (c, penalties, k) leave-one-out errors on source samples."""
        return np.stack([model.source_mse for model in self.models])

    def predict(self, rows: Rows) -> FloatArray:
        """Return (c, penalties, rows, k) predictions of standards."""
        both = zip(self.models, self.metrics, strict=True)
        return np.stack([model.predict(metric(self.target[rows])) for model, metric in both])

    def affine(self, configuration: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope and offset of one property on preprocessed target spectra."""
        model = self.models[configuration]
        slope, offset = model.affine(np.full(len(model.y_mean), penalty))
        pulled, _ = self.metrics[configuration].pull(slope[:, [column]], offset[[column]])
        return pulled[:, 0], float(offset[column])


class Operating:
    """How the operator learns from standards; what it found for some is kept for a while."""

    def __init__(self, applied: Applied, known: FloatArray, target: FloatArray) -> None:
        self.applied, self.known, self.target = applied, known, target
        self._kept: dict[bytes, list[Learned]] = {}

    def learn(self, rows: Rows, _: int) -> Shown:
        """Return a regression for each configuration."""
        found = self._found(rows)
        models = [Ridge(one.metric(one.shown), self.known) for one in found]
        return Shown(models, [one.metric for one in found], self.target)

    def meet(self, rows: Rows, choice: int) -> Met:
        """Return the source side as the target shows it, and the metric of target spectra."""
        one = self._found(rows)[choice]
        shown = one.metric(one.shown)
        return Met(SourceSide(shown, self.known), one.metric, shown[self.applied.twins])

    def _found(self, rows: Rows) -> list[Learned]:
        key = rows.tobytes()
        if key not in self._kept:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[key] = self.applied.learn(rows, NOISES, TRUSTS)
        return self._kept[key]


def operator_members(
    operator: Operator, data: Standards, place: FloatArray,
    preprocessings: Sequence[Preprocessing] = PREPROCESSINGS,
) -> Iterator[Member]:  # fmt: skip
    """Yield the operator's members for these standards.

    Args:
        operator: in float64.
        data: at least 2 standards of 2 groups, both instruments on one axis.
        place: (p,) of the channels.
        preprocessings: which of core's to use.
    """
    crowd = crowd_of(data)
    twins = np.searchsorted(crowd, data.twins)
    for one in preprocessings:
        target = one(data.target)
        applied = Applied(operator, data.source[crowd], data.target, twins, one, place)
        how = Operating(applied, data.known[crowd], target)
        way = Way(data, how.learn, data.labels)
        texts = tuple(f"noise {n:g}, trust {t:g}" for n in NOISES for t in TRUSTS)
        yield Member(LABEL_FREE, "operator", one, texts, way, ALL)
        learn = Updating(how.meet, target, data.labels).learn
        both = Way(data, learn, data.labels, _chooser(data, way))
        for kind, some in (("updated", SHARED), ("updated, own coefficients", OWN)):
            told = tuple(f"weight {o.weight:g}, freedom {o.freedom:g}" for o in SETTINGS[some])
            yield Member(UPDATED, f"operator, {kind}", one, told, both, some)


def crowd_of(data: Standards) -> Rows:
    """Return (m,) source samples that the operator is shown: the standards, and some others."""
    others = np.setdiff1d(np.arange(len(data.source)), data.twins)
    spread = np.linspace(0, max(len(others) - 1, 0), min(len(others), CROWD))
    return np.union1d(others[np.unique(spread.round().astype(np.int64))], data.twins)


def _chooser(data: Standards, way: Way) -> Callable[[Folds], int]:
    return partial(_best, data, way)


def _best(data: Standards, way: Way, left: Folds) -> int:
    """Return the configuration with the least error over all properties, some folds unseen."""
    found = way.errors(left)
    least = (found.source_mse + found.honest_mse).min(axis=1)
    return int(np.argmin((least / np.maximum(data.known.var(axis=0), 1e-300)).mean(axis=1)))
