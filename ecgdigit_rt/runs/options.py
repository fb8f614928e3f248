"""Options that determine how the pages of a run are digitized, and the configuration of the run."""

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
    """Arguments of `Digitizer`, except the number of threads."""

    models: str = "lite"
    tta: str = "none"
    enforce_einthoven: bool = False
    no_beat_prior: bool = False
    layout: str | None = None
    speed_mm_s: float | None = None
    gain_mm_mv: float | None = None
    min_quality_db: float | None = None
    strict: bool = False
    ocr: bool = True
    vector: bool = True
    max_pixels: int = MAX_PIXELS
    method: str = "networks"
    backend: str = "auto"
    device: str = "auto"
    precision: str = "auto"

    def digitizer(self, threads: int | None) -> Digitizer:
        """Return a digitizer with these options. Raises the same errors as `Digitizer`."""
        from ecgdigit_rt.digitizer import Digitizer

        return Digitizer(threads=threads, **asdict(self))

    def page_digitizer(self, threads: int) -> Callable[[PageRef], Result]:
        """Return a function that digitizes one page. See `ecgdigit_rt.digitizer.open_page_digitizer`."""
        from ecgdigit_rt.digitizer import open_page_digitizer

        return open_page_digitizer(asdict(self), threads)


_FLAGS = {
    "tta": "--tta",
    "enforce_einthoven": "--enforce-einthoven",
    "no_beat_prior": "--no-beat-prior",
    "layout": "--layout",
    "speed_mm_s": "--speed",
    "gain_mm_mv": "--gain",
    "min_quality_db": "--min-quality",
    "strict": "--strict",
    "vector": "vector PDFs",
    "max_pixels": "--max-pixels",
    "method": "--method",
}
"""Flags of the fields of `DigitizeOptions` that the configuration contains. The other fields are part of the
digitizer's identity."""


def configuration(
    options: DigitizeOptions, identity: Mapping[str, str], folder_format: str | None
) -> dict[str, str]:
    """Return the settings that affect results, as text by name.

    `identity` is the identity of the digitizer. `folder_format` is the format of the files in an output
    folder, or None for an output file.
    """
    fields = asdict(options)
    return {
        **identity,
        **{flag: _text(fields[name]) for name, flag in _FLAGS.items()},
        **({} if folder_format is None else {"--format": folder_format}),
    }


def differences(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Describe the differences between two configurations, such as "--tta was none and is now flip"."""
    names = [*now, *(name for name in before if name not in now)]
    return [
        f"{name} was {before.get(name, 'unknown')} and is now {now.get(name, 'unknown')}"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _text(value: object) -> str:
    """Return the value of an option as text for the configuration."""
    if value is None:
        return "not given"
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value)
