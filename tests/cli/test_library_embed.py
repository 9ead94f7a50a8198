"""``library embed`` and what the other verbs do with the vectors it keeps."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from search.small_bundles import graph, tensor, write_model, write_small_ranker

from spectrakit.bundle import write_bundle
from spectrakit.search.embedding_file import read_embeddings
from spectrakit.search.molecular_fingerprints import N_BITS

CAFFEINE, THEOBROMINE = "CN1C=NC2=C1C(=O)N(C(=O)N2C)C", "CN1C=NC2=C1C(=O)NC(=O)N2C"
RECORD = """NAME: {name}
ACCESSION: {accession}
SMILES: {smiles}
PRECURSORMZ: {mz}
PRECURSORTYPE: [M+H]+
IONMODE: {mode}
Num Peaks: 3
69.0447 {low}
{peak} 500
{mz} 999

"""
RECORDS = [
    ("Caffeine", CAFFEINE, 195.0877, 138.0662, 120, "POSITIVE"),
    ("Theobromine", THEOBROMINE, 181.0720, 138.0662, 300, "POSITIVE"),
    ("Caffeine", CAFFEINE, 195.0877, 110.0713, 40, "POSITIVE"),
    ("Theobromine", THEOBROMINE, 179.0564, 122.0354, 80, "NEGATIVE"),
]
QUERY = "BEGIN IONS\nTITLE={title}\nPEPMASS={mz}\nCHARGE=1+\n69.0447 {low}\n138.0662 9\nEND IONS\n"
D = 24


def encoder(path, frequencies=None):
    """A bundle whose vectors are sums over peaks of intensity * cos(frequency * m/z)."""
    if frequencies is None:
        frequencies = np.random.default_rng(7).uniform(0.01, 3.0, D)
    spectrum = graph(
        [
            helper.make_node("Cast", ["mz"], ["single"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["single", "last"], ["column"]),
            helper.make_node("Mul", ["column", "frequencies"], ["phase"]),
            helper.make_node("Cos", ["phase"], ["wave"]),
            helper.make_node("Unsqueeze", ["intensity", "last"], ["weight"]),
            helper.make_node("Mul", ["wave", "weight"], ["weighted"]),
            helper.make_node("ReduceSum", ["weighted", "middle"], ["embedding"], keepdims=1),
        ],
        [
            tensor("mz", TensorProto.DOUBLE, ["n", "p"]),
            tensor("intensity", TensorProto.FLOAT, ["n", "p"]),
        ],
        [tensor("embedding", TensorProto.FLOAT, ["n", 1, D])],
        {
            "last": np.array([2], np.int64),
            "middle": np.array([1], np.int64),
            "frequencies": np.asarray(frequencies, np.float32),
        },
    )
    molecule = graph(
        [
            helper.make_node("MatMul", ["fingerprint", "w"], ["flat"]),
            helper.make_node("Unsqueeze", ["flat", "middle"], ["embedding"]),
        ],
        [tensor("fingerprint", TensorProto.FLOAT, ["n", N_BITS])],
        [tensor("embedding", TensorProto.FLOAT, ["n", 1, D])],
        {
            "w": np.random.default_rng(1).normal(size=(N_BITS, D)).astype(np.float32),
            "middle": np.array([1], np.int64),
        },
    )
    return write_bundle(
        path,
        graphs={"encode_spectrum": spectrum, "encode_molecule": molecule},
        task="embed",
        modality="msms",
        input={"kind": "peaks", "precursor": ["precursor_mz"], "fingerprint": "spectrakit-1"},
        calibration={"block_weights": [1.0]},
    )


@pytest.fixture
def msp(tmp_path):
    path = tmp_path / "records.msp"
    path.write_text(
        "".join(
            RECORD.format(name=n, smiles=s, mz=mz, peak=p, low=low, mode=mode, accession=f"A{i}")
            for i, (n, s, mz, p, low, mode) in enumerate(RECORDS)
        )
    )
    return path


@pytest.fixture
def model(tmp_path, home):
    write_small_ranker(home / "models" / "ranker@99")
    return encoder(tmp_path / "waves@1")


@pytest.fixture
def embedded(cli, msp, model, home):
    assert cli("library", "add", "mine", msp).exit_code == 0
    done = cli("library", "embed", "mine", "-m", model)
    assert done.exit_code == 0, done.stderr
    assert "4 spectra, 24 numbers each" in done.stderr
    return home / "libraries" / "mine.embeddings" / "waves@1.vectors"


def table(text):
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_vectors_are_kept_described_checked_and_removed(cli, embedded):
    (told,) = json.loads(cli("library", "info", "mine").stdout)["embeddings"]
    assert (told["model"], told["vectors"], told["dimension"]) == ("waves@1", 4, D)
    assert told["fits"] is True
    assert told["bytes"] == embedded.stat().st_size
    assert json.loads(cli("library", "check", "mine").stdout)["embeddings"] == ["waves@1"]
    assert cli("library", "remove", "mine").exit_code == 0
    assert not embedded.parent.exists()


def test_vectors_that_are_there_are_made_anew_only_when_told(cli, embedded, model):
    before = embedded.read_bytes()
    refused = cli("library", "embed", "mine", "-m", model)
    assert refused.exit_code == 2
    assert "--replace" in refused.stderr
    assert cli("library", "embed", "mine", "-m", model, "--replace").exit_code == 0
    assert embedded.read_bytes() == before


def test_a_replaced_library_loses_vectors_that_no_longer_fit(cli, embedded, msp):
    assert cli("library", "add", "mine", msp, "--replace").exit_code == 0
    assert embedded.exists()  # the same content
    msp.write_text(msp.read_text().replace("110.0713 500", "110.0713 400"))
    replaced = cli("library", "add", "mine", msp, "--replace")
    assert "another content of the library" in replaced.stderr
    assert not embedded.exists()


def ask(cli, tmp_path, model, search, *more):
    (tmp_path / "q.mgf").write_text(
        QUERY.format(title="a", mz=195.0877, low=2) + QUERY.format(title="b", mz=181.072, low=6)
    )
    argv = ("identify", tmp_path / "q.mgf", "--library", "mine", "--structures", "none")
    found = cli(*argv, "--search", search, "-m", model, *more)
    assert found.exit_code == 0, found.stderr
    return table(found.stdout)


@pytest.mark.parametrize("search", ["precursor", "open", "analogue"])
def test_hits_say_how_near_their_best_spectrum_is(cli, tmp_path, model, embedded, search):
    hits = ask(cli, tmp_path, model, search)
    frequencies = np.random.default_rng(7).uniform(0.01, 3.0, D)

    def vector(peaks):
        mz, intensity = np.array(peaks, float).T
        made = (intensity[:, None] * np.cos(mz[:, None] * frequencies)).sum(0)
        return made / np.linalg.norm(made)

    lists = [([69.0447, low], [peak, 500], [mz, 999]) for _, _, mz, peak, low, _ in RECORDS]
    for hit in hits:
        query = vector([[69.0447, 2 if hit["spectrum"] == "a" else 6], [138.0662, 9]])
        mine = [
            float(query @ vector(peaks))
            for peaks, (name, *_, mode) in zip(lists, RECORDS, strict=True)
            if name == hit["name"] and mode == "POSITIVE"
        ]
        assert float(hit["embedding"]) == pytest.approx(max(mine), abs=2e-3)
    assert {hit["name"] for hit in hits if hit["spectrum"] == "a"} >= {"Caffeine"}


def test_embeddings_weigh_in_open_search_only_where_all_evidence_does(
    cli, tmp_path, model, embedded
):
    plain = ask(cli, tmp_path, model, "open", "--method", "entropy")
    assert {hit["embedding"] for hit in plain} == {""}
    without = ask(cli, tmp_path, "none", "open")
    assert [hit["probability"] for hit in without] == [hit["probability"] for hit in plain]
    weighed = ask(cli, tmp_path, model, "open")
    assert [hit["probability"] for hit in weighed] != [hit["probability"] for hit in plain]
    for hit in weighed:  # who was proposed by its vector alone says so
        by_vector = hit["matched_peaks"] == "0"
        assert (hit["method"] == "embedding") == by_vector
        if by_vector:
            assert float(hit["score"]) == pytest.approx(max(float(hit["embedding"]), 0), abs=1e-3)


def test_vectors_of_another_model_of_this_name_are_refused(cli, tmp_path, embedded, model):
    other = encoder(tmp_path / "other" / "waves@1", np.linspace(0.1, 1, D))
    (tmp_path / "q.mgf").write_text(QUERY.format(title="a", mz=195.0877, low=2))
    refused = cli("identify", tmp_path / "q.mgf", "--search", "open", "-m", other)
    assert (refused.exit_code, refused.stdout) == (4, "")
    assert "another content of the model" in refused.stderr
    assert cli("models", "install", other, "--replace").exit_code == 0
    (told,) = json.loads(cli("library", "info", "mine").stdout)["embeddings"]
    assert not told["fits"]
    assert cli("library", "embed", "mine", "-m", other).exit_code == 0  # stale ones are replaced
    assert cli("identify", tmp_path / "q.mgf", "--search", "open", "-m", other).exit_code == 0


def test_damaged_vectors_are_refused(cli, tmp_path, embedded, model):
    data = embedded.read_bytes()
    vectors = read_embeddings(embedded).vectors.tobytes()
    changed = bytearray(data)
    changed[data.index(vectors) + 5] ^= 1
    embedded.write_bytes(changed)
    assert cli("library", "check", "mine").exit_code == 3
    embedded.write_bytes(data[: len(data) // 2])
    (tmp_path / "q.mgf").write_text(QUERY.format(title="a", mz=195.0877, low=2))
    refused = cli("identify", tmp_path / "q.mgf", "--search", "open", "-m", model)
    assert refused.exit_code == 3
    assert "waves@1.vectors" in refused.stderr
    (told,) = json.loads(cli("library", "info", "mine").stdout)["embeddings"]
    assert told["fits"] is False


def test_what_cannot_be_embedded_is_said(cli, tmp_path, msp, model):
    assert cli("library", "embed", "mine", "-m", model).exit_code == 2  # no such library
    (tmp_path / "s.csv").write_text(f"smiles,name\n{CAFFEINE},x\n")
    assert cli("library", "add", "ours", tmp_path / "s.csv").exit_code == 0
    refused = cli("library", "embed", "ours", "-m", model)
    assert refused.exit_code == 2
    assert "holds structures" in refused.stderr
    assert cli("library", "add", "mine", msp).exit_code == 0
    assert cli("library", "embed", "mine", "-m", "none").exit_code == 2
    strange = write_model(tmp_path / "m@1", CAFFEINE, fingerprint="theirs-2")
    assert cli("library", "embed", "mine", "-m", strange).exit_code == 4


def test_several_jobs_answer_alike(cli, tmp_path, embedded, model):
    for number in range(3):
        text = "".join(
            QUERY.format(title=f"{number}.{k}", mz=195.0877 + k, low=1 + k + number)
            for k in range(5)
        )
        (tmp_path / f"f{number}.mgf").write_text(text)
    files = [tmp_path / f"f{number}.mgf" for number in range(3)]
    argv = ("identify", *files, "--structures", "none", "--search", "open", "-m", model)
    one, two = cli(*argv), cli(*argv, "--jobs", "2")
    assert one.exit_code == 0, one.stderr
    assert one.stdout == two.stdout
