"""Engines on disk: content-addressed, each with a manifest, published whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ecgdigit_engine.errors import EngineCorrupt
from ecgdigit_engine.spec import Axis

FOLDER_VARIABLE = "ECGDIGIT_ENGINES"


def engine_folder() -> Path:
    """Where engines are kept: what ECGDIGIT_ENGINES names, or the user's cache folder."""
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return Path(named)
    import platformdirs

    return platformdirs.user_cache_path("ecgdigit-rt", appauthor=False) / "engines"


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """All that decides what an engine is; its key is their digest. `models`: family and version in words."""

    stage: str
    models: str
    graph_sha256: str
    precision: str
    backend: str
    backend_version: str
    targets: tuple[str, ...]
    axes: tuple[Axis, ...]
    flags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        written = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(written.encode()).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        return f"{self.stage}-{'-'.join(self.targets)}-{self.key}.engine"


@dataclass(frozen=True, slots=True)
class StoredEngine:
    """An engine in a store: its papers, and how it was built."""

    path: Path
    papers: EngineIdentity
    sha256: str
    size: int
    seconds: float
    built_at: str

    def read(self) -> bytes:
        """Its bytes, checked. Raises EngineCorrupt."""
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise EngineCorrupt(self.path, error.strerror or str(error)) from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise EngineCorrupt(self.path, "its SHA-256 is not the one that its manifest states")
        return data

    @property
    def is_whole(self) -> bool:
        try:
            self.read()
        except EngineCorrupt:
            return False
        return True


@dataclass(frozen=True, slots=True)
class EngineStore:
    """A folder of engines, `NAME.engine` with `NAME.json` beside each. It is made when first written to."""

    folder: Path

    def engines(self) -> list[StoredEngine]:
        """Those with a readable manifest, by name; a broken one is left to `broken`."""
        found = (_stored(path) for path in sorted(self.folder.glob("*.json")))
        return [engine for engine in found if engine is not None]

    def broken(self) -> list[Path]:
        """Manifests that cannot be read or whose engine is not what it was, and engines without one."""
        bad = []
        for path in sorted(self.folder.glob("*.json")):
            engine = _stored(path)
            if engine is None or not engine.is_whole:
                bad.append(path)
        orphans = [path for path in self.folder.glob("*.engine") if not path.with_suffix(".json").exists()]
        return bad + sorted(orphans)

    def find(self, papers: EngineIdentity) -> StoredEngine | None:
        """The engine built from exactly this."""
        return _stored((self.folder / papers.file_name).with_suffix(".json"))

    def publish(self, papers: EngineIdentity, data: bytes, seconds: float, built_at: str) -> StoredEngine:
        """Keep an engine: first its bytes, then its manifest, each of them whole or not at all."""
        path = self.folder / papers.file_name
        digest = hashlib.sha256(data).hexdigest()
        engine = StoredEngine(path, papers, digest, len(data), round(seconds, 2), built_at)
        _replace(path, data)
        _replace(path.with_suffix(".json"), _manifest(engine))
        return engine

    def remove(self, engine: Path) -> None:
        """Remove an engine or a broken half of one."""
        for path in (engine.with_suffix(".json"), engine.with_suffix(".engine")):
            path.unlink(missing_ok=True)

    @contextmanager
    def locked(self, papers: EngineIdentity) -> Iterator[None]:
        """While inside, no other process builds the same engine; a second one waits, then finds it built."""
        import filelock

        self.folder.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self.folder / f"{papers.file_name}.lock"):
            yield


def _replace(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _manifest(engine: StoredEngine) -> bytes:
    written: dict[str, Any] = {
        "engine": engine.path.name,
        "sha256": engine.sha256,
        "size": engine.size,
        "seconds": engine.seconds,
        "built_at": engine.built_at,
        **asdict(engine.papers),
    }
    return (json.dumps(written, indent=1) + "\n").encode()


def _stored(path: Path) -> StoredEngine | None:
    try:
        written: Mapping[str, Any] = json.loads(path.read_text())
        papers = EngineIdentity(
            stage=written["stage"],
            models=written["models"],
            graph_sha256=written["graph_sha256"],
            precision=written["precision"],
            backend=written["backend"],
            backend_version=written["backend_version"],
            targets=tuple(written["targets"]),
            axes=tuple(Axis(**axis) for axis in written["axes"]),
            flags=tuple(written["flags"]),
        )
        return StoredEngine(
            path.with_name(written["engine"]), papers, written["sha256"], written["size"],
            written["seconds"], written["built_at"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
