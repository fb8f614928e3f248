"""Sampler graph compared with sampling on the host: strips, signals, and selection of one of them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.batching import BatchingRunner
from ecgdigit_engine.runner import Feeds, Fetches, FusedRunner, Runner
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.geometry.mesh import Mesh
from ecgdigit_rt.geometry.strips import strip_coordinates, strip_from_image
from ecgdigit_rt.models import STAGES, load_models, load_sampler
from ecgdigit_rt.pipeline import Pipeline
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.stages import SAMPLED_TRACE
from ecgdigit_rt.tracing.strip_inference import StripBox, strip_predictor
from ecgdigit_rt.tracing.tta import TTA

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def sampler() -> OnnxRuntimeRunner:
    return OnnxRuntimeRunner(load_sampler(), 1)


def bent_mesh(px_per_mm: float) -> Mesh:
    """Return a mesh of wavy paper, rotated and in perspective."""
    u, v = np.meshgrid(np.arange(0, 305, 5.0), np.arange(0, 225, 5.0))
    depth = 1 + 0.0004 * u + 0.0002 * v
    x = px_per_mm * (u + 0.05 * v) / depth + 1.5 * np.sin(v / 23) + 40
    y = px_per_mm * (v - 0.04 * u) / depth + 2.0 * np.sin(u / 31) + 110
    return Mesh(np.stack([x, y], -1).astype(np.float32), (0.0, 0.0), 0.1, 1.0)


def noise_image(height: int, width: int) -> NDArray[np.uint8]:
    rng = np.random.default_rng(1)
    noise = rng.integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)


@pytest.mark.parametrize(("size", "px_per_mm"), [((1700, 2200), 6.5), ((1300, 1600), 4.5)])
@pytest.mark.parametrize("half_height_mm", [20.0, 40.0])
def test_strips_agree_with_the_host(
    sampler: OnnxRuntimeRunner, size: tuple[int, int], px_per_mm: float, half_height_mm: float
) -> None:
    image, mesh = noise_image(*size), bent_mesh(px_per_mm)
    expected = np.stack([strip_from_image(image, mesh, 20, 120, at, half_height_mm) for at in (60.0, 130.0)])
    places = np.stack([strip_coordinates(mesh, 20, 120, at, half_height_mm) for at in (60.0, 130.0)])
    sampled = sampler.run({"image": image[None], "places": places})["pixels"]
    assert sampled.shape == expected.shape
    assert sampled.dtype == np.uint8
    difference = np.abs(sampled.astype(int) - expected.astype(int))
    # OpenCV rounds positions to 1/32 of a pixel and weights to 15 bits.
    assert difference.mean() < 0.6
    assert np.quantile(difference, 0.999) <= 6


@pytest.mark.slow
def test_signals_agree_with_the_host() -> None:
    """The mean scores agree. Single leads may differ, because a grey level can change a path."""
    graphs = load_models().graphs
    host: dict[str, Runner] = {stage: OnnxRuntimeRunner(graphs[stage], 2) for stage in STAGES}
    sampled = RecordingRunner(FusedRunner(OnnxRuntimeRunner(load_sampler(), 2), host["trace"]))

    def db(runners: dict[str, Runner], path: Path) -> float:
        page = PageRef(path)
        leads = Pipeline(runners).read(rgb_from_page(page), page).leads
        truth = read_truth(EXAMPLES / "truth" / f"{path.stem}.csv")
        return image_score(truth, {name: lead.mv.astype(float) for name, lead in leads.items()}).db

    pages = sorted(EXAMPLES.glob("*.jpg"))
    on_host = [db(host, path) for path in pages]
    on_device = [db(host | {SAMPLED_TRACE: sampled}, path) for path in pages]
    assert abs(np.mean(on_device) - np.mean(on_host)) < 0.1
    assert all(set(feeds) == {"image", "places"} for feeds in sampled.calls)
    images = {id(feeds["image"]) for feeds in sampled.calls}
    assert len(images) == len(pages) < len(sampled.calls), "one image per page in all its calls"


class RecordingRunner:
    """Batching runner of a fused runner that records its inputs."""

    def __init__(self, fused: FusedRunner) -> None:
        self._runner = BatchingRunner(fused)
        self.spec = fused.spec
        self.calls: list[Feeds] = []

    def run(self, feeds: Feeds, /) -> Fetches:
        self.calls.append(feeds)
        return self._runner.run(feeds)


def test_images_too_large_for_the_device_are_sampled_on_the_host() -> None:
    host: dict[str, Runner] = {"trace": OnnxRuntimeRunner(load_models().graphs["trace"], 1)}
    chain = RecordingRunner(FusedRunner(OnnxRuntimeRunner(load_sampler(), 1), host["trace"]))
    mesh, box = bent_mesh(6.5), StripBox(20.0, 60.0, 60.0, 20.0)
    wide = np.zeros((200, 5000, 3), np.uint8)
    strip_predictor(host | {SAMPLED_TRACE: chain}, wide, mesh)([box])
    assert not chain.calls
    first, second = (
        strip_predictor(host | {SAMPLED_TRACE: chain}, noise_image(1700, 2200), mesh)([b]) for b in (box, box)
    )
    assert len(chain.calls) == 2
    assert np.array_equal(first[0].logits, second[0].logits)
    strip_predictor(host | {SAMPLED_TRACE: chain}, noise_image(1700, 2200), mesh, TTA["flip"])([box])
    assert len(chain.calls) == 2, "test-time augmentation needs the strips on the host"
