"""Bundles: a model in one folder, with all that running it needs and nothing executable.

``NAME@VERSION/`` holds ``bundle.json`` and ONNX graphs. Nothing in it is believed before its
digests are checked, and nothing is ever unpickled. onnx and onnxruntime load on first use.
"""

from spectrakit.bundle.folder import Bundle, is_bundle, write_bundle
from spectrakit.bundle.manifest import ROLES, TASKS, Graph, Manifest, Step
from spectrakit.bundle.models import find_bundle, installed_bundles, models_folder

__all__ = [
    "ROLES",
    "TASKS",
    "Bundle",
    "Graph",
    "Manifest",
    "Step",
    "find_bundle",
    "installed_bundles",
    "is_bundle",
    "models_folder",
    "write_bundle",
]
