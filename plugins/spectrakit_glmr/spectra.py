"""The spectra of a data set by molecule and polarity, cleaned once, and joined on demand.

A sample of training is what a user has of an unknown: some of the spectra of one molecule in one
polarity, each at sum 1, peaks closer than 5 mDa joined. Which of them are joined changes from
epoch to epoch, the cheapest augmentation there is.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.errors import MismatchError
from spectrakit.preprocess.peaks import PeakLists, expand_ranges
from spectrakit.preprocess.steps import Context, apply_steps
from spectrakit.search.known_mass import neutral_mass, stated_or_expected
from spectrakit.store.dataset import Dataset
from spectrakit.train.data import PeakBatch, PeakSource, padded

GAP = 0.005  # Da; peaks of replicates closer than this are one
MAX_PEAKS = 150
PRECURSOR = ("precursor_mz", "polarity", "charge", "collision_energy_value")
STEPS: tuple[tuple[str, int, Mapping[str, Any]], ...] = (
    ("below_precursor", 1, {"margin": -1.5}),
    (
        "clean_peaks",
        1,
        {"tolerance": "0.0025Da", "min_relative_intensity": 0.005, "max_peaks": MAX_PEAKS},
    ),
)

Rows = NDArray[np.int64]
Singles = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Measured:
    """Spectra with what they are of.

    Attributes:
        source: the data set's rows, for names.
        peaks: of every row, cleaned, at sum 1 (some may be empty).
        precursor: (n, k) float32 of the fields ``PRECURSOR``, NaN where missing.
        molecule: (n,) int64 molecule of each row, -1 where it is not used.
        smiles: of each molecule.
        keys: of each molecule: the first block of its InChIKey, else its SMILES.
        group: (n_groups + 1,) int64: where the rows of each group begin in ``rows``.
        rows: (n_used,) int64 rows, those of one molecule and polarity (a group) side by side.
        dropped: why rows are not used, and how many.
    """

    source: PeakSource
    peaks: PeakLists
    precursor: Singles
    molecule: Rows
    smiles: tuple[str, ...]
    keys: tuple[str, ...]
    group: Rows
    rows: Rows
    dropped: Mapping[str, int]

    def __len__(self) -> int:
        """Number of groups."""
        return len(self.group) - 1

    def molecule_of(self, groups: Rows) -> Rows:
        """Return the molecule of each group."""
        return self.molecule[self.rows[self.group[groups]]]

    def batch(self, groups: Rows, random: np.random.Generator | None = None) -> PeakBatch:
        """Return groups as spectra: all rows of each joined, or a random choice of them.

        ``rows`` of the batch are the groups. With ``random``, half of the groups are one
        spectrum, the others any number.
        """
        start, count = self.group[groups], np.diff(self.group)[groups]
        chosen = self.rows[expand_ranges(start, count)]
        owner = np.repeat(np.arange(len(groups)), count)
        if random is not None:
            wanted = random.integers(1, count + 1)
            wanted = np.where(random.random(len(groups)) < 0.5, 1, wanted)
            order = np.lexsort((random.random(len(owner)), owner))
            place = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count)
            keep = place < wanted[owner]
            chosen, owner = chosen[order][keep], owner[keep]
        first = np.searchsorted(owner, np.arange(len(groups)))
        precursor = self.precursor[chosen[first]].copy()
        alone = np.bincount(owner, minlength=len(groups)) == 1
        precursor[:, 3] = np.where(alone, precursor[:, 3], nan)  # spectra of several energies
        peaks = joined(self.peaks.take(chosen), owner, len(groups))
        mz, intensity, mask = padded(peaks)
        return PeakBatch(
            torch.from_numpy(groups.astype(np.int64)),
            torch.from_numpy(mz),
            torch.from_numpy(intensity),
            torch.from_numpy(mask),
            torch.from_numpy(precursor),
        )


def joined(peaks: PeakLists, owner: Rows, n: int) -> PeakLists:
    """Return ``n`` lists: the mean of the spectra of each owner, the strongest peaks kept."""
    spectra = np.bincount(owner, minlength=n)
    whose = owner[peaks.owner()]
    order = np.lexsort((peaks.mz, whose))
    whose, mz, intensity = whose[order], peaks.mz[order], peaks.intensity[order]
    first = np.ones(len(mz), np.bool_)
    first[1:] = (np.diff(mz) > GAP) | (whose[1:] != whose[:-1])
    number = np.cumsum(first) - 1
    total = np.bincount(number, intensity)
    centre = np.bincount(number, intensity * mz) / np.maximum(total, 1e-30)
    whose = whose[first]
    total = total / spectra[whose] if len(whose) else total
    rank = np.empty(len(whose), np.int64)
    strongest = np.lexsort((-total, whose))
    counts = np.bincount(whose, minlength=n)
    rank[strongest] = np.arange(len(whose)) - np.repeat(np.cumsum(counts) - counts, counts)
    keep = rank < MAX_PEAKS
    counts = np.bincount(whose[keep], minlength=n)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return PeakLists(indptr, centre[keep], np.asarray(total[keep], np.float64))


def measured(dataset: Dataset, licences: Sequence[str] = ()) -> Measured:
    """Read and clean the spectra of a data set.

    Args:
        dataset: mass spectra with structures.
        licences: only spectra whose record states one of these; empty: all.

    Raises:
        MismatchError: no spectrum has a structure that RDKit reads, a polarity and a peak.
    """
    source = PeakSource(dataset, precursor=PRECURSOR)
    dropped: Counter[str] = Counter()
    keys: dict[str, int] = {}
    smiles: list[str] = []
    molecule = np.full(len(source), -1, np.int64)
    precursor_mz = np.asarray(dataset.meta("precursor_mz"), np.float64).copy()
    polarity = np.asarray(dataset.meta("polarity"), np.int64)
    for row, spectrum in enumerate(dataset):
        known = spectrum.molecule
        text = known.smiles if known is not None else ""
        mass = neutral_mass(text)
        if known is None or not isfinite(mass):
            dropped["no structure that RDKit reads"] += 1
            continue
        if polarity[row] == 0:
            dropped["no polarity"] += 1
            continue
        if licences and str(spectrum.extra.get("LICENSE", "")) not in licences:
            dropped["another licence"] += 1
            continue
        key = known.inchikey[:14] or text
        if key not in keys:
            keys[key] = len(smiles)
            smiles.append(text)
        molecule[row] = keys[key]
        precursor_mz[row] = stated_or_expected(
            float(precursor_mz[row]), int(polarity[row]), spectrum.adduct, mass
        )
    rows = np.arange(len(source), dtype=np.int64)
    peaks = apply_steps(source.peaks(rows), Context(precursor_mz), STEPS)
    empty = (peaks.counts == 0) & (molecule >= 0)
    if empty.any():
        dropped["no peak"] += int(empty.sum())
    molecule[empty] = -1
    used = np.flatnonzero(molecule >= 0)
    if not len(used):
        told = "; ".join(f"{n} {why}" for why, n in dropped.items())
        raise MismatchError(
            f"none of {len(source)} spectra can be learned from ({told or 'there are none'}).",
            hint="Training needs MS/MS spectra with SMILES, polarity and peaks.",
        )
    order = used[np.lexsort((used, polarity[used], molecule[used]))]
    label = molecule[order] * 3 + polarity[order]
    starts = np.flatnonzero(np.diff(label, prepend=np.iinfo(np.int64).min))
    precursor = source.precursor.copy()
    precursor[:, 0] = precursor_mz
    return Measured(
        source=source,
        peaks=peaks,
        precursor=precursor,
        molecule=molecule,
        smiles=tuple(smiles),
        keys=tuple(keys),
        group=np.append(starts, len(order)).astype(np.int64),
        rows=order.astype(np.int64),
        dropped=dict(dropped),
    )
