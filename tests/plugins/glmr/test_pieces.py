"""The parts of glmr against closed forms and brute force."""

import numpy as np
import pytest
import scipy.sparse as sp
import torch
from spectrakit_glmr.basis import fit_basis, principal
from spectrakit_glmr.encoder import EncoderConfig, Int8Table, SpectrumEncoder
from spectrakit_glmr.features import BIN, KINDS, N_BINS, BinFeatures, masses, split
from spectrakit_glmr.language import LanguageConfig, SmilesModel, beam_search
from spectrakit_glmr.lists import fit_weight
from spectrakit_glmr.smiles import (
    BEGIN,
    END,
    MASK,
    PAD,
    Tokenizer,
    canonical,
    masked,
    padded_rows,
    randomised,
    tokens,
    vocabulary,
)
from spectrakit_glmr.spectra import joined

from spectrakit.preprocess.peaks import PeakLists
from spectrakit.search.known_mass import stated_or_expected
from spectrakit.search.learned import standardise
from spectrakit.search.molecular_fingerprints import BLOCKS, N_BITS, fingerprints

SMILES = ["CCO", "CCN", "c1ccccc1O", "CC(=O)O", "ClCCBr", "CN1C=NC2=C1C(=O)N(C)C(=O)N2C"]


def peaks(*rows):
    """Return padded tensors of [(m/z, intensity), ...] lists."""
    longest = max(map(len, rows))
    mz = torch.zeros(len(rows), longest, dtype=torch.float64)
    intensity, mask = torch.zeros(len(rows), longest), torch.zeros(len(rows), longest).bool()
    for number, row in enumerate(rows):
        for place, (m, i) in enumerate(row):
            mz[number, place], intensity[number, place], mask[number, place] = m, i, True
    return mz, intensity, mask


def test_differences_are_those_of_all_pairs():
    rng = np.random.default_rng(0)
    row = list(zip(np.sort(rng.uniform(50, 300, 6)), rng.uniform(0.1, 1, 6), strict=True))
    mass, weight = masses(2, *peaks(row, row[:2]), torch.tensor([300.0, 300.0]))
    found = sorted(mass[0][weight[0] > 0].tolist())
    expected = sorted(b[0] - a[0] for i, a in enumerate(row) for b in row[i + 1 :])
    np.testing.assert_allclose(found, [m for m in expected if m > 1.5], rtol=1e-12)
    assert int((weight[1] > 0).sum()) == int(row[1][0] - row[0][0] > 1.5)


def test_losses_need_a_precursor():
    given = peaks([(100.0, 1.0), (50.0, 0.5)], [(100.0, 1.0)])
    mass, weight = masses(1, *given, torch.tensor([118.0, float("nan")]))
    np.testing.assert_allclose(mass[0], [18.0, 68.0])
    assert not weight[1].any()
    assert torch.isfinite(mass).all()


def test_a_mass_is_split_over_its_two_nearest_bins():
    bins, weight = split(torch.tensor([[100.003]], dtype=torch.float64), torch.ones(1, 1))
    assert bins.tolist() == [[10000, 10001]]
    np.testing.assert_allclose(weight, [[0.7, 0.3]], atol=1e-4)
    np.testing.assert_allclose((bins * weight).sum() * BIN, 100.003, atol=1e-4)


def test_joining_averages_spectra_and_merges_near_peaks():
    lists = PeakLists.from_arrays(
        [
            (np.array([100.0, 200.0]), np.array([0.5, 0.5])),
            (np.array([100.002, 300.0]), np.array([1.0, 0.0])),
            (np.array([50.0]), np.array([1.0])),
        ]
    )
    whole = joined(lists, np.array([0, 0, 2]), 3)
    assert whole.counts.tolist() == [3, 0, 1]
    np.testing.assert_allclose(whole.mz[0], (0.5 * 100.0 + 100.002) / 1.5)
    np.testing.assert_allclose(whole.intensity[:2], [0.75, 0.25])


def test_a_nominal_or_missing_precursor_is_that_of_the_molecule():
    mass = 194.0804
    assert stated_or_expected(np.nan, 1, "", mass) == pytest.approx(195.0877, abs=1e-4)
    assert stated_or_expected(195.0, 1, "", mass) == pytest.approx(195.0877, abs=1e-4)
    assert stated_or_expected(195.0878, 1, "", mass) == 195.0878
    assert stated_or_expected(217.07, 1, "[M+Na]+", mass) == pytest.approx(217.0696, abs=1e-3)
    assert np.isnan(stated_or_expected(np.nan, 1, "", np.nan))


def test_principal_directions_are_those_of_the_dense_svd():
    rng = np.random.default_rng(1)
    dense = (rng.random((60, 40)) < 0.2).astype(np.float32)
    found, mean = principal(sp.csr_matrix(dense), 4, 0)
    np.testing.assert_allclose(mean, dense.mean(0), atol=1e-6)
    expected = np.linalg.svd(dense - dense.mean(0))[2][:4].T
    np.testing.assert_allclose(np.abs(found.T @ expected), np.eye(4), atol=2e-2)


def test_the_graph_and_the_sparse_form_of_the_molecule_encoder_agree():
    bits, _ = fingerprints(SMILES)
    encoder = fit_basis(bits, 4, 0)
    with torch.no_grad():
        dense = encoder(torch.from_numpy(bits.toarray()))[:, 0].numpy()
    np.testing.assert_allclose(dense, encoder.encode(bits), atol=1e-5)
    directions = np.zeros((N_BITS, 4))
    directions[encoder.kept.numpy()] = encoder.directions.detach().numpy()
    by_hand = 0
    for scale, block in zip(encoder.scale.tolist(), BLOCKS, strict=True):
        own = bits[:, block.columns].toarray()
        by_hand = by_hand + scale * own @ directions[block.columns] / np.sqrt(own.sum(1))[:, None]
    np.testing.assert_allclose(dense, by_hand, atol=1e-4)


def test_squared_error_of_coordinates_is_that_of_all_bits():
    bits, _ = fingerprints(SMILES)
    encoder = fit_basis(bits, 5, 0)  # six centred molecules span five directions: nothing is lost
    kept = bits[:, encoder.kept.numpy()].toarray()
    apart = ((kept[0] - kept[1]) ** 2).sum()
    coordinates = encoder.coordinates(bits)
    assert ((coordinates[0] - coordinates[1]) ** 2).sum() == pytest.approx(apart, rel=1e-3)


def test_standardised_scores_of_a_flat_list_say_nothing():
    assert not standardise(np.ones(3, np.float32)).any()
    assert standardise(np.zeros(0, np.float32)).shape == (0,)
    np.testing.assert_allclose(standardise(np.array([0.0, 2.0], np.float32)), [-1, 1])


def test_the_weight_makes_the_truths_likeliest():
    rng = np.random.default_rng(0)
    lists = [np.r_[rng.normal(1.0), rng.normal(size=9)] for _ in range(200)]

    def likelihood(weight):
        return sum(weight * one[0] - np.log(np.exp(weight * one).sum()) for one in lists)

    weight, metrics = fit_weight(lists)
    grid = np.linspace(0.05, 3, 600)
    assert weight == pytest.approx(grid[np.argmax([likelihood(w) for w in grid])], abs=0.01)
    assert metrics[0]["value"] == np.mean([(one >= one[0]).sum() == 1 for one in lists])
    assert fit_weight([]) == (1.3, ())


def tiny_encoder(**sizes):
    torch.manual_seed(0)
    config = EncoderConfig(
        n_rows=(9, 9, 9), latent=4, hidden=8, dimension=6, width=16, heads=2, dropout=0.0, **sizes
    )
    model = SpectrumEncoder(config)
    for bins in model.bins:
        bins.row.copy_(torch.arange(N_BINS, dtype=torch.int32) % 9)
        bins.weight = torch.ones(9)
    for one in model.parameters():
        if not one.any():
            torch.nn.init.normal_(one, std=0.1)
    return model.eval()


@pytest.mark.parametrize("layers", [0, 1])
def test_padding_and_missing_fields_do_not_change_a_spectrum(layers):
    model = tiny_encoder(layers=layers)
    short, long = [(100.0, 0.6), (150.0, 0.4)], [(60.0 + 7 * k, 0.1) for k in range(40)]
    known = torch.tensor([[200.0, 1.0, 1.0, 30.0]])
    alone = model(*peaks(short), known)
    both = model(*peaks(short, long), known.repeat(2, 1))
    np.testing.assert_allclose(both[:1].detach(), alone.detach(), atol=1e-5)
    missing = model(*peaks(short), torch.full((1, 4), float("nan")))
    assert torch.isfinite(missing).all()
    empty = (torch.zeros(1, 1).double(), torch.zeros(1, 1), torch.zeros(1, 1).bool())
    assert torch.isfinite(model(*empty, known)).all()


def test_a_bag_is_the_weighted_sum_that_the_export_takes(monkeypatch):
    model = tiny_encoder()
    known = torch.tensor([[200.0, -1.0, float("nan"), float("nan")]])
    given = (*peaks([(100.003, 0.6), (150.0, 0.4), (151.2, 0.2)]), known)
    bag = model(*given)
    monkeypatch.setattr(torch.compiler, "is_exporting", lambda: True)
    np.testing.assert_allclose(model(*given).detach(), bag.detach(), atol=1e-5)


def test_an_int8_table_is_within_half_a_unit():
    weight = torch.randn(5, 7) * torch.logspace(-3, 2, 5).unsqueeze(1)
    table = Int8Table(weight)
    rows = torch.tensor([[0, 4], [2, 2]])
    assert ((table(rows) - weight[rows]).abs() <= 0.5001 * table.unit[rows]).all()
    assert not Int8Table(torch.zeros(2, 3))(torch.tensor([[1]])).any()


def test_bins_without_a_row_weigh_nothing():
    bins = BinFeatures(0, 3)
    bins.row[10000] = 1
    bins.weight = torch.tensor([0.0, 2.0, 1.0])
    rows, weight = bins(*peaks([(100.0, 0.5), (120.0, 0.5)]), torch.tensor([200.0]))
    assert rows.max() == 1
    assert weight.square().sum() == pytest.approx(1.0)
    assert len(KINDS) == 3


def test_smiles_come_back_from_their_tokens():
    words = vocabulary(SMILES)
    tokenizer = Tokenizer(words, 64)
    for text in SMILES:
        assert "".join(tokens(text)) == text
        assert tokenizer.decode(tokenizer.encode(text)[1:]) == text
    assert tokens("ClCBr[nH]%12") == ["Cl", "C", "Br", "[nH]", "%12"]
    assert tokenizer.encode("C[Xe]") is None
    assert Tokenizer(words, 4).encode("CCCO") is None
    assert canonical(randomised(SMILES[-1], 3)) == canonical(SMILES[-1])
    assert canonical("C1CC") == ""


def test_masking_hides_the_share_and_no_end():
    rows = padded_rows([[BEGIN, *([7] * 40), END], [BEGIN, 7, END]])
    hidden = masked(rows, 0.25, np.random.default_rng(0))
    assert (hidden[0] == MASK).sum() in range(5, 11)
    assert (hidden[:, 0] == BEGIN).all()
    assert (hidden[0] == END).sum() == 1
    assert (hidden[1, 3:] == PAD).all()


def test_one_beam_is_the_greedy_text_and_more_beams_are_no_less_likely():
    torch.manual_seed(0)
    words = vocabulary(SMILES)
    model = SmilesModel(LanguageConfig(words, width=16, depth=1, heads=2, longest=12)).eval()
    memory = torch.randn(2, 3, 16)
    hidden = torch.zeros(2, 3, dtype=torch.bool)
    rows = [BEGIN]
    for _ in range(11):
        scores = model.logits(torch.tensor([rows]), memory[:1], hidden[:1])[0, -1].detach()
        scores[[PAD, BEGIN]] = float("-inf")
        rows.append(int(scores.argmax()))
        if rows[-1] == END:
            break
    greedy = beam_search(model, memory, hidden, 1, 12)
    assert greedy[0][0][0] == model.tokenizer.decode(rows[1:])
    wide = beam_search(model, memory, hidden, 4, 12)
    assert len(wide) == 2
    assert [score for _, score in wide[0]] == sorted((s for _, s in wide[0]), reverse=True)
