"""The models that come with the package: which there are, and that they are what was shipped."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from ecgdigit_rt.errors import ModelCorrupt, ModelMissing

STAGES = ("locate", "grid", "trace")
"""The three networks in the order in which a page meets them."""


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """One family's graphs, read and checked. `graphs` maps a stage to its ONNX bytes."""

    name: str
    version: str
    graphs: dict[str, bytes]


def load_models(name: str = "lite", folder: Path | None = None) -> ModelFamily:
    """Read a family of models and check every graph against its SHA-256 in the manifest.

    folder: where `NAME/manifest.json` lies; the package's own models without it.
    Raises ModelMissing or ModelCorrupt.
    """
    root = (folder or Path(__file__).parent) / name
    manifest_path = root / "manifest.json"
    if not manifest_path.is_file():
        raise ModelMissing(manifest_path)
    manifest = json.loads(manifest_path.read_text())
    graphs = {}
    for stage in STAGES:
        path = root / manifest["stages"][stage]["file"]
        if not path.is_file():
            raise ModelMissing(path)
        graph = path.read_bytes()
        expected, found = manifest["stages"][stage]["sha256"], hashlib.sha256(graph).hexdigest()
        if found != expected:
            raise ModelCorrupt(path, expected, found)
        graphs[stage] = graph
    return ModelFamily(name, str(manifest["version"]), graphs)
