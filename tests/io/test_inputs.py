"""Which files the words of a command line mean, and what is said of those that are none."""

import errno
import io
import sys
from pathlib import Path

import pytest
from builders import mzml, peaks, read, spectrum

from spectrakit.errors import InputError, UsageError
from spectrakit.io import sniff, streams
from spectrakit.io.inputs import expand_inputs

MSP = "Name: X\nNum Peaks: 1\n1 1\n"
MGF = "BEGIN IONS\n1 1\nEND IONS\n"


def make(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_folders_are_searched_to_the_bottom_and_sorted(tmp_path):
    make(tmp_path, b__msp=MSP, a__MGF=MGF, notes__csv="a,b", library__txt=MSP, readme__txt="hello")
    make(tmp_path / "sub", c__mzML=mzml(spectrum(peaks())), d__mzXML="<mzXML/>")
    make(tmp_path / ".hidden", e__msp=MSP)
    make(tmp_path / "run.d" / "AcqData", x__bin="")
    (tmp_path / "half.h5.part-77").write_text("")
    found = [p.relative_to(tmp_path).as_posix() for p in expand_inputs([str(tmp_path)])]
    assert found == ["a.MGF", "b.msp", "library.txt", "run.d", "sub/c.mzML", "sub/d.mzXML"]


def test_globs_lists_and_repeats(tmp_path, monkeypatch):
    make(tmp_path, a__msp=MSP, b__msp=MSP, c__mgf=MGF)
    make(tmp_path / "sub", d__msp=MSP)
    (tmp_path / "list.txt").write_text("# mine\n\nsub/d.msp\n*.mgf\n", encoding="utf-8-sig")
    monkeypatch.chdir(tmp_path)
    names = [p.as_posix() for p in expand_inputs(["*.msp", "a.msp", "@list.txt", "**/d.msp"])]
    assert names == ["a.msp", "b.msp", "sub/d.msp", "c.mgf"]


def test_a_file_with_brackets_in_its_name_is_no_pattern(tmp_path):
    path = tmp_path / "run [1].msp"
    path.write_text(MSP)
    assert expand_inputs([str(path)]) == [path]


def test_a_list_that_names_itself_is_refused(tmp_path):
    path = tmp_path / "l.txt"
    path.write_text(f"@{path}\n")
    with pytest.raises(InputError, match="names itself"):
        expand_inputs([f"@{path}"])


def test_nothing_found_is_an_error(tmp_path):
    with pytest.raises(InputError, match="no spectra"):
        expand_inputs([str(tmp_path)])
    with pytest.raises(InputError, match="no file matches"):
        expand_inputs([str(tmp_path / "*.mzML")])
    with pytest.raises(UsageError):
        expand_inputs([])
    with pytest.raises(InputError, match="cannot be read"):
        expand_inputs(["@" + str(tmp_path / "none.txt")])


def test_stdin_is_read_like_a_file(monkeypatch):
    class Stdin:
        buffer = io.BytesIO(MSP.encode())

        def isatty(self):
            return False

    monkeypatch.setattr(sys, "stdin", Stdin())
    (path,) = expand_inputs(["-"])
    assert str(path) == "-"
    (s,), account = read(path)
    assert (s.name, account.format, account.path) == ("X", "msp", "-")


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("a.raw", b"\x01\xa1F\x00i\x00n\x00n\x00i\x00g\x00a\x00n\x00", "Thermo raw", "ThermoRaw"),
        ("a.raw", b"", "Thermo raw", "msconvert"),
        ("a.wiff", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Sciex wiff", "msconvert"),
        ("a.mzML", b"", "is empty", "Copy"),
        ("a.mzML", b"\x00\x01\x02\xff" * 99, "no known format", "Export"),
        ("a.mzML", b"hello", "no known format", "Export"),
        ("a.zip", b"PK\x03\x04abc", "archive", "Unpack"),
        ("a.mzML.zst", b"\x28\xb5\x2f\xfd\x04abc", "zstd", "Unpack"),
        ("a.mgf.lz4", b"\x04\x22\x4d\x18abc", "lz4", "Unpack"),
        ("a.tar", b"a.mgf".ljust(257, b"\0") + b"ustar\n" + MGF.encode(), "tar", "Unpack"),
        ("a.xml", b"<html>", "no known format", "Export"),
        ("a.json", b'[{"a": 1}]', "JSON", "MSP"),
    ],
)
def test_what_is_not_read_is_named_with_the_way_out(tmp_path, name, content, message, hint):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        sniff(path)
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("folder", "inside", "kind"),
    [
        ("a.d", "AcqData", "Agilent"),
        ("a.d", "analysis.tdf", "timsTOF"),
        ("a.raw", "_FUNC001.DAT", "Waters"),
        ("a.d", "whatever", "vendor"),
    ],
)
def test_vendor_folders_are_one_input(tmp_path, folder, inside, kind):
    path = tmp_path / folder
    path.mkdir()
    (path / inside).write_text("")
    assert expand_inputs([str(path)]) == [path]
    with pytest.raises(InputError, match=kind) as caught:
        sniff(path)
    assert f'msconvert "{path}" --mzML' in caught.value.hint


def test_a_folder_that_only_looks_like_one_is_searched(tmp_path):
    make(tmp_path / "runs.d", a__msp=MSP)
    assert expand_inputs([str(tmp_path / "runs.d")]) == [tmp_path / "runs.d" / "a.msp"]


@pytest.mark.parametrize("packing", ["zip", "xz", "7z", "zst", "lz4"])
def test_a_packed_run_in_a_folder_is_not_passed_over(tmp_path, packing):
    """A night's folder was converted without it, and nothing said so."""
    make(tmp_path, a__msp=MSP)
    (tmp_path / f"b.mzML.{packing}").write_bytes(b"")
    (tmp_path / f"notes.{packing}").write_bytes(b"")
    assert [p.name for p in expand_inputs([str(tmp_path)])] == ["a.msp", f"b.mzML.{packing}"]


def test_text_of_another_format_inside_a_record_is_text(tmp_path):
    path = tmp_path / "a.msp"
    path.write_text("Name: A\nBEGIN IONS: x\nNum Peaks: 1\n1 1\n")
    assert sniff(path) == "msp"


def test_the_suffix_is_not_believed(tmp_path):
    for name, text, kind in (("a.mzML", MGF, "mgf"), ("a.raw", MSP, "msp"), ("a", MGF, "mgf")):
        path = tmp_path / name
        path.write_text(text)
        assert sniff(path) == kind


@pytest.mark.parametrize("name", ["a.mgf", "a.msp", "a.mzML"])
def test_a_drive_that_goes_while_a_file_is_read(tmp_path, monkeypatch, cli, name):
    """The file is named, which "the system: Input/output error" did not, and the others finish."""
    record = {
        "a.mgf": "BEGIN IONS\nTITLE=a\n50 1\nEND IONS\n",
        "a.msp": "Name: a\nNum Peaks: 1\n50 1\n\n",
        "a.mzML": mzml(*[spectrum(peaks())] * 800),
    }[name]
    (tmp_path / name).write_text(record * (1 if name == "a.mzML" else 20_000))
    (tmp_path / "b.mgf").write_text("BEGIN IONS\nTITLE=b\n50 1\nEND IONS\n")
    reads = []

    class Gone(io.FileIO):
        def readinto(self, buffer):
            reads.append(self.name)
            if Path(self.name).name == name and len(reads) > 2:  # after its kind was found out
                raise OSError(errno.EIO, "Input/output error")
            return super().readinto(buffer)

    monkeypatch.setattr(streams, "_NamedFile", type("Named", (streams._NamedFile, Gone), {}))
    (tmp_path / "out").mkdir()
    done = cli("convert", tmp_path / name, tmp_path / "b.mgf", "-o", tmp_path / "out")
    assert done.exit_code == 3
    assert f"{name}: cannot be read: Input/output error" in done.stderr
    assert sorted(p.name for p in (tmp_path / "out").glob("*.h5")) == ["b.h5"]
