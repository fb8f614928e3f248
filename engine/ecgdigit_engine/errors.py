"""The root of all named errors, and those of backends and engines.

The tree is drawn in `ecgdigit_rt/errors/`; these stand here because the engine knows nothing of pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar


class EcgDigitError(Exception):
    """Base of all errors raised on purpose. `hint` says what to do next."""

    id: ClassVar[str] = ""
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SetupError(EcgDigitError):
    """The installation lacks a model, a package, a device or an engine."""

    exit_code = 3


class BackendUnusable(SetupError, RuntimeError):
    """A backend, device or precision asked for by name cannot be had; it is never swapped for another."""

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
        super().__init__(f"no {what} {given!r}", f"Known: {', '.join(known)}.")
        self.what = what
        self.given = given
        self.known = tuple(known)


class ShapeOutsideProfile(EcgDigitError, ValueError):
    """An input's axis has a size that the network or the engine was not made for."""

    id = "E-SHAPE-01"

    def __init__(self, stage: str, axis: str, got: int, allowed: str, hint: str) -> None:
        super().__init__(f"{stage}: {axis} is {got}; {allowed}", hint)
        self.stage = stage
        self.axis = axis
        self.got = got
        self.allowed = allowed


class EngineMissing(SetupError, FileNotFoundError):
    id = "E-ENGINE-01"

    def __init__(self, stage: str, folder: Path, command: str, stale: str = "") -> None:
        why = f" ({stale})" if stale else ""
        super().__init__(f"no engine for {stage} in {folder}{why}", f"Build it: {command}.")
        self.stage = stage
        self.folder = folder
        self.stale = stale


class EngineCorrupt(SetupError, ValueError):
    """The engine's SHA-256 is not the one its manifest states, or it cannot be loaded."""

    id = "E-ENGINE-02"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"engine damaged: {path} ({reason})",
            "Remove it with `ecgdigit-rt engines clean --broken` and build it again.",
        )
        self.path = path
        self.reason = reason


class EngineBuildFailed(SetupError, RuntimeError):
    id = "E-ENGINE-03"

    def __init__(self, stage: str, target: str, said: Sequence[str]) -> None:
        super().__init__(
            f"{stage} could not be built for {target}: {'; '.join(said) or 'no reason given'}",
            "Report it with the output of `ecgdigit-rt doctor`; other targets may still build.",
        )
        self.stage = stage
        self.target = target
        self.said = tuple(said)


class OutOfDeviceMemory(EcgDigitError, MemoryError):
    """A card's memory does not hold what a stage needs; batches are halved before this is said."""

    id = "E-DEVICE-01"
    exit_code = 2

    def __init__(self, stage: str, device: str, said: str) -> None:
        super().__init__(
            f"{stage}: {device} is out of memory ({said})",
            "Free the card, give the page in a lower resolution, or use --device cpu.",
        )
        self.stage = stage
        self.device = device
        self.said = said


class WorkerDied(EcgDigitError, RuntimeError):
    """The thread that feeds a device has ended; what it held and what comes later fails by this name."""

    id = "E-DEVICE-02"
    exit_code = 70

    def __init__(self, stage: str, reason: str) -> None:
        super().__init__(
            f"the worker of {stage} has ended: {reason}",
            "Run again; if it ends again, report it with the output of `ecgdigit-rt doctor`.",
        )
        self.stage = stage
        self.reason = reason


class StageNotServed(EcgDigitError, RuntimeError):
    """Triton answered a stage's call with an error. `said` is its own message."""

    id = "E-TRITON-01"

    def __init__(self, stage: str, model: str, said: str) -> None:
        super().__init__(
            f"{stage}: Triton's model {model} did not answer: {said}",
            "See in the server's log that the model is loaded; `--networks in-process` needs none of them.",
        )
        self.stage = stage
        self.model = model
        self.said = said
