"""Real mzXML, mzData and imzML files, read as other programs read them, and the files that hold
the same run in several formats."""

import csv
import gzip
from collections import Counter
from math import isnan, nan
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from builders import read

POLARITY = {"Polarity.POLNULL": 0, "Polarity.POSITIVE": 1, "Polarity.NEGATIVE": -1}


@pytest.fixture(scope="session")
def runs(shared_data):
    folder = shared_data / "ms" / "files"
    with (folder / "manifest.csv").open(encoding="utf-8") as handle:
        names = [row["path"] for row in csv.DictReader(handle)]
    return folder, names


def with_suffix(runs, suffix):
    folder, names = runs
    found = [folder / name for name in names if name.lower().removesuffix(".gz").endswith(suffix)]
    assert found
    return found


def same_as_pyopenms(path, load):
    """Compare every spectrum; return how many there are."""
    pyopenms = pytest.importorskip("pyopenms")
    experiment = pyopenms.MSExperiment()
    load(pyopenms)().load(str(path), experiment)
    spectra, account = read(path)
    assert not account.dropped
    assert Counter(s.ms_level for s in spectra) == Counter(s.getMSLevel() for s in experiment)
    for ours, theirs in zip(spectra, experiment, strict=True):
        mz, intensity = theirs.get_peaks()
        order = np.argsort(mz, kind="stable")
        np.testing.assert_array_equal(ours.mz, mz[order])
        np.testing.assert_array_equal(ours.intensity.astype(np.float32), intensity[order])
        assert (ours.native_id, ours.ms_level) == (theirs.getNativeID(), theirs.getMSLevel())
        assert ours.rt_seconds == pytest.approx(theirs.getRT(), rel=1e-12)
        assert ours.polarity == POLARITY[str(theirs.getInstrumentSettings().getPolarity())]
        assert ours.is_profile == ("PROFILE" in str(theirs.getType()))
        precursors = theirs.getPrecursors()
        first = precursors[0] if precursors else pyopenms.Precursor()
        assert ours.precursor_mz == (first.getMZ() or pytest.approx(nan, nan_ok=True))
        assert abs(ours.charge) == first.getCharge()
        if not isnan(ours.isolation_lower):
            width = first.getIsolationWindowLowerOffset() + first.getIsolationWindowUpperOffset()
            assert ours.isolation_upper - ours.isolation_lower == pytest.approx(width, abs=1e-9)
        assert sum("m/z" in key for key in ours.extra) == max(0, len(precursors) - 1)
    return len(spectra)


def test_mzxml_equals_pyopenms(runs):
    paths = with_suffix(runs, ".mzxml")
    assert sum(same_as_pyopenms(path, lambda o: o.MzXMLFile) for path in paths) == 644
    assert len(paths) == 6


def test_mzdata_equals_pyopenms(runs):
    (path,) = with_suffix(runs, ".mzdata")
    assert same_as_pyopenms(path, lambda o: o.MzDataFile) == 60


def test_mzxml_equals_pyteomics(runs):
    """pyteomics keeps the precision of the file: intensities of 64 bit too are the same."""
    mzxml = pytest.importorskip("pyteomics.mzxml")
    for path in with_suffix(runs, ".mzxml"):
        spectra, _ = read(path)
        unpack = gzip.open if path.suffix == ".gz" else open
        with unpack(path, "rb") as stream:
            theirs = mzxml.read(stream, use_index=False, iterative=True)
            for ours, other in zip(spectra, _in_order_of_number(theirs), strict=True):
                order = np.argsort(other["m/z array"], kind="stable")
                np.testing.assert_array_equal(ours.mz, other["m/z array"][order])
                np.testing.assert_array_equal(ours.intensity, other["intensity array"][order])
                assert ours.native_id == f"scan={other['num']}"
                assert ours.ms_level == other["msLevel"]
                energy = other.get("collisionEnergy", nan)
                assert ours.collision_energy_value == pytest.approx(energy, nan_ok=True)
                assert float(ours.extra.get("totIonCurrent", 0)) == other.get("totIonCurrent", 0)
                for precursor in other.get("precursorMz", [])[:1]:
                    assert ours.precursor_mz == precursor["precursorMz"]
                    stated = precursor.get("precursorIntensity", nan)
                    assert ours.precursor_intensity == pytest.approx(stated, nan_ok=True)


def _in_order_of_number(scans):
    """pyteomics gives nested scans before the scan around them."""
    return sorted(scans, key=lambda scan: int(scan["num"]))


def test_imzml_equals_its_bytes(runs):
    """A second reader of a few lines: the offsets in the XML, the numbers in the .ibd."""
    (path,) = with_suffix(runs, ".imzml")
    ibd = path.with_suffix(".ibd").read_bytes()
    spectra, account = read(path)
    assert not account.dropped
    pixels = list(ET.parse(path).getroot().iter("{http://psi.hupo.org/ms/mzml}spectrum"))
    for ours, pixel in zip(spectra, pixels, strict=True):
        arrays = []
        said = {}
        for node in pixel.iter():
            if node.tag.endswith("binaryDataArray"):
                arrays.append({})
            if node.get("accession"):
                (arrays[-1] if arrays else said)[node.get("name")] = node.get("value")
        for values, array in zip((ours.mz, ours.intensity), arrays, strict=True):
            start, n = int(array["external offset"]), int(array["external array length"])
            np.testing.assert_array_equal(values, np.frombuffer(ibd, "<f4", n, start))
        assert ours.extra["position x"] == said["position x"]
        assert ours.extra["position y"] == said["position y"]
    assert [(s.extra["position x"], s.extra["position y"]) for s in spectra[:4]] == [
        ("1", "1"), ("2", "1"), ("3", "1"), ("1", "2"),
    ]  # fmt: skip


def test_one_run_as_mzml_mzxml_and_mgf(runs):
    folder, _ = runs
    mzml, mzxml, mgf = (
        read(folder / "proteomics" / f"TMT10-Trial-8.{suffix}")[0]
        for suffix in ("mzML.gz", "mzXML", "mgf")
    )
    assert len(mzml) == len(mzxml) == 11
    for a, b in zip(mzml, mzxml, strict=True):
        np.testing.assert_array_equal(a.mz, b.mz)
        np.testing.assert_array_equal(a.intensity, b.intensity.astype(np.float32))
        assert a.native_id.rpartition("=")[2] == b.native_id.rpartition("=")[2]  # the number
        assert (a.ms_level, a.polarity, a.is_profile) == (b.ms_level, b.polarity, b.is_profile)
        assert a.instrument == b.instrument
        possible = int(a.extra.get("possible charge state", 0))  # what mzXML calls the charge
        assert (a.charge or possible, a.activation) == (b.charge, b.activation)
        assert a.rt_seconds == pytest.approx(b.rt_seconds, abs=1e-3)
        for mine, theirs in (
            (a.precursor_mz, b.precursor_mz),
            (a.collision_energy_value, b.collision_energy_value),
            (a.isolation_upper - a.isolation_lower, b.isolation_upper - b.isolation_lower),
        ):
            assert mine == pytest.approx(theirs, rel=1e-6, nan_ok=True)
    fragments = [s for s in mzxml if s.ms_level > 1]
    for a, c in zip(fragments, mgf, strict=True):
        number = a.native_id.removeprefix("scan=")
        assert f".{number}.{number}." in c.native_id  # TMT10-Trial-8.501.501.3
        np.testing.assert_allclose(a.mz, c.mz, rtol=1e-7)


def test_one_run_compressed_and_not(runs):
    folder, _ = runs
    plain, packed = (
        read(folder / "mzxml" / name)[0]
        for name in ("MzXMLFile_1.mzXML", "MzXMLFile_1_compressed.mzXML")
    )
    assert [repr(s) for s in plain] == [repr(s) for s in packed]
    plain, packed = (
        read(folder / "mzml" / name)[0]
        for name in ("MzMLFile_6_uncompressed.mzML", "MzMLFile_6_compressed.mzML")
    )
    for a, b in zip(plain, packed, strict=True):
        np.testing.assert_array_equal(a.mz, b.mz)
        np.testing.assert_array_equal(a.intensity, b.intensity)


def test_a_suffix_in_small_letters(runs):
    folder, _ = runs
    spectra, account = read(folder / "mzxml" / "testdata.mzml")
    assert account.format == "mzml"
    assert Counter(s.ms_level for s in spectra) == {1: 2, 2: 10}
