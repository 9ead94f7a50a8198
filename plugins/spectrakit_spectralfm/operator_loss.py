"""What the operator is trained for: spectra and properties of samples that are no standards."""

from collections.abc import Callable
from typing import Any

import torch

from spectrakit_spectralfm.operator import Beliefs, Operator, Posterior, Seen, derived, part
from spectrakit_spectralfm.operator_tasks import ASKED, Task, TaskBatch

Numbers = dict[str, torch.Tensor]
_TINY = 1e-9


def seen_of(operator: Operator, task: Task) -> tuple[Seen, torch.Tensor]:
    """Return the source behind the task's preprocessing, and (n, p) target less source."""
    features = operator.features(task.source, task.place)
    derivative = int(task.kind[0])
    spectra, difference = task.source, task.target - task.source
    if derivative:
        features, spectra, difference = (
            derived(one, derivative) for one in (features, spectra, difference)
        )
    return Seen(features, spectra, task.kind), difference


def unknown_spectra(found: Posterior, said: Beliefs, asked: Seen, truth: torch.Tensor) -> Any:
    """Return the mean negative log likelihood of (m, p) spectra of samples that are no standards.

    Channels are taken as independent; constants are left out, and the scale of the set too.
    """
    error = truth - found.shown(asked)
    around = asked.features - found.centre[:, None]
    known = torch.einsum("jr,jnp->rnp", found.root, around).square().sum(0)
    variance = known + said.noise + _TINY
    level = (truth - asked.spectra).square().mean() + _TINY
    return 0.5 * (error.square() / variance + (variance / level).log()).mean()


def weighed(spectra: torch.Tensor, spread: torch.Tensor, trust: torch.Tensor) -> torch.Tensor:
    """Return (n, p) spectra times ``(1 + trust * spread spread' / variance)^-1``.

    ``variance`` is the mean of the spectra's own, so that trust has no unit.
    """
    own = (spectra - spectra.mean(0)).square().mean() + _TINY
    eye = torch.eye(len(spread), dtype=spread.dtype)
    return torch.linalg.solve(eye + (trust / own) * (spread @ spread.T), spectra.T).T


def properties(
    found: Posterior, said: Beliefs, source: Seen, label: torch.Tensor, target: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return (m,) predicted properties of target spectra, and two parts of their variance.

    The regression is on source samples as the target is expected to show them, in the metric of
    what is left unknown. Parts: of the instrument, (1,), and of what the fit leaves over, (1,).
    """
    rows, spread = found.shown(source), found.spread(source)
    centre, mean = rows.mean(0), label.mean()
    around = rows - centre
    light = weighed(around, spread, said.trust)
    gram = around @ light.T
    gram = (gram + gram.T) / 2
    ridge = said.penalty * gram.diagonal().mean() + _TINY
    eye = torch.eye(len(gram), dtype=gram.dtype)
    inverse = torch.linalg.inv(gram + ridge * eye)
    dual = inverse @ (label - mean)
    slope = light.T @ dual
    value = (target - centre) @ slope + mean
    left_out = dual / inverse.diagonal()
    return value, (slope @ spread).square().sum()[None], left_out.square().mean()[None]


def of_task(operator: Operator, task: Task) -> Numbers:
    """Return the parts of the loss of one task."""
    seen, difference = seen_of(operator, task)
    n = len(task.source)
    held = torch.arange(n - ASKED, n)
    standards, learned = torch.arange(task.standards), torch.arange(n - ASKED)
    some = part(seen, standards)
    said = operator.beliefs(some, difference[standards])
    found = operator.posterior(some, difference[standards], said)
    asked = part(seen, held)
    target = seen.spectra[held] + difference[held]
    spectra = unknown_spectra(found, said, asked, target)
    own = part(seen, learned)
    value, unknown, rest = properties(found, said, own, task.label[learned], target)
    variance = operator.of_spread.exp() * unknown + operator.of_rest.exp() * rest + 1e-4
    error = (task.label[held] - value).square()
    return {
        "spectra": spectra,
        "property": 0.5 * (error / variance + variance.log()).clamp(max=50).mean(),
        "property_error": (error.mean() + 1e-3).log() / 2,
    }


def loss_of(label: float) -> Callable[[Operator, TaskBatch], tuple[Any, Numbers]]:
    """Return the loss; ``label`` weighs the property against the spectra."""

    def loss(operator: Operator, batch: TaskBatch) -> tuple[Any, Numbers]:
        parts = [of_task(operator, task) for task in batch.tasks]
        means = {name: torch.stack([one[name] for one in parts]).mean() for name in parts[0]}
        total = means["spectra"] + label * (means["property"] + means["property_error"])
        return total, {name: value.detach() for name, value in means.items()}

    return loss
