"""Result types: immutable values that describe a digitized page or a failed page.

The result of one page is either `Digitized` or `Failed`. Neither type contains the pixels of the page.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.doubts import ACCURACY_DOUBT, Doubt
from ecgdigit_rt.errors import named_error

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
"""The twelve standard leads in conventional order.

This is also the order of the lead channels in the heatmaps of the locate stage (`ecgdigit_rt.stages`).
"""

FURTHER_LEADS = ("V3R", "V4R", "V5R", "V6R", "V7", "V8", "V9")
"""Right-sided and posterior chest leads, which some pages show in addition to or instead of `LEADS`."""

ALL_LEADS = (*LEADS, *FURTHER_LEADS)
"""All leads that a page can show, in the order of results."""

RATE_HZ = 500.0
"""Sampling rate of digitized leads in hertz."""

DIGITIZED, DOUBTFUL, FAILED = STATUSES = ("digitized", "doubtful", "failed")
"""Status of a page: digitized without doubts, digitized with doubts, or not digitized."""

PICTURE, VECTOR = SIGNAL_SOURCES = ("picture", "vector")
"""Source of the signals of a page: the picture of the page, or the lines of a vector file."""

WRONG_IF_DOUBTFUL = 0.5
"""Probability that a doubtful page is wrong: digitized with a wrong layout, scale or order of leads.

Measured: 24 of 47 doubtful pages in `benchmarks/altered_pages.py` are wrong.
"""

WRONG_PAGE_ERROR = 2.0
"""Expected error energy of a wrong page, relative to the energy of its signals.

The energy of the difference of two unrelated signals is the sum of their energies, which are assumed equal.
"""

_CONVERTERS = {
    "dataframe": ("ecgdigit_rt.formats.dataframe", "dataframe_from_page"),
    "wfdb": ("ecgdigit_rt.formats.wfdb_folder", "wfdb_from_page"),
    "figure": ("ecgdigit_rt.plots.figure", "figure_from_page"),
}
"""Module and function of each method of `Digitized` that converts the page to another format.

The modules are imported on first use, because they import this module.
"""


def _converter(name: str) -> Callable[..., Any]:
    module, function = _CONVERTERS[name]
    converter: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return converter


@dataclass(frozen=True, slots=True)
class PageRef:
    """Reference to one page of a file.

    Attributes
    ----------
    path : Path
        Path of the file.
    page : int
        Zero-based index of the page in the file. 0 for an image.
    """

    path: Path
    page: int = 0

    @property
    def id(self) -> str:
        """Image id: the stem of the file name. `_p2`, `_p3`, ... is appended from the second page on."""
        return self.path.stem if self.page == 0 else f"{self.path.stem}_p{self.page + 1}"


@dataclass(frozen=True, slots=True)
class Segment:
    """Part of a row that shows one lead: its extent on paper and in time.

    Attributes
    ----------
    lead : str
        Name of the lead.
    start_mm, end_mm : float
        Positions of the start and the end on paper, along the row.
    start_s, end_s : float
        Times of the start and the end, in seconds from the start of the record.
    is_inverted : bool
        Whether the lead is printed with inverted polarity, such as -aVR in the Cabrera layout. The digitized
        signal has the normal polarity.
    """

    lead: str
    start_mm: float
    end_mm: float
    start_s: float
    end_s: float
    is_inverted: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One continuous trace across the paper.

    Attributes
    ----------
    baseline_mm : float
        Vertical position of 0 mV on paper. Positions increase downward.
    segments : tuple of Segment
        Segments from left to right.
    """

    baseline_mm: float
    segments: tuple[Segment, ...]

    @property
    def start_mm(self) -> float:
        """Start of the first segment on paper, along the row."""
        return self.segments[0].start_mm

    @property
    def end_mm(self) -> float:
        """End of the last segment on paper, along the row."""
        return self.segments[-1].end_mm


@dataclass(frozen=True, slots=True)
class Layout:
    """Arrangement and scale of the leads on paper.

    Attributes
    ----------
    name : str
        Name of the layout in the catalog, or its list of rows, such as "I,II,III/aVR,aVL,aVF".
    rows : tuple of Row
        Rows from top to bottom.
    speed_mm_s, gain_mm_mv : float
        Paper speed in mm/s and gain in mm/mV.
    """

    name: str
    rows: tuple[Row, ...]
    speed_mm_s: float = 25.0
    gain_mm_mv: float = 10.0


@dataclass(frozen=True, slots=True)
class Lead:
    """Signal of one lead.

    Attributes
    ----------
    name : str
        Name of the lead.
    mv : ndarray of float32, (samples,)
        Samples in millivolts, without NaN. Sample 0 is at `start_s`.
    rate_hz : float
        Sampling rate in hertz.
    start_s : float
        Time of sample 0 in seconds from the start of the record.
    confidence : float
        Mean confidence of the samples, from 0 to 1. Samples in gaps of the trace and samples outside the
        image have a confidence of 0.
    curve_px : ndarray of float32, (samples, 2)
        Position (x, y) of each sample in the decoded image of the page, in pixels.
    expected_error_mv : float
        Expected root mean square error in millivolts, see docs/accuracy.md. NaN if unknown.
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
        """Duration in seconds."""
        return self.mv.size / self.rate_hz

    @property
    def expected_db(self) -> float:
        """Expected signal-to-noise ratio in dB, from `expected_error_mv`. NaN if unknown."""
        size_mv = float(np.std(self.mv)) if self.mv.size else 0.0
        if not (size_mv > 0 and self.expected_error_mv > 0):
            return math.nan
        return 20 * math.log10(size_mv / self.expected_error_mv)

    @property
    def end_s(self) -> float:
        """Time in seconds from the start of the record, one sampling interval after the last sample."""
        return self.start_s + self.duration_s


@dataclass(frozen=True, slots=True)
class Provenance:
    """Origin of a result.

    Attributes
    ----------
    software : str
        Name and version, such as "ecgdigit-rt 0.5.0".
    models : str
        Model family and version, such as "lite 0.6.0".
    device : str
        Backend with device and precision, such as "onnxruntime 1.31 (cpu, fp32)".
    """

    software: str
    models: str
    device: str


@dataclass(frozen=True, slots=True)
class Digitized:
    """Result of a page that was digitized.

    Attributes
    ----------
    source : PageRef
        Page that was digitized.
    leads : mapping of str to Lead
        Signals by lead name, in conventional order. Of several segments of a lead, such as a short segment
        and a rhythm strip, this is the longest one that was digitized with sufficient confidence.
    layout : Layout
        Arrangement and scale of the leads on paper.
    residual_px : float or None
        Robust standard deviation of the distance between the detected grid and the fitted mesh along one
        axis, in image pixels. It is an assumed value, not a measured one, if the scale was determined by the
        rows and refined with minor grid lines. None if only the rows determined the scale.
    seconds : mapping of str to float
        Duration of each step in seconds.
    repeat_difference_mv : mapping of str to float
        For each lead that is printed twice, the median absolute difference between both segments, after the
        median difference is subtracted.
    provenance : Provenance or None
        Software, models and device.
    notes : tuple of str
        Assumptions that were made, and contradictions between the page and the values that the user
        specified.
    doubts : tuple of Doubt
        Reasons why the signals may be wrong. The status of a page with doubts is `doubtful`.
    signal_source : str
        `picture`, or `vector` if the signals are those of the lines in a vector file.
    """

    source: PageRef
    leads: Mapping[str, Lead]
    layout: Layout
    residual_px: float | None
    seconds: Mapping[str, float]
    repeat_difference_mv: Mapping[str, float] = field(default_factory=dict)
    provenance: Provenance | None = None
    notes: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    signal_source: str = PICTURE

    def __repr__(self) -> str:
        layout = f"{self.layout.name}, {self.layout.speed_mm_s:g} mm/s, {self.layout.gain_mm_mv:g} mm/mV"
        doubtful = f", {self.status}: {', '.join(doubt.id for doubt in self.doubts)}" if self.doubts else ""
        facts = f"{len(self.leads)} leads, {layout}, {self.expected_db:z.1f} dB{doubtful}"
        return f"<Digitized {self.source.id}: {facts}>"

    @property
    def status(self) -> str:
        """Either `digitized`, or `doubtful` if there are doubts."""
        return DOUBTFUL if self.doubts else DIGITIZED

    @property
    def duration_s(self) -> float:
        """Duration of the record in seconds: the latest end of a lead."""
        return max((lead.end_s for lead in self.leads.values()), default=0.0)

    @property
    def expected_db(self) -> float:
        """Expected signal-to-noise ratio in dB, from the expected errors of the leads. NaN if unknown.

        A page with doubts, other than `ACCURACY_DOUBT`, is wrong with the probability `WRONG_IF_DOUBTFUL`,
        and then has the relative error energy `WRONG_PAGE_ERROR`. The ratio is therefore at most
        -10 log10(`WRONG_IF_DOUBTFUL` * `WRONG_PAGE_ERROR`) dB.
        """
        signal = sum(float(np.square(lead.mv - lead.mv.mean()).sum()) for lead in self.leads.values())
        error = sum(lead.mv.size * lead.expected_error_mv**2 for lead in self.leads.values())
        if not (signal > 0 and error > 0):
            return math.nan
        relative_error = error / signal
        if any(doubt.id != ACCURACY_DOUBT for doubt in self.doubts):
            relative_error = (1 - WRONG_IF_DOUBTFUL) * relative_error + WRONG_IF_DOUBTFUL * WRONG_PAGE_ERROR
        return -10 * math.log10(relative_error)

    def to_dataframe(self) -> pd.DataFrame:
        """Return the leads as a table at 500 Hz.

        Returns
        -------
        pandas.DataFrame
            One row per sample and one column per lead in millivolts, NaN where a lead is not printed. The
            index is the time in seconds.

        Raises
        ------
        DependencyMissing
            If pandas is not installed.
        """
        frame: pd.DataFrame = _converter("dataframe")(self)
        return frame

    def to_wfdb(self, path: str | Path) -> Path:
        """Write a WFDB record, `path`.hea and `path`.dat.

        Parameters
        ----------
        path : str or Path
            Path of the record, with or without `.hea`. Characters that WFDB does not allow in a name are
            replaced.

        Returns
        -------
        Path
            Path of the header file.

        Raises
        ------
        DependencyMissing
            If wfdb is not installed.
        OutputNotWritable
            If the files cannot be written.
        ValueError
            If the page has no leads.
        """
        header: Path = _converter("wfdb")(self, Path(path))
        return header

    def plot(self, axes: Axes | None = None) -> Figure:
        """Plot the leads on ECG paper, arranged as on the page.

        Parameters
        ----------
        axes : matplotlib.axes.Axes, optional
            Axes to draw into. By default, a new figure with new axes is created.

        Returns
        -------
        matplotlib.figure.Figure
            Figure that contains the axes.

        Raises
        ------
        DependencyMissing
            If matplotlib is not installed.
        ValueError
            If `axes` does not belong to a figure.
        """
        figure: Figure = _converter("figure")(self, axes)
        return figure


@dataclass(frozen=True, slots=True)
class Failed:
    """Result of a page that could not be digitized.

    Attributes
    ----------
    source : PageRef
        Page that could not be digitized.
    error_id : str
        Error id, such as "E-PAGE-01". docs/errors.md describes each one.
    message : str
        What failed, and why.
    hint : str
        What the user can do about it.
    """

    source: PageRef
    error_id: str
    message: str
    hint: str

    @property
    def status(self) -> str:
        """Always `failed`."""
        return FAILED


Result = Digitized | Failed


def failed_from_error(source: PageRef, error: Exception) -> Failed:
    """Return the result of a page whose digitization raised `error`. See `named_error`."""
    known = named_error(error)
    return Failed(source, known.id, _utf8(known.message), _utf8(known.hint))


def _utf8(text: str) -> str:
    """Escape characters that UTF-8 cannot encode, such as undecodable bytes of a file name."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
