"""Names from files and from the command line that would leave a folder or write to a terminal."""

import pytest

MSP = (
    "NAME: {name}\nPRECURSORMZ: 195.0877\nPRECURSORTYPE: [M+H]+\nINCHIKEY: {key}\n"
    "Num Peaks: 2\n83.06 5\n138.066 100\n\n"
)
KEY = "RYYVLZVUVIJVGH-UHFFFAOYSA-N"


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "a.msp"
    path.write_text(MSP.format(name="Caffeine", key=KEY))
    return path


@pytest.mark.parametrize(
    "name",
    [
        "../x", "../../x", "/tmp/x", "a/b", "a\\b", "..", ".", "...", ".hidden", "-x", "a..b",
        "C:x", "a:b", "x\0y", "a\nb", "\x1b[31mred", "ä", "a b", "a" * 101, "~", "$HOME", "*",
        "con", "CON", "nul", "NUL.x", "aux", "prn", "com1", "LPT9", "hmdb", "none",
    ],
)  # fmt: skip
def test_a_library_name_stays_in_its_folder(cli, home, source, tmp_path, name):
    """CON, NUL and the like are devices on Windows, with any suffix."""
    before = sorted(p for p in tmp_path.rglob("*"))
    result = cli("library", "add", "--", name, source)
    assert result.exit_code == 2, result.stderr
    assert result.stderr.replace("\n", "").isprintable()
    assert "library name" in result.stderr
    assert not list(home.rglob("*.h5"))
    assert sorted(p for p in tmp_path.rglob("*")) == before
    removed = cli("library", "remove", "--", name)
    assert removed.exit_code == 2
    assert source.exists()


@pytest.mark.parametrize("name", ["console", "nullable", "com", "auxin", "lpt", "a.con"])
def test_names_that_only_begin_like_a_device_are_fine(cli, source, name):
    assert cli("library", "add", name, source).exit_code == 0


@pytest.mark.parametrize(
    "name", ["../x@1", "/tmp/x@1", "x@../1", "x@1/../../y", "x\0@1", "a@\x1b[2J"]
)
def test_a_model_name_stays_in_its_folder(cli, name):
    for verb in ("show", "check", "remove"):
        result = cli("models", verb, "--", name)
        assert result.exit_code in (2, 3), (verb, result.stderr)
        assert result.stderr.replace("\n", "").isprintable()


EVIL = "\x1b]0;owned\x07\x1b[2J\x9b31m\t\u2028\u202e<script>alert(1)</script>=cmd|' /C calc'!A0"


@pytest.mark.parametrize("form", ["tsv", "jsonl"])
def test_names_in_files_write_nothing_to_the_terminal(cli, tmp_path, form):
    library = tmp_path / "evil.msp"
    library.write_text(MSP.format(name=EVIL, key=KEY), encoding="utf-8")
    query = tmp_path / "q.mgf"
    query.write_text(
        f"BEGIN IONS\nTITLE=q{EVIL}\nPEPMASS=195.0877\nCHARGE=1+\n83.06 5\n138.066 100\nEND IONS\n"
        f"BEGIN IONS\nTITLE=bad{EVIL}\nPEPMASS=1\nx{EVIL}\nEND IONS\n",
        encoding="utf-8",
    )
    result = cli("identify", query, "--library", library, "--structures", "none", "--format", form)
    assert result.exit_code == 0, result.stderr
    assert result.stderr.replace("\n", "").isprintable()
    for bad in "\x1b\x07\x9b\u2028":
        assert bad not in result.stdout
    lines = result.stdout.split("\n")
    assert len(lines) == 3 if form == "tsv" else 2
    if form == "tsv":
        assert lines[0].count("\t") == lines[1].count("\t")
    assert cli("library", "add", "evil", library).exit_code == 0
    for verb in (["list"], ["info", "evil"], ["check", "evil"]):
        shown = cli("library", *verb)
        assert "\x1b" not in shown.stdout + shown.stderr
