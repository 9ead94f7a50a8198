"""Every format of mass spectra, by hand: entities, bombs, encodings, line ends, odd numbers."""

import base64
import bz2
import gzip
import json
import struct
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
from builders import (
    INTENSITY,
    MZ,
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
from spectrakit.io.sniff import READABLE

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))
from _fuzz_seeds import seeds, write

AUTHORED = {kind: found[0] for kind, found in seeds().items() if found}
FIRST = {kind: next(iter(seed.values())) for kind, seed in AUTHORED.items()}  # its first file
TEXT = [kind for kind, content in FIRST.items() if not content.startswith(b"\x89")]
XML = [kind for kind in TEXT if b"<?xml" in FIRST[kind][:10]]
LINES = [kind for kind in TEXT if kind not in XML and "json" not in kind]


def test_every_format_has_a_seed():
    """A new reader is fuzzed, and held to the tests of this file, from its first day."""
    assert set(AUTHORED) == set(READABLE)


def damaged(folder, kind, change):
    """Write the authored file of a format with its content changed; return its path."""
    (name, content), *beside = AUTHORED[kind].items()
    return write(folder, {name: change(content), **dict(beside)})


def refused(path):
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value).isprintable()
    assert caught.value.hint
    return f"{caught.value} {caught.value.hint}"


LAUGHS = (
    b'<!DOCTYPE x [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 10))
    + b"]>"
)
DOCTYPES = {
    "billion laughs": LAUGHS.replace(b"&a0;", b"&a;"),
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>',
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://localhost:9/x.dtd"> %p;]>',
    "external DTD": b'<!DOCTYPE mzML SYSTEM "http://localhost:9/x.dtd">',
    "public DTD": b'<!DOCTYPE mzML PUBLIC "-//x" "file:///dev/zero">',
    "bare": b"<!DOCTYPE mzML>",
    "after a long comment": b"<!-- " + b"x" * 100_000 + b" --><!DOCTYPE x []>",
    "after an instruction": b"<?x <a> ?><!DOCTYPE x []>",
}


@pytest.mark.parametrize("kind", XML)
@pytest.mark.parametrize("name", DOCTYPES)
def test_a_doctype_is_refused_before_anything_is_expanded(tmp_path, kind, name):
    def put(content):
        head, end, rest = content.partition(b"?>")
        rest = rest.replace(b'value=""', b'value="&a9;"', 1).replace(b'value="X"', b'value="&e;"')
        return head + end + DOCTYPES[name] + rest

    start = time.process_time()
    said = refused(damaged(tmp_path, kind, put))
    assert "DOCTYPE" in said or "no known format" in said
    assert time.process_time() - start < 5


@pytest.mark.parametrize("kind", XML)
def test_an_entity_that_is_not_declared_is_refused_or_said(tmp_path, kind):
    path = damaged(tmp_path, kind, lambda c: c.replace(b'value="', b'value="&nbsp;', 1))
    assert "XML breaks" in refused(path)


@pytest.mark.parametrize("kind", XML)
def test_entities_in_another_encoding_are_no_way_around(tmp_path, kind):
    def put(content):
        head, end, rest = content.decode("latin-1").partition("?>")
        head = head.replace("UTF-8", "utf-16").replace("utf-8", "utf-16")
        return (head + end + DOCTYPES["external entity"].decode() + rest).encode("utf-16")

    refused(damaged(tmp_path, kind, put))


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_text_of_sixteen_bits_is_named_as_that(tmp_path, kind, encoding):
    """``>`` of PowerShell writes UTF-16; it was said to be in no known format."""
    path = damaged(tmp_path, kind, lambda c: c.decode("latin-1").encode(encoding))
    said = refused(path)
    assert "UTF-16" in said
    assert "UTF-8" in said


def picture(path):
    spectra, account = read(path)
    return [
        (s.native_id, s.name, s.mz.tolist(), s.intensity.tolist(), s.precursor_mz, str(s.extra))
        for s in spectra
    ], dict(account.dropped)


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("change", ["\r\n", "\r", "bom", "gzip", "bz2", "two gzips"])
def test_line_ends_marks_and_packing_change_nothing(tmp_path, kind, change):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    plain = damaged(tmp_path / "a", kind, lambda c: c)
    half = len(FIRST[kind]) // 2
    changes = {
        "\r\n": lambda c: c.replace(b"\n", b"\r\n"),
        "\r": lambda c: c.replace(b"\n", b"\r"),
        "bom": lambda c: b"\xef\xbb\xbf" + c,
        "gzip": gzip.compress,
        "bz2": bz2.compress,
        "two gzips": lambda c: gzip.compress(c[:half]) + gzip.compress(c[half:]),
    }
    if change == "bom" and b"ISO-8859-1" in FIRST[kind]:
        pytest.skip("the mark of UTF-8 contradicts what the file declares")
    assert picture(damaged(tmp_path / "b", kind, changes[change])) == picture(plain)
    assert picture(plain)[0]


@pytest.mark.parametrize("kind", TEXT)
@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_file_that_is_packed_again_is_refused(tmp_path, kind, pack):
    refused(damaged(tmp_path, kind, lambda c: pack(gzip.compress(c))))


@pytest.mark.parametrize("kind", TEXT)
def test_every_length_of_a_cut_file_is_read_or_refused(tmp_path, kind):
    content = FIRST[kind]
    whole = len(read(damaged(tmp_path, kind, lambda c: c))[0])
    for end in range(0, len(content), max(1, len(content) // 60)):
        path = damaged(tmp_path, kind, lambda c, end=end: c[:end])
        try:
            spectra, account = read(path)
        except InputError as error:
            assert str(error).isprintable()
        else:
            assert account.read == len(spectra) + account.dropped.total() <= whole


def bomb(pack, head):
    """Return less than three megabytes that expand to a gigabyte: one packed piece many times."""
    piece = (b"100 1\n" if head else bytes(6)) * (1 << 21)
    return pack(head) + pack(piece) * (1 + (1 << 30) // len(piece))


@pytest.mark.parametrize(
    ("pack", "head"),
    [
        (gzip.compress, b""),
        (bz2.compress, b""),
        (gzip.compress, b"BEGIN IONS\nPEPMASS=5\n"),
        pytest.param(bz2.compress, b"BEGIN IONS\nPEPMASS=5\n", marks=pytest.mark.slow),
    ],
)
def test_a_gigabyte_from_a_megabyte(tmp_path, pack, head):
    path = tmp_path / "bomb"
    path.write_bytes(bomb(pack, head))
    assert path.stat().st_size < 3 << 20
    start = time.process_time()
    said = refused(path)
    assert "expands" in said or "longer than" in said or "no known format" in said
    assert time.process_time() - start < 20


def test_an_array_that_expands_beyond_reason_is_dropped(tmp_path):
    """Two arrays of 50 million zeros are a megabyte of base64, and took 2 GB of memory."""
    n = 20_000_000
    zeros = base64.b64encode(zlib.compress(bytes(8 * n), 6)).decode()
    arrays = "".join(binary(zeros, role + TYPES["d"] + ZLIB) for role in (MZ, INTENSITY))
    text = mzml(spectrum(arrays, length=n), spectrum(peaks(), "scan=2"))
    spectra, account = read_text(tmp_path, text)
    assert [s.native_id for s in spectra] == ["scan=2"]
    assert dict(account.dropped) == {"array expands beyond all reason": 1}


@pytest.mark.parametrize("values", [(100.0,), (100.0, 200.0, 300.0), ()])
def test_base64_of_another_length_than_declared(tmp_path, values):
    text = mzml(spectrum(array(values, MZ) + array((1, 2), INTENSITY)), spectrum(peaks(), "scan=2"))
    spectra, account = read_text(tmp_path, text)
    assert spectra[-1].native_id == "scan=2"
    assert account.read == 2
    assert account.dropped.total() == 1


NUMBERS = [
    "nan",
    "inf",
    "-inf",
    "1e999",
    "-5",
    "1e308",
    "1e-320",
    "0",
    "-0.0",
    "1_000",
    "0x10",
    "٣",
]


@pytest.mark.parametrize("kind", LINES)
@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("place", [b"138.066", b"110.071", b"200.25"])
def test_odd_numbers_in_the_peaks(tmp_path, kind, number, place):
    """They are read as what they are, or their spectrum is dropped and counted; none other is."""
    if place not in FIRST[kind]:
        pytest.skip("this file has no such peak")
    whole, _ = read(damaged(tmp_path, kind, lambda c: c))
    path = damaged(tmp_path, kind, lambda c: c.replace(place, number.encode(), 1))
    spectra, account = read(path)
    assert account.read >= len(whole)
    assert account.dropped.total() <= 1
    for s in spectra:
        assert np.isfinite(s.mz).all()
        assert np.isfinite(s.intensity).all()
        assert (s.mz >= 0).all()
        assert (np.diff(s.mz) >= 0).all()


@pytest.mark.parametrize("kind", [kind for kind in TEXT if kind not in XML])
def test_spectra_of_one_id_are_all_kept_in_joined_files(tmp_path, kind):
    """``cat a.json b.json`` as well: what came after the first array would not be read."""
    content = FIRST[kind]
    once, _ = read(damaged(tmp_path, kind, lambda c: c))
    joined = content + b"\n" + content
    if kind == "mzspeclib":
        joined = content + content[content.index(b"<Spectrum=1>") :]
    twice, account = read(damaged(tmp_path, kind, lambda c: joined))
    assert account.read == 2 * len(once)
    assert len(twice) >= 2 * len(once) - 1  # MS2: header lines may end up in a peak list


def test_a_million_peaks(tmp_path):
    n = 1_000_000
    mz = 100 + np.arange(n) / 1000
    start = time.process_time()
    lines = "\n".join(f"{x:.3f} 1" for x in mz)
    (s,), _ = read_text(tmp_path, f"BEGIN IONS\nPEPMASS=5\n{lines}\nEND IONS\n")
    assert len(s.mz) == n
    (s,), _ = read_text(tmp_path, f"Name: x\nNum Peaks: {n}\n{lines}\n\n")
    assert len(s.mz) == n
    text = array(mz, MZ, zipped=True) + array(np.ones(n), INTENSITY, zipped=True)
    (s,), _ = read_text(tmp_path, mzml(spectrum(text, length=n)))
    np.testing.assert_array_equal(s.mz, mz)
    assert time.process_time() - start < 30


def test_notes_of_peaks_in_latin1_are_understood(tmp_path):
    """They were read as UTF-8 with every other letter lost."""
    text = 'Name: x\nNum Peaks: 2\n100 1 "α-Spaltung"\n101 2 "größer"\n\n'
    (s,), _ = read_text(tmp_path, text.replace("α", "a").encode("latin-1"))
    assert s.columns["annotation"].tolist() == ["a-Spaltung", "größer"]


@pytest.mark.parametrize(
    ("first", "second"),
    [("NUM PEAKS", "Num Peaks"), ("Num Peaks", "NUM PEAKS"), ("Num Peaks",) * 2],
)
def test_libraries_joined_without_a_blank_line(tmp_path, first, second):
    """Of two records in one paragraph that spell Num Peaks differently the first vanished,
    and its fields went to the second."""
    text = (
        f"Name: a\nPrecursorMZ: 50\n{first}: 2\n100 1\n101 2\n"
        f"NAME: b\nPRECURSORMZ: 60\n{second}: 1\n200 5\n\n"
        "Name: c\nNum Peaks: 1\n300 5\n\n"
    )
    spectra, account = read_text(tmp_path, text)
    assert [(s.name, s.precursor_mz, len(s.mz)) for s in spectra[:2]] == [
        ("a", 50, 2),
        ("b", 60, 1),
    ]
    assert spectra[2].name == "c"
    assert account.read == 3


def test_a_record_without_peaks_above_another_one_is_counted(tmp_path):
    text = "Name: a\nPrecursorMZ: 50\nName: b\nPrecursorMZ: 60\nNum Peaks: 1\n200 5\n\n"
    (s,), account = read_text(tmp_path, text)
    assert (s.name, s.precursor_mz) == ("b", 60)
    assert dict(account.dropped) == {"no peak list": 1}


def test_peaks_below_a_damaged_num_peaks_are_no_fields_of_the_next_record(tmp_path):
    """They went into the extras of the next record, and the record they belong to vanished."""
    text = "Name: a\nNumPaeks: 2\n100 1\n101 2\nName: b\nNum Peaks: 1\n200 5\n\n"
    spectra, account = read_text(tmp_path, text)
    assert account.read == 2
    assert spectra[-1].name == "b"
    assert "text" not in spectra[-1].extra


def test_a_count_of_peaks_that_is_no_number_is_not_the_end_of_its_record(tmp_path):
    """A record without a name vanished: its only line was blanked when it was read."""
    spectra, account = read_text(tmp_path, "Num Peaks: 2^3\n\n")
    assert (spectra, dict(account.dropped)) == ([], {"no peak list": 1})
    for stated in ("some", "+5", "-1"):
        text = f"Name: a\nNum Peaks: {stated}\n\n100 1\n101 2\n"
        (s,), account = read_text(tmp_path, text)
        assert (s.name, s.mz.tolist()) == ("a", [100, 101])
        assert s.extra["Num Peaks"] == str(int(stated) if stated != "some" else stated)


@pytest.mark.parametrize("digits", [400, 308])
def test_numbers_of_hundreds_of_digits_are_not_infinite(tmp_path, digits):
    """Collision energies and retention times were."""
    huge = "9" * digits
    text = f"Name: a\nCOLLISIONENERGY: {huge} kV\nRETENTIONTIME: {huge}\nNum Peaks: 1\n1 1\n\n"
    (s,), _ = read_text(tmp_path, text)
    assert np.isnan([s.rt_seconds, s.collision_energy_value]).all()
    assert s.collision_energy == f"{huge} kV"


@pytest.mark.parametrize("kind", ["msp", "mgf"])
def test_one_endless_note_among_many_peaks(tmp_path, kind):
    """Each note takes the room of the longest: ten thousand peaks and a megabyte of text, 40 GB."""
    body = "1 1 x\n" * 10_000 + f"2 1 {'y' * 1_000_000}\n"
    head, end = "BEGIN IONS\n", "END IONS\n"
    if kind == "msp":
        head, end = "Name: a\nNum Peaks: 10001\n", "\n"
    good = f"{head}1 1 x\n{end}".replace("10001", "1")
    spectra, account = read_text(tmp_path, f"{head}{body}{end}{good}")
    assert len(spectra) == 1
    assert dict(account.dropped) == {"notes of peaks too long": 1}


def test_a_mark_of_utf8_is_stronger_than_the_declared_encoding(tmp_path):
    """Names were read as Latin-1, in the blocks that the tokeniser took."""
    text = mzml(spectrum('<userParam name="n" value="größer"/>' + peaks()))
    data = text.replace("utf-8", "ISO-8859-1").encode("utf-8-sig")
    (s,), _ = read_text(tmp_path, data)
    assert s.extra["n"] == "größer"


@pytest.mark.skipif("massbank" not in FIRST, reason="no reader of MassBank records")
def test_massbank_records_without_a_separator_are_two(tmp_path):
    """Their peaks were put into one spectrum, with the fields of the first."""
    record = FIRST["massbank"].replace(b"//\n", b"")
    other = record.replace(b"X00001", b"X00002").replace(b"138.066 100", b"139.5 100")
    spectra, account = read_text(tmp_path, record + other + b"//\n")
    assert [s.native_id for s in spectra] == ["MSBNK-A-X00001", "MSBNK-A-X00002"]
    assert [s.mz.tolist() for s in spectra] == [[110.071, 138.066], [110.071, 139.5]]
    cut = record.rpartition(b"  138.066 100")[0]
    (s,), account = read_text(tmp_path, cut + other + b"//\n")
    assert s.native_id == "MSBNK-A-X00002"
    assert dict(account.dropped) == {"cut off before //": 1}


@pytest.mark.skipif("massbank" not in FIRST, reason="no reader of MassBank records")
def test_two_peak_lists_in_one_massbank_record_are_not_mixed(tmp_path):
    record = FIRST["massbank"]
    at = record.index(b"PK$NUM_PEAK")
    twice = record[:-3] + record[at:]
    spectra, account = read_text(tmp_path, twice + record)
    assert len(spectra) == 1
    assert dict(account.dropped) == {"two peak lists in one record": 1}


@pytest.mark.parametrize("kind", [kind for kind in TEXT if "json" in kind])
def test_json_lines_are_read_and_text_behind_the_end_is_refused(tmp_path, kind):
    """Everything after the first object or array was passed over without a word."""
    items = json.loads(FIRST[kind])
    lines = b"\n".join(json.dumps(item).encode() for item in items)
    spectra, _ = read(damaged(tmp_path, kind, lambda c: lines))
    assert len(spectra) == len(items)
    for behind in (b"x", b"]", b"}", b'"'):
        refused(damaged(tmp_path, kind, lambda c, behind=behind: c + behind))


PREDICTED = [
    cv("MS:1003089", "truncation, delta prediction and zlib compression"),
    cv("MS:1003090", "truncation, linear prediction and zlib compression"),
]


@pytest.mark.skipif("mzxml" not in FIRST, reason="these packings are not read")
@pytest.mark.parametrize("packing", PREDICTED)
@pytest.mark.parametrize(
    ("kind", "values"), [("i", (-(2**31), 2**31 - 1, 2**31 - 1)), ("q", (0, 2**63 - 1, 2**63 - 1))]
)
def test_predicted_whole_numbers_that_do_not_fit_their_type(tmp_path, packing, kind, values):
    """They ended as our bug."""
    raw = zlib.compress(struct.pack(f"<3{kind}", *values))
    mz = binary(base64.b64encode(raw).decode(), MZ + TYPES[kind] + packing)
    bad = spectrum(mz + array((1, 2, 3), INTENSITY), length=3)
    spectra, account = read_text(tmp_path, mzml(bad, spectrum(peaks(), "scan=2")))
    assert [s.native_id for s in spectra] == ["scan=2"]
    assert dict(account.dropped) == {"array cannot be decoded": 1}


def test_one_endless_text_in_an_array_of_texts(tmp_path):
    """Each takes the room of the longest: 4000 peaks and a megabyte, 15 GB."""
    n = 4000
    text = base64.b64encode(b"\0" * (n - 1) + b"y" * 1_000_000 + b"\0").decode()
    named = cv("MS:1000786", "non-standard data array", "notes")
    string = cv("MS:1001479", "null-terminated ASCII string") + cv("MS:1000576", "no compression")
    arrays = array([1.0] * n, MZ) + array([1.0] * n, INTENSITY) + binary(text, named + string)
    _, account = read_text(tmp_path, mzml(spectrum(arrays, length=n)))
    assert account.read == 1


@pytest.mark.skipif("mzxml" not in FIRST, reason="no reader of mzXML")
@pytest.mark.parametrize("time_", ["PT{}M1S", "PT{}S", "{}"])
def test_durations_of_hundreds_of_digits_are_not_infinite(tmp_path, time_):
    huge = time_.format("9" * 400).encode()
    path = damaged(tmp_path, "mzxml", lambda c: c.replace(b"PT1.5S", huge))
    spectra, _ = read(path)
    assert np.isnan(spectra[0].rt_seconds)
    assert spectra[1].rt_seconds == 2.5
