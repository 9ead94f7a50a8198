"""``transfer fit --method PLUGIN`` through the command line, with a toy that is not affine."""

import json

import numpy as np
import pytest
from mixtures import pair

from spectrakit.bundle.inlined import append_graph, check_same, run_graph
from spectrakit.bundle.onnx_nodes import Nodes
from spectrakit.errors import MismatchError


@pytest.fixture
def toy(install_plugin):
    """Install the plugin that can only transfer."""
    install_plugin("transfertoy", "spectrakit_transfertoy.plugin:plugin", "spectrakit-transfertoy")


@pytest.fixture
def fit(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    old, new = pair()
    old.csv(tmp_path / "old.csv")
    new.csv(tmp_path / "new.csv")

    def run(*options, out="out"):
        return cli(
            "transfer", "fit", "old.csv", "new.csv", "-p", "protein", "-p", "fat", "-o", out,
            "--standards", "8", "--test-where", "split=test", *options,
        )  # fmt: skip

    return run


def test_a_plugin_s_transfer_is_swept_and_becomes_one_graph(toy, fit, cli, tmp_path, monkeypatch):
    """Measured beside core's methods on standards left out; the bundle needs no plugin."""
    done = fit("--method", "transfertoy", "-s", "ridge=1e-5")
    assert done.exit_code == 0, done.stderr
    told = json.loads((tmp_path / "out" / "metrics.json").read_text())
    for name in ("protein", "fat"):
        one = told["properties"][name]
        assert one["chosen"] == "transfertoy"
        assert set(one["methods"]) == {"transfertoy", "none", "target-only"}
        row = one["methods"]["transfertoy"]
        assert row["chosen"] == "mean difference"
        assert row["n_test"] == 12
        assert row["cv_rmse"] > 0
    monkeypatch.setenv("SPECTRAKIT_PLUGINS", "")  # none is installed from here on
    answers = cli("transfer", "predict", "out", "new.csv", "--force")
    assert answers.exit_code == 0, answers.stderr
    lines = [line.split("\t") for line in answers.stdout.splitlines()]
    place = {name: k for k, name in enumerate(lines[0])}
    new = pair()[1]
    split = zip(new.samples, new.columns["split"], strict=True)
    tests = [sample for sample, kind in split if kind == "test"]
    for name in ("protein", "fat"):
        found = {
            row[place["sample"]]: float(row[place["value"]])
            for row in lines[1:]
            if row[place["property"]] == name
        }
        known = dict(zip(new.samples, new.columns[f"{name} [%]"], strict=True))
        error = np.array([found[s] - known[s] for s in tests])
        rmsep = told["properties"][name]["methods"]["transfertoy"]["rmsep"]
        assert np.sqrt(np.mean(error**2)) == pytest.approx(rmsep, rel=1e-5)
    checked = cli("transfer", "verify", "out")
    assert checked.exit_code == 0, checked.stderr
    assert "cannot be fitted again here" in checked.stderr


def test_verify_fits_a_plugin_s_transfer_again(toy, fit, cli):
    assert fit("--method", "transfertoy").exit_code == 0
    checked = cli("transfer", "verify", "out")
    assert checked.exit_code == 0, checked.stderr
    assert "fitted again" in checked.stderr


def test_a_graph_that_differs_from_its_predict_is_not_written(toy, fit, tmp_path):
    done = fit("--method", "transfertoy", "-s", "trap=differs")
    assert done.exit_code == 4
    assert "graph differs from its predict" in done.stderr
    assert not (tmp_path / "out" / "metrics.json").exists()


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (("--method", "transfertoi"), 2, "transfertoy"),
        (("--method", "pds", "-s", "ridge=1"), 2, "takes no -s"),
        (("--method", "auto", "-m", "somewhere"), 2, "takes no -m"),
        (("--method", "transfertoy", "-s", "rigde=1"), 2, "ridge"),
        (("--method", "transfertoy", "-s", "ridge=-1"), 2, "ridge"),
        (("--method", "transfertoy", "-m", "nowhere"), 2, "nowhere"),
        (("--method", "transfertoy", "--coefficients", "old.csv"), 2, "--coefficients"),
        (("--method", "transfertoy", "--standards", "0"), 2, "there are none"),
    ],
)
def test_what_cannot_be_meant_is_refused(toy, fit, options, code, says):
    done = fit(*options)
    assert done.exit_code == code, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_plugin_that_lacks_its_packages_is_refused(toy, fit, monkeypatch):
    """Exit 5 with the line that installs them, before anything is read."""
    from dataclasses import replace

    from spectrakit_transfertoy import plugin

    lacking = replace(plugin.plugin, requires=("no_such_package",))
    monkeypatch.setattr(plugin, "plugin", lacking)
    done = fit("--method", "transfertoy")
    assert done.exit_code == 5
    assert "pip install no_such_package" in done.stderr


def model_of(nodes, inputs=("x",), outputs=("y",), opset=18, domain=""):
    from onnx import TensorProto, helper

    def told(name):
        return helper.make_tensor_value_info(name, TensorProto.DOUBLE, ["batch", 3])

    graph = helper.make_graph(nodes, "g", list(map(told, inputs)), list(map(told, outputs)))
    opsets = [helper.make_opsetid("", opset)]
    if domain:
        opsets.append(helper.make_opsetid(domain, 1))
    return helper.make_model(graph, opset_imports=opsets).SerializeToString()


def test_graphs_that_cannot_be_part_of_another_are_refused():
    from onnx import helper

    add = helper.make_node("Add", ["x", "z"], ["y"])
    with pytest.raises(MismatchError, match="2 inputs"):
        append_graph(Nodes(), "spectrum", model_of([add], inputs=("x", "z")), "a_")
    own = helper.make_node("Own", ["x"], ["y"], domain="elsewhere")
    with pytest.raises(MismatchError, match="elsewhere"):
        append_graph(Nodes(), "spectrum", model_of([own], domain="elsewhere"), "a_")


def test_a_graph_answers_nan_where_a_spectrum_has_nan_and_is_compared_by_spread():
    from onnx import helper

    model = model_of([helper.make_node("Identity", ["x"], ["y"])])
    values = np.arange(9.0).reshape(3, 3)
    values[1, 1] = np.nan
    found = run_graph(model, values)
    assert np.isnan(found[1]).all()
    np.testing.assert_array_equal(found[[0, 2]], values[[0, 2]])
    whole = values[[0, 2]]
    check_same(model, whole, whole + 1e-5)
    with pytest.raises(MismatchError, match="differs"):
        check_same(model, whole, whole + 1e-2)
