"""``transfer predict`` through the command line, on a simulated two-band instrument."""

import csv
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from authored import AXIS, STANDARDS, bands, fit_into, heights, measured, spectra_of, store, trace

from spectrakit.bundle import Bundle
from spectrakit.bundle.models import install_bundle
from spectrakit.spectrum import Modality
from spectrakit.transfer.record import check
from spectrakit.verbs.transfer_folder import TransferFolder

CONTRACT = ["file", "sample", "property", "value", "unit", "lower", "upper", "gate", "q", "t2"]


def rows(text):
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.fixture
def today(tmp_path):
    return store(tmp_path / "today.h5", *measured(seed=11))


def truth(values):
    """Least squares on the pure bands, which is what the authored model does."""
    return np.linalg.lstsq(bands().T, values.T, rcond=None)[0].T


def test_values_are_the_closed_form_in_the_columns_of_the_contract(cli, meal, today):
    done = cli("transfer", "predict", meal, today)
    assert done.exit_code == 0, done.stderr
    found = rows(done.stdout)
    assert list(found[0])[: len(CONTRACT)] == CONTRACT
    assert [(one["sample"], one["property"]) for one in found] == [
        (sample, name) for sample in STANDARDS for name in ("fat", "water")
    ]
    values = np.array([float(one["value"]) for one in found]).reshape(-1, 2)
    expected = truth(spectra_of(heights(STANDARDS), seed=11))
    np.testing.assert_allclose(values, expected, rtol=1e-9)
    fat, water = found[:2]
    assert float(fat["upper"]) - float(fat["lower"]) == pytest.approx(0.14)
    assert (water["lower"], water["upper"]) == ("", "")
    assert {one["gate"] for one in found} == {"pass"}
    assert (fat["unit"], fat["model"], fat["spectrum"]) == ("%", "meal@1", "s1")
    assert "read 6, kept 6, dropped 0" in done.stderr


def test_q_and_t2_are_those_of_the_closed_form(cli, tmp_path, today):
    bundle, graph = fit_into(tmp_path, "meal@3")
    found = rows(cli("transfer", "predict", bundle.path, today).stdout)
    expected = graph.expected(spectra_of(heights(STANDARDS), seed=11))
    for name in ("q", "t2"):
        seen = [float(one[name]) for one in found[::2]]
        np.testing.assert_allclose(seen, expected[name], rtol=1e-6)


def test_a_rerun_gives_the_same_bytes_and_the_record_says_both(cli, meal, today, tmp_path):
    out = tmp_path / "a.tsv"
    texts = []
    for _ in range(2):
        assert cli("transfer", "predict", meal, today, "-o", out).exit_code == 0
        texts.append(out.read_bytes())
    assert texts[0] == texts[1]
    assert cli("transfer", "predict", meal, today).stdout.encode() == texts[0]
    entries = check(meal)
    assert [one["action"] for one in entries] == ["fit", "predict", "predict", "predict"]
    last = entries[1]
    assert last["inputs"][0]["path"] == str(today)
    assert last["inputs"][0]["bytes"] == today.stat().st_size
    assert last["outputs"][0]["path"] == str(out)
    assert last["result"]["answers"] == 12
    assert entries[2]["result"]["label"] == "meal@1"


def test_the_head_is_printed_and_no_record_writes_nothing(cli, meal, today):
    done = cli("transfer", "predict", meal, today, "--reason", "batch 7")
    entry = check(meal)[-1]
    assert f"record: head {entry['hash']}" in done.stderr
    assert entry["reason"] == "batch 7"
    before = (meal / "record.jsonl").read_bytes()
    assert cli("transfer", "predict", meal, today, "--no-record").exit_code == 0
    assert cli("transfer", "predict", meal / "meal@1", today).exit_code == 0
    assert (meal / "record.jsonl").read_bytes() == before


def test_a_strange_spectrum_has_a_row_without_value_unless_forced(cli, meal, tmp_path):
    plain = spectra_of(heights(STANDARDS[:3]), seed=2)
    bump = plain[1] + 0.2 * np.exp(-(((AXIS - 1350) / 10) ** 2))
    rich = spectra_of(np.array([[25.0, 55.0]]), seed=3)[0]
    path = store(
        tmp_path / "x.h5", trace(plain[0], "s1"), trace(bump, "bump"), trace(rich, "rich"),
        trace(rich + bump, "both"),
    )  # fmt: skip
    done = cli("transfer", "predict", meal, path)
    assert done.exit_code == 0
    found = {one["sample"]: one for one in rows(done.stdout) if one["property"] == "fat"}
    assert {k: v["gate"] for k, v in found.items()} == {
        "s1": "pass", "bump": "q", "rich": "t2", "both": "q,t2",
    }  # fmt: skip
    for name in ("bump", "rich", "both"):
        assert (found[name]["value"], found[name]["lower"], found[name]["upper"]) == ("", "", "")
        assert float(found[name]["q"]) > 0
    assert "6 of 8 answers are beyond a gate: their values are left empty" in done.stderr
    forced = cli("transfer", "predict", meal, path, "--force")
    found = {one["sample"]: one for one in rows(forced.stdout) if one["property"] == "fat"}
    assert float(found["rich"]["value"]) == pytest.approx(25, abs=0.1)
    assert found["rich"]["gate"] == "t2"
    assert check(meal)[-1]["parameters"]["force"] is True


def test_a_bundle_without_limits_judges_nothing(cli, tmp_path, today):
    bundle, _ = fit_into(tmp_path, "meal@1", limits=False)
    found = rows(cli("transfer", "predict", bundle.path, today).stdout)
    assert {one["gate"] for one in found} == {""}
    assert all(one["value"] for one in found)


def test_replicates_have_a_row_each_or_are_averaged(cli, meal, tmp_path):
    one, two = measured(("s1", "s2"), seed=1), measured(("s1",), seed=2)
    store(tmp_path / "a.h5", *one)
    store(tmp_path / "b.h5", *two)
    inputs = (tmp_path / "a.h5", tmp_path / "b.h5")
    assert len(rows(cli("transfer", "predict", meal, *inputs).stdout)) == 6
    found = rows(cli("transfer", "predict", meal, *inputs, "--average").stdout)
    assert [one["sample"] for one in found] == ["s1", "s1", "s2", "s2"]
    mean = (one[0].value + two[0].value) / 2
    assert float(found[0]["value"]) == pytest.approx(truth(mean[None])[0, 0], rel=1e-9)
    assert [one["note"] for one in found[::2]] == ["mean of 2 spectra", ""]
    assert found[2]["spectrum"] == "s2"


def test_what_does_not_fit_is_counted_with_its_reason(cli, meal, tmp_path):
    good = measured(seed=1)
    row = good[0].value
    gap = row.copy()
    gap[30] = np.nan
    short = AXIS[:40]
    path = store(
        tmp_path / "mixed.h5", good[0], trace(gap, "gap"), trace(row, "raman", AXIS, "cm-1",
        Modality.RAMAN), trace(row[:40], "short", short), trace(row, "t",
        value_unit="percent transmittance"), trace(row, "l", value_unit="log(1/R)"),
        trace(row, "u", value_unit=""),
    )  # fmt: skip
    summary = tmp_path / "s.json"
    done = cli("transfer", "predict", meal, path, "--summary", summary)
    assert done.exit_code == 0, done.stderr
    account = json.loads(summary.read_text())["inputs"][0]
    assert account["dropped"] == {
        "NaN or infinite where the model needs a value": 1,
        "raman, not nir": 1,
        "axis 1100 to 1490 nm (40 points), not 1100 to 1700 nm (61 points)": 1,
        "percent transmittance, not absorbance": 1,
    }
    assert account["read"] == 7 == account["kept"] + 4
    assert sorted({one["sample"] for one in rows(done.stdout)}) == ["l", "s1", "u"]


def test_a_file_that_does_not_say_what_it_is_is_read_as_the_model(cli, meal, tmp_path):
    """A fit took a table without unit beside a store that states one; predict refused it."""
    row = measured(seed=1)[0].value
    said = store(tmp_path / "said.h5", trace(row, "s"))
    unsaid = store(tmp_path / "unsaid.h5", trace(row, "s", AXIS, "", Modality.OPTICAL))
    told = [rows(cli("transfer", "predict", meal, path).stdout)[0] for path in (said, unsaid)]
    assert told[0]["value"] == told[1]["value"] != ""
    done = cli("transfer", "predict", meal, unsaid)
    assert "the file states no unit, the model nm" in done.stderr
    far = store(tmp_path / "far.h5", trace(row, "s", AXIS + 3000, "", Modality.OPTICAL))
    assert cli("transfer", "predict", meal, far).exit_code == 4


def test_another_axis_that_covers_is_resampled_and_said(cli, meal, tmp_path):
    fine = np.linspace(1750, 1050, 1401)
    amounts = heights(["s1"])
    path = store(tmp_path / "fine.h5", trace(spectra_of(amounts, 0, fine, noise=0)[0], "s1", fine))
    done = cli("transfer", "predict", meal, path)
    values = [float(one["value"]) for one in rows(done.stdout)]
    np.testing.assert_allclose(values, amounts[0], atol=1e-3)
    assert "are resampled to the 61 points, 1100 to 1700 nm of bundle meal@1" in done.stderr


def test_an_installed_name_and_where_and_jsonl(cli, meal, today):
    install_bundle(meal / "meal@1")
    done = cli("transfer", "predict", "meal", today, "--where", "sample=s3", "--format", "jsonl")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["sample"] for one in found] == ["s3", "s3"]
    assert found[1]["lower"] is None
    assert "5 not selected by --where" in done.stderr


def test_a_spectrum_to_which_the_model_has_no_answer_keeps_its_row(cli, tmp_path):
    """The logarithm of a negative value is no number; the file is good all the same."""
    from spectrakit.bundle import write_bundle
    from spectrakit.bundle.trace_graph import Member, TraceGraph
    from spectrakit.preprocess.trace_chain import parse_chain

    graph = TraceGraph(AXIS)
    graph.apply(parse_chain("absorbance"))
    graph.head([Member("common", np.ones((61, 1)), np.zeros(1))])
    path = write_bundle(
        tmp_path / "log@1", graphs={"predict": graph.to_bytes()}, task="regress", modality="nir",
        input={"kind": "trace", "axis": AXIS.tolist(), "axis_unit": "nm"},
        properties=({"name": "fat"},),
    )  # fmt: skip
    inputs = store(tmp_path / "x.h5", trace(np.full(61, 0.1), "a"), trace(np.full(61, -1.0), "b"))
    done = cli("transfer", "predict", path, inputs)
    assert done.exit_code == 0, done.stderr
    good, bad = rows(done.stdout)
    assert float(good["value"]) == pytest.approx(61)
    assert (bad["value"], bad["note"]) == ("", "the model gives no number for this spectrum")


def test_errors_have_one_line_and_the_right_code(cli, meal, today, tmp_path):
    def fails(code, words, *args):
        done = cli("transfer", "predict", *args)
        assert done.exit_code == code, done.stderr
        assert words in done.stderr
        assert "Traceback" not in done.stderr
        return done

    fails(2, "is no installed model and no bundle folder", "nothing", today)
    fails(3, "no such file", meal, tmp_path / "missing.h5")
    (tmp_path / "empty.h5").write_bytes(b"")
    fails(3, "1 of 2 inputs could not be read", meal, today, tmp_path / "empty.h5")
    done = cli("transfer", "predict", meal, today, tmp_path / "empty.h5")
    assert len(rows(done.stdout)) == 12  # the good file is finished
    nothing = store(tmp_path / "raman.h5", trace(np.ones(61), "a", modality=Modality.RAMAN))
    fails(4, "nothing in the inputs fits bundle meal@1", meal, nothing)
    fails(2, "no column 'smaple'", meal, today, "--where", "smaple=s1")
    fails(4, "does not predict properties of traces", "msms", today)
    fails(2, "is an input and the output", meal, today, "-o", today)
    graph = meal / "meal@1" / "predict.onnx"
    graph.write_bytes(graph.read_bytes()[:-1] + b"x")
    fails(3, "is not what its digest says", meal, today)


@pytest.mark.parametrize(
    ("label", "words"),
    [("../other@1", "is no name of a bundle"), ("meal@7", "which is not there"), ("", "is no name"),
     ("x" * 500, "is no label"), ("meal@1\n\n", "")],
)  # fmt: skip
def test_current_is_not_trusted(cli, meal, today, label, words):
    (meal / "current").write_text(label)
    done = cli("transfer", "predict", meal, today)
    assert done.exit_code == (3 if words else 0)
    assert words in done.stderr


def test_hostile_names_stay_in_their_cell(cli, meal, tmp_path):
    row = measured(seed=1)[0].value
    path = store(tmp_path / "x\ty.h5", trace(row, "a\tb\nc\x1b[31m", native="=1+1\r\n"))
    done = cli("transfer", "predict", meal, path)
    assert done.exit_code == 0, done.stderr
    found = rows(done.stdout)
    assert len(found) == 2
    assert found[0]["sample"] == "a b c [31m"
    assert found[0]["file"].endswith("x y.h5")


def test_a_folder_that_cannot_be_written_still_predicts_without_record(cli, meal, today, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(meal, copy)
    (copy / "record.jsonl.lock").unlink()
    (copy / "record.jsonl.lock").mkdir()
    done = cli("transfer", "predict", copy, today)
    assert done.exit_code == 3
    assert "cannot be written" in done.stderr
    assert cli("transfer", "predict", copy, today, "--no-record").exit_code == 0


def test_a_forced_fit_is_said_at_every_prediction(cli, tmp_path, today):
    bundle, _ = fit_into(
        tmp_path, "meal@1", said_otherwise={"gate": {"q": None, "t2": None, "forced": True}}
    )
    assert "--force overrode it" in cli("transfer", "predict", bundle.path, today).stderr
    broken, _ = fit_into(tmp_path, "meal@2", said_otherwise={"gate": {"q": "high"}})
    done = cli("transfer", "predict", broken.path, today)
    assert done.exit_code == 4
    assert "the limit of its gate 'q' is 'high', no number" in done.stderr


def test_labels_go_on_from_the_highest(meal):
    folder = TransferFolder.open(meal)
    assert folder.next_label("meal") == folder.next_label("other")[:-7] + "meal@2"
    fit_into(meal, "meal@10")
    assert folder.next_label("meal") == "meal@11"
    assert folder.versions() == ["meal@1", "meal@10"]
    assert folder.current() == "meal@1"
    assert isinstance(folder.bundle("meal@10"), Bundle)


def test_prediction_reads_no_torch_and_no_plugin(meal, today):
    code = (
        "import sys; from spectrakit.cli import main; code = main(sys.argv[1:]); "
        "assert not {m for m in sys.modules if m.startswith(('torch', 'spectrakit_', 'rdkit', "
        "'pyopenms', 'sklearn'))}; sys.exit(code)"
    )
    argv = ["transfer", "predict", str(meal), str(today), "--no-record"]
    run = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize(
    "name", ["current", "record.jsonl", "metrics.json", "meal@1/x.tsv", "./meal@1"]
)
def test_files_of_the_transfer_are_not_written_over(cli, meal, today, name):
    before = {p: p.read_bytes() for p in meal.rglob("*") if p.is_file()}
    done = cli("transfer", "predict", meal, today, "-o", f"{meal}/{name}")
    assert done.exit_code == 2, done.stderr
    assert "belongs to the transfer" in done.stderr
    assert {p: p.read_bytes() for p in meal.rglob("*") if p.is_file()} == before


def test_a_bundle_that_was_renamed_is_refused(cli, meal, today):
    shutil.copytree(meal / "meal@1", meal / "meal@2")
    (meal / "current").write_text("meal@2\n")
    done = cli("transfer", "predict", meal, today)
    assert done.exit_code == 3
    assert "holds the bundle meal@1" in done.stderr


@pytest.mark.parametrize("verb", ["predict", "drift"])
def test_answers_to_a_reader_that_goes_away_are_recorded(meal, tmp_path, verb):
    """``| head`` took the first answers: the record must say that they were given."""
    samples = [f"s{k}" for k in range(1, 1500)]
    path = store(tmp_path / "many.h5", *measured(samples, date="2026-03-01"))
    command = [sys.executable, "-m", "spectrakit", "transfer", verb, str(meal), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
        run.stdout.readline()
        run.stdout.close()
        error = run.stderr.read()
    assert run.returncode == 0, error
    assert b"Traceback" not in error
    assert check(meal)[-1]["action"] == verb
