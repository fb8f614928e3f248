"""What a page becomes: the values that flow out of the pipeline.

`Digitized | Failed` is the result of one page. Both are frozen; neither holds the page's pixels.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.errors import EcgDigitError, InternalError, OutOfMemory

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve leads in the order of the standard record."""


@dataclass(frozen=True, slots=True)
class PageRef:
    """One page to read: a file, and the page inside it (0 for an image)."""

    path: Path
    page: int = 0

    @property
    def id(self) -> str:
        """The competition's image id: the file's stem, with the page appended from the second on."""
        return self.path.stem if self.page == 0 else f"{self.path.stem}_p{self.page + 1}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One lead's stretch of a row: where it stands on paper and which time it shows.

    is_inverted: it is printed upside down, as -aVR in Cabrera's order; signals never are.
    """

    lead: str
    start_mm: float
    end_mm: float
    start_s: float
    end_s: float
    is_inverted: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One continuous trace across the paper. `baseline_mm` is the height of 0 mV; v grows downwards."""

    baseline_mm: float
    segments: tuple[Segment, ...]

    @property
    def start_mm(self) -> float:
        return self.segments[0].start_mm

    @property
    def end_mm(self) -> float:
        return self.segments[-1].end_mm


@dataclass(frozen=True, slots=True)
class Layout:
    """Which leads stand where, and what a millimetre means."""

    name: str
    rows: tuple[Row, ...]
    speed_mm_s: float = 25.0
    gain_mm_mv: float = 10.0


@dataclass(frozen=True, slots=True)
class Lead:
    """One lead's signal.

    mv: (samples,) float32, millivolt, NaN nowhere; sample 0 is at `start_s` of the record.
    confidence: 0 to 1, the share of columns in which the trace was seen clearly.
    expected_error_mv: the root mean square error that is to be expected, see docs/accuracy.md.
    curve_px: (samples, 2) float32, the same samples as x, y in the page's image, for drawing.
    """

    name: str
    mv: NDArray[np.float32] = field(repr=False)
    rate_hz: float
    start_s: float
    confidence: float
    curve_px: NDArray[np.float32] = field(repr=False)
    expected_error_mv: float = math.nan

    @property
    def duration_s(self) -> float:
        return self.mv.size / self.rate_hz

    @property
    def end_s(self) -> float:
        """Where the sample after the last one would be."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Provenance:
    """What read a page, such as "ecgdigit-rt 0.5.0", "lite 0.4.0" and "onnxruntime 1.31 (cpu, fp32)"."""

    software: str
    models: str
    device: str


@dataclass(frozen=True, slots=True)
class Digitized:
    """A page that was read. `leads` holds each lead's longest stretch (the rhythm strip wins).

    residual_px: how far the seen grid lies from the mesh, in the picture's pixels; None where no grid
    was seen and the rows alone gave the scale. repeats_mv: of the leads printed twice, the median
    difference between the two. maker: what read it. notes: in words, what was assumed and not read, and
    what contradicts what was told.
    """

    source: PageRef
    leads: Mapping[str, Lead]
    layout: Layout
    residual_px: float | None
    seconds: Mapping[str, float]
    repeat_difference_mv: Mapping[str, float] = field(default_factory=dict)
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        layout = f"{self.layout.name}, {self.layout.speed_mm_s:g} mm/s, {self.layout.gain_mm_mv:g} mm/mV"
        return f"<Digitized {self.source.id}: {len(self.leads)} leads, {layout}, {self.expected_db:.1f} dB>"

    @property
    def duration_s(self) -> float:
        """The record's length: where its last lead ends."""
        return max((lead.end_s for lead in self.leads.values()), default=0.0)

    @property
    def expected_db(self) -> float:
        """The signal-to-noise ratio to be expected: the leads' power over that of their expected errors."""
        signal = sum(float(np.square(lead.mv - lead.mv.mean()).sum()) for lead in self.leads.values())
        error = sum(lead.mv.size * lead.expected_error_mv**2 for lead in self.leads.values())
        return 10 * math.log10(signal / error) if signal > 0 and error > 0 else math.nan

    def to_dataframe(self) -> pd.DataFrame:
        """A pandas table at 500 Hz, see `ecgdigit_rt.formats.dataframe`. Raises DependencyMissing."""
        from ecgdigit_rt.formats.dataframe import dataframe_from_page

        return dataframe_from_page(self)

    def to_wfdb(self, path: str | Path) -> Path:
        """Write PATH.hea and PATH.dat and give the header's path. Raises DependencyMissing and ValueError."""
        from ecgdigit_rt.formats.wfdb_folder import wfdb_from_page

        return wfdb_from_page(self, Path(path))

    def plot(self, axes: Axes | None = None) -> Figure:
        """A matplotlib figure of the leads, see `ecgdigit_rt.plots.figure`. Raises DependencyMissing."""
        from ecgdigit_rt.plots.figure import figure_from_page

        return figure_from_page(self, axes)


@dataclass(frozen=True, slots=True)
class Failed:
    """A page that could not be read, and why. `error_id` is a heading in docs/errors.md."""

    source: PageRef
    error_id: str
    message: str
    hint: str


Result = Digitized | Failed

_OPENCV_NO_MEMORY = -4
"""The `code` of a `cv2.error`."""


def failed_from_error(source: PageRef, error: Exception) -> Failed:
    """The result of a page that raised; an error that nobody foresaw becomes E-BUG-01."""
    known: EcgDigitError
    if isinstance(error, EcgDigitError):
        known = error
    elif isinstance(error, MemoryError) or getattr(error, "code", None) == _OPENCV_NO_MEMORY:
        known = OutOfMemory(str(error))
    else:
        known = InternalError(error)
    return Failed(source, known.id, _readable(known.message), _readable(known.hint))


def _readable(text: str) -> str:
    """What is not UTF-8, as a file's name in a message may be, written out: every output takes it."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
