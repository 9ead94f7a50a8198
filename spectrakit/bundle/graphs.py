"""ONNX graphs of bundles: what they may refer to, and onnxruntime sessions on verified bytes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spectrakit.bundle.manifest import Graph, is_inside
from spectrakit.errors import InputError, MismatchError

if TYPE_CHECKING:
    from spectrakit.bundle.folder import Bundle

_EXTERNAL = b"location"  # the key that every external tensor carries in the file
_DTYPES = {
    "tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16,
    "tensor(int64)": np.int64, "tensor(int32)": np.int32, "tensor(int16)": np.int16,
    "tensor(int8)": np.int8, "tensor(uint8)": np.uint8, "tensor(bool)": np.bool_,
}  # fmt: skip


def open_session(bundle: "Bundle", role: str, *, threads: int = 1) -> Any:
    """Open the graph of a role with onnxruntime, on bytes whose digest was checked.

    Raises:
        InputError: a file was changed, or external data lie outside the folder.
        MismatchError: onnxruntime cannot run it, or it is not what the manifest says.
    """
    graph = bundle.graph(role)
    place = str(bundle.path / graph.file)
    model = bundle.read(graph.file)
    outside = external_files(model, place)
    for name in outside:
        if not is_inside(name):
            raise InputError(
                f"{place}: keeps data in '{name}', outside the bundle.",
                hint="Nothing of it was run; ask whoever made it for a whole bundle.",
            )
        bundle.read(str(Path(graph.file).parent / name))
    folder = str((bundle.path / graph.file).parent) if outside else ""
    session = open_bytes(model, place, threads=threads, folder=folder)
    found = _describe(session, graph.file)
    if (dict(found.inputs), dict(found.outputs)) != (dict(graph.inputs), dict(graph.outputs)):
        raise MismatchError(
            f"{place}: has other inputs or outputs than {bundle.path / 'bundle.json'} says.",
            hint="Export the bundle again.",
        )
    return session


def open_bytes(model: bytes, place: str, *, threads: int = 1, folder: str = "") -> Any:
    """Open a model that is in memory with onnxruntime; ``folder`` holds its external data.

    Raises:
        MismatchError: onnxruntime cannot run it.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # what goes wrong is said once, below
    if folder:
        options.add_session_config_entry(
            "session.model_external_initializers_file_folder_path", folder
        )
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own exceptions share no other base
        raise MismatchError(
            f"{place}: onnxruntime {onnxruntime.__version__} cannot run it: {_reason(error)}.",
            hint="Update onnxruntime, or export the model with older operators.",
        ) from error


def _reason(error: Exception) -> str:
    """Return what onnxruntime says, on one line and without its own codes."""
    words = " ".join(str(error).split())
    for part in ("[ONNXRuntimeError]", "Load model from"):
        words = words.replace(part, "")
    return words.rpartition(" : ")[2].strip(" .") or type(error).__name__


def external_files(model: bytes, place: str) -> list[str]:
    """Return the files in which a model keeps its data; [] where it has all inside.

    Raises:
        InputError: the bytes are no ONNX model.
    """
    if _EXTERNAL not in model:  # parsing costs the import of onnx, 0.2 s
        return []
    found: set[str] = set()
    _collect(_parsed(model, place), found)
    return sorted(found)


def _parsed(model: bytes, place: str) -> Any:
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load_model_from_string(model)
    except DecodeError as error:
        raise InputError(f"{place}: is no ONNX model.", hint="Export it again.") from error


def _collect(message: Any, found: set[str]) -> None:
    """Walk a whole protobuf message: tensors hide in subgraphs, functions and attributes."""
    if message.DESCRIPTOR.name == "TensorProto":
        found.update(pair.value for pair in message.external_data if pair.key == "location")
        return
    for descriptor, value in message.ListFields():
        if descriptor.type == descriptor.TYPE_MESSAGE:
            for one in value if hasattr(value, "add") else (value,):
                _collect(one, found)


def self_contained(source: bytes | Path, *, place: str) -> bytes:
    """Return a model as bytes with all its data inside.

    Raises:
        InputError: the file cannot be read or is no ONNX model.
    """
    if isinstance(source, bytes):
        model, folder = source, None
    else:
        try:
            model, folder = source.read_bytes(), source.parent
        except OSError as error:
            raise InputError(
                f"{source}: cannot be read: {error.strerror}.", hint="Export it again."
            ) from error
    names = external_files(model, place)
    if not names:
        return model
    if folder is None or not all(is_inside(name) for name in names):
        raise InputError(f"{place}: keeps data outside.", hint="Save the model in one file.")
    from onnx.external_data_helper import load_external_data_for_model

    whole = _parsed(model, place)
    load_external_data_for_model(whole, str(folder))
    return whole.SerializeToString()


def describe(model: bytes, file: str, *, place: str) -> Graph:
    """Return inputs and outputs of a model, as onnxruntime sees them.

    Raises:
        MismatchError: onnxruntime cannot run it.
    """
    return _describe(open_bytes(model, place), file)


def _describe(session: Any, file: str) -> Graph:
    inputs = {one.name: [one.type, *one.shape] for one in session.get_inputs()}
    outputs = {one.name: [one.type, *one.shape] for one in session.get_outputs()}
    return Graph(file=file, inputs=inputs, outputs=outputs)


def run_session(
    bundle: "Bundle", role: str, session: Any, feeds: Mapping[str, Any]
) -> dict[str, Any]:
    """Run a session on arrays by input name; return its outputs by name.

    Raises:
        MismatchError: an input is missing, or onnxruntime refuses its shape.
    """
    given: dict[str, Any] = {}
    for one in session.get_inputs():
        if one.name not in feeds:
            raise MismatchError(
                f"bundle {bundle.label}: '{role}' needs the input '{one.name}'.",
                hint=f"Given: {', '.join(feeds)}.",
            )
        given[one.name] = np.ascontiguousarray(feeds[one.name], _DTYPES.get(one.type))
    names = [one.name for one in session.get_outputs()]
    try:
        return dict(zip(names, session.run(names, given), strict=True))
    except Exception as error:  # onnxruntime's own exceptions share no other base
        shapes = ", ".join(f"{name} {array.shape}" for name, array in given.items())
        raise MismatchError(
            f"bundle {bundle.label}: '{role}' fails on {shapes}: {_reason(error)}.",
            hint="Check that the spectra are of the kind that `spectrakit models show` names.",
        ) from error
