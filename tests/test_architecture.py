"""The layers of the design, read from the imports of the installed package."""

import ast
import importlib.util
import tomllib
from pathlib import Path

import pytest

PACKAGE = Path(importlib.util.find_spec("spectrakit").origin).parent

LAYERS = {  # module or package -> layer; imports go downward or stay within a package
    "errors": 0, "elements": 0,
    "spectrum": 1, "chemistry": 1, "options": 1, "plugin": 2, "calibrate": 1, "preprocess": 2,
    "peptides": 2,
    "toml": 1, "atomic": 1, "accounting": 2, "config": 2, "log": 2, "output": 3,
    "spectrum_table": 2,
    "store": 3, "bundle": 4, "run": 4, "registry": 4, "jobs": 4, "ledger": 4,
    "io": 4,  # reads stores too, counts what it drops
    "search": 5, "transfer": 5,
    "report": 6,  # shows what transfer found
    "train": 6,  # students are made for what search runs
    "verbs": 7, "cli": 8, "__main__": 9,
}  # fmt: skip
ONLY_IN = {
    "torch": ("train/",),
    "typer": ("cli/",),
    "rich": ("log.py", "output.py"),
    "click": (),
}
LIGHT = {"cli", "errors"}  # what `--help` reaches: the standard library and typer only
HEAVY = {
    "numpy", "scipy", "h5py", "pyopenms", "rdkit", "lxml", "onnxruntime", "onnx", "sklearn",
    "matplotlib", "pyteomics", "nmrglue", "torch", "pandas",
}  # fmt: skip

FILES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> list[tuple[str, bool]]:
    """Return (dotted module, at module top?) for every import statement of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    top = {id(node) for node in tree.body}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [(alias.name, id(node) in top) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found.append((node.module or "", id(node) in top))
    return found


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downward(path):
    own = part_of(path)
    for module, _ in imports(path):
        words = module.split(".")
        assert not words[0].startswith("spectrakit_"), f"core imports the plugin {module}"
        if words[0] == "spectrakit" and len(words) > 1 and own != "__init__":
            other = words[1]
            assert other in LAYERS, f"{module} has no layer"
            assert other == own or LAYERS[other] < LAYERS[own], (
                f"{path.name} (layer {LAYERS[own]}) imports {module} (layer {LAYERS[other]})"
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_guarded_packages_stay_in_their_place(path):
    place = path.relative_to(PACKAGE).as_posix()
    for module, at_top in imports(path):
        root = module.split(".")[0]
        if root in ONLY_IN:
            assert place.startswith(ONLY_IN[root] or "nowhere"), f"{place} imports {module}"
        if part_of(path) in LIGHT and at_top:
            assert root not in HEAVY, f"{place} imports {module} when --help runs"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_files_hold_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_only_output_prints():
    for path in FILES:
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "print"
        ]
        assert not calls or path.name == "output.py", path


ROOT = Path(__file__).resolve().parents[1]
PLUGINS = sorted(path for path in (ROOT / "plugins").iterdir() if (path / "__init__.py").is_file())


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda p: p.name)
def test_every_plugin_reaches_the_user(folder):
    """The list of packages is kept by hand: a line dropped there loses the plugin silently."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert f"plugins/{folder.name}" in packages
    entries = settings["project"]["entry-points"]["spectrakit.plugins"]
    name = folder.name.removeprefix("spectrakit_")
    assert entries[name] == f"{folder.name}.plugin:plugin"


@pytest.mark.parametrize("folder", PLUGINS, ids=lambda p: p.name)
def test_plugins_see_the_core_and_never_each_other(folder):
    for path in folder.glob("*.py"):
        for module, _ in imports(path):
            words = module.split(".")
            if words[0].startswith("spectrakit_"):
                assert words[0] == folder.name, f"{path.name} imports {module}"
            if words[0] == "spectrakit" and len(words) > 1:
                assert LAYERS[words[1]] < LAYERS["verbs"], f"{path.name} imports {module}"
