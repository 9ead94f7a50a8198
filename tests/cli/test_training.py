"""pretrain, distill, adapt and ttt through the command line, by the toy plugin of the tests."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

import spectrakit
from spectrakit.bundle import Bundle
from spectrakit.bundle.predict import predict
from spectrakit.errors import SpectrakitError
from spectrakit.store import Store

MOLECULES = """
import json
from dataclasses import dataclass
from spectrakit.plugin import Action, Plugin

@dataclass(frozen=True)
class Options: pass

def pretrain(job, options):
    told = {side: [m.smiles for part in getattr(job, side).structures for m in part]
            for side in ("train", "valid")}
    (job.run.path / "molecules.json").write_text(json.dumps(told))
    return job.run.path

plugin = Plugin("molecules", "For a test.", frozenset(), {
    "pretrain": Action("molecules:pretrain", Options, needs=("structure",))})
"""
PACKAGE = Path(spectrakit.__file__).parents[1]
VERBS = ("pretrain", "distill", "adapt", "ttt")


@pytest.fixture
def store(cli, sample_mzml, tmp_path):
    """The sample run as a store."""
    path = tmp_path / "sample.h5"
    assert cli("convert", sample_mzml, "-o", path).exit_code == 0
    return path


@pytest.fixture
def trained(cli, toy, store, tmp_path):
    """A finished run of the toy."""
    run = tmp_path / "trained"
    result = cli("pretrain", "-m", "toy", store, "-o", run)
    assert result.exit_code == 0, result.stderr
    return run


def one_error(result, code, *words):
    """Check for one error line with the words, one line of advice, and no record on stdout."""
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    (at,) = [k for k, line in enumerate(lines) if line.startswith("spectrakit: error:")]
    assert len(lines) == at + 2, result.stderr
    assert lines[at + 1].startswith("  ")
    for word in words:
        assert word in lines[at] + lines[at + 1], result.stderr


def weights(run):
    return np.load(sorted((run / "checkpoints").iterdir())[-1] / "weights.npy")


def losses(run):
    lines = (run / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def test_pretrain_writes_a_whole_run_and_accounts_for_every_spectrum(cli, toy, store, tmp_path):
    run, summary = tmp_path / "run", tmp_path / "summary.json"
    result = cli("pretrain", "-m", "toy", "-s", "steps=8", "-s", "bin-width=25", store, "-o", run,
                 "--seed", "3", "--summary", summary)  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert result.stdout == ""
    names = {path.name for path in run.iterdir()}
    assert names == {"plan.toml", "env.json", "metrics.jsonl", "log.txt", "checkpoints", "status"}
    assert (run / "status").read_text() == "done\n"
    plan = tomllib.loads((run / "plan.toml").read_text())
    assert plan["options"] == {"bin_width": 25.0, "steps": 8, "rate": 0.2, "every": 5,
                               "scale": "sqrt", "trap": ""}  # fmt: skip
    assert (plan["verb"], plan["seed"], plan["device"]) == ("pretrain", 3, "cpu")
    assert plan["plugin"] == {"name": "toy", "version": "1"}
    (data,) = plan["data"]
    with Store(store) as opened:
        assert data["digest"] == opened.digest
    assert len(losses(run)) == 8
    assert losses(run)[-1] < losses(run)[0]
    account = json.loads(summary.read_text())
    (entry,) = account["inputs"]
    assert entry["read"] == 119 == entry["kept"] + sum(entry["dropped"].values())
    assert entry["kept"] == data["train"] + data["valid"]
    assert entry["dropped"] == {"MS1": 80, "no peaks": 1}
    assert account["outputs"] == [str(run)]
    assert account["model"]["plugin"] == "toy"
    assert "held out" in (run / "log.txt").read_text()


def test_raw_files_and_stores_teach_the_same(cli, toy, store, sample_mzml, tmp_path):
    for name, path in (("raw", sample_mzml), ("store", store)):
        result = cli("pretrain", "-m", "toy", path, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(weights(tmp_path / "raw"), weights(tmp_path / "store"))
    (held,) = (tmp_path / "raw" / "data").glob("*.h5")
    assert len(Store(held)) == 119


def test_the_whole_road_to_a_bundle_on_another_computer(cli, trained, store, tmp_path, monkeypatch):
    adapted, tuned, student = (tmp_path / name for name in ("adapted", "tuned", "student"))
    for verb, model, out in (("adapt", trained, adapted), ("ttt", adapted, tuned),
                             ("distill", tuned, student)):  # fmt: skip
        result = cli(verb, "-m", model, store, "-o", out)
        assert result.exit_code == 0, result.stderr
        plan = tomllib.loads((out / "plan.toml").read_text())
        assert plan["parent"]["path"] == str(model)
    np.testing.assert_array_equal(weights(adapted)[:-1], weights(trained)[:-1])
    assert weights(adapted)[-1] != weights(trained)[-1]
    assert cli("models", "install", student / "student" / "toy@1.0").exit_code == 0
    monkeypatch.setenv("SPECTRAKIT_PLUGINS", "")  # the instrument PC has no plugin
    listed = cli("models", "list", "--format", "jsonl").stdout.splitlines()
    kinds = {row["name"]: row["kind"] for row in map(json.loads, listed)}
    assert kinds.pop("toy@1.0") == "bundle"
    assert set(kinds.values()) == {"bundle (spectrakit)"}  # those that ship
    from spectrakit_toy.training import UNIT, design, read

    from spectrakit.bundle import find_bundle

    with Store(store) as opened:
        queries = [s for s in opened if s.ms_level == 2 and len(s)]
    answers = list(predict(Bundle(find_bundle("toy")), iter(queries)))
    line, settings = read(sorted((tuned / "checkpoints").iterdir())[-1])
    settings |= {"scale": "sqrt"}
    from dataclasses import replace

    from spectrakit.preprocess.peaks import PeakLists, clean_peaks
    from spectrakit.spectrum import Axis, Tolerance

    peaks = clean_peaks(
        PeakLists.from_spectra(queries), tolerance=Tolerance(0.01, "Da"), max_peaks=64
    )
    cleaned = [
        replace(s, axis=Axis(peaks.mz[a:b], "m/z"), value=peaks.intensity[a:b])
        for s, a, b in zip(queries, peaks.indptr, peaks.indptr[1:], strict=False)
    ]
    expected = design(cleaned, settings) @ line * UNIT
    np.testing.assert_allclose([a.value for a in answers], expected, rtol=1e-4)
    assert {a.unit for a in answers} == {"m/z"}


def test_a_name_means_the_plugin_in_pretrain_and_the_bundle_elsewhere(
    cli, trained, store, tmp_path
):
    assert cli("distill", "-m", trained, store, "-o", tmp_path / "s").exit_code == 0
    assert cli("models", "install", tmp_path / "s" / "student" / "toy@1.0").exit_code == 0
    result = cli("pretrain", "-m", "toy", store, "-o", tmp_path / "p")
    assert "parent" not in tomllib.loads((tmp_path / "p" / "plan.toml").read_text())
    result = cli("adapt", "-m", "toy", store, "-o", tmp_path / "a")
    one_error(result, 4, "is no toy run")  # it was handed the bundle, which it cannot train
    plan = tomllib.loads((tmp_path / "a" / "plan.toml").read_text())
    assert plan["parent"]["path"].endswith("toy@1.0")
    assert plan["parent"]["digest"].startswith("sha256:")


def test_pretrain_goes_on_from_a_run(cli, trained, store, tmp_path):
    result = cli("pretrain", "-m", trained, "-s", "steps=1", store, "-o", tmp_path / "second")
    assert result.exit_code == 0, result.stderr
    assert losses(tmp_path / "second")[0] < losses(trained)[-1]


def test_a_stopped_run_resumes_to_the_numbers_of_an_unbroken_one(cli, toy, store, tmp_path):
    """SIGTERM in mid-step: a checkpoint, exit 130, then exactly what one run would have given."""
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    common = ("-m", "toy", "-s", "batch=7", "--seed", "5", store)
    assert cli("pretrain", *common, "-o", whole).exit_code == 0
    result = cli("pretrain", *common, "-s", "trap=signal 8", "-o", broken)
    one_error(result, 130, "can be resumed", f"pretrain --resume {broken}")
    assert (broken / "status").read_text() == "stopped\n"
    with (broken / "metrics.jsonl").open("a") as stream:
        stream.write('{"step": 9, "loss": 0.0}\n{"step": 10, "lo')  # a process killed in mid-write
    result = cli("pretrain", "--resume", broken)
    assert result.exit_code == 0, result.stderr
    np.testing.assert_array_equal(weights(broken), weights(whole))
    assert (broken / "metrics.jsonl").read_text() == (whole / "metrics.jsonl").read_text()
    assert (broken / "status").read_text() == "done\n"


def test_the_process_itself_ends_with_130_on_sigterm(toy, store, tmp_path):
    argv = ("pretrain", "-m", "toy", "-s", "trap=signal 3", str(store), "-o", "run")
    env = os.environ | {"PYTHONPATH": f"{PACKAGE}{os.pathsep}{os.environ['PYTHONPATH']}"}
    run = subprocess.run([sys.executable, "-m", "spectrakit", *argv], cwd=tmp_path, env=env)
    assert run.returncode == 130
    assert (tmp_path / "run" / "status").read_text() == "stopped\n"
    assert [p.name for p in (tmp_path / "run" / "checkpoints").iterdir()] == ["step-000000003"]


def test_a_moved_run_with_its_own_data_resumes(cli, toy, sample_mzml, tmp_path):
    broken, moved = tmp_path / "broken", tmp_path / "elsewhere" / "moved"
    settings = ("-s", "trap=signal 6")
    result = cli("pretrain", "-m", "toy", *settings, sample_mzml, "-o", broken)
    assert result.exit_code == 130
    moved.parent.mkdir()
    broken.rename(moved)
    assert cli("pretrain", "--resume", moved).exit_code == 0
    assert len(losses(moved)) == 20


def test_resume_reads_only_the_folder(cli, trained, store, tmp_path):
    one_error(cli("pretrain", "--resume", trained, "-s", "steps=9"), 2, "leave out settings")
    one_error(cli("pretrain", "--resume", trained, "--seed", "1"), 2, "seed")
    one_error(cli("pretrain", "--resume", trained), 2, "is done")
    one_error(cli("adapt", "--resume", trained), 2, "of pretrain, not of adapt")
    one_error(cli("pretrain", "--resume", tmp_path), 3, "is no run")


def test_resume_refuses_other_data(cli, toy, store, tmp_path, sample_mzml):
    run = tmp_path / "run"
    assert cli("pretrain", "-m", "toy", "-s", "trap=signal 2", store, "-o", run).exit_code == 130
    cli("convert", sample_mzml, "-o", store, "--where", "ms_level=2")
    one_error(cli("pretrain", "--resume", run), 4, "holds other data")
    store.unlink()
    one_error(cli("pretrain", "--resume", run), 3, "No such file")


def test_what_a_run_that_is_in_the_way_is_good_for_depends_on_how_it_ended(
    cli, toy, store, tmp_path
):
    """A run that was refused was answered with --resume, which would be refused again."""
    for trap, code, told in (
        ("signal 2", 130, ("holds a run already", "Go on with `--resume ")),
        ("memory 2", 4, ("holds a run that failed: MemoryError", "would only repeat it")),
    ):
        run = ("-o", tmp_path / trap[:3])
        first = cli("pretrain", "-m", "toy", "-s", f"trap={trap}", store, *run)
        assert first.exit_code == code
        one_error(cli("pretrain", "-m", "toy", store, *run), 2, *told)


def test_one_seed_gives_one_result_and_another_seed_another(cli, toy, store, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        options = ("-s", "batch=5", "--seed", seed, "-o", tmp_path / name)
        assert cli("pretrain", "-m", "toy", store, *options).exit_code == 0
    np.testing.assert_array_equal(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert (weights(tmp_path / "a") != weights(tmp_path / "c")).any()


def test_help_shows_the_options_of_the_plugin(cli, toy, trained):
    for argv in (("-m", "toy"), ("--model=toy",), ("-mtoy",), ("-m", trained)):
        text = cli("pretrain", *argv, "--help").stdout
        assert "bin_width=50.0" in text
        assert "Width of a bin, in m/z. (number, 1.0 to 500.0)" in text
        assert "sqrt|linear" in text
    assert "max_peaks=64" in cli("distill", "-m", trained, "--help").stdout
    assert "max_peaks=64" in cli("distill", "-m", "toy", "--help").stdout
    assert "bin_width" not in cli("pretrain", "--help").stdout
    one_error(cli("pretrain", "-m", "tyo", "--help"), 2, "Did you mean 'toy'?")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stepz=3", ["no option 'stepz'", "Did you mean 'steps'?"]),
        ("steps", ["has no '='"]),
        ("steps=many", ["steps=many", "is no whole number"]),
        ("steps=1.5", ["is no whole number"]),
        ("steps=0", ["is below 1"]),
        ("rate=nan", ["is no number"]),
        ("rate=1.5", ["is above 1.0"]),
        ("scale=sqr", ["none of sqrt, linear", "Did you mean 'sqrt'?"]),
        ("bin_width=none", ["is no number"]),
    ],
)
def test_a_bad_setting_is_a_usage_error(cli, toy, store, tmp_path, setting, words):
    result = cli("pretrain", "-m", "toy", "-s", setting, store, "-o", tmp_path / "run")
    one_error(result, 2, *words)
    assert not (tmp_path / "run").exists()


def test_a_setting_given_twice_is_a_usage_error(cli, toy, store, tmp_path):
    settings = ("-s", "steps=1", "-s", "steps=2")
    result = cli("pretrain", "-m", "toy", *settings, store, "-o", tmp_path / "run")
    one_error(result, 2, "given twice")


@pytest.mark.parametrize("verb", VERBS)
def test_without_a_plugin_each_verb_says_so_in_one_line(cli, monkeypatch, verb):
    monkeypatch.setenv("SPECTRAKIT_PLUGINS", "")
    one_error(cli(verb), 5, f"no installed plugin can {verb}")
    one_error(cli(verb, "-m", "toy", "x.h5"), 5, f"no installed plugin can {verb}")


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_missing_from_the_command_line_is_said(cli, toy, verb):
    one_error(cli(verb), 2, "needs a model", "toy")


def test_usage_errors(cli, trained, store, tmp_path):
    out = ("-o", tmp_path / "run")
    one_error(cli("pretrain", "-m", "toy", store), 2, "--out")
    one_error(cli("pretrain", "-m", "toy", *out), 2, "nothing to learn from")
    one_error(cli("pretrain", "-m", "tooy", store, *out), 2, "Did you mean 'toy'?")
    one_error(cli("adapt", "-m", "toy", store, *out), 2, "begins from a trained model")
    one_error(
        cli("pretrain", "-m", "toy", store, "-o", trained), 2, "a run that is done", "-m ", "--out"
    )
    one_error(cli("pretrain", "-m", "toy", store, "-o", store), 2, "is an input and the output")
    taken = tmp_path / "taken"
    taken.write_text("something else")
    one_error(cli("pretrain", "-m", "toy", store, "-o", taken), 2, "is there already")
    where = ("--where", "mslevel=2")
    one_error(cli("pretrain", "-m", "toy", store, *where, *out), 2, "Did you mean 'ms_level'?")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("device", "code"), [("gpu", 2), ("cuda:-1", 2), ("cuda:99", 5)]
)  # fmt: skip
def test_a_device_that_is_not_there(cli, toy, store, tmp_path, device, code):
    out = ("-o", tmp_path / "run")
    result = cli("pretrain", "-m", "toy", store, *out, "--device", device)
    one_error(result, code, f"--device {device}" if code == 5 else "unknown")
    assert not (tmp_path / "run").exists()


def test_bad_data_leaves_no_run(cli, toy, store, tmp_path):
    bad = tmp_path / "bad.mgf"
    bad.write_text("these are no spectra")
    run = tmp_path / "run"
    for inputs in ((bad,), (store, tmp_path / "gone.h5")):
        assert cli("pretrain", "-m", "toy", *inputs, "-o", run).exit_code == 3
        assert not run.exists()
    result = cli("pretrain", "-m", "toy", store, "--where", "ms_level=1", "-o", run)
    assert result.exit_code == 4
    assert "nothing in the inputs can be learned from" in result.stderr
    assert not run.exists()


def test_valid_inputs_are_held_out_whole(cli, toy, store, sample_mzml, tmp_path):
    run = tmp_path / "run"
    result = cli("pretrain", "-m", "toy", store, "--valid", sample_mzml, "-o", run)
    assert result.exit_code == 0, result.stderr
    plan = tomllib.loads((run / "plan.toml").read_text())
    assert plan["split"] == "--valid"
    counts = [(d["role"], d["train"], d["valid"]) for d in plan["data"]]
    assert counts == [("train", 38, 0), ("valid", 0, 38)]


def test_a_plugin_that_fails_is_named_and_the_run_says_why(cli, toy, store, tmp_path):
    for trap, code, words in (("raise 7", 1, ["plugin 'toy' failed", "KeyError: 'trap'"]),
                              ("memory 7", 4, ["out of memory", "smaller batch"])):  # fmt: skip
        run = tmp_path / trap.split()[0]
        result = cli("pretrain", "-m", "toy", "-s", f"trap={trap}", store, "-o", run)
        one_error(result, code, *words)
        assert (run / "status").read_text().startswith("failed: ")
        assert weights(run).shape == (41,)  # the last checkpoint is there
    with pytest.raises(SpectrakitError, match="out of memory") as caught:
        cli("pretrain", "--resume", run, "--debug")
    assert isinstance(caught.value.__cause__, MemoryError)


def test_a_run_of_another_plugin_version_is_refused_with_both(cli, trained, store, tmp_path):
    plan = trained / "plan.toml"
    plan.write_text(plan.read_text().replace('version = "1"', 'version = "0.9"'))
    result = cli("adapt", "-m", trained, store, "-o", tmp_path / "run")
    one_error(result, 4, "'toy' version 0.9", "'toy' version 1")
    one_error(cli("pretrain", "-m", trained, "--help"), 4, "version 0.9")


def test_a_bundle_of_another_plugin_version_is_refused_with_both(cli, trained, store, tmp_path):
    from spectrakit_toy.student import graph
    from spectrakit_toy.training import load

    from spectrakit.bundle import write_bundle

    def made_by(name, version):
        return write_bundle(
            tmp_path / f"{name}@{version}",
            graphs={"predict": graph(*load(trained))},
            task="regress",
            modality="msms",
            input={"kind": "peaks"},
            properties=({"name": "precursor_mz", "unit": "m/z"},),
            plugin={"name": name, "version": version},
        )

    out = ("-o", tmp_path / "run")
    one_error(cli("adapt", "-m", made_by("toy", "2"), store, *out), 4, "version 2", "version 1")
    one_error(cli("adapt", "-m", made_by("other", "1"), store, *out), 5, "'other', which is not")


def test_a_run_without_a_checkpoint_is_no_parent(cli, trained, store, tmp_path):
    shutil.rmtree(trained / "checkpoints")
    (trained / "status").write_text("stopped\n")
    result = cli("adapt", "-m", trained, store, "-o", tmp_path / "run")
    one_error(result, 4, "holds no checkpoint", "--resume")
    (trained / "status").write_text("failed: refused: too few.\n")  # going on would only repeat it
    result = cli("adapt", "-m", trained, store, "-o", tmp_path / "run")
    one_error(result, 4, "(status: failed: refused: too few).", "model that it began from")


def test_a_run_does_not_go_on_from_another_parent(cli, trained, store, tmp_path):
    """A parent run that was trained anew in its place is another model; put back, it goes on."""
    common = ("pretrain", "-m", trained, store, "-s", "trap=signal 3")
    one_error(cli(*common, "-o", tmp_path / "run"), 130, "can be resumed")
    plan = tomllib.loads((tmp_path / "run" / "plan.toml").read_text())
    assert plan["parent"]["digest"].startswith("sha256:")
    shutil.move(trained, tmp_path / "first")
    again = cli("pretrain", "-m", "toy", "--seed", "9", store, "-o", trained)
    assert again.exit_code == 0, again.stderr
    resume = ("pretrain", "--resume", tmp_path / "run")
    one_error(cli(*resume), 4, str(trained), "is another one now", "Put it back")
    shutil.rmtree(trained)
    shutil.copytree(tmp_path / "first", trained)
    (trained / "log.txt").write_text("somebody's note\n")
    assert cli(*resume).exit_code == 0


def test_a_structure_list_is_nothing_for_a_plugin_that_needs_spectra(cli, toy, tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("name,smiles\nethanol,CCO\nbenzene,c1ccccc1\n")
    summary = tmp_path / "s.json"
    result = cli("pretrain", "-m", "toy", table, "-o", tmp_path / "run", "--summary", summary)
    assert result.exit_code == 4
    (entry,) = json.loads(summary.read_text())["inputs"]
    assert entry["dropped"] == {"a structure without a spectrum": 2}


def test_a_structure_list_gives_molecules(cli, site, install_plugin, tmp_path):
    """A plugin that asks for no spectrum is handed the molecules, split like any others."""
    (site / "molecules.py").write_text(MOLECULES)
    install_plugin("molecules", "molecules:plugin")
    table = tmp_path / "list.csv"
    table.write_text("name,smiles\nethanol,CCO\nbenzene,c1ccccc1\npropane,CCC\n")
    run = tmp_path / "run"
    result = cli("pretrain", "-m", "molecules", table, "-o", run)
    assert result.exit_code == 0, result.stderr
    told = json.loads((run / "molecules.json").read_text())
    assert sorted(told["train"] + told["valid"]) == ["CCC", "CCO", "c1ccccc1"]
    assert len(told["valid"]) == 1


def test_config_gives_defaults(cli, toy, store, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text('[pretrain]\nmodel = "toy"\nset = ["steps=2"]\nseed = 4\n')
    run = tmp_path / "run"
    result = cli("pretrain", store, "-o", run, "--config", config)
    plan = tomllib.loads(Path(run / "plan.toml").read_text()) if run.exists() else result.stderr
    assert plan["options"]["steps"] == 2
    assert plan["seed"] == 4
