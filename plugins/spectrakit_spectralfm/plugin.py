"""The manifest; it imports nothing heavy."""

from dataclasses import dataclass

from spectrakit.plugin import Action, Plugin, option


@dataclass(frozen=True, slots=True)
class PretrainOptions:
    """What `pretrain` can be told."""

    stage: str = option(
        "model", "The encoder, or the operator between instruments for `transfer fit`.",
        choices=("model", "operator"),
    )  # fmt: skip
    tasks: int = option(4, "Simulated transfers of a step (stage=operator).", low=1)
    labelled: float = option(0.5, "Weight of the simulated property (stage=operator).", low=0.0)
    steps: int = option(0, "Optimiser steps; 0: as many as epochs say.", low=0)
    epochs: float = option(16.0, "Passes over the spectra.", low=0.01)
    batch: int = option(64, "Spectra of a step.", low=2)
    accumulate: int = option(1, "Parts of a step.", low=1)
    rate: float = option(1.5e-3, "Highest learning rate.", low=0.0)
    decay: float = option(0.01, "Weight decay.", low=0.0)
    average: float = option(0.99, "Decay of the moving average of the weights.", low=0.0, high=1.0)
    # architecture
    points: int = option(512, "Points that a spectrum, or a crop of it, is resampled to.", low=16)
    levels: int = option(4, "Levels of the wavelet; a token has 2^levels points.", low=1, high=8)
    wavelet: str = option("db4", "Wavelet of the tokens; empty: plain patches.")
    width: int = option(96, "Width of the tokens.", low=8)
    state_blocks: int = option(1, "Selective state-space blocks; 0: none.", low=0)
    states: int = option(4, "States of each channel in them.", low=1)
    experts: int = option(4, "Experts of the mixture, two used; 1: one network; 0: none.", low=0)
    attention_blocks: int = option(2, "Transformer blocks; 0: none.", low=0)
    heads: int = option(4, "Attention heads.", low=1)
    chem: int = option(32, "Numbers of z_chem for each token.", low=1)
    inst: int = option(8, "Numbers of z_inst for a spectrum.", low=1)
    waves: int = option(0, "Waves of a Fourier operator in the denoising head; 0: none.", low=0)
    # what is learned
    masked: float = option(0.4, "Share of tokens hidden.", low=0.0, high=0.9)
    crop: float = option(0.35, "Least share of the range that a crop keeps.", low=0.05, high=1.0)
    instruments: float = option(1.0, "Strength of simulated instruments; 0: none.", low=0.0)
    reconstruction: float = option(1.0, "Weight of masked reconstruction.", low=0.0)
    invariance: float = option(0.3, "Weight of two instruments' likeness in z_chem.", low=0.0)
    denoise: float = option(0.2, "Weight of undoing the simulated instrument.", low=0.0)
    bottleneck: float = option(0.05, "Weight of the variational bottleneck; 0: none.", low=0.0)
    balance: float = option(0.01, "Weight of the experts' balance.", low=0.0)
    transport: float = option(0.0, "Weight of optimal transport between instruments.", low=0.0)
    linearity: float = option(0.0, "Weight of Beer-Lambert: codes of mixtures.", low=0.0)
    smoothness: float = option(0.0, "Weight of a smooth baseline.", low=0.0)
    curvature: float = option(0.0, "Weight of a bound of second derivatives.", low=0.0)
    negativity: float = option(0.0, "Weight of no negative absorbance.", low=0.0)


@dataclass(frozen=True, slots=True)
class DistillOptions:
    """What `distill` can be told."""

    name: str = option("spectralfm", "Name of the bundle.")
    version: str = option("1", "Version of the bundle; it begins with a digit.")
    licence: str = option("", "Licence of the bundle: that of the data allows it or not.")


@dataclass(frozen=True, slots=True)
class AdaptOptions:
    """What `adapt` can be told."""

    property: str = option("", "Property to learn; empty: the only one of the samples.")
    label: str = option("", "Column of the samples that names their class, to learn classes.")
    how: str = option(
        "head", "A linear head alone, or with LoRA or adapters in the encoder.",
        choices=("head", "lora", "adapters"),
    )  # fmt: skip
    rank: int = option(0, "Width of what is added; 0: 4 for lora, 16 for adapters.", low=0)
    steps: int = option(60, "Steps of lora and adapters, for each of five fits.", low=1)
    rate: float = option(3e-4, "Their learning rate.", low=0.0)
    meta: int = option(
        0,
        "Tasks on simulated instruments from which lora and adapters learn where to begin.",
        low=0,
    )
    readout: str = option(
        "linear", "Read-out of the head: linear, or a sum of splines (Kolmogorov-Arnold).",
        choices=("linear", "spline"),
    )  # fmt: skip
    level: bool = option(True, "Let the head see the mean and spread that standardising removes.")
    coverage: float = option(0.9, "Of the intervals.", low=0.5, high=0.99)
    name: str = option("calibration", "Name of the bundle.")
    version: str = option("1", "Version of the bundle; it begins with a digit.")
    licence: str = option("", "Licence of the bundle: that of the data allows it or not.")


@dataclass(frozen=True, slots=True)
class TttOptions:
    """What `ttt` can be told."""

    steps: int = option(20, "Self-supervised steps.", low=0)
    rate: float = option(3e-4, "Their learning rate.", low=0.0)
    weights: str = option(
        "norms", "What is trained: the encoder's norms, or all of it.", choices=("norms", "all")
    )
    reconstruction: float = option(1.0, "Weight of masked reconstruction.", low=0.0)
    alignment: float = option(0.0, "Weight of features' mean and spread.", low=0.0)
    centre: bool = option(True, "Move the features' mean to that of the old instrument's.")
    masked: float = option(0.4, "Share of tokens hidden.", low=0.05, high=0.9)
    least_moved: float = option(
        0.5, "Gate: answers must move by so many standard deviations of the known values; below, "
        "it is mostly the samples that differ.", low=0.0,
    )  # fmt: skip
    most_moved: float = option(100.0, "Gate: answers may move by so many of them.", low=0.0)
    name: str = option("calibration", "Name of the bundle.")
    version: str = option("2", "Version of the bundle; it begins with a digit.")
    licence: str = option("", "Licence of the bundle: that of the data allows it or not.")


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """What `transfer fit --method spectralfm` can be told."""

    how: str = option(
        "average", "Average of what honest errors choose, or the network's word (in context).",
        choices=("average", "direct"),
    )  # fmt: skip
    beside: bool = option(False, "Also average over the members of --method average.")


plugin = Plugin(
    name="spectralfm",
    summary="Foundation model of NIR, IR, Raman and reflectance spectra on any axis.",
    modalities=frozenset({"nir", "ir", "raman", "reflectance", "optical"}),
    actions={
        "pretrain": Action("spectrakit_spectralfm.pretrain:run", PretrainOptions),
        "distill": Action("spectrakit_spectralfm.distill:run", DistillOptions),
        "adapt": Action("spectrakit_spectralfm.adapt:run", AdaptOptions),
        "ttt": Action("spectrakit_spectralfm.ttt:run", TttOptions),
        "transfer": Action("spectrakit_spectralfm.transfer:method", TransferOptions),
    },
    requires=("train",),
)
