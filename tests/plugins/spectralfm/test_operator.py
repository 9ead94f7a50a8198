"""The operator between instruments: its closed form, what it recovers, and `transfer fit` with it.

Oracles: Gaussian conditioning of all standards at once for the posterior, numpy for derivatives
and graphs, the warp and gain that made a second instrument for what it recovers.
"""

import json

import numpy as np
import pytest
import torch

from spectrakit.plugin import TransferJob
from spectrakit.run import Run
from spectrakit.spectrum import Axis, Modality, Spectrum
from spectrakit.store import StoreWriter
from spectrakit.transfer.bases import PREPROCESSINGS, derivative_matrix
from spectrakit.transfer.standard_samples import Standards

AXIS = np.linspace(1100.0, 2300.0, 121)
SMALL = ("stage=operator", "steps=12", "tasks=2")


@pytest.fixture
def operator():
    """An untrained operator, the same each time."""
    from spectrakit_spectralfm.operator import Operator, OperatorConfig

    torch.manual_seed(0)
    return Operator(OperatorConfig(filters=1, taps=5, waves=3, width=8)).double()


def spectra_of(n, rng, *, shift=0.0, gain=1.0, amounts=None):
    """(n, 121) NIR-like spectra: three bands; amounts (n, 3)."""
    amounts = rng.uniform(0.2, 1.0, (n, 3)) if amounts is None else amounts
    bands = np.exp(-0.5 * ((AXIS[:, None] - shift - np.array([1400.0, 1700.0, 2050.0])) / 60) ** 2)
    return gain * (0.3 + amounts @ bands.T), amounts


def test_waves_and_derivatives_are_those_of_numpy(operator):
    from spectrakit_spectralfm.operator import derived, waves_of

    place = np.linspace(0, 1, 40)
    found = waves_of(torch.from_numpy(place), 5).numpy()
    known = [np.ones(40), *(np.cos(np.pi * m * place) for m in (1, 2)),
             *(np.sin(np.pi * m * place) for m in (1, 2))]  # fmt: skip
    np.testing.assert_allclose(found, known, atol=1e-12)
    rows = np.random.default_rng(0).normal(size=(2, 3, 65))
    for derivative in (1, 2):
        own = derived(torch.from_numpy(rows), derivative).numpy()
        np.testing.assert_allclose(own, rows @ derivative_matrix(65, derivative), atol=1e-12)


def test_the_posterior_is_that_of_gaussian_conditioning(operator):
    """Standards one after another in closed form, and all at once with their covariance."""
    from spectrakit_spectralfm.operator import Beliefs, Seen

    rng = np.random.default_rng(1)
    values = torch.from_numpy(rng.normal(size=(5, 30)))
    place = torch.linspace(0, 1, 30, dtype=torch.float64)
    seen = Seen(operator.features(values, place), values, torch.zeros(2))
    j = operator.config.features
    difference = rng.normal(size=(5, 30))
    scale = rng.uniform(0.5, 2, j)
    noise, offset = 0.3, 0.7
    said = Beliefs(*(torch.tensor(one) for one in (scale, noise, offset, 1.0, 1.0)))
    with torch.no_grad():
        found = operator.posterior(seen, torch.from_numpy(difference), said)
    root = scale[:, None] * operator.root.detach().numpy()
    prior = root @ root.T
    design = seen.features.detach().numpy().reshape(j, -1).T  # rows: standards, then channels
    shared = np.kron(np.ones((5, 5)), np.eye(30))
    cover = design @ prior @ design.T + noise * np.eye(150) + offset * shared
    gain = prior @ design.T @ np.linalg.inv(cover)
    np.testing.assert_allclose(found.mean.numpy(), gain @ difference.ravel(), rtol=1e-6, atol=1e-9)
    spread = (found.root @ found.root.T).numpy()
    np.testing.assert_allclose(spread, prior - gain @ design @ prior, rtol=1e-5, atol=1e-9)


def test_the_operator_recovers_a_warp_and_a_gain_from_a_few_standards(operator):
    """Samples that are no standards come out far nearer than by the mean difference."""
    from spectrakit_spectralfm.operator import Beliefs, Seen, part

    rng = np.random.default_rng(2)
    source, amounts = spectra_of(30, rng)
    target, _ = spectra_of(30, rng, shift=4.0, gain=1.06, amounts=amounts)  # 0.4 channels
    source, target = torch.from_numpy(source), torch.from_numpy(target)
    place = torch.linspace(0, 1, 121, dtype=torch.float64)
    seen = Seen(operator.features(source, place), source, torch.zeros(2))
    wide = Beliefs(*(torch.tensor(v) for v in (np.full(operator.config.features, 3.0), 1e-6, 1e-4,
                                               1.0, 1.0)))  # fmt: skip
    few = torch.arange(6)
    with torch.no_grad():
        found = operator.posterior(part(seen, few), (target - source)[few], wide)
        shown = found.shown(seen)
    error = (shown - target)[6:].square().mean().sqrt()
    plain = (source + found.shift - target)[6:].square().mean().sqrt()
    assert error < 0.1 * plain


def test_more_standards_leave_less_unknown(operator):
    from spectrakit_spectralfm.operator_applied import Applied

    rng = np.random.default_rng(3)
    source, amounts = spectra_of(30, rng)
    target, _ = spectra_of(30, rng, shift=4.0, gain=1.06, amounts=amounts)
    twins = np.arange(20)
    for how in (PREPROCESSINGS[0], PREPROCESSINGS[4]):
        at = Applied(operator, source, target[twins], twins, how, np.linspace(0, 1, 121))
        few, many = (at.learn(np.arange(n), (1.0,), (1.0,))[0] for n in (3, 20))
        assert many.sizes.sum() < few.sizes.sum()
        at_mean = few.shown[twins[:3]].mean(0)  # of the standards: exact by construction
        np.testing.assert_allclose(at_mean, how(target)[:3].mean(0), atol=1e-8)


def test_the_metric_shrinks_along_its_axes_and_pulls_back():
    from spectrakit_spectralfm.operator_applied import Metric

    rng = np.random.default_rng(4)
    axes = np.linalg.qr(rng.normal(size=(20, 3)))[0]
    metric = Metric(axes, np.array([-0.9, -0.5, 0.0]))
    whole = np.eye(20) + (axes * metric.less) @ axes.T
    rows, slope = rng.normal(size=(5, 20)), rng.normal(size=(20, 2))
    np.testing.assert_allclose(metric(rows), rows @ whole, atol=1e-12)
    pulled, _ = metric.pull(slope, np.zeros(2))
    np.testing.assert_allclose(rows @ pulled, metric(rows) @ slope, atol=1e-12)


def pair_of(seed, n=40, standards=6):
    rng = np.random.default_rng(seed)
    source, amounts = spectra_of(n, rng)
    target, _ = spectra_of(n, rng, shift=4.0, gain=1.06, amounts=amounts)
    source = source + 1e-3 * rng.normal(size=source.shape)
    target = target + 1e-3 * rng.normal(size=target.shape)
    known = np.column_stack([10 * amounts[:, 1], 5 + amounts[:, 0]])
    twins = np.arange(standards)
    told = Standards(source[:30], known[:30], target[twins], twins, known[twins], twins, True)
    return told, target[30:], known[30:]


def test_in_context_it_predicts_properties_with_an_uncertainty(operator):
    """Untrained, but in closed form: nothing is chosen, and more standards leave less unknown."""
    from spectrakit_spectralfm.direct import in_context

    place = np.linspace(0, 1, 121)
    widths = []
    for standards in (3, 12):
        data, asked, known = pair_of(5, standards=standards)
        found = in_context(operator, data, place)
        error = found.calibration.predict(asked) - known
        assert (np.sqrt((error**2).mean(0)) < 0.5 * known.std(0)).all()
        assert (found.sd > 0).all()
        widths.append(found.instrument_sd)
    assert (widths[1] < widths[0]).all()


def write_pair(folder, shift=4.0, gain=1.06, unit="nm", axis=AXIS, modality=Modality.NIR):
    """Two stores of 40 samples on two instruments, every fourth a test sample."""
    rng = np.random.default_rng(6)
    amounts = rng.uniform(0.2, 1.0, (40, 3))
    for name, how in (("old", {}), ("new", {"shift": shift, "gain": gain})):
        values, _ = spectra_of(40, rng, amounts=amounts, **how)
        values = values + 1e-3 * rng.normal(size=values.shape)
        with StoreWriter(folder / f"{name}.h5", compression="none") as writer:
            for k, row in enumerate(values):
                writer.add_sample(f"s{k}", split="test" if k % 4 == 0 else "train")
                writer.add_target(f"s{k}", "moisture", float(10 * amounts[k, 1]), "%")
                row = row.astype(np.float32)
                writer.add(
                    Spectrum(
                        modality, Axis(axis, unit), row, is_trace=True, native_id=f"s{k}",
                        sample=f"s{k}", value_unit="absorbance",
                    )
                )  # fmt: skip


@pytest.fixture
def trained(tiny, labelled, runs):
    """A run of the operator on spectra of one axis."""
    if not (runs / "operator").exists():
        result = tiny("pretrain", runs / "operator", *SMALL, inputs=[labelled])
        assert result.exit_code == 0, result.stderr
    return runs / "operator"


@pytest.fixture
def transfer(cli, spectralfm, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(model, *options):
        return cli(
            "transfer", "fit", "old.h5", "new.h5", "-p", "moisture", "--standards", "6",
            "--test-where", "split=test", "--method", "spectralfm", "-m", model, "-o", "out",
            *options,
        )  # fmt: skip

    return run


def test_training_lowers_the_loss(trained):
    losses = [row["loss"] for row in Run.open(trained).metrics() if "loss" in row]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    "options",
    [(), ("-s", "how=direct"), pytest.param(("-s", "beside=true"), marks=pytest.mark.slow)],
)
def test_transfer_with_the_operator_beats_the_old_calibration(
    trained, transfer, cli, tmp_path, monkeypatch, options
):
    """On a warp and a gain; the bundle answers without the plugin, as the metrics say."""
    write_pair(tmp_path)
    done = transfer(trained, *options)
    assert done.exit_code == 0, done.stderr
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())["properties"]["moisture"]
    assert told["chosen"] == "spectralfm"
    rmsep = told["methods"]["spectralfm"]["rmsep"]
    if "how=direct" not in options:  # 12 steps make no network whose word could be believed
        assert rmsep < 0.5 * told["methods"]["none"]["rmsep"]
    monkeypatch.setenv("SPECTRAKIT_PLUGINS", "")
    answers = cli("transfer", "predict", "out", "new.h5", "--where", "split=test", "--force")
    assert answers.exit_code == 0, answers.stderr
    lines = [line.split("\t") for line in answers.stdout.splitlines()]
    at = {name: k for k, name in enumerate(lines[0])}
    rng = np.random.default_rng(6)
    amounts = rng.uniform(0.2, 1.0, (40, 3))
    error = [float(r[at["value"]]) - 10 * amounts[int(r[at["sample"]][1:]), 1] for r in lines[1:]]
    assert len(error) == 10
    assert np.sqrt(np.mean(np.square(error))) == pytest.approx(rmsep, rel=1e-3)
    assert cli("transfer", "verify", "out").exit_code == 0


@pytest.mark.parametrize(
    ("pair", "says"),
    [
        ({"axis": np.linspace(400.0, 1000.0, 121)}, "pretrained on nir spectra of"),
        ({"modality": Modality.RAMAN, "unit": "cm-1"}, "these are raman"),
    ],
)
def test_spectra_that_the_operator_does_not_know_are_refused(
    trained, transfer, tmp_path, pair, says
):
    write_pair(tmp_path, **pair)
    done = transfer(trained)
    assert done.exit_code == 4, done.stderr
    assert says in done.stderr
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_runs_of_another_stage_are_refused(pretrained, trained, transfer, tiny, tmp_path, labelled):
    write_pair(tmp_path)
    done = transfer(pretrained)
    assert done.exit_code == 4
    assert "stage=operator" in done.stderr
    adapt = tiny("adapt", tmp_path / "run", inputs=[labelled], model=trained)
    assert adapt.exit_code == 4
    assert "no encoder" in adapt.stderr


def test_spectra_on_as_many_axes_cannot_teach_it(tiny, tmp_path):
    """12 spectra on one axis are the least that a transfer can be simulated with."""
    path = tmp_path / "few.h5"
    rng = np.random.default_rng(7)
    with StoreWriter(path, compression="none") as writer:
        for k in range(8):
            writer.add_sample(f"s{k}")
            axis = Axis(AXIS + k, "nm")
            value = spectra_of(1, rng)[0][0].astype(np.float32)
            writer.add(Spectrum(Modality.NIR, axis, value, is_trace=True, native_id=f"{k}",
                                sample=f"s{k}"))  # fmt: skip
    result = tiny("pretrain", tmp_path / "run", *SMALL, inputs=[path])
    assert result.exit_code == 4
    assert "share an axis" in result.stderr


def test_two_axes_are_refused_by_the_method_itself(trained):
    from spectrakit_spectralfm.plugin import TransferOptions
    from spectrakit_spectralfm.transfer import method

    from spectrakit.errors import MismatchError

    job = TransferJob(trained, AXIS, AXIS[:60], "nm", "nir", 0)
    with pytest.raises(MismatchError, match="one axis"):
        method(job, TransferOptions())
