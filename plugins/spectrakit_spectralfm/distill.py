"""`spectrakit distill -m RUN`: the encoder itself as a bundle that runs without torch.

A graph has one axis: that of the spectra given, which should be those of the instrument. It
answers with z_chem of all tokens, and with the spectrum as the model denoises it.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from spectrakit.bundle import write_bundle
from spectrakit.log import say
from spectrakit.plugin import Job
from spectrakit_spectralfm.load import load_pretrained
from spectrakit_spectralfm.model import TECHNIQUES, SpectralModel
from spectrakit_spectralfm.plugin import DistillOptions, plugin
from spectrakit_spectralfm.reading import Reader
from spectrakit_spectralfm.spectra import CommonAxis, on_common_axis, traces_of
from spectrakit_spectralfm.switches import check_bundle
from spectrakit_spectralfm.writing import export, input_of

JUDGED = 256


class EncoderGraph(nn.Module):
    """What is exported: (batch, n) raw -> embedding (batch, T chem), denoised (batch, p)."""

    def __init__(self, model: SpectralModel, common: CommonAxis) -> None:
        super().__init__()
        self.model = model
        self.reader = Reader(common, model.config)

    def forward(self, spectrum: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the embedding, and the spectrum denoised and standardised at even points."""
        values, _ = self.reader(spectrum)
        encoded = self.model.encode(values, *self.reader.placed(values.shape[0]))
        return encoded.chem.flatten(1), self.model.denoise(encoded)


def run(job: Job, options: DistillOptions) -> Path:
    """Export the encoder of the parent run and return the bundle."""
    check_bundle(job, "distill", options)
    model, _ = load_pretrained(job.parent)
    with job.progress("distill", 2, "steps") as advance:
        spectra, common = on_common_axis(traces_of(job.train, job.leave_out))
        held = traces_of(job.valid, job.leave_out) if len(job.valid) else None
        split = "valid" if held is not None and len(held) else "train"
        judged = on_common_axis(held, common)[0] if held is not None and len(held) else spectra
        graph = EncoderGraph(model, common).eval()
        advance(1)
        error = denoising_error(graph, judged[:JUDGED])
        say(f"spectralfm: spectra come back with an error of {error:.3g} of their spread")
        told = {"name": "denoise_rmse", "value": error, "split": split, "n": len(judged[:JUDGED])}
        path = write_bundle(
            job.run.student(options.name, options.version),
            graphs={"encode_spectrum": export(graph, spectra, ["embedding", "denoised"])},
            units={"encode_spectrum": {"embedding": "1", "denoised": "1"}},
            replace_old=True,  # of this very run, which was begun again
            task="embed",
            modality=TECHNIQUES[common.technique],
            input=input_of(common),
            metrics=(told,),
            plugin={"name": plugin.name, "version": plugin.version},
            data=job.run.data(),
            summary=f"Encoder of {TECHNIQUES[common.technique]} spectra by {plugin.name}.",
            licence=options.licence,
        )
        advance(1)
    return path


@torch.no_grad()
def denoising_error(graph: EncoderGraph, spectra: np.ndarray) -> float:
    """Return the root mean square difference of denoised and given spectra, standardised."""
    given = torch.from_numpy(spectra)
    difference = graph(given)[1] - graph.reader(given)[0]
    return float(difference.square().mean().sqrt())
