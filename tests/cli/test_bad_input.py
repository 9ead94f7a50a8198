"""Bad input through the command line: one line, the right exit code, true counts, no debris."""

import gzip
import json
import os

import h5py
import numpy as np
import pytest

from spectrakit.store import Store
from spectrakit.store.emit import set_attribute

MSP = "NAME: {name}\nPRECURSORMZ: {mz}\nNum Peaks: {n}\n{peaks}\n"


def record(peaks="1 1\n2 2\n", name="X", mz="100.5"):
    return MSP.format(name=name, mz=mz, n=peaks.count("\n"), peaks=peaks)


@pytest.fixture
def convert(cli, tmp_path):
    """Convert one input into a store; return (result, account, spectra)."""

    def run(path):
        out, summary = tmp_path / "out" / "o.h5", tmp_path / "summary.json"
        out.parent.mkdir(exist_ok=True)
        result = cli("convert", path, "-o", out, "--summary", summary)
        assert result.stdout == ""
        assert "Traceback" not in result.stderr
        account = json.loads(summary.read_text()) if summary.exists() else {}
        if account:
            assert account["exit_code"] == result.exit_code
            for entry in account["inputs"]:
                assert entry["read"] == entry["kept"] + sum(entry["dropped"].values())
        if result.exit_code:
            assert list(out.parent.iterdir()) == []
            return result, account, []
        return result, account, list(Store(out))

    return run


def refused(result, *words):
    """Check for exit 3 with one error line that has the words, and one line of advice."""
    assert result.exit_code == 3, result.stderr
    lines = result.stderr.splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("spectrakit: error:"))
    assert sum(line.startswith("spectrakit: error:") for line in lines) == 1
    for word in words:
        assert word in lines[at]
    assert lines[at + 1].startswith("  ")
    assert lines[at + 1].strip()


def mzml(arrays, n=2):
    return (
        '<?xml version="1.0"?><mzML xmlns="http://psi.hupo.org/ms/mzml" version="1.1.0">'
        f'<run id="r"><spectrumList count="1"><spectrum index="0" id="scan=1" '
        f'defaultArrayLength="{n}"><binaryDataArrayList count="2">{arrays}'
        "</binaryDataArrayList></spectrum></spectrumList></run></mzML>"
    )


def array(values, role):
    import base64

    text = base64.b64encode(np.asarray(values, "<f8").tobytes()).decode()
    return (
        f'<binaryDataArray arrayLength="{len(values)}"><cvParam accession="MS:1000523" name="f8"/>'
        f'<cvParam accession="MS:1000576" name="no compression"/>'
        f'<cvParam accession="{role}" name="x"/><binary>{text}</binary></binaryDataArray>'
    )


MZ, INTENSITY = "MS:1000514", "MS:1000515"
GOOD_MZML = mzml(array([100, 200], MZ) + array([1, 2], INTENSITY))


def packed(data):
    """Return the same gzip bytes at any time: test ids are made of them."""
    return gzip.compress(data, mtime=0)


LONG_COMMENT = b'<?xml version="1.0"?><!--' + b"x" * 70_000 + b"-->"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("empty.mzML", b"", ["empty.mzML", "is empty", "0 bytes"]),
        ("blank.msp", b" \n\n", ["is empty"]),
        ("cut.msp.gz", packed(record().encode() * 900)[:-20], ["cut off or corrupt"]),
        ("flipped.mgf.gz", packed(b"BEGIN IONS\n1 1\nEND IONS\n" * 99)[:-6] + b"abcdef",
         ["cut off or corrupt"]),
        ("garbage.mzML", bytes(range(1, 65)) + b"\x00" * 64, ["no known format"]),
        ("broken.mzML", GOOD_MZML[:-20].encode(), ["XML breaks at line 1", "scan=1"]),
        ("tail.mzML", (GOOD_MZML + "<x/>").encode(), ["XML breaks"]),
        ("bomb.mzML", b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "c">]><mzML>&b;</mzML>',
         ["DOCTYPE"]),
        ("late.mzML", LONG_COMMENT + b'<!DOCTYPE a [<!ENTITY b "c">]><mzML>&b;</mzML>',
         ["DOCTYPE"]),
        ("twice.mgf.gz", packed(packed(b"BEGIN IONS\n1 1\nEND IONS\n")), ["compressed twice"]),
        ("run.raw", b"\x01\xa1F\x00i\x00n\x00n\x00i\x00g\x00a\x00n\x00", ["Thermo raw file"]),
        ("hits.json", b'{"hits": [1, 2, 3]}', ["JSON"]),
        ("notes.txt", b"these are no spectra", ["no known format"]),
    ],
)  # fmt: skip
def test_files_that_cannot_be_read(convert, tmp_path, name, content, words):
    path = tmp_path / name
    path.write_bytes(content)
    result, account, _ = convert(path)
    refused(result, name, *words)
    assert account["totals"]["kept"] == 0
    assert len(account["errors"]) == 1


def test_a_long_comment_before_the_root_is_passed(convert, tmp_path):
    path = tmp_path / "late.mzML"
    path.write_bytes(LONG_COMMENT + GOOD_MZML.removeprefix('<?xml version="1.0"?>').encode())
    result, account, _ = convert(path)
    assert result.exit_code == 0, result.stderr
    assert account["totals"]["kept"] == account["totals"]["read"] > 0


def test_a_missing_file(convert, tmp_path):
    result, _, _ = convert(tmp_path / "gone.mzML")
    refused(result, "gone.mzML", "no such file")


def test_a_vendor_folder_gets_the_command(convert, tmp_path):
    (tmp_path / "run 7.d" / "AcqData").mkdir(parents=True)
    result, _, _ = convert(tmp_path / "run 7.d")
    refused(result, "Agilent")
    assert f'msconvert "{tmp_path / "run 7.d"}" --mzML' in result.stderr


def test_a_folder_without_spectra(convert, tmp_path):
    (tmp_path / "f").mkdir()
    result, _, _ = convert(tmp_path / "f")
    refused(result, "no spectra")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_without_permission(convert, tmp_path):
    folder = tmp_path / "locked"
    folder.mkdir(mode=0)
    try:
        refused(convert(folder)[0], "locked", "cannot be read")
    finally:
        folder.chmod(0o700)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_an_output_folder_without_permission(cli, tmp_path):
    path = tmp_path / "a.msp"
    path.write_text(record())
    folder = tmp_path / "locked"
    folder.mkdir(mode=0o500)
    try:
        refused(cli("convert", path, "-o", folder / "o.h5"), "cannot be written")
    finally:
        folder.chmod(0o700)


def test_an_output_folder_that_is_not_there(cli, tmp_path):
    path = tmp_path / "a.msp"
    path.write_text(record())
    refused(cli("convert", path, "-o", tmp_path / "none" / "o.h5"), "cannot be written")


@pytest.mark.parametrize(
    ("name", "content", "kept", "dropped"),
    [
        ("a.msp", record("1 1\n2 nan\n") + record(), 1, {"not-a-number in the peaks": 1}),
        ("a.msp", record("1 1\ninf 1\n") + record(), 1, {"not-a-number in the peaks": 1}),
        ("a.msp", record("-1 1\n2 2\n") + record(), 1, {"negative m/z": 1}),
        ("a.msp", record("1 -1\n2 2\n"), 1, {}),
        ("a.msp", record("1 1\nx y\n") + record(), 1, {"malformed peak line": 1}),
        ("a.msp", record("") + record(), 2, {}),
        ("a.msp", record(mz="NA"), 1, {}),
        ("a.msp", record() * 3, 3, {}),
        ("a.msp", (record() * 3).replace("\n", "\r\n"), 3, {}),
        ("a.msp", record(name="Öl"), 1, {}),
        ("wrong.mzML", record(), 1, {}),
        ("a.mzML", mzml(array([1, 2], MZ) + array([1], INTENSITY)), 0,
         {"m/z and intensity arrays differ in length": 1}),
        ("a.mzML", mzml(array([1, 2, 3], MZ) + array([1, 2, 3], INTENSITY), n=2), 1, {}),
        ("a.mzML", mzml(array([], MZ) + array([], INTENSITY), n=0), 1, {}),
    ],
)  # fmt: skip
def test_bad_spectra_in_good_files(convert, tmp_path, name, content, kept, dropped):
    path = tmp_path / name
    path.write_text(content, encoding="latin-1")
    result, account, spectra = convert(path)
    assert result.exit_code == 0, result.stderr
    assert len(spectra) == kept
    assert account["inputs"][0]["dropped"] == dropped
    assert account["totals"]["read"] == kept + sum(dropped.values())
    for reason in dropped:
        assert reason in result.stderr


def test_unsorted_peaks_are_sorted_and_names_in_latin1_understood(convert, tmp_path):
    path = tmp_path / "a.msp"
    path.write_text(record("3 30\n1 10\n2 20\n", name="Grün"), encoding="latin-1")
    _, _, (s,) = convert(path)
    assert (s.mz.tolist(), s.intensity.tolist(), s.name) == ([1, 2, 3], [10, 20, 30], "Grün")


def test_a_hundred_thousand_peaks(convert, tmp_path):
    path = tmp_path / "a.msp"
    path.write_text(record("".join(f"{i}.5 {i}\n" for i in range(100_000))))
    _, _, (s,) = convert(path)
    assert len(s) == 100_000
    assert s.mz[-1] == 99_999.5


def test_the_output_is_never_an_input(cli, tmp_path):
    path = tmp_path / "a.msp"
    path.write_text(record())
    link = tmp_path / "link.msp"
    link.symlink_to(path)
    for target in (path, link, tmp_path / "." / "a.msp"):
        result = cli("convert", path, "-o", target)
        assert result.exit_code == 2
        assert "is an input and the output" in result.stderr
        assert path.read_text() == record()


def test_good_files_finish_before_a_bad_one_is_an_error(cli, tmp_path):
    good, bad = tmp_path / "good.msp", tmp_path / "bad.msp.gz"
    good.write_text(record())
    bad.write_bytes(gzip.compress(record().encode() * 5_000)[:-99])
    summary = tmp_path / "s.json"
    args = ("convert", bad, good, tmp_path / "gone.mgf", "--summary", summary, "-o")
    result = cli(*args, tmp_path / "o.h5")
    assert result.exit_code == 3
    assert "2 of 3 inputs could not be read" in result.stderr
    assert "cut off or corrupt" in result.stderr
    assert len(list(Store(tmp_path / "o.h5"))) == 1
    account = json.loads(summary.read_text())
    assert [entry["kept"] for entry in account["inputs"]] == [0, 1, 0]
    assert len(account["errors"]) == 2
    result = cli(*args, f"{tmp_path}/out/")
    assert result.exit_code == 3
    assert [p.name for p in (tmp_path / "out").glob("*.h5")] == ["good.h5"]


def test_a_store_of_a_future_version(convert, cli, tmp_path):
    path, store = tmp_path / "a.msp", tmp_path / "a.h5"
    path.write_text(record())
    assert cli("convert", path, "-o", store).exit_code == 0
    with h5py.File(store, "r+") as file:
        set_attribute(file, "format_version", "99.0")
    refused(convert(store)[0], "a.h5", "99")


def test_hdf5_that_is_no_store(convert, tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["x"] = [1, 2, 3]
    refused(convert(path)[0], "a.h5")
