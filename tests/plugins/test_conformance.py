"""Every installed plugin keeps the contract of spectrakit-plugin(7); the toy always does.

What a plugin needs and this computer lacks (torch, an extra) skips the part with the reason.
"""

import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

from spectrakit.accounting import Summary
from spectrakit.bundle import Bundle
from spectrakit.bundle.inlined import check_same
from spectrakit.bundle.predict import inputs_of
from spectrakit.errors import Interrupted, MissingExtraError
from spectrakit.plugin import TransferJob
from spectrakit.registry import load_plugin, need_requirements, plugin_names
from spectrakit.run import Run
from spectrakit.spectrum import Axis, Modality, Molecule, Spectrum
from spectrakit.store import StoreWriter
from spectrakit.verbs import training
from spectrakit.verbs.training import Request, train

NAMES = ["toy", "transfertoy", *plugin_names()]
BEFORE_TRANSFER = {"spectralfm": ["stage=operator", "steps=8"]}  # of pretrain
HEAVY = {
    "numpy", "scipy", "h5py", "pyopenms", "rdkit", "lxml", "onnxruntime", "onnx", "sklearn",
    "matplotlib", "pyteomics", "nmrglue", "torch", "pandas", "rich", "transformers",
}  # fmt: skip
MOLECULES = [  # name, SMILES, InChIKey, formula, [M+H]+
    ("caffeine", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C", "RYYVLZVUVIJVGH-UHFFFAOYSA-N", "C8H10N4O2",
     195.0877),
    ("alanine", "CC(N)C(=O)O", "QNAYBMKLOCPYGJ-UHFFFAOYSA-N", "C3H7NO2", 90.0550),
    ("paracetamol", "CC(=O)Nc1ccc(O)cc1", "RZVAJINKPMORJF-UHFFFAOYSA-N", "C8H9NO2", 152.0706),
    ("nicotine", "CN1CCCC1c1cccnc1", "SNICXCGAKADSCV-UHFFFAOYSA-N", "C10H14N2", 163.1230),
    ("tyramine", "NCCc1ccc(O)cc1", "DZGWFCGJZKJUFP-UHFFFAOYSA-N", "C8H11NO", 138.0913),
    ("adenine", "Nc1ncnc2[nH]cnc12", "GFFGJBXGBJISGV-UHFFFAOYSA-N", "C5H5N5", 136.0618),
    ("lidocaine", "CCN(CC)CC(=O)Nc1c(C)cccc1C", "NNJVILVZKWQKPM-UHFFFAOYSA-N", "C14H22N2O",
     235.1805),
    ("phenol", "Oc1ccccc1", "ISWSIDIOOBJBQZ-UHFFFAOYSA-N", "C6H6O", 95.0491),
]  # fmt: skip


@pytest.fixture(params=NAMES)
def plugin(request):
    if request.param == "toy":
        request.getfixturevalue("toy")
    elif request.param == "transfertoy":
        install = request.getfixturevalue("install_plugin")
        install("transfertoy", "spectrakit_transfertoy.plugin:plugin", "spectrakit-transfertoy")
    return load_plugin(request.param)


TRACES = {"nir", "ir", "raman", "reflectance", "optical"}


@pytest.fixture
def eight(plugin, tmp_path):
    """Eight spectra of eight samples, of a kind the plugin reads; the first two are held out."""
    path = tmp_path / "eight.h5"
    rng = np.random.default_rng(0)
    kinds = [*sorted(TRACES & plugin.modalities), "msms"]
    make = peaks if "msms" in plugin.modalities else trace
    with StoreWriter(path) as writer:
        for number in range(len(MOLECULES)):
            writer.add_sample(f"s{number}", split="valid" if number < 2 else "train")
            writer.add(make(number, kinds[0], rng))
    return path


def trace(number, kind, rng):
    """Three bands on a slope."""
    axis = np.linspace(1000.0, 2200.0, 121)
    places = np.array([1200.0, 1500.0, 1900.0])
    value = (rng.uniform(0.2, 1, 3) * np.exp(-(((axis[:, None] - places) / 80) ** 2))).sum(1)
    return Spectrum(
        Modality(kind),
        Axis(axis, "cm-1"),
        (value + axis / 5e3).astype(np.float32),
        is_trace=True,
        native_id=f"t{number}",
        sample=f"s{number}",
    )


def peaks(number, kind, rng):
    """Six peaks of a small molecule."""
    name, smiles, key, formula, mz = MOLECULES[number]
    axis = np.sort(rng.uniform(40.0, mz, size=6))
    return Spectrum(
        Modality.MSMS,
        Axis(axis, "m/z"),
        rng.uniform(1, 99, 6).astype(np.float32),
        native_id=name,
        name=name,
        ms_level=2,
        polarity=1,
        precursor_mz=mz,
        charge=1,
        adduct="[M+H]+",
        collision_energy_value=30.0,
        collision_energy_unit="eV",
        instrument="QTOF",
        sample=f"s{number}",
        molecule=Molecule(name=name, smiles=smiles, inchikey=key, formula=formula),
    )


def can(plugin, verb):
    """Skip a part that this plugin has not, or that this computer cannot run."""
    if verb not in plugin.actions:
        pytest.skip(f"{plugin.name} does not {verb}")
    if verb != "pretrain" and "pretrain" in plugin.actions:
        can(plugin, "pretrain")
    if not plugin.modalities & {"msms", *TRACES}:
        pytest.skip(f"{plugin.name} reads {sorted(plugin.modalities)}: neither peaks nor traces")
    need_or_skip(plugin, verb)


def need_or_skip(plugin, verb):
    """Skip what this computer lacks the packages for."""
    try:
        need_requirements(plugin, verb)
    except MissingExtraError as error:
        pytest.skip(f"{error} {error.hint}")


def begin(plugin, verb, eight, out, *, model="", steps=None):
    names = {one.name for one in plugin.actions[verb].declared()}
    if steps is not None and "steps" not in names:
        pytest.skip(f"{verb} of {plugin.name} has no option 'steps': it is fitted at once")
    settings = [] if steps is None else [f"steps={steps}"]
    request = Request([str(eight)], str(model or plugin.name), settings, out=out, device="cpu")
    return train(verb, request, summary=Summary(verb, "test"))


def test_the_manifest_is_light_and_says_enough(plugin):
    code = (
        f"import sys; from spectrakit.registry import load_plugin; load_plugin('{plugin.name}'); "
        "print(' '.join({m.split('.')[0] for m in sys.modules}))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not set(run.stdout.split()) & HEAVY
    assert plugin.summary
    assert plugin.actions
    assert plugin.modalities <= set(Modality)


def test_every_option_has_a_help_and_a_default_that_can_be_typed(plugin):
    for action in plugin.actions.values():
        for one in action.declared():
            assert one.help, one.name
            assert one.read(one.shown(one.default)) == one.default, one.name


def test_every_target_resolves(plugin):
    for verb, action in plugin.actions.items():
        can(plugin, verb)
        assert callable(action.load())


def test_steps_lower_the_loss_on_eight_spectra(plugin, eight, tmp_path):
    can(plugin, "pretrain")
    begin(plugin, "pretrain", eight, tmp_path / "run", steps=8)
    losses = [row["loss"] for row in Run.open(tmp_path / "run").metrics() if "loss" in row]
    assert losses[-1] < losses[0]


def test_a_resumed_run_equals_an_unbroken_one(plugin, eight, tmp_path, monkeypatch):
    can(plugin, "pretrain")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    begin(plugin, "pretrain", eight, whole, steps=6)

    @contextmanager
    def after_two_steps():
        yield lambda: broken.is_dir() and len(Run.open(broken).metrics()) >= 2

    with monkeypatch.context() as patched:
        patched.setattr(training, "stop_on_signals", after_two_steps)
        with pytest.raises(Interrupted):
            begin(plugin, "pretrain", eight, broken, steps=6)
    assert Run.open(broken).status == "stopped"
    train("pretrain", Request(resume=broken), summary=Summary("pretrain", "test"))
    ends = [Run.open(run).last_checkpoint() for run in (whole, broken)]
    assert ends[0].name == ends[1].name
    files = [sorted(p.name for p in end.iterdir()) for end in ends]
    assert files[0] == files[1]
    for name in files[0]:
        assert (ends[0] / name).read_bytes() == (ends[1] / name).read_bytes(), name


def test_an_exported_graph_gives_the_same_at_two_batch_sizes(plugin, eight, tmp_path):
    can(plugin, "distill")
    begin(plugin, "pretrain", eight, tmp_path / "run")
    path = begin(plugin, "distill", eight, tmp_path / "student", model=tmp_path / "run")
    assert path.parent.parent == tmp_path / "student"
    bundle = Bundle(path)
    bundle.verify()
    assert bundle.manifest.plugin == {"name": plugin.name, "version": plugin.version}
    from spectrakit.store import Store

    with Store(eight) as store:
        arrays = inputs_of(bundle, list(store))
    for role, graph in bundle.manifest.graphs.items():
        if not set(graph.inputs) <= set(arrays):
            continue  # it reads molecules or features, not spectra
        together = bundle.run(role, arrays)
        alone = [bundle.run(role, {k: v[i : i + 1] for k, v in arrays.items()}) for i in range(8)]
        for name, values in together.items():
            rows = np.concatenate([one[name] for one in alone])
            spread = float(np.ptp(values)) or 1.0
            np.testing.assert_allclose(rows, values, atol=1e-4 * spread, rtol=0)


def test_a_transfer_is_fitted_to_what_it_is_given_and_its_graph_equals_predict(plugin, tmp_path):
    """Fitted twice it is the same; a spectrum's answer does not hang on those beside it."""
    if "transfer" not in plugin.actions:
        pytest.skip(f"{plugin.name} does not transfer")
    need_or_skip(plugin, "transfer")
    rng = np.random.default_rng(0)
    kind = sorted(TRACES & plugin.modalities)[0]
    spectra = [trace(k, kind, rng) for k in range(24)]
    parent = None
    if "pretrain" in plugin.actions:
        with StoreWriter(tmp_path / "many.h5") as writer:
            for number, one in enumerate(spectra):
                writer.add_sample(f"s{number}", split="valid" if number < 2 else "train")
                writer.add(one)
        settings = BEFORE_TRANSFER.get(plugin.name, [])
        request = Request(
            [str(tmp_path / "many.h5")], plugin.name, settings, out=tmp_path / "run", device="cpu"
        )
        parent = train("pretrain", request, summary=Summary("pretrain", "test"))
    source = np.array([one.value for one in spectra], np.float64)
    target = 1.1 * source[:8] + 0.02
    pairs = np.column_stack([np.arange(8), np.arange(8)])
    known = np.column_stack([source[:, 40], source[:, 70]])
    action = plugin.actions["transfer"]
    axis = np.asarray(spectra[0].axis.values, np.float64)
    job = TransferJob(parent, axis, axis, "cm-1", kind, 0)

    def fitted(labels):
        return action.load()(job, action.parse([])).fit(source, target, pairs, labels)

    method = fitted(known)
    answers = np.asarray(method.predict(target))
    assert answers.shape == (8, 2)
    np.testing.assert_array_equal(np.asarray(fitted(known).predict(target)), answers)
    alone = np.asarray(method.predict(target[3:4]))
    rounding = 64 * np.finfo(answers.dtype).eps  # a row alone is summed in another order
    np.testing.assert_allclose(alone, answers[3:4], rtol=rounding)
    method.to_onnx(tmp_path / "method.onnx")
    check_same((tmp_path / "method.onnx").read_bytes(), target, answers)
