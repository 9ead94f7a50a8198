"""The language of molecules: an encoder of SMILES and a decoder that writes them (Chemformer).

Pretrained by denoising: the encoder reads a randomised SMILES with hidden tokens, the decoder
writes the canonical one. Pre-norm transformers, sinusoidal positions, output tied to the
embedding.

Source: Irwin et al. 2022, Chemformer; its weights are not used, the shapes are far smaller.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from spectrakit_glmr.smiles import BEGIN, END, PAD, Tokenizer


@dataclass(frozen=True)
class LanguageConfig:
    """What the model is built from; ``words`` is its vocabulary."""

    words: tuple[str, ...]
    width: int = 128
    depth: int = 3
    heads: int = 4
    longest: int = 128
    dropout: float = 0.1

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "words": list(self.words)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "LanguageConfig":
        """Build it again from ``as_json``."""
        return cls(**{**values, "words": tuple(values["words"])})


def positions(length: int, width: int, device: torch.device) -> torch.Tensor:
    """Return (length, width) sines and cosines (Vaswani et al. 2017, section 3.5)."""
    at = torch.arange(length, device=device, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(
        torch.arange(0, width, 2, device=device, dtype=torch.float32) * (-math.log(1e4) / width)
    )
    return torch.cat([(at * rate).sin(), (at * rate).cos()], 1)[:, :width]


class Decoder(nn.Module):
    """Writes token by token, looking at a memory."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        layer = nn.TransformerDecoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.layers = nn.TransformerDecoder(layer, config.depth, nn.LayerNorm(config.width))

    def forward(
        self, written: torch.Tensor, memory: torch.Tensor, hidden: torch.Tensor
    ) -> torch.Tensor:
        """(n, t, width) embedded tokens, (n, s, width) memory, (n, s) True: no memory there."""
        ahead = torch.ones(written.shape[1], written.shape[1], dtype=torch.bool).triu(1)
        return self.layers(
            written, memory, tgt_mask=ahead.to(written.device), memory_key_padding_mask=hidden
        )


class SmilesModel(nn.Module):
    """Encoder and decoder of SMILES."""

    def __init__(self, config: LanguageConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = Tokenizer(config.words, config.longest)
        self.tokens = nn.Embedding(len(config.words), config.width)
        layer = nn.TransformerEncoderLayer(
            config.width, config.heads, 4 * config.width, config.dropout, batch_first=True,
            norm_first=True,
        )  # fmt: skip
        self.encoder = nn.TransformerEncoder(
            layer, config.depth, nn.LayerNorm(config.width), enable_nested_tensor=False
        )
        self.decoder = Decoder(config)
        nn.init.normal_(self.tokens.weight, std=config.width**-0.5)

    def embedded(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, t) -> (n, t, width), places included."""
        width = self.config.width
        return self.tokens(rows) * math.sqrt(width) + positions(rows.shape[1], width, rows.device)

    def states(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, t) tokens -> (n, t, width) states."""
        return self.encoder(self.embedded(rows), src_key_padding_mask=rows == PAD)

    def pooled(self, rows: torch.Tensor) -> torch.Tensor:
        """(n, t) tokens -> (n, width): the mean of the states."""
        there = (rows != PAD).unsqueeze(-1)
        return (self.states(rows) * there).sum(1) / there.sum(1)

    def logits(
        self, written: torch.Tensor, memory: torch.Tensor, hidden: torch.Tensor
    ) -> torch.Tensor:
        """(n, t) tokens so far -> (n, t, words) scores of the next ones."""
        return self.decoder(self.embedded(written), memory, hidden) @ self.tokens.weight.T

    def written_loss(
        self, target: torch.Tensor, memory: torch.Tensor, hidden: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the mean negative log-likelihood of (n, t) targets, and the share of hits."""
        logits = self.logits(target[:, :-1], memory, hidden)
        wanted = target[:, 1:]
        loss = functional.cross_entropy(logits.flatten(0, 1), wanted.flatten(), ignore_index=PAD)
        there = wanted != PAD
        return loss, ((logits.argmax(-1) == wanted) & there).sum() / there.sum()


@torch.no_grad()
def beam_search(
    model: SmilesModel, memory: torch.Tensor, hidden: torch.Tensor, beams: int, longest: int
) -> list[list[tuple[str, float]]]:
    """Return the likeliest texts of each memory, best first, with their mean log-likelihoods.

    Args:
        model: in evaluation mode.
        memory: (n, s, width) what the decoder looks at.
        hidden: (n, s) True where there is none.
        beams: texts that are followed at a time.
        longest: tokens of a text.
    """
    n, device = len(memory), memory.device
    words = len(model.config.words)
    memory = memory.repeat_interleave(beams, 0)
    hidden = hidden.repeat_interleave(beams, 0)
    rows = torch.full((n * beams, 1), BEGIN, dtype=torch.int64, device=device)
    total = torch.full((n, beams), float("-inf"), device=device)
    total[:, 0] = 0.0
    ended = torch.zeros(n * beams, dtype=torch.bool, device=device)
    for _ in range(longest - 1):
        step = model.logits(rows, memory, hidden)[:, -1].float().log_softmax(-1)
        step[:, [PAD, BEGIN]] = float("-inf")
        frozen = torch.full_like(step, float("-inf"))
        frozen[:, PAD] = 0.0  # an ended text goes on as it is
        step = torch.where(ended.unsqueeze(1), frozen, step)
        scores = (total.unsqueeze(-1) + step.view(n, beams, words)).view(n, -1)
        total, place = scores.topk(beams, dim=1)
        parent = (place // words + torch.arange(n, device=device).unsqueeze(1) * beams).view(-1)
        chosen = (place % words).view(-1)
        rows = torch.cat([rows[parent], chosen.unsqueeze(1)], 1)
        ended = ended[parent] | (chosen == END)
        if bool(ended.all()):
            break
    lengths = (rows != PAD).sum(1).view(n, beams)
    means = total / lengths
    found: list[list[tuple[str, float]]] = []
    for number in range(n):
        order = means[number].argsort(descending=True).tolist()
        own = rows.view(n, beams, -1)[number]
        found.append(
            [(model.tokenizer.decode(own[k, 1:].tolist()), float(means[number, k])) for k in order]
        )
    return found
