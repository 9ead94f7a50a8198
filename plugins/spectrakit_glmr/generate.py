"""Stage 2: a decoder that writes the molecule, reading the spectrum and its best candidates.

Cross-attention takes the states of the peaks as queries and the states of K candidates' SMILES
as keys and values; the decoder of stage `molecules` goes on learning from what comes out, by
log-likelihood, while both encoders stay as they are.

Source: Zhang et al., GLMR, stage 2. Departure: in training the truth stands among the candidates
half of the time only. On molecules that stage 1 has seen it would always be the first, and the
decoder would learn to copy it without a look at the spectrum.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from spectrakit.search.molecular_fingerprints import fingerprints
from spectrakit.train.data import PeakBatch
from spectrakit.train.order import BatchOrder
from spectrakit_glmr.dual import DualConfig, DualEncoder
from spectrakit_glmr.language import SmilesModel, beam_search
from spectrakit_glmr.pool import SameMass
from spectrakit_glmr.smiles import PAD, Tokenizer, canonical, padded_rows
from spectrakit_glmr.spectra import Measured

Singles = NDArray[np.float32]
TRUTH_SHARE = 0.5  # of training samples whose candidates hold the truth
LONGEST_WRITTEN = 80  # tokens; 98 % of molecules are shorter
QUERY_PEAKS = 32  # strongest peaks whose states ask


@dataclass(frozen=True)
class GeneratorConfig:
    """What the generator is built from; ``candidates`` is K."""

    dual: DualConfig
    candidates: int = 8

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**self.dual.as_json(), "stage": "generator", "candidates": self.candidates}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "GeneratorConfig":
        """Build it again from ``as_json``."""
        return cls(DualConfig.from_json(values), int(values["candidates"]))


class Generator(nn.Module):
    """The frozen encoders, the cross-attention and a decoder."""

    def __init__(self, config: GeneratorConfig, dual: DualEncoder) -> None:
        super().__init__()
        self.config = config
        self.dual = dual
        language = self.language
        width = language.config.width
        encoder = dual.config.encoder
        self.peak = nn.Linear(2 * encoder.latent + 1, width)
        self.whole = nn.Linear(encoder.dimension, width)
        self.attention = nn.MultiheadAttention(width, language.config.heads, batch_first=True)
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        dual.requires_grad_(False)
        language.decoder.requires_grad_(True)

    @property
    def language(self) -> SmilesModel:
        """The SMILES model that the encoders carry."""
        if self.dual.language is None:
            raise ValueError("the encoders carry no language model")
        return self.dual.language

    def train(self, mode: bool = True) -> "Generator":
        """Switch the mode; the encoders stay in evaluation."""
        super().train(mode)
        self.dual.eval()
        self.language.decoder.train(mode)
        return self

    def spectrum_states(self, peaks: PeakBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """Return (n, 1 + q, width) states, the whole spectrum first, and (n, 1 + q) True: none."""
        size, place = functional.pad(peaks.intensity * peaks.mask, (0, QUERY_PEAKS)).topk(
            QUERY_PEAKS, dim=1
        )
        mz = functional.pad(peaks.mz, (0, QUERY_PEAKS)).gather(1, place)
        mask = size > 0
        encoder = self.dual.spectrum
        parts: list[torch.Tensor] = [size.sqrt().unsqueeze(-1)]
        for kind in (0, 1):
            bins, table = encoder.kinds()[kind]
            rows, weight = bins(mz, size, mask, peaks.precursor[:, 0])
            vectors = table.weight[rows] * (weight > 0).unsqueeze(-1)
            low, high = vectors.chunk(2, 1)  # each peak lies between two bins
            parts.append((low + high) / 2)
        with torch.no_grad():
            answer = self.dual(peaks)
        answer = functional.normalize(answer, dim=-1) * answer.shape[-1] ** 0.5
        states = torch.cat([self.whole(answer).unsqueeze(1), self.peak(torch.cat(parts, -1))], 1)
        return states, torch.cat([torch.zeros_like(mask[:, :1]), ~mask], 1)

    def memory(
        self, peaks: PeakBatch, candidates: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what the decoder looks at: (n, 1 + q, width), and (n, 1 + q) True: nothing.

        Args:
            peaks: n spectra.
            candidates: (n, k, t) int64 tokens, PAD throughout where there is no candidate.
        """
        states, hidden = self.spectrum_states(peaks)
        n, k, t = candidates.shape
        language = self.language
        if k:
            rows = candidates.reshape(n * k, t)
            known = (rows != PAD).any(1)
            keys = torch.zeros(n * k, t, states.shape[-1], device=states.device)
            if bool(known.any()):
                with torch.no_grad():
                    keys[known] = language.states(rows[known]).to(keys.dtype)
            keys = keys.view(n, k * t, -1)
            nothing = (candidates == PAD).view(n, k * t)
            open_row = ~nothing.all(1)
            nothing = nothing & open_row.unsqueeze(1)  # a row without any key would be NaN
            seen = self.attention(
                self.before(states), keys, keys, key_padding_mask=nothing, need_weights=False
            )[0]
            states = states + seen * open_row.view(-1, 1, 1)
        return states + self.mix(self.after(states)), hidden


@dataclass(frozen=True, slots=True)
class Prompts:
    """Spectra, (n, k, t) tokens of their candidates, (n, u) tokens to be written."""

    peaks: PeakBatch
    candidates: torch.Tensor
    written: torch.Tensor

    def to(self, device: torch.device | str) -> "Prompts":
        """Return the batch on a device."""
        names = ("peaks", "candidates", "written")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def candidate_tokens(lists: Sequence[Sequence[str]], tokenizer: Tokenizer) -> torch.Tensor:
    """Return (n, k, t) tokens; PAD throughout where a list is shorter or cannot be spelled."""
    k = max(map(len, lists), default=0)
    flat = [
        tokenizer.encode(one[place]) or [] if place < len(one) else []
        for one in lists
        for place in range(k)
    ]
    return padded_rows(flat).view(len(lists), k, -1)


class GeneratorBatches:
    """Groups of spectra with candidates drawn from molecules of the same mass."""

    def __init__(
        self, measured: Measured, pool: SameMass, model: Generator, *, batch: int, accumulate: int,
        seed: int, rank: int, world: int,
    ) -> None:  # fmt: skip
        self.measured, self.pool, self.k = measured, pool, model.config.candidates
        self.tokenizer = model.language.tokenizer
        self.smiles = [canonical(text) for text in measured.smiles]
        spelled = np.array([self.tokenizer.encode(text) is not None for text in self.smiles])
        groups = np.arange(len(measured), dtype=np.int64)
        self.groups = groups[spelled[measured.molecule_of(groups)]]
        self.key = (seed, rank)
        self.order = BatchOrder(
            np.ones(len(self.groups), np.int64),
            batch=batch, accumulate=accumulate, seed=seed, rank=rank, world=world,
        )  # fmt: skip

    def __call__(self, position: int) -> Prompts:
        """Return the batch of this process at a position."""
        groups = self.groups[self.order.rows(position)]
        random = np.random.default_rng([*self.key, position])
        molecule = self.measured.molecule_of(groups).tolist()
        lists: list[list[str]] = []
        for one in molecule:
            start, stop = int(self.pool.start[one]), int(self.pool.start[one + 1])
            rows = random.permutation(self.pool.rows[start:stop])[: self.k]
            listed = [self.pool.smiles[int(row)] for row in rows]
            if random.random() < TRUTH_SHARE:
                listed = [*listed[: self.k - 1], self.smiles[one]]
                listed = [listed[int(at)] for at in random.permutation(len(listed))]
            lists.append(listed)
        written = [self.tokenizer.encode(self.smiles[one]) or [] for one in molecule]
        return Prompts(
            self.measured.batch(groups, random),
            candidate_tokens(lists, self.tokenizer),
            padded_rows(written),
        )

    def names(self, position: int) -> list[str]:
        """Return the molecules of a batch."""
        groups = self.groups[self.order.rows(position)]
        return [self.measured.keys[one] for one in self.measured.molecule_of(groups).tolist()]

    def judge(self, model: Generator) -> dict[str, float]:
        """Return loss and share of right tokens on the first batch."""
        device = model.peak.weight.device
        loss, told = generation(model, self(0).to(device))
        return {"loss": float(loss), "token": float(told["token"])}


def generation(model: Generator, batch: Prompts) -> tuple[torch.Tensor, Mapping[str, torch.Tensor]]:
    """Return the loss of stage 2: the mean negative log-likelihood of the molecule's tokens."""
    memory, hidden = model.memory(batch.peaks, batch.candidates)
    loss, hits = model.language.written_loss(batch.written, memory, hidden)
    return loss, {"token": hits}


@dataclass(frozen=True)
class Written:
    """What was generated for one spectrum: valid canonical SMILES, best first; how many were not.

    ``weights`` are the texts' mean log-likelihoods.
    """

    smiles: tuple[str, ...]
    weights: tuple[float, ...]
    invalid: int


@torch.no_grad()
def generate(
    model: Generator,
    peaks: PeakBatch,
    candidates: Sequence[Sequence[str]],
    beams: int,
    longest: int = LONGEST_WRITTEN,
) -> list[Written]:
    """Return what the generator writes for spectra and their candidates, best first.

    Args:
        model: in evaluation mode.
        peaks: n spectra.
        candidates: n lists of SMILES, best first; the first K are read.
        beams: texts for each spectrum.
        longest: tokens of a text; longer ones end unfinished.
    """
    language = model.language
    device = model.peak.weight.device
    lists = [list(one[: model.config.candidates]) for one in candidates]
    tokens = candidate_tokens(lists, language.tokenizer).to(device)
    memory, hidden = model.memory(peaks.to(device), tokens)
    found: list[Written] = []
    for texts in beam_search(language, memory, hidden, beams, longest):
        read = [(canonical(text), score) for text, score in texts]
        kept: dict[str, float] = {}
        for text, score in read:
            if text:
                kept.setdefault(text, score)
        invalid = sum(not text for text, _ in read)
        found.append(Written(tuple(kept), tuple(kept.values()), invalid))
    return found


def likeness(model: DualEncoder, written: Written, bits: Any) -> Singles:
    """Return (m,) how like candidates are to what was written: the weighted mean cosine.

    Args:
        model: its molecule encoder embeds both.
        written: of one spectrum; where nothing is valid, every candidate gets 0.
        bits: (m, N_BITS) CSR of the candidates.
    """
    if not written.smiles or not bits.shape[0]:
        return np.zeros(bits.shape[0], np.float32)
    made = model.molecule.coordinates(fingerprints(written.smiles)[0])
    listed = model.molecule.coordinates(bits)
    made /= np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-9)
    listed /= np.maximum(np.linalg.norm(listed, axis=1, keepdims=True), 1e-9)
    weight = np.exp(np.array(written.weights) - max(written.weights))
    return (listed @ made.T @ (weight / weight.sum())).astype(np.float32)
