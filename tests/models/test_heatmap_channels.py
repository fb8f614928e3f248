"""The order of the heatmap channels matches the weights of the shipped networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ecgdigit_rt import Digitizer, PageRef
from ecgdigit_rt.decode.file_formats import rgb_from_file
from ecgdigit_rt.pipeline import PageState
from ecgdigit_rt.results import LEADS

PAGE = Path(__file__).parents[2] / "examples" / "000000_render.jpg"
PRINTED = (
    ("I", "aVR", "V1", "V4"),
    ("II", "aVL", "V2", "V5"),
    ("III", "aVF", "V3", "V6"),
)
"""Lead names printed on the example page, row by row."""


@pytest.fixture(scope="module")
def state() -> PageState:
    image = rgb_from_file(PAGE)
    return Digitizer(threads=2).digitize_steps(image, PageRef(PAGE))


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("column", range(4))
def test_each_lead_channel_peaks_at_its_printed_name(state: PageState, row: int, column: int) -> None:
    name = PRINTED[row][column]
    heatmap, printed = state.text.heatmap, state.layout.rows[row]
    width_mm = (printed.end_mm - printed.start_mm) / 4
    near_row = np.abs(heatmap.v_mm - printed.baseline_mm) < 15
    from_cell_mm = heatmap.u_mm - (printed.start_mm + column * width_mm)
    in_cell = (from_cell_mm > -10) & (from_cell_mm < width_mm - 10)
    activations = {lead: heatmap.channel(lead)[np.ix_(near_row, in_cell)].max() for lead in LEADS}
    assert max(activations, key=lambda lead: activations[lead]) == name
