"""mzML: encodings, fields, damage; pyopenms is the oracle where both read a file."""

import base64
import gzip
import struct
import zlib
from math import isnan

import numpy as np
import pytest
from builders import (
    INTENSITY,
    MZ,
    PLAIN,
    TYPES,
    ZLIB,
    array,
    binary,
    cv,
    mzml,
    peaks,
    read,
    read_text,
    spectrum,
)

from spectrakit.errors import InputError
from spectrakit.io import mzml_blocks

PARAMS = (
    cv("MS:1000580", "MSn spectrum")
    + cv("MS:1000511", "ms level", "2")
    + cv("MS:1000129", "negative scan")
    + cv("MS:1000127", "centroid spectrum")
    + cv("MS:1000285", "total ion current", "16675500")
    + '<userParam name="note &amp; co" value="&quot;x&quot; &lt;1"/>'
)
SCAN = (
    '<scanList count="1"><scan>'
    + cv("MS:1000016", "scan start time", "1.5", "UO:0000031")
    + cv("MS:1000512", "filter string", "FTMS - c ESI")
    + "</scan></scanList>"
)
PRECURSOR = (
    '<precursorList count="1"><precursor spectrumRef="scan=0"><isolationWindow>'
    + cv("MS:1000827", "isolation window target m/z", "300.5")
    + cv("MS:1000828", "isolation window lower offset", "0.5")
    + cv("MS:1000829", "isolation window upper offset", "1.5")
    + '</isolationWindow><selectedIonList count="1"><selectedIon>'
    + cv("MS:1000744", "selected ion m/z", "300.25")
    + cv("MS:1000041", "charge state", "2")
    + cv("MS:1000042", "peak intensity", "1e6")
    + "</selectedIon></selectedIonList><activation>"
    + cv("MS:1000422", "beam-type collision-induced dissociation")
    + cv("MS:1000045", "collision energy", "35.0", "UO:0000266")
    + "</activation></precursor></precursorList>"
)


def one(tmp_path, *args, **kwargs):
    (s,), _ = read_text(tmp_path, mzml(*args, **kwargs))
    return s


def test_every_term_has_its_place(tmp_path):
    s = one(tmp_path, spectrum(PARAMS + SCAN + PRECURSOR + peaks()))
    assert (s.native_id, s.ms_level, s.polarity, s.is_profile) == ("scan=1", 2, -1, False)
    assert (s.precursor_mz, s.charge, s.precursor_intensity) == (300.25, -2, 1e6)
    assert (s.isolation_lower, s.isolation_upper) == (300.0, 302.0)
    assert (s.collision_energy, s.collision_energy_value, s.collision_energy_unit) == (
        "35.0 eV", 35.0, "eV",
    )  # fmt: skip
    assert (s.activation, s.rt_seconds) == ("HCD", 90.0)
    assert s.extra == {
        "total ion current": "16675500",
        "note & co": '"x" <1',
        "filter string": "FTMS - c ESI",
        "spectrumRef": "scan=0",
        "isolation window target m/z": "300.5",  # neither the ion nor the middle of the window
    }


def test_the_table_of_known_tags_and_the_xml_parser_agree(tmp_path, monkeypatch):
    """The tokeniser may decline any block: the answer must not change."""
    text = mzml(*(spectrum(PARAMS + SCAN + PRECURSOR + peaks(), f"scan={i}") for i in range(4)))
    fast, _ = read_text(tmp_path, text)
    monkeypatch.setattr(mzml_blocks.Tokeniser, "items", lambda self, block: None)
    slow, _ = read_text(tmp_path, text)
    for a, b in zip(fast, slow, strict=True):
        assert repr(a) == repr(b)


@pytest.mark.parametrize("size", [1, 5, 33, 200])
def test_chunk_borders_do_not_show(tmp_path, monkeypatch, size):
    text = mzml(*(spectrum(PARAMS + peaks(), f"scan={i}") for i in range(3)))
    whole, _ = read_text(tmp_path, text)
    monkeypatch.setattr(mzml_blocks, "_CHUNK", size)
    pieces, _ = read_text(tmp_path, text)
    assert [repr(s) for s in pieces] == [repr(s) for s in whole]


@pytest.mark.parametrize("kind", ["d", "f", "i", "q"])
@pytest.mark.parametrize("zipped", [False, True])
def test_number_types_and_zlib(tmp_path, kind, zipped):
    arrays = array([100, 200], MZ, kind, zipped=zipped) + array([3, 4], INTENSITY, kind)
    s = one(tmp_path, spectrum(arrays))
    assert s.mz.tolist() == [100.0, 200.0]
    assert s.intensity.tolist() == [3.0, 4.0]
    assert s.intensity.dtype == (np.float32 if kind == "f" else np.float64)


@pytest.mark.parametrize(
    ("accession", "method", "zipped"),
    [
        ("MS:1002312", "linear", False),
        ("MS:1002313", "pic", False),
        ("MS:1002314", "slof", False),
        ("MS:1002746", "linear", True),
        ("MS:1002747", "pic", True),
        ("MS:1002748", "slof", True),
    ],
)
def test_numpress_is_decoded_as_pyopenms_does(tmp_path, accession, method, zipped):
    pyopenms = pytest.importorskip("pyopenms")
    rng = np.random.default_rng(1)
    values = np.sort(rng.uniform(50, 900, 257))
    config = pyopenms.NumpressConfig()
    config.setCompression(method)
    config.estimate_fixed_point = True
    coder = pyopenms.MSNumpressCoder()
    text = coder.encodeNP(values.tolist(), zipped, config)
    expected: list[float] = []
    coder.decodeNP(text.encode(), expected, zipped, config)
    mz = binary(text, MZ + TYPES["d"] + cv(accession, f"MS-Numpress {method}"))
    s = one(tmp_path, spectrum(mz + array(range(257), INTENSITY), length=257))
    np.testing.assert_allclose(s.mz, np.sort(expected), rtol=1e-12)
    np.testing.assert_allclose(s.mz, values, rtol=2e-3 if method == "slof" else 1e-2, atol=0.5)


def test_numpress_numbers_of_all_32_bits(tmp_path):
    """First m/z and counts above 2^31 became negative; pyopenms reads them unsigned."""
    pyopenms = pytest.importorskip("pyopenms")
    config = pyopenms.NumpressConfig()
    config.setCompression("linear")
    config.estimate_fixed_point, config.numpressFixedPoint = False, 1e6
    coder = pyopenms.MSNumpressCoder()
    text = coder.encodeNP([3000.5, 3100.25, 4000.5], False, config)
    counts = bytes.fromhex("00 0e 50 d2 b7 19 08 54 32 10")  # 3e9, 1, 0xF1234580
    config.setCompression("pic")
    expected: list[float] = []
    coder.decodeNPRaw(counts, expected, config)
    assert expected[0] == 3e9
    mz = binary(text, MZ + TYPES["d"] + cv("MS:1002312", "MS-Numpress linear"))
    pic = cv("MS:1002313", "MS-Numpress positive integer compression")
    intensity = binary(base64.b64encode(counts).decode(), INTENSITY + TYPES["d"] + pic)
    s = one(tmp_path, spectrum(mz + intensity, length=3))
    assert (s.mz.tolist(), s.intensity.tolist()) == ([3000.5, 3100.25, 4000.5], expected)


def test_referenced_groups_count_as_written_in_place(tmp_path):
    group = (
        '<referenceableParamGroupList count="1"><referenceableParamGroup id="g">'
        + cv("MS:1000511", "ms level", "2")
        + cv("MS:1000130", "positive scan")
        + "</referenceableParamGroup></referenceableParamGroupList>"
    )
    inner = '<referenceableParamGroupRef ref="g"/>' + peaks()
    s = one(tmp_path, spectrum(inner), before=group)
    assert (s.ms_level, s.polarity) == (2, 1)


def test_ion_mobility_becomes_a_column_in_the_order_of_the_peaks(tmp_path):
    mobility = cv("MS:1003006", "mean inverse reduced ion mobility array")
    arrays = peaks((200.0, 100.0), (1.0, 2.0)) + array((0.7, 0.9), mobility)
    s = one(tmp_path, spectrum(arrays))
    assert s.mz.tolist() == [100.0, 200.0]
    assert s.columns["mean_inverse_reduced_ion_mobility"].tolist() == [0.9, 0.7]


def test_the_unit_of_a_mobility_and_a_second_array_of_a_kind_are_kept(tmp_path):
    """Milliseconds or V s/cm2 was not said; a second array of one kind replaced the first."""
    term = cv("MS:1002893", "ion mobility array", unit="UO:0000028").replace('"unit"', '"ms"')
    s = one(tmp_path, spectrum(peaks() + array((5.0, 6.0), term) + array((7.0, 8.0), term)))
    columns = {name: column.tolist() for name, column in s.columns.items()}
    assert columns == {"ion_mobility": [5.0, 6.0], "ion_mobility 2": [7.0, 8.0]}
    assert s.extra == {"ion_mobility unit": "ms"}


def test_second_scans_and_precursors_are_told_apart(tmp_path):
    second = PRECURSOR.replace("300.25", "150.125").replace("<precursorList", "<precursorList")
    s = one(tmp_path, spectrum(PARAMS + PRECURSOR + second + peaks()))
    assert s.precursor_mz == 300.25
    assert s.extra["precursor 2: selected ion m/z"] == "150.125"


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("inner", "reason"),
    [
        (peaks((1.0, 2.0), (1.0, NAN)), "not-a-number in the peaks"),
        (peaks((1.0, INF)), "not-a-number in the peaks"),
        (peaks((-1.0, 2.0)), "negative m/z"),
        (array((1, 2), MZ) + array((1,), INTENSITY), "array is not as long as declared"),
        (array((1, 2), MZ), "m/z and intensity arrays differ in length"),
        (array((1, 2), INTENSITY), "no m/z array"),
        (array((), MZ, raw=b"12345") + array((1, 2), INTENSITY),
         "array is not as long as declared"),
        (binary("AAA", MZ + TYPES["d"] + PLAIN) + array((1, 2), INTENSITY),
         "array cannot be decoded"),
        (binary(base64.b64encode(b"nozlib").decode(), MZ + TYPES["d"] + ZLIB)
         + array((1, 2), INTENSITY), "array cannot be decoded"),
        (binary("AAAA", MZ + TYPES["d"] + cv("MS:9999999", "brotli compression"))
         + array((1, 2), INTENSITY), "array cannot be decoded"),
        (binary("AAAA", MZ + TYPES["d"] + cv("MS:1002312", "MS-Numpress linear"))
         + array((1, 2), INTENSITY), "array cannot be decoded"),
    ],
)  # fmt: skip
def test_bad_arrays_cost_their_spectrum_and_no_other(tmp_path, inner, reason, caplog):
    spectra, account = read_text(
        tmp_path, mzml(spectrum(peaks(), "a"), spectrum(inner, "b"), spectrum(peaks(), "c"))
    )
    assert [s.native_id for s in spectra] == ["a", "c"]
    assert dict(account.dropped) == {reason: 1}
    assert "spectrum 'b'" in caplog.text


def test_arrays_that_disagree_with_each_other(tmp_path):
    arrays = array((1, 2), MZ) + array((1,), INTENSITY).replace(
        "<binaryDataArray>", '<binaryDataArray arrayLength="1">'
    )
    _, account = read_text(tmp_path, mzml(spectrum(arrays)))
    assert dict(account.dropped) == {"m/z and intensity arrays differ in length": 1}


def test_an_array_declared_endless_is_not_inflated(tmp_path):
    bomb = base64.b64encode(zlib.compress(bytes(50_000_000))).decode()
    arrays = binary(bomb, MZ + TYPES["d"] + ZLIB) + array((1, 2), INTENSITY)
    _, account = read_text(tmp_path, mzml(spectrum(arrays), spectrum(arrays, length=10**12)))
    assert dict(account.dropped) == {
        "array is not as long as declared": 1,
        "array is declared longer than 50 million": 1,
    }


def test_empty_spectra_are_kept(tmp_path):
    text = mzml(spectrum("", length=0), spectrum(peaks((), ()), length=0), '<spectrum id="z"/>')
    spectra, account = read_text(tmp_path, text)
    assert [len(s) for s in spectra] == [0, 0, 0]
    assert account.read == 3


def test_a_file_that_breaks_off_names_its_last_good_spectrum(tmp_path):
    text = mzml(*(spectrum(PARAMS + peaks(), f"scan={i}") for i in range(9)))
    path = tmp_path / "cut.mzML"
    path.write_text(text[: text.index('id="scan=5"') + 90])
    with pytest.raises(InputError, match=r"cut\.mzML: the XML breaks at line \d+ after.*'scan=4'"):
        read(path)


@pytest.mark.parametrize("damage", ["</spectrum", "<scan>", "&unknown;", "\x01", "<![CDATA[", "<"])
def test_xml_that_is_not_well_formed_is_an_error_wherever_it_breaks(tmp_path, damage):
    good = spectrum(PARAMS + peaks(), "a")
    for text in (
        mzml(good, spectrum(PARAMS + damage + peaks(), "b")),
        mzml(good).replace("<run", damage + "<run"),
        mzml(good) + damage,
    ):
        with pytest.raises(InputError):
            read_text(tmp_path, text, "bad.mzML")


def test_spectra_in_comments_are_not_spectra(tmp_path):
    text = mzml("<!-- " + spectrum(peaks(), "no") + " -->", spectrum(peaks(), "yes"))
    spectra, _ = read_text(tmp_path, text)
    assert [s.native_id for s in spectra] == ["yes"]


@pytest.mark.parametrize(
    "head",
    [
        '<!DOCTYPE mzML [<!ENTITY a "b">]>',
        '<!DOCTYPE mzML SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE m [<!ENTITY a "&b;&b;"><!ENTITY b "&a;">]>',
        "<!--" + "x" * 70_000 + '--><!DOCTYPE mzML [<!ENTITY a "b">]>',
    ],
)
def test_doctypes_are_refused(tmp_path, head):
    with pytest.raises(InputError):
        read_text(tmp_path, mzml(spectrum(peaks()), head=head))


def test_latin1_files_say_so_and_are_read_so(tmp_path):
    text = mzml(spectrum(PARAMS.replace("FTMS", "x").replace("1 ", "Öl "), "für"))
    data = text.replace("utf-8", "ISO-8859-1").encode("latin-1")
    (s,), _ = read_text(tmp_path, data.replace(b'defaultArrayLength="2"', b""))
    assert s.native_id == "für"


def test_version_099_is_big_endian(tmp_path):
    mz = binary(base64.b64encode(struct.pack(">2f", 100, 200)).decode(), MZ + TYPES["f"] + PLAIN)
    it = binary(base64.b64encode(struct.pack(">2f", 1, 2)).decode(), INTENSITY + TYPES["f"] + PLAIN)
    text = mzml('<spectrum id="S1" msLevel="2" defaultArrayLength="2">' + mz + it + "</spectrum>")
    (s,), _ = read_text(tmp_path, text.replace('version="1.1.0"', 'version="0.99.1"'))
    assert (s.mz.tolist(), s.ms_level) == ([100.0, 200.0], 2)


def test_gzip_and_bz2_are_undone_whatever_the_name(tmp_path):
    import bz2

    text = mzml(spectrum(peaks())).encode()
    for data in (gzip.compress(text), bz2.compress(text)):
        assert len(read_text(tmp_path, data, "in.mgf")[0]) == 1
        with pytest.raises(InputError, match="cut off or corrupt"):
            read_text(tmp_path, data[:-9])


def test_a_compression_bomb_stops_early(tmp_path):
    data = gzip.compress(b"<mzML>" + b" " * (150 << 20), 9)
    with pytest.raises(InputError, match="expands to more than"):
        read_text(tmp_path, data)


def test_a_million_peaks(tmp_path):
    values = np.arange(1, 1_000_001, dtype=float)
    arrays = array((), MZ, raw=values.tobytes()) + array((), INTENSITY, raw=values.tobytes())
    (s,), _ = read_text(tmp_path, mzml(spectrum(arrays, length=1_000_000)))
    np.testing.assert_array_equal(s.mz, values)


def test_missing_numbers_are_nan(tmp_path):
    s = one(tmp_path, spectrum(peaks()))
    assert (s.ms_level, s.polarity, s.charge, s.is_profile) == (0, 0, 0, None)
    assert all(map(isnan, (s.precursor_mz, s.rt_seconds, s.isolation_lower)))
