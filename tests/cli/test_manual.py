"""Manual pages never differ from the command line, and every one reaches the user."""

import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from spectrakit.cli.manpages import pages
from spectrakit.cli.manual import NOTES

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", pages())
def test_the_page_is_what_the_command_line_says(name):
    held = (ROOT / "man" / name).read_text(encoding="utf-8")
    assert held == pages()[name], "run: python -m spectrakit.cli.manpages man"


def test_the_page_of_transfer_has_a_line_for_each_method():
    from spectrakit.transfer.registry import METHODS

    told = NOTES["transfer"]["METHODS"]
    assert [one.name for one in METHODS if f"\n\n{one.name}: " not in told] == []


def test_every_page_is_installed_in_its_section():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    shared = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]
    for page in (ROOT / "man").iterdir():
        section = page.suffix[1:]
        assert shared[f"man/{page.name}"] == f"share/man/man{section}/{page.name}"


@pytest.mark.skipif(shutil.which("man") is None, reason="no man command on this computer")
@pytest.mark.parametrize("page", sorted((ROOT / "man").iterdir()), ids=lambda p: p.name)
def test_man_renders_the_page_without_warnings(page):
    run = subprocess.run(
        ["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page)],
        capture_output=True,
    )
    assert run.returncode == 0
    assert run.stderr == b""
