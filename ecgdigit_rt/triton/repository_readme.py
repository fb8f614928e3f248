"""README of a model repository, for users who find the repository on a server."""

from __future__ import annotations

from collections.abc import Mapping

from ecgdigit_engine.spec import Port
from ecgdigit_engine.triton.model_config import ModelConfig

_DESCRIPTIONS = {
    "image": "encoded file: PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF or PDF; the first page is digitized",
    "layout": "layout name or rows, as in `run --layout`; detected if empty",
    "speed_mm_s": "paper speed; as printed if 0",
    "gain_mm_mv": "gain; as printed if 0",
    "lead_names": "names of the digitized leads, in standard order",
    "signals_mv": "millivolts from the start of the record, NaN outside of a lead's window",
    "windows_s": "start and end of each lead",
    "rate_hz": "samples per second",
    "confidence": "0 to 1: share of columns in which the trace was detected with high confidence",
    "expected_error_mv": "expected root mean square error",
    "expected_db": "expected signal-to-noise ratio of the page",
    "error_id": "error id of a page that failed, otherwise empty",
    "report": "JSON, the object that `run --format json` writes",
}

_NOTES = """
The axes `leads` and `samples` have the size of the largest page of a request. Smaller pages are padded with
empty strings or NaN. If the only image of a request fails, the response is an error that begins with its id,
such as E-INPUT-03. In a request of several images, each image has its own `error_id`.

To change threads, instances or defaults, edit `parameters` and `instance_group` in ecgdigit/config.pbtxt, or
write the repository again with `ecgdigit-rt deploy triton --overwrite`. `ecgdigit-rt.json` contains the
SHA-256 of every file.

The signals are for research. This is not a medical device.
"""


def repository_readme(pipeline: ModelConfig, metadata: Mapping[str, str], environment: str | None) -> str:
    """Return the README as Markdown.

    `metadata` contains software, models, precision, backend and networks.
    """
    place = "in the server's own Python, such as that of its container image"
    if environment is not None:
        place = f"in `{environment}` (EXECUTION_ENV_PATH in ecgdigit/config.pbtxt)"
    models = f"{metadata['models']} ({metadata['precision']})"
    return "\n".join(
        [
            "# Signals from images of paper ECGs",
            "",
            "Model repository for NVIDIA's Triton Inference Server,",
            f"written by {metadata['software']} with the models {models}.",
            "",
            f"`{pipeline.name}` takes 1 to {pipeline.max_batch_size} encoded images per request.",
            f"It requires Triton 24.12 or later with its Python backend, and {metadata['software']}",
            f"{place}.",
            *_start_lines(pipeline.name, metadata),
            "",
            "| | name | type | shape | description |",
            "|---|---|---|---|---|",
            *_port_rows("in", pipeline.inputs),
            *_port_rows("out", pipeline.outputs),
            _NOTES,
        ]
    )


def _start_lines(name: str, metadata: Mapping[str, str]) -> list[str]:
    start = "    tritonserver --model-repository THIS_FOLDER"
    if metadata["networks"] == "stage-models":
        return [
            "Its networks run as the stage models of this repository,",
            f"so the server also requires the backend {metadata['backend']}.",
            "",
            start,
        ]
    return [
        "It runs its networks itself. The stage models are for other clients.",
        f"On a server without the backend {metadata['backend']}, load `{name}` alone:",
        "",
        start,
        f"{start} --model-control-mode explicit --load-model {name}",
    ]


def _port_rows(direction: str, ports: tuple[Port, ...]) -> list[str]:
    return [
        f"| {direction} | `{port.name}` | {'BYTES' if port.dtype == 'bytes' else 'FP32'} "
        f"| [{', '.join(map(str, port.shape))}] | {_DESCRIPTIONS[port.name]} |"
        for port in ports
    ]
