"""Interface of the three networks: meaning and scale of their inputs and outputs.

All numbers in this module are properties of the trained networks: the shipped networks were trained with
them, and a network with other channels or scales requires other numbers.
"""

from __future__ import annotations

from ecgdigit_rt.results import LEADS

PAGE_MASK = "page"
BASELINE = "baseline"
PULSE = "pulse"
"""Channels of the locate stage for the sheet, the baselines of the rows, and the calibration pulses."""

SPEEDS = {"speed_12.5": 12.5, "speed_25": 25.0, "speed_50": 50.0}
GAINS = {"gain_5": 5.0, "gain_10": 10.0, "gain_20": 20.0}
"""Channels of the locate stage for printed scales, with the speed in mm/s or the gain in mm/mV."""

STANDARD_SPEED_MM_S, STANDARD_GAIN_MM_MV = 25.0, 10.0
"""Paper speed and gain of a standard recording (AHA/ACC/HRS recommendations, Kligfield et al., 2007)."""

HEATMAPS = (PAGE_MASK, BASELINE, PULSE, *LEADS, *SPEEDS, *GAINS)
"""Channels of the locate stage, in order: the sheet, the baselines, and the centers of printed marks.

The order of `LEADS` is part of the trained weights.
"""

OUTPUTS = {
    "locate": ("heatmaps", "turns"),
    "grid": ("phase",),
    "trace": ("height_logits", "presence_logits"),
}
"""Names of the outputs of each stage. The only input of each stage is `pixels`."""

MAP_STRIDE = 4
"""Input pixels per pixel of the heatmaps of the locate stage and the phase maps of the grid stage."""

GRID_PERIOD_MM = 5.0
"""Period of the phase that the grid stage predicts: the distance between major grid lines."""

SIDE_STEP = 32
"""Step in pixels of the sides of network inputs: each side is a multiple of it."""

LOCATE_SIDE = 768
GRID_SIDE = 1536
"""Maximum length in pixels of the longer input side of the locate stage and of the grid stage."""

CLOSE_PX_PER_MM = 5.5
CLOSE_SIZE_PX = (160, 96)
"""Scale and size (width, height) of the patches in which the locate stage predicts magnified text."""

SAMPLER = "sampler"
"""Name of the graph that samples strips on an accelerator. Its output is the input of the trace stage."""

SAMPLED_TRACE = "sampled trace"
"""Name of the runner that executes the sampler and then the trace stage."""

PLACES_STEP = 16
"""Distance in strip pixels between the image positions that the sampler receives as input.

The sampler interpolates the positions of the strip pixels in between.
"""

STRIP_PX_PER_MM = 10.0
STRIP_ROWS_PER_MM = 8.0
COLUMNS_PER_MM = 20
BINS_PER_MM = 4
STRIP_HALF_HEIGHT_MM = 20.0
"""Strips of the trace stage: input pixels per mm along the time axis, input pixels per mm in height, output
columns per mm, output height bins per mm, and half of the height of a strip that is not enlarged."""
