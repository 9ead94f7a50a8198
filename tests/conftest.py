"""Fixtures that every test folder shares."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Result:
    """What a user sees of one command."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test an empty user folder: no test sees another's libraries."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("SPECTRAKIT_HOME", str(folder))
    return folder


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    """Run the command line in this process, through the function that the script calls."""

    def run(*args: object) -> Result:
        from spectrakit.cli import main

        capfd.readouterr()
        code = main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        return Result(code, out, err)

    return run


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Real measurements beside the checkout; tests that need them are skipped without."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared/data is not there: this test compares with real measurements")
    return folder


@pytest.fixture(scope="session")
def sample_mzml() -> Path:
    """The synthetic DDA run of this repository."""
    return ROOT / "tests" / "data" / "sample.mzML"
