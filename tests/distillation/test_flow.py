"""The conditional flow against autograd's Jacobian, its own inverse and the normal density."""

import math

import pytest
import torch

from spectrakit.train.distillation.flow import ConditionalFlow


def flow_of(size, couplings=8, bend=0.3):
    """A flow whose networks do something: they begin as the identity."""
    torch.manual_seed(0)
    flow = ConditionalFlow(size, 5, width=16, couplings=couplings).double()
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.add_(bend * torch.randn_like(parameter))
    return flow


@pytest.mark.parametrize("size", [2, 7, 8])
def test_flow_is_undone_by_its_inverse(size):
    flow = flow_of(size)
    x, c = torch.randn(6, size).double(), torch.randn(6, 5).double()
    z, _ = flow(x, c)
    assert (z - x).abs().max() > 0.1
    torch.testing.assert_close(flow.inverse(z, c), x)


@pytest.mark.parametrize("size", [2, 7, 8])
def test_log_determinant_is_that_of_the_jacobian(size):
    flow = flow_of(size)
    x, c = torch.randn(4, size).double(), torch.randn(4, 5).double()
    _, found = flow(x, c)
    for row in range(4):
        jacobian = torch.autograd.functional.jacobian(
            lambda one, row=row: flow(one.unsqueeze(0), c[row : row + 1])[0][0], x[row]
        )
        torch.testing.assert_close(found[row], torch.linalg.slogdet(jacobian)[1])
        assert (jacobian.abs().sum(0) > 0).all()  # the halves take turns: all is transformed
        assert not torch.allclose(jacobian, torch.diag(jacobian.diag()))


def test_untrained_flow_is_the_normal_density():
    flow = ConditionalFlow(6, 5, width=16)
    x = torch.randn(10, 6)
    expected = -torch.distributions.Normal(0.0, 1.0).log_prob(x).mean(1)
    torch.testing.assert_close(flow.nll(x, torch.randn(10, 5)), expected)


def test_density_integrates_to_one():
    """On a grid in two dimensions, for a flow that bends."""
    flow = flow_of(2, couplings=4, bend=0.1)
    edge, step = 15.0, 0.05
    line = torch.arange(-edge, edge, step).double()
    grid = torch.cartesian_prod(line, line)
    with torch.no_grad():
        log_density = -2 * flow.nll(grid, torch.ones(1, 5).double().expand(len(grid), 5))
    assert float(log_density.exp().sum()) * step**2 == pytest.approx(1.0, abs=0.01)


def test_flow_learns_what_no_normal_density_can_say():
    """A parabola around the condition: the loss falls to the entropy, and no lower."""
    torch.manual_seed(0)
    flow = ConditionalFlow(2, 1, width=32, couplings=4)
    optimiser = torch.optim.Adam(flow.parameters(), 5e-3)
    seen = []
    for _ in range(400):
        c = torch.randn(128, 1)
        first = c + 0.5 * torch.randn(128, 1)
        second = (first - c).square() * 4 + 0.1 * torch.randn(128, 1)
        loss = flow.nll(torch.cat([first, second], 1), c).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        seen.append(loss.item())
    one = 0.5 * math.log(2 * math.pi * math.e)
    entropy = one + 0.5 * math.log(0.5 * 0.1)
    normal = one + 0.5 * math.log(0.5 * math.sqrt(2.01))
    found = sum(seen[-50:]) / 50
    assert entropy - 0.05 < found < normal - 0.2
