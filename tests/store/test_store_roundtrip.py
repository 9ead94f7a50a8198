"""What goes into a store comes out of it, to the bit, whatever it is."""

import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_spectra import differences, peaks, same_bits, spectra, trace

from spectrakit.errors import InputError, UsageError
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import Store, StoreWriter, blockwriter, spool
from spectrakit.store.check import problems

quick = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def write(path, items, **options):
    with StoreWriter(path, **options) as writer:
        places = [writer.add(spectrum) for spectrum in items]
    return places


def by_place(store, items, places):
    """Return the stored spectra in the order in which they were added."""
    names = [block_of(spectrum) for spectrum in items]
    return [store.blocks[name].spectrum(row) for name, row in zip(names, places, strict=True)]


def block_of(spectrum):
    from spectrakit.store.kinds import default_block, shape_kind

    return default_block(spectrum, shape_kind(spectrum, None))


@quick
@given(items=st.lists(spectra(), max_size=6), compression=st.sampled_from(["gzip", "none"]))
def test_every_field_comes_back_to_the_bit(tmp_path, items, compression):
    path = tmp_path / "a.h5"
    places = write(path, items, compression=compression)
    with Store(path) as store:
        assert len(store) == len(items)
        for wrote, read in zip(items, by_place(store, items, places), strict=True):
            assert differences(wrote, read) == []
        assert sum(1 for _ in store) == len(items)
    assert list(problems(path)) == []


@quick
@given(items=st.lists(spectra(), max_size=5))
def test_equal_data_give_equal_bytes(tmp_path, items):
    write(tmp_path / "a.h5", items)
    write(tmp_path / "b.h5", items)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@quick
@given(items=st.lists(spectra(), min_size=1, max_size=4))
def test_the_digest_does_not_depend_on_compression_but_on_every_value(tmp_path, items):
    write(tmp_path / "a.h5", items)
    write(tmp_path / "b.h5", items, compression="none")
    other = list(items)
    other[0] = Spectrum(items[0].modality, items[0].axis, items[0].value + 1, name="changed\1")
    write(tmp_path / "c.h5", other)
    digests = [Store(tmp_path / name).digest for name in ("a.h5", "b.h5", "c.h5")]
    assert digests[0] == digests[1] != digests[2]


def test_paths_and_history_are_outside_the_digest(tmp_path):
    for name, path in (("a.h5", "here.mzML"), ("b.h5", "there.mzML")):
        with StoreWriter(tmp_path / name, history={"command": path}) as writer:
            source = writer.add_source(path, "00", 5, "mzML", "maker 1.0")
            writer.add(peaks(), source=source)
    a, b = Store(tmp_path / "a.h5"), Store(tmp_path / "b.h5")
    assert a.digest == b.digest
    assert a.sources["path"].tolist() == ["here.mzML"]
    assert b.history == [{"command": "there.mzML"}]
    assert a.blocks["msms"].meta("source").tolist() == [0]


def test_many_spectra_cross_buffers_chunks_and_windows(tmp_path, monkeypatch):
    """More spectra than one buffer, one batch or one chunk holds; columns that begin late."""
    monkeypatch.setattr(blockwriter, "FLUSH_SPECTRA", 100)
    rng = np.random.default_rng(0)
    items = []
    for k in range(1500):
        n = int(rng.integers(0, 60))
        fields = {"adduct": "[M+H]+"} if k == 950 else {}
        if k == 731:
            fields["columns"] = {"ion_mobility": rng.random(n)}
        items.append(peaks(rng.random(n), rng.random(n), name=f"ü{k}" if k % 7 else "", **fields))
    write(tmp_path / "a.h5", items)
    store = Store(tmp_path / "a.h5")
    for wrote, read in zip(items, store, strict=True):
        assert differences(wrote, read) == []
    for k in (0, 731, 950, 1499, 3):
        assert differences(items[k], store.blocks["msms"].spectrum(k)) == []
    mobility = store.blocks["msms"].columns["ion_mobility"]
    assert np.isfinite(mobility).sum() == len(items[731])
    assert len(mobility) == len(store.blocks["msms"].axis)


def test_the_spool_may_go_to_disk_and_come_back_in_pieces(tmp_path, monkeypatch):
    """The file does not depend on how much of it was in memory while it was written."""
    rng = np.random.default_rng(0)
    items = [peaks(rng.random(k % 50), rng.random(k % 50), name=f"n{k}") for k in range(2500)]
    items += [trace(np.arange(700.0), rng.random(700)) for _ in range(60)]
    items += [trace(np.arange(9), rng.random((9, 2)), Modality.NMR_1H, "s") for _ in range(99)]
    write(tmp_path / "a.h5", items)
    monkeypatch.setattr(spool, "IN_MEMORY_BYTES", 1000)
    monkeypatch.setattr(spool, "PIECE_VALUES", 20_000)
    monkeypatch.setattr(blockwriter, "FLUSH_VALUES", 3000)
    write(tmp_path / "b.h5", items)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.h5", "b.h5"]


def test_float64_values_are_kept_where_float32_would_lose_bits(tmp_path):
    write(tmp_path / "a.h5", [peaks(intensity=(0.5, 2.0))])
    exact = Spectrum(Modality.MSMS, Axis(np.array([1.0]), "m/z"), np.array([0.1]))
    write(tmp_path / "b.h5", [peaks(), exact])
    assert Store(tmp_path / "a.h5").blocks["msms"].value.dtype == np.float32
    wide = Store(tmp_path / "b.h5").blocks["msms"].value
    assert wide.dtype == np.float64
    assert wide[-1] == 0.1


def test_traces_on_one_axis_are_a_grid_and_on_several_share_a_table(tmp_path):
    axis, other = np.linspace(1100, 2500, 700), np.linspace(900, 1700, 300)
    with StoreWriter(tmp_path / "a.h5") as writer:
        for k in range(5):
            writer.add(trace(axis, axis * k, sample=f"s{k}"))
        for k in range(4):
            shape = axis if k % 2 else other
            writer.add(trace(shape, shape + k, Modality.RAMAN, "cm^-1"))
    store = Store(tmp_path / "a.h5")
    nir, raman = store.blocks["nir"], store.blocks["raman"]
    assert (nir.encoding, nir.value.shape) == ("grid", (5, 700))
    np.testing.assert_array_equal(nir.value, np.outer(np.arange(5), axis))
    assert raman.encoding == "shared-axis"
    assert raman.axis_id.tolist() == [0, 1, 0, 1]
    assert len(raman.axis) == 1000
    np.testing.assert_array_equal(raman.spectrum(3).value, axis + 3)
    batch = next(iter(raman.batches(3)))
    assert len(batch.axis) == len(batch.value) == batch.indptr[-1] == 1300


def test_two_dimensional_complex_spectra_come_back(tmp_path):
    rng = np.random.default_rng(1)
    direct, indirect = Axis(np.linspace(0, 10, 64), "ppm"), Axis(np.linspace(0, 150, 48), "ppm")
    values = [rng.random((48, 64, 4)).astype(np.float32) for _ in range(3)]
    other = Axis(np.linspace(5, 9, 48), "ppm")
    with StoreWriter(tmp_path / "a.h5") as writer:
        for value in values:
            item = Spectrum(Modality.NMR, direct, value, is_trace=True, name="HSQC")
            writer.add(item, indirect=indirect)
        writer.add(item, indirect=other)
    store = Store(tmp_path / "a.h5")
    assert list(store.blocks) == ["nmr-2d-hypercomplex", "nmr-2d-hypercomplex-2"]
    block = store.blocks["nmr-2d-hypercomplex"]
    assert block.encoding == "grid2d"
    assert block.value.shape == (3, 48, 64, 4)
    assert same_bits(block.spectrum(1).value, values[1])
    assert same_bits(block.axis_indirect.values, indirect.values)
    assert list(problems(store.path)) == []


def test_free_induction_decays_have_a_block_of_their_own(tmp_path):
    fid = trace(np.arange(8) / 5e3, np.ones((8, 2)), Modality.NMR_1H, "s")
    done = trace(np.arange(8.0), np.ones(8), Modality.NMR_1H, "ppm")
    write(tmp_path / "a.h5", [done, fid])
    blocks = Store(tmp_path / "a.h5").blocks
    assert {name: block.domain for name, block in blocks.items()} == {
        "nmr-1h": "frequency",
        "nmr-1h-time-complex": "time",
    }


def test_samples_targets_molecules_and_instruments_come_back(tmp_path):
    caffeine, glucose = Molecule("caffeine", formula="C8H10N4O2"), Molecule("glucose")
    with StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(trace([1, 2, 3], [1.0, 2, 3], sample="corn-2", instrument="m5"))
        writer.add_sample("corn-1", group="batch 1", split="train", year=2003, ph=6.5, note="dry")
        writer.add(trace([1, 2, 3], [1.0, 2, 4], sample="corn-1", instrument="mp6"))
        writer.add_instrument("mp6", maker="FOSS")
        writer.add_target("corn-1", "moisture", 10.2, "%", 0.05)
        writer.add_target("corn-3", "oil", 3.5, "%")
        writer.add_sample_molecule("corn-3", caffeine, 2.5, "mM")
        writer.add_sample_molecule("corn-1", glucose, 1.0, "mM")
        assert writer.add_molecule(Molecule("glucose", exact_mass=float("nan"))) == 1
    store = Store(tmp_path / "a.h5")
    assert store.samples["id"].tolist() == ["corn-2", "corn-1", "corn-3"]
    assert store.samples["split"].tolist() == ["", "train", ""]
    assert store.samples["note"].tolist() == ["", "dry", ""]
    np.testing.assert_array_equal(store.samples["ph"], [np.nan, 6.5, np.nan])
    np.testing.assert_array_equal(store.samples["year"], [np.nan, 2003, np.nan])
    assert store.instruments["maker"].tolist() == ["", "FOSS"]
    assert store.targets["property"].tolist() == ["moisture", "oil"]
    np.testing.assert_array_equal(
        store.targets["value"], [[np.nan, np.nan], [10.2, np.nan], [np.nan, 3.5]]
    )
    assert store.targets["reference_sd"][1, 0] == 0.05
    held = store.sample_molecules
    assert held["indptr"].tolist() == [0, 0, 1, 2]
    assert [store.molecule(row).name for row in held["molecule"]] == ["glucose", "caffeine"]
    assert [s.sample for s in store] == ["corn-2", "corn-1"]


def test_a_store_of_molecules_alone_is_whole(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer:
        for k in range(3000):
            writer.add_molecule(Molecule(f"m{k % 2500}", exact_mass=k % 2500 + 0.5))
    store = Store(tmp_path / "a.h5")
    assert (len(store), store.molecules.n) == (0, 2500)
    assert store.molecules["name"][2499] == "m2499"
    assert list(problems(store.path)) == []


def test_an_index_is_mapped_and_no_part_of_the_digest(tmp_path):
    arrays = {"mz": np.linspace(0, 1, 5000), "ids": np.arange(3), "used": np.array([True, False])}
    with StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(peaks())
        writer.add_index("entropy", arrays, {"tolerance": 0.02})
    with StoreWriter(tmp_path / "b.h5") as writer:
        writer.add(peaks())
    store = Store(tmp_path / "a.h5")
    assert store.digest == Store(tmp_path / "b.h5").digest
    got = store.index("entropy")
    for name, values in arrays.items():
        np.testing.assert_array_equal(got[name], values)
        assert got[name].dtype == values.dtype
        assert not got[name].flags.writeable and not got[name].flags.owndata
    assert got["mz"].ctypes.data % 64 == 0
    assert store.index_attrs("entropy") == {"tolerance": 0.02}
    assert store.index("none") == {}


def test_uncompressed_columns_are_views_of_the_file(tmp_path):
    write(tmp_path / "a.h5", [peaks(np.arange(3000.0), np.arange(3000.0))], compression="none")
    axis = Store(tmp_path / "a.h5").blocks["msms"].axis
    assert not axis.flags.owndata and not axis.flags.writeable


def _names(store):
    return [spectrum.name for spectrum in store]


def test_a_store_opens_again_in_each_process(tmp_path):
    write(tmp_path / "a.h5", [peaks(name="x"), peaks(name="y")])
    store = Store(tmp_path / "a.h5")
    assert _names(store) == ["x", "y"]
    assert _names(pickle.loads(pickle.dumps(store))) == ["x", "y"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert _names(pool.submit(list, store).result()) == ["x", "y"]


@pytest.mark.parametrize(
    ("spectrum", "words"),
    [
        (peaks(mz=(1.0, np.nan)), "axis point 1 is nan"),
        (peaks(mz=(np.inf, 1.0)), "axis point 0 is inf"),
        (peaks(mz=(1.0, 2.0, 3.0)), "values of shape (2,)"),
        (peaks(columns={"a": np.zeros(3)}), "column 'a'"),
        (peaks(columns={"a": np.array([object(), None])}), "no text"),
        (peaks(extra={"a": object()}), "extra fields"),
        (peaks(charge=1 << 70), "no sane integer"),
    ],
)
def test_a_spectrum_that_cannot_be_kept_is_refused_and_the_rest_kept(tmp_path, spectrum, words):
    with StoreWriter(tmp_path / "a.h5") as writer:
        writer.add(peaks(name="before"))
        with pytest.raises(InputError) as refused:
            writer.add(spectrum)
        writer.add(peaks(name="after"))
    assert words in str(refused.value)
    assert [s.name for s in Store(tmp_path / "a.h5")] == ["before", "after"]
    assert list(problems(tmp_path / "a.h5")) == []


def test_contradictions_are_refused(tmp_path):
    with StoreWriter(tmp_path / "a.h5") as writer:
        writer.add_sample("a", group="x")
        writer.add_target("a", "oil", 1.0, "%")
        writer.add(peaks(), block="mine")
        for contradiction in (
            lambda: writer.add_sample("a", group="y"),
            lambda: writer.add_target("a", "oil", 2.0, "%"),
            lambda: writer.add_target("b", "oil", 2.0, "g/kg"),
            lambda: writer.add(trace([1.0], [1.0]), block="mine"),
            lambda: writer.add(peaks(), source=0),
            lambda: writer.add_sample(""),
        ):
            with pytest.raises(UsageError):
                contradiction()
