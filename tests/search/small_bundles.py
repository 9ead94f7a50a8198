"""Two bundles made by hand: a model that always thinks of one molecule, and a ranker."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from spectrakit.bundle import write_bundle
from spectrakit.search.molecular_fingerprints import N_BITS, fingerprints
from spectrakit.search.ranker import NoneOfThem, Presence
from spectrakit.search.ranker_fit import write_ranker

WEIGHTS = {
    "library.similarity": 2.0,
    "library.fragmenter": 0.3,
    "reference.embedding": 8.0,
    "reference.fragmenter": 0.3,
    "structure.fragmenter": 0.7,
    "structure.fingerprint": 1.0,
    "structure.mass_error": 1.0,
    "structure.adduct": 1.0,
}


def tensor(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def graph(nodes, inputs, outputs, constants):
    held = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    made = helper.make_graph(nodes, "g", inputs, outputs, held)
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(made, opset_imports=opset, ir_version=8).SerializeToString()


def write_model(path, smiles, *, weight=5.0, fingerprint="spectrakit-1", blocks=1):
    """A spectrum's vector is that of ``smiles``; a molecule's vector is its own bits."""
    bits = fingerprints([smiles])[0].toarray().astype(np.float32).reshape(1, 1, -1)
    bits = np.repeat(bits, blocks, axis=1)
    spectrum = graph(
        [
            helper.make_node("ReduceSum", ["intensity", "axis"], ["sum"], keepdims=1),
            helper.make_node("Unsqueeze", ["sum", "last"], ["cube"]),
            helper.make_node("Mul", ["cube", "zero"], ["nothing"]),
            helper.make_node("Add", ["nothing", "bits"], ["embedding"]),
        ],
        [tensor("intensity", TensorProto.FLOAT, ["n", "p"])],
        [tensor("embedding", TensorProto.FLOAT, ["n", blocks, N_BITS])],
        {
            "axis": np.array([1], np.int64),
            "last": np.array([2], np.int64),
            "zero": np.array(0, np.float32),
            "bits": bits,
        },
    )
    molecule = graph(
        [
            helper.make_node("Unsqueeze", ["fingerprint", "middle"], ["one"]),
            helper.make_node("Concat", ["one"] * blocks, ["embedding"], axis=1),
        ],
        [tensor("fingerprint", TensorProto.FLOAT, ["n", N_BITS])],
        [tensor("embedding", TensorProto.FLOAT, ["n", blocks, N_BITS])],
        {"middle": np.array([1], np.int64)},
    )
    return write_bundle(
        path,
        graphs={"encode_spectrum": spectrum, "encode_molecule": molecule},
        task="embed",
        modality="msms",
        input={"kind": "peaks", "precursor": ["precursor_mz"], "fingerprint": fingerprint},
        calibration={"block_weights": [weight] * blocks},
    )


def write_small_ranker(path, weights=None):
    constants = {
        "structure": Presence(-1.0, 0.5, 0.4),
        "library": NoneOfThem(4.0, -0.4),
        "reference": NoneOfThem(3.0, -0.4),
    }
    return write_ranker(path, weights or WEIGHTS, constants)
