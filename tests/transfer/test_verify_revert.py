"""``transfer verify`` and ``revert``: what was changed is found; a fit can be repeated."""

import json
import shutil
import sys
from types import SimpleNamespace

import pytest
from authored import fit, fit_into, measured, refit, store

from spectrakit.errors import MismatchError
from spectrakit.transfer.record import check


@pytest.fixture
def offered(monkeypatch):
    """The authored fit in the place of the fit's verb."""

    def use(function):
        module = SimpleNamespace(refit=function)
        monkeypatch.setitem(sys.modules, "spectrakit.verbs.transfer_fit", module)

    use(refit)
    return use


@pytest.fixture
def two(meal, source):
    """A folder with two versions; the second is in use."""
    fit(meal, source, gain=1.01)
    return meal


def test_a_transfer_as_it_was_made_passes_and_is_the_same_in_every_bit(cli, meal, offered):
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["problems"] == []
    assert found["rerun"]["equal_bits"] is True
    assert found["rerun"]["largest_difference"] == 0
    assert found["checked"]["inputs"] == 1
    assert found["current"] == "meal@1"
    entry = check(meal)[-1]
    assert entry["action"] == "verify"
    assert entry["result"]["passed"] is True
    assert found["head"] == entry["hash"]
    assert f"record: head {entry['hash']}" in done.stderr
    assert "the graph is the same in every bit" in done.stderr


def test_a_graph_that_cannot_be_opened_is_no_fit_that_cannot_be_repeated(cli, meal, offered):
    """verify said so of a fit that it could repeat very well."""
    (meal / "meal@1/predict.onnx").write_bytes(b"x")
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 3
    assert "cannot be repeated" not in done.stderr
    told = json.loads(done.stdout)
    assert told["rerun"]["done"] is False
    assert len(told["problems"]) == 2  # by the record, and by the bundle's own digest


def test_a_head_that_was_exported_is_found_again_and_a_cut_record_is_not(
    cli, meal, offered, tmp_path
):
    kept = tmp_path / "head.json"
    assert cli("transfer", "verify", meal, "--no-rerun", "--export", kept).exit_code == 0
    head = json.loads(kept.read_text())["head"]
    done = cli("transfer", "verify", meal, "--no-rerun", "--head", kept)
    assert json.loads(done.stdout)["since_head"] == 0
    done = cli("transfer", "verify", meal, "--no-rerun", "--head", head)
    assert json.loads(done.stdout)["since_head"] == 1
    record = meal / "record.jsonl"
    record.write_bytes(record.read_bytes().splitlines(keepends=True)[0])
    assert cli("transfer", "verify", meal, "--no-rerun", "--no-record").exit_code == 0
    done = cli("transfer", "verify", meal, "--head", kept)
    assert done.exit_code == 3
    assert "cut off or the record was written anew" in done.stderr


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda m: (m / "metrics.json").write_text("{}"), "metrics.json: was changed since"),
        (lambda m: (m / "metrics.json").unlink(), "metrics.json: cannot be read"),
        (lambda m: (m / "meal@1/predict.onnx").write_bytes(b"x"), "predict.onnx: was changed"),
        (lambda m: (m / "meal@1/bundle.json").write_bytes(b"{}"), "bundle.json: was changed"),
        (lambda m: (m / "current").write_text("meal@1 "), "current: was changed since"),
        (lambda m: shutil.copytree(m / "meal@1", m / "meal@9"), "the record knows no fit of it"),
        (lambda m: (m.parent / "source.h5").write_bytes(b"x"), "an input of the fit, was changed"),
        (lambda m: (m.parent / "source.h5").unlink(), "is not there; say with --inputs"),
    ],
)  # fmt: skip
def test_whatever_was_changed_is_named(cli, meal, offered, change, words):
    change(meal)
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 3
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    if "bundle.json" not in words:
        assert any(words in one for one in json.loads(done.stdout)["problems"])


def test_a_whole_other_bundle_in_its_place_is_found_by_the_record(cli, meal, offered):
    shutil.rmtree(meal / "meal@1")
    fit_into(meal, "meal@1", gain=1.1)
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 3
    assert "bundle.json: was changed since entry 1" in done.stderr
    assert "it differs by" in done.stderr


def test_a_changed_record_stops_everything(cli, meal, offered):
    record = meal / "record.jsonl"
    record.write_bytes(record.read_bytes().replace(b'"user":"', b'"user":"x'))
    before = record.read_bytes()
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 3
    assert "line 1 was changed" in done.stderr
    assert record.read_bytes() == before


def test_inputs_that_were_moved_are_found_by_name_and_digest(cli, meal, offered, source, tmp_path):
    (tmp_path / "archive" / "a").mkdir(parents=True)
    (tmp_path / "archive" / "b").mkdir()
    store(tmp_path / "archive" / "a" / source.name, *measured(seed=99))  # same name, other bytes
    source.rename(tmp_path / "archive" / "b" / source.name)
    seen = []

    def again(parameters, out):
        seen.append(parameters["source"])
        refit(parameters, out)

    offered(again)
    done = cli("transfer", "verify", meal, "--inputs", tmp_path / "archive")
    assert done.exit_code == 0, done.stderr
    assert seen == [[str(tmp_path / "archive" / "b" / source.name)]]
    assert cli("transfer", "verify", meal, "--inputs", tmp_path / "no").exit_code == 2


@pytest.mark.parametrize(
    ("gain", "code"), [(1 + 1e-12, 0), (1 + 1e-6, 3)], ids=["rounding", "different"]
)
def test_a_fit_that_gives_other_numbers_is_measured_in_spreads(cli, meal, offered, gain, code):
    offered(lambda parameters, out: refit({**parameters, "gain": gain}, out))
    done = cli("transfer", "verify", meal)
    assert done.exit_code == code
    rerun = json.loads(done.stdout)["rerun"]
    assert rerun["equal_bits"] is False
    assert rerun["same"] is (code == 0)
    # the answers are (gain - 1) times themselves off; some answers are farther than a spread
    assert gain - 1 < rerun["largest_difference"] < 100 * (gain - 1) + 1e-15
    assert "of the spread of the answers on 64 spectra" in done.stderr


def test_a_fit_that_cannot_be_repeated_is_a_problem_and_no_crash(cli, meal, offered):
    def refuse(parameters, out):
        raise MismatchError("one standard is not enough.", hint="x")

    offered(refuse)
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 3
    assert "cannot be repeated: one standard is not enough" in done.stderr
    offered(lambda parameters, out: fit_into_other(parameters, out))
    done = cli("transfer", "verify", meal)
    assert done.exit_code == 3
    assert "has other properties" in done.stderr


def fit_into_other(parameters, out):
    from pathlib import Path

    out.mkdir()
    other = ({"name": "ash", "unit": "%"}, {"name": "water", "unit": "%"})
    fit(out, Path(parameters["source"][0]), "meal", said_otherwise={"properties": other})


def test_a_folder_that_is_none_is_refused(cli, tmp_path, meal):
    for place in (tmp_path / "nothing", meal / "meal@1"):
        done = cli("transfer", "verify", place)
        assert done.exit_code == 2
        assert "transfer fit -o" in done.stderr
    (meal / "record.jsonl").unlink()
    done = cli("transfer", "verify", meal, "--head", "0" * 64)
    assert done.exit_code == 3
    assert cli("transfer", "verify", meal, "--head", "zz").exit_code == 2


def test_verify_leaves_a_read_only_copy_alone(cli, meal, offered):
    before = {p: p.stat().st_mtime_ns for p in meal.rglob("*")}
    assert cli("transfer", "verify", meal, "--no-record").exit_code == 0
    assert {p: p.stat().st_mtime_ns for p in meal.rglob("*")} == before


def test_revert_goes_back_one_version_and_forth_to_a_named_one(cli, two, offered, tmp_path):
    today = store(tmp_path / "today.h5", *measured(seed=3))
    second = cli("transfer", "predict", two, today).stdout
    done = cli("transfer", "revert", two, "--reason", "the lamp was changed back")
    assert done.exit_code == 0, done.stderr
    assert (two / "current").read_text() == "meal@1\n"
    first = cli("transfer", "predict", two, today).stdout
    assert first != second
    assert "meal@1" in first
    entry = next(one for one in check(two) if one["action"] == "revert")
    assert entry["parameters"] == {"from": "meal@2", "to": "meal@1"}
    assert entry["reason"] == "the lamp was changed back"
    assert cli("transfer", "revert", two, "--to", "meal@2", "--reason", "no").exit_code == 0
    assert cli("transfer", "predict", two, today).stdout == second
    assert cli("transfer", "verify", two).exit_code == 0  # the whole story fits


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["--to", "meal@2", "--reason", "x"], 2, "'meal@2' is in use already"),
        (["--to", "meal@3", "--reason", "x"], 2, "has no version 'meal@3'. Did you mean"),
        (["--to", "../meal@1", "--reason", "x"], 2, "has no version"),
        (["--reason", "  "], 2, "--reason is empty"),
        ([], 2, "--reason"),
    ],
)
def test_a_revert_that_cannot_be_meant_is_refused(cli, two, args, code, words):
    before = (two / "record.jsonl").read_bytes()
    done = cli("transfer", "revert", two, *args)
    assert done.exit_code == code
    assert words in done.stderr
    assert (two / "record.jsonl").read_bytes() == before
    assert (two / "current").read_text() == "meal@2\n"


def test_the_first_version_has_none_before_it(cli, meal):
    done = cli("transfer", "revert", meal, "--reason", "x")
    assert done.exit_code == 2
    assert "there is no version before 'meal@1'" in done.stderr


def test_a_version_that_was_changed_is_not_reverted_to(cli, two):
    graph = two / "meal@1" / "predict.onnx"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:-1] + b"x")
    done = cli("transfer", "revert", two, "--reason", "x")
    assert (done.exit_code, (two / "current").read_text()) == (3, "meal@2\n")
    shutil.rmtree(two / "meal@1")
    fit_into(two, "meal@1", gain=2.0)  # whole in itself, but not what was fitted
    done = cli("transfer", "revert", two, "--reason", "x")
    assert (done.exit_code, (two / "current").read_text()) == (3, "meal@2\n")
    assert "is not the one that was fitted" in done.stderr


def test_a_broken_current_is_mended_by_naming_a_version(cli, two):
    (two / "current").write_text("nonsense")
    assert cli("transfer", "revert", two, "--reason", "x").exit_code == 3
    done = cli("transfer", "revert", two, "--to", "meal@1", "--reason", "x")
    assert done.exit_code == 0, done.stderr
    assert (two / "current").read_text() == "meal@1\n"
