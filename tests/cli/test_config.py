"""Defaults from TOML files, and shell completion."""

import os
import subprocess
import sys

import pytest

QUERY = "BEGIN IONS\nTITLE=q\nPEPMASS=195.0877\nCHARGE=1+\n138.0662 9\n110.0713 3\nEND IONS\n"


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "query.mgf"
    path.write_text(QUERY)
    return path


def test_a_config_file_gives_defaults_and_options_win(cli, tmp_path, query):
    config = tmp_path / "lab.toml"
    config.write_text("[identify]\ntop = 2\n")
    lines = cli("identify", query, "--config", config).stdout.splitlines()
    assert len(lines) == 1 + 2
    lines = cli("identify", query, "--config", config, "--top", "3").stdout.splitlines()
    assert len(lines) == 1 + 3


def test_the_users_own_config_is_read_unasked(cli, home, query):
    (home / "config.toml").write_text("[identify]\ntop = 1\n\n[library.add]\nlicence = 'CC0'\n")
    assert len(cli("identify", query).stdout.splitlines()) == 1 + 1
    assert cli("library", "list").exit_code == 0


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("[identify]\ntopp = 2\n", 2, "Did you mean 'top'?"),
        ("[identify\n", 3, "is no TOML"),
        ("identify = 3\n", 2, "is no table"),
        ("[identify]\ntop = 'many'\n", 2, "top"),
    ],
)
def test_a_wrong_config_is_said_in_one_line(cli, tmp_path, query, text, code, words):
    config = tmp_path / "lab.toml"
    config.write_text(text)
    result = cli("identify", query, "--config", config)
    assert result.exit_code == code
    assert words in result.stderr


def test_a_missing_config_is_exit_3(cli, tmp_path, query):
    assert cli("identify", query, "--config", tmp_path / "none.toml").exit_code == 3


def test_the_shell_completes_verbs():
    environment = {
        **os.environ,
        "_SPECTRAKIT_COMPLETE": "complete_bash",
        "COMP_WORDS": "spectrakit id",
        "COMP_CWORD": "1",
    }
    run = subprocess.run(
        [sys.executable, "-m", "spectrakit"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert run.stdout.split() == ["identify"]
