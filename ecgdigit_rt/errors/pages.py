"""Errors of single pages. The run continues with the other pages."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ecgdigit_engine.errors import EcgDigitError


class PageError(EcgDigitError):
    """Base class of errors of one page. The run continues with the other pages."""

    exit_code = 2


class NoPageFound(PageError, LookupError):
    """The locate stage finds no ECG page in the image."""

    id = "E-PAGE-01"

    def __init__(self) -> None:
        super().__init__(
            "No ECG page found in the image",
            "Take a sharp photo of the whole page, so that the page fills the frame.",
        )


class NotAnEcg(PageError, ValueError):
    """The content of the page is not an ECG. `reason` describes the evidence."""

    id = "E-PAGE-02"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The image does not look like an ECG page: {reason}",
            "If it is an ECG page, set its layout: --layout 3x4+1, or --layout II for a strip of lead II.",
        )
        self.reason = reason


class MirroredPage(PageError, ValueError):
    """The image is mirrored, so that time runs from right to left."""

    id = "E-PAGE-06"

    def __init__(self) -> None:
        super().__init__(
            "The image is mirrored",
            "Flip the image horizontally, and check that its text is readable.",
        )


class NoGridFound(PageError, LookupError):
    """The page has no usable ECG grid."""

    id = "E-GRID-01"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "No ECG grid found" + (f": {reason}" if reason else ""),
            "The grid defines the scale. Use a colour scan or a sharper photo that shows the grid.",
        )
        self.reason = reason


class NoRowsFound(PageError, LookupError):
    """The page has a grid but no traces."""

    id = "E-ROWS-01"

    def __init__(self, reason: str = "") -> None:
        super().__init__(
            "No traces found on the grid" + (f": {reason}" if reason else ""),
            "Check in an image viewer that the traces are visible and darker than the grid.",
        )
        self.reason = reason


class UnknownLayout(PageError, LookupError):
    """The page matches no known layout.

    `detected` describes the detected rows and labels, such as "4 rows" and "labels I, aVR, V1".
    """

    id = "E-LAYOUT-01"

    def __init__(self, detected: Sequence[str], known: Sequence[str]) -> None:
        super().__init__(
            f"The page matches no known layout; detected: {'; '.join(detected) or 'nothing'}",
            f"Known layouts: {', '.join(known)}. Check that no lead is cut off, or set --layout.",
        )
        self.detected = tuple(detected)
        self.known = tuple(known)


class SeveralEcgs(PageError, LookupError):
    """The image shows more than one ECG. `reason` describes what was detected."""

    id = "E-LAYOUT-02"

    def __init__(self, reason: str) -> None:
        super().__init__(
            f"The image shows more than one ECG: {reason}",
            "Cut the image so that each file shows one ECG.",
        )
        self.reason = reason


class LeadsMissing(PageError, LookupError):
    """Some leads were not found on the page."""

    id = "E-LEADS-01"

    def __init__(self, missing: Sequence[str], found: Sequence[str]) -> None:
        super().__init__(
            f"Leads not found: {', '.join(missing)}",
            f"Found: {', '.join(found) or 'none'}. Check the traces in the overlay.",
        )
        self.missing = tuple(missing)
        self.found = tuple(found)


class QualityTooLow(PageError, ValueError):
    """The expected signal-to-noise ratio of a digitized page is unknown or below `--min-quality`.

    `expected_db` is NaN if the ratio is unknown.
    """

    id = "E-QUALITY-01"

    def __init__(self, expected_db: float, min_quality_db: float) -> None:
        if math.isnan(expected_db):
            problem = f"unknown; the minimum is {min_quality_db:g} dB"
        else:
            problem = f"{expected_db:.1f} dB, below the minimum of {min_quality_db:g} dB"
        super().__init__(
            f"The expected quality is {problem}",
            "Scan the page again at a higher resolution, or lower --min-quality and check the overlay.",
        )
        self.expected_db = expected_db
        self.min_quality_db = min_quality_db


class PageDoubtful(PageError, ValueError):
    """The page was digitized with doubts, and the user specified `--strict`.

    `doubts` describes each reason.
    """

    id = "E-DOUBT-01"

    def __init__(self, doubts: Sequence[str]) -> None:
        super().__init__(
            f"The page may be digitized wrongly: {'; '.join(doubts)}",
            "Run without --strict to get its signals, and compare them with the page in an overlay.",
        )
        self.doubts = tuple(doubts)


class PageCrashed(PageError, RuntimeError):
    """The worker process that digitized the page ended unexpectedly.

    `cause` names the signal or the exit code.
    """

    id = "E-PAGE-03"

    def __init__(self, cause: str) -> None:
        super().__init__(
            f"The worker process of the page ended unexpectedly: {cause}",
            "After SIGKILL or SIGABRT, which often mean that memory ran out, use fewer --threads or provide "
            "the page as a small image. Otherwise report the page.",
        )
        self.cause = cause


class PageTimedOut(PageError, TimeoutError):
    """The page was not digitized within `--timeout`."""

    id = "E-PAGE-04"

    def __init__(self, limit_s: float) -> None:
        super().__init__(
            f"The page was not digitized within {limit_s:g} s",
            "Raise --timeout, or provide the page at a lower resolution.",
        )
        self.limit_s = limit_s


class OutOfMemory(PageError, MemoryError):
    """The process has too little memory for the page, or cannot start a thread.

    `OutOfDeviceMemory` is the error for GPU memory.
    """

    id = "E-PAGE-05"

    def __init__(self, detail: str) -> None:
        super().__init__(
            f"Not enough memory{f' ({detail})' if detail else ''}",
            "Use fewer --threads, or provide the page at a lower resolution.",
        )
        self.detail = detail
