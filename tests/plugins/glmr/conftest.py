"""A store of small molecules whose spectra show the masses of their parts; glmr installed."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from spectrakit.chemistry import PROTON_MASS
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import StoreWriter

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait
PLUGINS = Path(__file__).resolve().parents[3] / "plugins"
if str(PLUGINS) not in sys.path:
    sys.path.append(str(PLUGINS))

pytest.importorskip("torch", reason="torch is not installed: pip install 'spectrakit[train]'")

PARTS = {  # SMILES of a part -> SMILES at the start, m/z of its peaks
    "c1ccccc1": ("c1ccc(cc1)", (77.039, 51.023)),
    "C(=O)O": ("OC(=O)", (45.0, 44.998)),
    "N": ("N", (30.034, 18.034)),
    "Cl": ("Cl", (36.976, 34.969)),
    "OC": ("CO", (31.018, 59.013)),
}
TINY = (
    "-s", "width=16", "-s", "depth=1", "-s", "heads=2", "-s", "hidden=32", "-s", "dimension=16",
    "-s", "latent=8", "-s", "dropout=0",
)  # fmt: skip


def chains():
    """Yield (SMILES, m/z of the parts' peaks): two parts and a chain between them."""
    for length in range(1, 4):
        for start, left in PARTS.values():
            for second, (_, right) in PARTS.items():
                masses = sorted({*left, *(m + 14.016 * length for m in right)})
                yield start + "C" * length + second, np.array(masses)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    """75 molecules, two spectra each in positive mode, some in negative; one in five held out."""
    from rdkit import Chem
    from rdkit.Chem.rdMolDescriptors import CalcExactMolWt

    path = tmp_path_factory.mktemp("glmr") / "chains.h5"
    rng = np.random.default_rng(3)
    with StoreWriter(path, compression="none") as writer:
        for number, (smiles, mz) in enumerate(chains()):
            writer.add_sample(f"s{number}", split="valid" if number % 5 == 0 else "train")
            mass = CalcExactMolWt(Chem.MolFromSmiles(smiles))
            for polarity in (1, 1, -1)[: 2 + number % 2]:
                seen = np.sort(mz + rng.normal(0, 0.0003, len(mz)))
                writer.add(
                    Spectrum(
                        Modality.MSMS, Axis(seen, "m/z"), rng.uniform(20, 100, len(mz)),
                        native_id=f"{number}/{polarity}", ms_level=2, polarity=polarity,
                        precursor_mz=mass + polarity * PROTON_MASS, sample=f"s{number}",
                        collision_energy_value=30.0, molecule=Molecule(smiles=smiles),
                    )
                )  # fmt: skip
    return path


@pytest.fixture
def glmr(site, monkeypatch):
    """Install the plugin for this test, where the package is not installed as a whole."""
    from importlib.metadata import entry_points

    if "glmr" in entry_points(group="spectrakit.plugins").names:
        return
    folder = site / "spectrakit_glmr-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: spectrakit-glmr\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text(
        "[spectrakit.plugins]\nglmr = spectrakit_glmr.plugin:plugin\n"
    )
    monkeypatch.syspath_prepend(str(PLUGINS))


@pytest.fixture
def tiny(cli, glmr, store):
    """Run a training verb of glmr at tiny sizes on the store."""

    def run(verb, out, *settings, model="glmr", inputs=(store,)):
        sizes = TINY if verb == "pretrain" else ()
        told = [word for one in settings for word in ("-s", one)]
        return cli(verb, *inputs, "-m", model, "-o", out, *sizes, *told)

    return run
