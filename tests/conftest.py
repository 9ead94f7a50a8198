"""Fixtures that every test folder shares."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parents[1]

settings.register_profile("patient", deadline=None)  # a busy machine is no failure
settings.load_profile("patient")


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


TOY = ROOT / "tests" / "toy_plugin"


@pytest.fixture
def site(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path where tests install plugins, for this process and its children."""
    folder = tmp_path_factory.mktemp("site")
    for path in (TOY, folder):
        monkeypatch.syspath_prepend(str(path))
    paths = [str(folder), str(TOY), os.environ.get("PYTHONPATH", "")]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))
    return folder


@pytest.fixture
def install_plugin(site: Path) -> Callable[..., None]:
    """Install a plugin whose modules are on the path: metadata with an entry point."""

    def install(name: str, value: str, package: str = "", version: str = "1.0") -> None:
        package = package or f"test-{name}"
        # the name ends at the first "-": with one inside it would be taken for spectrakit itself
        folder = site / f"{package.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        about = f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n"
        (folder / "METADATA").write_text(about)
        (folder / "entry_points.txt").write_text(f"[spectrakit.plugins]\n{name} = {value}\n")

    return install


@pytest.fixture
def toy(install_plugin: Callable[..., None]) -> None:
    """Install the toy plugin for this test."""
    install_plugin("toy", "spectrakit_toy.plugin:plugin", "spectrakit-toy")


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
