"""The schema three times: as code, as a manual page, and as the files that are written."""

import json
import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from store_spectra import peaks, trace

from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import StoreWriter
from spectrakit.store.layout import DATASETS, DTYPES, ENCODINGS, META, UNIT_ACCESSIONS

PAGE = Path(__file__).resolve().parents[2] / "man" / "spectrakit-store.5"
NUMPY_WORDS = {"<i8": "int64", "<f8": "float64", "|i1": "int8"}


@pytest.fixture(scope="module")
def page():
    return PAGE.read_text(encoding="utf-8").replace("\\-", "-")


@pytest.fixture(scope="module")
def described(page):
    """Every dataset that the page describes, with its description."""
    entries = re.split(r"^\.TP\n", page, flags=re.MULTILINE)[1:]
    found = {}
    for entry in entries:
        head, _, text = entry.partition("\n")
        if head.startswith(".B /"):
            found[head.removeprefix(".B ")] = re.split(r"^\.S[HS]", text, flags=re.MULTILINE)[0]
    return found


def test_the_page_describes_every_dataset_and_no_other(described):
    assert sorted(described) == sorted(DATASETS)


def test_the_page_states_the_type_unit_and_term_of_every_metadata_column(described):
    for column in META:
        text = described[f"/blocks/<block>/meta/{column.name}"]
        word = "Text" if column.kind == "text" else NUMPY_WORDS[DTYPES[column.kind]]
        assert text.startswith(word), column.name
        assert column.accession in text
        assert column.unit in text


def test_the_page_names_every_encoding_and_its_unit_terms_are_ours(page):
    for encoding in ENCODINGS:
        assert f".I {encoding}\n" in page
    pairs = re.findall(r"(\S+) ((?:MS|UO):\d{7})", page.split(".SS Encodings")[0])
    assert len(pairs) > 5
    assert all(UNIT_ACCESSIONS[unit] == term for unit, term in pairs)


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """A store with every table, encoding and column there is."""
    path = tmp_path_factory.mktemp("layout") / "all.h5"
    axis = Axis(np.arange(3.0), "ppm")
    full = {
        column.name: {"text": "x", "int": 1, "float": 2.5, "flag": True}[column.kind]
        for column in META
        if column.kind != "row" and column.name not in ("axis_unit", "extra")
    }
    with StoreWriter(path, history={"command": "test"}) as writer:
        source = writer.add_source("a/b.mgf", "00", 3, "mgf", "x")
        molecule = Molecule("n", "k", "s", "i", "f", 1.0, "PEP")
        columns = {"ion mobility/K0": np.ones(2), "note": np.array(["a", "b"], object)}
        item = peaks(sample="s", instrument="i", molecule=molecule, columns=columns,
                     extra={"a": 1}, **full)  # fmt: skip
        writer.add(item, source=source)
        writer.add(Spectrum(Modality.MSMS, Axis(np.ones(1), "Da"), np.ones(1)))
        for n in (2, 3):
            writer.add(trace(np.arange(n), np.arange(n)))
        writer.add(Spectrum(Modality.NMR, axis, np.ones((3, 3)), is_trace=True), indirect=axis)
        writer.add_sample("s", "g", "train", kept=1.5)
        writer.add_instrument("i", maker="x")
        writer.add_sample_molecule("s", molecule, 1.0, "g")
        writer.add_target("s", "oil", 1.0, "%", 0.1)
        writer.add_index("search", {"mz": np.arange(3)}, {"version": 1})
    return path


def pattern(path):
    """Return a path of a file with names replaced by what the schema calls them."""
    for known, general in (
        (r"^/blocks/[^/]+", "/blocks/<block>"),
        (r"/columns/[^/]+", "/columns/<column>"),
        (r"^/index/[^/]+", "/index/<name>"),
        (r"/arrays/[^/]+", "/arrays/<array>"),
    ):
        path = re.sub(known, general, path)
    return path


def test_the_writer_makes_every_dataset_of_the_schema_and_no_other(everything):
    made = set()

    def visit(name, found):
        if isinstance(found, h5py.Dataset):
            path = "/" + name
            if found.parent.attrs.get("encoding-type") == b"text":
                path = path.rpartition("/")[0]
            made.add(pattern(path))

    with h5py.File(everything) as file:
        file.visititems(visit)
    assert made == set(DATASETS)


def test_the_digest_is_what_the_page_says(everything):
    """Computed here from the page's words alone, with h5py and hashlib."""
    import hashlib

    lines = []

    def visit(name, found):
        path = "/" + name
        if path.startswith(("/history", "/index", "/sources/path")):
            return
        attributes = {
            key: int(value) if np.ndim(value) == 0 and isinstance(value, np.integer)
            else value.decode()
            for key, value in found.attrs.items()
            if key != "sha256"
        }  # fmt: skip
        words = ["", "", ""]
        if isinstance(found, h5py.Dataset):
            shape = ",".join(str(n) for n in found.shape)
            words = [found.dtype.str, shape, hashlib.sha256(found[()].tobytes()).hexdigest()]
        elif not attributes:
            return
        lines.append("\t".join([path, *words, json.dumps(attributes, sort_keys=True)]) + "\n")

    with h5py.File(everything) as file:
        file.visititems(visit)
        stated = file.attrs["content_digest"].decode()
    lines.sort(key=lambda line: line.split("\t")[0])
    assert stated == "sha256:" + hashlib.sha256("".join(lines).encode()).hexdigest()


def test_the_example_of_the_page_reads_a_store(tmp_path, page):
    code = re.search(r"\.nf\n(import h5py.*?)\.fi", page, flags=re.DOTALL)[1]
    with StoreWriter(tmp_path / "run.h5") as writer:
        for k in range(9):
            writer.add(peaks(mz=(k, k + 1.0)))
    code += "\nprint(mz.tolist())"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert result.stdout == "[7.0, 8.0]\n"


def test_importing_the_package_loads_no_h5py():
    code = "import sys, spectrakit.store; print('h5py' in sys.modules, 'numpy' in sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout == "False False\n"
