"""Mass spectra as instruments, programs and people write them: the right number, or it is said.

Every file here is authored in its test.
"""

import json
from math import nan

import pytest
from builders import INTENSITY, MZ, array, cv, mzml, peaks, spectrum

from spectrakit.store import Store

NAN = pytest.approx(nan, nan_ok=True)


@pytest.fixture
def convert(cli, tmp_path):
    """Convert a text; return the spectra of the store and the account of the input."""

    def run(name, text):
        path = tmp_path / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        done = cli("convert", path, "-o", tmp_path / "out.h5", "--summary", tmp_path / "sum.json")
        assert done.exit_code == 0, done.stderr
        (account,) = json.loads((tmp_path / "sum.json").read_text())["inputs"]
        assert account["read"] == account["kept"] + sum(account["dropped"].values())
        with Store(tmp_path / "out.h5") as store:
            return list(store), account, done.stderr

    return run


def mgf(*lines):
    return "BEGIN IONS\n" + "\n".join(lines) + "\n100.5 10\n200.25 20\nEND IONS\n"


@pytest.mark.parametrize(
    ("pepmass", "mz", "intensity"),
    [
        ("445,12", 445.12, NAN),
        ("445,12 1000,5", 445.12, 1000.5),
        ("445,12\t1000", 445.12, 1000),
        ("445.12,1000", 445.12, 1000),
        ("445.12, 1000", 445.12, 1000),
        ("445.12 1000 2+", 445.12, 1000),
    ],
)
def test_a_decimal_comma_in_pepmass(convert, pepmass, mz, intensity):
    """``PEPMASS=445,12`` was m/z 445 of intensity 12."""
    (s,), _, _ = convert("a.mgf", mgf("TITLE=a", f"PEPMASS={pepmass}"))
    assert (s.precursor_mz, s.precursor_intensity) == (mz, intensity)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("12,5", 12.5),
        ("12,5-13,5", 13.0),
        ("12.5 (sec)", 12.5),
        ("2 min.", 120.0),
        ("0.5 h", 1800.0),
        ("350 ms", 0.35),
        ("1:23", NAN),
        ("0h 3m 25s", NAN),
        ("3 parsecs", NAN),
    ],
)
def test_a_time_is_read_whole_or_not_at_all(convert, text, seconds):
    """Of ``12,5``, ``1:23`` and ``350 ms`` the beginning was taken: 12, 1 and 350 minutes."""
    (s,), _, _ = convert("a.mgf", mgf("TITLE=a", f"RTINSECONDS={text}"))
    assert s.rt_seconds == pytest.approx(seconds, nan_ok=True)
    if seconds == NAN:
        assert s.extra["RTINSECONDS"] == text


@pytest.mark.parametrize(
    ("lines", "mz", "intensity"),
    [
        ("59,0133\t100\n71,013 50,5", [59.0133, 71.013], [100, 50.5]),
        ("59,0133 1,5e3\n71,0 50", [59.0133, 71], [1500, 50]),
    ],
)
def test_peaks_with_decimal_commas(convert, lines, mz, intensity):
    """MS-DIAL on a German Windows writes them; the precursor's comma was understood already."""
    for name, text in (
        ("a.msp", f"NAME: A\nPRECURSORMZ: 180,0655\nNum Peaks: 2\n{lines}\n"),
        ("a.mgf", f"BEGIN IONS\nPEPMASS=180,0655\n{lines}\nEND IONS\n"),
    ):
        (s,), account, _ = convert(name, text)
        assert (s.mz.tolist(), s.intensity.tolist()) == (mz, intensity)
        assert s.precursor_mz == 180.0655
        assert not account["dropped"]


@pytest.mark.parametrize(
    ("count", "line"),
    [(1, "59.01 1,000"), (1, "1,234.5 10"), (1, "100 1,000"), (1, "41,10"), (2, "41,10 43,20")],
)
def test_commas_that_may_mean_something_else_are_dropped(convert, count, line):
    text = f"NAME: A\nNum Peaks: {count}\n{line}\n\nName: B\nNum Peaks: 0\n"
    _, account, _ = convert("a.msp", text)
    assert account["dropped"] == {"malformed peak line": 1}


def test_what_no_pair_of_a_comment_holds_is_not_lost(convert):
    """Pairs were taken out of a comment, and what stood between them was gone."""
    comment = '"SMILES=CCO" "author=J. "Doc" Smith" "checked" by hand'
    (s,), _, _ = convert("a.msp", f"Name: A\nComments: {comment}\nNum Peaks: 1\n50 1\n")
    assert s.molecule.smiles == "CCO"
    assert s.extra["Comments"] == comment
    (s,), _, _ = convert("a.msp", 'Name: A\nComments: "a=b" "c=d"\nNum Peaks: 1\n50 1\n')
    assert s.extra == {"a": "b", "c": "d"}


@pytest.mark.parametrize("n_good", [1, 40])
def test_a_library_that_is_cut_off_within_its_last_peaks(convert, n_good):
    """The last record was kept with two of its thirty peaks, and nothing said so."""
    good = "Name: A\nPrecursorMZ: 100\nNum Peaks: 2\n50 1\n60 2\n\n"
    last = "Name: B\nPrecursorMZ: 100\nNum Peaks: 30\n50 1\n60 2"
    spectra, account, said = convert("a.msp", good * n_good + last)
    assert len(spectra) == n_good
    assert account["dropped"] == {"cut off within its peaks": 1}
    assert "cut off within its peaks" in said


def test_a_wrong_num_peaks_is_kept_and_counted(convert):
    """As for MassBank records: a wrong count costs no spectrum, and the summary has it."""
    text = "Name: A\nNum Peaks: 3\n50 1\n60 2\n\nName: B\nNum Peaks: 1\n50 1\n60 2\n"
    spectra, account, said = convert("a.msp", text)
    assert [len(s) for s in spectra] == [2, 2]
    assert account["treated"] == {"Num Peaks is not the number of peaks": 2}
    assert "Num Peaks is not the number of peaks in 2 of its records" in said


def scan_time(value, accession, name):
    unit = f'unitAccession="{accession}" ' if accession else ""
    unit += f'unitName="{name}"' if name else ""
    term = f'accession="MS:1000016" name="scan start time" value="{value}" {unit}'
    return f'<scanList count="1"><scan><cvParam cvRef="MS" {term}/></scan></scanList>'


@pytest.mark.parametrize(
    ("accession", "name", "seconds"),
    [
        ("UO:0000031", "minute", 120),
        ("UO:0000010", "second", 2),
        ("UO:0000028", "millisecond", 0.002),
        ("UO:0000032", "hour", 7200),
        ("MS:1000038", "minute", 120),  # mzML 0.99 and 1.0
        ("MS:1000039", "second", 2),
        ("", "second", 2),
        ("", "minute", 120),
        ("", "", 120),
        ("UO:0000033", "day", NAN),
    ],
)
def test_units_of_time_in_mzml(convert, accession, name, seconds):
    """Whatever was no minute of the unit ontology counted as seconds."""
    blocks = [spectrum(scan_time(2, accession, name) + peaks(), f"scan={i}") for i in range(40)]
    spectra, _, _ = convert("a.mzML", mzml(*blocks))
    assert [s.rt_seconds for s in spectra] == [seconds] * 40
    if seconds == NAN:
        assert spectra[0].extra["scan start time"] == "2 day"


def test_arrays_that_are_empty_although_peaks_are_declared(convert):
    """They are kept as spectra without peaks, but nobody heard of it."""
    empty = array((), MZ) + array((), INTENSITY)
    blocks = [spectrum(empty, f"scan={i}", length=0) for i in range(3)]
    blocks += [spectrum(empty, f"scan={i}", length=5) for i in range(3, 6)]
    spectra, account, said = convert("a.mzML", mzml(*blocks))
    assert len(spectra) == 6
    assert [s.extra for s in spectra[2:4]] == [{}, {"peaks declared, and not in the file": "5"}]
    assert account["treated"] == {"peaks declared, and not in the file": 3}
    assert "3 spectra declare peaks that are not in the file" in said


def precursor(window, ion):
    return (
        f'<precursorList count="1"><precursor><isolationWindow>{window}</isolationWindow>'
        f'<selectedIonList count="1"><selectedIon>{ion}</selectedIon></selectedIonList>'
        "<activation/></precursor></precursorList>"
    )


def test_a_negative_charge_state_stays_negative(convert):
    """Some programs write the sign into the charge and no polarity beside it."""
    ion = cv("MS:1000744", "selected ion m/z", "500.25") + cv("MS:1000041", "charge state", "-2")
    (s,), account, _ = convert("a.mzML", mzml(spectrum(precursor("", ion) + peaks())))
    assert account["treated"] == {}
    assert (s.precursor_mz, s.charge) == (500.25, -2)


def test_a_target_that_is_not_the_ion_and_has_no_edges_is_kept(convert):
    """Thermo runs select the monoisotopic ion and isolate around another m/z."""
    target = cv("MS:1000827", "isolation window target m/z", "500.5")
    edges = cv("MS:1000828", "isolation window lower offset", "0.5")
    edges += cv("MS:1000829", "isolation window upper offset", "1.5")
    ion = cv("MS:1000744", "selected ion m/z", "500.2524")
    blocks = [spectrum(precursor(target, ion) + peaks(), f"scan={i}") for i in range(20)]
    blocks += [spectrum(precursor(target + edges, ion) + peaks(), f"scan={i}") for i in (20, 21)]
    blocks += [spectrum(precursor(target, target.replace("827", "744")) + peaks(), "scan=22")]
    spectra, _, _ = convert("a.mzML", mzml(*blocks))
    assert {s.precursor_mz for s in spectra[:-1]} == {500.2524}
    kept = {"isolation window target m/z": "500.5"}
    assert [s.extra for s in spectra] == [kept] * 22 + [{}]
    assert (spectra[20].isolation_lower, spectra[20].isolation_upper) == (500.0, 502.0)


def test_times_in_json_of_matchms_are_seconds(convert):
    """matchms has RTINSECONDS under ``retention_time``; it was taken for minutes."""
    one = {"precursor_mz": 100.5, "retention_time": 123.4, "peaks_json": [[50, 1]]}
    spectra, _, _ = convert("a.json", json.dumps([one, {**one, "retention_time": "2 min"}]))
    assert [s.rt_seconds for s in spectra] == [123.4, 120.0]


def test_a_wrong_number_of_peaks_in_mzspeclib_is_counted(convert):
    head = "<mzSpecLib>\nMS:1003186|library format version=1.0\n"
    one = "<Spectrum={}>\nMS:1003061|library spectrum name=A\nMS:1003059|number of peaks={}\n"
    text = head + "".join(
        one.format(i, n) + "<Peaks>\n50\t1\n60\t2\n\n" for i, n in ((1, 2), (2, 3))
    )
    spectra, account, said = convert("a.mzlib.txt", text)
    assert len(spectra) == 2
    assert account["treated"] == {"number of peaks is not what is declared": 1}
    assert "1 spectra" in said


@pytest.mark.parametrize("most", [1, 1 << 23])
@pytest.mark.parametrize("n_files", [1, 2])
def test_a_disk_that_fills_up_under_a_store_is_one_line(cli, tmp_path, monkeypatch, n_files, most):
    """It was "the system: File too large", and the summary had spectra as kept.

    Or three lines of HDF5 with the time and a file descriptor; ``library add`` called it a bug.
    """
    resource = pytest.importorskip("resource", reason="the size of files is limited as POSIX does")
    monkeypatch.setattr("spectrakit.store.spool.IN_MEMORY_BYTES", most)
    peaks = "".join(f"{50 + i} {i}.5\n" for i in range(60))
    for i in range(n_files):
        text = f"BEGIN IONS\nTITLE=a\n{peaks}END IONS\n\n" * 1100
        (tmp_path / f"{i}.mgf").write_text(text.replace("=a", f"={i}"))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    try:
        out = (tmp_path / "out.h5") if n_files == 1 else f"{tmp_path}/out/"
        done = cli("convert", tmp_path / "*.mgf", "-o", out, "--summary", tmp_path / "sum.json")
        library = cli("library", "add", "full", tmp_path / "0.mgf")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert done.exit_code == 3
    assert done.stderr.count("cannot be written: File too large") == n_files
    assert json.loads((tmp_path / "sum.json").read_text())["totals"]["kept"] == 0
    assert not list(tmp_path.rglob("*.h5*"))
    assert library.exit_code == 3
    assert "cannot be written: File too large" in library.stderr


def test_stdin_named_twice_is_read_once(cli, tmp_path, monkeypatch):
    """The second dash took an empty stdin in place of the first."""
    import io

    class Stdin:
        buffer = io.BytesIO(mgf("TITLE=a").encode())

        def isatty(self):
            return False

    monkeypatch.setattr("sys.stdin", Stdin())
    done = cli("convert", "-", "-", "-o", tmp_path / "out.h5")
    assert done.exit_code == 0, done.stderr
    assert "-: read 1, kept 1" in done.stderr
