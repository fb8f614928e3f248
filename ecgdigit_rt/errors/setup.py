"""Errors of the installation: missing or damaged models, missing packages, and unusable clusters."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.errors import SetupError


class ModelMissing(SetupError, FileNotFoundError):
    """A model file does not exist."""

    id = "E-MODEL-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"Model file not found: {path}",
            "Reinstall the package: pip install --force-reinstall --no-deps ecgdigit-rt",
        )
        self.path = path


def _describe(value: str) -> str:
    is_digest = len(value) == 64 and " " not in value
    return f"SHA-256 {value[:12]}…" if is_digest else value


class ModelCorrupt(SetupError, ValueError):
    """The SHA-256 digest of a model file differs from the manifest, or the manifest is invalid.

    `expected` and `found` are SHA-256 digests or, for a manifest, descriptions of its content.
    """

    id = "E-MODEL-02"

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(
            f"Model file is damaged: {path} (found {_describe(found)}, expected {_describe(expected)})",
            "Export or copy a custom model folder again. If the model is part of the package, reinstall it: "
            "pip install --force-reinstall --no-deps ecgdigit-rt",
        )
        self.path = path
        self.expected = expected
        self.found = found


class DependencyMissing(SetupError, ImportError):
    """An optional package is not installed. `extra` is the extra of ecgdigit-rt that installs the package."""

    id = "E-DEPENDENCY-01"

    def __init__(self, package: str, needed_for: str, extra: str) -> None:
        super().__init__(
            f"{needed_for} needs {package}, which is not installed",
            f"Install it with the extra: pip install 'ecgdigit-rt[{extra}]'",
        )
        self.package = package
        self.extra = extra


class ClusterUnusable(SetupError, RuntimeError):
    """A cluster is unreachable, has no machine with enough resources, or lost a machine permanently."""

    id = "E-CLUSTER-02"

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(
            f"Cannot use the cluster {cluster}: {reason}",
            "Run `ray status` on the cluster to check it, then repeat the command to resume the run.",
        )
        self.cluster = cluster
        self.reason = reason
