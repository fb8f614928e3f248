"""Images of the places with the largest errors: rectified paper, truth in green, prediction in red.

    python benchmarks/worst_places.py PAGES TRUTH TEST.csv OUT [--only NAME ...] [--places 4]

OUT/NAME.png shows the worst places of a page side by side, each with its lead and its share of the squared
error of the page.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.evaluation.metric import shift
from ecgdigit_rt.evaluation.scores import ImageScore, image_score
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.formats.test_csv import read_test_csv, values_for
from ecgdigit_rt.geometry.strips import paper_patch
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.pipeline import PageState, Pipeline
from ecgdigit_rt.results import Layout, Row, Segment

Signals = Mapping[str, NDArray[np.float64]]

_PX_PER_MM = 24
_SIZE_MM = (16.0, 34.0)
_WINDOW = 100  # number of samples of a place
_TRUE_COLOUR, _PREDICTED_COLOUR = (0, 160, 0), (230, 0, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """Part of a lead around a sample, and its share of the squared error of the page."""

    lead: str
    sample: int
    share: float


def worst_places(score: ImageScore, truth: Truth, predicted: Signals, count: int) -> list[Place]:
    """Return the `count` places with the largest squared error."""
    places = []
    total = sum(lead_score.error for lead_score in score.leads.values())
    for lead, mv in truth.leads.items():
        aligned = shift(predicted[lead], score.leads[lead].lag) + score.leads[lead].offset_mv
        error = np.convolve((mv - np.nan_to_num(aligned)) ** 2, np.ones(_WINDOW), "same")
        for _ in range(2):
            sample = int(error.argmax())
            places.append(Place(lead, sample, float(error[sample]) / total))
            error[max(0, sample - _WINDOW) : sample + _WINDOW] = 0
    return sorted(places, key=lambda place: -place.share)[:count]


def longest_segment(layout: Layout, lead: str) -> tuple[Row, Segment]:
    """Return the row and the longest segment of a lead. The metric scores this segment."""
    pairs = [(row, segment) for row in layout.rows for segment in row.segments if segment.lead == lead]
    return max(pairs, key=lambda pair: pair[1].end_mm - pair[1].start_mm)


def tile(
    state: PageState, place: Place, score: ImageScore, truth: Truth, predicted: Signals
) -> NDArray[np.uint8]:
    """Return an image of one place of a digitized page."""
    layout = state.page.layout
    row, segment = longest_segment(layout, place.lead)
    step, gain = layout.speed_mm_s / truth.rate_hz, layout.gain_mm_mv
    lag, offset = score.leads[place.lead].lag, score.leads[place.lead].offset_mv
    left = segment.start_mm + (place.sample + lag) * step - _SIZE_MM[0] / 2
    near = np.nan_to_num(predicted[place.lead])[max(0, place.sample - 60) : place.sample + 60]
    top = row.baseline_mm - float(np.median(near)) * gain - _SIZE_MM[1] / 2
    size = (round(_SIZE_MM[0] * _PX_PER_MM), round(_SIZE_MM[1] * _PX_PER_MM))
    corner, scale = (left, top), (_PX_PER_MM, _PX_PER_MM)
    image = paper_patch(state.located.image, state.mesh, corner, scale, size, cv2.INTER_CUBIC)
    for mv, delay, colour in (
        (truth.leads[place.lead] - offset, lag, _TRUE_COLOUR),
        (predicted[place.lead], 0, _PREDICTED_COLOUR),
    ):
        u = segment.start_mm + (np.arange(mv.size) + delay) * step
        points = np.stack([u - left, row.baseline_mm - mv * gain - top], 1) * _PX_PER_MM
        visible = points[(points[:, 0] > -50) & (points[:, 0] < size[0] + 50)]
        cv2.polylines(image, [np.round(visible * 16).astype(np.int32)], False, colour, 1, cv2.LINE_AA, 4)
    cv2.putText(image, f"{place.lead} {place.share:.0%}", (6, 22), 0, 0.7, (0, 0, 220), 2, cv2.LINE_AA)
    return image


def join_tiles(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """Return the tiles side by side."""
    gap = np.full((tiles[0].shape[0], 6, 3), 255, np.uint8)
    return np.hstack([part for image in tiles for part in (image, gap)][:-1])


def main() -> None:
    """Parse the arguments, digitize and draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("pages", "truth", "test", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of pages")
    parser.add_argument("--places", type=int, default=4)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    requests = read_test_csv(arguments.test)
    graphs = load_models().graphs
    pipeline = Pipeline({stage: OnnxRuntimeRunner(graphs[stage], 2) for stage in STAGES})
    refs = pages_from_inputs([arguments.pages])
    for name, ref in zip(page_ids(refs), refs, strict=True):
        if name not in requests or (arguments.only and name not in arguments.only):
            continue
        truth = read_truth(arguments.truth / f"{name}.csv", requests[name])
        state = pipeline.run(rgb_from_page(ref), ref)
        predicted = values_for(state.page, requests[name]).values
        score = image_score(truth, predicted)
        places = worst_places(score, truth, predicted, arguments.places)
        tiles = [tile(state, place, score, truth, predicted) for place in places]
        cv2.imwrite(str(arguments.out / f"{name}.png"), join_tiles(tiles)[..., ::-1])
        sys.stdout.write(f"{name} {score.db:.1f} dB\n")


if __name__ == "__main__":
    main()
