"""The sampler graph sees what the host samples, to a grey level, and so stage 2 says the same."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.batching import BatchingRunner
from ecgdigit_engine.fused import FusedRunner
from ecgdigit_engine.runner import Feeds, Fetches, Runner
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.evaluation.evaluate import image_score
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import strip_from_image, strip_places
from ecgdigit_rt.models import STAGES, load_models, load_sampler
from ecgdigit_rt.pipeline import PagePipeline
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.stages import SAMPLED_TRACE
from ecgdigit_rt.tracing.strip_inference import StripBox, strip_predictor
from ecgdigit_rt.tracing.tta import TTA

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def sampler() -> OnnxRuntimeRunner:
    return OnnxRuntimeRunner(load_sampler(), 1)


def bent_mesh(px_per_mm: float) -> Mesh:
    """Paper that is turned, in perspective, and waves."""
    u, v = np.meshgrid(np.arange(0, 305, 5.0), np.arange(0, 225, 5.0))
    depth = 1 + 0.0004 * u + 0.0002 * v
    x = px_per_mm * (u + 0.05 * v) / depth + 1.5 * np.sin(v / 23) + 40
    y = px_per_mm * (v - 0.04 * u) / depth + 2.0 * np.sin(u / 31) + 110
    return Mesh(np.stack([x, y], -1).astype(np.float32), (0.0, 0.0), 0.1, 1.0)


def drawing(height: int, width: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(("size", "px_per_mm"), [((1700, 2200), 6.5), ((1300, 1600), 4.5)])
@pytest.mark.parametrize("half_height_mm", [20.0, 40.0])
def test_strips_are_the_hosts(
    sampler: OnnxRuntimeRunner, size: tuple[int, int], px_per_mm: float, half_height_mm: float
) -> None:
    image, mesh = drawing(*size), bent_mesh(px_per_mm)
    want = np.stack([strip_from_image(image, mesh, 20, 120, at, half_height_mm) for at in (60.0, 130.0)])
    places = np.stack([strip_places(mesh, 20, 120, at, half_height_mm) for at in (60.0, 130.0)])
    found = sampler.run({"image": image[None], "places": places})["pixels"]
    assert found.shape == want.shape
    assert found.dtype == np.uint8
    apart = np.abs(found.astype(int) - want.astype(int))
    # OpenCV rounds a place to 1/32 of a pixel and its weights to 15 bits.
    assert apart.mean() < 0.6
    assert np.quantile(apart, 0.999) <= 6


@pytest.mark.slow
def test_signals_are_the_hosts() -> None:
    """In the mean of the examples; a grey level may tip a single lead's path at a crossing."""
    graphs = load_models().graphs
    host: dict[str, Runner] = {stage: OnnxRuntimeRunner(graphs[stage], 2) for stage in STAGES}
    sampled = Called(FusedRunner(OnnxRuntimeRunner(load_sampler(), 2), host["trace"]))

    def db(runners: dict[str, Runner], path: Path) -> float:
        page = PageRef(path)
        leads = PagePipeline(runners).read(rgb_from_page(page), page).leads
        truth = read_truth(EXAMPLES / "truth" / f"{path.stem}.csv")
        return image_score(truth, {lead: found.mv.astype(float) for lead, found in leads.items()}).db

    pages = sorted(EXAMPLES.glob("*.jpg"))
    here = [db(host, path) for path in pages]
    there = [db(host | {SAMPLED_TRACE: sampled}, path) for path in pages]
    assert abs(np.mean(there) - np.mean(here)) < 0.1
    assert all(set(feeds) == {"image", "places"} for feeds in sampled.calls)
    pictures = {id(feeds["image"]) for feeds in sampled.calls}
    assert len(pictures) == len(pages) < len(sampled.calls), "one picture a page, however many calls"


class Called:
    """A batching runner of a chain, which keeps what it was given."""

    def __init__(self, chain: FusedRunner) -> None:
        self._runner = BatchingRunner(chain)
        self.spec = chain.spec
        self.calls: list[Feeds] = []

    def run(self, feeds: Feeds, /) -> Fetches:
        self.calls.append(feeds)
        return self._runner.run(feeds)


def test_a_picture_that_the_device_does_not_take_is_sampled_here() -> None:
    host: dict[str, Runner] = {"trace": OnnxRuntimeRunner(load_models().graphs["trace"], 1)}
    chain = Called(FusedRunner(OnnxRuntimeRunner(load_sampler(), 1), host["trace"]))
    mesh, box = bent_mesh(6.5), StripBox(20.0, 60.0, 60.0, 20.0)
    wide = np.zeros((200, 5000, 3), np.uint8)
    strip_predictor(host | {SAMPLED_TRACE: chain}, wide, mesh)([box])
    assert not chain.calls
    tall, usual = (
        strip_predictor(host | {SAMPLED_TRACE: chain}, drawing(1700, 2200), mesh)([b]) for b in (box, box)
    )
    assert len(chain.calls) == 2
    assert np.array_equal(tall[0].logits, usual[0].logits)
    strip_predictor(host | {SAMPLED_TRACE: chain}, drawing(1700, 2200), mesh, TTA["flip"])([box])
    assert len(chain.calls) == 2, "other views change strips, which are here"
