"""Each part of the model against an independent oracle."""

from dataclasses import replace

import numpy as np
import pytest
import pywt
import torch
from spectrakit_spectralfm.experts import Experts
from spectrakit_spectralfm.instruments import seen_by_instruments
from spectrakit_spectralfm.model import ModelConfig, SpectralModel
from spectrakit_spectralfm.places import coordinate, places
from spectrakit_spectralfm.scan import loop, scan
from spectrakit_spectralfm.spectra import CommonAxis, Trace, Traces, on_common_axis
from spectrakit_spectralfm.wavelet import WaveletTransform

from spectrakit.errors import MismatchError
from spectrakit.train.export import export_graph


def test_a_new_instrument_may_have_another_axis_that_covers_the_old_one():
    old = np.linspace(1200.0, 2000.0, 50)
    fine, short = np.linspace(1100.0, 2100.0, 301), np.linspace(1300.0, 2100.0, 50)

    def one(axis):
        return Traces((Trace(np.sin(axis / 90), axis, "nm", 0, "a", "a"),))

    found, _ = on_common_axis(one(fine), CommonAxis(old, "nm", 0), covering=True)
    np.testing.assert_allclose(found[0], np.sin(old / 90), atol=1e-3)
    with pytest.raises(MismatchError, match="50 points, 1200 to 2000 nm are read"):
        on_common_axis(one(short), CommonAxis(old, "nm", 0), covering=True)
    with pytest.raises(MismatchError, match="301 points"):
        on_common_axis(one(fine), CommonAxis(old, "nm", 0))


SMALL = ModelConfig(points=64, levels=3, width=16, states=2, experts=3, chem=6, inst=3, heads=2)


@pytest.mark.parametrize("length", [1, 2, 7, 32, 33])
def test_the_scan_equals_a_loop(length):
    torch.manual_seed(length)
    decay, drive = torch.rand(3, length, 4, 2), torch.randn(3, length, 4, 2)
    state, states = torch.zeros(3, 4, 2), []
    for t in range(length):
        state = decay[:, t] * state + drive[:, t]
        states.append(state)
    for way in (scan, loop):
        found = way(decay, drive)
        torch.testing.assert_close(found, torch.stack(states, 1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db4", "sym5"])
def test_the_transform_equals_pywavelets(wavelet):
    """PyWavelets gives a few coefficients beyond both ends; the others are ours."""
    values = np.random.default_rng(0).normal(size=(2, 64)).astype(np.float32)
    transform = WaveletTransform(wavelet, 3)
    coarse, details = transform(torch.from_numpy(values))
    expected, fine = values.astype(np.float64), []
    for level in range(3):
        half, skip = 32 >> level, transform.skip
        low, high = pywt.dwt(expected, wavelet, mode="constant")
        expected = low[:, skip : skip + half]
        fine.insert(0, high[:, skip : skip + half])
    np.testing.assert_allclose(coarse.numpy(), expected, atol=1e-5)
    for mine, theirs in zip(details, fine, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, atol=1e-5)


def test_experts_answer_with_the_two_that_the_router_prefers():
    torch.manual_seed(0)
    experts, x = Experts(8, 16, 4), torch.randn(2, 5, 8)
    found, balance = experts(x)
    flat = experts.norm(x).reshape(10, 8)
    chance = experts.router(flat).softmax(-1)
    for n in range(10):
        best = chance[n].argsort(descending=True)[:2].tolist()
        share = chance[n, best] / chance[n, best].sum()
        answer = sum(
            share[k]
            * (
                torch.nn.functional.gelu(flat[n] @ experts.inward[e] + experts.shift[e, 0])
                @ experts.outward[e]
                + experts.offset[e, 0]
            )
            for k, e in enumerate(best)
        )
        torch.testing.assert_close(found.reshape(10, 8)[n], x.reshape(10, 8)[n] + answer)
    assert balance >= 0.9  # 1 where all experts are used alike


def test_one_band_has_one_place_in_every_unit():
    in_cm, known = coordinate(np.array([4000.0, 5000.0, 8000.0]), "cm-1")
    assert known
    np.testing.assert_allclose(coordinate(np.array([2500.0, 2000.0, 1250.0]), "nm")[0], in_cm)
    np.testing.assert_allclose(coordinate(np.array([2.5, 2.0, 1.25]), "um")[0], in_cm)
    relative, known = coordinate(np.array([1.0, 2.0, 5.0]), "index")
    assert not known
    np.testing.assert_allclose(relative, [0, 0.25, 1])


def test_places_tell_centre_width_and_whether_the_unit_is_known():
    told = places(np.linspace(1000.0, 2000.0, 64), "cm-1", 8)
    assert told.shape == (8, 3)
    assert (np.diff(told[:, 0]) > 0).all()
    assert (told[:, 2] == 1).all()
    assert (places(np.arange(64.0), "index", 8)[:, 2] == 0).all()


def test_simulated_instruments_differ_for_each_row_and_strength_0_changes_nothing():
    values = np.sin(np.linspace(0, 12, 100))[None].repeat(4, 0)
    seen = seen_by_instruments(values, np.random.default_rng(0))
    assert seen.shape == values.shape
    assert np.isfinite(seen).all()
    assert len({row.tobytes() for row in seen}) == 4
    again = seen_by_instruments(values, np.random.default_rng(0))
    np.testing.assert_array_equal(seen, again)
    np.testing.assert_array_equal(
        seen_by_instruments(values, np.random.default_rng(0), 0.0), values
    )


FAST = ({"lora": 2, "adapter": 4},)
SLOW = (
    {},
    {"wavelet": ""}, {"state_blocks": 0}, {"experts": 0}, {"experts": 1},
    {"attention_blocks": 0}, {"variational": False}, {"lora": 2}, {"adapter": 4}, {"waves": 5},
)  # fmt: skip
SWITCHES = [*FAST, *(pytest.param(one, marks=pytest.mark.slow) for one in SLOW)]


@pytest.mark.parametrize("switch", SWITCHES, ids=str)
def test_every_switch_exports_and_equals_torch_at_two_batch_sizes(switch):
    class Graph(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, values, where, technique):
            found = self.model.encode(values, where, technique)
            return found.chem.flatten(1), self.model.reconstruct(found), self.model.denoise(found)

    torch.manual_seed(0)
    model = SpectralModel(replace(SMALL, **switch)).eval()
    where = torch.from_numpy(places(np.linspace(1100.0, 2300.0, 64), "nm", 8))

    def sample(n):
        return {
            "values": torch.randn(n, 64),
            "where": where.expand(n, -1, -1).contiguous(),
            "technique": torch.zeros(n, dtype=torch.long),
        }

    names = ["values", "where", "technique"]
    dynamic = dict.fromkeys(names, ("batch",))
    export_graph(Graph(model), sample, ["chem", "seen", "clean"], dynamic=dynamic)


def test_hidden_points_have_no_influence():
    """Filters overlap: what is hidden must be taken out before the wavelet, not after it."""
    torch.manual_seed(0)
    model = SpectralModel(SMALL).eval()
    values, where = torch.randn(1, 64), torch.zeros(1, 8, 3)
    mask = torch.zeros(1, 8, dtype=torch.bool)
    mask[:, 3] = True
    other = values.clone()
    other[:, 24:32] += 5.0
    technique = torch.zeros(1, dtype=torch.long)
    one, two = (model.encode(v, where, technique, mask).chem for v in (values, other))
    torch.testing.assert_close(one, two, atol=0, rtol=0)


def test_other_resolutions_go_through_the_same_weights():
    model = SpectralModel(SMALL).eval()
    found = model.encode(torch.randn(2, 128), torch.zeros(2, 16, 3), torch.zeros(2).long())
    assert found.chem.shape == (2, 16, 6)
    assert model.denoise(found).shape == (2, 128)
