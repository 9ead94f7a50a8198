"""Small spectra of small molecules: each shows the masses of its two parts and of its chain."""

import os
from importlib.util import find_spec

import numpy as np
import pytest

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum

if find_spec("torch") is None:  # pip install 'spectrakit[train]'
    collect_ignore_glob = ["test_*.py"]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait

PARTS = {  # SMILES of a part -> m/z of its peaks
    "c1ccccc1": (77.039, 51.023), "C(=O)O": (45.0, 44.5), "N": (30.034, 18.034),
    "Cl": (36.976, 34.969), "OC": (31.018, 59.013),
}  # fmt: skip
STARTS = {"c1ccccc1": "c1ccc(cc1)", "C(=O)O": "OC(=O)", "N": "N", "Cl": "Cl", "OC": "CO"}


def made(n_of_each=2, lengths=range(1, 5)):
    """Return spectra of chains with two parts; every fifth molecule is to be held out."""
    random = np.random.default_rng(3)
    found, number = [], 0
    for length in lengths:
        for first, start in STARTS.items():
            for second in PARTS:
                smiles = start + "C" * length + second
                peaks = np.sort([*PARTS[first], *(m + 14.016 * length for m in PARTS[second])])
                number += 1
                found += [
                    Spectrum(
                        modality=Modality.MSMS,
                        axis=Axis(peaks + random.normal(0, 0.0005, 4), "m/z"),
                        value=random.uniform(20, 100, 4),
                        native_id=f"{smiles} {k}",
                        ms_level=2,
                        precursor_mz=150.0 + 14.016 * length,
                        adduct="[M+?]+",
                        polarity=1 if k % 2 == 0 else -1,
                        sample=f"{'valid' if number % 5 == 0 else 'train'}{number}",
                        molecule=Molecule(name=smiles, smiles=smiles),
                    )
                    for k in range(n_of_each)
                ]
    return found


@pytest.fixture
def spectra():
    """Return 100 molecules' spectra, one of each polarity."""
    return made()


@pytest.fixture
def store(tmp_path):
    """Return a store of them, every fifth molecule held out."""
    from spectrakit.store import StoreWriter

    path = tmp_path / "parts.h5"
    with StoreWriter(path) as writer:
        told = set()
        for one in made(3):
            if one.sample not in told:
                writer.add_sample(one.sample, split=one.sample.rstrip("0123456789"))
                told.add(one.sample)
            writer.add(one)
    return path


@pytest.fixture
def distiltoy(install_plugin):
    """Install the toy whose students are those of the core."""
    pytest.importorskip("torch", reason="torch is not installed: pip install 'spectrakit[train]'")
    install_plugin("distiltoy", "spectrakit_distiltoy.plugin:plugin")
