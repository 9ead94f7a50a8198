"""What students must not depend on, and the bag against the kernel plugin's own features."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from spectrakit.spectrum import Axis
from spectrakit.train.distillation.bins import count_bins, vocabulary
from spectrakit.train.distillation.options import KINDS
from spectrakit.train.distillation.students import Config, Student
from spectrakit.train.distillation.views import peaks_of


class Batch:
    def __init__(self, arrays):
        vars(self).update(arrays)


def student_of(which, spectra, width=8):
    torch.manual_seed(0)
    batch = Batch(peaks_of(spectra))
    found = {
        k: vocabulary(count_bins(k, [batch]), k, width=width, min_rows=2, seed=0) for k in KINDS
    }
    rows = {kind: len(one.vectors) - 1 for kind, one in found.items()}
    student = Student(Config(which, rows, width, 32, 1, 16, 2, 0.1, 3, 5))
    student.start_from(found)
    return student.eval()


@pytest.fixture(params=["bag", "transformer", "wide"])
def student(request, spectra):
    return student_of(request.param, spectra)


def answer(student, arrays):
    with torch.no_grad():
        return student(**arrays)


def test_order_of_peaks_and_padding_do_not_matter(student, spectra):
    arrays = peaks_of(spectra[:6])
    expected = answer(student, arrays)
    assert expected.shape == (6, 3, 5)
    assert float((expected[0] - expected[2]).abs().max()) > 1e-3
    order = torch.tensor([2, 0, 3, 1])
    turned = {k: v[:, order] if k != "precursor" else v for k, v in arrays.items()}
    torch.testing.assert_close(answer(student, turned), expected, atol=1e-5, rtol=1e-4)
    longer = {
        k: torch.nn.functional.pad(v, (0, 40)) if k != "precursor" else v
        for k, v in arrays.items()
    }  # fmt: skip
    longer["mz"][:, 4:] = 333.0  # what stands behind the mask is not looked at
    longer["intensity"][:, 4:] = 5.0
    torch.testing.assert_close(answer(student, longer), expected, atol=1e-5, rtol=1e-4)


def test_missing_precursor_and_empty_spectrum_have_an_answer(student, spectra):
    arrays = peaks_of(spectra[:3])
    arrays["precursor"][0] = float("nan")
    arrays["mask"][1] = False
    found = answer(student, arrays)
    assert torch.isfinite(found).all()
    alone = answer(student, {k: v[2:] for k, v in arrays.items()})
    torch.testing.assert_close(found[2:], alone, atol=1e-5, rtol=1e-4)


def test_bags_begin_as_the_latent_vectors_of_the_kernel(spectra, monkeypatch):
    """The same merged spectra through the numpy code of the plugin, where it is at hand."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[2] / "plugins"))
    features = pytest.importorskip("spectrakit_kernelfp.features")
    own = [s for s in spectra if s.polarity == 1][:40]
    merged = [
        features.merge([features.Measurement(s.mz, s.intensity, s.precursor_mz)]) for s in own
    ]
    cleaned = [
        replace(s, axis=Axis(m.mz, "m/z"), value=m.intensity)
        for s, m in zip(own, merged, strict=True)
    ]
    arrays = peaks_of(cleaned)
    arrays["precursor"] = arrays["precursor"].double()
    student = student_of("bag", cleaned, width=40)  # as many as spectra: nothing is cut off
    for kind in KINDS:
        counted = features.counts(merged, kind)
        shown = np.flatnonzero(np.bincount(counted.indices[counted.data > 0], minlength=1))
        counts = student.bags[kind].table.numpy()
        np.testing.assert_array_equal(np.flatnonzero(counts), shown)
        normal = features.normalise(counted, features.inverse_frequency(counted, kind))
        with torch.no_grad():
            vectors = student.bags[kind](
                arrays["mz"], arrays["intensity"], arrays["mask"], arrays["precursor"][:, 0]
            ).numpy()
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        expected = (normal @ normal.T).toarray()
        np.testing.assert_allclose(vectors @ vectors.T, expected, atol=2e-3)
