"""SMILES as tokens: a regular expression, a vocabulary from the data, masking."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

# Schwaller et al. 2019 (Molecular Transformer), the usual expression for SMILES
_TOKEN = re.compile(
    r"\[[^\]]+\]|Br|Cl|Si|Se|As|Na|[BCNOPSFIKbcnops]|%\d\d|\d|[()=#$\-+/\\:.~@*]|\S"
)
PAD, BEGIN, END, MASK, UNKNOWN = range(5)
SPECIAL = ("<pad>", "<begin>", "<end>", "<mask>", "<unknown>")


def tokens(smiles: str) -> list[str]:
    """Return the atoms, bonds, rings and brackets of a SMILES."""
    return _TOKEN.findall(smiles)


def vocabulary(smiles: Sequence[str], most: int = 250) -> tuple[str, ...]:
    """Return the special tokens and the most frequent ones, in a fixed order."""
    counts = Counter(token for text in smiles for token in tokens(text))
    ordered = sorted(counts, key=lambda token: (-counts[token], token))
    return (*SPECIAL, *ordered[:most])


class Tokenizer:
    """From texts to rows of token numbers and back."""

    def __init__(self, words: Sequence[str], longest: int) -> None:
        self.words = tuple(words)
        self.longest = longest
        self._number = {word: number for number, word in enumerate(self.words)}

    def encode(self, smiles: str) -> list[int] | None:
        """Return the tokens between BEGIN and END; None where they are too many or unknown."""
        numbers = [self._number.get(token, UNKNOWN) for token in tokens(smiles)]
        if not numbers or len(numbers) > self.longest - 2 or UNKNOWN in numbers:
            return None
        return [BEGIN, *numbers, END]

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the text up to END, without special tokens."""
        kept: list[str] = []
        for number in numbers:
            if number == END:
                break
            if number >= len(SPECIAL):
                kept.append(self.words[number])
        return "".join(kept)


def padded_rows(rows: Sequence[Sequence[int]]) -> torch.Tensor:
    """Return (n, longest) int64, PAD behind the tokens."""
    longest = max(map(len, rows), default=1)
    whole = np.full((len(rows), longest), PAD, np.int64)
    for number, row in enumerate(rows):
        whole[number, : len(row)] = row
    return torch.from_numpy(whole)


def masked(rows: torch.Tensor, share: float, random: np.random.Generator) -> torch.Tensor:
    """Return rows with a share of their tokens hidden, neighbours together (spans of 1 to 5)."""
    hidden: NDArray[np.bool_] = np.zeros(rows.shape, np.bool_)
    lengths = (rows != PAD).sum(1).tolist()
    for row, length in enumerate(lengths):
        left = round(share * max(0, length - 2))
        while left > 0:
            span = min(left, int(random.integers(1, 6)))
            at = int(random.integers(1, max(2, length - span)))
            hidden[row, at : at + span] = True
            left -= span
    special = rows < len(SPECIAL)
    return torch.where(torch.from_numpy(hidden) & ~special, MASK, rows)


def randomised(smiles: str, seed: int) -> str:
    """Return another SMILES of the same molecule; the same one where RDKit cannot read it."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles)
        if molecule is None:
            return smiles
        order = np.random.default_rng(seed).permutation(molecule.GetNumAtoms()).tolist()
        return Chem.MolToSmiles(Chem.RenumberAtoms(molecule, order), canonical=False)


def canonical(smiles: str) -> str:
    """Return the canonical SMILES without stereo, empty where RDKit refuses it."""
    from rdkit import Chem, rdBase

    with rdBase.BlockLogs():
        molecule = Chem.MolFromSmiles(smiles) if smiles else None
        return "" if molecule is None else Chem.MolToSmiles(molecule, isomericSmiles=False)
