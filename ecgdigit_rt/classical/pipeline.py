"""The whole way of one page without networks: grid, ink, rows, pulses, paths."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ecgdigit_rt.classical.darkness import brightness
from ecgdigit_rt.classical.grid_mesh import grid_mesh
from ecgdigit_rt.classical.ink_trace import ink_strips, lead_traces
from ecgdigit_rt.classical.paper_ink import PaperInk, paper_ink
from ecgdigit_rt.classical.row_ends import agreeing, row_ends
from ecgdigit_rt.classical.row_layout import ClassicalReading, read_layout
from ecgdigit_rt.errors import PageError, QualityTooLow
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.layout.match import NO_OVERRIDES, LayoutOverrides
from ecgdigit_rt.results import Digitized, Layout, PageRef, Provenance
from ecgdigit_rt.tracing.assemble import rotate_points, segments_from_traces, spread_layout
from ecgdigit_rt.tracing.ecg_check import confident_leads
from ecgdigit_rt.tracing.lead_relations import enforce_einthoven, repeat_difference_mv
from ecgdigit_rt.tracing.lead_trace import LeadTrace
from ecgdigit_rt.tracing.record_extent import ends_within_image, record_extent_mm, snap_to_half_mm

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Upright:
    """A page turned as it is meant. bright: (height, width) uint8, its brightest channel."""

    bright: NDArray[np.uint8]
    quarter_turns: int
    mesh: Mesh
    paper: PaperInk
    reading: ClassicalReading

    @property
    def size_px(self) -> tuple[int, int]:
        return self.bright.shape[1], self.bright.shape[0]


class ClassicalPipeline:
    """Reads pages as programs did before there were networks; several threads may use one reader.

    It reads no text: which lead stands where is told by the count of rows, speed and gain by the
    calibration pulses, or by the user (`told`). Expected errors come from the networks' formula and are no
    more than a hint here. blend: leads that nearly obey Einthoven's law are made to.
    least_db: pages of less expected quality are refused. maker: what the pages say that read them.
    """

    def __init__(
        self,
        told: LayoutOverrides = NO_OVERRIDES,
        enforce_einthoven: bool = False,
        min_quality_db: float | None = None,
        provenance: Provenance | None = None,
    ) -> None:
        self._told, self._blend, self._least_db, self._provenance = (
            told,
            enforce_einthoven,
            min_quality_db,
            provenance,
        )

    def read(self, image: NDArray[np.uint8], source: PageRef) -> Digitized:
        """Read one page. image: (height, width, 3) uint8 RGB. Raises a PageError that names what is wrong."""
        clock = _Clock()
        upright = self._upright(image, clock)
        layout, traces = clock.timed("trace", lambda: _traced(upright))
        size, turns = upright.size_px, upright.quarter_turns
        stretches = clock.timed("assemble", lambda: segments_from_traces(layout, traces, upright.mesh, size))
        leads = confident_leads(stretches)
        leads = enforce_einthoven(leads) if self._blend else leads
        leads = {
            name: dataclasses.replace(lead, curve_px=rotate_points(lead.curve_px, size, turns))
            for name, lead in leads.items()
        }
        page = Digitized(
            source,
            leads,
            layout,
            upright.mesh.residual_px,
            clock.seconds,
            repeat_difference_mv(stretches),
            self._provenance,
            upright.reading.notes,
        )
        if self._least_db is not None and not page.expected_db >= self._least_db:
            raise QualityTooLow(page.expected_db, self._least_db)
        return page

    def _upright(self, image: NDArray[np.uint8], clock: _Clock) -> _Upright:
        """The page turned by the quarter turns after which it looks most like one.

        Raises NoGridFound, and what the page as it is raises where no turn helps.
        """
        bright = brightness(image)
        mesh = clock.timed("grid", lambda: grid_mesh(image))
        paper = clock.timed("ink", lambda: paper_ink(bright, mesh))
        turns, reading = clock.timed("layout", lambda: _best_turn(paper, self._told))
        if turns:
            bright, turned = (np.ascontiguousarray(np.rot90(picture, turns)) for picture in (bright, image))
            mesh = clock.timed("grid", lambda: grid_mesh(turned))
            paper = clock.timed("ink", lambda: paper_ink(bright, mesh))
            reading = clock.timed("layout", lambda: read_layout(paper, self._told))
        return _Upright(bright, turns, mesh, paper, reading)


class _Clock:
    """Seconds by step."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def timed(self, name: str, step: Callable[[], T]) -> T:
        started = time.perf_counter()
        value = step()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - started
        return value


def _best_turn(paper: PaperInk, told: LayoutOverrides) -> tuple[int, ClassicalReading]:
    """The quarter turns, counterclockwise, after which it looks most like a page, and what it says then.

    What was told is believed of the page as it is; turned, it must show marks of its own.
    """
    found: list[tuple[int, ClassicalReading]] = []
    errors: list[PageError] = []
    for turns in range(4):
        try:
            needs_marks = True if turns else None
            found.append((turns, read_layout(paper.turned(turns), told, needs_marks=needs_marks)))
        except PageError as error:
            errors.append(error)
    if not found:
        raise errors[0]
    return max(found, key=lambda turn: turn[1].score)


def _traced(page: _Upright) -> tuple[Layout, list[list[LeadTrace]]]:
    """The layout with the record's true ends, and one trace per segment of each of its rows."""
    rows, pulses = page.reading.layout.rows, page.reading.pulses
    strips = ink_strips(page.bright, page.mesh, rows, page.paper.level)
    sides = pulses.median_sides_mm
    seen = [row_ends(strip, row, pulses.side, sides) for strip, row in zip(strips, rows, strict=True)]
    ends = ends_within_image(seen, page.reading.layout, page.mesh, page.size_px)
    start, end = record_extent_mm(agreeing(ends), page.reading.layout, pulses.side, is_cut=ends != seen)
    drawn = snap_to_half_mm(start, page.mesh)
    layout = spread_layout(page.reading.layout, drawn, drawn + end - start)
    return layout, [lead_traces(strip, row) for strip, row in zip(strips, layout.rows, strict=True)]
