"""Pictures of where pages lose most: the paper laid flat, the truth in green and what was read in red.

    python benchmarks/worst_places.py PAGES TRUTH TEST.csv OUT [--only NAME ...] [--places 4]

Writes OUT/NAME.png, the worst places of a page side by side, each with its lead and its share of the
page's squared error.
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
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
from ecgdigit_rt.evaluation.evaluate import ImageScore, image_score
from ecgdigit_rt.evaluation.metric import shifted
from ecgdigit_rt.evaluation.truth import Truth, read_truth
from ecgdigit_rt.formats.test_csv import read_test_csv, values_for
from ecgdigit_rt.geometry.grid_stage import grid_phase
from ecgdigit_rt.geometry.locate_stage import locate
from ecgdigit_rt.geometry.strips import paper_patch
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.pipeline import PagePipeline, page_mesh
from ecgdigit_rt.results import Digitized, Layout, Row, Segment

Signals = Mapping[str, NDArray[np.float64]]

_PX_PER_MM = 24
_SIZE_MM = (16.0, 34.0)
_WINDOW = 100  # samples that count as one place
_TRUE, _READ = (0, 160, 0), (230, 0, 0)


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a lead around a sample, and its share of the page's squared error."""

    lead: str
    sample: int
    share: float


def worst_places(score: ImageScore, truth: Truth, read: Signals, count: int) -> list[Place]:
    places = []
    whole = sum(one.error for one in score.leads.values())
    for lead, mv in truth.leads.items():
        found = np.nan_to_num(shifted(read[lead], score.leads[lead].lag) + score.leads[lead].offset_mv)
        near = np.convolve((mv - found) ** 2, np.ones(_WINDOW), "same")
        for _ in range(2):
            sample = int(near.argmax())
            places.append(Place(lead, sample, float(near[sample]) / whole))
            near[max(0, sample - _WINDOW) : sample + _WINDOW] = 0
    return sorted(places, key=lambda place: -place.share)[:count]


def segment_of(layout: Layout, lead: str) -> tuple[Row, Segment]:
    """The longest stretch of a lead, which is the one that is scored."""
    pairs = [(row, one) for row in layout.rows for one in row.segments if one.lead == lead]
    return max(pairs, key=lambda pair: pair[1].end_mm - pair[1].start_mm)


class Reading:
    """One page read, with the picture and the mesh to draw on."""

    def __init__(self, runners: Mapping[str, OnnxRuntimeRunner], page: Digitized) -> None:
        self.page = page
        located = locate(runners["locate"], rgb_from_page(page.source))
        self._image = located.image
        self._mesh = page_mesh(runners, located, grid_phase(runners["grid"], located))

    def tile(self, place: Place, score: ImageScore, truth: Truth, read: Signals) -> NDArray[np.uint8]:
        row, segment = segment_of(self.page.layout, place.lead)
        step = self.page.layout.speed_mm_s / truth.rate_hz
        gain = self.page.layout.gain_mm_mv
        lag, offset = score.leads[place.lead].lag, score.leads[place.lead].offset_mv
        left = segment.start_mm + (place.sample + lag) * step - _SIZE_MM[0] / 2
        near = np.nan_to_num(read[place.lead])[max(0, place.sample - 60) : place.sample + 60]
        top = row.baseline_mm - float(np.median(near)) * gain - _SIZE_MM[1] / 2
        size = (round(_SIZE_MM[0] * _PX_PER_MM), round(_SIZE_MM[1] * _PX_PER_MM))
        corner, scale = (left, top), (_PX_PER_MM, _PX_PER_MM)
        tile = paper_patch(self._image, self._mesh, corner, scale, size, cv2.INTER_CUBIC)
        for mv, late, colour in (
            (truth.leads[place.lead] - offset, lag, _TRUE),
            (read[place.lead], 0, _READ),
        ):
            u = segment.start_mm + (np.arange(mv.size) + late) * step
            points = np.stack([u - left, row.baseline_mm - mv * gain - top], 1) * _PX_PER_MM
            shown = points[(points[:, 0] > -50) & (points[:, 0] < size[0] + 50)]
            cv2.polylines(tile, [np.round(shown * 16).astype(np.int32)], False, colour, 1, cv2.LINE_AA, 4)
        cv2.putText(tile, f"{place.lead} {place.share:.0%}", (6, 22), 0, 0.7, (0, 0, 220), 2, cv2.LINE_AA)
        return tile


def picture(tiles: Sequence[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    gap = np.full((tiles[0].shape[0], 6, 3), 255, np.uint8)
    return np.hstack([part for tile in tiles for part in (tile, gap)][:-1])


def main() -> None:
    """Parse, read, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("pages", "truth", "test", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--only", nargs="*", default=[], help="names of pages")
    parser.add_argument("--places", type=int, default=4)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    questions = read_test_csv(given.test)
    graphs = load_models().graphs
    runners = {stage: OnnxRuntimeRunner(graphs[stage], 2) for stage in STAGES}
    reader = PagePipeline(runners)
    refs = pages_from_inputs([given.pages])
    for name, ref in zip(page_ids(refs), refs, strict=True):
        if name not in questions or (given.only and name not in given.only):
            continue
        truth = read_truth(given.truth / f"{name}.csv", questions[name])
        page = reader.read(rgb_from_page(ref), ref)
        read = values_for(page, questions[name]).values
        score = image_score(truth, read)
        reading = Reading(runners, page)
        places = worst_places(score, truth, read, given.places)
        tiles = [reading.tile(place, score, truth, read) for place in places]
        cv2.imwrite(str(given.out / f"{name}.png"), picture(tiles)[..., ::-1])
        sys.stdout.write(f"{name} {score.db:.1f} dB\n")


if __name__ == "__main__":
    main()
