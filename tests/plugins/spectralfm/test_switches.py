"""Switches that cannot work: one clear line, before anything is learned."""

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
