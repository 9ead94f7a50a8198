"""Every container of the fixture set reads as its row in the manifest says."""

import csv
import gzip
import json

import numpy as np
import pytest
from containers import read

from spectrakit.store import Store

FOLDERS = ("andi_cdf", "matlab", "hdf5", "netcdf", "numpy", "parquet", "excel", "mzml")
EXPECTED = {  # file -> spectra, points of the first, unit of its axis, a word of the reading
    "andi_cdf/advion-expression.cdf": (60, 3096, "m/z"),
    "andi_cdf/agilent-gcms-tic.cdf": (1, 1645, "s"),
    "andi_cdf/agilent-hplc2.cdf": (1, 1645, "s"),
    "excel/synthetic_multisheet_nirs.xlsx": (4, 4, ""),
    "hdf5/generic_aliases_data_group.h5": (3, 4, "cm-1"),
    "hdf5/synthetic_nirs.h5": (100, 200, "nm"),  # a matrix of absorbance, one of reflectance
    "matlab/METING9.MAT": (271, 401, ""),  # the axis is the first column
    "matlab/scpdata_als2004dataset.MAT": (259, 96, "index"),
    "matlab/scpdata_dso.mat": (20, 426, "cm-1"),
    "mzml/mini.chrom.mzML": (0, 0, ""),  # chromatograms only
    "mzml/mini_numpress.chrom.mzML": (0, 0, ""),
    "netcdf/synthetic_nirs.nc": (50, 200, "nm"),
    "numpy/synthetic_nirs.npz": (50, 200, ""),
    "numpy/synthetic_nirs_X.npy": (50, 200, "index"),
}
NOT_SPECTRAL = ("hdf5/vlen_string_dset.h5", "netcdf/f03tst_open_mem.nc")


@pytest.fixture(scope="module")
def files(shared_data):
    folder = shared_data / "vib" / "files"
    with (folder / "manifest.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["format"] in FOLDERS]
    return folder, rows


def test_every_container_converts_or_says_why(files, cli, tmp_path):
    folder, rows = files
    assert len(rows) >= 17
    for number, row in enumerate(rows):
        name = row["file"]
        out = tmp_path / f"{number}.h5"
        result = cli("convert", folder / name, "--out", out)
        if name in NOT_SPECTRAL:
            assert result.exit_code == 3, name
            assert len(result.stderr.strip().splitlines()) == 3  # counts, the error, what to do
            continue
        if name.endswith(".parquet") and result.exit_code == 5:
            assert "pip install pyarrow" in result.stderr
            continue
        assert result.exit_code == 0, result.stderr
        n, points, unit = EXPECTED.get(name, (50, 200, ""))
        assert f"read {n}, kept {n}, dropped 0" in result.stderr, name
        with Store(out) as store:
            spectra = list(store)
        assert len(spectra) == n
        if n:
            assert (len(spectra[0]), spectra[0].axis.unit) == (points, unit), name


def test_shapes_are_what_an_independent_reader_found(files):
    """``expected`` lists the arrays of a file: the spectra have a dimension of one of them."""
    folder, rows = files
    checked = 0
    for row in rows:
        shapes = json.loads(row["expected"] or "null") or {}
        if row["file"] in NOT_SPECTRAL or row["file"].endswith("dso.mat") or not shapes:
            continue
        spectra, _ = read(folder / row["file"])
        sizes = {size for shape in shapes.values() for size in shape}
        if "scan_index" in shapes:
            assert [len(spectra)] == shapes["scan_index"]
        else:
            assert len(spectra[0]) in sizes
        checked += 1
    assert checked >= 8


def test_corn_has_the_numbers_of_its_table(shared_data):
    folder = shared_data / "vib" / "caltransfer"
    spectra, _ = read(folder / "corn.mat")
    assert len(spectra) == 3 * 80 + 11
    for name, number in (("corn", 240), ("corn_nbs_glass", 11)):
        with gzip.open(folder / f"{name}.csv.gz", "rt", encoding="utf-8") as handle:
            rows = list(csv.DictReader(handle))
        assert len(rows) == number
        suffix = "spec" if name == "corn" else "nbs"
        for instrument in ("m5", "mp5", "mp6"):
            mine = [s for s in spectra if s.instrument == instrument + suffix]
            theirs = [row for row in rows if row["instrument_id"] == instrument]
            for spectrum, row in zip(mine, theirs, strict=True):
                assert spectrum.axis.unit == "nm"
                assert spectrum.modality == "nir"
                known = [float(row[f"{x:g}"]) for x in spectrum.axis.values]
                np.testing.assert_array_equal(spectrum.value, known)
                targets = spectrum.sample_info.targets
                for prop in ("Moisture", "Oil", "Protein", "Starch") if name == "corn" else ():
                    assert targets[prop].value == float(row[prop.lower()])
    on_three = [s.sample for s in spectra[:240]]
    assert on_three[:80] == on_three[80:160] == on_three[160:]


def test_sdss_spectra_equal_the_published_arrays(shared_data):
    folder = shared_data / "astro"
    known = np.load(folder / "sdss_spectra.npz")
    names = {f"{name}".replace("_", "-"): k for k, name in enumerate(known["plate_mjd_fiber"])}
    compared = 0
    for path in sorted((folder / "files").glob("spec-*.fits")):
        (spectrum,), _ = read(path)
        assert spectrum.extra["wavelengths in"] == "vacuum"
        assert spectrum.axis.unit == "Angstrom"
        where = [
            k for name, k in names.items()
            if [int(x) for x in name.split("-")] == [int(x) for x in spectrum.sample.split("-")]
        ]  # fmt: skip
        for k in where:
            part = slice(known["offsets"][k], known["offsets"][k + 1])
            np.testing.assert_allclose(spectrum.axis.values, known["wavelength"][part], rtol=1e-6)
            np.testing.assert_array_equal(spectrum.value, known["flux"][part])
            compared += 1
    multiple, _ = read(folder / "files" / "emlLogVacuumHelioMultiple.fits")
    assert [s.axis.values[0] > 3000 for s in multiple] == [True] * 3
    assert compared >= 1
