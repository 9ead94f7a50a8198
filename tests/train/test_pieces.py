"""The pieces of training against closed forms, brute force and the bench's own code."""

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed: pip install 'spectrakit[train]'")
pytest.importorskip("safetensors", reason="safetensors is not installed")

import torch
from train_stores import write_store

from spectrakit.bundle import Bundle, Step, write_bundle
from spectrakit.bundle.predict import inputs_of
from spectrakit.errors import InputError, MismatchError, MissingExtraError
from spectrakit.store import Store
from spectrakit.store.dataset import BlockRows, Dataset
from spectrakit.train.averaging import lent, update_average
from spectrakit.train.checkpoint import (
    Checkpoint,
    Maker,
    load_weights,
    read_checkpoint,
    trained,
    write_checkpoint,
)
from spectrakit.train.curves import draw_curves
from spectrakit.train.data import PeakBatches, PeakSource, padded
from spectrakit.train.device import resolve_device
from spectrakit.train.export import export_graph, quantised, run_graph
from spectrakit.train.order import BatchOrder
from spectrakit.train.schedule import learning_rate_factor


def test_schedule_is_a_line_and_then_half_a_cosine():
    factors = [learning_rate_factor(k, steps=105, warmup=4, floor=0.1) for k in range(105)]
    np.testing.assert_allclose(factors[:4], [0.25, 0.5, 0.75, 1.0])
    after = np.arange(101) / 100
    np.testing.assert_allclose(factors[4:], 0.55 + 0.45 * np.cos(np.pi * after), atol=1e-12)


def test_every_row_comes_once_in_an_epoch_in_batches_of_similar_length():
    lengths = np.random.default_rng(0).integers(1, 500, 1000)
    order = BatchOrder(lengths, batch=10, seed=1)
    epochs = [[order.rows(k) for k in range(e * 100, e * 100 + 100)] for e in range(2)]
    for epoch in epochs:
        assert sorted(np.concatenate(epoch).tolist()) == list(range(1000))
    assert any(not np.array_equal(a, b) for a, b in zip(*epochs, strict=True))
    widths = [np.ptp(lengths[rows]) for rows in epochs[0]]
    assert np.median(widths) < 0.1 * 500
    means = [lengths[rows].mean() for rows in epochs[0]]
    assert abs(np.corrcoef(means, np.arange(100))[0, 1]) < 0.4  # short ones do not come first


@pytest.mark.parametrize("world", [1, 2, 4])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_processes_and_parts_share_a_batch_without_overlap(world, accumulate):
    lengths = np.arange(50)
    whole = BatchOrder(lengths, batch=16, seed=5)
    parts = BatchOrder(lengths, batch=16, accumulate=accumulate, seed=5)
    shares = [
        BatchOrder(lengths, batch=16, accumulate=accumulate, seed=5, rank=rank, world=world)
        for rank in range(world)
    ]
    for step in (0, 2, 7):
        positions = range(step * accumulate, (step + 1) * accumulate)
        rows = [share.rows(k) for share in shares for k in positions]
        assert len({len(part) for part in rows}) == 1
        assert sorted(np.concatenate(rows)) == sorted(whole.rows(step))
        for k in positions:  # negatives within a part are those of one process
            together = np.concatenate([share.rows(k) for share in shares])
            assert sorted(together) == sorted(parts.rows(k))


def test_fewer_rows_than_a_batch_are_a_smaller_batch_and_too_few_an_error():
    order = BatchOrder(np.ones(5, int), batch=64, accumulate=2)
    assert (order.batch, order.steps_per_epoch) == (4, 1)
    with pytest.raises(MismatchError, match="of 3 rows"):
        BatchOrder(np.ones(3, int), batch=64, world=4)


def dataset(path, rows):
    store = Store(path)
    return Dataset((BlockRows(store, "msms", np.array(rows)),))


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_batch_of_training_is_what_the_bench_feeds_a_bundle(tmp_path, compression):
    """The oracle is the code that ``identify`` runs on Spectrum objects."""
    path = tmp_path / "a.h5"
    write_store(path, n=12, compression=compression)
    steps = (
        ("clean_peaks", 1, {"tolerance": "0.5Da", "max_peaks": 4}),
        ("base_peak_one", 1, {}),
    )
    fields = ("precursor_mz", "charge", "rt_seconds")
    graph = export_graph(
        Sum(), lambda n: {"intensity": torch.rand(n, n + 1)}, ["value"],
        dynamic={"intensity": ("batch", "peaks")},
    )  # fmt: skip
    bundle = Bundle(
        write_bundle(
            tmp_path / "sum@1", graphs={"predict": graph}, task="regress", modality="msms",
            input={"kind": "peaks", "precursor": list(fields)},
            preprocessing=tuple(Step(*step) for step in steps),
            properties=({"name": "sum", "unit": ""},), licence="CC0-1.0",
        )
    )  # fmt: skip
    chosen = [1, 2, 5, 7, 11]
    one = dataset(path, chosen)
    both = Dataset((*one.parts, *dataset(path, [0, 3]).parts))
    source = PeakSource(both, precursor=fields, steps=steps)
    rows = np.array([6, 0, 4, 2])
    batch = source.batch(rows)
    wanted = inputs_of(bundle, [both[int(row)] for row in rows])
    for name in ("mz", "intensity", "mask", "precursor"):
        found = getattr(batch, name).numpy()
        assert found.dtype == wanted[name].dtype
        np.testing.assert_array_equal(found, wanted[name])
    assert np.isnan(batch.precursor.numpy()[:, 2]).all()
    assert source.name(5) == "a.h5 'scan=0'"


def test_uncompressed_columns_are_views_of_the_file(tmp_path):
    write_store(tmp_path / "a.h5", n=2000, held_out=0)
    part = dataset(tmp_path / "a.h5", range(2000)).parts[0]
    column = part.block.axis
    while isinstance(column.base, np.ndarray):
        column = column.base
    assert not column.flags.owndata
    assert len(PeakBatches(PeakSource(Dataset((part,))), batch=4)(3)) == 4


def test_traces_are_refused_where_peaks_belong(tmp_path):
    from dataclasses import replace

    from spectrakit.store import StoreWriter

    made = write_store(tmp_path / "a.h5", n=1)
    with StoreWriter(tmp_path / "t.h5") as writer:
        writer.add(replace(made[0], is_trace=True))
    with Store(tmp_path / "t.h5") as store:
        (name,) = store.blocks
        with pytest.raises(MismatchError, match="no peaks"):
            PeakSource(Dataset((BlockRows(store, name, np.array([0])),)))


def test_spectra_without_peaks_are_padding_only():
    from spectrakit.preprocess.peaks import PeakLists

    mz, _, mask = padded(PeakLists(np.array([0, 0, 1]), np.array([9.0]), np.array([1.0])))
    assert mask.tolist() == [[False], [True]]
    assert mz.tolist() == [[0.0], [9.0]]


def test_average_is_the_closed_form():
    model = torch.nn.Linear(1, 1, bias=False)
    average = {"weight": torch.zeros(1, 1)}
    for value in (1.0, 2.0, 3.0):
        model.weight.data.fill_(value)
        update_average(average, model, 0.5)
    assert average["weight"].item() == 1 * 0.125 + 2 * 0.25 + 3 * 0.5
    with lent(model, average):
        assert model.weight.item() == average["weight"].item()
        assert not model.training
    assert model.weight.item() == 3.0
    assert model.training


def a_checkpoint(model, **architecture):
    from spectrakit.train.checkpoint import plain_tensors

    tensors = {"model": plain_tensors(model.state_dict())}
    return Checkpoint(Maker("toy", "1", architecture), "train", 0, 3, tensors)


def test_tied_weights_survive_a_checkpoint(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    model[1].weight = model[0].weight
    write_checkpoint(tmp_path, a_checkpoint(model, width=3))
    found = read_checkpoint(tmp_path)
    assert found.maker == Maker("toy", "1", {"width": 3})
    other = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 3))
    load_weights(tmp_path, other, found, "model")
    assert torch.equal(other[0].weight, model[0].weight)


def test_weights_of_another_shape_are_refused_with_both(tmp_path):
    write_checkpoint(tmp_path, a_checkpoint(torch.nn.Linear(3, 2)))
    with pytest.raises(MismatchError, match=r"'weight' is \(2, 3\) there and \(2, 5\) here"):
        load_weights(tmp_path, torch.nn.Linear(5, 2), read_checkpoint(tmp_path), "model")


@pytest.mark.parametrize(
    ("before", "after"),
    [('"format_version": 1', '"format_version": 9'), ('"step"', '"stop"'), ("{", "[")],
)
def test_state_that_is_not_ours_is_refused(tmp_path, before, after):
    write_checkpoint(tmp_path, a_checkpoint(torch.nn.Linear(1, 1)))
    state = tmp_path / "state.json"
    state.write_text(state.read_text().replace(before, after, 1))
    with pytest.raises(InputError, match=tmp_path.name):
        read_checkpoint(tmp_path)


def test_checkpoint_cannot_name_a_file_outside(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    write_checkpoint(inside, a_checkpoint(torch.nn.Linear(1, 1)))
    (inside / "model.safetensors").rename(tmp_path / "secret.safetensors")
    state = inside / "state.json"
    state.write_text(state.read_text().replace('"model"', '"../secret"'))
    with pytest.raises(InputError):
        read_checkpoint(inside)


def test_folder_without_a_checkpoint_is_no_parent(tmp_path):
    with pytest.raises(MismatchError, match="holds no checkpoint"):
        trained(tmp_path)


class Sum(torch.nn.Module):
    def forward(self, intensity):
        return intensity.sum(1, keepdim=True)


class Baked(torch.nn.Module):
    """Python's own arithmetic on values becomes a constant of the graph."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, intensity):
        self.calls += 1
        return intensity.sum(1, keepdim=True) + self.calls


def sample(n):
    random = torch.Generator().manual_seed(n)
    return {"intensity": torch.rand(n, 3 + n, generator=random)}


DYNAMIC = {"intensity": ("batch", "peaks")}


def test_exported_graph_equals_torch_at_sizes_it_never_saw():
    graph = export_graph(Sum(), sample, ["value"], dynamic=DYNAMIC)
    for n in (1, 4, 11):
        inputs = sample(n)
        (found,) = run_graph(graph, {"intensity": inputs["intensity"].numpy()})
        np.testing.assert_allclose(found, Sum()(**inputs).numpy(), atol=1e-5)


def test_graph_that_answers_otherwise_than_torch_is_refused():
    with pytest.raises(MismatchError, match="'value' of the exported graph differs from torch"):
        export_graph(Baked(), sample, ["value"], dynamic=DYNAMIC)


def test_size_that_was_fixed_is_refused():
    with pytest.raises(MismatchError):
        export_graph(Sum(), sample, ["value"], dynamic={})


def test_int8_is_kept_only_where_the_ranks_allow_it():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 8))
    graph = export_graph(
        model, lambda n: {"input": torch.randn(n, 64)}, ["value"], dynamic={"input": ("batch",)}
    )
    queries = torch.randn(200, 64)
    by_torch = model(queries).argmax(1).numpy()

    def rank_change(smaller):
        return float(
            (run_graph(smaller, {"input": queries.numpy()})[0].argmax(1) != by_torch).mean()
        )

    kept = quantised(graph, rank_change, most=0.2)
    assert kept.kept
    assert len(kept.graph) < 0.6 * len(graph)
    refused = quantised(graph, rank_change, most=-1.0)
    assert not refused.kept
    assert refused.graph == graph
    assert refused.change == kept.change


def test_curves_are_drawn_once_and_the_same(tmp_path):
    from spectrakit.run import Run

    run = Run.create(
        tmp_path / "run",
        {
            "verb": "pretrain",
            "plugin": {"name": "toy", "version": "1"},
            "options": {},
            "data": [],
            "seed": 0,
            "device": "cpu",
        },
    )
    with pytest.raises(MismatchError, match="no metrics"):
        draw_curves(run.path)
    for step in range(1, 6):
        run.record(step, loss=1 / step, rate=0.1)
        run.record(step, valid_loss=2 / step)
    path = draw_curves(run.path)
    first = path.read_bytes()
    assert first.startswith(b"\x89PNG")
    assert draw_curves(run.path).read_bytes() == first


@pytest.mark.skipif(torch.cuda.is_available(), reason="this computer has CUDA")
def test_cuda_that_is_not_there_exits_5():
    with pytest.raises(MissingExtraError, match="cuda"):
        resolve_device("cuda")


def test_light_modules_of_training_do_not_load_torch():
    """The verbs import them, also for plugins that do not use torch."""
    code = (
        "import sys, spectrakit.train.device, spectrakit.train.launch, spectrakit.verbs.training;"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
