"""How the answers of teachers become targets."""

from contextlib import contextmanager

import numpy as np
import pytest

from spectrakit.search.molecular_fingerprints import N_BITS, fingerprints
from spectrakit.train.distillation.molecules import fit_directions
from spectrakit.train.distillation.teachers import ask, layer_norm


@contextmanager
def progress(label, total, unit):
    yield lambda n: None


class Known:
    """A teacher with given answers, by the name of the spectrum."""

    digest = "sha256:0"

    def __init__(self, name, gives, features, bits):
        self.name, self.gives, self._features, self._bits = name, gives, features, bits

    def features(self, spectra):
        return np.stack([self._features[s.native_id] for s in spectra])

    def bits(self, spectra):
        return np.stack([self._bits[s.native_id] for s in spectra])


@pytest.fixture
def asked(spectra):
    some = spectra[:40:2]
    truth = fingerprints([s.molecule.smiles for s in some])[0]
    random = np.random.default_rng(0)
    prior = np.asarray(truth.mean(axis=0)).ravel()
    columns = np.argsort(-prior * (1 - prior))[:10]

    def answers(offset):
        return {
            s.native_id: random.uniform(0.2, 0.8, N_BITS).astype(np.float32) - offset for s in some
        }

    features = {s.native_id: random.normal(size=4).astype(np.float32) for s in some}
    one = Known("one", "probability", features, answers(0))
    two = Known("two", "surplus", {k: 5 * v + 2 for k, v in features.items()}, answers(prior))
    return some, truth, columns, prior, one, two


def run(asked, teachers, **which):
    some, truth, columns, *_ = asked
    which = {"with_features": True, "with_bits": True, **which}
    return ask(teachers, some, truth, columns, fit_directions(truth, 6), progress, **which)


def test_probabilities_of_teachers_are_averaged(asked):
    some, truth, columns, prior, one, two = asked
    found = run(asked, [one, two])
    surplus = (one.bits(some) - prior + two.bits(some)) / 2
    np.testing.assert_allclose(found.bits, (surplus + prior)[:, columns], atol=2e-3)
    for number, direction in enumerate(fit_directions(truth, 6)):
        expected = surplus[:, direction.columns] @ direction.vectors
        np.testing.assert_allclose(found.aim[:, number], expected, atol=1e-4)
    assert found.known.all()


def test_features_stand_side_by_side_and_scale_does_not_matter(asked):
    found = run(asked, asked[-2:], with_bits=False)
    assert found.feature.shape == (20, 8)
    np.testing.assert_allclose(found.feature[:, :4], found.feature[:, 4:], atol=1e-5)
    np.testing.assert_allclose(found.feature.std(axis=1), 1, atol=1e-4)
    assert found.bits.shape == (20, 0)


def test_no_teacher_gives_empty_answers(asked):
    found = run(asked, [])
    assert found.feature.shape == (20, 0)
    assert found.bits.shape == (20, 0)
    assert found.known.all()


def test_spectra_without_an_answer_are_marked(asked):
    some, *_, one, two = asked
    two._bits[some[3].native_id][:] = np.nan
    two._features[some[5].native_id][:] = np.nan
    found = run(asked, [one, two])
    assert np.flatnonzero(found.known == 0).tolist() == [3, 5]
    assert np.isfinite(found.bits).all()
    assert np.isfinite(found.aim).all()
    assert np.isfinite(found.feature).all()


def test_layer_norm_is_that_of_torch():
    import torch

    features = np.random.default_rng(0).normal(2, 3, (5, 9)).astype(np.float32)
    expected = torch.nn.functional.layer_norm(torch.from_numpy(features), (9,), eps=0.0)
    np.testing.assert_allclose(layer_norm(features)[0], expected.numpy(), atol=1e-5)
