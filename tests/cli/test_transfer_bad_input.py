"""Bad input of ``transfer fit`` and ``plan``: one line with place and advice, and nothing written.

Instruments are simulated (``mixtures``).
"""

import html
import json

import numpy as np
import pytest
from mixtures import AXIS, pair

OLD, NEW = pair()
PROTEIN = list(OLD.columns["protein [%]"])


def changed(one, row, column, value):
    values = one.values.copy()
    values[row, column] = value
    return one.but(values=values)


def told(one, cells, name="protein [%]"):
    return one.but(columns={**one.columns, name: cells})


@pytest.fixture
def fit(cli, tmp_path, monkeypatch):
    """Write both tables, fit into ``out`` and return what a user sees."""
    monkeypatch.chdir(tmp_path)

    def run(source, target, *options, unit="absorbance", axis="nm", name="protein", own="nm"):
        source.csv(tmp_path / "old.csv", axis=own)
        target.csv(tmp_path / "new.csv", unit, axis)
        words = ["--out", "out"] if "-o" not in options else []
        named = ["--property", name] if name else []
        method = ["--method", "bias"] if "--method" not in options else []
        return cli(
            "transfer", "fit", "old.csv", "new.csv", *named, *method, *words, *options
        )  # fmt: skip

    return run


def refused(done, code, *words):
    """Check exit code, one line of error with what must be in it, and no traceback."""
    assert done.exit_code == code, done.stderr
    lines = [line for line in done.stderr.splitlines() if "error: " in line]
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr
    for word in words:
        assert word in done.stderr


SWAPPED = NEW.but(values=NEW.values[[*range(2), 16, *range(3, 16), 2, *range(17, 40)]])
SPOILT = changed(NEW, 2, slice(20, 28), NEW.values[2, 20:28] + 0.5)
TWO = OLD.but(
    name="", samples=OLD.samples * 2, values=np.vstack([OLD.values, NEW.values]),
    columns={"instrument": ["old"] * 40 + ["new"] * 40, "protein [%]": PROTEIN * 2},
)  # fmt: skip

INPUTS = {
    "other axis unit": (OLD, NEW, {"axis": "cm-1"}, 4, ["'old'", "nm", "cm-1", "--axis-unit"]),
    "transmittance": (
        OLD, NEW.but(values=10**-NEW.values), {"unit": "transmittance"}, 4,
        ["absorbance", "transmittance", "--target-preprocess 'absorbance'"],
    ),
    "transmittance that no file names": (
        OLD, NEW.but(values=100 * 10**-NEW.values), {"unit": ""}, 4,
        ["direction of bands", "transmittance", "--target-preprocess", "absorbance(full=100)"],
    ),
    "wavenumbers that no file names": (
        OLD, NEW.but(axis=1e7 / NEW.axis), {"axis": ""}, 4,
        ["share 0 nm of 590 nm:", "nm and wavenumber in cm-1 they would", "no common range"],
    ),
    "other unit of the property": (
        OLD, NEW.but(columns={"split": NEW.columns["split"], "protein [g/kg]": PROTEIN}), {}, 4,
        ["'protein' is in %", "'old'", "g/kg", "'new'"],
    ),
    "other ids": (
        OLD, NEW.but(samples=tuple(f"x{k}" for k in range(40))), {}, 4,
        ["no sample id in common", "s00", "x0", "--standards 0"],
    ),
    "a gap": (OLD, changed(NEW, 3, 7, np.nan), {}, 3, ["new.csv", "'s03'", "1170 nm", "cut("]),
    "a constant spectrum": (OLD, changed(NEW, 3, slice(None), 0.4), {}, 3, ["'s03'", "0.4"]),
    "saturated": (OLD, NEW.but(values=np.minimum(NEW.values, 0.5)), {}, 4, ["saturated", "'s00'"]),
    "negative": (OLD, NEW.but(values=NEW.values - 2), {}, 4, ["new.csv", "-0.1", "median"]),
    "huge values": (OLD, changed(NEW, 5, 9, 1e200), {}, 3, ["new.csv", "'s05'", "1e+200"]),
    "few channels": (
        OLD.but(axis=AXIS[:6], values=OLD.values[:, :6]), NEW, {}, 3, ["old.csv", "6 channels"],
    ),
    "one sample": (OLD.rows([0]), NEW.rows([0]), {}, 4, ["'protein'"]),
    "two samples": (OLD.rows([0, 1]), NEW.rows([0, 1]), {}, 4, ["2 source samples", "6 at least"]),
    "no rows": (OLD.rows([]), NEW, {}, 4, ["old.csv", "has no spectra"]),
    "text": (told(OLD, ["high"] * 40), NEW, {}, 3, ["'protein'", "'s00'", "'high'"]),
    "one text": (
        told(OLD, [*PROTEIN[:5], "<0.5", *PROTEIN[6:]]), NEW, {}, 3, ["'s05'", "'<0.5'"],
    ),
    "one value for all": (told(OLD, [7.0] * 40), NEW, {}, 4, ["'protein' is 7"]),
    "huge reference": (told(OLD, [p * 1e300 for p in PROTEIN]), NEW, {}, 3, ["'s00'", "e+300"]),
    "swapped standards": (
        OLD, SWAPPED, {}, 4,
        ["swapped standards", "'s02' looks like the source's 's16'", "--force"],
    ),
    "a spoilt standard": (
        OLD, SPOILT, {}, 4, ["outlier among standards", "'s02'", "spoilt", "--force"],
    ),
    "two instruments": (
        TWO, NEW, {}, 4, ["2 instruments", "Did you mean --source-where instrument=new?"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INPUTS)
def test_bad_data_are_refused_in_one_line(fit, tmp_path, case):
    source, target, given, code, words = INPUTS[case]
    refused(fit(source, target, **given), code, *words)
    assert not (tmp_path / "out").exists()


OPTIONS = {
    "one standard": (["--standards", "1"], 4, ["needs 2 standards, there are 1"]),
    "too many": (["--standards", "100"], 4, ["100", "40 labelled", "at most 40"]),
    "negative": (["--standards", "-3"], 2, ["-3 is negative"]),
    "no number": (["--standards", "+-5"], 4, ["'+-5'"]),
    "endless number": (["--standards", "9" * 5000], 4, ["999"]),
    "unknown id": (["--standards", "s00,s0l,s02"], 4, ["'s0l'", "Did you mean"]),
    "an id twice": (["--standards", "s00,s00"], 2, ["'s00' twice"]),
    "an empty id": (["--standards", "s00,,s01"], 2, ["empty id"]),
    "no such list": (["--standards", "@nope.txt"], 2, ["@nope.txt", "cannot be read"]),
    "huge list": (["--standards", "@huge.txt"], 4, ["'q0'"]),
    "a test sample": (
        ["--standards", "s00,s39,s01", "--test-where", "split=test"], 4, ["'s39'"],
    ),
    "level 2": (["--level", "2"], 2, ["--level"]),
    "level nan": (["--level", "nan"], 2, ["--level"]),
    "design": (["--design", "kennard"], 2, ["'kennard'", "Did you mean 'kennard-stone'?"]),
    "method": (["--method", "psd"], 2, ["'psd'", "Did you mean 'pds'?"]),
    "a property twice": (["-p", "protein"], 2, ["'protein' is named twice"]),
    "unknown property": (["-p", "fta"], 4, ["'fta'", "Did you mean 'fat'?"]),
    "no test": (
        ["--test-where", "split=nope"], 4,
        ["new.csv: --test-where split=nope selects none of 40 spectra", "'train', 'test'"],
    ),
    "all test": (["--test-where", "instrument=new"], 4, ["leaves no sample"]),
    "where nothing": (["--target-where", "split=x"], 4, ["new.csv", "--target-where"]),
    "where mistyped": (
        ["--target-where", "instrument=nwe"], 4,
        ["instrument=nwe selects none of 40", "Did you mean 'new'?", "They have: 'new'."],
    ),
    "where never together": (
        ["--target-where", "split=test", "--target-where", "sample=s00"], 4,
        ["new.csv: --target-where selects none of 40", "split=test and sample=s00 together"],
    ),
    "where nobody has one": (
        ["--target-where", "sample.date=1"], 4, ["None has a sample.date."],
    ),
    "where column": (["--source-where", "instrment=a"], 2, ["Did you mean 'instrument'?"]),
    "where": (["--source-where", "instrument"], 2, ["'instrument'", "'='"]),
    "step": (["--preprocess", "snvv"], 2, ["'snvv'", "Did you mean 'snv'?"]),
    "cut of all": (["--preprocess", "cut(1-2)"], 4, ["1 to 2", "1100 to 1690"]),
    "name elsewhere": (["--name", "../../evil"], 2, ["'../../evil@1'"]),
    "name": (["--name", "A b"], 2, ["'A b@1'", "NAME@VERSION"]),
    "long name": (["--name", "a" * 400], 2, ["NAME@VERSION"]),
    "out is empty": (["-o", ""], 2, ["--out is empty"]),
    "out is a file": (["-o", "huge.txt"], 3, ["huge.txt", "is a file"]),
    "out under a file": (["-o", "huge.txt/x"], 3, ["huge.txt"]),
    "out is an input": (["-o", "old.csv"], 2, ["old.csv", "input"]),
    "out is another folder": (["-o", "precious"], 2, ["precious", "mine.txt"]),
    "endless out": (["-o", "x" * 300], 3, ["too long"]),
}  # fmt: skip


@pytest.mark.parametrize("case", OPTIONS)
def test_bad_options_are_refused_in_one_line(fit, tmp_path, case):
    options, code, words = OPTIONS[case]
    (tmp_path / "huge.txt").write_text("\n".join(f"q{k}" for k in range(100_000)))
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "mine.txt").write_text("mine")
    done = fit(OLD, NEW, *options)
    if "--level" in words:  # the words are Typer's
        assert done.exit_code == code
        assert "--level" in done.stderr
    else:
        refused(done, code, *words)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert left == {"huge.txt", "old.csv", "new.csv", "precious", "precious/mine.txt"}
    assert not (tmp_path.parent / "evil@1").exists()


def test_an_id_that_two_samples_share_is_said(fit):
    """Their mean became a standard without a word."""
    twice = NEW.rows([*range(40), 2])
    values = twice.values.copy()
    values[40] = values[16]
    done = fit(OLD, twice.but(values=values), "--test-where", "split=test", "--force")
    assert "new.csv: 41 spectra of 40 samples: those of a sample are averaged" in done.stderr
    assert "spectra of sample 's02' differ as much as samples do (1 such)" in done.stderr
    done = fit(OLD, NEW.rows([*range(40), 2]), "--test-where", "split=test", "-o", "again")
    assert done.exit_code == 0, done.stderr
    assert "differ as much as samples do" not in done.stderr


def test_an_axis_without_unit_leaves_no_hole_in_the_text(fit):
    """Messages had a blank and a comma or bracket where the unit would have been."""
    moved = NEW.but(axis=NEW.axis + 3.0)
    done = fit(OLD, moved, "--test-where", "split=test", axis="", own="")
    assert done.exit_code == 0, done.stderr
    assert "1103 to 1683, step 10." in done.stderr
    done = fit(OLD, changed(NEW, 3, 7, np.nan), axis="", own="")
    refused(done, 3, "no value at 1170 (1 of 40 samples")


def test_no_property_and_no_file(fit, cli):
    refused(fit(OLD, NEW, name=""), 2, "no property is named")
    refused(cli("transfer", "fit", "nope.csv", "-p", "fat"), 3, "nope.csv", "no such file")
    refused(cli("transfer", "plan", "nope.csv"), 3, "nope.csv", "no such file")


def test_mass_spectra_are_no_traces(cli, sample_mzml, tmp_path):
    for verb in ("fit", "plan"):
        done = cli("transfer", verb, sample_mzml, "-p", "fat", "-o", tmp_path / "out")
        refused(done, 4, "sample.mzML", "scan=1", "peak list")


def test_a_swapped_standard_forced_is_recorded_everywhere(fit, tmp_path):
    done = fit(OLD, SWAPPED, "--force", "--reason", "a rush")
    assert done.exit_code == 0, done.stderr
    assert done.stderr.count("gate 'swapped standards' refused and --force went on") == 1
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    (gate,) = [one for one in told["gates"] if one["name"] == "swapped standards"]
    assert (gate["passed"], gate["forced"]) == (False, True)
    (entry,) = map(json.loads, (tmp_path / "out" / "record.jsonl").read_text().splitlines())
    assert entry["result"]["forced"] == ["swapped standards", "outlier among standards"]
    assert entry["parameters"]["force"] is True
    report = (tmp_path / "out" / "report.html").read_text()
    assert "'s02' looks like the source's 's16'" in html.unescape(report)


def test_replicates_with_different_reference_values_in_two_files(cli, fit, tmp_path):
    folder = tmp_path / "both"
    folder.mkdir()
    OLD.csv(folder / "a.csv")
    told(OLD, [p + (k == 3) for k, p in enumerate(PROTEIN)]).csv(folder / "b.csv")
    done = cli("transfer", "fit", folder, "-p", "protein", "-o", tmp_path / "out")
    refused(done, 3, "'s03'", "protein", "both")


def test_a_gap_is_cut_away_and_snv_is_no_negative_absorbance(fit):
    """The advice of the error was no way out: gaps were refused before the cut."""
    target = changed(NEW, 3, slice(0, 8), np.nan)
    done = fit(OLD, target, "--preprocess", "cut(1200-1690),snv", "--standards", "8")
    assert done.exit_code == 0, done.stderr


def test_constant_channels_and_axes_of_the_other_direction_are_no_errors(fit, tmp_path):
    assert fit(OLD, NEW, "--standards", "8").exit_code == 0
    known = (tmp_path / "out" / "protein@1" / "predict.onnx").read_bytes()
    turned = NEW.but(axis=AXIS[::-1], values=NEW.values[:, ::-1])
    assert fit(OLD, turned, "--standards", "8", "-o", "b").exit_code == 0
    assert (tmp_path / "b" / "protein@1" / "predict.onnx").read_bytes() == known
    dead = changed(changed(NEW, slice(None), 10, 0.5), slice(None), 20, 0.0)
    done = fit(OLD, dead, "--standards", "8", "-o", "c")
    assert done.exit_code == 0
    assert "2 of 60 channels have the same value in every spectrum" in done.stderr


def test_verify_and_drift_write_over_no_input(fit, cli, tmp_path):
    """The head of the record was written over the spectra it vouches for."""
    assert fit(OLD, NEW, "--standards", "8").exit_code == 0
    known = {name: (tmp_path / name).read_bytes() for name in ("old.csv", "new.csv")}
    done = cli("transfer", "verify", "out", "--no-rerun", "--export", "old.csv")
    refused(done, 2, "old.csv: is an input and the output")
    done = cli("transfer", "drift", "out", "new.csv", "--date", "2026-01-02", "--report", "new.csv")
    refused(done, 2, "new.csv: is an input and the output")
    assert {name: (tmp_path / name).read_bytes() for name in known} == known


NAMES = ["a\nb", "a\tb", "<script>alert(1)</script>", "../../evil", "x" * 3000, "šé漢\u202e",
         "=1+1", '"q"', "s'q", "a,b", *(f"s{k:02d}" for k in range(10, 40))]  # fmt: skip


def test_hostile_names_stay_text(fit, cli, tmp_path):
    name = "../../<b>prötein</b>"
    source, target = (
        one.but(
            name="<script>\x1b[31m",
            samples=tuple(NAMES),
            columns={"split": one.columns["split"], name: PROTEIN},
        )
        for one in (OLD, NEW)
    )
    done = fit(source, target, "--standards", "12", "--reason", "x\n<script>", name=name)
    assert done.exit_code == 0, done.stderr
    assert "\x1b" not in done.stderr
    report = (tmp_path / "out" / "report.html").read_text()
    assert "<script>" not in report
    assert "<b>pr" not in report
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert {one for one in names if "@" in one} == {"b-pr-tein--b@1"}
    done = cli("transfer", "predict", "out", "new.csv")
    assert done.exit_code == 0, done.stderr
    assert len(done.stdout.splitlines()) == 41
    assert {line.count("\t") for line in done.stdout.splitlines()} == {
        done.stdout.splitlines()[0].count("\t")
    }
    assert "\x1b" not in done.stdout + done.stderr


PLANS = {
    "report is an input": (["--report", "old.csv"], 2, ["old.csv: is an input and the output"]),
    "out is an input": (["-o", "old.csv"], 2, ["old.csv: is an input and the output"]),
    "one file twice": (["-o", "a", "--report", "./a"], 2, ["--out and --report"]),
    "too many": (["--standards", "100"], 4, ["100", "at most 40"]),
    "one": (["--standards", "1"], 2, ["--standards"]),
    "design": (["--design", "spyx"], 2, ["Did you mean 'spxy'?"]),
    "property": (["-p", "fta"], 4, ["Did you mean 'fat'?"]),
    "where": (["--source-where", "split=x"], 4, ["--source-where"]),
    "out": (["-o", "new/x.tsv"], 3, ["x.tsv"]),
}


@pytest.mark.parametrize("case", PLANS)
def test_bad_options_of_plan(cli, tmp_path, monkeypatch, case):
    monkeypatch.chdir(tmp_path)
    OLD.csv(tmp_path / "old.csv")
    options, code, words = PLANS[case]
    done = cli("transfer", "plan", "old.csv", "--no-curve", *options)
    assert done.exit_code == code, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr
    assert done.stdout == ""
    assert [path.name for path in tmp_path.iterdir()] == ["old.csv"]
    assert (tmp_path / "old.csv").read_text().startswith("sample,")


def test_a_plan_of_few_samples_has_no_curve_and_honest_leverages(cli, tmp_path):
    """Seven samples in ten components had leverages above 1, and a curve of one test sample."""
    seven = OLD.rows(range(7))
    done = cli("transfer", "plan", seven.csv(tmp_path / "a.csv"), "-p", "fat", "--standards", "3")
    assert done.exit_code == 0, done.stderr
    assert "7 samples are too few for a learning curve; it needs 12" in done.stderr
    assert "Warning" not in done.stderr
    found = [line.split("\t") for line in done.stdout.splitlines()[1:]]
    assert all(float(one[3]) <= 1 + 1e-9 for one in found)


def test_spectra_that_are_all_the_same(cli, tmp_path):
    """They were planned, one of them twice, and even fitted."""
    same = OLD.but(values=np.repeat(OLD.values[:1], 40, axis=0)).csv(tmp_path / "same.csv")
    for verb in ("plan", "fit"):
        done = cli("transfer", verb, same, "-p", "fat", "-o", tmp_path / "out")
        refused(done, 3, "same.csv", "all 40 spectra are the same")
    one = told(OLD, [3.0] * 40).csv(tmp_path / "one.csv")
    refused(cli("transfer", "plan", one, "-p", "protein"), 4, "'protein' is 3")
