"""What an engine is built for: the card at hand, or compute capabilities without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ecgdigit_engine.device import cuda_devices
from ecgdigit_engine.errors import BackendUnusable, UnknownChoice

AOT_TARGETS = ("sm75", "sm80", "sm86", "sm89", "sm120", "sm121")
"""What tensorrt-rtx compiles for ahead of time, no card needed: T4, A100, A10, L4, and GeForce 50."""
LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Target:
    """One compute capability, such as sm75 of a T4. ahead: compiled without asking a card."""

    capability: tuple[int, int]
    ahead: bool

    def __str__(self) -> str:
        return f"sm{self.capability[0]}{self.capability[1]}"


def target_from_text(text: str) -> Target:
    """`sm75` … as `AOT_TARGETS` names them, or `local`: the first card. Raises UnknownChoice, BackendUnusable."""
    if text == LOCAL:
        cards = cuda_devices()
        if not cards:
            fix = f"Name what to build for: --target {AOT_TARGETS[0]} (T4), and others: {', '.join(AOT_TARGETS[1:])}."
            raise BackendUnusable("target local", "there is no NVIDIA card or no driver", fix)
        return Target(cards[0].capability, ahead=False)
    if text not in AOT_TARGETS:
        raise UnknownChoice("target", text, (LOCAL, *AOT_TARGETS))
    return Target((int(text[2:-1]), int(text[-1])), ahead=True)


def targets_from_texts(texts: Sequence[str]) -> tuple[Target, ...]:
    """Each of them once, in order."""
    return tuple(dict.fromkeys(target_from_text(text) for text in texts))
