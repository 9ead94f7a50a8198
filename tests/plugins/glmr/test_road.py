"""The road through the command line: three stages, adapt, distill, identify; bad input."""

import json
from dataclasses import replace

import numpy as np
import pytest
from spectrakit_glmr.adapt import RANKS, extended, shares
from spectrakit_glmr.dual import DualConfig, DualEncoder, embed
from spectrakit_glmr.encoder import EncoderConfig
from spectrakit_glmr.load import load_dual, load_generator
from spectrakit_glmr.spectra import measured

from spectrakit.bundle import Bundle
from spectrakit.search.learned import LearnedScorer
from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import Store, StoreWriter
from spectrakit.store.dataset import BlockRows, Dataset


def spectra_of(store):
    """Return the spectra of a whole store as the plugin reads them."""
    opened = Store(store)
    parts = [BlockRows(opened, n, np.arange(len(b))) for n, b in opened.blocks.items()]
    return measured(Dataset(tuple(parts)))


def last(run, name):
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [row[name] for row in rows if name in row]


@pytest.fixture(scope="session")
def shelf(tmp_path_factory):
    """A folder for what several tests only read."""
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def trained(tiny, shelf):
    """A run of stage contrastive, with both losses; trained by the first test that asks."""
    if not (shelf / "run").exists():
        result = tiny("pretrain", shelf / "run", "steps=40", "contrast=0.1", "rate=0.01")
        assert result.exit_code == 0, result.stderr
    return shelf / "run"


def test_stage_contrastive_tells_held_out_molecules_apart(trained):
    losses = last(trained, "loss")
    assert losses[-1] < 0.7 * losses[0]
    assert last(trained, "valid_recall")[-1] > 3 / 15  # 15 molecules are held out


def test_the_stages_follow_each_other_and_the_generator_answers(tiny, cli, store, tmp_path):
    runs = [tmp_path / name for name in ("molecules", "dual", "generator")]
    first = tiny("pretrain", runs[0], "stage=molecules", "steps=8", inputs=(store,))
    assert first.exit_code == 0, first.stderr
    second = tiny("pretrain", runs[1], "molecule=both", "contrast=1", "steps=8", model=runs[0])
    assert second.exit_code == 0, second.stderr
    third = tiny("pretrain", runs[2], "stage=generator", "steps=8", "candidates=3", model=runs[1])
    assert third.exit_code == 0, third.stderr
    assert all(last(run, "loss")[-1] < last(run, "loss")[0] for run in runs)
    generator, dual = load_generator(runs[2]), load_dual(runs[1])
    for name, value in dual.spectrum.state_dict().items():  # both encoders stayed as they were
        np.testing.assert_array_equal(generator.dual.spectrum.state_dict()[name], value)
    (tmp_path / "list.smi").write_text("c1ccc(cc1)CN one\nCc1ccccc1N two\n")
    found = cli("identify", store, "-m", runs[2], "--structures", tmp_path / "list.smi",
                "-s", "beams=2", "-s", "written=0.2", "--where", "native_id=2/1")  # fmt: skip
    assert found.exit_code == 0, found.stderr
    wrong = tiny("pretrain", tmp_path / "wrong", "stage=generator", model=runs[0])
    assert wrong.exit_code == 4
    assert "stage is molecules there and contrastive here" in wrong.stderr


@pytest.mark.parametrize("how", ["adapters", "lora", "full"])
def test_adapting_starts_where_the_model_was_and_keeps_its_weights(
    how, trained, tiny, tmp_path, store
):
    before = load_dual(trained)
    grown = extended(before, how, 2)
    data, groups = spectra_of(store), np.arange(4)
    np.testing.assert_allclose(
        embed(grown.eval(), data, groups), embed(before, data, groups), atol=1e-5
    )
    result = tiny("adapt", tmp_path / "a", f"how={how}", "rank=2", "steps=5", model=trained)
    assert result.exit_code == 0, result.stderr
    after = load_dual(tmp_path / "a")
    same = [
        bool((after.state_dict()[name] == value).all())
        for name, value in before.state_dict().items()
    ]
    assert all(same) == (how != "full")
    again = tiny("adapt", tmp_path / "b", "steps=5", model=tmp_path / "a")
    assert again.exit_code == (0 if how == "full" else 4)


def test_adapters_and_lora_train_under_five_percent_at_the_default_size():
    encoder = EncoderConfig(n_rows=(22_000, 30_000, 40_000), hidden=2048)
    for how in ("adapters", "lora"):
        model = DualEncoder(DualConfig(encoder, (10, 10, 10)))
        n, whole = shares(extended(model, how, RANKS[how]))
        assert 0 < n < 0.05 * whole


def test_the_bundle_gives_what_the_model_gives(trained, tiny, tmp_path, store):
    result = tiny("distill", tmp_path / "student", model=trained)
    assert result.exit_code == 0, result.stderr
    scorer = LearnedScorer(Bundle(tmp_path / "student" / "student" / "glmr@1.0"))
    model, data = load_dual(trained), spectra_of(store)
    single = replace(data, group=np.arange(len(data.rows) + 1))  # every spectrum a group
    with Store(store) as opened:
        spectra = list(opened)
    vectors = scorer.spectra([spectra[row] for row in data.rows[:9]])
    assert vectors.shape == (9, 1, 16)
    expected = embed(model, single, np.arange(9))
    np.testing.assert_allclose(vectors[:, 0], expected, atol=1e-4 * np.ptp(expected))
    smiles = ["CCO", "NCc1ccccc1", "not a structure"]
    found = scorer.molecules(smiles)
    encoded = model.molecule.encode(fingerprints(smiles)[0])
    np.testing.assert_allclose(found[:, 0], encoded, atol=1e-4 * np.ptp(encoded))
    evidence = scorer.evidence(vectors[0], found[:2])
    assert (np.argsort(evidence) == np.argsort(encoded[:2] @ expected[0])).all()


def test_a_smaller_student_is_taught(trained, tiny, tmp_path):
    result = tiny("distill", tmp_path / "s", "student=bag", "steps=6", "width=16", "bag_width=8",
                  "dimension=8", "every=3", "bits=64", "int8_loss=-1", model=trained)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    bundle = Bundle(tmp_path / "s" / "student" / "glmr@1.0")
    assert LearnedScorer(bundle).molecules(["CCO"]).shape[0] == 1


def test_identify_ranks_the_right_structure_of_a_list(trained, cli, store, tmp_path):
    """2-phenylethylamine against an isomer with none of its parts."""
    smiles = "c1ccc(cc1)CCN"
    with Store(store) as opened:
        wanted = next(s for s in opened if s.molecule and s.molecule.smiles == smiles)
    (tmp_path / "l.smi").write_text(f"CC(C)=C1C=CC=CN1 other\n{smiles} right\n")
    found = cli("identify", store, "-m", trained, "--structures", tmp_path / "l.smi",
                "--where", f"native_id={wanted.native_id}")  # fmt: skip
    assert found.exit_code == 0, found.stderr
    head, *lines = (line.split("\t") for line in found.stdout.splitlines())
    rows = [dict(zip(head, line, strict=True)) for line in lines]
    assert {row["name"] for row in rows if row["rank"] == "1"} == {"right"}
    assert rows[0]["method"] == "glmr"
    none = cli("identify", store, "-m", trained, "--structures", "none")
    assert none.exit_code == 2


def write(path, *molecules, polarity=1):
    with StoreWriter(path) as writer:
        for number, molecule in enumerate(molecules):
            last_one = number and number + 1 == len(molecules)
            writer.add_sample(f"s{number}", split="valid" if last_one else "train")
            writer.add(
                Spectrum(
                    Modality.MSMS, Axis(np.array([20.0, 30.0]), "m/z"), np.array([1.0, 2.0]),
                    ms_level=2, polarity=polarity, precursor_mz=100.0, sample=f"s{number}",
                    molecule=molecule,
                )
            )  # fmt: skip
    return path


def test_a_store_without_structures_is_refused(tiny, tmp_path):
    nameless = write(tmp_path / "n.h5", Molecule(name="a"), None)
    result = tiny("pretrain", tmp_path / "run", inputs=(nameless,))
    assert result.exit_code == 4
    assert "no structure" in result.stderr
    assert not (tmp_path / "run").exists()


def test_molecules_that_rdkit_rejects_are_counted(tiny, tmp_path):
    odd = Molecule(smiles="C1CC")
    kept = [Molecule(smiles=text) for text in ("CCO", "CCN")]
    some = write(tmp_path / "m.h5", odd, *kept, odd)
    result = tiny("pretrain", tmp_path / "run", "steps=2", inputs=(some,))
    assert result.exit_code == 0, result.stderr
    assert "left out: 1 no structure that RDKit reads" in result.stderr
    assert "nothing is held out: none of 1 spectra" in result.stderr
    assert "batches of 2 rows instead of 128" in result.stderr  # fewer molecules than a batch
    none = write(tmp_path / "none.h5", odd)
    refused = tiny("pretrain", tmp_path / "other", inputs=(none,))
    assert refused.exit_code == 4
    assert "none of 1 spectra can be learned from" in refused.stderr


def test_smiles_need_the_stage_that_learns_them(tiny, tmp_path):
    result = tiny("pretrain", tmp_path / "run", "molecule=both")
    assert result.exit_code == 4
    assert "stage=molecules" in result.stderr
    result = tiny("pretrain", tmp_path / "other", "stage=generator")
    assert result.exit_code == 4


@pytest.mark.gpu
def test_a_gpu_learns_what_the_cpu_learns(cli, glmr, store, tmp_path):
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    from conftest import TINY

    for device in ("cpu", "cuda"):
        result = cli("pretrain", store, "-m", "glmr", "-o", tmp_path / device, *TINY,
                     "-s", "steps=20", "-s", "contrast=0.1", "-s", "peak_dropout=0",
                     "--device", device)  # fmt: skip
        assert result.exit_code == 0, result.stderr
    ends = [last(tmp_path / device, "loss")[-1] for device in ("cpu", "cuda")]
    assert ends[0] == pytest.approx(ends[1], rel=0.1)
