"""Interface of the three networks: meaning and scale of their inputs and outputs.

The shipped networks were trained with these values. A network with other channels or scales requires other
constants.
"""

from __future__ import annotations

from ecgdigit_rt.results import LEADS

PAGE_MASK = "page"
BASELINE = "baseline"
PULSE = "pulse"
SPEEDS = {"speed_12.5": 12.5, "speed_25": 25.0, "speed_50": 50.0}
GAINS = {"gain_5": 5.0, "gain_10": 10.0, "gain_20": 20.0}

HEATMAPS = (PAGE_MASK, BASELINE, PULSE, *LEADS, *SPEEDS, *GAINS)
"""Channels of the locate stage, in order: the sheet, the baselines, and the centres of printed marks.

The order of `LEADS` is part of the trained weights.
"""

MAP_STRIDE = 4
"""Input pixels per pixel of the heatmaps of the locate stage and the phase maps of the grid stage."""

GRID_PERIOD_MM = 5.0
"""Period of the phase that the grid stage predicts: the distance between major grid lines."""

SIDE_STEP = 32
"""The sides of network inputs are multiples of this."""

LOCATE_SIDE = 768
GRID_SIDE = 1536
"""Length in pixels of the longer input side of the locate stage and of the grid stage."""

CLOSE_PX_PER_MM = 5.5
CLOSE_SIZE_PX = (160, 96)
"""Scale and size (width, height) of the magnified text patches of the locate stage."""

SAMPLER = "sampler"
"""Name of the graph that samples strips on a device. Its output is the input of the trace stage."""

SAMPLED_TRACE = "sampled trace"
"""Name of the runner that executes the sampler and the trace stage."""

PLACES_STEP = 16
"""Distance in strip pixels of the positions that the sampler receives. It interpolates between them."""

STRIP_PX_PER_MM = 10.0
STRIP_ROWS_PER_MM = 8.0
COLUMNS_PER_MM = 20
BINS_PER_MM = 4
STRIP_HALF_HEIGHT_MM = 20.0
"""Strips of the trace stage: input pixels per mm along time and in height, output columns per mm, output
height bins per mm, and half of the strip's height."""
