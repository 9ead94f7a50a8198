"""Which spectra become one, what a batch draws, and precursors that are not what they say."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from spectrakit.chemistry import known_adduct
from spectrakit.errors import MismatchError
from spectrakit.search.known_mass import neutral_mass, precursor_of
from spectrakit.spectrum import Axis
from spectrakit.train.distillation.batches import Targets, ViewBatches
from spectrakit.train.distillation.teachers import Answers
from spectrakit.train.distillation.views import gather, join


def test_spectra_of_one_precursor_are_joined_each_at_sum_one(spectra):
    one = replace(spectra[0], axis=Axis(np.array([100.0, 110.0]), "m/z"), value=np.array([3.0, 1]))
    other = replace(one, axis=Axis(np.array([100.003, 120.0]), "m/z"), value=np.array([500.0, 500]))
    (joined,) = join([one, other], 128)
    np.testing.assert_allclose(joined.intensity, [(0.75 + 0.5) / 2, 0.125, 0.25])
    near = (0.75 * 100 + 0.5 * 100.003) / 1.25
    np.testing.assert_allclose(joined.mz, [near, 110.0, 120.0])
    assert len(join([one, replace(other, polarity=-1)], 128)) == 2
    assert len(join([one, replace(other, precursor_mz=500.0)], 128)) == 2


def test_joining_one_spectrum_again_changes_nothing(spectra):
    once = join(spectra[:1], 128)
    again = join(once, 128)
    np.testing.assert_array_equal(once[0].mz, again[0].mz)
    np.testing.assert_allclose(once[0].intensity, again[0].intensity, rtol=1e-12)


def test_groups_show_the_joined_view_first_and_some_spectra_alone(spectra):
    same = [replace(spectra[0], native_id=f"copy {k}") for k in range(5)]
    views = gather(
        [*same, spectra[2], replace(spectra[4], polarity=0), replace(spectra[6], ms_level=1)],
        max_peaks=128,
        alone=2,
    )
    assert sorted(np.diff(views.first).tolist()) == [1, 3]
    assert len(views.smiles) == 2
    assert [len(s) for s in views.spectra] == [4, 4, 4, 4]


def test_precursor_that_is_nominal_is_that_of_the_molecule(spectra):
    smiles = "c1ccccc1CCN"
    exact = known_adduct("[M+H]+").mz(neutral_mass(smiles))
    for stated in (122.0, float("nan"), exact * (1 + 30e-6)):
        one = replace(spectra[0], adduct="[M+H]+", precursor_mz=stated)
        assert precursor_of(one, neutral_mass(smiles)) == exact
    near = exact * (1 + 10e-6)
    one = replace(spectra[0], adduct="[M+H]+", precursor_mz=near)
    assert precursor_of(one, neutral_mass(smiles)) == near
    assert precursor_of(replace(one, adduct="[M+?]+", precursor_mz=9.0), 8.0) == 9.0


@pytest.fixture
def batches(spectra):
    import scipy.sparse as sp

    many = [replace(s, native_id=f"{s.native_id} {k}") for s in spectra for k in range(3)]
    views = gather(many, max_peaks=128, alone=3)
    n, m = len(views), len(views.smiles)
    numbers = np.arange(n, dtype=np.float32)
    answers = Answers(
        numbers[:, None], np.zeros((n, 2), np.float16), np.zeros((n, 1, 1), np.float32),
        np.ones(n, np.float32),
    )  # fmt: skip
    truth = sp.csr_matrix(np.eye(m, dtype=np.float32))
    return ViewBatches(views, Targets(truth, np.zeros((m, 1, 1), "f4"), answers), batch=32, seed=5)


def test_batches_are_a_function_of_their_position(batches):
    one, again, other = batches(3), batches(3), batches(4)
    torch.testing.assert_close(one.mz, again.mz, rtol=0, atol=0)
    torch.testing.assert_close(one.feature, again.feature, rtol=0, atol=0)
    assert not torch.equal(one.feature, other.feature)


def test_each_row_of_a_batch_has_its_own_truth_and_answers(batches):
    views = batches.views
    share = []
    for position in range(20):
        batch = batches(position)
        _, rows = batches.rows(position)
        assert batch.feature[:, 0].tolist() == rows.tolist()
        molecule = views.molecule_of_view[rows]
        assert batch.truth.argmax(1).tolist() == molecule.tolist()
        share.append(np.isin(rows, views.joined).mean())
        names = batches.names(position)
        assert names == [views.spectra[row].native_id for row in rows]
    assert 0.4 < np.mean(share) < 0.6


def test_an_epoch_shows_every_group_once(batches):
    groups = np.concatenate(
        [batches.rows(k)[0] for k in range(batches.order.steps_per_epoch)]
    )  # fmt: skip
    assert len(set(groups.tolist())) == len(groups)


def test_no_usable_spectrum_is_said(spectra, batches):
    views = gather([replace(spectra[0], polarity=0)], max_peaks=128, alone=1)
    with pytest.raises(MismatchError, match="no spectrum to learn from"):
        ViewBatches(views, batches.targets, batch=4)
