"""The installation lacks something."""

from __future__ import annotations

from pathlib import Path

from ecgdigit_engine.errors import SetupError


class ModelMissing(SetupError, FileNotFoundError):
    id = "E-MODEL-01"

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"model file missing: {path}",
            "Install the package again: pip install --force-reinstall --no-deps ecgdigit-rt",
        )
        self.path = path


def _shown(what: str) -> str:
    is_digest = len(what) == 64 and " " not in what
    return f"SHA-256 {what[:12]}…" if is_digest else what


class ModelCorrupt(SetupError, ValueError):
    """The file's SHA-256 is not the one its manifest states, or the manifest does not say what it must.

    expected, found: SHA-256 digests, or words.
    """

    id = "E-MODEL-02"

    def __init__(self, path: Path, expected: str, found: str) -> None:
        super().__init__(
            f"model file damaged: {path} (found {_shown(found)}, expected {_shown(expected)})",
            "Install the package again: pip install --force-reinstall --no-deps ecgdigit-rt. "
            "Copy or export a folder of your own again.",
        )
        self.path = path
        self.expected = expected
        self.found = found


class DependencyMissing(SetupError, ImportError):
    id = "E-DEPENDENCY-01"

    def __init__(self, package: str, needed_for: str, extra: str) -> None:
        super().__init__(
            f"{needed_for} needs {package}, which is not installed",
            f"Install it with the extra: pip install 'ecgdigit-rt[{extra}]'",
        )
        self.package = package
        self.extra = extra


class ClusterUnusable(SetupError, RuntimeError):
    """Nothing answers at the address, no machine there has room for a page, or a machine failed for good."""

    id = "E-CLUSTER-02"

    def __init__(self, cluster: str, reason: str) -> None:
        super().__init__(
            f"the cluster {cluster} cannot be used: {reason}",
            "See `ray status` there; the same command goes on with what is left.",
        )
        self.cluster = cluster
        self.reason = reason
