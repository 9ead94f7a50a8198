"""Runs, the text they are written in, and the options of plugins."""

import errno
import json
import os
import signal
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectrakit import atomic
from spectrakit.errors import InputError, UsageError
from spectrakit.plugin import Action, option
from spectrakit.run import Run, stop_on_signals
from spectrakit.toml import to_toml

PLAN = {
    "verb": "pretrain",
    "seed": 0,
    "device": "cpu",
    "plugin": {"name": "x"},
    "options": {},
    "data": [],
}

values = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.lists(st.integers(-9, 9)),
)  # fmt: skip
tables = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1),
    st.one_of(values, st.dictionaries(st.text("ab.\"' é", min_size=1), values, max_size=3),
              st.lists(st.dictionaries(st.just("k"), values, min_size=1), min_size=1, max_size=3)),
    max_size=4,
)  # fmt: skip


@given(tables)
def test_toml_reads_back_what_was_written(table):
    assert tomllib.loads(to_toml(table)) == table


def test_toml_leaves_none_out_and_refuses_what_it_cannot_hold():
    assert to_toml({"a": None, "b": 1, "c": float("inf")}) == "b = 1\nc = inf\n"
    with pytest.raises(TypeError, match="cannot hold"):
        to_toml({"a": object()})


@pytest.fixture
def run(tmp_path):
    return Run.create(tmp_path / "run", PLAN)


def test_a_checkpoint_appears_whole_and_the_two_newest_stay(run):
    for step in (1, 2, 30):
        with run.checkpoint(step) as folder:
            (folder / "w").write_text(str(step))
            assert run.last_checkpoint() != folder
    names = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    assert names == ["step-000000002", "step-000000030"]
    assert (run.last_checkpoint() / "w").read_text() == "30"
    with run.checkpoint(30) as folder:
        (folder / "w").write_text("again")
    assert (run.last_checkpoint() / "w").read_text() == "again"


@pytest.mark.parametrize("step", [2, 1])
def test_a_full_disk_leaves_the_previous_checkpoint(run, step):
    with run.checkpoint(1) as folder:
        (folder / "w").write_text("good")
    with pytest.raises(InputError, match="No space left"), run.checkpoint(step) as folder:
        (folder / "w").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["step-000000001"]
    assert (run.last_checkpoint() / "w").read_text() == "good"


def test_a_disk_that_fills_while_a_folder_is_made_durable(run, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with run.checkpoint(1) as folder:
        (folder / "w").write_text("good")
    monkeypatch.setattr(atomic.os, "fsync", full)
    with pytest.raises(InputError, match="No space left"), run.checkpoint(2) as folder:
        (folder / "w").write_text("half")
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["step-000000001"]


def test_metrics_after_the_checkpoint_are_forgotten_on_resume(run):
    for step in (1, 2, 3):
        run.record(step, loss=1 / step, rate=float("nan"))
    with run.checkpoint(2):
        pass
    killed = run.path / "checkpoints" / "step-000000003.part-1"
    killed.mkdir()
    assert run.resume_step() == 2
    assert not killed.exists()
    assert [row["step"] for row in run.metrics()] == [1, 2]
    assert run.metrics()[0]["rate"] is None


def test_a_run_without_a_checkpoint_begins_again_with_no_metrics(run):
    """What is said before the first step (step 0) would else stand there twice."""
    run.record(0, before=1.0)
    assert run.resume_step() == 0
    assert run.metrics() == []


def test_a_run_opens_as_it_was_planned(run):
    again = Run.open(run.path)
    assert again.plan == run.plan
    assert again.status == "running"
    again.set_status("failed: a\nb")
    assert run.status == "failed: a b"
    env = json.loads((run.path / "env.json").read_text())
    assert {"python", "spectrakit", "packages"} <= env.keys()


@pytest.mark.parametrize(
    ("text", "word"),
    [("", "not the plan"), ("x", "cannot be read"), ("\xff", "cannot be read"),
     ('format = "spectrakit-run"\nformat_version = 9', "format 9"),
     ('format = "spectrakit-run"\nformat_version = 1', "'verb' is missing"),
     ('format = "spectrakit-run"\nformat_version = 1\nverb = "v"\nplugin = 3', "'plugin' is"),
     ('format = "spectrakit-run"\nformat_version = 1\nverb = "v"\nplugin = {}\noptions = {}\n'
      'seed = 0\ndevice = "cpu"\ndata = [{role = "train"}]', "'data.path' is missing")],
)  # fmt: skip
def test_a_plan_that_cannot_be_used(run, text, word):
    (run.path / "plan.toml").write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=word):
        Run.open(run.path)


def test_signals_ask_to_stop_and_are_given_back():
    before = signal.getsignal(signal.SIGTERM)
    with stop_on_signals() as should_stop:
        assert not should_stop()
        os.kill(os.getpid(), signal.SIGTERM)
        assert should_stop()
        with pytest.raises(KeyboardInterrupt):  # a second Ctrl-C does not wait
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


@dataclass(frozen=True, slots=True)
class Options:
    steps: int = option(10, "Steps.", low=1)
    rate: float | None = option(None, "Rate.", high=1.0)
    layers: tuple[int, ...] = option((8, 4), "Widths.", low=1)
    fast: bool = option(False, "Fast.")
    kind: str = option("a", "Kind.", choices=("a", "b"))


ACTION = Action("nowhere:f", Options)


@pytest.mark.parametrize(
    ("text", "value"),
    [("steps=1e3", 1000), ("steps=0x", None), ("rate=1", 1.0), ("rate=none", None),
     ("layers=1,2, 3", (1, 2, 3)), ("layers=", ()), ("layers=0", None), ("fast=yes", True),
     ("fast=0", False), ("fast=maybe", None), ("kind=b", "b"), ("kind=c", None),
     ("steps=inf", None), ("rate=-inf", float("-inf")), ("steps= 7 ", 7),
     ("steps=9007199254740993", 9007199254740993)],
)  # fmt: skip
def test_settings_are_read_by_the_type_of_their_field(text, value):
    key = text.partition("=")[0]
    if value is None and text != "rate=none":
        with pytest.raises(UsageError, match=f"--set {key}="):
            ACTION.parse([text])
    else:
        assert getattr(ACTION.parse([text]), key) == value


def test_a_plan_gives_the_options_back():
    for settings in ([], ["rate=0.5", "layers=3", "fast=true"], ["layers="]):
        made = ACTION.parse(settings)
        plan = {name: getattr(made, name) for name in Options.__slots__}
        held = tomllib.loads(to_toml({"options": plan}))["options"]
        assert ACTION.restore(held) == made
    with pytest.raises(UsageError, match="'stepz', which is no option"):
        ACTION.restore({"stepz": 1})
    with pytest.raises(UsageError, match="steps=0: is below 1"):
        ACTION.restore({"steps": 0})


def test_no_machine_path_is_needed_to_open_a_moved_run(run, tmp_path):
    run.path.rename(tmp_path / "moved")
    assert Run.open(Path(tmp_path / "moved")).plan == run.plan
