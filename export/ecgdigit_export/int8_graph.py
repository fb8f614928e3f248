"""Graphs in INT8 for CPUs: convolutions in 8 bits, calibrated on what the stages really meet.

Static quantisation by ONNX Runtime's own tool: symmetric weights per channel, activations by their least
and largest value. The first convolution sees the bytes and the last one says the heights: both stay FP32.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.backends.telemetry import silence_onnxruntime
from ecgdigit_engine.runner import Feeds, Fetches, arrays
from ecgdigit_engine.spec import StageSpec
from ecgdigit_rt.decode.decode_page import rgb_from_page
from ecgdigit_rt.errors import PageError
from ecgdigit_rt.pipeline import PagePipeline
from ecgdigit_rt.results import PageRef

log = logging.getLogger(__name__)
Pictures = list[NDArray[np.uint8]]

_LARGEST_PX = 640 * 1280  # of a picture: more would only hold more memory
_PICTURES = 32  # a stage
_QUANTISED = ("Conv", "Add", "Relu", "Resize")


class _Recorder:
    """A runner that keeps parts of what it is given. Satisfies `Runner`."""

    def __init__(self, graph: bytes, kept: Pictures, rng: np.random.Generator) -> None:
        self._runner = OnnxRuntimeRunner(graph, threads=2)
        self._kept, self._rng = kept, rng

    @property
    def spec(self) -> StageSpec:
        return self._runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        pixels = arrays(feeds)["pixels"]
        height, width = pixels.shape[1:3]
        kept_width = min(width, _LARGEST_PX // height // 32 * 32)
        left = 32 * int(self._rng.integers(0, (width - kept_width) // 32 + 1))
        self._kept.append(pixels[:4, :, left : left + kept_width].copy())
        return self._runner.run(feeds)


def calibration_pictures(graphs: Mapping[str, bytes], pages: Path) -> dict[str, Pictures]:
    """What each stage meets when the pages (images in a folder) are read; a random choice, each run the same.

    graphs: FP32, by stage. Raises FileNotFoundError where there is no page.
    """
    files = sorted(path for path in pages.iterdir() if path.suffix in (".png", ".jpg"))
    if not files:
        raise FileNotFoundError(f"no pages in {pages}: write some with `ecgdigit-rt synth`")
    rng = np.random.default_rng(0)
    kept: dict[str, Pictures] = {stage: [] for stage in graphs}
    reader = PagePipeline({stage: _Recorder(graph, kept[stage], rng) for stage, graph in graphs.items()})
    for path in files:
        page = PageRef(path)
        try:
            reader.read(rgb_from_page(page), page)
        except PageError as error:  # what it met until then is real all the same
            log.info("%s: %s", path.name, error)
    return {stage: _some(pictures, rng) for stage, pictures in kept.items()}


def _some(pictures: Pictures, rng: np.random.Generator) -> Pictures:
    order = rng.permutation(len(pictures))[:_PICTURES]
    return [pictures[k] for k in order]


def quantised_graph(graph: bytes, pictures: Pictures) -> bytes:
    """The FP32 graph in INT8 (quantise, dequantise pairs), with its papers."""
    silence_onnxruntime()
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[NDArray[np.uint8]] = iter(pictures)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            picture = next(self._left, None)
            return None if picture is None else {"pixels": picture}

    model = onnx.load_from_string(graph)
    papers = {one.key: one.value for one in model.metadata_props} | {"precision": "int8"}
    with tempfile.TemporaryDirectory() as folder:
        plain, ready, done = (str(Path(folder) / f"{name}.onnx") for name in ("plain", "ready", "done"))
        Path(plain).write_bytes(graph)
        quant_pre_process(plain, ready, skip_symbolic_shape=True)
        convolutions = [node.name for node in onnx.load(ready).graph.node if node.op_type == "Conv"]
        quantization.quantize_static(
            ready,
            done,
            Reader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        found = onnx.load(done)
    onnx.helper.set_model_props(found, papers)
    return bytes(found.SerializeToString())
