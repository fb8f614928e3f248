"""The models that come with the package: which there are, and that they are what was shipped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecgdigit_rt.errors import ModelCorrupt, ModelMissing
from ecgdigit_rt.stages import SAMPLER

STAGES = ("locate", "grid", "trace")
"""The three networks in the order in which a page meets them."""
_SHIPPED = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class ModelFamily:
    """One family's graphs, read and checked. `graphs` maps a stage to its ONNX bytes.

    precision: fp32, fp16 or int8, what the graphs compute in; they take bytes and give float32 all the same.
    root: the folder they came from.
    """

    name: str
    version: str
    precision: str
    graphs: dict[str, bytes]
    root: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


def graph_file(stage: str, precision: str) -> str:
    """The file name of a stage's graph."""
    return f"{stage}.onnx" if precision == "fp32" else f"{stage}.{precision}.onnx"


def graph_precisions(name: str = "lite", folder: Path | None = None) -> tuple[str, ...]:
    """Precisions in which every stage of a family has a graph. Raises ModelMissing."""
    root = _root(name, folder)
    manifest = _manifest(root)
    graphs = [_entry(root, manifest, "stages", stage, "graphs") for stage in STAGES]
    return tuple(precision for precision in graphs[0] if all(precision in of_stage for of_stage in graphs))


def shipped_versions() -> dict[str, str]:
    """The package's own families and their versions, read from their manifests alone."""
    roots = sorted(path.parent for path in _SHIPPED.glob("*/manifest.json"))
    return {root.name: str(_manifest(root)["version"]) for root in roots}


def _root(name: str, folder: Path | None) -> Path:
    """Where a family lies: a family of the package, or a folder that `ecgdigit-rt export` wrote."""
    shipped = (folder or _SHIPPED) / name
    own = Path(name)
    is_plain = name == own.name  # "./lite" is a folder of the user's, "lite" the package's family
    return own if folder is None and not (is_plain and shipped.exists()) and own.is_dir() else shipped


def _manifest(root: Path) -> dict[str, Any]:
    path = root / "manifest.json"
    if not path.is_file():
        raise ModelMissing(path)
    try:
        found: dict[str, Any] = json.loads(path.read_text())
        if {"version", "stages"} <= found.keys():
            return found
    except (ValueError, AttributeError):
        pass
    raise ModelCorrupt(path, "a manifest with version and stages", "something else")


def load_models(name: str = "lite", folder: Path | None = None, precision: str = "fp32") -> ModelFamily:
    """Read a family of models and check every graph against its SHA-256 in the manifest.

    folder: where `NAME/manifest.json` lies; the package's own models without it. precision: one of
    `graph_precisions`. Raises ModelMissing or ModelCorrupt.
    """
    root = _root(name, folder)
    manifest = _manifest(root)
    graphs = {}
    for stage in STAGES:
        papers = _entry(root, manifest, "stages", stage, "graphs").get(precision)
        if papers is None:
            raise ModelMissing(root / graph_file(stage, precision))
        graphs[stage] = _checked(root, papers)
    return ModelFamily(root.name, str(manifest["version"]), precision, graphs, root)


def load_sampler(name: str = "lite", folder: Path | None = None) -> bytes:
    """The graph that samples strips on a device. Raises ModelMissing or ModelCorrupt."""
    root = _root(name, folder)
    return _checked(root, _entry(root, _manifest(root), SAMPLER))


def _entry(root: Path, manifest: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """An object somewhere in a manifest. Raises ModelCorrupt where there is none."""
    found: Any = manifest
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    if not isinstance(found, dict):
        raise ModelCorrupt(root / "manifest.json", f"{'/'.join(keys)} in the manifest", "nothing")
    return found


def _checked(root: Path, papers: Mapping[str, Any]) -> bytes:
    """A graph's bytes, the very ones whose SHA-256 was taken: they are opened from memory."""
    named = papers.get("file")
    if not isinstance(named, str) or not isinstance(papers.get("sha256"), str):
        raise ModelCorrupt(root / "manifest.json", "a file and its SHA-256 for every graph", "something else")
    path = root / named
    if not path.is_file():
        raise ModelMissing(path)
    graph = path.read_bytes()
    found = hashlib.sha256(graph).hexdigest()
    if found != papers["sha256"]:
        raise ModelCorrupt(path, papers["sha256"], found)
    return graph
