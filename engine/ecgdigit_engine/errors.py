"""Root of the exception tree, and the errors of backends and engines.

The docstring of `ecgdigit_rt.errors` shows the whole tree. The classes below are defined here because the
engine package does not depend on the runtime package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar


class EcgDigitError(Exception):
    """Base class of all errors that have an id and are reported to the user.

    `message` describes what happened and why. `hint` describes what to do next.
    """

    id: ClassVar[str] = ""
    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[Callable[..., EcgDigitError], tuple[object, ...]]:
        """Return how to copy the error to another process. Its class may have other parameters."""
        return _error_from_state, (type(self), self.args, self.__dict__)


def _error_from_state(
    kind: type[EcgDigitError], arguments: tuple[object, ...], attributes: Mapping[str, object]
) -> EcgDigitError:
    built_in: Any = kind
    while built_in.__module__ != "builtins":
        built_in = built_in.__base__
    error: EcgDigitError = built_in.__new__(kind)
    error.args = arguments
    error.__dict__.update(attributes)
    return error


class SetupError(EcgDigitError):
    """A part of the installation is missing or unusable: a model, a package, a device or an engine."""

    exit_code = 3


class BackendUnusable(SetupError, RuntimeError):
    """No usable backend matches the requested backend, device, precision or target.

    What the user requested by name is never replaced with another choice.
    """

    id = "E-BACKEND-01"

    def __init__(self, backend: str, reason: str, fix: str) -> None:
        super().__init__(f"{backend} cannot be used: {reason}", fix)
        self.backend = backend
        self.reason = reason


class UnknownChoice(EcgDigitError, ValueError):
    """An option has an unknown value, such as the name of a backend, device, precision or target."""

    id = "E-BACKEND-02"
    exit_code = 1

    def __init__(self, what: str, given: str, known: Sequence[str]) -> None:
        super().__init__(f"Unknown {what} {given!r}", f"Use one of: {', '.join(known)}.")
        self.what = what
        self.given = given
        self.known = tuple(known)


class ShapeOutsideProfile(EcgDigitError, ValueError):
    """The rank of an input, or the size of one of its axes, is not supported by the network or the engine."""

    id = "E-SHAPE-01"

    def __init__(self, stage: str, axis: str, got: int, allowed: str, hint: str) -> None:
        super().__init__(f"{stage}: {axis} is {got}; {allowed}", hint)
        self.stage = stage
        self.axis = axis
        self.got = got
        self.allowed = allowed


class GraphUnusable(SetupError, ValueError):
    """The file of a network is not an ONNX graph of its stage, or a backend cannot load it."""

    id = "E-MODEL-03"

    def __init__(self, network: str, reason: str) -> None:
        super().__init__(
            f"{network} cannot be used: {reason}",
            "Pass --models a folder that `ecgdigit-rt export` wrote, or use the shipped models.",
        )
        self.network = network
        self.reason = reason


class EngineMissing(SetupError, FileNotFoundError):
    """No stored engine matches a stage.

    `stale` is the reason why the newest engine of the stage does not match.
    """

    id = "E-ENGINE-01"

    def __init__(self, stage: str, folder: Path, command: str, stale: str = "") -> None:
        why = f" ({stale})" if stale else ""
        super().__init__(f"No engine for {stage} in {folder}{why}", f"Build it: {command}")
        self.stage = stage
        self.folder = folder
        self.stale = stale


class EngineCorrupt(SetupError, ValueError):
    """An engine cannot be read, its SHA-256 differs from its manifest, or TensorRT cannot load it."""

    id = "E-ENGINE-02"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Engine file damaged: {path} ({reason})",
            "Remove it with `ecgdigit-rt engines clean --broken` and build it again.",
        )
        self.path = path
        self.reason = reason


class EngineUntrusted(SetupError, PermissionError):
    """Another user could replace an engine, which is code. `path` is the engine or the folder of engines."""

    id = "E-ENGINE-04"

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"Engines are code, and another user could replace {path}: {reason}",
            "Make yourself or root the owner (chown) and remove the write permission of others (chmod go-w), "
            "or store engines in another folder, with --out or ECGDIGIT_ENGINES.",
        )
        self.path = path
        self.reason = reason


class EngineBuildFailed(SetupError, RuntimeError):
    """TensorRT could not build an engine. `messages` are the error messages of TensorRT."""

    id = "E-ENGINE-03"

    def __init__(self, stage: str, target: str, messages: Sequence[str]) -> None:
        reason = "; ".join(messages) or "TensorRT reported no reason"
        super().__init__(
            f"{stage} could not be built for {target}: {reason}",
            "Report this with the output of `ecgdigit-rt doctor`. Builds for other targets may succeed.",
        )
        self.stage = stage
        self.target = target
        self.messages = tuple(messages)


class _DeviceError(EcgDigitError):
    """Error of a stage on a GPU. `reason` is the message of the GPU's library."""

    _what: ClassVar[str]
    _fix: ClassVar[str]

    def __init__(self, stage: str, device: str, reason: str) -> None:
        super().__init__(f"{stage}: {device} {self._what}: {reason}", self._fix)
        self.stage = stage
        self.device = device
        self.reason = reason


class OutOfDeviceMemory(_DeviceError, MemoryError):
    """A GPU has too little memory for a stage.

    `BatchingRunner` raises this error only after it has tried smaller batches, down to one image.
    """

    id = "E-DEVICE-01"
    exit_code = 2
    _what = "is out of memory"
    _fix = "Free GPU memory, use an image of lower resolution, or pass --device cpu."


class WorkerDied(EcgDigitError, RuntimeError):
    """A worker has ended or was closed, so that it cannot execute a call.

    `worker` names the thread or process, as the subject of a sentence.
    """

    id = "E-DEVICE-02"
    exit_code = 70

    def __init__(self, worker: str, reason: str) -> None:
        super().__init__(
            f"{worker} has ended: {reason}",
            "Run the command again. If it fails again, report it with the output of `ecgdigit-rt doctor`.",
        )
        self.worker = worker
        self.reason = reason


class DeviceFailed(_DeviceError, RuntimeError):
    """A GPU or its library rejected a call for a reason other than lack of memory.

    Later calls can succeed.
    """

    id = "E-DEVICE-03"
    exit_code = 2
    _what = "failed"
    _fix = (
        "Run the command again, or pass --device cpu. If it fails again, report it with the output of "
        "`ecgdigit-rt doctor`."
    )


class _DeviceUnusable(SetupError, _DeviceError):
    """Error of a GPU that cannot be used any more."""


class DeviceLost(_DeviceUnusable, RuntimeError):
    """A GPU stopped working for this process. Every later call would fail.

    CUDA reports an invalid memory access, a failed kernel and similar errors once, and then refuses all work
    of the process.
    """

    id = "E-DEVICE-04"
    _what = "cannot be used by this process any more"
    _fix = (
        "Run the command again: completed pages are kept. If it fails again, pass --device cpu, and "
        "report the error with the output of `ecgdigit-rt doctor`."
    )


class StageNotServed(EcgDigitError, RuntimeError):
    """A Triton server returned an error for a stage. `reason` is the message of the server."""

    id = "E-TRITON-01"

    def __init__(self, stage: str, model: str, reason: str) -> None:
        super().__init__(
            f"{stage}: Triton model {model} failed: {reason}",
            "Check that the server has loaded the model. `--networks in-process` needs no stage models.",
        )
        self.stage = stage
        self.model = model
        self.reason = reason
