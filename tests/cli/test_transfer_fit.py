"""``transfer fit`` and ``plan`` through the command line, on simulated instruments (``mixtures``).

What the tables say is recomputed here by numpy from what ``transfer predict`` answers.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from mixtures import AXIS, BANDS, affine_pair, concentrations, pair

FIGURES = ["rmsep", "r2", "bias", "slope", "sep", "rpd", "n_standards", "n_test", "ceiling_ratio"]
TEST = ("--test-where", "split=test")


def rows(text):
    return list(csv.DictReader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))


def metrics(folder):
    return json.loads((folder / "metrics.json").read_text())


def graph(folder, label="protein@1"):
    return (folder / label / "predict.onnx").read_bytes()


@pytest.fixture
def fit(cli, tmp_path, monkeypatch):
    """Write both tables, fit into ``out``; cheap methods unless one is asked for."""
    monkeypatch.chdir(tmp_path)

    def run(source, target, *options, out="out", name="protein", method="bias"):
        source.csv(tmp_path / "old.csv")
        target.csv(tmp_path / "new.csv")
        named = [word for one in name.split(",") for word in ("--property", one)]
        done = cli(
            "transfer", "fit", "old.csv", "new.csv", *named, "-o", out, "--method", method, *options
        )  # fmt: skip
        assert done.exit_code == 0, done.stderr
        return tmp_path / out

    return run


def test_an_instrument_that_scans_wavenumbers_meets_one_that_scans_wavelengths(
    cli, tmp_path, monkeypatch
):
    """The same spectra, their axis once in nm and once in cm-1, get the same answers."""
    monkeypatch.chdir(tmp_path)
    old, new = pair()
    old.csv(tmp_path / "old.csv")
    new.csv(tmp_path / "nm.csv")
    new.but(axis=1e7 / new.axis).csv(tmp_path / "cm.csv", "absorbance", "cm-1")
    found = {}
    for name in ("nm", "cm"):
        words = ("old.csv", f"{name}.csv", "-p", "protein", "-o", name, "--method", "updating")
        done = cli("transfer", "fit", *words)
        assert done.exit_code == 0, done.stderr
        assert ("is brought from cm-1 to the nm" in done.stderr) == (name == "cm")
        told = cli("transfer", "predict", name, f"{name}.csv", "--force")
        assert told.exit_code == 0, told.stderr
        found[name] = {one["sample"]: float(one["value"]) for one in rows(told.stdout)}
    assert len(found["nm"]) == len(new.samples)
    assert found["cm"] == pytest.approx(found["nm"], rel=1e-4)


@pytest.fixture
def answers(cli, tmp_path):
    """Return {property: {sample: value}} of ``transfer predict``."""

    def run(folder, table="new.csv", *options):
        done = cli("transfer", "predict", folder, tmp_path / table, "--force", *options)
        assert done.exit_code == 0, done.stderr
        found = {}
        for one in rows(done.stdout):
            found.setdefault(one["property"], {})[one["sample"]] = one
        return found

    return run


def recomputed(known, predicted):
    """Return the figures by their definitions."""
    error = predicted - known
    sep = error.std(ddof=1)
    return {
        "rmsep": np.sqrt((error**2).mean()),
        "r2": 1 - (error**2).sum() / ((known - known.mean()) ** 2).sum(),
        "bias": error.mean(),
        "slope": np.polyfit(predicted, known, 1)[0],
        "sep": sep,
        "rpd": known.std(ddof=1) / sep,
    }


def values(found, samples):
    return np.array([float(found[sample]["value"]) for sample in samples])


def test_auto_writes_every_figure_and_they_are_those_of_the_predictions(fit, answers):
    old, new = pair()
    out = fit(old, new, *TEST, "--standards", "8", name="protein,fat", method="auto")
    told = metrics(out)
    assert set(told["properties"]) == {"protein", "fat"}
    assert len(told["standards"]) == 8
    found = answers(out)
    tests = [sample for sample, split in zip(new.samples, new.columns["split"], strict=True)
             if split == "test"]  # fmt: skip
    assert not set(told["standards"]) & set(tests)
    for name in ("protein", "fat"):
        one = told["properties"][name]
        assert one["unit"] == "%"
        assert one["chosen"] == "auto"
        assert one["why"]
        assert sum(one["weights"].values()) == pytest.approx(1)
        assert {"auto", "none", "target-only", "mean-difference", "pds", "average"} <= set(
            one["methods"]
        )
        for row in one["methods"].values():
            assert set(FIGURES) <= set(row)
            assert row["n_test"] == (0 if row["refused"] else 12)
            assert row["n_standards"] == 8
            assert row["ceiling_ratio"] is None  # 28 labelled target samples are no ceiling
        reference = dict(zip(new.samples, new.columns[f"{name} [%]"], strict=True))
        known = np.array([reference[sample] for sample in tests])
        expected = recomputed(known, values(found[name], tests))
        for figure, value in expected.items():
            assert one["methods"]["auto"][figure] == pytest.approx(value, rel=1e-6, abs=1e-9)
        half = one["interval"]["half_width"]
        first = found[name][tests[0]]
        assert float(first["upper"]) - float(first["value"]) == pytest.approx(half, rel=1e-6)
        inside = np.abs(values(found[name], tests) - known) <= half
        assert one["interval"]["coverage"] == pytest.approx(inside.mean())
    # the pair differs by far more than the noise: auto must be near it, and none is not
    protein = told["properties"]["protein"]["methods"]
    assert protein["auto"]["rmsep"] < 0.02 < protein["none"]["rmsep"]
    page = (out / "report.html").read_text()
    assert "target-only" in page


def test_the_ceiling_is_there_from_40_labelled_target_samples(fit):
    old, new = pair(n=54, tests=12)
    told = metrics(fit(old, new, *TEST, "--standards", "8"))["properties"]["protein"]["methods"]
    assert all(one["ceiling_ratio"] > 0 for one in told.values() if not one["refused"])
    ratio = {name: one["ceiling_ratio"] / one["rmsep"] for name, one in told.items()}
    assert max(ratio.values()) == pytest.approx(min(ratio.values()))  # one denominator


@pytest.mark.parametrize("method", ["mean-difference", "pds", "ds"])
def test_an_instrument_that_differs_by_an_offset_is_exact(fit, answers, method):
    """A spectrum moved by one curve: the difference of the means is that curve."""
    old, new = affine_pair()
    out = fit(old, new, *TEST, "--standards", "8", method=method)
    told = metrics(out)["properties"]["protein"]["methods"]
    assert told[method]["rmsep"] < 1e-3
    known = np.array(new.columns["protein [%]"])
    got = values(answers(out)["protein"], new.samples)
    np.testing.assert_allclose(got, known, atol=5e-3)


def test_slope_and_bias_correct_a_gain_exactly(fit):
    old, _ = affine_pair()
    new = old.but(name="new", values=1.3 * old.values)
    told = metrics(fit(old, new, *TEST, "--standards", "8", method="slope-bias"))
    methods = told["properties"]["protein"]["methods"]
    assert methods["slope-bias"]["rmsep"] < 1e-2
    assert methods["target-only"]["n_test"] == 12


def test_intervals_say_why_there_are_none(fit):
    old, new = pair()
    for n, level, least in ((3, "0.8", 4), (8, "0.8", None), (8, "0.9", 9)):
        out = fit(old, new, *TEST, "--standards", str(n), "--level", level, out=f"{n}-{level}")
        told = metrics(out)["properties"]["protein"]["interval"]
        assert told["n_residuals"] == n
        assert told["level"] == float(level)
        if least is None:
            assert told["half_width"] > 0
            assert told["reason"] == ""
        else:
            assert told["half_width"] is None
            assert f"needs at least {least}" in told["reason"]


@pytest.mark.parametrize(
    ("method", "options"), [("paired-average", ()), ("slope-bias", ("--preprocess", "msc,sg1"))]
)
def test_test_samples_change_nothing_of_the_bundle(fit, method, options):
    old, new = pair()
    out = fit(old, new, *TEST, "--standards", "8", *options, method=method, out="a")
    rng = np.random.default_rng(3)
    spectra = new.values.copy()
    spectra[28:] = spectra[28:][::-1] + 0.1 * rng.random((12, 60))
    labels = {**new.columns, "protein [%]": [*list(new.columns["protein [%]"])[:28], *range(12)]}
    other = fit(
        old, new.but(values=spectra, columns=labels), *TEST, "--standards", "8", *options,
        method=method, out="b",
    )  # fmt: skip
    assert graph(out) == graph(other)
    assert (
        metrics(out)["properties"]["protein"]["methods"]
        != (metrics(other)["properties"]["protein"]["methods"])
    )


def test_the_order_of_rows_and_a_second_copy_of_each_change_nothing(fit, answers):
    old, new = pair()
    known = values(answers(fit(old, new, *TEST, "--standards", "8", out="a"))["protein"],
                   new.samples)  # fmt: skip
    order = np.random.default_rng(1).permutation(40)
    out = fit(old.rows(order), new.rows(order[::-1]), *TEST, "--standards", "8", out="b")
    np.testing.assert_allclose(values(answers(out)["protein"], new.samples), known, atol=1e-9)
    twice = np.repeat(np.arange(40), 2)
    out = fit(old.rows(twice), new.rows(twice), *TEST, "--standards", "8", out="c")
    new.csv(out.parent / "once.csv")
    again = values(answers(out, "once.csv")["protein"], new.samples)
    np.testing.assert_allclose(again, known, atol=1e-9)


def test_a_seed_gives_the_same_bytes_and_a_second_fit_is_a_second_version(fit):
    old, new = pair()
    options = (*TEST, "--standards", "5", "--seed", "7")
    one = fit(old, new, *options, method="slope-bias", out="a")
    two = fit(old, new, *options, method="slope-bias", out="b")
    for name in ("metrics.json", "protein@1/bundle.json", "protein@1/predict.onnx"):
        assert (one / name).read_bytes() == (two / name).read_bytes(), name
    assert (one / "current").read_text() == "protein@1\n"
    fit(old, new, *options, out="a")
    assert (one / "current").read_text() == "protein@2\n"
    assert metrics(one)["bundle"] == "protein@2"
    assert graph(one) == graph(two)
    assert graph(one, "protein@2") != graph(one)


def test_standards_by_id_by_list_and_by_number(fit, tmp_path):
    old, new = pair()
    ids = ["s03", "s11", "s02", "s19", "s07"]
    (tmp_path / "ids.txt").write_text("\n".join(ids) + "\n\n")
    told = [
        metrics(fit(old, new, *TEST, "--standards", word, out=f"o{k}"))
        for k, word in enumerate((",".join(ids), "@ids.txt", "5"))
    ]
    assert told[0]["standards"] == told[1]["standards"] == ids
    assert told[0]["properties"] == told[1]["properties"]
    assert len(told[2]["standards"]) == 5


def test_without_standards_unlabelled_spectra_of_the_target_are_used(fit, answers):
    """Different samples on both instruments, of the same kind: no gate needs to believe that."""
    old, new = pair(n=60, tests=12)
    options = (*TEST, "--standards", "0", "--force")
    out = fit(old.rows(range(24)), new.rows(range(24, 60)), *options)
    assert all(gate["passed"] != gate["forced"] for gate in metrics(out)["gates"])
    one = metrics(out)["properties"]["protein"]
    assert one["chosen"] == "label-free"
    assert one["interval"]["half_width"] is None
    assert one["interval"]["reason"]
    assert one["methods"]["label-free"]["n_test"] == 12
    assert one["methods"]["label-free"]["rmsep"] < one["methods"]["none"]["rmsep"]


def test_the_source_alone_is_a_calibration(cli, tmp_path, answers):
    old, _ = pair()
    path = old.csv(tmp_path / "old.csv")
    done = cli("transfer", "fit", path, "-p", "protein", "-o", tmp_path / "out", *TEST)
    assert done.exit_code == 0, done.stderr
    one = metrics(tmp_path / "out")["properties"]["protein"]
    assert one["chosen"] == "pls"
    assert one["methods"]["pls"]["rmsep"] < 0.02
    known = np.array(old.columns["protein [%]"])[28:]
    got = values(answers(tmp_path / "out", "old.csv")["protein"], old.samples[28:])
    assert one["methods"]["pls"]["rmsep"] == pytest.approx(np.sqrt(np.mean((got - known) ** 2)))


def test_two_instruments_in_one_store(cli, fit, tmp_path):
    old, new = pair()
    apart = fit(old, new, *TEST, "--standards", "8", out="a")
    both = old.but(
        samples=old.samples + new.samples,
        values=np.vstack([old.values, new.values]),
        columns={
            "instrument": ["old"] * 40 + ["new"] * 40,
            **{name: list(cells) * 2 for name, cells in old.columns.items()},
        },
    )
    both.csv(tmp_path / "both.csv")
    assert cli("convert", "both.csv", "-o", "both.h5").exit_code == 0
    done = cli(
        "transfer", "fit", "both.h5", "both.h5", "-p", "protein", "-o", "b", *TEST, "--method",
        "bias", "--standards", "8", "--source-where", "instrument=old", "--target-where",
        "instrument=new",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert graph(apart) == graph(tmp_path / "b")


def test_progress_counts_methods_of_every_group_of_properties(cli, tmp_path, monkeypatch):
    """It went on to 16 of 15 methods and -1 s left where properties have other gaps."""
    monkeypatch.setattr("spectrakit.log.LINE_EVERY_SECONDS", 0.0)
    old, new = pair()
    fat = list(old.columns["fat [%]"])
    gaps = old.but(columns={**old.columns, "fat [%]": [*fat[:20], "", *fat[21:]]})
    done = cli(
        "transfer", "fit", gaps.csv(tmp_path / "old.csv"), new.csv(tmp_path / "new.csv"), "-p",
        "protein", "-p", "fat", "--method", "bias", "--standards", "8", "-o", tmp_path / "out",
    )  # fmt: skip
    lines = [line for line in done.stderr.splitlines() if line.startswith("transfer: ")]
    assert [line.split(" methods")[0] for line in lines] == [
        f"transfer: {k} of 6" for k in range(1, 7)
    ]
    assert not any("left" in line for line in lines)  # the first method may take most of the time


def test_one_file_needs_to_be_named_only_once(cli, tmp_path, monkeypatch):
    """--target-where without TARGET was ignored: a calibration of the source came out."""
    monkeypatch.chdir(tmp_path)
    old, new = pair()
    both = old.but(
        samples=old.samples + new.samples,
        values=np.vstack([old.values, new.values]),
        columns={
            "instrument": ["old"] * 40 + ["new"] * 40,
            **{name: list(cells) * 2 for name, cells in old.columns.items()},
        },
    )
    both.csv(tmp_path / "both.csv")
    where = ["--source-where", "instrument=old", "--target-where", "instrument=new"]
    rest = ["-p", "protein", *TEST, "--method", "bias", "--standards", "8", *where]
    for words, out in ((["both.csv"], "once"), (["both.csv", "both.csv"], "twice")):
        done = cli("transfer", "fit", *words, *rest, "-o", out)
        assert done.exit_code == 0, done.stderr
    assert graph(tmp_path / "once") == graph(tmp_path / "twice")
    told = json.loads((tmp_path / "once" / "metrics.json").read_text())
    assert (told["source"], told["target"]) == ("old", "new")
    checked = cli("transfer", "verify", "once")
    assert checked.exit_code == 0, checked.stderr
    assert "spectrakit-verify" not in checked.stderr  # where it was fitted again is no news
    planned = cli("transfer", "plan", "both.csv", "-p", "protein", *where)
    assert "Simulated" not in planned.stderr


@pytest.mark.parametrize(
    "option",
    [["--standards", "8"], ["--method", "pds"], ["--target-preprocess", "snv"],
     ["--coefficients", "c.csv"]],
)  # fmt: skip
def test_options_of_a_transfer_need_a_target(cli, tmp_path, option):
    """They were ignored without a word where TARGET had been forgotten."""
    old, _ = pair()
    path = old.csv(tmp_path / "old.csv")
    done = cli("transfer", "fit", path, "-p", "protein", "-o", tmp_path / "out", *option)
    assert done.exit_code == 2
    assert f"{option[0]} needs spectra of a target, and no TARGET is named." in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("method", ["jypls", "average", "auto"])
def test_instruments_without_a_common_range(fit, method):
    old, _ = pair()
    amounts = concentrations()
    axis = 2000 + 8.0 * np.arange(40)
    bands = np.stack([np.exp(-(((axis - c) / 50) ** 2)) for c in (2050, 2120, 2200, 2280)])
    noise = 1e-4 * np.random.default_rng(2).normal(size=(40, 40))
    new = old.but(name="new", axis=axis, values=amounts @ bands + noise)
    out = fit(old, new, *TEST, "--standards", "15", method=method)
    one = metrics(out)["properties"]["protein"]["methods"]
    assert one[method]["r2"] > 0.95
    assert "no common range" in one["none"]["refused"]
    assert "target-only" in one


def test_a_killed_fit_leaves_no_bundle_and_can_be_repeated(tmp_path, home):
    old, new = pair()
    command = [
        sys.executable, "-m", "spectrakit", "transfer", "fit", old.csv(tmp_path / "old.csv"),
        new.csv(tmp_path / "new.csv"), "-p", "protein", "--standards", "8", "-o", tmp_path / "out",
        "--method", "bias",
    ]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while not (tmp_path / "out").exists() and process.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    left = {path.name for path in (tmp_path / "out").iterdir()}
    if "current" not in left:  # killed before the end
        for label in [name for name in left if "@" in name and ".part-" not in name]:
            assert (tmp_path / "out" / label / "bundle.json").is_file()  # whole, or not there
        assert "record.jsonl" not in left
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_fit_stopped_while_it_draws_leaves_the_folder_as_it_was(cli, fit, monkeypatch):
    """The next version and its metrics.json were there already: verify failed from then on."""
    old, new = pair()
    out = fit(old, new, "--standards", "8")
    before = sorted((path.name, path.stat().st_size) for path in out.rglob("*"))

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("spectrakit.report.transfer.write_transfer_report", stopped)
        again = cli("transfer", "fit", "old.csv", "new.csv", "-p", "protein", "--method", "none",
                    "--standards", "9", "-o", out)  # fmt: skip
        assert again.exit_code == 130
    assert sorted((path.name, path.stat().st_size) for path in out.rglob("*")) == before
    done = cli("transfer", "verify", out, "--no-rerun")
    assert done.exit_code == 0, done.stderr


def test_reference_values_in_the_source_file_alone_judge_the_test_samples(fit, cli, tmp_path):
    """The man page says "from either file"; test samples had no figures, and nothing said so."""
    old, new = pair(n=60)
    both = metrics(fit(old, new, *TEST, "--standards", "8"))
    bare = new.but(columns={"split": new.columns["split"]})
    once = metrics(fit(old, bare, *TEST, "--standards", "8", out="once"))
    one, other = (told["properties"]["protein"]["methods"] for told in (both, once))
    assert one == other
    assert one["bias"]["n_test"] == 12
    assert one["bias"]["ceiling_ratio"] is not None  # 48 labelled target samples
    nobody = old.but(
        columns={**old.columns, "protein [%]": [*list(old.columns["protein [%]"])[:48], *[""] * 12]}
    )
    done = cli(
        "transfer", "fit", nobody.csv(tmp_path / "o.csv"), bare.csv(tmp_path / "n.csv"), "-p",
        "protein", *TEST, "--method", "bias", "-o", tmp_path / "none",
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    assert "no test sample has a reference value of 'protein'" in done.stderr


PLANNED = ["order", "sample", "group", "leverage"]


@pytest.mark.parametrize("design", ["kennard-stone", "spxy", "d-optimal", "leverage", "random"])
def test_a_plan_is_a_table_of_different_samples(cli, tmp_path, design):
    old, _ = pair()
    path = old.csv(tmp_path / "old.csv")
    words = ("transfer", "plan", path, "-p", "protein", "--no-curve", "--design", design)
    done = cli(*words, "--standards", "7")
    assert done.exit_code == 0, done.stderr
    found = rows(done.stdout)
    assert list(found[0]) == PLANNED
    assert [one["order"] for one in found] == [str(k) for k in range(1, 8)]
    assert len({one["sample"] for one in found}) == 7
    assert {one["sample"] for one in found} <= set(old.samples)
    assert all(0 < float(one["leverage"]) <= 1 for one in found)
    assert cli(*words, "--standards", "7").stdout == done.stdout
    if design != "d-optimal":  # the exchange may give up an early choice
        assert rows(cli(*words, "--standards", "4").stdout) == found[:4]


def test_a_plan_and_the_fit_choose_the_same_standards(cli, fit, tmp_path):
    old, new = pair(tests=0)
    out = fit(old, new, "--standards", "6")
    done = cli("transfer", "plan", tmp_path / "old.csv", "-p", "protein", "--no-curve",
               "--standards", "6")  # fmt: skip
    assert [one["sample"] for one in rows(done.stdout)] == metrics(out)["standards"]


def test_a_plan_says_whether_its_curve_is_simulated(cli, tmp_path):
    old, new = (one.rows(range(13)) for one in pair())
    source, target = old.csv(tmp_path / "old.csv"), new.csv(tmp_path / "new.csv")
    report = tmp_path / "plan.html"
    done = cli("transfer", "plan", source, "-p", "fat", "--standards", "3", "--report", report)
    assert done.exit_code == 0, done.stderr
    assert "fat: Simulated instruments" in done.stderr
    assert "imulated" in report.read_text()
    done = cli("transfer", "plan", source, target, "-p", "fat", "--standards", "3")
    assert done.exit_code == 0, done.stderr
    assert "Simulated" not in done.stderr
    assert "fat: " in done.stderr


def test_a_shifted_axis_needs_both_bands(fit):
    """The simulated pair is what it says: 1 nm apart, by cross-correlation."""
    old, new = pair()
    gates = metrics(fit(old, new, "--standards", "8"))["gates"]
    (shift,) = [one for one in gates if one["name"] == "wavelength shift"]
    assert shift["value"] == pytest.approx(1.0 / (AXIS[1] - AXIS[0]), abs=0.05)
    assert BANDS.shape == (4, 60)
