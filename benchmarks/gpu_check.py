"""One command for a machine with an NVIDIA card: what runs there, whether it is right, and how fast.

    python benchmarks/gpu_check.py TRUTH RESULT.json PAGE... [--pages 200]

For every backend that is ready on the card, in each of its precisions: parity with ONNX Runtime on the CPU in
FP32 (largest difference by the largest value), milliseconds of each stage by batch, pages a second by page
threads with their accuracy, and how these stand against decoding alone and against eager PyTorch on the same
card. A backend that is not ready is written down with its reason and what would help. Without a card nothing
is measured, and the exit code is 3.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.backends import all_backends
from ecgdigit_engine.backends.backend import Ready
from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.device import CPU, Device, cuda_devices
from ecgdigit_engine.errors import EcgDigitError
from ecgdigit_engine.runner import Feed, Runner, SharedInput
from ecgdigit_engine.selection import BackendSelection, select_backend
from ecgdigit_engine.threads import usable_cpus
from ecgdigit_rt.bench.measure import BenchmarkSet, bench, machine
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.models import STAGES, load_models, load_sampler
from ecgdigit_rt.stages import SAMPLED_TRACE

SHAPES = {"locate": (608, 768, 3), "grid": (1184, 1536, 3), "trace": (320, 2752, 3)}
BATCHES = (1, 2, 4, 8)
TIMES = 20


def pictures(stage: str, batch: int) -> NDArray[np.uint8]:
    return np.random.default_rng(batch).integers(0, 256, (batch, *SHAPES[stage]), dtype=np.uint8)


def parity(stage: str, runner: Runner) -> float:
    feeds = {"pixels": pictures(stage, 1)}
    want = OnnxRuntimeRunner(load_models().graphs[stage], usable_cpus()).run(feeds)
    found = runner.run(feeds)
    return max(float(np.abs(found[n] - v).max() / np.abs(v).max()) for n, v in want.items())


def milliseconds(stage: str, runner: Runner, batch: int) -> float | str:
    """Median of a call, its copies included, or why there is none."""
    feeds = {"pixels": pictures(stage, batch)}
    try:
        return timed(lambda: runner.run(feeds))
    except EcgDigitError as error:
        return error.id


def stages(choice: BackendSelection) -> dict[str, Any]:
    graphs = load_models(precision=choice.graph_precision).graphs
    found: dict[str, Any] = {}
    for stage in STAGES:
        runner = choice.open_stage(graphs[stage])
        found[stage] = {
            "parity": parity(stage, runner),
            "ms_by_batch": {str(batch): milliseconds(stage, runner, batch) for batch in BATCHES},
        }
    found[SAMPLED_TRACE] = sampled(choice, graphs["trace"])
    return found


def sampled(choice: BackendSelection, graph: bytes) -> dict[str, Any]:
    """Four strips of a picture cut out on the card and seen there: against the host's, and how long."""
    places = np.stack(np.meshgrid(np.arange(174) * 12.6 + 10.3, np.arange(22) * 15.2 + 200.7)).astype(
        np.float32
    )
    feeds: dict[str, Feed] = {"image": SharedInput(drawing()), "places": np.stack([places] * 4)}
    there = choice.open_stage(graph, prefix_graph=load_sampler())
    here = OnnxRuntimeRunner(load_sampler(), usable_cpus())
    trace = OnnxRuntimeRunner(load_models().graphs["trace"], usable_cpus())
    want, found = trace.run(here.run(feeds)), there.run(feeds)
    return {
        "parity": max(float(np.abs(found[n] - v).max() / np.abs(v).max()) for n, v in want.items()),
        "ms": timed(lambda: there.run(feeds)),
        "ms_of_sampling_on_the_cpu": timed(lambda: here.run(feeds)),
    }


def drawing() -> NDArray[np.uint8]:
    """A picture (1, height, width, 3) that is smooth, as the sampler's parity must not hang on noise."""
    noise = np.random.default_rng(0).integers(0, 256, (213, 275, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (2200, 1704), interpolation=cv2.INTER_CUBIC), np.uint8)[None]


def timed(call: Callable[[], object]) -> float:
    """Median milliseconds."""
    seconds = []
    for _ in range(TIMES + 3):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return round(1000 * median(seconds[3:]), 3)


def throughput(choice: BackendSelection, material: BenchmarkSet) -> dict[str, Any]:
    """The bench by page threads: each has a context, a stream and buffers of its own on the card."""
    counts = sorted({1, usable_cpus() // 2, usable_cpus(), 2 * usable_cpus()} - {0})
    return {str(threads): bench(material, choice, threads) for threads in counts}


def eager_on_card(card: Device) -> dict[str, Any]:
    """Milliseconds of the same weights in eager PyTorch on the card, FP32 and FP16, by stage."""
    try:
        import torch

        from ecgdigit_export.eager import eager_module
    except ImportError as error:
        return {"not here": str(error)}
    if not torch.cuda.is_available():
        return {"not here": "this torch has no CUDA"}
    graphs, found = load_models().graphs, dict[str, Any]()
    for stage in STAGES:
        for kind in (torch.float32, torch.float16):
            module = eager_module(graphs[stage]).to(str(card), kind)
            pixels = torch.from_numpy(pictures(stage, 4 if stage == "trace" else 1)).to(str(card))
            seconds = []
            with torch.inference_mode():
                for turn in range(TIMES + 3):
                    torch.cuda.synchronize()
                    started = time.perf_counter()
                    module(pixels)
                    torch.cuda.synchronize()
                    seconds += [time.perf_counter() - started] if turn >= 3 else []
            found.setdefault(stage, {})[str(kind)] = round(1000 * median(seconds), 3)
    return found


def checked(material: BenchmarkSet) -> dict[str, Any]:
    figures: dict[str, Any] = {"machine": machine(material, usable_cpus()), "backends": {}}
    card = Device("cuda", 0)
    for name, backend in all_backends().items():
        answer = backend.probe()
        if not isinstance(answer, Ready) or card not in answer.devices:
            reason = "no card" if isinstance(answer, Ready) else f"{answer.reason}. {answer.fix}"
            figures["backends"][name] = {"not here": reason}
            continue
        for precision in answer.devices[card]:
            choice = select_backend(name, str(card), precision)
            sys.stderr.write(f"{choice}\n")
            try:
                figures["backends"][f"{name} {precision}"] = {
                    "stages": stages(choice),
                    "by_threads": throughput(choice, material),
                }
            except EcgDigitError as error:  # the others are measured all the same
                figures["backends"][f"{name} {precision}"] = {"failed": f"{error.message} [{error.id}]"}
    figures["cpu"] = bench(material, select_backend(device=str(CPU)), usable_cpus())
    figures["eager_ms"] = eager_on_card(card)
    return figures


def main() -> int:
    """Parse, check, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("truth", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("page", nargs="+")
    parser.add_argument("--pages", type=int, default=200)
    given = parser.parse_args()
    if not cuda_devices():
        sys.stderr.write("There is no NVIDIA card or no driver here: nothing was measured.\n")
        return 3
    material = BenchmarkSet(tuple(pages_from_inputs(given.page)), given.truth, given.pages)
    figures = checked(material)
    write_result(given.result, "gpu_check", usable_cpus(), figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
