"""Terms of the loss that are off at first, and the Fourier operator, each against an oracle."""

from dataclasses import replace

import numpy as np
import ot
import pytest
import torch
from scipy.fft import dct
from spectrakit_spectralfm import physics
from spectrakit_spectralfm.batches import Augmentation, views_of
from spectrakit_spectralfm.fourier import FourierOperator, cosines
from spectrakit_spectralfm.instruments import seen_by_instruments
from spectrakit_spectralfm.losses import Weights, pretraining
from spectrakit_spectralfm.model import ModelConfig, SpectralModel
from spectrakit_spectralfm.spectra import Trace, Traces
from spectrakit_spectralfm.transport import divergence, plan

SMALL = ModelConfig(points=64, levels=3, width=16, states=2, experts=2, chem=6, inst=3, heads=2)
RNG = np.random.default_rng(0)


@pytest.mark.parametrize("epsilon", [0.01, 0.1, 1.0])
def test_the_plan_is_that_of_pot(epsilon):
    """POT's log-domain Sinkhorn is the oracle."""
    one, other = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3)) + 0.5
    cost = ot.dist(one, other)
    cost /= cost.mean()
    a, b = np.full(7, 1 / 7), np.full(5, 1 / 5)
    expected = ot.sinkhorn(a, b, cost, epsilon, method="sinkhorn_log", numItermax=5000)
    found = plan(torch.from_numpy(cost), epsilon, 5000)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-7)


def test_the_divergence_is_zero_for_equal_clouds_and_pulls_others_together():
    one = torch.randn(12, 4, generator=torch.Generator().manual_seed(0))
    assert abs(float(divergence(one, one))) < 1e-6
    other = (one + 2.0).requires_grad_(True)
    before = divergence(one, other)
    before.backward()
    assert other.grad is not None
    after = divergence(one, (other - 5.0 * other.grad).detach())
    assert 0 < float(after) < float(before.detach())
    # all points moved by c: the cost of transport is c squared, here over the mean distance
    far = one + 50.0
    assert float(divergence(one, far)) == pytest.approx(1.0, abs=0.01)


def test_codes_of_a_linear_encoder_keep_beer_and_lambert():
    one, other = (torch.randn(6, 40, dtype=torch.float64) for _ in range(2))
    one, other = ((x - x.mean(1, keepdim=True)) for x in (one, other))
    one, other = (x / x.square().mean(1, keepdim=True).sqrt() for x in (one, other))
    share = torch.linspace(0.1, 0.9, 6, dtype=torch.float64)
    mixed = share[:, None] * one + (1 - share[:, None]) * other
    spread = mixed.square().mean(1).sqrt()
    weight = torch.randn(40, 5, dtype=torch.float64)
    codes = [x @ weight for x in (mixed / spread[:, None], one, other)]
    assert float(physics.linearity(*codes, share, spread)) < 1e-20
    bent = [code + 0.3 * code.square() for code in codes]
    assert float(physics.linearity(*bent, share, spread)) > 1e-3


def test_a_straight_baseline_is_smooth_and_an_alternating_one_is_not():
    clean, line = torch.randn(2, 30), torch.linspace(0, 1, 30).expand(2, -1)
    assert float(physics.smoothness(clean + line, clean)) < 1e-8
    turns = torch.tensor([1.0, -1.0]).repeat(15).expand(2, -1)
    assert float(physics.smoothness(clean + turns, clean)) == pytest.approx(4.0, rel=1e-4)


def test_curvature_counts_only_beyond_the_sharpest_of_the_spectrum():
    clean = torch.tensor([[0.0, 0.0, 1.0, 0.0, 0.0]])  # second differences 1, -2, 1
    assert float(physics.curvature(clean, clean)) == 0
    assert float(physics.curvature(0.9 * clean, clean)) == 0
    assert float(physics.curvature(2 * clean, clean)) == pytest.approx(2 / 3)  # (0 + 2 + 0) / 3


def test_only_raw_absorbance_is_asked_not_to_be_negative():
    drawn = torch.tensor([[-1.0, 0.0, 1.0], [-9.0, -9.0, -9.0]])
    zero = torch.tensor([-0.5, 0.0])
    found = physics.negativity(drawn, zero, torch.tensor([True, False]))
    assert float(found) == pytest.approx(0.5 / 3)  # one point, 0.5 below, of three
    assert float(physics.negativity(drawn, zero, torch.tensor([False, False]))) == 0


def traces(unit_is_absorbance=True):
    axis = np.linspace(1100, 2300, 90)
    values = [np.exp(-(((axis - 1500 - 60 * k) / 80) ** 2)) + 0.1 for k in range(6)]
    values[5] = values[5] - 0.5  # below zero: no raw absorbance
    return Traces(
        tuple(
            Trace(v, axis if k else axis + 5, "nm", 0, f"{k}", f"{k}", unit_is_absorbance)
            for k, v in enumerate(values)
        )
    )


def test_a_spectrum_is_mixed_with_one_of_its_own_axis():
    how = Augmentation(least=0.4, mixtures=True)
    rows = np.arange(6)
    found = views_of(traces(), rows, SMALL, how, np.random.default_rng(0))
    assert found.mated.tolist() == [False] + [True] * 5  # none shares the axis of the first
    assert found.absorbing.tolist()[:5] == [True] * 5
    raw = found.clean - found.zero[:, None]  # times the spread: what was measured
    assert float(raw[:5].min()) > 0
    none = views_of(traces(False), rows, SMALL, how, np.random.default_rng(0))
    assert not none.mated.any()
    assert not none.absorbing.any()
    plain = views_of(traces(), rows, SMALL, replace(how, mixtures=False), np.random.default_rng(0))
    assert not plain.mated.any()
    torch.testing.assert_close(plain.clean, found.clean)


def test_a_shared_instrument_shows_the_same_spectrum_in_the_same_way():
    values = np.sin(np.linspace(0, 12, 100))[None].repeat(3, 0)
    seen = seen_by_instruments(values, np.random.default_rng(0), shared=True)
    assert np.abs(seen - seen[0]).max() < 0.3  # noise alone: at most 3 % of a deviation
    assert np.abs(seen - values).max() > 0


TERMS = ("transport", "linearity", "smoothness", "curvature", "negativity")


@pytest.mark.parametrize("term", TERMS)
def test_each_term_alone_falls_when_it_is_learned(term):
    torch.manual_seed(0)
    model = SpectralModel(replace(SMALL, variational=False))
    how = Augmentation(least=1.0, shared=True, mixtures=True)
    batch = views_of(traces(), np.arange(6), SMALL, how, np.random.default_rng(0))
    off = dict.fromkeys(("masked", "invariance", "denoise", "bottleneck", "balance"), 0.0)
    weights = Weights(**off, **{term: 1.0})
    if term == "negativity":  # a model that draws nothing is above zero: begin below
        torch.nn.init.constant_(model.clean.outward.bias, -5.0)
    if term == "curvature":
        model.clean.outward.weight.data *= 50.0
    if term == "transport":  # two instruments that differ: else there is hardly anything to learn
        batch.seen[1] += 2.0 * torch.linspace(-1, 1, 64)
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(25):
        loss, parts = pretraining(model, batch, weights)
        assert set(parts) == {term}
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0], losses


def test_cosines_are_those_of_scipy():
    x = RNG.normal(size=(32,))
    basis = cosines(32, 10, torch.zeros(1, dtype=torch.float64)).numpy()
    np.testing.assert_allclose(basis @ x, dct(x, norm="ortho")[:10], atol=1e-12)


def test_the_fourier_operator_gives_the_same_curve_at_every_resolution():
    torch.manual_seed(0)
    operator = FourierOperator(8, 6)

    def curve(tokens):
        place = (torch.arange(tokens) + 0.5) / tokens
        waves = [torch.cos(k * torch.pi * place) for k in range(8)]
        return operator(torch.stack(waves, 1)[None])[0].detach()

    fine, coarse = curve(96), curve(32)
    # LayerNorm is taken token by token, so that curves are the same where places are
    middle = fine[1::3]
    torch.testing.assert_close(middle, coarse, atol=2e-2, rtol=0)


def test_a_model_with_the_operator_is_learned_from_the_command_line(tiny, corpus, tmp_path):
    every = [f"{term}=0.1" for term in TERMS]
    result = tiny("pretrain", tmp_path / "r", "steps=3", "waves=4", *every, inputs=[corpus])
    assert result.exit_code == 0, result.stderr
