"""mzData 1.05: arrays, terms, damage. Files are authored here from the schema; pyopenms, which
reads and writes the format, is the oracle."""

import bz2
import gzip
import struct
from base64 import b64encode
from math import isnan

import numpy as np
import pytest
from builders import read, read_text
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrakit.errors import InputError
from spectrakit.io import mzdata as reader


def data(values, precision=32, endian="little", length=None):
    order, kind = "<" if endian == "little" else ">", "f" if precision == 32 else "d"
    text = b64encode(struct.pack(f"{order}{len(values)}{kind}", *values)).decode()
    n = len(values) if length is None else length
    return f'<data precision="{precision}" endian="{endian}" length="{n}">{text}</data>'


def arrays(mz=(100.0, 200.0), intensity=(1.0, 2.0), **kwargs):
    return (
        f"<mzArrayBinary>{data(mz, **kwargs)}</mzArrayBinary>"
        f"<intenArrayBinary>{data(intensity, **kwargs)}</intenArrayBinary>"
    )


def term(accession, name, value):
    return f'<cvParam cvLabel="psi" accession="PSI:{accession}" name="{name}" value="{value}"/>'


PRECURSOR = (
    '<precursor msLevel="1" spectrumRef="3"><ionSelection>'
    + term("1000040", "MassToChargeRatio", "300.25")
    + term("1000041", "ChargeState", "2")
    + term("1000042", "Intensity", "1e6")
    + "</ionSelection><activation>"
    + term("1000044", "Method", "CID")
    + term("1000045", "CollisionEnergy", "35")
    + term("1000046", "EnergyUnit", "eV")
    + "</activation></precursor>"
)
SAID = (
    term("1000036", "ScanMode", "MassScan")
    + term("1000037", "Polarity", "Negative")
    + term("1000038", "TimeInMinutes", "1.5")
    + '<userParam name="basePeakMz" value="399.1"/>'
)


def spectrum(number=1, inner=None, *, level=1, said="", precursors="", shape="discrete", sup=""):
    listed = f'<precursorList count="1">{precursors}</precursorList>' if precursors else ""
    return (
        f'<spectrum id="{number}"><spectrumDesc><spectrumSettings>'
        f'<acqSpecification spectrumType="{shape}" methodOfCombination="sum" count="1">'
        '<acquisition acqNumber="4"/></acqSpecification>'
        f'<spectrumInstrument msLevel="{level}" mzRangeStart="45.5">{said}</spectrumInstrument>'
        f"</spectrumSettings>{listed}</spectrumDesc>{sup}"
        f"{arrays() if inner is None else inner}</spectrum>\n"
    )


def mzdata(*spectra, ionisation="ESI", doctype="", count=None):
    n = len(spectra) if count is None else count
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{doctype}'
        '<mzData version="1.05" accessionNumber="">'
        "<description><instrument><instrumentName>Model  1</instrumentName><source>"
        f"{term('1000008', 'IonizationType', ionisation)}</source></instrument></description>"
        f'<spectrumList count="{n}">\n{"".join(spectra)}</spectrumList></mzData>'
    )


def one(tmp_path, *args, **kwargs):
    (s,), _ = read_text(tmp_path, mzdata(*args, **kwargs))
    return s


def test_every_term_has_its_place(tmp_path):
    s = one(tmp_path, spectrum(7, level=2, said=SAID, precursors=PRECURSOR))
    assert (s.native_id, s.ms_level, s.polarity, s.is_profile) == ("spectrum=7", 2, -1, False)
    assert (s.precursor_mz, s.charge, s.precursor_intensity) == (300.25, -2, 1e6)
    assert (s.collision_energy, s.collision_energy_value, s.collision_energy_unit) == (
        "35 eV", 35.0, "eV",
    )  # fmt: skip
    assert (s.activation, s.rt_seconds, s.instrument) == ("CID", 90.0, "Model 1")
    assert s.extra == {
        "methodOfCombination": "sum",
        "acquisitions": "1",
        "acquisition: acqNumber": "4",
        "mzRangeStart": "45.5",
        "ScanMode": "MassScan",
        "basePeakMz": "399.1",
        "spectrumRef": "3",
    }


def test_what_is_not_said_is_missing(tmp_path):
    s = one(tmp_path, "<spectrum/>")
    assert (s.native_id, s.ms_level, s.polarity, s.charge, s.is_profile) == ("0", 0, 0, 0, None)
    assert all(map(isnan, (s.precursor_mz, s.rt_seconds)))


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("endian", ["little", "big"])
def test_numbers_are_read_as_pyopenms_does(tmp_path, precision, endian):
    pyopenms = pytest.importorskip("pyopenms")
    mz, intensity = [100 + i * 1.1 for i in range(50)], [1e4 / (i + 1) for i in range(50)]
    path = tmp_path / "in.mzData"
    path.write_text(mzdata(spectrum(3, arrays(mz, intensity, precision=precision, endian=endian))))
    (ours,), _ = read(path)
    experiment = pyopenms.MSExperiment()
    pyopenms.MzDataFile().load(str(path), experiment)
    theirs = experiment[0].get_peaks()
    np.testing.assert_array_equal(ours.mz, theirs[0])
    np.testing.assert_array_equal(ours.intensity.astype(np.float32), theirs[1])
    assert ours.native_id == experiment[0].getNativeID()
    assert ours.intensity.dtype == (np.float32 if precision == 32 else np.float64)


def test_precursors_polarities_profiles_and_percent(tmp_path):
    second = PRECURSOR.replace("300.25", "150.125")
    percent = PRECURSOR.replace('"eV"', '"Percent"').replace("300.25", "0.0")
    (a, b), _ = read_text(
        tmp_path,
        mzdata(
            spectrum(1, level=3, precursors=PRECURSOR + second),
            spectrum(2, said=SAID.replace("Negative", "+"), precursors=percent, shape="continuous"),
        ),
    )
    assert a.precursor_mz == 300.25
    assert a.extra["precursor 2: MassToChargeRatio"] == "150.125"
    assert a.extra["precursor 2: CollisionEnergy"] == "35"
    assert isnan(b.precursor_mz)  # 0.0 says that there is none
    assert (b.polarity, b.is_profile, b.collision_energy) == (1, True, "35 NCE")


def test_supplemental_arrays_become_columns(tmp_path):
    described = (
        '<supDesc supDataArrayRef="1"><supDataDesc><comment>what it is</comment></supDataDesc>'
        "</supDesc>"
    )
    sup = (
        f'<supDataArrayBinary id="1"><arrayName>signal to noise</arrayName>{data([7.0, 8.0])}'
        '</supDataArrayBinary><supDataArray id="2" length="2" indexed="true">'
        "<arrayName>charge</arrayName><float>3</float><float>4</float></supDataArray>"
        '<supDataArray id="3"><arrayName>label</arrayName><string>a</string><string>b</string>'
        '</supDataArray><supDataArray id="4"><arrayName>short</arrayName><float>9</float>'
        '</supDataArray><supDataArrayBinary id="5"><arrayName>bad</arrayName>'
        f"{data([1.0], length=7)}</supDataArrayBinary>"
    )
    s = one(tmp_path, spectrum(1, arrays((200.0, 100.0)) + sup, sup=described))
    assert s.mz.tolist() == [100.0, 200.0]
    assert {name: column.tolist() for name, column in s.columns.items()} == {
        "signal_to_noise": [8.0, 7.0],
        "charge": [4.0, 3.0],
        "label": ["b", "a"],
    }
    assert s.extra["short"] == [9.0]
    assert s.extra["bad (not read)"] == "array is not as long as declared"
    assert s.extra["array: comment"] == "what it is"


def test_electron_ionisation_is_noted(tmp_path):
    assert one(tmp_path, spectrum(), ionisation="EI").activation == "EI"


def test_empty_spectra_are_kept(tmp_path):
    texts = [spectrum(1, ""), spectrum(2, arrays((), ())), '<spectrum id="3"/>']
    spectra, account = read_text(tmp_path, mzdata(*texts))
    assert [len(s) for s in spectra] == [0, 0, 0]
    assert account.read == 3


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (arrays((1.0, 2.0), (1.0, float("nan"))), "not-a-number in the peaks"),
        (arrays((-1.0, 2.0)), "negative m/z"),
        (arrays((1.0,)), "m/z and intensity arrays differ in length"),
        (arrays(length=3), "array is not as long as declared"),
        (arrays(length=10**12), "array is declared longer than 50 million"),
        (arrays(length=-1), "array cannot be decoded"),
        (arrays(length="many"), "array cannot be decoded"),
        (arrays().replace('"32"', '"16"'), "array cannot be decoded"),
        (arrays().replace('"little"', '"middle"'), "array cannot be decoded"),
        (arrays().replace('length="2">A', 'length="2">'), "array cannot be decoded"),
        (arrays().replace("AAA", "é"), "array cannot be decoded"),
        (arrays().replace("mzArrayBinary", "other"), "no m/z array"),
        (arrays().replace("intenArrayBinary", "other"),
         "m/z and intensity arrays differ in length"),
        ("<mzArrayBinary/><intenArrayBinary/>", "array cannot be decoded"),
        ("<a>" * 200 + "</a>" * 200, "elements inside each other beyond all reason"),
    ],
)  # fmt: skip
def test_bad_arrays_cost_their_spectrum_and_no_other(tmp_path, inner, reason, caplog):
    text = mzdata(spectrum(1), spectrum(2, inner), spectrum(3))
    spectra, account = read_text(tmp_path, text)
    assert [s.native_id for s in spectra] == ["spectrum=1", "spectrum=3"]
    assert dict(account.dropped) == {reason: 1}
    assert "spectrum 'spectrum=2'" in caplog.text


def test_a_file_that_breaks_off_and_counts_that_are_wrong(tmp_path, cli, caplog):
    text = mzdata(*(spectrum(i) for i in range(9)), count=10**15)
    assert len(read_text(tmp_path, text)[0]) == 9
    assert "declares 1000000000000000 spectra and holds 9" in caplog.text
    assert read_text(tmp_path, mzdata())[0] == []
    path = tmp_path / "cut.mzData"
    path.write_text(text[: text.index('id="5"') + 90])
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 3
    assert "after spectrum 'spectrum=4' (5 spectra read)" in result.stderr
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    "doctype", ['<!DOCTYPE m [<!ENTITY a "b">]>', '<!DOCTYPE m SYSTEM "file:///etc/passwd">']
)
def test_doctypes_are_refused(tmp_path, doctype):
    with pytest.raises(InputError):
        read_text(tmp_path, mzdata(spectrum(), doctype=doctype))


@pytest.mark.parametrize("damage", ["</spectrum", "<scan>", "&unknown;", "\x01", "<"])
def test_xml_that_is_not_well_formed_is_an_error(tmp_path, damage):
    for text in (mzdata(spectrum(1), spectrum(2, damage)), mzdata(spectrum(1)) + damage):
        with pytest.raises(InputError):
            read_text(tmp_path, text, "bad.mzData")


def test_packed_files_and_chunk_borders(tmp_path, monkeypatch):
    text = mzdata(spectrum(1, said=SAID), spectrum(2, precursors=PRECURSOR)).encode()
    whole, _ = read_text(tmp_path, text)
    for packed in (gzip.compress(text), bz2.compress(text)):
        assert len(read_text(tmp_path, packed)[0]) == 2
    monkeypatch.setattr(reader, "CHUNK", 13)
    pieces, _ = read_text(tmp_path, text)
    assert [repr(s) for s in pieces] == [repr(s) for s in whole]


NUMBERS = st.floats(0, 1e6, allow_nan=False)


@settings(max_examples=60, deadline=None)
@given(
    pairs=st.lists(st.tuples(NUMBERS, NUMBERS), max_size=20),
    endian=st.sampled_from(["little", "big"]),
)
def test_64_bit_peaks_come_back_exactly(tmp_path_factory, pairs, endian):
    mz, intensity = [mz for mz, _ in pairs], [y for _, y in pairs]
    inner = arrays(mz, intensity, precision=64, endian=endian)
    (s,), _ = read_text(tmp_path_factory.mktemp("x"), mzdata(spectrum(1, inner)))
    found = list(zip(s.mz.tolist(), s.intensity.tolist(), strict=True))
    assert found == sorted(pairs, key=lambda pair: pair[0])


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_pyopenms_writes_comes_back(tmp_path_factory, data):
    pyopenms = pytest.importorskip("pyopenms")
    experiment = pyopenms.MSExperiment()
    for i in range(data.draw(st.integers(1, 4))):
        n = data.draw(st.integers(1, 9))
        values = st.lists(st.floats(10, 2000, width=32), min_size=n, max_size=n)
        one = pyopenms.MSSpectrum()
        one.set_peaks((np.sort(np.array(data.draw(values))), np.arange(1, n + 1, dtype="f4")))
        one.setMSLevel(data.draw(st.integers(1, 3)))
        one.setRT(data.draw(st.integers(1, 10_000)) / 4)
        one.setNativeID(f"spectrum={i + 1}")
        if one.getMSLevel() > 1:
            precursor = pyopenms.Precursor()
            precursor.setMZ(data.draw(st.integers(100, 2000)) / 4)
            precursor.setCharge(data.draw(st.integers(1, 4)))
            one.setPrecursors([precursor])
        experiment.addSpectrum(one)
    path = tmp_path_factory.mktemp("o") / "out.mzData"
    pyopenms.MzDataFile().store(str(path), experiment)
    spectra, account = read(path)
    assert not account.dropped
    for ours, theirs in zip(spectra, experiment, strict=True):
        mz, intensity = theirs.get_peaks()
        np.testing.assert_array_equal(ours.mz, mz)
        np.testing.assert_array_equal(ours.intensity, intensity)
        assert (ours.native_id, ours.ms_level) == (theirs.getNativeID(), theirs.getMSLevel())
        assert ours.rt_seconds == theirs.getRT()
        for precursor in theirs.getPrecursors():
            assert (ours.precursor_mz, ours.charge) == (precursor.getMZ(), precursor.getCharge())
            assert ours.collision_energy == ""  # a unit alone is no energy


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_spectra_or_in_one_line(tmp_path_factory, data):
    text = bytearray(mzdata(spectrum(1, said=SAID), spectrum(2, precursors=PRECURSOR)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        new = [b"<", b"<a>", b'"', b"=", b"nan", b"1e999", b"\x00", b"-", b">"]
        text[at : at + length] = data.draw(st.one_of(st.binary(max_size=6), st.sampled_from(new)))
    try:
        spectra, account = read_text(tmp_path_factory.mktemp("d"), bytes(text))
    except InputError as error:
        assert "\n" not in str(error)
        assert error.hint
        return
    assert account.read == len(spectra) + account.dropped.total()
