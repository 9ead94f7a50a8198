"""mzMLb: datasets, predictions, hostile HDF5. The files are authored here with h5py by the
published layout (Bhamber et al. 2021); pyteomics is the oracle."""

import struct
import warnings
from contextlib import suppress

import h5py
import numpy as np
import pytest
from builders import INTENSITY, MZ, PLAIN, TYPES, cv, mzml, read, spectrum
from hypothesis import given, settings
from hypothesis import strategies as st

from spectrakit.errors import InputError

NUMPRESS_LINEAR = cv("MS:1002312", "MS-Numpress linear prediction compression")
DELTA = cv("MS:1003089", "truncation, delta prediction and zlib compression")
LINEAR = cv("MS:1003090", "truncation, linear prediction and zlib compression")
TRUNCATED = cv("MS:1003088", "truncation and zlib compression")
UNKNOWN = cv("MS:9999999", "brotli compression")


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    """pyteomics and psims would look for newer vocabularies than those they carry."""
    with suppress(ImportError):
        from psims.controlled_vocabulary.controlled_vocabulary import obo_cache

        monkeypatch.setattr(obo_cache, "use_remote", False)


def outside(name, offset, length, role, kind="d", packing=PLAIN):
    return (
        f'<binaryDataArray encodedLength="0">{role}{TYPES[kind]}{packing}'
        f"{cv('MS:1002841', 'external HDF5 dataset', name)}"
        f"{cv('MS:1002842', 'external offset', str(offset))}"
        f"{cv('MS:1002843', 'external array length', str(length))}<binary/></binaryDataArray>"
    )


class Written:
    """An mzMLb put together array by array."""

    def __init__(self):
        self.datasets = {}
        self.spectra = []

    def array(self, name, values, role, dtype="<f8", packing=PLAIN):
        held = self.datasets.setdefault(name, (dtype, []))[1]
        offset = len(held)
        held.extend(values)
        return outside(name, offset, len(values), role, packing=packing)

    def spectrum(self, mz, intensity, more="", packing=PLAIN, n=None):
        inner = self.array("spectrum_MS_1000514_float64", mz, MZ, packing=packing)
        inner += self.array("spectrum_MS_1000515_float32", intensity, INTENSITY, "<f4")
        name = f"scan={len(self.spectra) + 1}"
        self.spectra.append(spectrum(inner + more, name, len(mz) if n is None else n))
        return self

    def write(self, path, *, xml=None, **how):
        text = mzml(*self.spectra) if xml is None else xml
        with h5py.File(path, "w") as file:
            letters = np.frombuffer(text.encode(), "i1")
            places = [text.encode().index(one.encode()) for one in self.spectra if one in text]
            names = b"".join(b"scan=%d\x00" % i for i in range(1, len(self.spectra) + 1))
            file["mzML_spectrumIndex"] = np.array([*places, len(text)], "i8")
            file["mzML_spectrumIndex_idRef"] = np.frombuffer(names, "i1")
            file["mzML_chromatogramIndex"] = np.array([len(text)], "i8")
            file["mzML_chromatogramIndex_idRef"] = np.zeros(1, "i1")
            file.create_dataset("mzML", data=letters, **how).attrs["version"] = "mzMLb 1.0"
            for name, (dtype, values) in self.datasets.items():
                many = {"chunks": (min(16, len(values)),), **how} if values and how else {}
                file.create_dataset(name, data=np.array(values, dtype), **many)
        return path


def two():
    return Written().spectrum((100.5, 200.5), (1.0, 2.0)).spectrum((50.5, 60.5, 70.5), (3, 4, 5))


@pytest.mark.parametrize("how", [{}, {"compression": "gzip", "shuffle": True}])
def test_datasets_are_read_as_pyteomics_does(tmp_path, how):
    pyteomics = pytest.importorskip("pyteomics.mzmlb")
    rng = np.random.default_rng(3)
    written = Written()
    for n in (0, 1, 30, 7, 100):
        written.spectrum(np.sort(rng.uniform(50, 900, n)), rng.uniform(1, 1e6, n))
    path = written.write(tmp_path / "a.mzMLb", **how)
    spectra, account = read(path)
    assert (account.format, account.dropped.total()) == ("mzmlb", 0)
    with pyteomics.read(str(path)) as file:
        for ours, theirs in zip(spectra, file, strict=True):
            np.testing.assert_array_equal(ours.mz, theirs["m/z array"])
            np.testing.assert_array_equal(ours.intensity, theirs["intensity array"])
            assert ours.intensity.dtype == np.float32
            assert ours.native_id == theirs["id"]


def test_what_psims_writes_is_read(tmp_path):
    writing = pytest.importorskip("psims.mzmlb")
    path = tmp_path / "psims.mzMLb"
    mz, intensity = np.array([100.25, 200.5, 300.75]), np.array([1.5, 2.5, 3.5])
    out = writing.MzMLbWriter(str(path), h5_compression="gzip", h5_compression_options=4)
    with warnings.catch_warnings(), out:
        warnings.simplefilter("ignore")  # that a run needs an instrument and a method
        out.controlled_vocabularies()
        with out.run(id="r"), out.spectrum_list(count=1):
            out.write_spectrum(
                mz, intensity, id="scan=1", params=[{"ms level": 2}], scan_start_time=1.5,
                polarity="negative scan", compression="delta",
                precursor_information={"mz": 350.5, "charge": 2, "intensity": 5.0},
            )  # fmt: skip
    out.h5_file.close()
    (s,), _ = read(path)
    assert (s.mz.tolist(), s.intensity.tolist()) == (mz.tolist(), intensity.tolist())
    assert (s.native_id, s.ms_level, s.rt_seconds, s.polarity) == ("scan=1", 2, 90.0, -1)
    assert (s.precursor_mz, abs(s.charge)) == (350.5, 2)


def test_predictions_are_undone(tmp_path):
    """The values are whole eighths, so that the differences are exact."""
    mz = [100.125, 150.5, 151.0, 300.875, 301.0]
    delta = mz[:2] + [mz[i] - mz[i - 1] + mz[0] for i in range(2, 5)]
    linear = mz[:2] + [mz[i] - 2 * mz[i - 1] + mz[i - 2] + mz[1] for i in range(2, 5)]
    written = Written()
    for values, packing in ((delta, DELTA), (linear, LINEAR), (mz, TRUNCATED)):
        written.spectrum(values, (1, 2, 3, 4, 5), packing=packing)
    spectra, _ = read(written.write(tmp_path / "a.mzMLb"))
    assert [s.mz.tolist() for s in spectra] == [mz, mz, mz]


@pytest.mark.parametrize("opaque", [False, True])
def test_bytes_hold_what_the_terms_say(tmp_path, opaque):
    packed = struct.pack(">d", 1000.0) + struct.pack("<2i", 100_500, 200_500)
    written = Written()
    inner = outside("np", 0, len(packed), MZ, packing=NUMPRESS_LINEAR)
    inner += written.array("i", (1.0, 2.0), INTENSITY)
    written.spectra.append(spectrum(inner, "scan=1", 2))
    path = written.write(tmp_path / "a.mzMLb")
    with h5py.File(path, "a") as file:
        file.create_dataset("np", data=np.frombuffer(packed, "V1" if opaque else "u1"))
    (s,), _ = read(path)
    assert (s.mz.tolist(), s.intensity.tolist()) == ([100.5, 200.5], [1.0, 2.0])


def test_further_arrays_and_number_types(tmp_path):
    written = Written()
    mobility = cv("MS:1003007", "raw ion mobility array")
    more = written.array("mobility", (0.9, 0.7), mobility, ">f8")
    written.spectrum((200.0, 100.0), (1, 2), more=more)
    (s,), _ = read(written.write(tmp_path / "a.mzMLb"))
    assert s.mz.tolist() == [100.0, 200.0]
    assert s.columns["raw_ion_mobility"].tolist() == [0.7, 0.9]


def test_identify_and_convert_take_it(tmp_path, cli):
    path = two().write(tmp_path / "a.mzMLb")
    result = cli("convert", path, "-o", tmp_path / "out.mgf")
    assert (result.exit_code, (tmp_path / "out.mgf").read_text().count("BEGIN IONS")) == (0, 2)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("external array length", '"3"', '"99"'), "array is not as long as declared"),
        (("external array length", '"3"', '"99999999999999999"'),
         "array is not as long as declared"),
        (("external offset", '"2"', '"-1"'), "array is not as long as declared"),
        (("external offset", '"2"', '"x"'), "array is not as long as declared"),
        (("external HDF5 dataset", "spectrum_MS_1000514_float64", "elsewhere"),
         "array names a dataset that is not there"),
        (("external HDF5 dataset", "spectrum_MS_1000514_float64", "mzML"),
         "array names a dataset that is not there"),
        (("external HDF5 dataset", "spectrum_MS_1000514_float64", "../../etc/passwd"),
         "array names a dataset that is not there"),
        (("MS-Numpress", "", ""), "m/z and intensity arrays differ in length"),
        (("brotli", "", ""), "array cannot be decoded"),
    ],
)  # fmt: skip
def test_a_bad_array_costs_its_spectrum_and_no_other(tmp_path, change, reason):
    written = two().spectrum((1.0, 2.0), (1, 2))
    what, before, after = change
    bad = written.spectra[1]
    if what == "brotli":
        bad = bad.replace(PLAIN, UNKNOWN)
    elif what == "MS-Numpress":
        bad = bad.replace(INTENSITY, "")
    else:
        at = bad.index(what)
        bad = bad[:at] + bad[at:].replace(before, after, 1)
    written.spectra[1] = bad
    spectra, account = read(written.write(tmp_path / "a.mzMLb"))
    assert [s.native_id for s in spectra] == ["scan=1", "scan=3"]
    assert dict(account.dropped) == {reason: 1}


def refused(path, match, cli, tmp_path):
    with pytest.raises(InputError, match=match) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    assert caught.value.hint
    result = cli("convert", path, "-o", tmp_path / "out.h5")
    assert result.exit_code == 3
    assert not list(tmp_path.glob("out*"))


def test_links_are_not_followed(tmp_path, cli):
    good = two().write(tmp_path / "good.mzMLb")
    for place, link in enumerate((h5py.ExternalLink("good.mzMLb", "/mzML"), h5py.SoftLink("/x"))):
        path = tmp_path / f"link{place}.mzMLb"
        with h5py.File(path, "w") as file:
            file["x"] = np.frombuffer(mzml().encode(), "u1")
            file["mzML"] = link
        refused(path, "is no dataset of bytes", cli, tmp_path)
    name = "spectrum_MS_1000514_float64"
    with h5py.File(good, "a") as file:
        file.move(name, "moved")
        file[name] = h5py.SoftLink("/moved")
    spectra, account = read(good)
    assert spectra == []
    assert dict(account.dropped) == {"array names a dataset that is not there": 2}


def test_data_elsewhere_and_impossible_sizes_are_refused(tmp_path, cli):
    written = two()
    name = "spectrum_MS_1000514_float64"

    def replaced(number, make):
        path = written.write(tmp_path / f"{number}.mzMLb")
        with h5py.File(path, "a") as file:
            del file[name]
            make(file)
        return path

    (tmp_path / "raw.bin").write_bytes(bytes(80))
    external = [(str(tmp_path / "raw.bin"), 0, 80)]
    path = replaced(1, lambda f: f.create_dataset(name, (10,), "<f8", external=external))
    refused(path, "in another file", cli, tmp_path)
    layout = h5py.VirtualLayout((10,), "<f8")
    layout[:] = h5py.VirtualSource(str(tmp_path / "1.mzMLb"), name, (10,))
    path = replaced(2, lambda f: f.create_virtual_dataset(name, layout))
    refused(path, "virtual", cli, tmp_path)
    path = replaced(
        3, lambda f: f.create_dataset(name, (10**12,), "<f8", chunks=(1000,), compression="gzip")
    )
    with pytest.raises(InputError):
        read(path)
    for number, shape in ((4, (5, 2)), (5, ())):
        path = replaced(number, lambda f, shape=shape: f.create_dataset(name, shape, "<f8"))
        assert read(path)[1].dropped.total() == 2
    path = replaced(6, lambda f: f.create_dataset(name, data=["a"] * 9))
    assert read(path)[1].dropped.total() == 2


def test_xml_that_is_hostile_or_broken(tmp_path, cli):
    text = mzml(*two().spectra)
    path = two().write(tmp_path / "a.mzMLb", xml=text[: text.index("scan=2") + 40])
    refused(path, r"after spectrum 'scan=1' \(1 spectra read\)", cli, tmp_path)
    dtd = text.replace("<mzML", '<!DOCTYPE m [<!ENTITY a "b">]><mzML')
    refused(two().write(tmp_path / "b.mzMLb", xml=dtd), "DOCTYPE", cli, tmp_path)
    refused(two().write(tmp_path / "c.mzMLb", xml="hello"), "the XML breaks", cli, tmp_path)
    with h5py.File(tmp_path / "d.mzMLb", "w") as file:
        file["mzML"] = np.zeros((3, 3))
    refused(tmp_path / "d.mzMLb", "is no dataset of bytes", cli, tmp_path)
    with h5py.File(tmp_path / "e.mzMLb", "w") as file:
        file.create_group("mzML")
    refused(tmp_path / "e.mzMLb", "is no dataset of bytes", cli, tmp_path)


def test_a_file_that_is_cut_off(tmp_path, cli):
    path = two().write(tmp_path / "a.mzMLb")
    path.write_bytes(path.read_bytes()[:-400])
    refused(path, "cannot|truncated|HDF5", cli, tmp_path)


def test_a_filter_that_needs_a_plugin_is_named(tmp_path, cli):
    """Blosc (32001), which msconvert may write, is no part of HDF5."""
    path = two().write(tmp_path / "a.mzMLb")
    name = "spectrum_MS_1000514_float64"
    with h5py.File(path, "a") as file:
        del file[name]
        plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        plan.set_chunk((5,))
        plan.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)
        space = h5py.h5s.create_simple((5,))
        h5py.h5d.create(file.id, name.encode(), h5py.h5t.IEEE_F64LE, space, plan)
    refused(path, "uses the filter 32001", cli, tmp_path)


def test_zeros_that_pad_the_xml_are_no_xml(tmp_path):
    padded = mzml(*two().spectra) + "\x00" * 9
    assert len(read(two().write(tmp_path / "a.mzMLb", xml=padded))[0]) == 2


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_damaged_files_end_in_spectra_or_in_one_line(tmp_path_factory, data):
    path = two().write(tmp_path_factory.mktemp("d") / "a.mzMLb", compression="gzip")
    raw = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, len(raw) - 1))
        raw[at] = data.draw(st.sampled_from([0, 1, 2, 0x7F, 0xFF, raw[at] ^ 1]))
    path.write_bytes(raw)
    try:
        spectra, account = read(path)
    except InputError as error:
        assert "\n" not in str(error)
        assert error.hint
        return
    assert account.read == len(spectra) + account.dropped.total()


def test_no_spectra(tmp_path):
    assert read(Written().write(tmp_path / "a.mzMLb"))[0] == []


PEAKS = st.lists(
    st.tuples(st.floats(0, 1e6, allow_nan=False), st.floats(0, 1e9, width=32)), max_size=20
)


@settings(max_examples=40, deadline=None)
@given(spectra=st.lists(PEAKS, min_size=1, max_size=6), packed=st.booleans())
def test_peaks_come_back_exactly(tmp_path_factory, spectra, packed):
    written = Written()
    for pairs in spectra:
        written.spectrum([mz for mz, _ in pairs], [y for _, y in pairs])
    how = {"compression": "gzip"} if packed else {}
    found, account = read(written.write(tmp_path_factory.mktemp("b") / "a.mzMLb", **how))
    assert not account.dropped
    for pairs, s in zip(spectra, found, strict=True):
        peaks = list(zip(s.mz.tolist(), s.intensity.tolist(), strict=True))
        assert peaks == sorted(pairs, key=lambda pair: pair[0])
