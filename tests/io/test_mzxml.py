"""mzXML: packings, fields, nesting, damage. Files are authored here from the schema; pyopenms
and pyteomics are the oracles."""

import bz2
import gzip
import zlib
from base64 import b64encode
from math import isnan

import numpy as np
import pytest
from builders import read, read_text
from hypothesis import given, settings
from hypothesis import strategies as st
from mzxml_builder import HEAD, mzxml, packed, peaks_of, scan

from spectrakit.errors import InputError
from spectrakit.io import mzxml as reader

PRECURSOR = (
    '<precursorMz precursorScanNum="1" precursorIntensity="1e6" precursorCharge="2" '
    'activationMethod="HCD" windowWideness="1.5" possibleCharges="2,3">300.25</precursorMz>'
)
SAID = (
    'polarity="-" retentionTime="PT1M30.5S" collisionEnergy="35" centroided="1" scanType="Full" '
    'msInstrumentID="1" filterLine="FTMS - c ESI" totIonCurrent="1.6e+007"'
)


def one(tmp_path, *args, **kwargs):
    (s,), _ = read_text(tmp_path, mzxml(*args, **kwargs))
    return s


def test_every_attribute_has_its_place(tmp_path):
    around = '<nameValue name="URL" value="x"/><comment>said &amp; done</comment>'
    origin = '<scanOrigin parentFileID="ab12" num="7"/>'
    s = one(tmp_path, scan(7, level=2, attributes=SAID, before=origin + PRECURSOR, after=around))
    assert (s.native_id, s.ms_level, s.polarity, s.is_profile) == ("scan=7", 2, -1, False)
    assert (s.rt_seconds, s.instrument, s.activation) == (90.5, "Model 1", "HCD")
    assert (s.precursor_mz, s.charge, s.precursor_intensity) == (300.25, -2, 1e6)
    assert (s.isolation_lower, s.isolation_upper) == (299.5, 301.0)
    assert (s.collision_energy, s.collision_energy_value, s.collision_energy_unit) == (
        "35", 35.0, "",
    )  # fmt: skip
    assert s.extra == {
        "scanType": "Full",
        "filterLine": "FTMS - c ESI",
        "totIonCurrent": "1.6e+007",
        "scanOrigin parentFileID": "ab12",
        "scanOrigin num": "7",
        "precursorScanNum": "1",
        "possibleCharges": "2,3",
        "URL": "x",
        "comment": "said & done",
    }


def test_what_is_not_said_is_missing(tmp_path):
    s = one(tmp_path, '<scan num="1" peaksCount="0"/>', head="")
    assert (s.ms_level, s.polarity, s.charge, s.is_profile, s.instrument) == (0, 0, 0, None, "")
    assert all(map(isnan, (s.precursor_mz, s.rt_seconds, s.isolation_lower)))
    assert s.extra == {}


@pytest.mark.parametrize("precision", [32, 64])
@pytest.mark.parametrize("zipped", [False, True])
def test_packings_are_read_as_pyopenms_and_pyteomics_do(tmp_path, precision, zipped):
    pyopenms = pytest.importorskip("pyopenms")
    pyteomics = pytest.importorskip("pyteomics.mzxml")
    pairs = [(50 + i * 1.23456789, 1e5 / (i + 1)) for i in range(137)]
    path = tmp_path / "in.mzXML"
    path.write_text(mzxml(scan(3, pairs, precision=precision, zipped=zipped)))
    (ours,), _ = read(path)
    experiment = pyopenms.MSExperiment()
    pyopenms.MzXMLFile().load(str(path), experiment)
    mz, intensity = experiment[0].get_peaks()
    np.testing.assert_array_equal(ours.mz, mz)
    np.testing.assert_array_equal(ours.intensity.astype(np.float32), intensity)
    assert ours.native_id == experiment[0].getNativeID()
    with pyteomics.read(str(path), use_index=False) as theirs:
        other = next(theirs)
    np.testing.assert_array_equal(ours.mz, other["m/z array"])
    np.testing.assert_array_equal(ours.intensity, other["intensity array"])
    assert ours.intensity.dtype == (np.float32 if precision == 32 else np.float64)


def test_nested_scans_come_in_the_order_in_which_they_begin(tmp_path):
    third = scan(3, level=3)
    second = scan(2, level=2, after="<comment>2</comment>" + third)
    nested = scan(1, after='<nameValue name="a" value="1"/>' + second + scan(4, level=2))
    spectra, account = read_text(tmp_path, mzxml(nested, scan(5)))
    assert [(s.native_id, s.ms_level) for s in spectra] == [
        ("scan=1", 1), ("scan=2", 2), ("scan=3", 3), ("scan=4", 2), ("scan=5", 1),
    ]  # fmt: skip
    assert [s.extra for s in spectra] == [{"a": "1"}, {"comment": "2"}, {}, {}, {}]
    assert not account.treated


@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_chunk_borders_do_not_show(tmp_path, monkeypatch, size):
    text = mzxml(scan(1, after=scan(2, level=2, before=PRECURSOR)), scan(3, attributes=SAID))
    whole, _ = read_text(tmp_path, text)
    monkeypatch.setattr(reader, "CHUNK", size)
    pieces, _ = read_text(tmp_path, text)
    assert [repr(s) for s in pieces] == [repr(s) for s in whole]
    assert len(whole) == 3


def test_what_stands_after_nested_scans_is_told(tmp_path, caplog):
    late = scan(1, after=scan(2, level=2) + '<nameValue name="late" value="1"/>')
    spectra, account = read_text(tmp_path, mzxml(late, scan(3)))
    assert [s.native_id for s in spectra] == ["scan=1", "scan=2", "scan=3"]
    assert account.treated.total() == 1
    assert "1 scans say more after their nested scans" in caplog.text


def test_further_precursors_have_their_number(tmp_path):
    second = '<precursorMz precursorCharge="3" windowWideness="2">150.125</precursorMz>'
    s = one(tmp_path, scan(1, level=3, before=PRECURSOR + second))
    assert s.precursor_mz == 300.25
    assert s.extra["precursor 2: m/z"] == "150.125"
    assert s.extra["precursor 2: precursorCharge"] == "3"
    assert s.extra["precursor 2: windowWideness"] == "2"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("PT353.43S", 353.43), ("PT5M3.2S", 303.2), ("PT1H", 3600), ("P1DT1S", 86401), ("12.5", 12.5),
     ("PT1.5E2S", 150)],
)  # fmt: skip
def test_retention_times(tmp_path, text, seconds):
    assert one(tmp_path, scan(1, attributes=f'retentionTime="{text}"')).rt_seconds == seconds


@pytest.mark.parametrize("text", ["soon", "PT", "-5", "PT9E307H"])
def test_a_time_that_is_none_stays_readable(tmp_path, text):
    s = one(tmp_path, scan(1, attributes=f'retentionTime="{text}"'))
    assert isnan(s.rt_seconds)
    assert s.extra["retentionTime"] == text


def test_instruments_are_told_apart_and_electron_ionisation_is_noted(tmp_path):
    head = HEAD + HEAD.replace('ID="1"', 'ID="2"').replace("Model 1", "GC").replace("ESI", "EI")
    scans = [scan(i, attributes=f'msInstrumentID="{i}"') for i in (1, 2)]
    (a, b), _ = read_text(tmp_path, mzxml(*scans, head=head))
    assert [(s.instrument, s.activation) for s in (a, b)] == [("Model 1", ""), ("GC", "EI")]


def test_one_array_in_each_peaks_element(tmp_path):
    arrays = "".join(
        f'<peaks precision="32" byteOrder="network" contentType="{kind}">{packed(v)}</peaks>'
        for kind, v in (
            ("m/z", [200.0, 100.0]), ("intensity", [1.0, 2.0]), ("charge", [3.0, 4.0]),
            ("S/N", [5.0, 6.0]), ("TOF", [7.0, 8.0]),
        )
    )  # fmt: skip
    s = one(tmp_path, scan(1, peaks=arrays))
    assert (s.mz.tolist(), s.intensity.tolist()) == ([100.0, 200.0], [2.0, 1.0])
    assert s.columns["charge"].tolist() == [4.0, 3.0]
    assert s.columns["signal_to_noise"].tolist() == [6.0, 5.0]
    assert s.extra["peaks TOF (not read)"]


def test_version_1_and_its_root(tmp_path):
    text = (
        '<msRun scanCount="1"><instrument manufacturer="M" model="Old 1" ionisation="EI"/>'
        + scan(1, peaks=f'<peaks precision="32">{packed([50, 1, 60, 2])}</peaks>')
        + "</msRun>"
    )
    (s,), _ = read_text(tmp_path, text)
    assert (s.mz.tolist(), s.instrument, s.activation) == ([50.0, 60.0], "Old 1", "EI")


def test_scans_without_peaks_are_kept(tmp_path):
    """msconvert and ReAdW write one peak of zeros where there is none."""
    empty = [
        scan(1, ()),
        scan(2, peaks="", count=0),
        scan(3, ((0.0, 0.0),), count=0),
        '<scan num="4" msLevel="1" peaksCount="0"/>',
    ]
    spectra, account = read_text(tmp_path, mzxml(*empty))
    assert [len(s) for s in spectra] == [0, 0, 0, 0]
    assert account.read == 4


GOOD = peaks_of(((100.0, 1.0), (200.0, 2.0)))
BOMB = b64encode(zlib.compress(bytes(50_000_000))).decode()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (scan(2, ((1.0, float("nan")),)), "not-a-number in the peaks"),
        (scan(2, ((float("inf"), 1.0),)), "not-a-number in the peaks"),
        (scan(2, ((-1.0, 1.0),)), "negative m/z"),
        (scan(2, peaks=GOOD, count=3), "array is not as long as declared"),
        (scan(2, peaks=GOOD, count=0), "array is not as long as declared"),
        (scan(2, peaks=GOOD, count=10**12), "array is declared longer than 50 million"),
        (scan(2, peaks=GOOD, count="many"), "peaksCount is no count"),
        (scan(2, peaks=GOOD, count=-2), "peaksCount is no count"),
        (scan(2, peaks="<peaks>AAA</peaks>"), "array cannot be decoded"),
        (scan(2, peaks="<peaks>é</peaks>"), "array cannot be decoded"),
        (scan(2, peaks="<peaks>AAAAAAA=</peaks>"), "array is not as long as declared"),
        (scan(2, peaks="<peaks/>"), "peaks are declared, but there are none"),
        (scan(2, peaks=""), "peaks are declared, but there are none"),
        (scan(2, peaks=GOOD.replace('"none"', '"zlib"')), "array cannot be decoded"),
        (scan(2, peaks=GOOD.replace('"none"', '"lzma"')), "array cannot be decoded"),
        (scan(2, peaks=GOOD.replace("network", "little")), "array cannot be decoded"),
        (scan(2, peaks=GOOD.replace('"32"', '"16"')), "array cannot be decoded"),
        (scan(2, peaks=GOOD.replace("m/z-int", "intensity"), count=4), "no m/z array"),
        (scan(2, peaks=f'<peaks compressionType="zlib">{BOMB}</peaks>'),
         "array is not as long as declared"),
        (f'<scan num="2"><peaks compressionType="zlib">{BOMB}</peaks></scan>',
         "array is not as long as declared"),
    ],
)  # fmt: skip
def test_bad_peaks_cost_their_scan_and_no_other(tmp_path, bad, reason, caplog):
    data = mzxml(scan(1), bad, scan(3)).encode("latin-1")
    spectra, account = read_text(tmp_path, data)
    assert [s.native_id for s in spectra] == ["scan=1", "scan=3"]
    assert dict(account.dropped) == {reason: 1}
    assert "spectrum 'scan=2'" in caplog.text


def test_a_file_without_scans_and_a_count_that_is_wrong(tmp_path, caplog):
    assert read_text(tmp_path, mzxml())[0] == []
    assert not caplog.text
    assert len(read_text(tmp_path, mzxml(scan(1), declared=10**15))[0]) == 1
    assert "declares 1000000000000000 scans and holds 1" in caplog.text


def test_a_file_that_breaks_off_names_its_last_good_scan(tmp_path, cli):
    text = mzxml(*(scan(i) for i in range(9)))
    path = tmp_path / "cut.mzXML"
    path.write_text(text[: text.index('num="5"') + 90])
    with pytest.raises(InputError, match=r"cut\.mzXML: the XML breaks.*'scan=4' \(5 spectra read"):
        read(path)
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 3
    assert "'scan=4'" in result.stderr
    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE mzXML [<!ENTITY a "b">]>',
        '<!DOCTYPE mzXML SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE m [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]>',
        "<!--" + "x" * 70_000 + '--><!DOCTYPE mzXML [<!ENTITY a "b">]>',
    ],
)
def test_doctypes_are_refused(tmp_path, doctype):
    with pytest.raises(InputError):
        read_text(tmp_path, mzxml(scan(1), doctype=doctype))


def test_an_encoding_that_could_hide_a_doctype_is_refused(tmp_path):
    text = mzxml(scan(1)).replace("ISO-8859-1", "UTF-7")
    with pytest.raises(InputError, match="encoding 'UTF-7'"):
        read_text(tmp_path, text)


@pytest.mark.parametrize("damage", ["</scan", "<scan>", "&unknown;", "\x01", "<![CDATA[", "<"])
def test_xml_that_is_not_well_formed_is_an_error(tmp_path, damage):
    for text in (
        mzxml(scan(1), scan(2, before=damage)),
        mzxml(scan(1)).replace("<msRun", damage + "<msRun"),
        mzxml(scan(1)) + damage,
    ):
        with pytest.raises(InputError):
            read_text(tmp_path, text, "bad.mzXML")


def test_deep_nesting_ends_in_one_line(tmp_path):
    deep = '<scan num="1" peaksCount="0">' * 5000 + "</scan>" * 5000
    with pytest.raises(InputError):
        read_text(tmp_path, mzxml(deep))


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252"])
def test_declared_encodings(tmp_path, encoding):
    text = mzxml(scan(1, attributes='filterLine="für 5 µL"')).replace("ISO-8859-1", encoding)
    (s,), _ = read_text(tmp_path, text.encode(encoding))
    assert s.extra["filterLine"] == "für 5 µL"


def test_gzip_and_bz2_are_undone_whatever_the_name(tmp_path):
    text = mzxml(scan(1)).encode()
    for data in (gzip.compress(text), bz2.compress(text)):
        assert len(read_text(tmp_path, data, "in.mgf")[0]) == 1
        with pytest.raises(InputError, match="cut off or corrupt"):
            read_text(tmp_path, data[:-9])


PAIRS = st.lists(
    st.tuples(
        st.floats(0, 1e6, allow_nan=False),
        st.floats(-1e30, 1e30, allow_nan=False),
    ),
    max_size=20,
)


@settings(max_examples=60, deadline=None)
@given(pairs=PAIRS, zipped=st.booleans(), level=st.integers(1, 5), num=st.integers(1, 10**6))
def test_64_bit_peaks_come_back_exactly(tmp_path_factory, pairs, zipped, level, num):
    text = mzxml(scan(num, pairs, level=level, precision=64, zipped=zipped))
    (s,), _ = read_text(tmp_path_factory.mktemp("x"), text)
    expected = sorted(pairs, key=lambda pair: pair[0])
    if not (len(pairs) == 1 and pairs[0] == (0.0, 0.0)):
        assert list(zip(s.mz.tolist(), s.intensity.tolist(), strict=True)) == expected
    assert (s.native_id, s.ms_level) == (f"scan={num}", level)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_pyopenms_writes_comes_back(tmp_path_factory, data):
    pyopenms = pytest.importorskip("pyopenms")
    experiment = pyopenms.MSExperiment()
    for i in range(data.draw(st.integers(1, 5))):
        n = data.draw(st.integers(0, 9))
        mz = np.sort(np.array(data.draw(st.lists(st.floats(10, 2000, width=32), min_size=n,
                                                 max_size=n)), float))  # fmt: skip
        level = data.draw(st.sampled_from([1, 2, 2, 3])) if i else 1
        one = pyopenms.MSSpectrum()
        one.set_peaks((mz, np.arange(1, n + 1, dtype=np.float32)))
        one.setMSLevel(level)
        one.setRT(float(data.draw(st.integers(0, 10_000))))
        one.setNativeID(f"scan={i + 1}")
        if level > 1:
            precursor = pyopenms.Precursor()
            precursor.setMZ(data.draw(st.integers(100, 2000)) / 4)
            precursor.setCharge(data.draw(st.integers(1, 4)))
            one.setPrecursors([precursor])
        experiment.addSpectrum(one)
    path = tmp_path_factory.mktemp("o") / "out.mzXML"
    pyopenms.MzXMLFile().store(str(path), experiment)
    spectra, account = read(path)
    assert not account.dropped
    assert len(spectra) == experiment.size()
    for ours, theirs in zip(spectra, experiment, strict=True):
        mz, intensity = theirs.get_peaks()
        np.testing.assert_array_equal(ours.mz, mz)
        np.testing.assert_array_equal(ours.intensity, intensity)
        assert (ours.ms_level, ours.rt_seconds) == (theirs.getMSLevel(), theirs.getRT())
        for precursor in theirs.getPrecursors():
            assert ours.precursor_mz == precursor.getMZ()
            assert ours.charge == precursor.getCharge()


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_spectra_or_in_one_line(tmp_path_factory, data):
    text = bytearray(mzxml(scan(1, after=scan(2, level=2, before=PRECURSOR)), scan(3)).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        new = [b"<", b"<scan>", b'"', b"=", b"nan", b"1e999", b"\x00", b"-", b">"]
        text[at : at + length] = data.draw(st.one_of(st.binary(max_size=6), st.sampled_from(new)))
    try:
        spectra, account = read_text(tmp_path_factory.mktemp("d"), bytes(text))
    except InputError as error:
        assert "\n" not in str(error)
        assert error.hint
        return
    assert account.read == len(spectra) + account.dropped.total()


def test_identify_names_the_scan(tmp_path, cli):
    pairs = [(85.03, 100.0), (144.1, 20.0), (145.05, 35.0), (204.12, 50.0)]
    library = tmp_path / "library.msp"
    lines = "\n".join(f"{mz} {intensity}" for mz, intensity in pairs)
    library.write_text(
        "Name: Acetylcarnitine\nPrecursorMZ: 204.123\nIon_mode: P\n"
        f"InChIKey: RDHQFKQIGNGIED-MRVPVSSYSA-N\nNum Peaks: 4\n{lines}\n\n"
    )
    before = '<precursorMz precursorCharge="1" windowWideness="1">204.123</precursorMz>'
    attributes = 'polarity="+" retentionTime="PT43S" centroided="1"'
    path = tmp_path / "run.mzXML"
    path.write_text(mzxml(scan(13, pairs, level=2, attributes=attributes, before=before)))
    options = ("--library", library, "--structures", "none", "-m", "none")
    result = cli("identify", path, *options)
    row = dict(zip(*(line.split("\t") for line in result.stdout.splitlines()), strict=True))
    assert (row["spectrum"], row["scan"], row["rt_seconds"]) == ("scan=13", "13", "43")
    assert row["name"] == "Acetylcarnitine"


def test_base64_may_have_line_breaks(tmp_path):
    text = packed([100.0, 1.0, 200.0, 2.0])
    lines = "\n  ".join(text[i : i + 8] for i in range(0, len(text), 8))
    s = one(tmp_path, scan(1, peaks=f"<peaks>\n  {lines}\n</peaks>"))
    assert s.mz.tolist() == [100.0, 200.0]
