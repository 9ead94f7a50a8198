"""Switches that cannot work: one clear line, before anything is learned."""

from types import SimpleNamespace

import pytest


@pytest.mark.parametrize("how", ["lora", "adapters"])
def test_a_rate_that_is_far_too_high_is_said(one_error, tiny, pretrained, labelled, tmp_path, how):
    result = tiny(
        "adapt", tmp_path / "a", f"how={how}", "rate=1e30", "steps=2", inputs=[labelled],
        model=pretrained,
    )  # fmt: skip
    one_error(result, 4, "is not finite", "lower rate=")
    assert not list((tmp_path / "a").glob("student/*"))


@pytest.mark.parametrize("steps", [1, 3])
def test_ttt_says_so_too(one_error, tiny, adapted, other, tmp_path, steps):
    result = tiny(
        "ttt", tmp_path / "t", "rate=1e30", f"steps={steps}", inputs=[other], model=adapted
    )  # fmt: skip
    one_error(result, 4, "is not finite", "lower rate=")


def test_pretraining_begins_from_no_run(one_error, tiny, pretrained, corpus, tmp_path):
    for number, stage in enumerate(("model", "operator")):
        out = tmp_path / f"{number}"
        result = tiny(
            "pretrain", out, f"stage={stage}", "steps=1", inputs=[corpus], model=pretrained
        )
        one_error(result, 2, "begins anew", "-m spectralfm")


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (("steps=9",), "steps= is of how=lora and how=adapters"),
        (("rank=3", "rate=0.1"), "rank=, rate= are of how=lora and how=adapters"),
        (("label=material", "rank=3"), "rank= is of numbers"),
    ],
)
def test_switches_without_an_effect_are_refused(
    one_error, tiny, pretrained, labelled, tmp_path, settings, told
):
    result = tiny("adapt", tmp_path / "a", *settings, inputs=[labelled], model=pretrained)
    one_error(result, 2, told)


def test_the_operator_has_no_switches_of_the_encoder(one_error, cli, spectralfm, corpus, tmp_path):
    told = ("-s", "stage=operator", "-s", "steps=1", "-s", "epochs=3", "-s", "width=32")
    result = cli("pretrain", corpus, "-m", "spectralfm", "-o", tmp_path / "p", *told)
    one_error(result, 2, "epochs=, width= are of stage=model")
    result = cli("pretrain", corpus, "-m", "spectralfm", "-o", tmp_path / "q", "-s", "tasks=2",
                 "-s", "steps=1")  # fmt: skip
    one_error(result, 2, "tasks= is of stage=operator")


@pytest.mark.parametrize("setting", ["name=a/b", "name=a@b", "name=", "version=x1"])
def test_a_name_that_no_bundle_has_is_refused_before_the_fit(
    one_error, tiny, pretrained, labelled, tmp_path, setting
):
    """And the corrected command can have the same place."""
    result = tiny("adapt", tmp_path / "a", setting, inputs=[labelled], model=pretrained)
    one_error(result, 2, "is no name of a bundle")
    assert "samples left out" not in result.stderr  # what is said once it was fitted
    assert not (tmp_path / "a").exists()


def test_a_bundle_is_made_in_one_process_and_on_the_cpu(caplog):
    """Two would each do the whole work; and a GPU that is named but not used is said."""
    from spectrakit_spectralfm.plugin import AdaptOptions
    from spectrakit_spectralfm.switches import check_bundle

    from spectrakit.errors import UsageError

    caplog.set_level("INFO", "spectrakit")
    with pytest.raises(UsageError, match="--devices 2: adapt of spectralfm works in one process"):
        check_bundle(SimpleNamespace(world=2, device="cpu"), "adapt", AdaptOptions())
    assert not caplog.messages
    check_bundle(SimpleNamespace(world=1, device="cuda:0"), "adapt", AdaptOptions())
    assert "on the cpu, not on cuda:0" in caplog.text
