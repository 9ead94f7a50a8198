"""What mzML can hold beyond a plain spectrum: ion mobility, chromatograms, several precursors,
every packing of every array; kept through a store and back."""

import json
import time
import zlib
from base64 import b64decode, b64encode

import numpy as np
import pytest
from builders import INTENSITY, MZ, TYPES, array, binary, cv, mzml, peaks, read, read_text, spectrum

from spectrakit.accounting import InputAccount
from spectrakit.io.reading import read_parts

CHROMATOGRAM = (
    '<chromatogramList count="2">'
    + "".join(
        f'<chromatogram index="{i}" id="c{i}" defaultArrayLength="2">'
        + array((1.0, 2.0), cv("MS:1000595", "time array"))
        + array((3.0, 4.0), INTENSITY)
        + "</chromatogram>"
        for i in range(2)
    )
    + "</chromatogramList>"
)
MOBILITIES = {  # every array of ion mobility in the PSI-MS vocabulary
    "MS:1002477": "mean ion mobility drift time array",
    "MS:1002816": "mean ion mobility array",
    "MS:1002893": "ion mobility array",
    "MS:1003006": "mean inverse reduced ion mobility array",
    "MS:1003007": "raw ion mobility array",
    "MS:1003008": "raw inverse reduced ion mobility array",
    "MS:1003153": "raw ion mobility drift time array",
    "MS:1003154": "deconvoluted ion mobility array",
    "MS:1003155": "deconvoluted inverse reduced ion mobility array",
    "MS:1003156": "deconvoluted ion mobility drift time array",
}


@pytest.mark.parametrize("accession", MOBILITIES)
@pytest.mark.parametrize("out", ["out.h5", "out.mzML"])
def test_mobility_of_each_peak_is_a_column(tmp_path, cli, accession, out):
    name = MOBILITIES[accession]
    arrays = peaks((200.0, 100.0), (1.0, 2.0)) + array((0.7, 0.9), cv(accession, name))
    path = tmp_path / "in.mzML"
    path.write_text(mzml(spectrum(arrays)))
    assert cli("convert", path, "-o", tmp_path / out).exit_code == 0
    (s,), _ = read(tmp_path / out)
    column = s.columns[name.removesuffix(" array").replace(" ", "_")]
    assert (s.mz.tolist(), column.tolist()) == ([100.0, 200.0], [0.9, 0.7])
    assert column.dtype == np.float64


@pytest.mark.parametrize("out", ["out.h5", "out.mzML"])
def test_mobility_of_a_scan_and_its_unit_are_kept(tmp_path, cli, out):
    volt_second = (
        '<cvParam cvRef="MS" accession="MS:1002815" name="inverse reduced ion mobility" '
        'value="0.897" unitCvRef="MS" unitAccession="MS:1002814" '
        'unitName="volt-second per square centimeter"/>'
    )
    volt = cv("MS:1001581", "FAIMS compensation voltage", "-45.0")
    scans = f"<scanList><scan>{volt_second}</scan></scanList>"
    path = tmp_path / "in.mzML"
    path.write_text(mzml(spectrum(volt + scans + peaks())))
    assert cli("convert", path, "-o", tmp_path / out).exit_code == 0
    (s,), _ = read(tmp_path / out)
    said = s.extra["inverse reduced ion mobility"]
    assert said == "0.897 volt-second per square centimeter"
    assert s.extra["FAIMS compensation voltage"] == "-45.0"


def test_one_chromatogram_is_said_as_one(tmp_path):
    one = CHROMATOGRAM.replace('index="1"', "").split("</chromatogram>")[0] + "</chromatogram>"
    text = mzml(spectrum(peaks())).replace("</run>", one + "</chromatogramList></run>")
    _, account = read_text(tmp_path, text)
    assert account.sentence().endswith("dropped 0; not read: 1 chromatogram")
    assert type(account).from_json(account.as_json()) == account


@pytest.mark.parametrize("n_spectra", [0, 2])
def test_chromatograms_are_counted_and_said(tmp_path, cli, n_spectra):
    spectra = [spectrum(peaks(), f"scan={i}") for i in range(n_spectra)]
    path, summary = tmp_path / "in.mzML", tmp_path / "summary.json"
    path.write_text(mzml(*spectra).replace("</run>", CHROMATOGRAM + "</run>"))
    result = cli("convert", path, "-o", tmp_path / "out.h5", "--summary", summary)
    assert f"read {n_spectra}, kept {n_spectra}, dropped 0; not read: 2 chromatograms" in (
        result.stderr
    )
    (account,) = json.loads(summary.read_text())["inputs"]
    assert account["not_read"] == {"chromatograms": 2}
    assert account["read"] == n_spectra


@pytest.mark.parametrize("method", ["linear", "pic", "slof"])
@pytest.mark.parametrize("zipped", [False, True])
def test_both_arrays_in_numpress_as_msconvert_writes_them(tmp_path, method, zipped):
    """Linear for m/z; linear, pic or slof for intensities; each also deflated."""
    pyopenms = pytest.importorskip("pyopenms")
    rng = np.random.default_rng(7)
    mz, intensity = np.sort(rng.uniform(50, 900, 101)), np.round(rng.uniform(1, 1e5, 101))
    accessions = {"linear": ("MS:1002312", "MS:1002746"), "pic": ("MS:1002313", "MS:1002747"),
                  "slof": ("MS:1002314", "MS:1002748")}  # fmt: skip
    inner, expected = "", []
    for values, role, how in ((mz, MZ, "linear"), (intensity, INTENSITY, method)):
        config = pyopenms.NumpressConfig()
        config.setCompression(how)
        config.estimate_fixed_point = True
        coder = pyopenms.MSNumpressCoder()
        text = coder.encodeNP(values.tolist(), zipped, config)
        decoded: list[float] = []
        coder.decodeNP(text.encode(), decoded, zipped, config)
        expected.append(decoded)
        term = cv(accessions[how][zipped], f"MS-Numpress {how}")
        inner += binary(text, role + TYPES["d"] + term)
    (s,), _ = read_text(tmp_path, mzml(spectrum(inner, length=101)))
    np.testing.assert_allclose(s.mz, expected[0], rtol=1e-12)
    np.testing.assert_allclose(s.intensity, expected[1], rtol=1e-12)


def test_numpress_and_zlib_as_two_terms(tmp_path):
    """Some programs write one term for each of the two."""
    pyopenms = pytest.importorskip("pyopenms")
    config = pyopenms.NumpressConfig()
    config.setCompression("linear")
    config.estimate_fixed_point = True
    raw = b64decode(pyopenms.MSNumpressCoder().encodeNP([100.0, 200.0, 300.5], False, config))
    text = b64encode(zlib.compress(raw)).decode()
    terms = cv("MS:1002312", "MS-Numpress linear") + cv("MS:1000574", "zlib compression")
    inner = binary(text, MZ + TYPES["d"] + terms) + array((1, 2, 3), INTENSITY)
    (s,), _ = read_text(tmp_path, mzml(spectrum(inner, length=3)))
    np.testing.assert_allclose(s.mz, [100.0, 200.0, 300.5], atol=1e-4)


def test_predicted_arrays_are_undone_in_plain_mzml(tmp_path):
    """Delta and linear prediction (MS:1003089, MS:1003090) with values that are exact eighths."""
    mz = [100.125, 150.5, 151.0, 300.875]
    delta = mz[:2] + [mz[i] - mz[i - 1] + mz[0] for i in (2, 3)]
    linear = mz[:2] + [mz[i] - 2 * mz[i - 1] + mz[i - 2] + mz[1] for i in (2, 3)]
    for accession, values in (("MS:1003089", delta), ("MS:1003090", linear), ("MS:1003088", mz)):
        packed = array(values, MZ, zipped=True).replace("MS:1000574", accession)
        inner = packed + array((1, 2, 3, 4), INTENSITY)
        (s,), _ = read_text(tmp_path, mzml(spectrum(inner, length=4)))
        assert s.mz.tolist() == mz


def test_predicted_arrays_of_many_spectra_reach_a_store(tmp_path, cli):
    """Spectra that are written alike go into the store as tables: the prediction goes with them."""
    mz = [[100.125 + i, 150.5 + i, 151.0 + i, 300.875 + i] for i in range(6)]
    spectra = []
    for i, one in enumerate(mz):
        delta = one[:2] + [one[k] - one[k - 1] + one[0] for k in (2, 3)]
        packed = array(delta, MZ, zipped=True).replace("MS:1000574", "MS:1003089")
        spectra.append(spectrum(packed + array((1, 2, 3, 4), INTENSITY), f"scan={i}", 4))
    path = tmp_path / "in.mzML"
    path.write_text(mzml(*spectra))
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    assert [s.mz.tolist() for s in read(tmp_path / "out.h5")[0]] == mz


@pytest.mark.parametrize("first", [0, 1])
def test_spectra_without_peaks_before_others_in_one_table(tmp_path, cli, first):
    """An empty spectrum has no end that could hide that m/z fall."""
    lengths = [2] * first + [0, 0, 0]
    texts = [
        spectrum(peaks((100.0, 200.0)[:n], (1.0, 2.0)[:n]), f"scan={i}", n)
        for i, n in enumerate(lengths)
    ]
    path = tmp_path / "in.mzML"
    path.write_text(mzml(*texts, spectrum(peaks((9.0, 8.0)), "scan=8", 2)))
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    spectra, _ = read(tmp_path / "out.h5")
    assert [len(s) for s in spectra] == [*lengths, 2]
    assert spectra[-1].mz.tolist() == [8.0, 9.0]


@pytest.mark.parametrize("kind", ["", "i", "q", "S", "f"])
def test_predicted_arrays_that_are_no_numbers_or_overflow(tmp_path, kind):
    """A prediction without a type, of whole numbers or of text, and one that grows beyond all."""
    types = TYPES | {"": "", "S": cv("MS:1001479", "null-terminated ASCII string")}
    raw = b64encode(zlib.compress(b"a\x00b\x00c\x00d\x00" * 2)).decode()
    if kind == "f":
        raw = b64encode(zlib.compress(np.array([1, 2, 3e38, 3e38], "<f4").tobytes())).decode()
    delta = cv("MS:1003089", "truncation, delta prediction and zlib compression")
    mz = binary(raw, MZ + types[kind] + delta)
    inner = mz + array((1, 2, 3, 4), INTENSITY)
    for length in (2, 4, 8):
        spectra, account = read_text(tmp_path, mzml(spectrum(inner, length=length)))
        assert (spectra, account.dropped.total()) == ([], 1)


def test_a_level_of_zero_does_not_hide_an_ms1_spectrum(tmp_path):
    """An imaging program writes "ms level" 0 beside "MS1 spectrum"."""
    terms = cv("MS:1000579", "MS1 spectrum") + cv("MS:1000511", "ms level", "0")
    (s,), _ = read_text(tmp_path, mzml(spectrum(terms + peaks())))
    assert s.ms_level == 1
    assert s.extra["ms level"] == "0"


def test_every_selected_ion_of_several_precursors_is_kept(tmp_path, cli):
    ion = "<selectedIon>{}</selectedIon>"
    first = ion.format(cv("MS:1000744", "selected ion m/z", "300.25")) + ion.format(
        cv("MS:1000744", "selected ion m/z", "301.25") + cv("MS:1000041", "charge state", "3")
    )
    second = ion.format(cv("MS:1000744", "selected ion m/z", "150.5"))
    text = "".join(
        f"<precursor><selectedIonList>{ions}</selectedIonList></precursor>"
        for ions in (first, second)
    )
    path = tmp_path / "in.mzML"
    path.write_text(mzml(spectrum(f"<precursorList>{text}</precursorList>" + peaks())))
    assert cli("convert", path, "-o", tmp_path / "out.h5").exit_code == 0
    (s,), _ = read(tmp_path / "out.h5")
    assert s.precursor_mz == 300.25
    assert s.extra["selected ion m/z"] == "301.25"
    assert s.extra["precursor 2: selected ion m/z"] == "150.5"


def test_a_spectrum_of_very_many_parameters_costs_no_minutes(tmp_path):
    """Each was tried for a hole by reading all of them again: 2,000 took 6 CPU seconds."""
    many = "".join(f'<userParam name="a{i}" value="{i}"/>' for i in range(20_000))
    (tmp_path / "a.mzML").write_text(mzml(spectrum(many + peaks())))
    account = InputAccount("a")
    began = time.process_time()
    (s,) = read_parts(tmp_path / "a.mzML", account)
    assert time.process_time() - began < 10
    assert s.extra["a19999"] == "19999"
