"""Store of engines. File names contain a digest of the properties that determine an engine.

Each engine has a manifest. Both files are written atomically, the engine before its manifest. Engines are
code, so they are read only from folders and files that no other user can change.
"""

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

from ecgdigit_engine.errors import EngineCorrupt, EngineUntrusted
from ecgdigit_engine.spec import Axis
from ecgdigit_engine.trusted_paths import untrusted_reason
from ecgdigit_engine.untrusted_json import json_from_untrusted

FOLDER_VARIABLE = "ECGDIGIT_ENGINES"


def engine_folder() -> Path:
    """Return the default folder of engines: $ECGDIGIT_ENGINES if set, or a folder in the user's cache."""
    specified = os.environ.get(FOLDER_VARIABLE)
    if specified:
        return Path(specified)
    import platformdirs

    return platformdirs.user_cache_path("ecgdigit-rt", appauthor=False) / "engines"


@dataclass(frozen=True, slots=True)
class EngineIdentity:
    """All properties that determine an engine. The manifest on disk contains the same fields.

    `models` is the name and version of the model family, such as "lite 0.6.0".
    """

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
        """Digest of all properties, as 16 hexadecimal digits."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def file_name(self) -> str:
        """File name of the engine."""
        return f"{self.stage}-{'-'.join(self.targets)}-{self.key}.engine"


@dataclass(frozen=True, slots=True)
class StoredEngine:
    """An engine in a store. `size` is in bytes, and `seconds` is the duration of the build."""

    path: Path
    identity: EngineIdentity
    sha256: str
    size: int
    seconds: float
    built_at: str

    def read(self) -> bytes:
        """Return the content of the engine file, verified against its SHA-256.

        Raises EngineUntrusted or EngineCorrupt.
        """
        raise_if_untrusted(self.path)
        try:
            data = self.path.read_bytes()
        except OSError as error:
            raise EngineCorrupt(self.path, error.strerror or str(error)) from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise EngineCorrupt(self.path, "its SHA-256 differs from its manifest")
        return data

    @property
    def runtime_cache(self) -> Path:
        """File of the kernels that tensorrt-rtx has compiled for this engine on GPUs of this machine."""
        return self.path.with_suffix(".runtime")

    @property
    def is_intact(self) -> bool:
        """True if the file can be read, no other user can change it, and its SHA-256 matches the manifest."""
        try:
            self.read()
        except (EngineCorrupt, EngineUntrusted):
            return False
        return True


@dataclass(frozen=True, slots=True)
class EngineStore:
    """A folder of engines. Each engine is a file NAME.engine with a manifest NAME.json.

    The folder is created when the first engine is locked or published. All methods that read or write engines
    raise EngineUntrusted if another user could change the folder.
    """

    folder: Path

    def engines(self) -> list[StoredEngine]:
        """Return all engines with a readable manifest, sorted by name."""
        raise_if_untrusted(self.folder)
        engines = (_engine_from_manifest(path) for path in sorted(self.folder.glob("*.json")))
        return [engine for engine in engines if engine is not None]

    def find_broken(self) -> list[Path]:
        """Return unreadable manifests, manifests of damaged engines, and engines without a manifest."""
        raise_if_untrusted(self.folder)
        broken = []
        for path in sorted(self.folder.glob("*.json")):
            engine = _engine_from_manifest(path)
            if engine is None or not engine.is_intact:
                broken.append(path)
        orphans = [path for path in self.folder.glob("*.engine") if not path.with_suffix(".json").exists()]
        return broken + sorted(orphans)

    def find(self, identity: EngineIdentity) -> StoredEngine | None:
        """Return the engine with this identity, or None. The engine file itself is not checked."""
        raise_if_untrusted(self.folder)
        return _engine_from_manifest((self.folder / identity.file_name).with_suffix(".json"))

    def publish(self, identity: EngineIdentity, data: bytes, seconds: float, built_at: str) -> StoredEngine:
        """Write an engine file and then its manifest, each atomically, and return the stored engine."""
        path = self.folder / identity.file_name
        digest = hashlib.sha256(data).hexdigest()
        engine = StoredEngine(path, identity, digest, len(data), round(seconds, 2), built_at)
        write_atomically(path, data)
        write_atomically(path.with_suffix(".json"), _manifest_from_engine(engine))
        return engine

    def remove(self, engine: Path) -> None:
        """Remove an engine, its manifest and its compiled kernels, if they exist."""
        for suffix in (".json", ".engine", ".runtime"):
            engine.with_suffix(suffix).unlink(missing_ok=True)

    @contextmanager
    def lock(self, identity: EngineIdentity) -> Iterator[None]:
        """Hold an exclusive lock on one engine, so that a second builder waits for the first one."""
        import filelock

        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        raise_if_untrusted(self.folder)
        with filelock.FileLock(self.folder / f"{identity.file_name}.lock"):
            yield


def raise_if_untrusted(path: Path) -> None:
    """Raise EngineUntrusted if another user could change the file or folder."""
    reason = untrusted_reason(path)
    if reason:
        raise EngineUntrusted(path, reason)


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that readers see the old content or the new one, but no part. Creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _manifest_from_engine(engine: StoredEngine) -> bytes:
    fields: dict[str, Any] = {
        "engine": engine.path.name,
        "sha256": engine.sha256,
        "size": engine.size,
        "seconds": engine.seconds,
        "built_at": engine.built_at,
        **asdict(engine.identity),
    }
    return (json.dumps(fields, indent=1) + "\n").encode()


def _engine_from_manifest(path: Path) -> StoredEngine | None:
    """Return the engine that a manifest describes, or None if the manifest is missing or invalid."""
    try:
        fields: Mapping[str, Any] = json_from_untrusted(path.read_text())
        identity = EngineIdentity(
            stage=fields["stage"],
            models=fields["models"],
            graph_sha256=fields["graph_sha256"],
            precision=fields["precision"],
            backend=fields["backend"],
            backend_version=fields["backend_version"],
            targets=tuple(fields["targets"]),
            axes=tuple(Axis(**axis) for axis in fields["axes"]),
            flags=tuple(fields["flags"]),
        )
        return StoredEngine(
            path.with_name(fields["engine"]), identity, fields["sha256"], fields["size"],
            fields["seconds"], fields["built_at"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None
