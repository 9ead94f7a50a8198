"""One ranker for library compounds and candidate structures: named features into one merit.

Every scorer says something of its own, in its own unit: how alike the spectra are, what the
fragmenter explains, where the learned fingerprint points, how rare the ion is. A small graph,
stored as a bundle of role ``rank``, turns these features into log-odds; its calibration turns
merits into probabilities. A feature that a candidate has not (a compound without a structure, a
library without embeddings) is the mean of its rivals, which favours none.

What knows the library instead of the chemistry - how many spectra a compound has, which
energies exist, whether it is a member, how popular it is - is no feature: it buys 10 to 20
points in benchmarks and nothing at the bench.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spectrakit.bundle import Bundle
from spectrakit.errors import MismatchError
from spectrakit.spectrum import FloatArray

LIBRARY_FEATURES = ("similarity", "fragmenter", "embedding")
REFERENCE_FEATURES = ("embedding", "fragmenter", "mass_error", "adduct")
STRUCTURE_FEATURES = ("fragmenter", "fingerprint", "mass_error", "adduct")
FEATURES = (
    *(f"library.{name}" for name in LIBRARY_FEATURES),
    *(f"reference.{name}" for name in REFERENCE_FEATURES),
    *(f"structure.{name}" for name in STRUCTURE_FEATURES),
)


@dataclass(frozen=True, slots=True)
class NoneOfThem:
    """Merit of "none of the candidates": ``base + peaks * log(1 + peaks of the spectrum)``."""

    base: float
    peaks: float

    def merit(self, n_peaks: Any) -> Any:
        """Return it for one or (n,) numbers of peaks."""
        return self.base + self.peaks * np.log1p(n_peaks)


@dataclass(frozen=True, slots=True)
class Presence:
    """Logit of "one of the candidates": ``base + peaks * log(1 + n) + best * highest merit``.

    n is the number of peaks of the spectrum.
    """

    base: float
    peaks: float
    best: float


class Ranker:
    """A ranking bundle.

    Args:
        bundle: of task ``rank``, whose graph ``rank`` takes ``features`` (n, f) float32 and
            gives ``merit`` (n,), and whose calibration has the constants of probabilities.

    Raises:
        MismatchError: it is none, or takes features that this spectrakit does not compute.
    """

    def __init__(self, bundle: Bundle) -> None:
        bundle.graph("rank")
        told = bundle.manifest
        self.names = tuple(str(name) for name in told.input.get("names", ()))
        for name in self.names:
            if name not in FEATURES:
                raise MismatchError(
                    f"bundle {bundle.label} ranks by '{name}', which is no feature.",
                    hint=f"Known: {', '.join(FEATURES)}. Update spectrakit.",
                )
        try:
            constants: Any = told.calibration
            self.presence = Presence(**constants["structure"])
            self.none_of_library = NoneOfThem(**constants["library"])
            self.none_of_references = NoneOfThem(**constants["reference"])
        except (KeyError, TypeError) as error:
            raise MismatchError(
                f"bundle {bundle.label} lacks the calibration of a ranker ({error}).",
                hint="Fit the ranker again.",
            ) from error
        self.bundle = bundle

    def library(self, features: Mapping[str, FloatArray]) -> FloatArray:
        """Return (n,) merits of the library compounds of one spectrum, from (n,) features."""
        return self._merit("library", LIBRARY_FEATURES, features)

    def references(self, features: Mapping[str, FloatArray]) -> FloatArray:
        """Return (n,) merits of the compounds that a model knows by itself, from (n,) features."""
        return self._merit("reference", REFERENCE_FEATURES, features)

    def structures(self, features: Mapping[str, FloatArray]) -> FloatArray:
        """Return (n,) merits of the candidate structures of one spectrum, from (n,) features."""
        return self._merit("structure", STRUCTURE_FEATURES, features)

    def _merit(
        self, kind: str, known: Sequence[str], features: Mapping[str, FloatArray]
    ) -> FloatArray:
        n = len(next(iter(features.values())))
        matrix = np.zeros((n, len(self.names)), np.float32)
        for name in known:
            full = f"{kind}.{name}"
            if name in features and full in self.names:
                matrix[:, self.names.index(full)] = filled(features[name])
        return np.asarray(self.bundle.run("rank", {"features": matrix})["merit"], np.float64)


def filled(values: FloatArray) -> FloatArray:
    """Return values with missing ones (NaN) at the mean of the others, or 0 where all are."""
    missing = np.isnan(values)
    if not missing.any():
        return values
    return np.where(missing, 0.0 if missing.all() else values[~missing].mean(), values)
