"""A store that someone else made: each way to be broken or hostile is one clear error."""

import random
import shutil

import h5py
import numpy as np
import pytest
from store_spectra import peaks, trace

from spectrakit.errors import InputError, SpectrakitError
from spectrakit.store import Store, StoreWriter
from spectrakit.store.check import problems


@pytest.fixture
def whole(tmp_path):
    """A store with something in every table."""
    path = tmp_path / "whole.h5"
    rng = np.random.default_rng(0)
    with StoreWriter(path, history={"command": "test"}) as writer:
        source = writer.add_source("a.msp", "ab" * 32, 7, "msp")
        for k in range(600):
            mobility = {"ion_mobility": rng.random(9), "note": np.array(["x"] * 9, object)}
            item = peaks(
                np.sort(rng.random(9)), rng.random(9), name=f"n{k}", sample=f"s{k % 3}",
                columns=mobility, extra={"k": k},
            )  # fmt: skip
            writer.add(item, source=source)
        for k in range(3):
            writer.add(trace(np.arange(4.0 + k), np.ones(4 + k)))
        writer.add_target("s1", "oil", 3.0, "%")
        writer.add_index("i", {"a": np.arange(2000)}, {"x": 1})
    return path


def use_everything(path):
    """Read all that a store offers."""
    with Store(path) as store:
        list(store)
        for table in (store.samples, store.instruments, store.sources, store.molecules):
            dict(table)
        for block in store.blocks.values():
            dict(block.columns)
            _ = block.value, block.axis, block.axis_id
        _ = store.targets, store.sample_molecules, store.history, store.info()
        for name in store.index_names:
            store.index(name)
            store.index_attrs(name)


def refused(path, *words):
    """Assert that reading and checking both refuse a store, naming the file and these words."""
    with pytest.raises(InputError) as error:
        use_everything(path)
    assert str(path) in str(error.value)
    for word in words:
        assert word in str(error.value)
    found = list(problems(path))
    assert found and all(str(path) in sentence for sentence in found)


def edit(path, change):
    with h5py.File(path, "r+") as file:
        change(file)
    return path


def swap(key, values, **settings):
    """Return a change that puts another dataset in a place, its digest renewed or not."""

    def change(file):
        del file[key]
        file.create_dataset(key, data=values, **settings)

    return change


def test_the_whole_one_is_fine(whole):
    use_everything(whole)
    assert list(problems(whole)) == []


def test_missing_empty_foreign_and_folder(tmp_path):
    for name, content, word in (
        ("none.h5", None, "No such file"),
        ("empty.h5", b"", "empty"),
        ("text.h5", b"BEGIN IONS\n", "not an HDF5 file"),
        ("head.h5", b"\x89HDF\r\n\x1a\n", "cannot open"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        refused(tmp_path / name, word)
    (tmp_path / "folder.h5").mkdir()
    refused(tmp_path / "folder.h5", "is a folder")


def test_an_hdf5_file_that_is_no_store(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = [1, 2, 3]
    refused(tmp_path / "a.h5", "no spectrakit-store")


def test_a_truncated_store(whole):
    size = whole.stat().st_size
    with whole.open("rb+") as handle:
        handle.truncate(size - 1000)
    refused(whole, "truncated", str(size - 1000))


def test_a_store_of_a_future_version(whole):
    def change(file):
        file.attrs["format_version"] = np.bytes_("2.0")

    edit(whole, change)
    refused(whole, "written by format 2.0; this spectrakit reads up to 1.x")
    with pytest.raises(InputError) as error:
        use_everything(whole)
    assert error.value.hint == "Update spectrakit."


def test_a_store_of_a_later_minor_version_is_read(whole):
    def change(file):
        file.attrs["format_version"] = np.bytes_("1.7")

    use_everything(edit(whole, change))


def test_an_unknown_encoding_names_the_key(whole):
    def change(file):
        file["blocks/nir"].attrs["encoding-type"] = np.bytes_("wavelet")

    refused(edit(whole, change), "/blocks/nir@encoding-type", "wavelet")


def test_an_external_link(whole, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["axis"] = np.zeros(5400)

    def change(file):
        del file["blocks/msms/axis"]
        file["blocks/msms/axis"] = h5py.ExternalLink("other.h5", "/axis")

    refused(edit(whole, change), "/blocks/msms/axis", "external link")


def test_a_soft_link_even_a_dangling_one(whole):
    def change(file):
        del file["blocks/msms/meta/name"]
        file["blocks/msms/meta/name"] = h5py.SoftLink("/nowhere")

    refused(edit(whole, change), "/blocks/msms/meta/name", "soft link")


def test_a_second_name_of_one_object_is_found_by_check(whole):
    def change(file):
        file["blocks/loop"] = file["blocks"]

    assert "second name" in " ".join(problems(edit(whole, change)))


def test_a_virtual_dataset(whole, tmp_path):
    layout = h5py.VirtualLayout(shape=(5400,), dtype="<f8")
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "axis", shape=(5400,))

    def change(file):
        del file["blocks/msms/axis"]
        file.create_virtual_dataset("blocks/msms/axis", layout)

    refused(edit(whole, change), "/blocks/msms/axis", "virtual")


def test_data_in_another_file(whole, tmp_path):
    (tmp_path / "raw.bin").write_bytes(bytes(5400 * 8))
    external = [("raw.bin", 0, 5400 * 8)]

    def change(file):
        del file["blocks/msms/axis"]
        file.create_dataset("blocks/msms/axis", (5400,), "<f8", external=external)

    refused(edit(whole, change), "/blocks/msms/axis", "another file")


def test_an_unknown_filter(whole):
    change = swap("blocks/msms/axis", np.zeros(5400), chunks=(5400,), compression="lzf")
    refused(edit(whole, change), "/blocks/msms/axis", "filter 32000")


def test_objects_references_and_variable_length_texts(whole, tmp_path):
    for values, dtype in (
        ([b"cposix\nsystem\n"] * 5400, h5py.special_dtype(vlen=bytes)),
        (np.full(5400, h5py.Reference(), object), h5py.ref_dtype),
        (np.zeros(5400, "S8"), "S8"),
        (np.zeros(5400, [("a", "f8")]), [("a", "f8")]),
    ):
        copy = shutil.copy(whole, tmp_path / "copy.h5")
        edit(copy, swap("blocks/msms/axis", values, dtype=dtype))
        refused(copy, "/blocks/msms/axis", "no plain number")


def test_a_variable_length_attribute(whole):
    def change(file):
        file["blocks/msms"].attrs["modality"] = "msms"  # h5py makes this one variable-length

    refused(edit(whole, change), "/blocks/msms@modality")


def test_a_declared_terabyte_that_is_not_there(whole):
    def change(file):
        del file["blocks/msms/axis"]
        file.create_dataset("blocks/msms/axis", (1 << 37,), "<f8", chunks=(16384,))

    refused(edit(whole, change), "/blocks/msms/axis", "declares")


def test_a_chunk_that_would_fill_the_memory(whole):
    def change(file):
        del file["blocks/msms/axis"]
        made = file.create_dataset(
            "blocks/msms/axis", (1 << 24,), "<f8", chunks=(1 << 24,), compression="gzip"
        )
        made[:] = 0

    refused(edit(whole, change), "/blocks/msms/axis", "declares")


def test_chunks_that_are_missing(whole):
    def change(file):
        del file["blocks/msms/axis"]
        made = file.create_dataset("blocks/msms/axis", (5400,), "<f8", chunks=(540,))
        made[:540] = np.random.default_rng(0).random(540)

    refused(edit(whole, change), "/blocks/msms/axis", "chunks")


@pytest.mark.parametrize(
    ("key", "values", "word"),
    [
        ("blocks/msms/indptr", np.arange(601)[::-1] * 9, "rise"),
        ("blocks/msms/indptr", np.arange(601) * 10, "shape"),
        ("blocks/msms/indptr", np.arange(600) * 9, "shape"),
        ("blocks/msms/indptr", np.arange(601) * 9.0, "type"),
        ("blocks/msms/value", np.zeros(5399, "f4"), "shape"),
        ("blocks/msms/value", np.zeros(5400, "i4"), "type"),
        ("blocks/msms/axis", np.zeros(5399), "points"),
        ("blocks/msms/meta/sample", np.full(600, 3), "points outside"),
        ("blocks/msms/meta/sample", np.full(600, -2), "points outside"),
        ("blocks/msms/meta/name/indptr", np.arange(601) * 1000, "rise"),
        ("blocks/msms/meta/name/bytes", np.full(3000, 0xFF, "u1"), "UTF-8"),
        ("blocks/msms/meta/extra/bytes", np.full(7000, ord("["), "u1"), "JSON"),
        ("blocks/msms/columns/ion_mobility.f8/data", np.zeros(5399), "shape"),
        ("blocks/nir/axis_id", np.array([0, 1, 9]), "axis"),
        ("blocks/nir/axis_id", np.array([0, 0, 0]), "lengths"),
        ("targets/value", np.zeros((3, 2)), "shape"),
        ("index/i/attributes", np.frombuffer(b"{" * 9, "u1"), "JSON"),
    ],
)
def test_columns_that_disagree_name_the_key(whole, key, values, word):
    refused(edit(whole, swap(key, values)), f"/{key.split('/')[0]}", word)


@pytest.mark.parametrize("group", ["blocks/msms", "blocks/nir", "samples", "sources"])
def test_a_number_of_rows_that_no_column_has(whole, group):
    """It once ended in a MemoryError: ``list(store)`` asks for the length first."""

    def change(file):
        file[group].attrs["n"] = 1 << 60

    refused(edit(whole, change), f"/{group}")


def test_a_missing_column_names_the_key(whole):
    def change(file):
        del file["blocks/msms/value"]

    refused(edit(whole, change), "/blocks/msms/value", "missing")


def test_a_compressed_index_cannot_be_mapped(whole):
    change = swap("index/i/arrays/a", np.arange(2000), chunks=(2000,), compression="gzip")
    refused(edit(whole, change), "/index/i/arrays/a", "contiguous")


def test_an_axis_that_is_not_finite_is_found_by_check(whole):
    values = h5py.File(whole)["blocks/msms/axis"][:]
    values[100] = np.nan
    found = " ".join(problems(edit(whole, swap("blocks/msms/axis", values))))
    assert "spectrum 11 has a point at nan" in found


def test_one_changed_value_is_found_by_check_and_named(whole):
    def change(file):
        file["blocks/msms/meta/name/bytes"][0] = ord("m")

    found = list(problems(edit(whole, change)))
    assert len(found) == 1
    assert "/blocks/msms/meta/name/bytes" in found[0] and "sha256" in found[0]


def test_a_changed_unit_is_found_by_check(whole):
    def change(file):
        file["blocks/nir"].attrs["axis_unit"] = np.bytes_("cm^-1")

    assert "content digest" in " ".join(problems(edit(whole, change)))


def test_random_damage_never_ends_in_anything_but_our_errors(whole, tmp_path):
    """Flipped bytes and cut files: a store is read, or refused in one line; nothing else."""
    content = whole.read_bytes()
    dice = random.Random(7)
    outcomes = {"read": 0, "refused": 0}
    for _ in range(80):
        data = bytearray(content)
        if dice.random() < 0.3:
            del data[dice.randrange(len(data)) :]
        for _ in range(dice.choice([1, 8, 64])):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        (tmp_path / "hurt.h5").write_bytes(data)
        try:
            use_everything(tmp_path / "hurt.h5")
            outcomes["read"] += 1
        except SpectrakitError as error:
            assert isinstance(error, InputError), error
            outcomes["refused"] += 1
        list(problems(tmp_path / "hurt.h5"))
    assert min(outcomes.values()) > 0, outcomes
