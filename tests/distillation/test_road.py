"""pretrain and distill of students through the command line, to a bundle that ranks molecules."""

import json
import shutil

import numpy as np
import pytest

from spectrakit.bundle import Bundle, write_bundle
from spectrakit.search.learned import LearnedScorer
from spectrakit.store import Store
from spectrakit.train.distillation.views import join

pytestmark = pytest.mark.usefixtures("distiltoy")

SMALL = {"bag_width": 16, "width": 32, "dimension": 12, "bits": 64, "batch": 40, "every": 20,
         "steps": 60, "rate": 0.01, "average": 0.9, "depth": 1, "token_width": 16, "heads": 2,
         "dropout": 0.0}  # fmt: skip


def settings(**values):
    return [word for key, value in values.items() for word in ("-s", f"{key}={value}")]


def train(cli, verb, model, store, run, **values):
    words = (verb, "-m", model, store, "-o", run, "--device", "cpu")
    result = cli(*words, *settings(**{**SMALL, **values}))
    assert result.exit_code == 0, result.stderr
    return run / "student" / "distiltoy@1.0"


def recorded(run, name):
    rows = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [row[name] for row in rows if name in row]


def first_places(bundle, store):
    """Return the share of held-out molecules that a bundle ranks first among all held out."""
    scorer = LearnedScorer(Bundle(bundle))
    with Store(store) as opened:
        held_out = [s for s in opened if s.sample.startswith("valid")]
    names = sorted({s.molecule.smiles for s in held_out})
    vectors = scorer.molecules(names)
    right = []
    for number, name in enumerate(names):
        own = scorer.spectra(join([s for s in held_out if s.molecule.smiles == name], 128))
        right.append(np.argmax(scorer.evidence(own.mean(axis=0), vectors)) == number)
    return np.mean(right)


def test_student_of_a_student_resumed_or_not(cli, store, tmp_path):
    """One road, since each export takes seconds: pretrain, distill, resume, and a refusal."""
    teacher = train(cli, "pretrain", "distiltoy", store, tmp_path / "run", match=0, kl=0)
    losses = recorded(tmp_path / "run", "loss")
    assert losses[-1] < 0.6 * losses[0]
    assert first_places(teacher, store) > 0.25  # at random 0.05

    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = {"student": "wide", "task": 0, "hint": 1, "vid": 1, "flow": 0.3, "kl": 0.7,
             "dropout": 0.1, "steps": 40}  # fmt: skip
    one = train(cli, "distill", tmp_path / "run", store, whole, teachers=teacher, **words)
    for name in ("match", "hint", "vid", "flow", "kl"):
        found = recorded(whole, name)
        assert found[-1] < found[0], name
    manifest = Bundle(one).manifest
    told = [one for one in manifest.data if one["role"] == "teacher"]
    assert [one["digest"] for one in told] == [Bundle(teacher).digest] * 2
    assert {one["split"] for one in manifest.metrics} == {"valid"}
    assert manifest.metrics[0]["n"] == 20
    assert len(manifest.calibration["block_weights"]) == 3
    assert set(manifest.graphs) == {"encode_spectrum", "encode_molecule"}  # no flow, no heads

    shutil.copytree(whole, broken)
    shutil.rmtree(broken / "student")
    shutil.rmtree(sorted((broken / "checkpoints").iterdir())[-1])
    (broken / "status").write_text("stopped\n")
    resumed = cli("distill", "--resume", broken)
    assert resumed.exit_code == 0, resumed.stderr
    assert Bundle(one).digest == Bundle(broken / "student" / "distiltoy@1.0").digest
    assert (whole / "metrics.jsonl").read_bytes() == (broken / "metrics.jsonl").read_bytes()

    half = write_bundle(
        tmp_path / "half@1.0",
        graphs={"encode_molecule": teacher / "encode_molecule.onnx"},
        task="embed", modality="msms", input={"kind": "peaks", "fingerprint": "spectrakit-1"},
    )  # fmt: skip
    words = ("distill", "-m", teacher, store, "-o", tmp_path / "out", "--device", "cpu")
    refused = cli(*words, *settings(**SMALL, teachers=half))
    assert refused.exit_code == 4, refused.stderr
    assert "has no 'encode_spectrum'" in refused.stderr


def test_no_loss_at_all_is_said(cli, store, tmp_path):
    words = ("pretrain", "-m", "distiltoy", store, "-o", tmp_path / "run", "--device", "cpu")
    result = cli(*words, *settings(**SMALL, task=0, match=1))
    assert result.exit_code == 2, result.stderr
    assert "no loss is on" in result.stderr
