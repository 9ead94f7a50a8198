"""Updating that penalises what differs between the instruments, as the standards show it.

Rows target minus source, one for each standard, are given the answer 0: the regression is kept
from leaning on the directions in which the instruments differ. Together with the standards'
labels (weight 1 and more) this is updating; without them (weight 0) no label is needed. It is
done to spectra as measured, behind PDS and with virtual instruments: what these leave of the
difference is penalised. Members are averaged as in ``averaging``.

Source: Andries 2013, Appl. Spectrosc. 67, 1290 and Kalivas 2012, J. Chemom. 26, 218 (penalties
from sample and spectral differences); Kalivas 2009, J. Chemom. 23, 85 (weights of standards).
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.averaging import average
from spectrakit.transfer.bordered import Bordered, SourceSide
from spectrakit.transfer.honest import Way
from spectrakit.transfer.meetings import AS_MEASURED, PDS, SIMULATED, Meeting, meetings
from spectrakit.transfer.members import ALL, LABEL_FREE, UPDATED, Member
from spectrakit.transfer.methods import Fitted, Method
from spectrakit.transfer.ridge import PENALTIES
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.ways import Together

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Setting:
    """Weights of a standard and of a difference against a source sample."""

    label: float
    difference: float


SPACES = (AS_MEASURED, PDS, SIMULATED)
_ROUNDING = 1e-12  # of the largest row
STRENGTHS = (0.3, 3.0, 30.0)
UNLABELLED = tuple(Setting(0, strength) for strength in STRENGTHS)
LABELLED = tuple(Setting(label, strength) for label in (1, 3, 10) for strength in STRENGTHS)


class Penalised:
    """Regressions of source samples, standards (where a label counts) and differences.

    Args:
        side: the source.
        standards: (N, p) on the target.
        twins: (N, p) the same samples on the source.
        labels: (N, k).
        settings: all with labels that count, or none.
    """

    def __init__(
        self, side: SourceSide, standards: FloatArray, twins: FloatArray, labels: FloatArray,
        settings: tuple[Setting, ...],
    ) -> None:  # fmt: skip
        self._side = side
        apart, none = standards - twins, np.zeros((len(twins), labels.shape[1] + 1))
        self._rows, known = apart, none
        weight = np.array([[one.difference] for one in settings]).repeat(len(twins), axis=1)
        if settings[0].label:
            self._rows = np.vstack([standards - side.centre, apart])
            known = np.vstack([np.column_stack([labels, np.ones(len(labels))]), none])
            label = np.array([[one.label] for one in settings]).repeat(len(twins), axis=1)
            weight = np.hstack([label, weight])
        penalty = np.broadcast_to(PENALTIES * side.rows.mean, (len(settings), len(PENALTIES)))
        kernel = (self._rows @ self._rows.T)[None, None]
        least = _ROUNDING * kernel.max()  # a difference is its standard less its twin
        ridge = np.maximum(penalty[..., None] / weight[:, None, :], least)
        self._solved = Bordered(side, self._rows, kernel, known, penalty, ridge)
        self.source_mse = self._solved.source_mse

    def predict(self, spectra: FloatArray) -> FloatArray:
        """Return (settings, penalties, m, k) predictions of target spectra in the space."""
        centred = spectra - self._side.centre
        found = (centred @ self._side.rows.loadings) @ self._solved.along
        found += (centred @ self._rows.T) @ self._solved.of_rows
        return found + self._solved.offset[:, :, None]

    def affine(self, setting: int, penalty: int, column: int) -> tuple[FloatArray, float]:
        """Return slope (p,) and offset of one property."""
        at = (setting, penalty)
        slope = self._side.rows.loadings @ self._solved.along[at][:, column]
        slope = slope + self._rows.T @ self._solved.of_rows[at][:, column]
        return slope, float(self._solved.offset[at][column]) - float(self._side.centre @ slope)


@dataclass(frozen=True, slots=True)
class Penalising:
    """How they are learned at a meeting."""

    data: Standards
    meeting: Meeting
    settings: tuple[Setting, ...]

    def learn(self, rows: Rows, choice: int) -> Together:
        """Return the regressions."""
        met = self.meeting.meet(rows, choice)
        seen, labels = met.seen(self.meeting.target), self.data.labels[rows]
        model = Penalised(met.side, seen[rows], met.twins[rows], labels, self.settings)
        return Together(model, seen, met.mapping)


def penalised_members(data: Standards, seed: int) -> Iterator[Member]:
    """Yield the members: each preprocessing and meeting, with and without labels."""
    for meeting in meetings(data, seed):
        if meeting.name not in SPACES:
            continue
        for family, settings, aim in (
            (LABEL_FREE, UNLABELLED, meeting.own),
            (UPDATED, LABELLED, data.labels),
        ):
            way = Way(data, Penalising(data, meeting, settings).learn, aim, meeting.choose)
            texts = tuple(f"weight {o.label:g}, difference {o.difference:g}" for o in settings)
            name = f"{meeting.name}, differences penalised"
            yield Member(family, name, meeting.preprocessing, texts, way, ALL)


def fit_differences(data: Standards, seed: int) -> Fitted:
    """Fit the average of regressions that are kept from what differs between the instruments."""
    return average(penalised_members(data, seed), data)


DIFFERENCES = Method(
    "difference-updating",
    "Updating that penalises what differs between the instruments on the standards.",
    "labels",
    fit_differences,
    2,
    True,
    nested=True,
)
