"""Each loss against a closed form."""

import numpy as np
import pytest
import torch

from spectrakit.train.distillation import losses

PRIOR = torch.tensor([0.1, 0.3, 0.5])


def test_divergence_of_equal_bits_is_zero():
    teacher = torch.rand(5, 3) * 0.9 + 0.05
    for temperature in (0.5, 1.0, 4.0):
        found = losses.kl_loss(torch.logit(teacher), teacher, PRIOR, temperature)
        torch.testing.assert_close(found, torch.zeros(5), atol=1e-5, rtol=0)


def test_divergence_is_that_of_bernoulli_variables():
    """By torch.distributions; at temperature 1 the prior's entropy is the only factor."""
    teacher, logits = torch.rand(4, 3) * 0.9 + 0.05, torch.randn(4, 3)
    one = torch.distributions.Bernoulli
    between = torch.distributions.kl_divergence(one(teacher), one(logits=logits)).sum(1)
    entropy = one(PRIOR).entropy().sum()
    torch.testing.assert_close(losses.kl_loss(logits, teacher, PRIOR, 1.0), between / entropy)


def test_gradient_keeps_its_size_when_the_temperature_rises():
    """Hinton et al. 2015: at high T the gradient tends to (z_S - z_T) / 4 for a bit, T^2 apart."""
    teacher, logits = torch.tensor([[0.9, 0.2, 0.5]]), torch.tensor([[0.3, -0.2, 1.0]])
    logits.requires_grad_()
    losses.kl_loss(logits, teacher, PRIOR, 500.0).sum().backward()
    entropy = torch.distributions.Bernoulli(PRIOR).entropy().sum()
    expected = (logits.detach() - torch.logit(teacher)) / 4 / entropy
    torch.testing.assert_close(logits.grad, expected, rtol=1e-2, atol=1e-3)


def test_variational_loss_is_the_normal_density():
    guess, feature, log_variance = torch.randn(4, 6), torch.randn(4, 6), torch.randn(6)
    normal = torch.distributions.Normal(guess, (0.5 * log_variance).exp())
    found = losses.vid_loss(guess, feature, log_variance)
    torch.testing.assert_close(found, -normal.log_prob(feature).mean(1))


def test_variational_loss_of_unit_variance_is_half_the_hint():
    guess, feature = torch.randn(4, 6), torch.randn(4, 6)
    found = losses.vid_loss(guess, feature, torch.zeros(6)) - 0.5 * np.log(2 * np.pi)
    torch.testing.assert_close(found, losses.hint_loss(guess, feature) / 2)


def test_prior_costs_one_and_the_truth_nothing():
    """In the mean over molecules that have the bits as often as the prior says."""
    truth = torch.tensor(np.random.default_rng(0).random((20_000, 3)) < PRIOR.numpy()).float()
    at_prior = losses.bits_loss(torch.logit(PRIOR).expand(20_000, 3), truth, PRIOR)
    assert float(at_prior.mean()) == pytest.approx(1.0, abs=0.01)
    assert float(losses.bits_loss(100 * (2 * truth - 1), truth, PRIOR).max()) < 1e-6


def test_direction_matters_and_length_does_not():
    aim = torch.randn(3, 2, 5)
    scaled = aim * torch.tensor([0.1, 7.0]).view(1, 2, 1)
    torch.testing.assert_close(losses.cosine_loss(scaled, aim), torch.zeros(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(losses.cosine_loss(-aim, aim), torch.full((3,), 2.0))


def test_rows_without_an_answer_do_not_count():
    values, weight = torch.tensor([1.0, 100.0, 3.0]), torch.tensor([1.0, 0.0, 1.0])
    assert float(losses.mean_over(values, weight)) == 2.0
    assert float(losses.mean_over(values, torch.zeros(3))) == 0.0
