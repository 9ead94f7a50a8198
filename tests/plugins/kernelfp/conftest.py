"""Small spectra of small molecules: each shows the masses of its parts."""

import sys
from pathlib import Path

import numpy as np
import pytest

PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
if str(PLUGINS) not in sys.path:
    sys.path.append(str(PLUGINS))

PARTS = {  # SMILES of a part -> m/z of its peaks
    "c1ccccc1": (77.039, 51.023),
    "C(=O)O": (45.0, 44.998),
    "N": (30.034, 18.034),
    "Cl": (36.976, 34.969),
    "OC": (31.018, 59.013),
}


@pytest.fixture
def molecules():
    """Return ({(molecule, polarity): spectra}, {molecule: SMILES}): chains with two parts each."""
    from spectrakit_kernelfp.features import Measurement

    rng = np.random.default_rng(3)
    spectra, smiles = {}, {}
    names = list(PARTS)
    for length in range(1, 5):
        for first in names:
            for second in names:
                key = f"{first}.{length}.{second}"
                text = {"c1ccccc1": "c1ccc(cc1)", "C(=O)O": "OC(=O)", "N": "N", "Cl": "Cl",
                        "OC": "CO"}[first]  # fmt: skip
                smiles[key] = text + "C" * length + second
                peaks = sorted([*PARTS[first], *(m + 14.016 * length for m in PARTS[second])])
                spectra[key, 1] = [
                    Measurement(
                        np.array(peaks) + rng.normal(0, 0.0005, 4),
                        rng.uniform(20, 100, 4),
                        150.0 + 14.016 * length,
                    )
                    for _ in range(2)
                ]
                if length > 1:
                    spectra[key, -1] = [spectra[key, 1][0]]
    return spectra, smiles


@pytest.fixture
def kernelfp(site, monkeypatch):
    """Install the plugin for this test, where the package is not installed as a whole."""
    from importlib.metadata import entry_points

    if "kernelfp" in entry_points(group="spectrakit.plugins").names:
        return
    folder = site / "spectrakit_kernelfp-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: spectrakit-kernelfp\nVersion: 1.0\n"
    )
    (folder / "entry_points.txt").write_text(
        "[spectrakit.plugins]\nkernelfp = spectrakit_kernelfp.plugin:plugin\n"
    )
    monkeypatch.syspath_prepend(str(PLUGINS))


@pytest.fixture
def store(molecules, tmp_path):
    """Write the molecules as a store, every ninth held out; return its path."""
    from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
    from spectrakit.store import StoreWriter

    spectra, smiles = molecules
    path = tmp_path / "train.h5"
    with StoreWriter(path) as writer:
        for number, ((key, polarity), measured) in enumerate(spectra.items()):
            writer.add_sample(f"s{number}", split="valid" if number % 9 == 0 else "train")
            for one in measured:
                molecule = Molecule(smiles=smiles[key])
                written = Spectrum(Modality.MSMS, Axis(one.mz, "m/z"), one.intensity, ms_level=2,
                                   polarity=polarity, precursor_mz=one.precursor_mz,
                                   native_id=f"MSBNK-Lab_{polarity % 3}-{number}",
                                   sample=f"s{number}", molecule=molecule,
                                   extra={"LICENSE": "CC0"})  # fmt: skip
                writer.add(written)
    return path
