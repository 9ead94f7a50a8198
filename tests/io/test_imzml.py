"""imzML: both layouts, the .ibd beside it, damage. The files are authored here from the
specification (imzML 1.1: an mzML whose arrays lie in an .ibd that begins with a UUID)."""

import bz2
import gzip
import hashlib
import json
import struct
import zlib

import numpy as np
import pytest
from builders import INTENSITY, MZ, PLAIN, TYPES, ZLIB, cv, read
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrakit.errors import InputError

UUID = bytes(range(16))
TEXT = "{00010203-0405-0607-0809-0A0B0C0D0E0F}"


def ims(number, name, value=""):
    return f'<cvParam cvRef="IMS" accession="IMS:{number}" name="{name}" value="{value}"/>'


class Written:
    """An imzML and its .ibd, put together pixel by pixel."""

    def __init__(self, *, continuous=False, zipped=False):
        self.ibd = bytearray(UUID)
        self.pixels = []
        self.shared = None
        self.continuous, self.zipped = continuous, zipped

    def array(self, values, role, kind="f"):
        raw = struct.pack(f"<{len(values)}{kind}", *values)
        raw = zlib.compress(raw) if self.zipped else raw
        offset = len(self.ibd)
        self.ibd += raw
        return (
            f'<binaryDataArray encodedLength="0">{role}{TYPES[kind]}'
            f"{ZLIB if self.zipped else PLAIN}{ims(1000101, 'external data', 'true')}"
            f"{ims(1000103, 'external array length', len(values))}"
            f"{ims(1000102, 'external offset', offset)}"
            f"{ims(1000104, 'external encoded length', len(raw))}<binary/></binaryDataArray>"
        )

    def pixel(self, x, y, mz, intensity, kind="f"):
        if not self.continuous or self.shared is None:
            self.shared = self.array(mz, MZ, kind)
        inner = self.shared + self.array(intensity, INTENSITY, kind)
        n = len(self.pixels) + 1
        self.pixels.append(
            f'<spectrum id="Scan={n}" index="{n - 1}" defaultArrayLength="0">'
            f"{cv('MS:1000511', 'ms level', '1')}<scanList><scan>"
            f"{ims(1000050, 'position x', x)}{ims(1000051, 'position y', y)}"
            f"{ims(1000052, 'position z', 1)}</scan></scanList>"
            f"<binaryDataArrayList>{inner}</binaryDataArrayList></spectrum>"
        )
        return self

    def xml(self, *, uuid=TEXT, checksum="sha1", digest=None):
        number = {"md5": 1000090, "sha1": 1000091, "sha256": 1000092}[checksum]
        digest = hashlib.new(checksum, self.ibd).hexdigest() if digest is None else digest
        layout = ims(1000030, "continuous") if self.continuous else ims(1000031, "processed")
        return (
            '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
            '<mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1">'
            '<cvList><cv id="IMS"/></cvList>'
            f"<fileDescription><fileContent>{ims(1000080, 'uuid', uuid)}"
            f"{ims(number, 'ibd ' + checksum, digest)}{layout}</fileContent></fileDescription>"
            f'<run id="r"><spectrumList count="{len(self.pixels)}">{"".join(self.pixels)}'
            "</spectrumList></run></mzML>"
        )

    def write(self, folder, name="image.imzML", **kwargs):
        path = folder / name
        path.write_text(self.xml(**kwargs))
        path.with_suffix(".ibd").write_bytes(self.ibd)
        return path


def image(**kwargs):
    written = Written(**kwargs)
    for i in range(4):
        written.pixel(i % 2 + 1, i // 2 + 1, (100.5, 200.5, 300.5), (i, 2.0, 3.0))
    return written


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("checksum", ["md5", "sha1", "sha256"])
def test_both_layouts(tmp_path, continuous, zipped, checksum):
    path = image(continuous=continuous, zipped=zipped).write(tmp_path, checksum=checksum)
    spectra, account = read(path)
    assert account.format == "imzml"
    assert [s.native_id for s in spectra] == ["Scan=1", "Scan=2", "Scan=3", "Scan=4"]
    for i, s in enumerate(spectra):
        assert s.mz.tolist() == [100.5, 200.5, 300.5]
        assert s.intensity.tolist() == [i, 2.0, 3.0]
        assert s.intensity.dtype == np.float32
        place = {"position x": str(i % 2 + 1), "position y": str(i // 2 + 1), "position z": "1"}
        assert s.extra == place


@pytest.mark.parametrize("kind", ["f", "d", "i", "q"])
def test_number_types(tmp_path, kind):
    (s,), _ = read(Written().pixel(1, 1, (100, 200), (3, 4), kind).write(tmp_path))
    assert (s.mz.tolist(), s.intensity.tolist()) == ([100.0, 200.0], [3.0, 4.0])


def test_pixels_reach_a_store_and_can_be_chosen(tmp_path, cli):
    path = image().write(tmp_path)
    out, summary = tmp_path / "out.h5", tmp_path / "summary.json"
    result = cli("convert", path, "-o", out, "--where", "extra.position x=2", "--summary", summary)
    assert result.exit_code == 0
    counts = json.loads(summary.read_text())["inputs"][0]
    assert (counts["format"], counts["read"], counts["kept"]) == ("imzml", 4, 2)
    spectra, _ = read(out)
    assert [s.extra["position y"] for s in spectra] == ["1", "2"]


def test_packed_xml_and_other_cases_of_the_suffix(tmp_path):
    written = image()
    for i, pack in enumerate((gzip.compress, bz2.compress)):
        folder = tmp_path / str(i)
        folder.mkdir()
        path = folder / ("a.imzML.gz" if i == 0 else "a.imzML.bz2")
        path.write_bytes(pack(written.xml().encode()))
        (folder / "a.IBD").write_bytes(written.ibd)
        assert len(read(path)[0]) == 4


def refused(path, match, cli, tmp_path):
    """The error is one line with the way out, exit 3, and leaves no output."""
    with pytest.raises(InputError, match=match) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 3
    assert not list(tmp_path.glob("out*"))
    return caught.value.hint


def test_a_missing_ibd(tmp_path, cli):
    path = image().write(tmp_path)
    path.with_suffix(".ibd").unlink()
    assert "same folder" in refused(path, r"image\.ibd is not beside it", cli, tmp_path)
    (tmp_path / "image.ibd.gz").write_bytes(b"")
    assert "Decompress image.ibd.gz" in refused(path, "not beside it", cli, tmp_path)


def test_a_short_ibd(tmp_path, cli):
    path = image().write(tmp_path, digest="")
    ibd = path.with_suffix(".ibd")
    ibd.write_bytes(ibd.read_bytes()[:-5])
    refused(path, r"ends at byte \d+, and spectrum 'Scan=4' needs byte \d+", cli, tmp_path)
    ibd.write_bytes(b"abc")
    refused(path, "ends at byte 3, and the identifier needs byte 16", cli, tmp_path)


def test_an_ibd_of_another_imzml(tmp_path, cli):
    path = image().write(tmp_path, uuid="f" * 32)
    refused(path, "belongs to another imzML", cli, tmp_path)


def test_an_ibd_that_changed(tmp_path, cli):
    path = image().write(tmp_path)
    ibd = path.with_suffix(".ibd")
    ibd.write_bytes(ibd.read_bytes()[:-1] + b"x")
    refused(path, "its SHA1 is .* changed since", cli, tmp_path)


def test_the_ibd_itself_names_the_imzml(tmp_path, cli):
    path = image().write(tmp_path).with_suffix(".ibd")
    assert "image.imzML" in refused(path, "binary half of an imzML", cli, tmp_path)


def test_a_folder_gives_the_imzml_once(tmp_path, cli):
    (tmp_path / "in").mkdir()
    image().write(tmp_path / "in")
    result = cli("convert", tmp_path / "in", "-o", tmp_path / "out.h5")
    assert result.exit_code == 0
    assert "read 4, kept 4" in result.stderr


def test_stdin_has_nothing_beside_it(tmp_path, cli, monkeypatch):
    import io
    import sys

    class Piped:
        buffer = io.BytesIO(image().xml().encode())

        def isatty(self):
            return False

    monkeypatch.setattr(sys, "stdin", Piped())
    result = cli("convert", "-", "-o", tmp_path / "out.h5")
    assert result.exit_code == 3
    assert "no .ibd beside it" in result.stderr


def swap(written, before, after):
    written.pixels[1] = written.pixels[1].replace(before, after)
    return written


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ('external array length" value="3"', 'external array length" value="2"',
         "array is not as long as declared"),
        ('external array length" value="3"', 'external array length" value="99999999999999"',
         "array is declared longer than 50 million"),
        ('external array length" value="3"', 'external array length" value="-1"',
         "array has no place in the .ibd"),
        ('external offset" value="', 'external offset" value="x', "array has no place in the .ibd"),
        ('accession="IMS:1000102"', 'accession="IMS:0"', "array has no place in the .ibd"),
        (TYPES["f"], "", "array has no place in the .ibd"),
        (PLAIN, ZLIB, "array cannot be decoded"),
        (INTENSITY, "", "m/z and intensity arrays differ in length"),
    ],
)  # fmt: skip
def test_a_bad_pixel_costs_no_other(tmp_path, before, after, reason):
    path = swap(image(), before, after).write(tmp_path)
    spectra, account = read(path)
    assert [s.native_id for s in spectra] == ["Scan=1", "Scan=3", "Scan=4"]
    assert dict(account.dropped) == {reason: 1}


def test_an_array_beyond_the_end_is_an_error_not_a_read(tmp_path, cli):
    path = swap(image(), 'offset" value="', 'offset" value="99999').write(tmp_path)
    refused(path, "ends at byte", cli, tmp_path)


def test_a_compression_bomb_is_not_inflated(tmp_path):
    written = Written()
    raw = zlib.compress(bytes(50_000_000))
    at = len(written.ibd)
    written.pixel(1, 1, (1, 2), (1, 2)).pixel(2, 1, (1, 2), (1, 2))
    written.zipped = True
    written.pixels[1] = written.pixels[1].replace(PLAIN, ZLIB)
    where = len(written.ibd)
    written.ibd += raw
    written.pixels[1] = (
        written.pixels[1]
        .replace(f'length" value="{8}"', f'length" value="{len(raw)}"')
        .replace(f'offset" value="{at + 16}"', f'offset" value="{where}"')
        .replace(f'offset" value="{at + 24}"', f'offset" value="{where}"')
    )
    spectra, account = read(written.write(tmp_path))
    assert len(spectra) == 1
    assert dict(account.dropped) == {"array is not as long as declared": 1}


def test_no_pixels_and_arrays_of_another_file(tmp_path):
    assert read(Written().write(tmp_path))[0] == []
    plain = image().xml().replace("IMS:1000080", "MS:0").replace('id="IMS"', 'id="MS"')
    path = tmp_path / "plain.mzML"
    path.write_text(plain)
    spectra, account = read(path)
    assert spectra == []
    assert dict(account.dropped) == {"array lies outside the file": 4}


def test_doctypes_and_broken_xml_are_refused(tmp_path, cli):
    path = image().write(tmp_path)
    text = path.read_text()
    path.write_text(text.replace("<mzML", '<!DOCTYPE m [<!ENTITY a "b">]><mzML'))
    refused(path, "DOCTYPE", cli, tmp_path)
    path.write_text(text[: text.index("Scan=3") + 40])
    refused(path, r"after spectrum 'Scan=2' \(2 spectra read\)", cli, tmp_path)


PIXELS = st.lists(
    st.lists(
        st.tuples(st.floats(0, 1e6, allow_nan=False), st.floats(-1e9, 1e9, allow_nan=False)),
        max_size=9,
    ),
    min_size=1,
    max_size=5,
)


@settings(max_examples=50, deadline=None)
@given(pixels=PIXELS, zipped=st.booleans())
def test_64_bit_pixels_come_back_exactly(tmp_path_factory, pixels, zipped):
    written = Written(zipped=zipped)
    for i, pairs in enumerate(pixels):
        written.pixel(i, 0, [mz for mz, _ in pairs], [y for _, y in pairs], "d")
    spectra, account = read(written.write(tmp_path_factory.mktemp("i")))
    assert not account.dropped
    for pairs, s in zip(pixels, spectra, strict=True):
        found = list(zip(s.mz.tolist(), s.intensity.tolist(), strict=True))
        assert found == sorted(pairs, key=lambda pair: pair[0])


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_damage_ends_in_spectra_or_in_one_line(tmp_path_factory, data):
    written = image()
    text, ibd = bytearray(written.xml(digest="").encode()), bytearray(written.ibd)
    for _ in range(data.draw(st.integers(1, 3))):
        target = data.draw(st.sampled_from([text, text, ibd]))
        at, length = data.draw(st.integers(0, len(target))), data.draw(st.integers(0, 12))
        new = st.sampled_from([b"<", b'"', b"9", b"99999999", b"-", b"\x00", b""])
        target[at : at + length] = data.draw(st.one_of(st.binary(max_size=6), new))
    path = tmp_path_factory.mktemp("d") / "a.imzML"
    path.write_bytes(text)
    path.with_suffix(".ibd").write_bytes(ibd)
    try:
        spectra, account = read(path)
    except InputError as error:
        assert "\n" not in str(error)
        assert error.hint
        return
    assert account.read == len(spectra) + account.dropped.total()
