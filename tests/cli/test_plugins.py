"""Plugins that are installed, broken, switched off, or lack what they need."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spectrakit
from spectrakit import registry

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "numpy", "scipy", "h5py", "pyopenms", "rdkit", "lxml", "onnxruntime", "onnx", "sklearn",
    "matplotlib", "pyteomics", "nmrglue", "torch", "pandas", "rich",
}  # fmt: skip
HEAD = """
from dataclasses import dataclass
from spectrakit.plugin import Action, Plugin, option
@dataclass(frozen=True)
class Options:
    steps: int = option(1, "Steps.")
"""
WHOLE = 'plugin = Plugin("{name}", "s", frozenset(), {{"pretrain": Action("a:b", Options)}})'
BROKEN = {
    "no-actions": (HEAD + 'plugin = Plugin("no-actions", "s", frozenset(), None)',
                   "AttributeError"),
    "no-text": (HEAD + 'plugin = Plugin("no-text", 3, frozenset(), {})', "no text"),
    "talks": ("print('hello')", "has no attribute 'plugin'"),
    "import-error": ("import not_there_at_all", "No module named 'not_there_at_all'"),
    "syntax": ("def", "SyntaxError"),
    "exits": ("raise SystemExit(3)", "SystemExit: 3"),
    "no-object": ("", "has no attribute 'plugin'"),
    "no-plugin": ("plugin = 3", "is a int, not a spectrakit.plugin.Plugin"),
    "misnamed": (HEAD + WHOLE.format(name="else"), "called 'misnamed' and its manifest 'else'"),
    "future": (HEAD + WHOLE.format(name="future").replace("})", "}, api=99)"), "API 99"),
    "verb": (HEAD + WHOLE.format(name="verb").replace("pretrain", "pretran"),
             "Did you mean 'pretrain'?"),
    "need": (HEAD + WHOLE.format(name="need").replace("Options)", "Options, needs=('ms3',))"),
             "Did you mean 'ms2'?"),
    "no-default": (HEAD + "@dataclass(frozen=True)\nclass Options:\n    x: int\n"
                   + WHOLE.format(name="no-default"), "option 'x' of Options has no default"),
    "odd-type": (HEAD + "@dataclass(frozen=True)\nclass Options:\n    x: dict = option(None, '')\n"
                 + WHOLE.format(name="odd-type"), "cannot be typed"),
    "odd-default": (HEAD + "@dataclass(frozen=True)\nclass Options:\n"
                    "    x: int = option(1, '', low=2)\n" + WHOLE.format(name="odd-default"),
                    "a default that it refuses"),
}  # fmt: skip


def listed(cli):
    lines = cli("models", "list", "--format", "jsonl").stdout.splitlines()
    return {record["name"]: record for record in map(json.loads, lines)}


def one_error(result, code, *words):
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 2, result.stderr
    assert lines[0].startswith("spectrakit: error:")
    for word in words:
        assert word in result.stderr, result.stderr


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_listed_with_the_reason_and_harms_no_other(
    cli, toy, site, install_plugin, name
):
    source, reason = BROKEN[name]
    module = f"broken_{name.replace('-', '_')}"
    (site / f"{module}.py").write_text(source)
    install_plugin(name, f"{module}:plugin")
    records = listed(cli)  # JSON lines: nothing else came to stdout
    assert reason in records[name]["problem"]
    assert "\n" not in records[name]["problem"]
    assert f"test-{name} 1.0" in records[name]["kind"]
    assert records["toy"]["problem"] == ""
    assert "bin_width" in cli("pretrain", "-m", "toy", "--help").stdout
    one_error(cli("pretrain", "-m", name, "x.h5", "-o", "run"), 5, reason, f"test-{name}")


def test_two_packages_with_one_name_are_told_apart(cli, toy, install_plugin):
    install_plugin("toy", "other:plugin", "other-toy")
    assert "2 packages bring a plugin 'toy'" in listed(cli)["toy"]["problem"]
    one_error(cli("pretrain", "-m", "toy", "x.h5", "-o", "run"), 5, "other-toy", "spectrakit-toy")


def test_the_switch_limits_plugins(cli, toy, monkeypatch):
    for value, names in (("", []), ("toy", ["toy"]), ("absent, toy", ["toy"]), ("absent", [])):
        monkeypatch.setenv("SPECTRAKIT_PLUGINS", value)
        assert [name for name in listed(cli) if "@" not in name] == names


def test_a_missing_extra_is_named_with_the_line_that_installs_it(
    cli, site, install_plugin, monkeypatch, tmp_path, sample_mzml
):
    """It is looked for before the plugin's module is imported."""
    monkeypatch.setitem(registry.EXTRAS, "train", ("not_there_at_all",))
    (site / "needy.py").write_text(
        HEAD + WHOLE.format(name="needy").replace("})", "}, requires=('train',))")
    )
    install_plugin("needy", "needy:plugin")
    result = cli("pretrain", "-m", "needy", sample_mzml, "-o", tmp_path / "run")
    one_error(result, 5, "not_there_at_all", "pip install 'spectrakit[train]'")
    assert not (tmp_path / "run").exists()
    (site / "wanting.py").write_text(
        HEAD + WHOLE.format(name="wanting").replace("Options)", "Options, ('not_there_too',))")
    )
    install_plugin("wanting", "wanting:plugin")
    result = cli("pretrain", "-m", "wanting", sample_mzml, "-o", tmp_path / "run")
    one_error(result, 5, "pip install not_there_too")


def test_extras_are_those_of_the_package():
    import tomllib

    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert set(registry.EXTRAS) == set(extras["optional-dependencies"]) - {"test"}


def test_a_target_that_cannot_be_imported(cli, site, install_plugin, sample_mzml, tmp_path):
    (site / "hollow.py").write_text(HEAD + WHOLE.format(name="hollow").replace("a:b", "hollow:no"))
    install_plugin("hollow", "hollow:plugin")
    result = cli("pretrain", "-m", "hollow", sample_mzml, "-o", tmp_path / "run")
    one_error(result, 5, "'hollow:no' cannot be imported")
    assert not (tmp_path / "run").exists()


def test_a_verb_that_the_plugin_lacks(cli, toy, site, install_plugin, sample_mzml, tmp_path):
    (site / "single.py").write_text(HEAD + WHOLE.format(name="single").replace("pretrain", "ttt"))
    install_plugin("single", "single:plugin")
    result = cli("pretrain", "-m", "single", sample_mzml, "-o", tmp_path / "run")
    one_error(result, 2, "'single' cannot pretrain; it can ttt", "These can:")
    able = result.stderr.partition("These can: ")[2].strip(" .\n").split(", ")
    assert "toy" in able  # beside the plugins that ship
    assert "single" not in able


@pytest.mark.parametrize("argv", [["pretrain", "-m", "toy", "--help"], ["models", "list"]])
def test_looking_at_plugins_loads_no_heavy_module(toy, argv):
    code = (
        "import sys; from spectrakit.cli import main; code = main(sys.argv[1:]); "
        "print('\\n'.join({m.split('.')[0] for m in sys.modules}), file=sys.stderr); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "toy" in run.stdout
    assert not set(run.stderr.split()) & HEAVY


def manual_files():
    """Return the files that spectrakit-plugin(7) shows, and its two examples of use."""
    text = (ROOT / "man" / "spectrakit-plugin.7").read_text(encoding="utf-8")
    text = text[text.index(".SH EXAMPLE") :]
    blocks = re.findall(r"\.(?:SS (\S+)|PP)\n\.nf\n(.*?)\n\.fi", text, flags=re.DOTALL)

    def plain(roff):
        roff = re.sub(r"^\\&", "", roff, flags=re.MULTILINE)
        for escaped, char in (("\\-", "-"), ("\\(aq", "'"), ("\\e", "\\")):
            roff = roff.replace(escaped, char)
        return roff

    return [(plain(name), plain(body)) for name, body in blocks]


def test_the_example_of_the_manual_runs(cli, site, install_plugin, sample_mzml, tmp_path,
                                        monkeypatch):  # fmt: skip
    *files, (use, commands), (_, python) = manual_files()
    assert [name for name, _ in files] == [
        "pyproject.toml", "spectrakit_line/plugin.py", "spectrakit_line/work.py",
    ]  # fmt: skip
    (site / "spectrakit_line").mkdir()
    for name, body in files[1:]:
        (site / name).write_text(body)
    entry = re.search(r'spectrakit\.plugins"\]\n(\w+) = "(\S+)"', files[0][1])
    install_plugin(entry[1], entry[2], "spectrakit-line")
    monkeypatch.chdir(tmp_path)
    assert cli("convert", sample_mzml, "-o", "library.h5").exit_code == 0
    assert use == "Use"
    for line in commands.splitlines():
        result = cli(*line.split()[1:])
        assert result.exit_code == 0, (line, result.stderr)
    package = str(Path(spectrakit.__file__).parents[1])
    run = subprocess.run(
        [sys.executable, "-c", python],
        capture_output=True,
        text=True,
        env=os.environ | {"SPECTRAKIT_PLUGINS": "", "PYTHONPATH": package},
    )
    assert run.returncode == 0, run.stderr
    rows = [line.rsplit(" ", 2) for line in run.stdout.splitlines()]
    assert len(rows) == 119
    assert all(float(value) >= 0 or unit for _, value, unit in rows)
    losses = [json.loads(x)["loss"] for x in Path("line-run/metrics.jsonl").read_text().split("\n")
              if x]  # fmt: skip
    assert losses[-1] < losses[0]
