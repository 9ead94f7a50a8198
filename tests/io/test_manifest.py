"""Every file of the fixture set does what its row in the manifest says."""

import csv
import re
from collections import Counter
from math import nan

import numpy as np
import pytest
from builders import read

from spectrakit.errors import InputError

NOT_SPECTRA = (".tsv", ".csv", ".pepxml", ".ibd")
OURS = {  # file -> spectra, where the manifest has no count that holds
    "msp/mzvault_IROA_small.msp": 3,  # a PSI text, whatever its name
    "ms2/pyteomics_test.ms2": 3,  # pyteomics reads three as well; the manifest counts two
}
DAMAGED = {  # file -> spectra that its authors broke on purpose
    "mgf/agilent_test.mgf": (84, 1),
    "mgf/gnps_cleaned.mgf": (3, 2),
}


@pytest.fixture(scope="session")
def files(shared_data):
    folder = shared_data / "ms" / "files"
    with (folder / "manifest.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) > 60
    return folder, rows


def expected_counts(row):
    """Return {level or '': count} from MS1=..;MS2=.., entries=.., spectra=.. or other=.."""
    return {key: int(n) for key, n in re.findall(r"(MS\d|entries|other|spectra)=(\d+)", row)}


def test_counts_and_errors(files):
    folder, rows = files
    checked = 0
    for row in rows:
        path = folder / row["path"]
        if path.name.lower().endswith(NOT_SPECTRA):
            continue
        if row["path"] in OURS:
            spectra, account = read(path)
            assert (len(spectra), account.dropped.total()) == (OURS[row["path"]], 0)
            checked += 1
            continue
        must_fail = row["expectation"].startswith("must fail")
        if must_fail:
            with pytest.raises(InputError) as caught:
                read(path)
            assert "\n" not in str(caught.value)
            assert caught.value.hint
            checked += 1
            continue
        spectra, account = read(path)
        checked += 1
        if row["path"] in DAMAGED:
            assert (account.kept, account.dropped.total()) == DAMAGED[row["path"]]
            continue
        assert not account.dropped, row["path"]
        counts = expected_counts(row["reference_count"])
        levels = Counter(f"MS{s.ms_level}" for s in spectra)
        if set(counts) <= {"MS1", "MS2", "MS3"} and counts:
            assert levels == counts, row["path"]
        elif counts:
            assert len(spectra) == sum(counts.values()), row["path"]
        peaks = re.search(r"peaks=(\d+)", row["reference_detail"])
        if peaks:
            assert sum(map(len, spectra)) == int(peaks[1]), row["path"]
    assert checked >= 65


def test_mzml_equals_pyopenms(files):
    pyopenms = pytest.importorskip("pyopenms")
    folder, rows = files
    compared = 0
    for row in rows:
        path = folder / row["path"]
        if ".mzml" not in path.name.lower() or not row["expectation"].startswith("must read"):
            continue
        experiment = pyopenms.MSExperiment()
        try:
            pyopenms.MzMLFile().load(str(path), experiment)
        except RuntimeError:  # mzML 0.99, and a file with empty numbers
            continue
        spectra, _ = read(path)
        assert len(spectra) == experiment.size()
        for ours, theirs in zip(spectra, experiment, strict=True):
            mz, intensity = theirs.get_peaks()
            np.testing.assert_array_equal(ours.mz, mz)
            np.testing.assert_array_equal(ours.intensity.astype(np.float32), intensity)
            assert ours.native_id == theirs.getNativeID()
            assert ours.ms_level == theirs.getMSLevel()
            polarity = str(theirs.getInstrumentSettings().getPolarity()).rpartition(".")[2]
            assert ours.polarity == {"POLNULL": 0, "POSITIVE": 1, "NEGATIVE": -1}[polarity]
            rt = nan if theirs.getRT() == -1 else theirs.getRT()  # -1: not said
            assert ours.rt_seconds == pytest.approx(rt, abs=1e-6, nan_ok=True)
            if theirs.getPrecursors():
                precursor = theirs.getPrecursors()[0]
                assert ours.precursor_mz == pytest.approx(precursor.getMZ(), abs=1e-9)
                assert abs(ours.charge) == abs(precursor.getCharge())
            compared += 1
    assert compared > 1000


def test_mgf_equals_pyteomics(files):
    mgf = pytest.importorskip("pyteomics.mgf")
    folder, rows = files
    compared = 0
    for row in rows:
        path = folder / row["path"]
        if not path.name.endswith(".mgf") or row["path"] in DAMAGED:
            continue
        spectra, _ = read(path)
        with mgf.read(str(path), use_index=False, convert_arrays=1) as theirs:
            for ours, other in zip(spectra, theirs, strict=True):
                order = np.argsort(other["m/z array"], kind="stable")
                np.testing.assert_array_equal(ours.mz, other["m/z array"][order])
                np.testing.assert_array_equal(ours.intensity, other["intensity array"][order])
                pepmass = other["params"].get("pepmass", (None,))[0]
                assert ours.precursor_mz == (pepmass or pytest.approx(float("nan"), nan_ok=True))
                compared += 1
    assert compared > 100


def test_massbank_is_read_whole(shared_data):
    """OpenMS drops every spectrum whose name was seen before: 9 % of MassBank."""
    spectra, account = read(shared_data / "ms" / "massbank_test.msp.gz")
    assert (len(spectra), account.read) == (6476, 6476)
    assert len({s.native_id for s in spectra}) == 6476


def test_msp_equals_ms_entropy(files):
    """Another reader finds the same peaks in the plain dialects; it gives up on the others."""
    entropy = pytest.importorskip("ms_entropy")
    folder, _ = files
    compared = 0
    for name in (
        "massbank_eu_nist_for_mse", "massbank_five_spectra", "minimona", "riken",
        "riken_style_five_spectra", "MSDIAL-TandemMassSpectralAtlas-VS68-Neg-Test",
        "MSMS-Neg-Vaniya-Fiehn_Natural_Products_test",
    ):  # fmt: skip
        path = folder / "msp" / f"{name}.msp"
        theirs = list(entropy.read_one_spectrum(str(path)))
        for ours, other in zip(read(path)[0], theirs, strict=True):
            peaks = np.array(other["peaks"], dtype=np.float64)
            peaks = peaks[np.argsort(peaks[:, 0], kind="stable")]
            np.testing.assert_allclose(ours.mz, peaks[:, 0], rtol=1e-6)  # theirs are float32
            np.testing.assert_allclose(ours.intensity, peaks[:, 1], rtol=1e-6)
            compared += 1
    assert compared == 49


def test_peptides_of_nist_become_proforma(files):
    folder, _ = files
    spectra, _ = read(folder / "msp" / "MSPFile_test.msp")
    assert [s.molecule.peptide for s in spectra][3:] == [
        "AM[Oxidation]FDIFVLGAEDGCISTK",
        "AAFDIFVLGAEDGCISTK",
        "[Acetyl]-AAAAAAGAGPEM[Oxidation]VR",
        "[Acetyl]-AAAAAAVGPGAGGAGSAVPGGAGPC[Carbamidomethyl]ATVSVFPGAR",
    ]
    assert [s.charge for s in spectra] == [2, 2, 2, 2, 3, 2, 3]
