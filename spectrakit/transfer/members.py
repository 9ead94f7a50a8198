"""Members of an average: a preprocessing, and a way to meet the target instrument behind it.

A member has several configurations (parameters of its map, weights of the standards), each at all
penalties, with errors on standards that it had not seen; see ``honest``.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spectrakit.transfer.bases import Preprocessing, of_averages
from spectrakit.transfer.honest import WHOLE, Alone, Errors, Folds, Way
from spectrakit.transfer.joint import OWN, SETTINGS, SHARED
from spectrakit.transfer.meetings import LATENT, Meeting, meetings
from spectrakit.transfer.ridge import Ridge
from spectrakit.transfer.standard_samples import Standards
from spectrakit.transfer.ways import OfStandards, Updating

FloatArray = NDArray[np.float64]
Rows = NDArray[np.int64]

LABEL_FREE, UPDATED, TARGET_ONLY = "label-free", "updated", "target-only"
ALL = slice(None)


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


def members(data: Standards, seed: int) -> Iterator[Member]:
    """Yield every member for these standards.

    Args:
        data: at least 2 standards of 2 groups.
        seed: of the virtual instruments.
    """
    for meeting in meetings(data, seed):
        if meeting.way is not None:
            about = (meeting.name, meeting.preprocessing, meeting.texts)
            yield Member(LABEL_FREE, *about, meeting.way, ALL)
        if not data.same_axis or meeting.name != LATENT:
            yield from _updated(data, meeting)
    for preprocessing in of_averages(len(data.source)):
        yield _target_only(data, preprocessing)


def _updated(data: Standards, meeting: Meeting) -> Iterator[Member]:
    how = Updating(meeting.meet, meeting.target, data.labels)
    way = Way(data, how.learn, data.labels, meeting.choose)
    for kind, some in (("updated", SHARED), ("updated, own coefficients", OWN)):
        texts = tuple(f"weight {o.weight:g}, freedom {o.freedom:g}" for o in SETTINGS[some])
        yield Member(UPDATED, f"{meeting.name}, {kind}", meeting.preprocessing, texts, way, some)


def _target_only(data: Standards, preprocessing: Preprocessing) -> Member:
    target = preprocessing(data.target)

    def learn(rows: Rows, _: int) -> OfStandards:
        return OfStandards(Ridge(target[rows], data.labels[rows]), target)

    way = Alone(data, learn, data.labels)
    return Member(TARGET_ONLY, TARGET_ONLY, preprocessing, ("",), way, ALL)
