"""Configuration and tables that say something nobody reads."""

import pytest

MGF = "BEGIN IONS\nTITLE=a\nPEPMASS=195.0877\nCHARGE=1+\n138.066 100\nEND IONS\n"


@pytest.fixture
def query(tmp_path):
    path = tmp_path / "q.mgf"
    path.write_text(MGF)
    return path


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("top = 3", "top"),
        ("[identfy]\ntop = 3", "identfy"),
        ("[identify]\nconfig = 'x'", "config"),
        ("[identify]\nhelp = true", "help"),
        ("[identify]\ninputs = ['x']", "inputs"),
    ],
)
def test_a_key_that_nothing_reads_is_refused(cli, query, tmp_path, text, word):
    """A misspelt table and a key above every table were ignored without a word."""
    config = tmp_path / "c.toml"
    config.write_text(text)
    result = cli("identify", query, "--config", config)
    assert result.exit_code == 2
    assert f"'{word}' is no" in result.stderr


def test_a_misspelt_table_of_a_group_is_refused(cli, query, tmp_path):
    config = tmp_path / "c.toml"
    config.write_text("[library.ad]\nlicence = 'CC0'")
    result = cli("library", "add", "x", query, "--config", config)
    assert result.exit_code == 2
    assert "'ad' is no verb of library. Did you mean 'add'?" in result.stderr
    config.write_text("[library.add]\nlicence = 'CC0'\n[identify]\ntop = 3")
    assert cli("library", "add", "x", query, "--config", config).exit_code == 0
    assert "CC0" in cli("library", "info", "x").stdout


def test_two_columns_of_one_name_are_refused(cli, query, tmp_path):
    """The first one's values were lost."""
    table = tmp_path / "t.csv"
    table.write_text("sample,moisture,moisture\nq,1,2\n")
    result = cli("convert", query, "-o", tmp_path / "o.h5", "--targets", table)
    assert result.exit_code == 3
    assert "two columns 'moisture'" in result.stderr


def test_an_order_of_injection_that_is_no_number_is_said(cli, query, tmp_path):
    """It became a missing value without a word."""
    sheet = tmp_path / "s.csv"
    sheet.write_text("file,sample,order\nq.mgf,S,third\n")
    result = cli("convert", query, "-o", tmp_path / "o.h5", "--samples", sheet)
    assert result.exit_code == 3
    assert "'third' is no number" in result.stderr
    assert not (tmp_path / "o.h5").exists()


def test_a_folder_among_the_libraries_is_none(cli, query, home):
    """It stopped every identify."""
    (home / "libraries" / "x.h5").mkdir(parents=True)
    assert cli("identify", query).exit_code == 0
