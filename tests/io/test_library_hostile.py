"""Whatever is done to a library file: it is read, or one clear error says what is wrong."""

import json
import time

import pytest
from builders import read_text
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_library_json import GNPS, MONA
from test_massbank import RECORD
from test_ms2 import MS2
from test_mzspeclib import MZSPECLIB, MZVAULT

from spectrakit.errors import SpectrakitError

FILES = {
    "massbank": RECORD * 2,
    "mona": json.dumps([MONA, MONA]),
    "gnps": json.dumps([GNPS, GNPS]),
    "mzspeclib": MZSPECLIB,
    "mzvault": MZVAULT,
    "ms2": MS2,
}
ODD = st.sampled_from(
    [b"\x00", b"nan", b"-1", b"1e400", b"9" * 400, b"\n", b"\r", b"//", b"<", b"[", b"]" * 9,
     b"\xff",
     b"\xef\xbb\xbf", b"\t", b" ", b"=", b"|", b":", b'"', b"{", b"S\t1\t1\n", b"\n<Peaks>\n"]
)  # fmt: skip


@pytest.mark.parametrize("kind", FILES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_changed_bytes_are_read_or_refused_in_one_line(tmp_path, kind, data):
    text = FILES[kind].encode()
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        stop = min(len(text), start + data.draw(st.integers(0, 40)))
        text = text[:start] + data.draw(ODD) + text[stop:]
    try:
        spectra, account = read_text(tmp_path, text)
    except SpectrakitError as error:
        assert "\n" not in str(error)
        assert error.hint
    else:
        assert account.read >= len(spectra)
        for s in spectra:
            assert (s.mz >= 0).all()
            assert (s.mz[1:] >= s.mz[:-1]).all()
            assert all(len(column) == len(s) for column in s.columns.values())


@pytest.mark.parametrize("kind", FILES)
def test_every_beginning_of_a_file_is_read_or_refused(tmp_path, kind):
    text = FILES[kind]
    for stop in range(0, len(text), 37):
        try:
            read_text(tmp_path, text[:stop])
        except SpectrakitError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize("kind", ["massbank", "mzspeclib", "mzvault", "ms2"])
def test_a_line_of_ten_megabytes_takes_no_more_than_seconds(tmp_path, kind):
    endless = (
        FILES[kind].partition("<Cluster")[0].rstrip("/\n") + "\n" + "1 " * 5_000_000 + "\n//\n"
    )
    begun = time.process_time()
    _, account = read_text(tmp_path, endless)
    assert account.dropped.total() == 1
    assert time.process_time() - begun < 10


def test_names_with_control_characters_stay_on_one_line_when_written(tmp_path, cli):
    odd = {**GNPS, "Compound_Name": "a\nb\tc\x00d\x1b[31m", "new\nline": "x\ny"}
    source = tmp_path / "x.json"
    source.write_text(json.dumps([odd]))
    for suffix in ("mgf", "msp", "txt"):
        out = tmp_path / f"out.{suffix}"
        assert cli("convert", source, "-o", out).exit_code == 0
        text = out.read_text()
        assert "\x00" not in text
        assert "\x1b" not in text
        (s,), account = read_text(tmp_path, text, f"again.{suffix}")
        assert (account.read, s.mz.tolist()) == (1, [100.25, 200.5])
