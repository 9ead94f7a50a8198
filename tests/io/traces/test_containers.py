"""Each container, authored here, gives the numbers, axis, units and samples that went into it."""

import gzip
import io
import zipfile

import containers as c
import h5py
import numpy as np
import pytest
import scipy.io

from spectrakit.errors import InputError
from spectrakit.spectrum import Modality


def values_of(spectra):
    return np.array([spectrum.value for spectrum in spectra])


def protein_of(spectra):
    return [s.sample_info.targets["protein"].value for s in spectra]


@pytest.mark.parametrize("name", ["mat5.mat", "plain.mat", "mat73.mat", "group.h5", "classic.nc"])
def test_a_matrix_with_its_axis_and_a_property(tmp_path, name):
    spectra, account = c.read(c.ALL[name](tmp_path / name))
    np.testing.assert_allclose(values_of(spectra), c.X, rtol=1e-6)
    assert all(np.array_equal(s.axis.values, c.AXIS) and s.is_trace for s in spectra)
    assert protein_of(spectra) == c.PROTEIN.tolist()
    assert not account.dropped
    assert not account.treated


def test_units_come_from_attributes_and_names(tmp_path):
    found = {
        name: c.read(c.ALL[name](tmp_path / name))[0][0]
        for name in ("group.h5", "classic.nc", "mat73.mat", "mat4.mat", "arrays.npz", "mat5.mat")
    }
    units = {name: (s.axis.unit, s.value_unit) for name, s in found.items()}
    assert units == {
        "group.h5": ("nm", "absorbance"),
        "classic.nc": ("nm", "reflectance"),
        "mat73.mat": ("cm-1", ""),
        "mat4.mat": ("cm-1", ""),
        "arrays.npz": ("nm", ""),
        "mat5.mat": ("", ""),  # "wavelength" alone does not say nm
    }
    assert found["group.h5"].modality is Modality.NIR
    assert found["group.h5"].instrument == "bench 1"
    assert found["group.h5"].value.dtype == np.float32
    assert found["classic.nc"].sample_info.targets["protein"].unit == "%"


def test_samples_are_named_by_the_file_or_numbered(tmp_path):
    for name in ("mat73.mat", "group.h5", "arrays.npz", "book.xlsx"):
        spectra, _ = c.read(c.ALL[name](tmp_path / name))
        assert [s.sample for s in spectra] == c.IDS
    spectra, _ = c.read(c.mat5(tmp_path / "run.mat"))
    assert [s.sample for s in spectra] == [f"run#{k}" for k in range(1, 7)]
    assert spectra[2].native_id == "X[3]"


def test_matlab_5_agrees_with_scipy(tmp_path):
    """Every class of number, either byte order of text, cells and structs: scipy is the oracle."""
    from spectrakit.io.traces.mat5 import Cell, Struct, read_mat

    numbers = {
        f"n_{kind}": (np.arange(6) + 1).astype(kind).reshape(2, 3)
        for kind in ("f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
    }
    record = {"a": np.eye(2), "word": "αβ"}
    path = c.mat5(
        tmp_path / "all.mat", text="hello", rows=["ab", "cde"], record=record,
        cell=np.array([["x"], [np.ones((1, 2))]], dtype=object), nothing=np.zeros((0, 3)),
        imaginary=np.array([1j]), sparse=scipy.sparse.eye(3), **numbers,
    )  # fmt: skip
    found = dict(read_mat(path, path.read_bytes()))
    for name, values in scipy.io.loadmat(path).items():
        if name.startswith("n_"):
            np.testing.assert_array_equal(found[name], values)
            assert found[name].dtype == values.dtype
    assert found["text"] == ["hello"]
    assert found["rows"] == ["ab", "cde"]
    assert isinstance(found["record"], Struct)
    assert found["record"].items[0]["word"] == ["αβ"]
    assert isinstance(found["cell"], Cell)
    assert found["cell"].items[0] == ["x"]
    assert found["nothing"].shape == (0, 3)
    assert found["imaginary"] is None
    assert found["sparse"] is None


def test_dataset_objects_carry_instruments_and_reference_values(tmp_path):
    spectra, _ = c.read(c.mat5_dataset(tmp_path / "corn.mat"))
    assert [s.instrument for s in spectra] == ["m5"] * 6 + ["mp6"] * 6 + ["glass"] * 2
    np.testing.assert_array_equal(values_of(spectra[6:12]), c.X + 0.1)
    assert spectra[0].axis.unit == "nm"
    assert protein_of(spectra[:12]) == 2 * c.PROTEIN.tolist()
    assert spectra[0].sample_info.targets["protein"].unit == "%"
    assert spectra[0].sample == spectra[6].sample == "corn#1"  # the same sample on both
    assert spectra[12].sample == "glass#1"
    assert not spectra[12].sample_info.targets
    assert spectra[5].extra["included"] is False  # the object's own mark for rows left out
    assert spectra[0].extra["author"] == "me"


def test_labels_that_are_numbers_are_the_axis_of_a_dataset(tmp_path):
    labels = np.array([f"{x:g} nm".split()[0] for x in c.AXIS])
    path = c.mat5(tmp_path / "d.mat", d=c.dataset("d", c.X, labels=labels, row_labels=c.IDS))
    spectra, _ = c.read(path)
    np.testing.assert_array_equal(spectra[0].axis.values, c.AXIS)
    assert [s.sample for s in spectra] == c.IDS


def test_spectra_in_columns_and_an_axis_in_the_first_column(tmp_path):
    spectra, _ = c.read(c.mat5(tmp_path / "t.mat", data=c.X.T, wn=c.AXIS[::-1]))
    np.testing.assert_array_equal(values_of(spectra), c.X)
    assert spectra[0].axis.values[0] > spectra[0].axis.values[-1]  # direction kept
    inside = np.c_[c.AXIS, c.X.T]
    spectra, _ = c.read(c.mat5(tmp_path / "i.mat", run=inside, RelTime=np.arange(6.0)))
    np.testing.assert_array_equal(values_of(spectra), c.X)
    assert spectra[3].sample_info.columns == {"RelTime": 3.0}


def test_one_spectrum_as_two_vectors(tmp_path):
    spectra, _ = c.read(c.mat5(tmp_path / "v.mat", x=c.AXIS, y=c.X[0]))
    assert len(spectra) == 1
    assert spectra[0].sample == ""
    np.testing.assert_array_equal(spectra[0].value, c.X[0])


def test_arrays_without_an_axis_are_on_the_channel_index(cli, tmp_path):
    np.save(tmp_path / "x.npy", c.X.astype("f4"))
    spectra, account = c.read(tmp_path / "x.npy")
    assert spectra[0].axis.unit == "index"
    assert sum(account.treated.values()) == 6
    result = cli("convert", tmp_path / "x.npy", "--out", tmp_path / "x.h5")
    assert result.exit_code == 0
    assert "channel index" in result.stderr


def test_ambiguous_arrays_are_listed(tmp_path):
    path = c.mat5(tmp_path / "a.mat", one=np.ones((5, 9)), two=np.ones((5, 12)))
    with pytest.raises(InputError, match=r"one \(5 x 9\), two \(5 x 12\)") as caught:
        c.read(path)
    assert "wavelength" in caught.value.hint
    spectra, _ = c.read(c.mat5(tmp_path / "b.mat", spectra=np.ones((5, 9)), two=np.ones((5, 12))))
    assert len(spectra) == 5


def test_a_property_that_differs_within_a_sample_stays_with_the_spectrum(tmp_path):
    ids = np.array(["a", "a", "b", "b", "c", "c"])
    np.savez(tmp_path / "r.npz", X=c.X, wl=c.AXIS, ids=ids, y=[1.0, 2, 3, 3, 4, 4])
    spectra, _ = c.read(tmp_path / "r.npz")
    assert [s.extra.get("y") for s in spectra] == [1.0, 2.0, None, None, None, None]
    assert [len(s.sample_info.targets) for s in spectra] == [0, 0, 1, 1, 1, 1]


def test_spectra_without_a_finite_value_are_dropped(tmp_path):
    values = c.X.copy()
    values[2] = np.nan
    values[3, 0] = np.nan
    spectra, account = c.read(c.mat5(tmp_path / "n.mat", X=values, wl=c.AXIS))
    assert (len(spectra), account.dropped.total()) == (5, 1)
    assert np.isnan(spectra[2].value[0])


def test_andi_mass_spectra(tmp_path):
    spectra, account = c.read(c.andi_ms(tmp_path / "m.cdf"))
    assert [s.mz.tolist() for s in spectra] == [[50, 51, 52], [53, 54], [55, 56, 57, 58]]
    assert [s.rt_seconds for s in spectra] == [0.5, 1.0, 1.5]
    first = spectra[0]
    assert (first.modality, first.ms_level, first.polarity) == (Modality.MSMS, 1, 1)
    assert (first.is_profile, first.activation, first.is_trace) == (False, "EI", False)
    assert not account.dropped
    spectra, account = c.read(c.andi_ms(tmp_path / "b.cdf", starts=(0, 3, 500)))
    assert (len(spectra), account.dropped.total()) == (2, 1)


def test_andi_chromatogram_is_one_trace_over_time(tmp_path):
    (trace,), _ = c.read(c.andi_chromatogram(tmp_path / "l.cdf"))
    assert (trace.axis.unit, trace.value_unit, trace.modality) == ("min", "counts", "optical")
    assert trace.axis.values.tolist() == [2.0, 2.5, 3.0, 3.5, 4.0]
    assert (trace.sample, trace.instrument) == ("blank", "FID")
    (trace,), _ = c.read(c.andi_chromatogram(tmp_path / "t.cdf", times=True))
    assert trace.axis.values.tolist() == [0, 1, 2, 4, 8]


def test_fits_tables_and_images(tmp_path):
    (star,), _ = c.read(c.fits_table(tmp_path / "spec.fits"))
    loglam = (3.5 + 0.0001 * np.arange(10)).astype(">f4").astype(float)
    np.testing.assert_array_equal(star.axis.values, 10**loglam)
    np.testing.assert_array_equal(star.value, c.X[0].astype("f4"))
    assert (star.axis.unit, star.value_unit) == ("Angstrom", "1E-17 erg/cm^2/s/Ang")
    assert (star.sample, star.extra["wavelengths in"]) == ("7-8-9", "vacuum")
    rows, _ = c.read(c.fits_image(tmp_path / "image.fits"))
    assert len(rows) == 6
    np.testing.assert_array_equal(rows[0].axis.values, 5000 + 2.0 * np.arange(10))
    assert (rows[0].extra["wavelengths in"], rows[0].axis.unit) == ("air", "Angstrom")
    log = {"CRVAL1": 3.5, "CDELT1": 0.001, "DC_FLAG": 1, "CTYPE1": "LAMBDA"}
    rows, _ = c.read(c.fits_image(tmp_path / "log.fits", **log))
    np.testing.assert_allclose(rows[0].axis.values, 10 ** (3.5 + 0.001 * np.arange(10)))


def test_a_photograph_in_fits_is_no_spectrum(tmp_path):
    with pytest.raises(InputError, match="no spectrum"):
        c.read(c.fits_image(tmp_path / "sky.fits", CTYPE1="RA---TAN"))


def test_sheets_of_a_workbook_are_joined_by_sample(tmp_path):
    spectra, _ = c.read(c.xlsx_wide(tmp_path / "b.xlsx"))
    np.testing.assert_array_equal(values_of(spectra), c.X)
    assert protein_of(spectra) == c.PROTEIN.tolist()
    assert spectra[0].sample_info.targets["protein"].unit == "%"
    assert spectra[0].sample_info.columns == {"batch": "b1"}
    assert spectra[0].native_id == "spectra!2"


def test_a_sheet_with_spectra_in_columns(tmp_path):
    rows = [["wavelength (nm)", "a", "b"]]
    rows += [[x, *pair] for x, pair in zip(c.AXIS.tolist(), c.X[:2].T.tolist(), strict=True)]
    spectra, _ = c.read(c.xlsx(tmp_path / "c.xlsx", {"Sheet1": rows}))
    assert [s.sample for s in spectra] == ["a", "b"]
    assert spectra[0].axis.unit == "nm"
    np.testing.assert_array_equal(values_of(spectra), c.X[:2])


def test_workbooks_that_cannot_be_read(tmp_path):
    lab = [["sample", "protein"], ["a", 1.0], ["a", 2.0]]
    wide = [["sample", 1100, 1110, 1120], ["a", 1.0, 2.0, 3.0]]
    with pytest.raises(InputError, match="two rows for sample 'a'"):
        c.read(c.xlsx(tmp_path / "twice.xlsx", {"x": wide, "lab": lab}))
    with pytest.raises(InputError, match="no table in it holds spectra"):
        c.read(c.xlsx(tmp_path / "none.xlsx", {"lab": lab}))
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]>'
    with pytest.raises(InputError, match="DOCTYPE"):
        c.read(c.xlsx(tmp_path / "d.xlsx", {"x": wide}, prolog=bomb))


def test_parquet_needs_pyarrow_or_is_read(cli, tmp_path):
    try:
        import pyarrow
        import pyarrow.parquet as pq
    except ImportError:
        (tmp_path / "t.parquet").write_bytes(b"PAR1" + bytes(20) + b"PAR1")
        result = cli("convert", tmp_path / "t.parquet", "--out", tmp_path / "o.h5")
        assert result.exit_code == 5
        assert "pip install pyarrow" in result.stderr
        return
    columns = {"sample_id": c.IDS, "protein": c.PROTEIN}
    columns |= {f"{x:g}": c.X[:, k] for k, x in enumerate(c.AXIS)}
    pq.write_table(pyarrow.table(columns), tmp_path / "t.parquet")
    spectra, _ = c.read(tmp_path / "t.parquet")
    np.testing.assert_array_equal(values_of(spectra), c.X)
    assert protein_of(spectra) == c.PROTEIN.tolist()


def test_gzipped_containers_are_unpacked(tmp_path):
    plain = c.mat5(tmp_path / "p.mat")
    packed = tmp_path / "p.mat.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert len(c.read(packed)[0]) == 6


def hdf5_with(path, make):
    with h5py.File(path, "w") as file:
        file["wavelength"] = c.AXIS
        make(file)
    return path


def test_hdf5_that_points_elsewhere_is_not_followed(tmp_path):
    """A link or a dataset that leads to another file must not read that file."""
    other = c.hdf5(tmp_path / "other.h5")

    def external_link(file):
        file["X"] = h5py.ExternalLink(str(other), "/run/absorbance")

    def virtual(file):
        layout = h5py.VirtualLayout(shape=(6, 10), dtype="f4")
        layout[:] = h5py.VirtualSource(str(other), "run/absorbance", shape=(6, 10))
        file.create_virtual_dataset("X", layout)

    def raw(file):
        outside = [(str(tmp_path / "secret.bin"), 0, 480)]
        file.create_dataset("X", (6, 10), "f8", external=outside)

    (tmp_path / "secret.bin").write_bytes(c.X.tobytes())
    for number, make in enumerate((external_link, virtual, raw)):
        with pytest.raises(InputError):
            c.read(hdf5_with(tmp_path / f"{number}.h5", make))


def test_declared_sizes_are_compared_with_the_file(tmp_path):
    """A few bytes that declare gigabytes are refused before anything is allocated."""
    header = {"NAXIS1": 2_000_000_000, "NAXIS2": 2_000}
    with pytest.raises(InputError, match="declares"):
        c.read(c.fits_image(tmp_path / "big.fits", **header))
    with pytest.raises(InputError, match="declare"):
        big = bytearray(c.mat4(tmp_path / "big.mat").read_bytes())
        big[4:8] = (2**31 - 1).to_bytes(4, "little")
        (tmp_path / "big.mat").write_bytes(big)
        c.read(tmp_path / "big.mat")
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        head, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 10**3)}
    )
    (tmp_path / "big.npy").write_bytes(head.getvalue() + bytes(100))
    with pytest.raises(InputError, match="declares"):
        c.read(tmp_path / "big.npy")
    with h5py.File(tmp_path / "big.h5", "w") as file:
        file["wavelength"] = c.AXIS
        file.create_dataset("X", (10**9, 10), "f8", chunks=(1000, 10))[0] = 1.0
    with pytest.raises(InputError, match="declares"):
        c.read(tmp_path / "big.h5")


def test_an_archive_that_expands_without_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "z.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", bytes(1 << 20))
    data = bytearray((tmp_path / "z.npz").read_bytes())
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = (0xFFFFFFF0).to_bytes(4, "little")
    (tmp_path / "z.npz").write_bytes(data)
    with pytest.raises(InputError):
        c.read(tmp_path / "z.npz")


def test_pickles_are_never_loaded(tmp_path):
    np.savez(tmp_path / "p.npz", X=np.array([{"a": 1}], dtype=object), wl=c.AXIS)
    with pytest.raises(InputError, match="no spectra"):
        c.read(tmp_path / "p.npz")


def test_a_damaged_heap_of_texts_does_not_hang(tmp_path):
    """HDF5 walks such a heap without end: an object of size 0 takes it nowhere."""
    data = bytearray(c.hdf5(tmp_path / "h.h5").read_bytes())
    at = data.index(b"GCOL")
    while at >= 0:
        data[at + 16 : at + 32] = bytes(16)
        at = data.find(b"GCOL", at + 1)
    (tmp_path / "h.h5").write_bytes(data)
    with pytest.raises(InputError, match="heap"):
        c.read(tmp_path / "h.h5")
