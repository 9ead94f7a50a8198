"""``spectrakit models``: what is whole is installed, what is damaged never runs."""

import hashlib
import json
import shutil

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from onnx.external_data_helper import convert_model_to_external_data
from small_models import OFFSET, TRACE, WEIGHTS, forged, model, straight_line, trace_bundle

from spectrakit.bundle import Bundle, write_bundle
from spectrakit.bundle.manifest import manifest_bytes
from spectrakit.bundle.models import version_key
from spectrakit.errors import InputError, MismatchError, UsageError


def one_error(result, code, *words):
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    assert len(lines) == 2, result.stderr
    assert lines[0].startswith("spectrakit: error:")
    assert lines[1].strip()
    for word in words:
        assert word in result.stderr, result.stderr


def listed(cli):
    lines = cli("models", "list", "--format", "jsonl").stdout.splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == "bundle"]


def test_a_bundle_is_installed_listed_shown_checked_and_removed(cli, tmp_path, home):
    path = trace_bundle(tmp_path, licence="CC0-1.0", summary="a line", attributions=("us",))
    assert cli("models", "install", path).exit_code == 0
    shutil.rmtree(path)
    (record,) = listed(cli)
    assert record["name"] == "line@1.0"
    assert record["task"] == "regress"
    assert record["can"] == "predict"
    assert record["licence"] == "CC0-1.0"
    assert record["bytes"] == (home / "models/line@1.0/predict.onnx").stat().st_size
    shown = json.loads(cli("models", "show", "line").stdout)
    assert shown["attributions"] == ["us"]
    assert shown["graphs"]["predict"]["inputs"] == {"spectrum": ["tensor(float)", "batch", 3]}
    checked = json.loads(cli("models", "check", "line@1.0").stdout)
    assert checked["whole"] is True
    assert checked["digest"] == shown["digest"]
    assert cli("models", "remove", "line").exit_code == 0
    assert listed(cli) == []


def test_versions_lie_side_by_side_and_the_newest_is_meant(cli, tmp_path):
    for version in ("1.0", "1.10", "1.9", "2.0rc1"):
        assert cli("models", "install", trace_bundle(tmp_path, f"line@{version}")).exit_code == 0
    names = [record["name"] for record in listed(cli)]
    assert names == ["line@2.0rc1", "line@1.10", "line@1.9", "line@1.0"]
    assert json.loads(cli("models", "show", "line").stdout)["version"] == "2.0rc1"
    one_error(cli("models", "remove", "line"), 2, "4 versions", "line@1.9")
    assert version_key("2.0rc1") < version_key("2.0") < version_key("2.0.1") < version_key("2.1")


def test_what_is_installed_is_not_overwritten_unasked(cli, tmp_path):
    path = trace_bundle(tmp_path)
    assert cli("models", "install", path).exit_code == 0
    one_error(cli("models", "install", path), 2, "installed already", "--replace")
    shutil.rmtree(path)
    trace_bundle(tmp_path, summary="another")
    assert cli("models", "install", path, "--replace").exit_code == 0
    assert listed(cli)[0]["summary"] == "another"


def test_a_wrong_name_is_answered_with_the_nearest(cli, tmp_path):
    cli("models", "install", trace_bundle(tmp_path))
    one_error(cli("models", "show", "lien"), 2, "Did you mean 'line'?")
    one_error(cli("models", "remove", "lime@1.0"), 2, "Did you mean 'line@1.0'?")
    one_error(cli("models", "install", tmp_path / "none"), 3, "cannot be read")
    one_error(cli("models", "check", tmp_path), 2, "holds no bundles")


@pytest.mark.parametrize("name", ["predict.onnx", "bundle.json", "words.txt"])
def test_every_changed_byte_is_found_before_anything_runs(cli, tmp_path, name):
    path = trace_bundle(tmp_path, files={"words.txt": b"vocabulary\n"})
    assert cli("models", "install", path).exit_code == 0
    raw = (path / name).read_bytes()
    rng = np.random.default_rng(0)
    for at in (0, len(raw) - 1, *rng.integers(len(raw), size=20).tolist()):
        changed = bytearray(raw)
        changed[at] ^= 1 << int(rng.integers(8))
        (path / name).write_bytes(changed)
        assert cli("models", "check", path).exit_code == 3, (name, at)
    one_error(cli("models", "install", path, "--replace"), 3, name)
    (path / name).write_bytes(raw + b" ")
    assert cli("models", "check", path).exit_code == 3
    (path / name).write_bytes(raw[:-1])
    assert cli("models", "check", path).exit_code == 3
    (path / name).unlink()
    assert cli("models", "check", path).exit_code in (2, 3)
    assert cli("models", "check", "line").exit_code == 0  # the installed one is untouched


def test_a_damaged_bundle_is_listed_with_the_reason(cli, tmp_path, home):
    cli("models", "install", trace_bundle(tmp_path, "good@1"))
    cli("models", "install", trace_bundle(tmp_path, "bad@1"))
    manifest = home / "models" / "bad@1" / "bundle.json"
    manifest.write_text(manifest.read_text().replace("moisture", "moistures"))
    bad, good = listed(cli)
    assert "was changed" in bad["problem"]
    assert not good["problem"]
    assert cli("models", "remove", "bad").exit_code == 0


def test_a_link_is_no_file_of_a_bundle(cli, tmp_path):
    path = trace_bundle(tmp_path)
    real = tmp_path / "real.onnx"
    (path / "predict.onnx").rename(real)
    (path / "predict.onnx").symlink_to(real)
    one_error(cli("models", "check", path), 3, "is a link")


def unknown_operator():
    return model(
        [helper.make_node("Teleport", ["spectrum"], ["value"], domain="example.org")],
        [("spectrum", TensorProto.FLOAT, ["batch", 3])],
        [("value", TensorProto.FLOAT, ["batch", 2])],
        domains=("example.org",),
    )


def future_opset():
    return model(
        [helper.make_node("Identity", ["spectrum"], ["value"])],
        [("spectrum", TensorProto.FLOAT, ["batch", 3])],
        [("value", TensorProto.FLOAT, ["batch", 3])],
        opset=999,
    )


@pytest.mark.parametrize(
    ("made", "words"),
    [(unknown_operator, "Teleport"), (future_opset, "onnxruntime")],
)
def test_a_graph_that_onnxruntime_cannot_run_is_said_in_one_line(cli, tmp_path, made, words):
    path = forged(tmp_path, made().SerializeToString())
    one_error(cli("models", "check", path), 4, words, "predict.onnx", "cannot run it")
    one_error(cli("models", "install", path), 4, words)
    with pytest.raises(MismatchError, match="cannot run it"):
        write_bundle(tmp_path / "new@1", graphs={"predict": made().SerializeToString()}, **TRACE)
    assert not (tmp_path / "new@1").exists()


@pytest.mark.parametrize("junk", [b"", b"\x00" * 64, b"no model, but a location"])
def test_bytes_that_are_no_model(cli, tmp_path, junk):
    result = cli("models", "check", forged(tmp_path, junk))
    assert result.exit_code in (3, 4)
    assert len(result.stderr.splitlines()) == 2


def external(folder, location):
    """The line with its weights in another file."""
    whole = straight_line(np.ones((3, 2)), [0.0, 0.0])
    convert_model_to_external_data(whole, location="weights.bin", size_threshold=0)
    onnx.save(whole, folder / "x.onnx")
    data = (folder / "weights.bin").read_bytes()
    parsed = onnx.load(folder / "x.onnx", load_external_data=False)
    for tensor in parsed.graph.initializer:
        for pair in tensor.external_data:
            if pair.key == "location":
                pair.value = location
    return parsed.SerializeToString(), data


@pytest.mark.parametrize("location", ["../weights.bin", "/etc/hostname", "a/../../x", "C:\\x"])
def test_data_outside_the_folder_are_never_read(cli, tmp_path, location):
    graph, data = external(tmp_path, location)
    path = forged(tmp_path, graph)
    (tmp_path / "weights.bin").write_bytes(data)
    one_error(cli("models", "check", path), 3, location, "outside")
    one_error(cli("models", "install", path), 3, "outside")


def test_data_outside_hidden_in_a_subgraph_are_found(cli, tmp_path):
    graph, _ = external(tmp_path, "../weights.bin")
    inner = onnx.load_model_from_string(graph).graph
    hidden = helper.make_graph(
        [helper.make_node("Identity", ["w"], ["w2"])],
        "branch",
        [],
        [helper.make_tensor_value_info("w2", TensorProto.FLOAT, [3, 2])],
    )
    hidden.initializer.extend([t for t in inner.initializer if t.name == "w"])
    whole = model(
        [helper.make_node("If", ["yes"], ["value"], then_branch=hidden, else_branch=hidden)],
        [("spectrum", TensorProto.FLOAT, ["batch", 3])],
        [("value", TensorProto.FLOAT, [3, 2])],
        {"yes": np.array(True)},
    )
    one_error(cli("models", "check", forged(tmp_path, whole.SerializeToString())), 3, "outside")


def test_data_inside_the_folder_are_verified_too(cli, tmp_path):
    graph, data = external(tmp_path, "weights.bin")
    path = forged(tmp_path, graph, files={"weights.bin": data})
    assert cli("models", "check", path).exit_code == 0
    answer = Bundle(path).run("predict", {"spectrum": np.ones((2, 3))})
    np.testing.assert_array_equal(answer["value"], np.full((2, 2), 3.0))
    (path / "weights.bin").write_bytes(data[:-1] + b"\x7f")
    one_error(cli("models", "check", path), 3, "weights.bin", "changed")
    unlisted = forged(tmp_path, graph, "unlisted@1.0")
    (unlisted / "weights.bin").write_bytes(data)
    one_error(cli("models", "check", unlisted), 3, "none of its files")


def test_external_data_are_put_inside_when_a_bundle_is_written(tmp_path):
    external(tmp_path, "weights.bin")
    path = write_bundle(tmp_path / "whole@1", graphs={"predict": tmp_path / "x.onnx"}, **TRACE)
    (tmp_path / "weights.bin").unlink()
    answer = Bundle(path).run("predict", {"spectrum": np.ones((1, 3))})
    np.testing.assert_array_equal(answer["value"], [[3.0, 3.0]])


def rewritten(path, change):
    """Change a manifest and give it a digest that holds: what a stranger could send."""
    body = json.loads((path / "bundle.json").read_text())
    body.pop("digest")
    change(body)
    text = json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    body["digest"] = f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    text = json.dumps(body, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (path / "bundle.json").write_text(text)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda b: b.update(format_version=2), "format 2"),
        (lambda b: b.update(format="other"), "not the manifest"),
        (lambda b: b.update(task="paint"), "'paint'"),
        (lambda b: b.pop("task"), "task"),
        (lambda b: b.update(name="../evil"), "evil"),
        (lambda b: b.update(surprise=1), "surprise"),
        (lambda b: b.update(graphs={}), "no graph"),
        (lambda b: b.update(graphs=3), ""),
        (lambda b: b["graphs"]["predict"].update(file="../x.onnx"), "not inside"),
        (lambda b: b["graphs"].update(paint=b["graphs"].pop("predict")), "'paint'"),
        (lambda b: b["files"].update({"../x": {"sha256": "", "bytes": 0}}), "not inside"),
        (lambda b: b["files"].update({"y": 3}), ""),
        (lambda b: b.update(files={}), "no digest"),
        (lambda b: b["input"].update(kind="smell"), "'smell'"),
        (lambda b: b["input"].update(axis="x"), "axis"),
        (lambda b: b["input"].update(axis=["x"]), "axis"),
        (lambda b: b.update(properties=[]), "no property"),
        (lambda b: b.update(properties=[3]), "properties"),
        (lambda b: b.update(properties=[{"unit": "%"}]), "name of a property"),
        (lambda b: b.update(calibration={"half_width": ["x"]}), "half_width"),
        (lambda b: b.update(preprocessing=[{"step": "x"}]), ""),
        (lambda b: b.update(preprocessing=[{"step": 1, "version": 1, "parameters": {}}]), "step"),
    ],
)  # fmt: skip
def test_a_manifest_that_makes_no_sense_is_bad_input(cli, tmp_path, change, word):
    path = trace_bundle(tmp_path)
    rewritten(path, change)
    one_error(cli("models", "check", path), 3, "bundle.json", word)


def test_an_unknown_preprocessing_step_needs_another_spectrakit(cli, tmp_path):
    for number, (step, word) in enumerate(
        [
            ({"step": "clean_peeks", "version": 1, "parameters": {}}, "'clean_peaks'"),
            ({"step": "clean_peaks", "version": 9, "parameters": {}}, "version 9"),
            ({"step": "power", "version": 1, "parameters": {"exponnt": 2}}, "exponnt"),
            ({"step": "clean_peaks", "version": 1, "parameters": {"tolerance": "x"}}, "'x'"),
        ]
    ):
        path = trace_bundle(tmp_path, f"line@{number}")
        rewritten(path, lambda body, step=step: body.update(preprocessing=[step]))
        one_error(cli("models", "check", path), 4, word)


def test_a_graph_that_is_not_what_the_manifest_says(cli, tmp_path):
    line = straight_line(WEIGHTS, OFFSET).SerializeToString()
    path = forged(tmp_path, line, inputs={"spectrum": ["tensor(float)", "batch", 4]})
    one_error(cli("models", "check", path), 4, "other inputs or outputs")


def test_json_that_is_deep_or_no_object(cli, tmp_path):
    path = trace_bundle(tmp_path)
    for text in ("[" * 100_000, "[]", "{", "\udcff".encode("utf-8", "surrogatepass")):
        raw = text if isinstance(text, bytes) else text.encode()
        (path / "bundle.json").write_bytes(raw)
        one_error(cli("models", "check", path), 3, "bundle.json")


def test_writing_is_whole_or_not_at_all(tmp_path):
    line = straight_line(WEIGHTS, OFFSET).SerializeToString()
    good = {"graphs": {"predict": line}, **TRACE}
    for label, fields in (
        ("Line@1.0", good),
        ("line", good),
        ("line@x", good),
        ("line@1.0", {**good, "task": "paint"}),
        ("line@1.0", {**good, "colour": "red"}),
        ("line@1.0", {**good, "properties": ()}),
        ("line@1.0", {**good, "graphs": {"paint": line}}),
        ("line@1.0", {**good, "input": {"kind": "peaks", "max_peaks": "x"}}),
    ):
        with pytest.raises(UsageError):
            write_bundle(tmp_path / label, **fields)
    assert list(tmp_path.iterdir()) == []
    path = trace_bundle(tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        trace_bundle(tmp_path)
    assert (tmp_path / "line@1.0") == path
    with pytest.raises(InputError, match="cannot be read"):
        write_bundle(tmp_path / "a@1", graphs={"predict": tmp_path / "none.onnx"}, **TRACE)


def test_equal_contents_give_equal_bytes(tmp_path):
    one, two = trace_bundle(tmp_path / "a"), trace_bundle(tmp_path / "b")
    for name in ("bundle.json", "predict.onnx"):
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert (
        manifest_bytes(Bundle(one).manifest, Bundle(one).files)
        == (one / "bundle.json").read_bytes()
    )
