"""README of a model repository, for people who find the repository on a server."""

from __future__ import annotations

from collections.abc import Mapping

from ecgdigit_engine.spec import Port
from ecgdigit_engine.triton.model_config import ModelConfig

_DESCRIPTIONS = {
    "image": "encoded file: PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF or PDF; the first page is digitized",
    "layout": "layout name or rows, as in `run --layout`; detected if empty",
    "speed_mm_s": "paper speed; 0 means the speed printed on the page",
    "gain_mm_mv": "gain; 0 means the gain printed on the page",
    "lead_names": "names of the digitized leads, in standard order",
    "signals_mv": "millivolts from the start of the record, NaN outside the time window of the lead",
    "windows_s": "start and end of the time window of each lead",
    "rate_hz": "samples per second",
    "confidence": "0 to 1: fraction of columns in which the trace was detected with high confidence",
    "expected_error_mv": "expected root mean square error",
    "expected_db": "expected signal-to-noise ratio of the page",
    "status": "`digitized`, `doubtful` or `failed`",
    "doubts": "reasons why the signals of a doubtful page may be wrong: sentences, each with its id",
    "error_id": "error id of a page that failed, otherwise empty",
    "report": "JSON, the object that `run --format json` writes",
}

_NOTES = """
The length of the axis `leads` is the largest number of leads of a page in the request. The lengths of the
axes `samples` and `doubts` are the largest numbers of samples and doubts. Other pages are padded with empty
strings or NaN. If the only image of a request fails, the response is an error message that begins with the
error id, such as E-INPUT-03. In a request with several images, each image has its own `error_id`.

Check `status` before you use signals. The signals of a doubtful page may be wrong. Compare them with the
page.

To change threads, instances or defaults, edit `parameters` and `instance_group` in ecgdigit/config.pbtxt, or
write the repository again with `ecgdigit-rt deploy triton --overwrite`. `ecgdigit-rt.json` contains the
SHA-256 of every other file.

The signals are for research. This is not a medical device.
"""


def repository_readme(pipeline: ModelConfig, metadata: Mapping[str, str], environment: str | None) -> str:
    """Return the README as Markdown.

    `metadata` contains software, models, precision, backend and networks.
    """
    installation = "installed in the Python environment of the server, for example in its container image"
    if environment is not None:
        installation = f"installed in `{environment}` (EXECUTION_ENV_PATH in ecgdigit/config.pbtxt)"
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
            f"{installation}.",
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
            f"`{name}` calls the stage models of this repository to run the networks,",
            f"so the server also requires the backend {metadata['backend']}.",
            "",
            start,
        ]
    return [
        f"`{name}` runs the networks in its own process. The stage models are for other clients.",
        "Start the server with all models:",
        "",
        start,
        "",
        f"If the server lacks the backend {metadata['backend']}, load only `{name}`:",
        "",
        f"{start} --model-control-mode explicit --load-model {name}",
    ]


def _port_rows(direction: str, ports: tuple[Port, ...]) -> list[str]:
    return [
        f"| {direction} | `{port.name}` | {'BYTES' if port.dtype == 'bytes' else 'FP32'} "
        f"| [{', '.join(map(str, port.shape))}] | {_DESCRIPTIONS[port.name]} |"
        for port in ports
    ]
