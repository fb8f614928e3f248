"""What the three networks speak: the meaning and scale of their inputs and outputs."""

from __future__ import annotations

from ecgdigit_rt.results import LEADS

PAGE_MASK = "page"
BASELINE = "baseline"
PULSE = "pulse"
SPEEDS = {"speed_12.5": 12.5, "speed_25": 25.0, "speed_50": 50.0}
GAINS = {"gain_5": 5.0, "gain_10": 10.0, "gain_20": 20.0}

HEATMAPS = (PAGE_MASK, BASELINE, PULSE, *LEADS, *SPEEDS, *GAINS)
"""Stage 0's heatmaps in channel order: the sheet, the rows' zero lines, printed marks at their centres."""

MAP_STRIDE = 4
"""Input pixels per pixel of the heatmaps of stage 0 and the phase maps of stage 1."""

GRID_PERIOD_MM = 5.0
"""Stage 1's period: the distance of the bold grid lines."""

SIDE_STEP = 32
"""Network inputs have sides that are multiples of this."""

LOCATE_SIDE = 768
GRID_SIDE = 1536
"""Longest side of the pictures that stages 0 and 1 see."""

CLOSE_PX_PER_MM = 5.5
CLOSE_SIZE_PX = (160, 96)
"""Scale and size (width, height) of the patches of stage 0's second look, at text."""

SAMPLER = "sampler"
"""The graph that samples strips on a device, in front of stage 2."""

SAMPLED_TRACE = "sampled trace"
"""The runner of both, where there is one."""

PLACES_STEP = 16
"""Pixels of a strip per place by which the sampler graph is told where it lies in the picture."""

STRIP_PX_PER_MM = 10.0
STRIP_ROWS_PER_MM = 8.0
COLUMNS_PER_MM = 20
BINS_PER_MM = 4
STRIP_HALF_HEIGHT_MM = 20.0
"""Stage 2's strips: input scale along time and in height, output columns and height bins, reach."""
