"""The README that lies in a model repository, for who finds it on a server."""

from __future__ import annotations

from collections.abc import Mapping

from ecgdigit_engine.spec import Port
from ecgdigit_engine.triton.model_config import ModelConfig

_MEANING = {
    "image": "an encoded file: PNG, JPEG, TIFF, BMP, WebP, GIF, AVIF, PDF; of several pages the first",
    "layout": "a known layout or rows spelled out, as in `run --layout`; empty: as the page says",
    "speed_mm_s": "paper speed; 0: as printed",
    "gain_mm_mv": "gain; 0: as printed",
    "lead_names": "the leads that were found, in the standard order",
    "signals_mv": "millivolt from the record's start, NaN outside a lead's window",
    "windows_s": "each lead's start and end",
    "rate_hz": "samples a second",
    "confidence": "0 to 1: the share of columns in which the trace was seen clearly",
    "expected_error_mv": "the root mean square error to be expected",
    "expected_db": "the page's signal-to-noise ratio to be expected",
    "error_id": "empty, or why this page of several could not be read",
    "report": "JSON, the object that `run --format json` writes",
}


_NOTES = """
Leads and samples are as many as the page with most has; the rest is empty or NaN. A request of one image
that cannot be read is answered with an error that begins with its id, such as E-INPUT-03. In a request of
several images each has its own `error_id`.

To change threads, instances or defaults, edit `parameters` and `instance_group` in ecgdigit/config.pbtxt, or
write the repository again: `ecgdigit-rt deploy triton --overwrite`. `ecgdigit-rt.json` has the SHA-256 of
every file.

The signals are for research; this is no medical device.
"""


def readme(pipeline: ModelConfig, facts: Mapping[str, str], environment: str | None) -> str:
    """Markdown. facts: what the repository was made from and for."""
    place = "in the server's own Python, such as that of its container image"
    if environment is not None:
        place = f"in `{environment}` (EXECUTION_ENV_PATH in ecgdigit/config.pbtxt)"
    models = f"{facts['models']} ({facts['precision']})"
    return "\n".join(
        [
            "# Paper ECGs become signals",
            "",
            "A model repository for NVIDIA's Triton Inference Server,",
            f"written by {facts['software']} with the models {models}.",
            "",
            f"`{pipeline.name}` takes 1 to {pipeline.most_in_a_batch} encoded images a request.",
            f"It needs Triton 24.12 or later with its Python backend, and {facts['software']}",
            f"{place}.",
            *_start(pipeline.name, facts),
            "",
            "| | name | type | shape | what |",
            "|---|---|---|---|---|",
            *_rows("in", pipeline.inputs),
            *_rows("out", pipeline.outputs),
            _NOTES,
        ]
    )


def _start(name: str, facts: Mapping[str, str]) -> list[str]:
    start = "    tritonserver --model-repository THIS_FOLDER"
    if facts["networks"] == "stage-models":
        runs = "Its networks run as the stage models of this repository:"
        return [runs, f"the server needs the backend {facts['backend']}, too.", "", start]
    return [
        "It runs its networks itself; the stage models are there for other clients.",
        f"A server without the backend {facts['backend']} loads `{name}` alone:",
        "",
        start,
        f"{start} --model-control-mode explicit --load-model {name}",
    ]


def _rows(way: str, ports: tuple[Port, ...]) -> list[str]:
    return [
        f"| {way} | `{port.name}` | {'BYTES' if port.dtype == 'bytes' else 'FP32'} "
        f"| [{', '.join(map(str, port.shape))}] | {_MEANING[port.name]} |"
        for port in ports
    ]
