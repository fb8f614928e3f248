"""Root of the exception tree, and the errors of backends and engines.

The whole tree is drawn in `ecgdigit_rt/errors/`. These classes are defined here because the engine package
does not depend on the runtime.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class EcgDigitError(Exception):
    """Base class of all errors that are raised on purpose.

    `message` states what happened and why, `hint` what to do next.
    """

    id: ClassVar[str] = ""
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SetupError(EcgDigitError):
    """Missing or unusable part of the installation: a model, a package, a device or an engine."""

    exit_code = 3


class BackendUnusable(SetupError, RuntimeError):
    """A named backend, device or precision is not available. No other one is used in its place."""

    id = "E-BACKEND-01"

    def __init__(self, backend: str, reason: str, fix: str) -> None:
        super().__init__(f"{backend} cannot be used: {reason}", fix)
        self.backend = backend
        self.reason = reason


class UnknownChoice(EcgDigitError, ValueError):
    """A backend, device, precision or target that does not exist."""

    id = "E-BACKEND-02"
    exit_code = 1

    def __init__(self, what: str, given: str, known: Sequence[str]) -> None:
        super().__init__(f"Unknown {what} {given!r}", f"Use one of: {', '.join(known)}.")
        self.what = what
        self.given = given
        self.known = tuple(known)


class ShapeOutsideProfile(EcgDigitError, ValueError):
    """An input axis has a size that the network or the engine does not support."""

    id = "E-SHAPE-01"

    def __init__(self, stage: str, axis: str, got: int, allowed: str, hint: str) -> None:
        super().__init__(f"{stage}: {axis} is {got}; {allowed}", hint)
        self.stage = stage
        self.axis = axis
        self.got = got
        self.allowed = allowed


class EngineMissing(SetupError, FileNotFoundError):
    """No stored engine matches a stage. `stale` states why the newest one of the stage does not."""

    id = "E-ENGINE-01"

    def __init__(self, stage: str, folder: Path, command: str, stale: str = "") -> None:
        why = f" ({stale})" if stale else ""
        super().__init__(f"No engine for {stage} in {folder}{why}", f"Build it: {command}.")
        self.stage = stage
        self.folder = folder
        self.stale = stale


class EngineCorrupt(SetupError, ValueError):
    """The SHA-256 of an engine differs from its manifest, or TensorRT cannot load it."""

    id = "E-ENGINE-02"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Engine file damaged: {path} ({reason})",
            "Remove it with `ecgdigit-rt engines clean --broken` and build it again.",
        )
        self.path = path
        self.reason = reason


class EngineBuildFailed(SetupError, RuntimeError):
    """TensorRT could not build an engine. `messages` are its own error messages."""

    id = "E-ENGINE-03"

    def __init__(self, stage: str, target: str, messages: Sequence[str]) -> None:
        super().__init__(
            f"{stage} could not be built for {target}: {'; '.join(messages) or 'TensorRT gave no reason'}",
            "Report it with the output of `ecgdigit-rt doctor`. Other targets may still build.",
        )
        self.stage = stage
        self.target = target
        self.messages = tuple(messages)


class OutOfDeviceMemory(EcgDigitError, MemoryError):
    """A GPU has too little memory for a stage, even with a batch of one image."""

    id = "E-DEVICE-01"
    exit_code = 2

    def __init__(self, stage: str, device: str, reason: str) -> None:
        super().__init__(
            f"{stage}: {device} is out of memory: {reason}",
            "Free GPU memory, use an image of lower resolution, or use --device cpu.",
        )
        self.stage = stage
        self.device = device
        self.reason = reason


class WorkerDied(EcgDigitError, RuntimeError):
    """The thread that feeds a device has ended. All its pending and later calls fail with this error."""

    id = "E-DEVICE-02"
    exit_code = 70

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(
            f"The worker thread of {stage} has ended: {reason}",
            "Run again. If it ends again, report it with the output of `ecgdigit-rt doctor`.",
        )
        self.stage = stage
        self.reason = reason


class StageNotServed(EcgDigitError, RuntimeError):
    """A Triton server returned an error for a stage. `reason` is its message."""

    id = "E-TRITON-01"

    def __init__(self, stage: str, model: str, reason: str) -> None:
        super().__init__(
            f"{stage}: Triton model {model} failed: {reason}",
            "Check the server log: the model must be loaded. `--networks in-process` needs no stage models.",
        )
        self.stage = stage
        self.model = model
        self.reason = reason
