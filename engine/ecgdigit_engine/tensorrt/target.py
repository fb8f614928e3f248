"""Targets of an engine: the GPU of this machine, or compute capabilities for ahead-of-time compilation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecgdigit_engine.device import CudaDevice, cuda_devices
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice

AOT_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
"""Targets that tensorrt-rtx supports: T4, A100, A10, L4, GeForce 50 and GB10.

It compiles for them ahead of time, without a GPU. It supports no other GPU of today: engines for an H100
(sm90) or a B200 (sm100) can be built, but do not run.
"""
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Target:
    """A compute capability, such as sm75 for a T4.

    `gpu` is the index of the GPU that compiles the engine, or None for ahead-of-time compilation.
    """

    capability: tuple[int, int]
    gpu: int | None = None

    @property
    def is_aot(self) -> bool:
        """True for ahead-of-time compilation."""
        return self.gpu is None

    def __str__(self) -> str:
        return f"sm{self.capability[0]}{self.capability[1]}"


OTHER_BACKENDS = "Use onnxruntime-gpu (--backend onnxruntime), or tensorrt if it can be installed."
"""What to do on a GPU that tensorrt-rtx does not support."""


def supported_gpus(backend: str) -> list[CudaDevice]:
    """Return the GPUs of this machine that a package supports: `tensorrt` or `tensorrt-rtx`."""
    return [gpu for gpu in cuda_devices() if backend != "tensorrt-rtx" or is_supported_by_rtx(gpu.capability)]


def is_supported_by_rtx(capability: tuple[int, int]) -> bool:
    """Return whether tensorrt-rtx runs engines on GPUs of a compute capability."""
    return str(Target(capability)) in AOT_TARGETS


def unsupported_reason(gpu: CudaDevice) -> str:
    """Return why tensorrt-rtx cannot be used on a GPU."""
    major, minor = gpu.capability
    return f"tensorrt-rtx does not support compute capability {major}.{minor} (cuda:{gpu.index}, {gpu.name})"


def target_from_text(text: str, gpu: int = 0) -> Target:
    """Return the target for a name in `AOT_TARGETS`, or for `local`, the GPU with index `gpu`.

    Raises UnknownChoice for another name, or BackendUnusable for `local` if there is no such GPU.
    """
    if text == LOCAL:
        gpus = {device.index: device for device in cuda_devices()}
        others = ", ".join(AOT_TARGETS[1:])
        fix = f"Pass a target, such as --target {AOT_TARGETS[0]} (T4). Other targets are {others}."
        if not gpus:
            raise BackendUnusable("--target local", "there is no NVIDIA GPU or no driver", fix)
        if gpu not in gpus:
            fix = f"Pass one of: {', '.join(f'--device cuda:{index}' for index in gpus)}."
            raise BackendUnusable(f"--device cuda:{gpu}", "there is no such GPU", fix)
        return Target(gpus[gpu].capability, gpu)
    if text not in AOT_TARGETS:
        raise UnknownChoice("target", text, (LOCAL, *AOT_TARGETS))
    return Target((int(text[2:-1]), int(text[-1])))


def targets_from_texts(texts: Sequence[str], gpu: int = 0) -> tuple[Target, ...]:
    """Return the targets in the order of their names, without duplicates.

    An engine for several targets is compiled ahead of time, also for the GPU of this machine.
    """
    targets = [target_from_text(text, gpu) for text in texts]
    if len({target.capability for target in targets}) > 1 or any(target.is_aot for target in targets):
        targets = [Target(target.capability) for target in targets]
    return tuple(dict.fromkeys(targets))
