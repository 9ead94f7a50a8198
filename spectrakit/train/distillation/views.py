"""What a student learns from: the spectra of a molecule, joined and alone.

At the bench a molecule may have one spectrum or many, which are then joined. So each group (a
molecule, a polarity, a precursor) gives several views: all its spectra as one, and some of them
alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import isfinite

import numpy as np
import torch
from numpy.typing import NDArray

from spectrakit.preprocess.peaks import PeakLists
from spectrakit.preprocess.steps import Context, apply_steps
from spectrakit.search.known_mass import neutral_mass, precursor_of
from spectrakit.spectrum import Axis, Spectrum
from spectrakit.train.data import Step, padded

PRECURSOR = ("precursor_mz", "polarity")
SAME_PRECURSOR = 0.05  # Da


def steps(max_peaks: int) -> tuple[Step, ...]:
    """Return the preprocessing of every student: what the bundle will name."""
    clean = {"tolerance": "0.0025Da", "min_relative_intensity": 0.005, "max_peaks": max_peaks}
    return ("below_precursor", 1, {"margin": -1.5}), ("clean_peaks", 1, clean)


@dataclass(frozen=True, slots=True, eq=False)
class Views:
    """Preprocessed spectra, the views of a group behind one another, the joined one first.

    Attributes:
        spectra: (n) with their peaks, precursor, polarity and molecule.
        first: (groups + 1,) int64, where the views of each group begin.
        molecule: (groups,) int64 row of ``smiles``.
        keys: of the molecules: first InChIKey blocks, else SMILES.
        smiles: of the molecules.
    """

    spectra: tuple[Spectrum, ...]
    first: NDArray[np.int64]
    molecule: NDArray[np.int64]
    keys: tuple[str, ...]
    smiles: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.spectra)

    @property
    def joined(self) -> NDArray[np.int64]:
        """(groups,) rows of the joined views."""
        return self.first[:-1]

    @property
    def molecule_of_view(self) -> NDArray[np.int64]:
        """(n,) int64 row of ``smiles`` of each view."""
        return np.repeat(self.molecule, np.diff(self.first))


def join(spectra: Sequence[Spectrum], max_peaks: int) -> list[Spectrum]:
    """Return spectra of one molecule as one for each polarity and precursor.

    This is what precedes the embeddings of several spectra of one unknown; they are averaged
    within a polarity, then over polarities.
    """
    groups: dict[tuple[int, float], list[int]] = {}
    for row, one in enumerate(spectra):
        groups.setdefault((one.polarity, _rounded(one.precursor_mz)), []).append(row)
    cleaned = _cleaned(_peaks(spectra), [s.precursor_mz for s in spectra], max_peaks)
    rows = list(groups.values())
    return _joined(spectra, cleaned, rows, max_peaks)


def _rounded(mz: float) -> float:
    return round(mz / SAME_PRECURSOR) if isfinite(mz) else -1.0


def _peaks(spectra: Sequence[Spectrum]) -> PeakLists:
    return PeakLists.from_spectra(spectra)


def _cleaned(peaks: PeakLists, precursor_mz: Sequence[float], max_peaks: int) -> PeakLists:
    return apply_steps(peaks, Context(np.array(precursor_mz, np.float64)), steps(max_peaks))


def _joined(
    spectra: Sequence[Spectrum], cleaned: PeakLists, rows: Sequence[Sequence[int]], max_peaks: int
) -> list[Spectrum]:
    """Return for each list of rows one spectrum with the peaks of all, each at sum 1."""
    parts = [cleaned.take(np.array(own, np.int64)) for own in rows]
    together = PeakLists.from_arrays((part.mz, part.intensity) for part in parts)
    precursors = [spectra[own[0]].precursor_mz for own in rows]
    merged = _cleaned(together, precursors, max_peaks)
    bounds = zip(merged.indptr[:-1].tolist(), merged.indptr[1:].tolist(), strict=True)
    return [
        replace(
            spectra[own[0]],
            axis=Axis(merged.mz[start:stop], "m/z"),
            value=merged.intensity[start:stop],
            columns={},
        )
        for own, (start, stop) in zip(rows, bounds, strict=True)
    ]


def gather(dataset: Iterable[Spectrum], *, max_peaks: int, alone: int, seed: int = 0) -> Views:
    """Return the views of a dataset's molecules.

    MS1 spectra and those without a structure, a polarity or a peak are left out. A precursor that
    is missing, or more than 20 ppm from the one that the molecule and its adduct have, is replaced
    by that.

    Args:
        dataset: spectra with molecules.
        max_peaks: the strongest that are kept.
        alone: spectra of a group that are views of their own; drawn by ``seed``.
        seed: of that draw.
    """
    spectra: list[Spectrum] = []
    groups: dict[tuple[str, int, float], list[int]] = {}
    smiles: dict[str, str] = {}
    masses: dict[str, float] = {}
    for one in dataset:
        if one.molecule is None or not one.molecule.smiles or not one.polarity or not len(one):
            continue
        if one.ms_level == 1:
            continue
        key = one.molecule.inchikey[:14] or one.molecule.smiles
        if key not in smiles:
            smiles[key], masses[key] = one.molecule.smiles, neutral_mass(one.molecule.smiles)
        held = replace(one, precursor_mz=precursor_of(one, masses[key]), extra={}, columns={})
        group = key, one.polarity, _rounded(held.precursor_mz)
        groups.setdefault(group, []).append(len(spectra))
        spectra.append(held)
    cleaned = _cleaned(_peaks(spectra), [s.precursor_mz for s in spectra], max_peaks)
    place = {key: row for row, key in enumerate(smiles)}
    random = np.random.default_rng(seed)
    rows: list[Sequence[int]] = []
    first, molecule = [0], list[int]()
    for (key, _, _), members in sorted(groups.items(), key=lambda item: item[0][:2]):
        own = [row for row in members if cleaned.counts[row]]
        if not own:
            continue
        rows.append(own)
        if len(own) > 1:
            rows += [[row] for row in random.permutation(own)[:alone].tolist()]
        first.append(len(rows))
        molecule.append(place[key])
    return Views(
        tuple(_joined(spectra, cleaned, rows, max_peaks)),
        np.array(first, np.int64),
        np.array(molecule, np.int64),
        tuple(place),
        tuple(smiles.values()),
    )


def peaks_of(spectra: Sequence[Spectrum]) -> dict[str, torch.Tensor]:
    """Return preprocessed spectra as the inputs of a student."""
    mz, intensity, mask = padded(_peaks(spectra))
    precursor = np.array([[getattr(s, name) for name in PRECURSOR] for s in spectra], np.float32)
    arrays = {"mz": mz, "intensity": intensity, "mask": mask, "precursor": precursor}
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
