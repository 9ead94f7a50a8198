"""``evaluate identify``: hand-computed tables, scikit-learn as the oracle, strict input."""

import json
import math

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, label_ranking_average_precision_score

HEADER = (
    "file", "spectrum", "rank", "name", "inchikey", "smiles", "score", "probability", "q_value",
    "level",
)  # fmt: skip
KEYS = {  # three alcohols and their first InChIKey blocks
    "A": ("OKKJLVBELUTLKV", "CO"),
    "B": ("LFQSCWFLJHTTHZ", "CCO"),
    "C": ("BDERNNFJNOPAEC", "CCCO"),
    "D": ("LRHPLDYGYMQRHN", "CCCCO"),
}
FIGURES = (
    "recall_at_1", "recall_at_5", "recall_at_20", "mrr", "tanimoto_at_1", "brier_skill", "ece",
    "fdr",
)  # fmt: skip


def hit(spectrum, rank, compound="", score="", p="", q="", level="3", file="run.mzML"):
    block, smiles = KEYS.get(compound, ("", ""))
    key = f"{block}-UHFFFAOYSA-N" if block else ""
    return (file, spectrum, rank, compound, key, smiles, score, p, q, level)


@pytest.fixture
def tables(tmp_path):
    """Write a table of hits and a table of truth; return their paths."""

    def write(hits, truth, header="spectrum inchikey known"):
        lines = ["\t".join(HEADER), *("\t".join(map(str, row)) for row in hits)]
        (tmp_path / "hits.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        lines = [header.replace(" ", "\t"), *("\t".join(map(str, row)) for row in truth)]
        (tmp_path / "truth.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / "hits.tsv", tmp_path / "truth.tsv"

    return write


@pytest.fixture
def evaluate(cli, tables):
    """Run the command on rows; return the JSON of stdout."""

    def run(hits, truth, header="spectrum inchikey known", *options):
        hits_path, truth_path = tables(hits, truth, header)
        result = cli("evaluate", "identify", hits_path, "--truth", truth_path, *options)
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return run


def values(result, name):
    return result[name]["per_spectrum"]["value"], result[name]["per_molecule"]["value"]


SMALL_HITS = [
    hit("s1", 1, "A", 0.9, 0.8, 0.01, "2a"),
    hit("s2", 1, "B", 0.7, 0.6, 0.08),
    hit("s2", 2, "A", 0.5, 0.3),
    hit("s3", 0),
    hit("u1", 1, "D", 0.6, 0.7, 0.05),
    hit("extra", 1, "D", 0.6, 0.1, 0.2),
]
SMALL_TRUTH = [
    ("s1", KEYS["A"][0], 1),
    ("s2", f"{KEYS['A'][0]}-UHFFFAOYSA-N", 1),
    ("s3", KEYS["B"][0], 1),
    ("s4", KEYS["C"][0], 1),
    ("u1", "", 0),
]


def test_figures_of_a_table_computed_by_hand(evaluate):
    result = evaluate(SMALL_HITS, SMALL_TRUTH)
    counts = {"n_spectra": 5, "n_known": 4, "n_unknown": 1, "n_molecules": 4}
    assert {name: result[name] for name in counts} == counts
    assert (result["not_in_hits"], result["not_in_hits_spectra"]) == (1, ["s4"])
    assert result["not_in_truth"] == 1
    # molecule A: right, second; B: no hit; C: not in the hits
    assert values(result, "recall_at_1") == pytest.approx((1 / 4, 1 / 6), abs=1e-6)
    assert values(result, "recall_at_5") == pytest.approx((2 / 4, 1 / 3), abs=1e-6)
    assert values(result, "recall_at_20") == values(result, "recall_at_5")
    assert values(result, "mrr") == pytest.approx((1.5 / 4, 0.75 / 3), abs=1e-6)
    # answers with a probability: s1 right at 0.8, s2 wrong at 0.6, u1 wrong at 0.7
    skill = 1 - (0.04 + 0.36 + 0.49) / 3 / (1 / 3 * 2 / 3)
    assert values(result, "brier_skill")[0] == pytest.approx(skill, abs=1e-6)
    assert values(result, "ece")[0] == pytest.approx((0.2 + 0.6 + 0.7) / 3, abs=1e-6)
    # per molecule s1 and s2 weigh a half each, u1 one
    skill = 1 - (0.02 + 0.18 + 0.49) / 2 / (1 / 4 * 3 / 4)
    assert values(result, "brier_skill")[1] == pytest.approx(skill, abs=1e-6)
    # all three name a compound, two wrongly
    assert values(result, "fdr") == pytest.approx((2 / 3, 3 / 4), abs=1e-6)
    at = result["fdr"]["at"]
    assert [at[limit]["n"] for limit in ("0.01", "0.05", "0.10")] == [1, 2, 3]
    observed = [at[limit]["per_spectrum"]["value"] for limit in ("0.01", "0.05", "0.10")]
    assert observed == pytest.approx([0, 1 / 2, 2 / 3], abs=1e-6)
    assert result["fdr"]["unknowns"]["named"] == result["fdr"]["unknowns"]["n"] == 1


def test_every_figure_has_n_values_and_intervals(evaluate):
    result = evaluate(SMALL_HITS, SMALL_TRUTH)
    sizes = dict.fromkeys(FIGURES, (4, 3)) | dict.fromkeys(("brier_skill", "ece", "fdr"), (3, 2))
    for name in FIGURES:
        figure = result[name]
        assert (figure["n"], figure["per_molecule"]["n"]) == sizes[name], name
        for part in (figure["per_spectrum"], figure["per_molecule"]):
            low, high = part["interval"]
            assert low <= part["value"] <= high, name
        assert {k: figure[k] for k in ("value", "interval", "n")} == figure["per_spectrum"]


def test_similarity_of_the_first_answer(evaluate):
    """Right 1, no answer 0, else Tanimoto; A's structure is known only from the hits."""
    from rdkit.Chem import MolFromSmiles
    from rdkit.Chem.rdFingerprintGenerator import GetMorganGenerator
    from rdkit.DataStructs import TanimotoSimilarity

    morgan = GetMorganGenerator(radius=2, fpSize=2048)
    a, b = (morgan.GetFingerprint(MolFromSmiles(KEYS[name][1])) for name in "AB")
    expected = (1 + TanimotoSimilarity(a, b) + 0 + 0) / 4
    result = evaluate(SMALL_HITS, SMALL_TRUTH)
    assert values(result, "tanimoto_at_1")[0] == pytest.approx(expected, abs=1e-6)


def test_a_wrong_answer_without_structures_is_left_out_of_similarity(evaluate):
    rows = [hit("s1", 1, "A", 1, 0.9), hit("s2", 1, "D", 1, 0.9)]
    result = evaluate(rows, [("s1", KEYS["A"][0], 1), ("s2", KEYS["C"][0], 1)])
    assert (result["tanimoto_at_1"]["n"], result["tanimoto_at_1"]["value"]) == (1, 1.0)


def test_ties_count_against_the_truth(evaluate):
    """Three compounds with the same score and probability: the truth is third of them."""
    rows = [hit("s1", rank, name, 0.5, 0.2) for rank, name in enumerate("ABC", start=1)]
    result = evaluate(rows, [("s1", KEYS["A"][0], 1)])
    assert result["recall_at_1"]["value"] == 0
    assert result["mrr"]["value"] == pytest.approx(1 / 3, abs=1e-6)
    rows[2] = hit("s1", 3, "C", 0.5, 0.1)  # another probability is no tie
    assert evaluate(rows, [("s1", KEYS["A"][0], 1)])["mrr"]["value"] == 0.5


def test_the_same_compound_twice_is_no_tie(evaluate):
    rows = [hit("s1", 1, "A", 0.5), hit("s1", 2, "A", 0.5)]
    assert evaluate(rows, [("s1", KEYS["A"][0], 1)])["recall_at_1"]["value"] == 1


def test_reciprocal_rank_and_brier_score_equal_scikit_learn(evaluate):
    """Random scores with many ties; scikit-learn's label ranking is pessimistic as well."""
    rng = np.random.default_rng(1)
    n = 60
    scores = rng.integers(0, 6, size=(n, 4)) / 5
    right = rng.integers(0, 4, size=n)
    probability = np.round(rng.random(n), 4)
    rows, truth = [], []
    correct = np.zeros(n, dtype=bool)
    for i in range(n):
        order = np.argsort(-scores[i], kind="stable")
        for rank, k in enumerate(order, start=1):
            p = probability[i] if rank == 1 else ""
            if scores[i, k] == scores[i, order[0]]:
                p = probability[i]  # equal evidence, equal probability
            rows.append(hit(f"s{i}", rank, "ABCD"[k], scores[i, k], p))
        correct[i] = (scores[i] >= scores[i, right[i]]).sum() == 1
        truth.append((f"s{i}", KEYS["ABCD"[right[i]]][0], 1))
    result = evaluate(rows, truth)
    relevant = np.eye(4)[right]
    expected = label_ranking_average_precision_score(relevant, scores)
    assert result["mrr"]["value"] == pytest.approx(expected, abs=1e-6)
    base = correct.mean()
    skill = 1 - brier_score_loss(correct, probability) / (base * (1 - base))
    assert result["brier_skill"]["value"] == pytest.approx(skill, abs=1e-6)


def test_intervals_come_from_drawing_molecules(evaluate):
    """A: 30 spectra right, B: 10 wrong. A draw holds both, A only or B only: 1/2, 1/4, 1/4."""
    rows = [hit(f"a{i}", 1, "A", 1, 0.9) for i in range(30)]
    rows += [hit(f"b{i}", 1, "A", 1, 0.9) for i in range(10)]
    truth = [(f"a{i}", KEYS["A"][0], 1) for i in range(30)]
    truth += [(f"b{i}", KEYS["B"][0], 1) for i in range(10)]
    recall = evaluate(rows, truth)["recall_at_1"]
    assert recall["per_spectrum"] == {"n": 40, "value": 0.75, "interval": [0, 1]}
    assert recall["per_molecule"] == {"n": 2, "value": 0.5, "interval": [0, 1]}


def test_one_molecule_has_no_interval_and_equal_outcomes_no_skill(evaluate):
    result = evaluate([hit("s1", 1, "A", 1, 0.9)], [("s1", KEYS["A"][0], 1)])
    assert result["recall_at_1"]["interval"] is None
    assert result["brier_skill"]["value"] is None
    assert result["fdr"]["unknowns"]["n"] == 0
    assert result["fdr"]["unknowns"]["value"] is None


def test_column_molecule_decides_what_is_drawn(evaluate):
    rows = [hit("s1", 1, "A", 1), hit("s2", 1, "A", 1)]
    truth = [("s1", KEYS["A"][0], "m1"), ("s2", KEYS["A"][0], "m2")]
    result = evaluate(rows, truth, "spectrum inchikey molecule")
    assert result["recall_at_1"]["per_molecule"]["n"] == 2


def test_without_probabilities_the_rest_is_still_measured(cli, tmp_path):
    (tmp_path / "h.tsv").write_text(f"spectrum\trank\tinchikey\tscore\ns1\t1\t{KEYS['A'][0]}\t3\n")
    (tmp_path / "t.csv").write_text(f'"spectrum","inchikey"\n"s1","{KEYS["A"][0]}"\n')
    done = cli("evaluate", "identify", tmp_path / "h.tsv", "--truth", tmp_path / "t.csv")
    result = json.loads(done.stdout)
    assert (result["recall_at_1"]["value"], result["brier_skill"]["n"]) == (1, 0)
    assert result["ece"] == {
        "n": 0, "value": None, "interval": None,
        "per_spectrum": {"n": 0, "value": None, "interval": None},
        "per_molecule": {"n": 0, "value": None, "interval": None},
    }  # fmt: skip


def test_file_column_tells_equal_spectrum_ids_apart(evaluate, tables, cli):
    rows = [hit("scan=1", 1, name, 1, file=f"runs/{name}.mzML") for name in "AB"]
    truth = [(f"{name}.mzML", "scan=1", KEYS[name][0]) for name in "AB"]
    assert evaluate(rows, truth, "file spectrum inchikey")["recall_at_1"]["value"] == 1
    hits_path, truth_path = tables(rows, [("scan=1", KEYS["A"][0], 1)])
    result = cli("evaluate", "identify", hits_path, "--truth", truth_path)
    assert result.exit_code == 3
    assert "line 2, column 'spectrum': 'scan=1' is in 2 files" in result.stderr


def test_a_person_sees_a_table_and_out_is_the_same_json(cli, tables, tmp_path):
    hits_path, truth_path = tables(SMALL_HITS, SMALL_TRUTH)
    arguments = ("evaluate", "identify", hits_path, "--truth", truth_path, "--seed", 3)
    shown = cli(*arguments)
    assert "recall_at_1" in shown.stderr and "1 not in the hits" in shown.stderr
    filed = cli(*arguments, "--out", tmp_path / "out.json", "--quiet")
    assert (filed.stdout, filed.stderr) == ("", "")
    assert (tmp_path / "out.json").read_text(encoding="utf-8") == shown.stdout
    other = json.loads(cli(*arguments[:-1], 4).stdout)
    assert other["mrr"]["value"] == json.loads(shown.stdout)["mrr"]["value"]
    assert not math.isnan(other["mrr"]["value"])


GOOD = hit("s1", 1, "A", 1, 0.9, 0.1)
BAD_INPUT = [  # (hits, truth, header of the truth, what stderr must say)
    ([("f", "s1", "x", "", KEYS["A"][0], "", 1, "", "", "")], None, None,
     "hits.tsv: line 2, column 'rank': 'x' is not a whole number"),
    ([("f", "s1", -1, "", KEYS["A"][0], "", 1, "", "", "")], None, None, "column 'rank': '-1'"),
    ([GOOD, hit("s1", 2, "B", "high")], None, None,
     "hits.tsv: line 3, column 'score': 'high' is not a number"),
    ([hit("s1", 1, "A", 1, 1.5)], None, None, "column 'probability': 1.5 is not between"),
    ([hit("s1", 1, "A", 1, "inf")], None, None, "column 'probability': 'inf' is not finite"),
    ([("f", "s1", 1, "", "no key", "", 1, "", "", "")], None, None, "'NO KEY' is not an InChIKey"),
    ([GOOD[:-1]], None, None, "hits.tsv: line 2 has 9 cells, the header 10"),
    ([], None, None, "hits.tsv: line 2: the table has no rows"),
    ([GOOD], [], None, "truth.tsv: line 2: the table has no rows"),
    ([GOOD], [("s1", KEYS["A"][0], 1), ("s1", KEYS["B"][0], 1)], None,
     "truth.tsv: line 3, column 'spectrum': 's1' is on line 2 already"),
    ([GOOD], [("s1", "", 1)], None, "truth.tsv: line 2, column 'inchikey': a known compound"),
    ([GOOD], [("s1", KEYS["A"][0], "maybe")], None, "column 'known': 'maybe' is neither"),
    ([GOOD], [("s1", KEYS["A"][0])], "spectrum key", "truth.tsv: line 1: column 'inchikey' is"),
    ([GOOD], [("", KEYS["A"][0], 1)], None, "truth.tsv: line 2, column 'spectrum': it is empty"),
]  # fmt: skip


@pytest.mark.parametrize(("hits", "truth", "header", "says"), BAD_INPUT)
def test_bad_tables_end_with_one_line_that_names_the_place(cli, tables, hits, truth, header, says):
    truth = SMALL_TRUTH if truth is None else truth
    paths = tables(hits, truth, header or "spectrum inchikey known")
    result = cli("evaluate", "identify", paths[0], "--truth", paths[1])
    assert result.exit_code == 3
    assert says in result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "cannot be read"),
        (b"", "line 1: the table is empty"),
        (b"spectrum\trank\tscore\ns1\t1\t2\n", "line 1: column 'inchikey' is missing"),
        (b"spectrum\trank\tinchikey\tscore\tscore\n", "column 'score' is there twice"),
        (b"spectrum\trank\tinchikey\tscore\ns\xff\t1\t\t1\n", "line 2 is not UTF-8"),
    ],
)
def test_unreadable_hits(cli, tables, content, says):
    hits_path, truth_path = tables([GOOD], SMALL_TRUTH)
    hits_path.unlink() if content is None else hits_path.write_bytes(content)
    result = cli("evaluate", "identify", hits_path, "--truth", truth_path)
    assert result.exit_code == 3
    assert says in result.stderr


def test_truth_of_the_synthetic_run_is_accepted(cli, sample_mzml, tmp_path):
    """The truth itself, written as hits, is perfect but for the five unknowns, which are silent."""
    truth = sample_mzml.with_name("sample_truth.tsv")
    header, *lines = truth.read_text(encoding="utf-8").splitlines()
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    hits = tmp_path / "hits.tsv"
    text = ["\t".join(HEADER)]
    text += ["\t".join(["sample.mzML", r["spectrum"], r["known"], r["name"], r["inchikey"],
                        r["smiles"], "1", "", "", ""]) for r in rows]  # fmt: skip
    hits.write_text("\n".join(text) + "\n", encoding="utf-8")
    result = json.loads(cli("evaluate", "identify", hits, "--truth", truth).stdout)
    for name in ("recall_at_1", "mrr", "tanimoto_at_1"):
        part = result[name]
        assert (part["n"], part["value"], part["interval"]) == (32, 1.0, [1.0, 1.0])
        assert part["per_molecule"]["n"] == 22
    assert (result["fdr"]["unknowns"]["n"], result["fdr"]["unknowns"]["named"]) == (5, 0)


def test_tables_with_semicolons_are_read(cli, tables):
    """Excel writes them where commas are decimal; "column 'spectrum' is missing" was the answer."""
    hits, truth = tables(SMALL_HITS, SMALL_TRUTH)
    expected = cli("evaluate", "identify", hits, "--truth", truth).stdout
    truth.write_text(truth.read_text().replace("\t", ";"))
    done = cli("evaluate", "identify", hits, "--truth", truth)
    assert (done.exit_code, done.stdout) == (0, expected)
