"""Quantisation of graphs to INT8 for CPUs, calibrated on the inputs that the stages receive in the pipeline.

ONNX Runtime's tool quantises the graphs statically. Weights are quantised symmetrically per channel. The
range of an activation is from its minimum to its maximum over the calibration inputs. The first convolution,
whose input is the image, and the last one, which computes an output, stay in FP32.
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
from ecgdigit_engine.backends.telemetry import disable_onnxruntime_telemetry
from ecgdigit_engine.runner import Feeds, Fetches, host_arrays
from ecgdigit_engine.spec import StageSpec
from ecgdigit_rt.decode.file_formats import rgb_from_page
from ecgdigit_rt.errors import PageError, TrainingPagesMissing
from ecgdigit_rt.pipeline import Pipeline
from ecgdigit_rt.results import PageRef

log = logging.getLogger(__name__)
Images = list[NDArray[np.uint8]]

# Maximum number of pixels of a recorded image, which limits memory, and maximum number of recorded inputs
# that calibrate the graph of a stage. Hand-picked, not tuned.
_MAX_PX = 640 * 1280
_MAX_IMAGES = 32
_QUANTISED = ("Conv", "Add", "Relu", "Resize")


class _Recorder:
    """Runner that records a part of each input. Satisfies `Runner`.

    The part contains the first four images of the batch, cropped at a random position to a width at which
    each image has at most `_MAX_PX` pixels. It is appended to `images`.
    """

    def __init__(self, graph: bytes, images: Images, rng: np.random.Generator) -> None:
        self._runner = OnnxRuntimeRunner(graph, threads=2)
        self._images, self._rng = images, rng

    @property
    def spec(self) -> StageSpec:
        """Specification of the stage."""
        return self._runner.spec

    def run(self, feeds: Feeds, /) -> Fetches:
        """Record a part of the input and return the outputs."""
        pixels = host_arrays(feeds)["pixels"]
        height, width = pixels.shape[1:3]
        stored_width = min(width, _MAX_PX // height // 32 * 32)
        left = 32 * int(self._rng.integers(0, (width - stored_width) // 32 + 1))
        self._images.append(pixels[:4, :, left : left + stored_width].copy())
        return self._runner.run(feeds)


def calibration_images(graphs: Mapping[str, bytes], pages: Path) -> dict[str, Images]:
    """Digitize the pages of a folder, and return a random selection of the inputs of each stage.

    `graphs` are FP32 graphs by stage. The selection is the same in every call with the same pages and graphs.
    Raises TrainingPagesMissing if `pages` is missing or contains no images.
    """
    files = sorted(path for path in pages.glob("*") if path.suffix in (".png", ".jpg"))
    if not files:
        raise TrainingPagesMissing(pages)
    rng = np.random.default_rng(0)
    inputs: dict[str, Images] = {stage: [] for stage in graphs}
    pipeline = Pipeline({stage: _Recorder(graph, inputs[stage], rng) for stage, graph in graphs.items()})
    for path in files:
        page = PageRef(path)
        try:
            pipeline.read(rgb_from_page(page), page)
        except PageError as error:  # inputs that were recorded before the error are valid
            log.info("%s: %s", path.name, error)
    return {stage: _select_images(images, rng) for stage, images in inputs.items()}


def _select_images(images: Images, rng: np.random.Generator) -> Images:
    selected = rng.permutation(len(images))[:_MAX_IMAGES]
    return [images[k] for k in selected]


def quantise_graph(graph: bytes, images: Images) -> bytes:
    """Return the INT8 version of an FP32 graph, with the same metadata except for the precision.

    The INT8 version contains pairs of QuantizeLinear and DequantizeLinear nodes (QDQ format).
    """
    disable_onnxruntime_telemetry()
    from onnxruntime import quantization
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class ImageReader(quantization.CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._remaining: Iterator[NDArray[np.uint8]] = iter(images)

        def get_next(self) -> dict[str, NDArray[np.uint8]] | None:
            image = next(self._remaining, None)
            return None if image is None else {"pixels": image}

    model = onnx.load_from_string(graph)
    properties = {entry.key: entry.value for entry in model.metadata_props} | {"precision": "int8"}
    with tempfile.TemporaryDirectory() as folder:
        source, prepared, result = (str(Path(folder) / f"{k}.onnx") for k in range(3))
        Path(source).write_bytes(graph)
        quant_pre_process(source, prepared, skip_symbolic_shape=True)
        convolutions = [node.name for node in onnx.load(prepared).graph.node if node.op_type == "Conv"]
        quantization.quantize_static(
            prepared,
            result,
            ImageReader(),
            quant_format=quantization.QuantFormat.QDQ,
            op_types_to_quantize=list(_QUANTISED),
            nodes_to_exclude=[convolutions[0], convolutions[-1]],
            per_channel=True,
            activation_type=quantization.QuantType.QUInt8,
            weight_type=quantization.QuantType.QInt8,
            calibrate_method=quantization.CalibrationMethod.MinMax,
        )
        quantised = onnx.load(result)
    onnx.helper.set_model_props(quantised, properties)
    return bytes(quantised.SerializeToString())
