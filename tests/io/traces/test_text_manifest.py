"""Every text file of the vibrational manifest converts to what an independent reader found."""

import csv
import json

import numpy as np
import pytest

from spectrakit.store import Store

FOLDERS = (
    "jcamp", "oceanoptics", "avantes", "envi_txt", "spectral_evolution", "svc_sig", "usgs_asc",
    "viavi_sam", "emsa", "horiba", "andor_sif", "perkinelmer_sp", "raman_five_instruments",
)  # fmt: skip
BINARY = (".drk", ".ref", ".raw8", ".roh", ".trm", ".spc", ".procspec", ".xml", ".sif", ".sp")

# Files whose expectation is a count of rows by a program that did not know the layout, or that
# an independent reader got wrong; what the file really says, by eye.
LOOKED_AT = {
    # header line of 1024 shifts, then one point index and 1024 counts in each of three rows
    "horiba/labspec_lasertest1.txt": {"spectra": 3, "n": 1024, "first": 83.7234, "last": 1786.15},
    # header line of 498 shifts, then X, Y and 498 counts in each of 72 rows
    "horiba/labspec6_Gd2O3_AlN_map.txt": {
        "spectra": 72, "n": 498, "first": 100.166, "last": 1198.54,
    },
    # one unreadable expectation each ("null", or labels without points): read by eye
    "jcamp/BRUKDIF.DX": {"spectra": 1, "n": 16384, "first": 24038.5, "last": 0.0, "y0": 2254931},
    "jcamp/BRUKNTUP.DX": {"spectra": 1, "n": 16384, "first": 24038.5, "last": 0.0},
    "jcamp/PCRF.jdx": {"spectra": 1, "n": 7014, "first": 6.18933112051544},
    "jcamp/TEST32.DX": {"spectra": 1, "n": 16384, "first": 24038.5, "y0": 2259260},
    "jcamp/TESTFID.DX": {"spectra": 1, "n": 16384, "first": 0.0, "last": 0.6815317},
    "jcamp/TESTSPEC.DX": {"spectra": 1, "n": 16384, "first": 24038.5},
    "jcamp/difdup_example.jdx": {"spectra": 1, "n": 53, "first": 4, "last": 56, "y0": 0.0},
    "jcamp/isasspc1.dx": {"spectra": 64, "n": 1024, "first": 24038.5, "last": 0.0},
    "jcamp/mactab1.jdx": {"spectra": 1, "n": 23, "first": 0, "last": 331},
    "jcamp/mactab2.jdx": {"spectra": 1, "n": 46, "first": 0, "last": 386},
    "jcamp/misc_chrom.jdx": {"spectra": 1, "n": 10530, "first": 4.0058, "last": 34.2505},
    "jcamp/o07.jdx": {"spectra": 1, "n": 8192, "first": 2391.2974, "last": -402.2026},
    "jcamp/o08.jdx": {"spectra": 1, "n": 8192, "first": 2391.2974, "last": -402.2026},
    "jcamp/o09.jdx": {"spectra": 1, "n": 8192, "first": 2391.2974, "last": -402.2026},
    "jcamp/o10.jdx": {"spectra": 1, "n": 8192, "first": 2391.2974, "last": -402.2026},
    "jcamp/ofid2.jdx": {"spectra": 1, "n": 8192, "first": 0.0, "last": 2.9327},
    "jcamp/ofid4.jdx": {"spectra": 1, "n": 8192, "first": 0.0, "last": 2.9327},
    "jcamp/tree-uv.jdx": {"spectra": 2, "n": 911, "first": 190, "last": 1100},
    "jcamp/xyinc1.jdx": {"spectra": 1, "n": 3601, "first": 400, "last": 4000, "y0": 0.448},
    # its lines 2814 to 2978 were overwritten with another file: 42 of the 298 points are gone
    "jcamp/xyinc2.jdx": {"spectra": 1, "n": 298, "first": 2750, "last": 3938, "missing": 42},
    "avantes/avantes_export.ttt": {"n": 401, "first": 300, "last": 700, "y0": 3.1487},
    "avantes/avantes_export2.trt": {"n": 1442, "first": 275.27, "last": 1100.13, "y0": 805},
    "avantes/avantes_export_long.ttt": {"n": 1442, "first": 275.27, "y0": 23.333},
    "avantes/avasoft8.txt": {"n": 401, "first": 300, "last": 700, "y0": 252.16336},
    "avantes/irr_820_1941.IRR": {"n": 1922, "first": 173, "last": 1133.5, "y0": 0.0},
    "envi_txt/ecostress_a.spectrum.txt": {"n": 561, "first": 0.3, "last": 15.0, "y0": 8.82},
    "oceanoptics/CRAIC_export.txt": {"n": 3761, "first": 280.11, "last": 949.93, "y0": 13.3999},
    "oceanoptics/FMNH6834.00000001.Master.Transmission": {
        "n": 3648, "first": 178.53, "last": 889.03, "y0": 95.38,
    },
    "oceanoptics/OOusb4000.txt": {"n": 3648, "first": 178.65, "last": 888.37, "y0": 0.0},
    # a splice of two spectrometers: its header says 2048, there are 2389
    "oceanoptics/OceanView.txt": {"n": 2389, "first": 187.92, "last": 2116.5, "y0": 18.995},
    "oceanoptics/spec.csv": {"n": 1994, "first": 299.99, "last": 700.03, "y0": 10.013},
    # binary: 125 channels from 908.1 to 1676.2 nm, then the counts of 128 pixels
    "viavi_sam/COT26A001_1_12052026T094104.sam": {"n": 125, "first": 908.1, "last": 1676.2},
    "viavi_sam/COT26A001_2_12052026T094111.sam": {"n": 125, "first": 908.1, "last": 1676.2},
    "viavi_sam/COT26A001_4_12052026T094130.sam": {"n": 125, "first": 908.1, "last": 1676.2},
    "viavi_sam/COT26A001_5_12052026T094135.sam": {"n": 125, "first": 908.1, "last": 1676.2},
    "viavi_sam/COT26A001_6_12052026T094140.sam": {"n": 125, "first": 908.1, "last": 1676.2},
    "viavi_sam/COT26A002_2_12052026T094739.sam": {"n": 125, "first": 908.1, "last": 1676.2},
}  # fmt: skip
UNITS = {  # file -> (axis unit, unit of values, modality)
    "jcamp/PE1800.DX": ("cm-1", "transmittance", "ir"),
    "jcamp/fixdec1.jdx": ("cm-1", "percent transmittance", "ir"),
    "jcamp/dupinc1.jdx": ("nm", "absorbance", "optical"),
    "jcamp/tannic_acid.jdx": ("cm-1", "arbitrary", "raman"),
    "jcamp/example_compound_file.jdx": ("cm-1", "absorbance", "nir"),
    "jcamp/2Methyl1Propanol.jdx": ("ppm", "arbitrary", "nmr-1h"),
    "jcamp/BRUKNTUP.DX": ("Hz", "arbitrary", "nmr-13c"),
    "jcamp/isasspc1.dx": ("Hz", "POWER", "nmr"),
    "jcamp/TESTFID.DX": ("s", "arbitrary", "nmr-13c"),
    "jcamp/pktab2.jdx": ("m/z", "relative intensity", "msms"),
    "avantes/avantes_export_long.ttt": ("nm", "percent transmittance", "optical"),
    "avantes/irr_820_1941.IRR": ("nm", "irradiance", "optical"),
    "avantes/avasoft8.txt": ("nm", "percent reflectance", "reflectance"),
    "envi_txt/ecostress_a.spectrum.txt": ("um", "percent reflectance", "reflectance"),
    "spectral_evolution/serbinsh_cvars_grape_leaf.sed": ("nm", "reflectance", "reflectance"),
    "svc_sig/BNL13001_000_laptop.sig": ("nm", "percent reflectance", "reflectance"),
    "usgs_asc/asphalt_gds366.27407.asc": ("um", "reflectance", "reflectance"),
    "horiba/labspec_532nm_Si.txt": ("cm-1", "", "raman"),
    "perkinelmer_sp/426475_1.csv": ("cm-1", "absorbance", "ir"),
    "raman_five_instruments/Horiba_MacroRAM_acetonitrile.txt": ("cm-1", "counts", "raman"),
    "raman_five_instruments/Wasatch_WP785X_acetonitrile.csv": ("cm-1", "", "raman"),
    "raman_five_instruments/Renishaw_Qontor_acetonitrile_5x.txt": ("", "", "raman"),
    "raman_five_instruments/OpenRAMAN_neon_n_n_n_solid_10000_0_5.csv": (
        "pixel", "arbitrary", "optical",
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def rows(shared_data):
    folder = shared_data / "vib" / "files"
    with (folder / "manifest.csv").open(encoding="utf-8") as handle:
        return folder, {row["file"]: row for row in csv.DictReader(handle)}


def expectation(row):
    """Return what the file must hold, by the independent reader or by eye."""
    found = (
        dict(json.loads(row["expected"]) or {}) if row["expected"].startswith(("{", "n")) else {}
    )
    known = {key: found[key] for key in ("n", "first", "last", "y0") if key in found}
    if "rows" in found:
        known["n"] = found["rows"]
        known["first"] = found.get("wavenumber_first", found.get("first"))
        known["last"] = found.get("wavenumber_last", found.get("last"))
    if "blocks" in found:
        known["spectra"] = found["blocks"]
    return known | LOOKED_AT.get(row["file"], {})


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_file_says_what_it_must(rows, folder, cli, tmp_path):
    root, manifest = rows
    names = [name for name in manifest if name.startswith(f"{folder}/")]
    names = [name for name in names if not name.lower().endswith(BINARY)]
    assert names
    for name in names:
        wanted = expectation(manifest[name])
        assert wanted, f"{name}: nothing is known of it"
        out, account = tmp_path / "out.h5", tmp_path / "summary.json"
        result = cli("convert", root / name, "-o", out, "--summary", account)
        assert result.exit_code == 0, result.stderr
        (entry,) = json.loads(account.read_text())["inputs"]
        assert (entry["kept"], entry["dropped"]) == (wanted.get("spectra", 1), {}), name
        with Store(out) as store:
            spectra = list(store)
        assert len(spectra) == entry["kept"]
        for spectrum in spectra if "n" in wanted else []:
            assert len(spectrum) == wanted["n"], name
        axis, value = spectra[0].axis.values, spectra[0].value
        for key, found in (("first", axis[0]), ("last", axis[-1])):
            if key in wanted:
                assert found == pytest.approx(wanted[key], rel=1e-7, abs=1e-9), (name, key)
        if "y0" in wanted:
            assert value[0] == pytest.approx(wanted["y0"], rel=1e-6), name
        assert np.isnan(value).sum() == wanted.get("missing", 10 if "WP785X" in name else 0)
        if name in UNITS:
            said = (spectra[0].axis.unit, spectra[0].value_unit, spectra[0].modality)
            assert said == UNITS[name], name


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_jcamp_values_equal_nmrglue(rows, tmp_path):
    """nmrglue reads NMR only: infrared files are given to it under that name."""
    from builders import read
    from nmrglue.fileio import jcampdx

    root, manifest = rows
    compared = 0
    for name in manifest:
        if not name.startswith("jcamp/"):
            continue
        spectra, _ = read(root / name)
        text = (root / name).read_bytes()
        for label in (b"INFRARED SPECTRUM", b"RAMAN SPECTRUM", b"UV-VISIBLE SPECTRUM"):
            text = text.replace(label, b"NMR SPECTRUM")
        text = text.replace(b"##DATATYPE", b"##DATA TYPE")
        copy = tmp_path / "as_nmr.jdx"
        copy.write_bytes(text)
        try:
            theirs = jcampdx.read(str(copy))[1]
        except Exception:
            continue
        if theirs is None or len(spectra) != 1:
            continue
        theirs = np.asarray(theirs)
        assert theirs.shape == spectra[0].value.T.shape, name
        np.testing.assert_allclose(spectra[0].value.T, theirs, rtol=1e-12, err_msg=name)
        compared += 1
    assert compared >= 30, compared


def test_tables_of_calibration_transfer(shared_data, cli, tmp_path):
    """Counts, samples, splits and reference values of every table, as its own cells say."""
    import gzip

    told = {"sample_id", "instrument_id", "replicate", "split", "medium_present", "fold"}
    for path in sorted((shared_data / "vib" / "caltransfer").glob("*.csv.gz")):
        with gzip.open(path, "rt", encoding="utf-8") as handle:
            table = list(csv.DictReader(handle))
        channels = [name for name in table[0] if name.replace(".", "").isdecimal()]
        properties = [name for name in table[0] if name not in {*told, *channels}]
        out = tmp_path / "out.h5"
        result = cli("convert", path, "-o", out, "--axis-unit", "nm", "--modality", "nir")
        assert result.exit_code == 0, result.stderr
        with Store(out) as store:
            spectra = list(store)
            assert store.samples.n == len({row["sample_id"] for row in table})
        assert len(spectra) == len(table), path.name
        for spectrum, row in zip(spectra, table, strict=True):
            assert spectrum.sample == row["sample_id"]
            assert spectrum.instrument == row["instrument_id"]
            assert spectrum.axis.values.tolist() == [float(name) for name in channels]
            assert spectrum.value.tolist() == [float(row[name]) for name in channels]
            about = spectrum.sample_info
            if "split" in row:
                assert (about.split or spectrum.extra["split"]) == row["split"]
            wanted = {name: float(row[name]) for name in properties if row[name] not in ("", "NA")}
            assert {k: v.value for k, v in about.targets.items()} == wanted if wanted else True
