"""Targets of an engine: the GPU of this machine, or compute capabilities for ahead-of-time compilation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecgdigit_engine.device import cuda_devices
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice

AOT_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
"""Targets that tensorrt-rtx compiles ahead of time, without a GPU: T4, A100, A10, L4, GeForce 50 and GB10."""
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Target:
    """A compute capability, such as sm75 for a T4. `is_aot` is true for ahead-of-time compilation."""

    capability: tuple[int, int]
    is_aot: bool

    def __str__(self) -> str:
        return f"sm{self.capability[0]}{self.capability[1]}"


def target_from_text(text: str) -> Target:
    """Return the target for a name in `AOT_TARGETS`, or for `local`, the first GPU of this machine.

    Raises UnknownChoice for another name, or BackendUnusable for `local` if there is no GPU.
    """
    if text == LOCAL:
        gpus = cuda_devices()
        if not gpus:
            others = ", ".join(AOT_TARGETS[1:])
            fix = f"Pass a target, such as --target {AOT_TARGETS[0]} (T4). Other targets are {others}."
            raise BackendUnusable("--target local", "there is no NVIDIA GPU or no driver", fix)
        return Target(gpus[0].capability, is_aot=False)
    if text not in AOT_TARGETS:
        raise UnknownChoice("target", text, (LOCAL, *AOT_TARGETS))
    return Target((int(text[2:-1]), int(text[-1])), is_aot=True)


def targets_from_texts(texts: Sequence[str]) -> tuple[Target, ...]:
    """Return the targets in the order of their names, without duplicates."""
    return tuple(dict.fromkeys(target_from_text(text) for text in texts))
