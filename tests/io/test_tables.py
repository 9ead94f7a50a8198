"""Spectra that come as tables are those that come one by one: nothing differs but the speed."""

import logging
import struct
from base64 import b64encode

import h5py
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from spectrakit.accounting import InputAccount, Summary
from spectrakit.cli import main
from spectrakit.io import read_parts, read_spectra
from spectrakit.io.decimals import parse_decimals
from spectrakit.spectrum_table import SpectrumTable
from spectrakit.store import StoreWriter
from spectrakit.verbs.convert import convert

RECORD = """NAME: {name}
ACCESSION: {accession}
INCHIKEY: {key}
SMILES: {smiles}
EXACTMASS: {mass}
PRECURSORMZ: {precursor}
IONMODE: POSITIVE
COLLISIONENERGY: {energy}
LICENSE: CC BY
Num Peaks: {declared}
{peaks}
"""
ODD = st.sampled_from(["", "N/A", "x y", "é", "0", "1e2", "12,5", "-1", "a: b", "100.5"])
PEAKS = st.sampled_from(
    ["100 1\n200.5 2\n", "200 1\n100 2\n", "100\t1\n", "100 1 \n200 2\n", "100 x\n", "nan 1\n", "",
     "100 1; 200 2;\n", "100.123456789012345678 1\n", ".5 1\n5. 2\n", "100 1 \"b2\"\n", "1.2.3 4\n"]
)  # fmt: skip


def plain(i):
    """Return the values of a record that is like its neighbours."""
    return {
        "name": f"compound {i // 3}", "accession": f"A{i}", "key": f"KEY{i // 3}",
        "smiles": "C" * (i // 3 + 1),
        "mass": f"{100 + i // 3}.25", "precursor": f"{101 + i // 3}.257", "energy": f"{i % 4} eV",
        "declared": 2, "peaks": f"{50 + i}.125 {i}\n{60 + i}.0625 {i}.5\n",
    }  # fmt: skip


def digest(path, work):
    """Return what a store holds that ``work`` writes, and the account."""
    account = InputAccount("")
    with StoreWriter(path) as writer:
        work(writer, account)
    with h5py.File(path, locking=False) as file:
        return file.attrs["content_digest"], account.dropped


def add_parts(writer, parts):
    n_rows = 0
    for part in parts:
        if isinstance(part, SpectrumTable):
            writer.add_table(part)
            n_rows += len(part)
        else:
            writer.add(part)
    return n_rows


def both_ways(tmp_path, source):
    """Return the two stores' digests and drops, and how many spectra came in tables."""
    rows = []
    quick = digest(tmp_path / "a.h5", lambda w, a: rows.append(add_parts(w, read_parts(source, a))))
    slow = digest(tmp_path / "b.h5", lambda w, a: add_parts(w, read_spectra(source, a)))
    return quick, slow, rows[0]


@given(
    changes=st.lists(
        st.tuples(st.integers(0, 79), st.sampled_from(sorted(plain(0))[:-1]), ODD), max_size=6
    ),
    peaks=st.lists(st.tuples(st.integers(0, 79), PEAKS), max_size=4),
    spelling=st.sampled_from(["Num Peaks:", "NUM PEAKS: ", "Num peaks:"]),
)
def test_msp_records_in_tables_are_those_read_one_by_one(
    tmp_path_factory, changes, peaks, spelling
):
    logging.disable(logging.WARNING)
    records = [plain(i) for i in range(80)]
    for i, key, value in changes:
        records[i][key] = value
    for i, text in peaks:
        records[i]["peaks"] = text
        records[i]["declared"] = text.count("\n")
    text = "\n".join(RECORD.format(**record) for record in records)
    folder = tmp_path_factory.mktemp("msp")
    source = folder / "a.msp"
    source.write_text(text.replace("Num Peaks:", spelling), encoding="utf-8")
    quick, slow, _ = both_ways(folder, source)
    logging.disable(logging.NOTSET)
    assert quick == slow


def test_plain_msp_records_come_in_tables(tmp_path):
    source = tmp_path / "a.msp"
    source.write_text("\n".join(RECORD.format(**plain(i)) for i in range(80)), encoding="utf-8")
    quick, slow, n_rows = both_ways(tmp_path, source)
    assert (quick, n_rows) == (slow, 80)


SPECTRUM = """<spectrum index="{i}" id="scan={i}" defaultArrayLength="{n}">
<cvParam cvRef="MS" accession="MS:1000511" name="ms level" value="{level}"/>
<cvParam cvRef="MS" accession="MS:1000285" name="total ion current" value="{tic}"/>
<scanList count="1"><scan>
<cvParam cvRef="MS" accession="MS:1000016" name="scan start time" value="{rt}"
unitAccession="UO:0000031" unitName="minute"/>
</scan></scanList>
<precursorList count="1"><precursor spectrumRef="scan={before}">
<selectedIonList count="1"><selectedIon>
<cvParam cvRef="MS" accession="MS:1000744" name="selected ion m/z" value="{mz}"/>
<cvParam cvRef="MS" accession="MS:1000041" name="charge state" value="{charge}"/>
</selectedIon></selectedIonList></precursor></precursorList>
<binaryDataArrayList count="2">
<binaryDataArray encodedLength="9"><cvParam accession="MS:1000523" name="64-bit float"/>
<cvParam accession="MS:1000514" name="m/z array"/><binary>{first}</binary></binaryDataArray>
<binaryDataArray encodedLength="9"><cvParam accession="MS:1000521" name="32-bit float"/>
<cvParam accession="MS:1000515" name="intensity array"/><binary>{second}</binary></binaryDataArray>
</binaryDataArrayList>
</spectrum>"""


def mzml(spectra):
    body = "\n".join(SPECTRUM.format(**spectrum) for spectrum in spectra)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<mzML xmlns="http://psi.hupo.org/ms/mzml" '
        f'version="1.1.0"><run id="r"><spectrumList>{body}</spectrumList></run></mzML>'
    )


def measured(i):
    mz, intensity = [100.0 + i, 200.0, 300.0 + i][: i % 4], [1.0, 2.5, float(i)][: i % 4]
    return {
        "i": i, "n": len(mz), "level": 2, "tic": f"{i}.5", "rt": i / 8, "before": i - 1,
        "mz": 150.25 + i, "charge": 1 + i % 2,
        "first": b64encode(struct.pack(f"<{len(mz)}d", *mz)).decode(),
        "second": b64encode(struct.pack(f"<{len(mz)}f", *intensity)).decode(),
    }  # fmt: skip


UNTIDY = b64encode(struct.pack("<2d", 5, 4)).decode()
NOT_A_NUMBER = b64encode(struct.pack("<1d", float("nan"))).decode()


@example(changes=[(35, "level", ""), (38, "level", "x")])  # a table of empty spectra
@given(
    changes=st.lists(
        st.tuples(
            st.integers(0, 39),
            st.sampled_from(["level", "tic", "rt", "before", "mz", "charge", "n", "first"]),
            st.sampled_from(
                ["", "x", "nan", "1e300", "-3", "2", "a &amp; b", "&#65;", "é", "&lt;",
                 UNTIDY, NOT_A_NUMBER]
            ),
        ),
        max_size=6,
    )
)  # fmt: skip
def test_mzml_spectra_in_tables_are_those_read_one_by_one(tmp_path_factory, changes):
    logging.disable(logging.WARNING)
    spectra = [measured(i) for i in range(40)]
    for i, key, value in changes:
        spectra[i][key] = value
    folder = tmp_path_factory.mktemp("mzml")
    source = folder / "a.mzML"
    source.write_text(mzml(spectra), encoding="utf-8")
    summary = Summary("convert", "")
    convert([str(source)], folder / "c.h5", summary=summary)
    single = Summary("convert", "")
    convert([str(source)], folder / "d.h5", where=["modality=msms"], summary=single)
    logging.disable(logging.NOTSET)
    digests: list[str] = []
    for name in ("c.h5", "d.h5"):
        with h5py.File(folder / name, locking=False) as file:
            digests.append(file.attrs["content_digest"])
    assert digests[0] == digests[1]
    assert summary.inputs[0].dropped == single.inputs[0].dropped


def test_mzml_spectra_written_alike_come_in_tables(tmp_path):
    source = tmp_path / "a.mzML"
    source.write_text(mzml([measured(i) for i in range(40)]), encoding="utf-8")
    quick, slow, n_rows = both_ways(tmp_path, source)
    assert quick == slow
    assert n_rows >= 30  # those without peaks are another kind of block


@given(
    st.lists(
        st.from_regex(r"[0-9]{1,16}(\.[0-9]{0,16})?|\.[0-9]{1,16}", fullmatch=True), min_size=1
    ),
    st.sampled_from([b" ", b"\t", b"\n"]),
)
def test_decimals_are_what_float_gives(texts, between):
    words = [text.encode() for text in texts]
    found = parse_decimals(between.join(words))
    assert found is not None
    np.testing.assert_array_equal(found.value, [float(word) for word in words])


@pytest.mark.parametrize(
    "text", [b"", b".", b"1.2.3", b"1  2", b"1e5", b"-1", b"1 ", b"1,5", b"1_0"]
)
def test_what_is_no_plain_decimal_is_left_to_others(text):
    assert parse_decimals(text) is None


@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "u1"])
def test_packed_chunks_are_read_by_plain_hdf5(tmp_path, dtype):
    """Noise, near-noise and constant planes, whole chunks and a rest; h5py is the oracle."""
    from spectrakit.store.emit import Emitter

    values = (np.random.default_rng(0).random(40_000) * 200).astype(dtype)
    with h5py.File(tmp_path / "a.h5", "w") as file:
        Emitter(file, "gzip", lambda: None).array("/x", values)
    with h5py.File(tmp_path / "a.h5") as file:
        np.testing.assert_array_equal(file["x"][()], values)
        assert file["x"].compression == "gzip"


def test_command_line_gives_one_store_of_both_kinds(tmp_path):
    """Plain records, and one that only the slow path reads, in the order of the file."""
    records = [plain(i) for i in range(60)]
    records[30]["peaks"] = '100 1 "b2"\n200 2\n'
    source = tmp_path / "a.msp"
    source.write_text("\n".join(RECORD.format(**r) for r in records), encoding="utf-8")
    assert main(["convert", str(source), "--out", str(tmp_path / "a.h5"), "--quiet"]) == 0
    with h5py.File(tmp_path / "a.h5", locking=False) as file:
        ids = file["blocks/msms/meta/native_id/bytes"][()].tobytes().decode()
    assert ids == "".join(f"A{i}" for i in range(60))
