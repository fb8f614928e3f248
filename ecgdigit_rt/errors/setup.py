"""Errors of the installation: missing or damaged models, packages and clusters."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.errors import SetupError


class ModelMissing(SetupError, FileNotFoundError):
    """Model file that does not exist."""

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
    """Model file whose SHA-256 differs from its manifest, or an invalid manifest.

    `expected` and `found` are SHA-256 digests or descriptions.
    """

    id = "E-MODEL-02"

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(
            f"Model file damaged: {path} (found {_describe(found)}, expected {_describe(expected)})",
            "Reinstall the package: pip install --force-reinstall --no-deps ecgdigit-rt. "
            "Copy or export a model folder of your own again.",
        )
        self.path = path
        self.expected = expected
        self.found = found


class DependencyMissing(SetupError, ImportError):
    """Optional package that is not installed. `extra` names the extra that includes it."""

    id = "E-DEPENDENCY-01"

    def __init__(self, package: str, needed_for: str, extra: str) -> None:
        super().__init__(
            f"{needed_for} needs {package}, which is not installed",
            f"Install it with the extra: pip install 'ecgdigit-rt[{extra}]'",
        )
        self.package = package
        self.extra = extra


class ClusterUnusable(SetupError, RuntimeError):
    """Cluster that is unreachable, has no machine large enough for a page, or lost a machine for good."""

    id = "E-CLUSTER-02"

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(
            f"Cannot use the cluster {cluster}: {reason}",
            "Check `ray status` there. The same command resumes the run.",
        )
        self.cluster = cluster
        self.reason = reason
