"""Help is fast because it loads nothing, and says what is there."""

import subprocess
import sys

import pytest

from spectrakit.cli import SECTIONS, load_command

VERBS = [verb for verbs in SECTIONS.values() for verb in verbs]
HEAVY = {
    "numpy", "scipy", "h5py", "pyopenms", "rdkit", "lxml", "onnxruntime", "onnx", "sklearn",
    "matplotlib", "pyteomics", "nmrglue", "torch", "pandas", "rich",
}  # fmt: skip


def modules_after(*argv: str) -> set[str]:
    """Return the top-level modules loaded by one command line in a fresh interpreter."""
    code = (
        "import sys; from spectrakit.cli import main; code = main(sys.argv[1:]); "
        "print('\\n'.join({m.split('.')[0] for m in sys.modules}), file=sys.stderr); sys.exit(code)"
    )
    run = subprocess.run([sys.executable, "-c", code, *argv], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stderr.split())


@pytest.mark.parametrize("argv", [["--help"], *([verb, "--help"] for verb in VERBS)], ids=" ".join)
def test_help_loads_no_heavy_module(argv):
    assert not modules_after(*argv) & HEAVY


@pytest.mark.parametrize("verb", VERBS)
def test_root_help_says_what_the_verb_says(verb):
    summaries = {name: text for verbs in SECTIONS.values() for name, text in verbs.items()}
    assert (load_command(verb).help or "").split("\n")[0] == summaries[verb]


def test_version_is_a_record_on_stdout(cli):
    from spectrakit import __version__

    assert cli("--version").stdout == f"spectrakit {__version__}\n"


def test_an_unknown_verb_is_answered_with_the_nearest(cli):
    result = cli("idntify")
    assert result.exit_code == 2
    assert "Did you mean 'identify'?" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("verb", VERBS)
def test_every_option_has_a_help_text(verb):
    command = load_command(verb)
    for one in getattr(command, "commands", {"": command}).values():
        for param in one.params:
            assert getattr(param, "help", "") or param.param_type_name == "argument", param.name
