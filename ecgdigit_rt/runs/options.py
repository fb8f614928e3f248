"""What decides how every page of a run is read, and in which words a difference is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from ecgdigit_rt.decode.limits import MAX_PIXELS

if TYPE_CHECKING:
    from ecgdigit_rt.digitizer import Digitizer
    from ecgdigit_rt.results import PageRef, Result


@dataclass(frozen=True, slots=True)
class DigitizeOptions:
    """How the user wants pages read: the arguments of `Digitizer` but for threads."""

    models: str = "lite"
    tta: str = "none"
    enforce_einthoven: bool = False
    no_beat_prior: bool = False
    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None
    min_quality_db: float | None = None
    max_pixels: int = MAX_PIXELS
    method: str = "networks"
    backend: str = "auto"
    device: str = "auto"
    precision: str = "auto"

    def digitizer(self, threads: int | None) -> Digitizer:
        """Raises as `Digitizer` does."""
        from ecgdigit_rt.digitizer import Digitizer

        return Digitizer(threads=threads, **asdict(self))

    def page_reader(self, threads: int) -> Callable[[PageRef], Result]:
        """What reads single pages in a process of its own, as a `Digitizer` with many pages does."""
        import cv2

        if threads == 1:
            cv2.setNumThreads(1)
        digitizer = self.digitizer(threads)
        return lambda page: next(digitizer.digitize_many([page], network_threads=threads))


_FLAGS = {
    "tta": "--tta",
    "enforce_einthoven": "--enforce-einthoven",
    "no_beat_prior": "--no-beat-prior",
    "layout": "--layout",
    "speed_mm_s": "--speed",
    "gain_mm_mv": "--gain",
    "min_quality_db": "--min-quality",
    "max_pixels": "--max-pixels",
    "method": "--method",
}
"""Those of `DigitizeOptions` that are told by themselves; the others show in the digitizer's identity."""


def configuration(reading: DigitizeOptions, identity: Mapping[str, str], form: str | None) -> dict[str, str]:
    """Everything that changes results, in words. identity: the digitizer's; form: of a folder's files."""
    told = asdict(reading)
    return {
        **identity,
        **{flag: _in_words(told[name]) for name, flag in _FLAGS.items()},
        **({} if form is None else {"--format": form}),
    }


def differences(was: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Such as "--tta was none and is flip"."""
    names = [*now, *(name for name in was if name not in now)]
    return [
        f"{name} was {was.get(name, 'not known')} and is {now.get(name, 'not known')}"
        for name in names
        if was.get(name) != now.get(name)
    ]


def _in_words(value: object) -> str:
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
