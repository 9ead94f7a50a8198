"""Arbitrary bytes end in an InputError or in spectra, never in anything else."""

import gzip

import numpy as np
import pytest
from builders import MZ, PLAIN, TYPES, array, binary, mzml, peaks, read_text, spectrum
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spectrakit.errors import InputError, MissingExtraError

SETTINGS = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
MSP = (
    b'Name: X\nDB#: 1\nComments: "SMILES=CC" "a=b"\nPrecursorMZ: 5\nNum Peaks: 2\n1 2 "y"\n3 4\n\n'
)
MGF = b"COM=x\nBEGIN IONS\nTITLE=a\nPEPMASS=5 6\nCHARGE=2+\n1 2 3\n3 4\nEND IONS\n"
MZML = mzml(spectrum(peaks(), "a"), spectrum(peaks(), "b")).encode()


def read_or_refuse(tmp_path, data):
    try:
        spectra, account = read_text(tmp_path, data)
    except (InputError, MissingExtraError) as error:  # b"PAR1" is Parquet, which needs pyarrow
        assert "\n" not in str(error)
        assert error.hint
        return
    assert account.read == len(spectra) + account.dropped.total()
    for s in spectra:
        assert len(s.mz) == len(s.intensity)
        assert np.isfinite(s.mz).all()
        assert np.isfinite(s.intensity).all()
        assert (s.mz[1:] >= s.mz[:-1]).all()
        assert (s.mz >= 0).all()


@SETTINGS
@given(data=st.binary(max_size=300))
@example(data=b"PAR1")
def test_any_bytes(tmp_path, data):
    read_or_refuse(tmp_path, data)


@pytest.mark.parametrize("seed", [MSP, MGF, MZML], ids=["msp", "mgf", "mzml"])
@SETTINGS
@given(data=st.data())
def test_damaged_files(tmp_path, seed, data):
    """Cut, overwrite and insert at random places of a good file."""
    text = bytearray(seed * (1 if seed is MZML else 3))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        length = data.draw(st.integers(0, 12))
        new = data.draw(
            st.one_of(
                st.binary(max_size=8),
                st.sampled_from(
                    [b"\n", b"\n\n", b"nan", b"-", b"<", b"Num Peaks: 9\n", b"1e999 1\n"]
                ),
            )
        )
        text[at : at + length] = new
    read_or_refuse(tmp_path, bytes(text))


@SETTINGS
@given(lines=st.lists(st.text(max_size=30), max_size=12))
def test_any_lines_after_a_header(tmp_path, lines):
    body = "\n".join(lines)
    read_or_refuse(tmp_path, f"Name: X\n{body}\nNum Peaks: 2\n{body}\n".encode("utf-8", "replace"))
    read_or_refuse(tmp_path, f"BEGIN IONS\n{body}\nEND IONS\n".encode("utf-8", "replace"))


@SETTINGS
@given(raw=st.binary(max_size=60))
@pytest.mark.parametrize("accession", ["MS:1000574", "MS:1002312", "MS:1002313", "MS:1002314"])
def test_any_array_bytes(tmp_path, accession, raw):
    import base64

    term = f'<cvParam accession="{accession}" name="x compression"/>'
    text = binary(base64.b64encode(raw).decode(), MZ + TYPES["d"] + term)
    read_or_refuse(tmp_path, mzml(spectrum(text + array((1, 2), "", "d"))).encode())


def test_ten_megabyte_lines(tmp_path):
    long = "x" * (10 << 20)
    (s,), _ = read_text(tmp_path, f"Name: {long}\nNum Peaks: 1\n1 1\n")
    assert len(s.name) == 10 << 20
    _, account = read_text(tmp_path, f"Name: A\nNum Peaks: 1\n1 {'9' * (10 << 20)}\n")
    assert dict(account.dropped) == {"not-a-number in the peaks": 1}
    text = mzml(spectrum(peaks(), "y" * (11 << 20)))
    assert len(read_text(tmp_path, text)[0][0].native_id) == 11 << 20


def test_deep_xml(tmp_path):
    deep = "<scan>" * 5000 + "</scan>" * 5000
    read_or_refuse(tmp_path, mzml(spectrum(deep + peaks())).encode())
    read_or_refuse(tmp_path, mzml(before="<a>" * 100_000).encode())


def test_a_null_byte_in_xml_is_one_line(tmp_path):
    """libxml2 ends this message with a line break, which split our error in two."""
    with pytest.raises(InputError) as caught:
        read_text(tmp_path, MZML.replace(b"</run>", b"\x00</run>"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "damage",
    [(b"<cvParam", b"<cvPar:am"), (b"<binary>", "<binary>é&#233;".encode()), (b"<run", b"<r:un")],
)
def test_found_by_fuzzing(tmp_path, damage):
    """Undeclared prefixes and letters outside ASCII in base64 ended in a ValueError."""
    read_or_refuse(tmp_path, MZML.replace(*damage))


def test_endless_gzip_members(tmp_path):
    (a, b), _ = read_text(tmp_path, gzip.compress(MSP) + gzip.compress(MSP))
    assert a.name == b.name == "X"


def test_control_characters_do_not_break_records(tmp_path):
    (s,), _ = read_text(tmp_path, b"Name: ab\x1b[31mred\x07\nNum Peaks: 1\n1 1\n")
    assert "red" in s.name
    assert PLAIN
