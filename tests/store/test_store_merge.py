"""Merging: the parts give the whole back, and nothing is joined or renamed in silence."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_spectra import differences, peaks, spectra, trace

from spectrakit.errors import UsageError
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import Store, StoreWriter
from spectrakit.store.check import problems
from spectrakit.store.merge import merge


def write(path, items):
    with StoreWriter(path) as writer:
        for spectrum in items:
            writer.add(spectrum)
    return path


def sorted_contents(path):
    """Return (block, repr of meta and points) of every spectrum, in an order of their own."""
    with Store(path) as store:
        return sorted(
            repr((name, s.name, s.sample, s.native_id, s.axis.values.tolist(), s.value.tolist()))
            for name, block in store.blocks.items()
            for s in block
        )


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(items=st.lists(spectra(), min_size=1, max_size=6), cut=st.integers(0, 6))
def test_merged_parts_are_the_whole(tmp_path, items, cut):
    parts = [write(tmp_path / "1.h5", items[:cut]), write(tmp_path / "2.h5", items[cut:])]
    whole = write(tmp_path / "whole.h5", items)
    merge(parts, tmp_path / "merged.h5")
    assert sorted_contents(tmp_path / "merged.h5") == sorted_contents(whole)
    assert list(problems(tmp_path / "merged.h5")) == []


def test_parts_cut_in_order_give_the_digest_of_the_whole(tmp_path):
    rng = np.random.default_rng(0)
    items = [
        peaks(np.sort(rng.random(9)), rng.random(9), name=f"n{k}", sample=f"s{k // 30}",
              molecule=Molecule(f"m{k % 7}"))
        for k in range(200)
    ]  # fmt: skip
    parts = [
        write(tmp_path / f"{k}.h5", items[a:b]) for k, (a, b) in enumerate([(0, 71), (71, 200)])
    ]
    whole = write(tmp_path / "whole.h5", items)
    merge(parts, tmp_path / "merged.h5")
    assert Store(tmp_path / "merged.h5").digest == Store(whole).digest
    assert (tmp_path / "merged.h5").read_bytes() == whole.read_bytes()


def full_store(path, modality, oil=3.5):
    with StoreWriter(path, history={"made": path.name}) as writer:
        source = writer.add_source(f"{path.stem}.raw", "", 3, "x")
        writer.add(trace([1, 2, 3], [1, 2, 3.5], modality, sample="a", instrument=str(modality)),
                   source=source)  # fmt: skip
        writer.add_sample("a", split="test", year=2001)
        writer.add_target("a", "oil", oil, "%", 0.1)
        writer.add_sample_molecule("a", Molecule("starch"), 1.5, "g")
        writer.add_instrument(str(modality), maker="FOSS")
        writer.add_index("i", {"x": np.zeros(2)}, {})
    return path


def test_one_sample_on_two_instruments_is_joined_and_nothing_is_lost(tmp_path):
    parts = [
        full_store(tmp_path / "a.h5", Modality.NIR),
        full_store(tmp_path / "b.h5", Modality.IR),
    ]
    merged = merge(parts, tmp_path / "m.h5", history={"command": "merge"})
    assert merged.joined == ["a"]
    assert [words.split(": ")[1] for words in merged.dropped_indexes] == ["i", "i"]
    store = Store(tmp_path / "m.h5")
    assert store.samples["id"].tolist() == ["a"]
    assert store.samples["year"].tolist() == [2001]
    assert store.targets["value"].tolist() == [[3.5]]
    assert store.targets["reference_sd"].tolist() == [[0.1]]
    assert store.instruments["maker"].tolist() == ["FOSS", "FOSS"]
    assert store.sources["path"].tolist() == ["a.raw", "b.raw"]
    assert store.blocks["nir"].meta("source").tolist() == [0]
    assert store.blocks["ir"].meta("source").tolist() == [1]
    assert [record.get("made") for record in store.history] == ["a.h5", "b.h5", None]
    assert store.sample_molecules["amount"].tolist() == [1.5, 1.5]
    assert {s.sample for s in store} == {"a"}


def test_samples_that_contradict_are_refused_or_renamed(tmp_path):
    parts = [
        full_store(tmp_path / "a.h5", Modality.NIR),
        full_store(tmp_path / "b.h5", Modality.IR, 9),
    ]
    with pytest.raises(UsageError, match="two values of 'oil'") as refused:
        merge(parts, tmp_path / "m.h5")
    assert "--same-sample rename" in refused.value.hint
    assert not (tmp_path / "m.h5").exists()
    with pytest.raises(UsageError, match="also in a store before"):
        merge(parts, tmp_path / "m.h5", same_sample="refuse")
    merged = merge(parts, tmp_path / "m.h5", same_sample="rename")
    assert merged.renamed == {f"{parts[1]}: a": "b/a"}
    store = Store(tmp_path / "m.h5")
    assert store.samples["id"].tolist() == ["a", "b/a"]
    assert store.targets["value"].tolist() == [[3.5], [9.0]]
    assert {s.modality: s.sample for s in store} == {Modality.NIR: "a", Modality.IR: "b/a"}


def test_planes_on_other_axes_survive_a_merge(tmp_path):
    for name, width in (("a.h5", 4), ("b.h5", 5)):
        with StoreWriter(tmp_path / name) as writer:
            axes = Axis(np.arange(6.0), "ppm"), Axis(np.arange(float(width)), "ppm")
            value = np.arange(6.0 * width).reshape(width, 6)
            plane = Spectrum(Modality.NMR, axes[0], value, is_trace=True, name=name)
            writer.add(plane, indirect=axes[1])
    merge([tmp_path / "a.h5", tmp_path / "b.h5"], tmp_path / "m.h5")
    planes = {s.name: s.value.shape for s in Store(tmp_path / "m.h5")}
    assert planes == {"a.h5": (4, 6), "b.h5": (5, 6)}


def test_the_output_may_not_be_an_input(tmp_path):
    path = write(tmp_path / "a.h5", [peaks()])
    (tmp_path / "link.h5").hardlink_to(path)
    before = path.read_bytes()
    for out in (path, tmp_path / "." / "a.h5", tmp_path / "link.h5"):
        with pytest.raises(UsageError, match="is an input and the output"):
            merge([path], out)
    assert path.read_bytes() == before


def test_a_merge_of_one_store_changes_no_spectrum(tmp_path):
    items = [peaks(name="x", columns={"i": np.arange(2)}), replace(peaks(), sample="q")]
    merge([write(tmp_path / "a.h5", items)], tmp_path / "m.h5", compression="none")
    for wrote, read in zip(items, Store(tmp_path / "m.h5"), strict=True):
        assert differences(wrote, read) == []
