"""Small stores of made-up fragment spectra."""

import numpy as np

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import StoreWriter


def spectrum(number, random, split="train"):
    """Fragments that are fixed shares of the precursor, and noise."""
    precursor = 150.0 + 70.0 * number
    mz = np.sort(np.concatenate([precursor * np.array([0.3, 0.55, 0.8]),
                                 random.uniform(50, precursor, 2 + number % 4)]))  # fmt: skip
    return Spectrum(
        modality=Modality.MSMS,
        axis=Axis(mz, "m/z"),
        value=random.uniform(10, 100, len(mz)).astype(np.float32),
        native_id=f"scan={number}",
        ms_level=2,
        precursor_mz=precursor,
        charge=1,
        polarity=1,
        sample=f"{split}{number}",
        molecule=Molecule(name=f"molecule {number}", smiles="C" * (number + 1)),
    )


def write_store(path, n=8, held_out=2, compression="none", start=0):
    """Write n spectra to learn from and some marked as held out."""
    random = np.random.default_rng(1)
    made = [spectrum(start + k, random, "train" if k < n else "valid") for k in range(n + held_out)]
    with StoreWriter(path, compression=compression) as writer:
        for one in made:
            writer.add_sample(one.sample, split=one.sample.rstrip("0123456789"))
            writer.add(one)
    return made
