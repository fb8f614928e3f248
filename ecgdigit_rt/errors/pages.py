"""A page could not be digitized; the others go on."""

from __future__ import annotations

from collections.abc import Sequence

from ecgdigit_engine.errors import EcgDigitError


class PageError(EcgDigitError):
    """One page could not be digitized. A batch goes on with the next page."""

    exit_code = 2


class NoPageFound(PageError, LookupError):
    id = "E-PAGE-01"

    def __init__(self) -> None:
        super().__init__(
            "no ECG page found in the image",
            "Photograph the whole page, sharp and filling the picture.",
        )


class NotAnEcg(PageError, ValueError):
    """`reason` says what speaks against it."""

    id = "E-PAGE-02"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"this does not look like an ECG page: {reason}",
            "If it is one, say what stands on it: --layout 3x4+1, or --layout II for a strip of one lead.",
        )
        self.reason = reason


class NoGridFound(PageError, LookupError):
    id = "E-GRID-01"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "no ECG grid found" + (f": {reason}" if reason else ""),
            "The grid gives the scale. Use a colour scan or a sharper photo that shows it.",
        )
        self.reason = reason


class NoRowsFound(PageError, LookupError):
    id = "E-ROWS-01"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "a grid but no traces found" + (f": {reason}" if reason else ""),
            "Check in an image viewer that the page shows curves that stand out from the grid.",
        )
        self.reason = reason


class UnknownLayout(PageError, LookupError):
    """`seen` describes what was found on the page, such as "4 rows" and "labels I, aVR, V1"."""

    id = "E-LAYOUT-01"

    def __init__(self, seen: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            f"the page fits no known layout; seen: {'; '.join(seen) or 'nothing'}",
            f"Known layouts: {', '.join(known)}. See that no lead is cut off, or use --layout.",
        )
        self.seen = tuple(seen)
        self.known = tuple(known)


class LeadsMissing(PageError, LookupError):
    id = "E-LEADS-01"

    def __init__(self, missing: Sequence[str], found: Sequence[str]) -> None:
        super().__init__(
            f"leads not found: {', '.join(missing)}",
            f"Found: {', '.join(found) or 'none'}. The overlay shows what was traced.",
        )
        self.missing = tuple(missing)
        self.found = tuple(found)


class QualityTooLow(PageError, ValueError):
    """The page was read, and its expected signal-to-noise ratio is below what was asked for."""

    id = "E-QUALITY-01"

    def __init__(self, expected_db: float, min_quality_db: float) -> None:
        super().__init__(
            f"expected quality {expected_db:.1f} dB, below the {min_quality_db:g} dB asked for",
            "Scan the page again, sharper or larger, or lower --min-quality and look at the overlay.",
        )
        self.expected_db = expected_db
        self.min_quality_db = min_quality_db


class PageCrashed(PageError, RuntimeError):
    """The process that read the page ended. `how` says by what, such as "signal SIGSEGV"."""

    id = "E-PAGE-03"

    def __init__(self, how: str) -> None:
        super().__init__(
            f"reading the page ended its process: {how}",
            "SIGKILL often means that memory ran out: fewer --threads. Else report it with the page.",
        )
        self.how = how


class PageTimedOut(PageError, TimeoutError):
    id = "E-PAGE-04"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f"the page was not read within {limit_s:g} s",
            "Allow more with --timeout, or give the page in a lower resolution.",
        )
        self.limit_s = limit_s


class OutOfMemory(PageError, MemoryError):
    """This process has no memory left for the page; that of a card is `OutOfDeviceMemory`."""

    id = "E-PAGE-05"

    def __init__(self, said: str) -> None:
        super().__init__(
            f"memory does not hold the page{f' ({said})' if said else ''}",
            "Use fewer --threads, or give the page in a lower resolution.",
        )
        self.said = said
