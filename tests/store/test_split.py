"""What is learned from and what is held out never share a molecule, in any store."""

import numpy as np
import pytest

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import Store, StoreWriter
from spectrakit.store.split import molecule_key, share_of, split_stores

MSMS = frozenset({"msms"})
NEEDS = {"ms2": "MS1", "precursor": "no precursor", "molecule": "none", "structure": "no structure"}


def spectrum(name, *, key="", sample="", level=2, precursor=100.0, smiles="", n=2,
             modality=Modality.MSMS):  # fmt: skip
    molecule = Molecule(inchikey=key, smiles=smiles) if key or smiles else None
    return Spectrum(modality, Axis(np.arange(1.0, n + 1), "m/z"), np.ones(n, np.float32),
                    native_id=name, sample=sample, ms_level=level, precursor_mz=precursor,
                    molecule=molecule)  # fmt: skip


def written(path, spectra, samples=()):
    with StoreWriter(path) as writer:
        for name, fields in samples:
            writer.add_sample(name, **fields)
        for one in spectra:
            writer.add(one)
    return Store(path)


def keys(dataset):
    return {s.molecule.inchikey for s in dataset}


def names(dataset):
    return [s.native_id for s in dataset]


def inchikey(number):
    letters = [chr(65 + (number // 26**k) % 26) for k in range(14)]
    return "".join(letters) + "-UHFFFAOYSA-N"


def test_no_molecule_is_on_both_sides_of_any_store(tmp_path):
    one = written(tmp_path / "a.h5", [spectrum(f"a{k}", key=inchikey(k % 200)) for k in range(600)])
    two = written(tmp_path / "b.h5", [spectrum(f"b{k}", key=inchikey(k)) for k in range(400)])
    split = split_stores([one, two], modalities=MSMS)
    assert split.by == "hash"
    assert len(split.train) + len(split.valid) == 1000
    assert not keys(split.train) & keys(split.valid)
    assert 0.05 < len(keys(split.valid)) / 400 < 0.15
    alone = split_stores([two], modalities=MSMS)
    assert keys(alone.valid) == keys(split.valid)  # the other store changes nothing
    assert [c.train + c.valid for c in split.counted] == [600, 400]


def test_what_samples_say_is_obeyed(tmp_path):
    samples = [(s, {"split": s}) for s in ("train", "valid", "test", "Validation")]
    samples.append(("free", {}))
    spectra = [spectrum(s, sample=s, key=inchikey(7)) for s, _ in samples]
    split = split_stores([written(tmp_path / "a.h5", spectra, samples)], modalities=MSMS)
    assert split.by == "samples.split"
    assert names(split.train) == ["train", "free"]
    assert names(split.valid) == ["valid", "Validation"]
    assert split.counted[0].dropped == {"marked for another split": 1}


def test_without_a_valid_mark_the_train_samples_are_divided(tmp_path):
    samples = [("a", {"split": "train"}), ("b", {"split": "test"})]
    spectra = [spectrum(f"{s}{k}", sample=s, key=inchikey(k)) for s in "ab" for k in range(50)]
    split = split_stores([written(tmp_path / "a.h5", spectra, samples)], modalities=MSMS)
    assert len(split.valid) > 0
    assert len(split.train) + len(split.valid) == 50
    assert all(name.startswith("a") for name in names(split.train) + names(split.valid))


def test_groups_stay_together_where_there_is_no_molecule(tmp_path):
    samples = [(f"s{k}", {"group": f"g{k // 5}"}) for k in range(100)]
    spectra = [spectrum(s, sample=s, modality=Modality.NIR) for s, _ in samples]
    store = written(tmp_path / "a.h5", spectra, samples)
    split = split_stores([store], modalities={"nir"})
    sides = [{int(name[1:]) // 5 for name in names(side)} for side in (split.train, split.valid)]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_something_is_held_out_of_two_molecules_and_nothing_of_one(tmp_path):
    """Of two molecules with a small hash both were held out, and nothing was left to learn."""
    for first in range(20):
        pair = [spectrum(str(k), key=inchikey(first + k)) for k in range(2)]
        split = split_stores([written(tmp_path / f"{first}.h5", pair)], modalities=MSMS)
        assert (len(split.train), len(split.valid)) == (1, 1)
    one = written(tmp_path / "b.h5", [spectrum(str(k), key=inchikey(1)) for k in range(3)])
    split = split_stores([one], modalities=MSMS)
    assert (len(split.train), len(split.valid)) == (3, 0)


def test_valid_stores_are_held_out_whole(tmp_path):
    marks = [("t", {"split": "train"}), ("v", {"split": "valid"}), ("x", {"split": "test"}),
             ("f", {})]  # fmt: skip
    spectra = [spectrum(s, sample=s) for s, _ in marks]
    one, two = (written(tmp_path / name, spectra, marks) for name in ("a.h5", "b.h5"))
    split = split_stores([one], valid=[two], modalities=MSMS)
    assert (names(split.train), names(split.valid)) == (["t", "f"], ["v", "f"])
    assert split.counted[0].dropped == {"marked for another split": 1,
                                        "marked valid where --valid is given": 1}  # fmt: skip
    for counted in split.counted:
        assert counted.train + counted.valid + counted.dropped.total() == 4


def test_rows_that_lack_what_is_needed_are_counted_once(tmp_path):
    spectra = [
        spectrum("good", smiles="CCO"),
        spectrum("ms1", smiles="CCO", level=1, precursor=float("nan")),
        spectrum("blind", smiles="CCO", precursor=float("nan")),
        spectrum("nameless"),
        spectrum("known", key=inchikey(3)),
        spectrum("empty", smiles="CCO", n=0),
        spectrum("nir", modality=Modality.NIR),
    ]
    split = split_stores([written(tmp_path / "a.h5", spectra)], modalities=MSMS, needs=NEEDS)
    assert names(split.train) == ["good"]
    assert split.counted[0].dropped == {
        "MS1": 1, "no precursor": 1, "none": 1, "no structure": 1, "no peaks": 1,
        "nir, which the plugin does not read": 1,
    }  # fmt: skip


def test_a_dataset_is_a_sequence_over_stores(tmp_path):
    stores = [written(tmp_path / f"{k}.h5", [spectrum(f"{k}-{i}", key=inchikey(9), precursor=i + 1)
                                             for i in range(40)]) for k in range(3)]  # fmt: skip
    keep = [[np.arange(40) % (k + 2) == 0] for k in range(3)]
    train = split_stores(stores, modalities=MSMS, keep=keep).train
    expected = [f"{k}-{i}" for k in range(3) for i in range(0, 40, k + 2)]
    assert names(train) == expected == [train[i].native_id for i in range(len(train))]
    assert train[-1].native_id == expected[-1]
    assert [s.native_id for s in train[3:30:7]] == expected[3:30:7]
    assert train.meta("precursor_mz").tolist() == [s.precursor_mz for s in train]
    with pytest.raises(IndexError):
        train[len(train)]


def test_structures_are_split_as_spectra_are(tmp_path):
    path = tmp_path / "m.h5"
    with StoreWriter(path) as writer:
        for number in range(300):
            writer.add_molecule(Molecule(inchikey=inchikey(number), smiles="C"))
        writer.add_molecule(Molecule(name="nothing known"))
    split = split_stores([Store(path)], modalities=MSMS, needs={"structure": "no structure"})
    sides = [[m for part in side.structures for m in part] for side in (split.train, split.valid)]
    assert sum(map(len, sides)) == 300
    assert split.counted[0].dropped == {"no structure": 1}
    spectra = [spectrum(str(k), key=inchikey(k)) for k in range(300)]
    same = split_stores([written(tmp_path / "a.h5", spectra)], modalities=MSMS)
    assert {m.inchikey for m in sides[1]} == keys(same.valid)


def test_the_hash_depends_on_nothing_but_the_text():
    assert share_of("BSYNRYMUTXBXSQ") == 0.14369463987901482  # for ever
    shares = [share_of(str(k)) for k in range(20_000)]
    assert abs(np.mean(np.array(shares) < 0.1) - 0.1) < 0.01
    assert molecule_key(Molecule(inchikey="bsynrymutxbxsq-UHFFFAOYSA-N")) == "BSYNRYMUTXBXSQ"
