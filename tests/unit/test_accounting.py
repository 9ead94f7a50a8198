"""``read = kept + dropped`` always."""

from hypothesis import given
from hypothesis import strategies as st

from spectrakit.accounting import Summary

events = st.lists(st.sampled_from(["keep", "no peaks", "MS1"]))


@given(st.lists(events))
def test_every_spectrum_is_accounted_for(files):
    summary = Summary("convert", "0")
    for number, file in enumerate(files):
        account = summary.open_input(f"{number}.mzML")
        for event in file:
            account.keep() if event == "keep" else account.drop(event)
    totals = summary.as_json(0)["totals"]
    assert totals["read"] == sum(map(len, files)) == totals["kept"] + totals["dropped"]
    for entry, file in zip(summary.as_json(0)["inputs"], files, strict=True):
        assert entry["read"] == len(file) == entry["kept"] + sum(entry["dropped"].values())
