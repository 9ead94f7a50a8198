"""From text through a store into every format for peaks: the same for us, and read by others."""

import dataclasses

import numpy as np
import pytest
from builders import read
from test_dialects import FRAGHUB, MSDIAL, NIST_PEPTIDE
from test_massbank import RECORD
from test_round_trip import same

from spectrakit.io.writers import write_spectra
from spectrakit.spectrum import Axis, Modality, Spectrum

WRITTEN = ("mzML", "mgf", "msp", "txt", "mzML.gz", "mgf.gz", "msp.gz", "txt.gz")


@pytest.fixture
def store(tmp_path, cli):
    """A store of four spectra: a peptide, two small molecules and a MassBank record."""
    (tmp_path / "a.msp").write_text(NIST_PEPTIDE + FRAGHUB + MSDIAL)
    (tmp_path / "b.txt").write_text(RECORD)
    path = tmp_path / "lib.h5"
    assert cli("convert", tmp_path / "a.msp", tmp_path / "b.txt", "-o", path).exit_code == 0
    return path


def flat(extra):
    """What text formats keep of extras: repeated keys, and texts."""
    return {key: value if isinstance(value, list) else [value] for key, value in extra.items()}


@pytest.mark.parametrize("suffix", WRITTEN)
def test_what_is_written_is_read_back_the_same(tmp_path, cli, store, suffix):
    out = tmp_path / f"out.{suffix}"
    assert cli("convert", store, "-o", out).exit_code == 0
    wrote, account = read(store)
    back, _ = read(out)
    assert len(wrote) == len(back) == account.kept == 4
    left_out = {"relative_intensity"} if suffix.startswith(("mgf", "msp")) else set()
    for a, b in zip(wrote, back, strict=True):
        np.testing.assert_array_equal(a.mz, b.mz)
        np.testing.assert_array_equal(a.intensity, b.intensity)
        assert set(b.columns) == set(a.columns) - left_out
        for name, column in b.columns.items():
            assert column.tolist() == a.columns[name].tolist()
        for field in dataclasses.fields(a):
            if field.name not in ("axis", "value", "columns", "molecule", "extra", "rt_seconds"):
                assert same(getattr(a, field.name), getattr(b, field.name)), field.name
        assert b.rt_seconds == pytest.approx(a.rt_seconds, rel=1e-12, nan_ok=True)
        for field in dataclasses.fields(a.molecule):
            assert same(getattr(a.molecule, field.name), getattr(b.molecule, field.name)), field
        if suffix.startswith("txt"):
            assert a.extra == b.extra
        else:  # keys lose the marks of these formats
            assert sorted(map(str, flat(a.extra).values())) == sorted(
                map(str, flat(b.extra).values())
            )


def test_pyopenms_reads_what_is_written(tmp_path, cli, store):
    pyopenms = pytest.importorskip("pyopenms")
    plain = tmp_path / "plain.msp"  # pyopenms takes "1/2 0.4" in a note for one more peak
    plain.write_text(FRAGHUB + MSDIAL)
    for suffix, reader in (
        ("mzML", pyopenms.MzMLFile()), ("mgf", pyopenms.MascotGenericFile()),
        ("msp", pyopenms.MSPGenericFile()),
    ):  # fmt: skip
        out = tmp_path / f"out.{suffix}"
        source = plain if suffix == "msp" else store
        assert cli("convert", source, "-o", out).exit_code == 0
        experiment = pyopenms.MSExperiment()
        reader.load(str(out), experiment)
        assert experiment.size() == (2 if suffix == "msp" else 4)
        for a, b in zip(read(source)[0], experiment, strict=True):
            mz, intensity = b.get_peaks()
            np.testing.assert_allclose(mz, a.mz, rtol=1e-9)
            np.testing.assert_allclose(intensity, a.intensity, rtol=1e-6)


def test_pyteomics_reads_what_is_written(tmp_path, cli, store):
    mgf = pytest.importorskip("pyteomics.mgf")
    mzml = pytest.importorskip("pyteomics.mzml")
    ours, _ = read(store)
    for suffix, reader in (("mgf", mgf.read), ("mzML", mzml.read)):
        out = tmp_path / f"out.{suffix}"
        assert cli("convert", store, "-o", out).exit_code == 0
        with reader(str(out), use_index=False) as theirs:
            for a, b in zip(ours, theirs, strict=True):
                np.testing.assert_array_equal(b["m/z array"], a.mz)
                np.testing.assert_array_equal(b["intensity array"], a.intensity)
                if suffix == "mgf":
                    assert b["params"]["pepmass"][0] == a.precursor_mz
                    assert b["params"].get("seq", "") == a.molecule.peptide


def test_half_a_window_a_sign_and_a_nameless_value_survive_mzml(tmp_path):
    """The lower edge alone, the sign of a charge without polarity, and an extra without a name
    were lost."""
    half = dataclasses.replace(plain(), precursor_mz=500.5, isolation_lower=499.25)
    sign = dataclasses.replace(plain(), precursor_mz=500.5, charge=-2)
    nameless = dataclasses.replace(plain(), extra={"": "text"})
    write_spectra(tmp_path / "a.mzML", [half, sign, nameless])
    (a, b, c), _ = read(tmp_path / "a.mzML")
    assert (a.precursor_mz, a.isolation_lower) == (500.5, 499.25)
    assert np.isnan(a.isolation_upper)
    assert b.charge == -2
    assert c.extra == {"x-": "text"}


def plain():
    axis = Axis(np.array([100.5, 200.25]), "m/z")
    return Spectrum(Modality.MSMS, axis, np.array([1.0, 2.0]), native_id="scan=1", ms_level=2)
