"""Reading and verification of model families.

A model family is shipped with the package or written by `ecgdigit-rt export`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgdigit_engine.trusted_paths import is_inside
from ecgdigit_engine.untrusted_json import json_from_untrusted
from ecgdigit_rt.errors import ModelCorrupt, ModelMissing
from ecgdigit_rt.stages import SAMPLER

STAGES = ("locate", "grid", "trace")
"""Names of the three networks, in the order of the pipeline."""
_SHIPPED = Path(__file__).parent

_EXTERNAL_DATA = b"\n\x08location\x12"
"""Start of the entry `location` of an ONNX tensor, which names a file with its values.

ONNX Runtime would read this file from the working directory, without any check.
"""


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """Graphs of one model family in one precision. Their SHA-256 digests are verified.

    `graphs` maps stage names to the bytes of ONNX files. `precision` is the numeric type of the computation:
    fp32, fp16 or int8. In every precision, the inputs are uint8 and the outputs are float32. `root` is the
    folder of the family.
    """

    name: str
    version: str
    precision: str
    graphs: dict[str, bytes]
    root: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def graph_file(stage: str, precision: str) -> str:
    """Return the usual file name of the graph of a stage."""
    return f"{stage}.onnx" if precision == "fp32" else f"{stage}.{precision}.onnx"


def graph_precisions(name: str = "lite", folder: Path | None = None) -> tuple[str, ...]:
    """Return the precisions for which all three stages of a family have a graph.

    Only the manifest is read. For `name` and `folder` see `load_models`. Raises ModelMissing or ModelCorrupt.
    """
    root = _family_root(name, folder)
    manifest = _read_manifest(root)
    graphs = [_manifest_entry(root, manifest, "stages", stage, "graphs") for stage in STAGES]
    return tuple(precision for precision in graphs[0] if all(precision in entry for entry in graphs))


def shipped_versions() -> dict[str, str]:
    """Return a mapping from the name of each shipped family to its version. Only the manifests are read."""
    roots = sorted(path.parent for path in _SHIPPED.glob("*/manifest.json"))
    return {root.name: str(_read_manifest(root)["version"]) for root in roots}


def _family_root(name: str, folder: Path | None) -> Path:
    """Return the folder of the family `name`, which is a shipped family or a path (see `load_models`)."""
    shipped = (folder or _SHIPPED) / name
    path = Path(name)
    is_plain = name == path.name  # "./lite" is a path, whereas "lite" is the name of a shipped family
    return path if folder is None and not (is_plain and shipped.exists()) and path.is_dir() else shipped


def _read_manifest(root: Path) -> dict[str, Any]:
    path = root / "manifest.json"
    if not path.is_file():
        raise ModelMissing(path)
    try:
        manifest: dict[str, Any] = json_from_untrusted(path.read_text())
        if {"version", "stages"} <= manifest.keys():
            return manifest
    except (ValueError, AttributeError):
        pass
    raise ModelCorrupt(path, "a manifest with version and stages", "other content")


def load_models(name: str = "lite", folder: Path | None = None, precision: str = "fp32") -> ModelFamily:
    """Read a model family, and compare the SHA-256 digest of each graph with its manifest.

    Parameters
    ----------
    name
        Name of a shipped family, or path of a folder that `ecgdigit-rt export` wrote.
    folder
        Folder that contains `NAME/manifest.json`. By default, NAME is a shipped family or a path.
    precision
        One of `graph_precisions`.

    Returns
    -------
    ModelFamily
        Graphs of all stages in this precision.

    Raises
    ------
    ModelMissing
        If the family or a file of it does not exist, or a stage has no graph in this precision.
    ModelCorrupt
        If the manifest is invalid, or the digest of a graph differs from the manifest.
    """
    root = _family_root(name, folder)
    manifest = _read_manifest(root)
    graphs = {}
    for stage in STAGES:
        entry = _manifest_entry(root, manifest, "stages", stage, "graphs").get(precision)
        if entry is None:
            raise ModelMissing(root / graph_file(stage, precision))
        graphs[stage] = _read_verified(root, entry)
    return ModelFamily(root.name, str(manifest["version"]), precision, graphs, root)


def load_sampler(name: str = "lite", folder: Path | None = None) -> bytes:
    """Return the graph that samples strips on an accelerator, after verifying its SHA-256 digest.

    For `name` and `folder` see `load_models`. Raises ModelMissing or ModelCorrupt.
    """
    root = _family_root(name, folder)
    return _read_verified(root, _manifest_entry(root, _read_manifest(root), SAMPLER))


def _manifest_entry(root: Path, manifest: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """Return the JSON object at the nested `keys` of a manifest. Raises ModelCorrupt if there is none."""
    entry: Any = manifest
    for key in keys:
        entry = entry.get(key) if isinstance(entry, dict) else None
    if not isinstance(entry, dict):
        raise ModelCorrupt(root / "manifest.json", f"{'/'.join(keys)} in the manifest", "nothing")
    return entry


def _read_verified(root: Path, entry: Mapping[str, Any]) -> bytes:
    """Return the bytes of a graph, after verifying their SHA-256 digest.

    The network is opened from these bytes and not from the file, because the file could change after it was
    verified. It must be inside the folder of the family, also if links are resolved. Raises ModelMissing or
    ModelCorrupt.
    """
    file_name = entry.get("file")
    if not isinstance(file_name, str) or not isinstance(entry.get("sha256"), str):
        raise ModelCorrupt(
            root / "manifest.json", "a file and its SHA-256 for every graph", "an incomplete entry"
        )
    path = root / file_name
    if Path(file_name).is_absolute() or not is_inside(path, root):
        found = f"{file_name}, which is outside"
        raise ModelCorrupt(root / "manifest.json", "files in its own folder", found)
    if not path.is_file():
        raise ModelMissing(path)
    graph = path.read_bytes()
    digest = hashlib.sha256(graph).hexdigest()
    if digest != entry["sha256"]:
        raise ModelCorrupt(path, entry["sha256"], digest)
    if _EXTERNAL_DATA in graph:
        raise ModelCorrupt(path, "all weights in the graph", "weights in another file, which is not verified")
    return graph
