"""Check of one NVIDIA GPU: usable backends, parity, speed and accuracy.

    python benchmarks/gpu_check.py TRUTH RESULT.json PAGE... [--pages 200]

The script measures every backend that is ready on the GPU, in each of its precisions:

- parity with ONNX Runtime on the CPU in FP32 (maximum difference relative to the maximum value)
- milliseconds of each stage by batch size
- pages per second and accuracy by number of page threads

Decoding alone and eager PyTorch on the same GPU are measured for comparison. A backend that is not ready is
listed with the reason and the fix. Without a GPU nothing is measured, and the exit code is 3.
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
from ecgdigit_engine.cpu import usable_cpus
from ecgdigit_engine.device import CPU, Device, cuda_devices
from ecgdigit_engine.errors import EcgDigitError
from ecgdigit_engine.runner import Feed, Fetches, Runner, SharedInput
from ecgdigit_engine.selection import BackendSelection, select_backend
from ecgdigit_engine.stage_opener import StageRequest
from ecgdigit_rt.bench.benchmark import BenchmarkSet, run_benchmark
from ecgdigit_rt.bench.hardware_limits import machine_limits
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.models import STAGES, load_models, load_sampler
from ecgdigit_rt.stages import SAMPLED_TRACE

SHAPES = {"locate": (608, 768, 3), "grid": (1184, 1536, 3), "trace": (320, 2752, 3)}
BATCHES = (1, 2, 4, 8)
REPEATS, WARMUP = 20, 3


def random_images(stage: str, batch: int) -> NDArray[np.uint8]:
    """Return random input of a stage, (batch, height, width, 3)."""
    return np.random.default_rng(batch).integers(0, 256, (batch, *SHAPES[stage]), dtype=np.uint8)


def parity(stage: str, runner: Runner) -> float:
    """Return the maximum difference from ONNX Runtime on the CPU, relative to the maximum value."""
    feeds = {"pixels": random_images(stage, 1)}
    expected = OnnxRuntimeRunner(load_models().graphs[stage], usable_cpus()).run(feeds)
    return relative_difference(runner.run(feeds), expected)


def relative_difference(outputs: Fetches, expected: Fetches) -> float:
    """Return the maximum difference over all outputs, each relative to its maximum value."""
    return max(float(np.abs(outputs[n] - v).max() / np.abs(v).max()) for n, v in expected.items())


def stage_ms(stage: str, runner: Runner, batch: int) -> float | str:
    """Return the median milliseconds of a call including its copies, or the id of the error."""
    feeds = {"pixels": random_images(stage, batch)}
    try:
        return median_ms(lambda: runner.run(feeds))
    except EcgDigitError as error:
        return error.id


def measure_stages(selection: BackendSelection) -> dict[str, Any]:
    """Measure parity and speed of all stages."""
    graphs = load_models(precision=selection.graph_precision).graphs
    stages: dict[str, Any] = {}
    for stage in STAGES:
        runner = selection.open_stage(StageRequest(graphs[stage]))
        stages[stage] = {
            "parity": parity(stage, runner),
            "ms_by_batch": {str(batch): stage_ms(stage, runner, batch) for batch in BATCHES},
        }
    stages[SAMPLED_TRACE] = measure_sampled_trace(selection, graphs["trace"])
    return stages


def measure_sampled_trace(selection: BackendSelection, graph: bytes) -> dict[str, Any]:
    """Measure sampling and prediction of four strips on the GPU: parity with the CPU, and milliseconds."""
    places = np.stack(np.meshgrid(np.arange(174) * 12.6 + 10.3, np.arange(22) * 15.2 + 200.7)).astype(
        np.float32
    )
    feeds: dict[str, Feed] = {"image": SharedInput(smooth_image()), "places": np.stack([places] * 4)}
    on_gpu = selection.open_stage(StageRequest(graph, prefix_graph=load_sampler()))
    sampler = OnnxRuntimeRunner(load_sampler(), usable_cpus())
    trace = OnnxRuntimeRunner(load_models().graphs["trace"], usable_cpus())
    expected = trace.run(sampler.run(feeds))
    return {
        "parity": relative_difference(on_gpu.run(feeds), expected),
        "ms": median_ms(lambda: on_gpu.run(feeds)),
        "ms_of_sampling_on_the_cpu": median_ms(lambda: sampler.run(feeds)),
    }


def smooth_image() -> NDArray[np.uint8]:
    """Return a smooth image (1, height, width, 3).

    On noise, small differences of the sampling positions would dominate the parity.
    """
    noise = np.random.default_rng(0).integers(0, 256, (213, 275, 3), dtype=np.uint8)
    return np.asarray(cv2.resize(noise, (2200, 1704), interpolation=cv2.INTER_CUBIC), np.uint8)[None]


def median_ms(call: Callable[[], object]) -> float:
    """Return the median milliseconds of a call after the warm-up."""
    seconds = []
    for _ in range(REPEATS + WARMUP):
        started = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - started)
    return round(1000 * median(seconds[WARMUP:]), 3)


def throughput(selection: BackendSelection, benchmark_set: BenchmarkSet) -> dict[str, Any]:
    """Run the benchmark with several numbers of page threads.

    Each thread has a separate context, stream and separate buffers on the GPU.
    """
    counts = sorted({1, usable_cpus() // 2, usable_cpus(), 2 * usable_cpus()} - {0})
    return {str(threads): run_benchmark(benchmark_set, selection.opener(), threads) for threads in counts}


def eager_ms(gpu: Device) -> dict[str, Any]:
    """Return the milliseconds of the same weights in eager PyTorch on the GPU, in FP32 and FP16, by stage."""
    try:
        import torch

        from ecgdigit_export.eager import eager_module
    except ImportError as error:
        return {"unavailable": str(error)}
    if not torch.cuda.is_available():
        return {"unavailable": "the installed torch does not support CUDA"}
    graphs, ms = load_models().graphs, dict[str, Any]()
    for stage in STAGES:
        for dtype in (torch.float32, torch.float16):
            module = eager_module(graphs[stage]).to(str(gpu), dtype)
            pixels = torch.from_numpy(random_images(stage, 4 if stage == "trace" else 1)).to(str(gpu))

            def call(module: torch.nn.Module = module, pixels: torch.Tensor = pixels) -> None:
                module(pixels)
                torch.cuda.synchronize()

            torch.cuda.synchronize()
            with torch.inference_mode():
                ms.setdefault(stage, {})[str(dtype)] = median_ms(call)
    return ms


def check(benchmark_set: BenchmarkSet) -> dict[str, Any]:
    """Check every backend on the first GPU."""
    limits = machine_limits(benchmark_set.repeated, usable_cpus())
    figures: dict[str, Any] = {"machine": limits, "backends": {}}
    gpu = Device("cuda", 0)
    for name, backend in all_backends().items():
        probe = backend.probe()
        if not isinstance(probe, Ready) or gpu not in probe.devices:
            reason = "no GPU" if isinstance(probe, Ready) else f"{probe.reason}. {probe.fix}"
            figures["backends"][name] = {"unavailable": reason}
            continue
        for precision in probe.devices[gpu]:
            selection = select_backend(name, str(gpu), precision)
            sys.stderr.write(f"{selection}\n")
            try:
                figures["backends"][f"{name} {precision}"] = {
                    "stages": measure_stages(selection),
                    "by_threads": throughput(selection, benchmark_set),
                }
            except EcgDigitError as error:  # the other backends are still measured
                figures["backends"][f"{name} {precision}"] = {"failed": f"{error.message} [{error.id}]"}
    cpu_opener = select_backend(device=str(CPU)).opener()
    figures["cpu"] = run_benchmark(benchmark_set, cpu_opener, usable_cpus())
    figures["eager_ms"] = eager_ms(gpu)
    return figures


def main() -> int:
    """Parse the arguments, check and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("truth", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("page", nargs="+")
    parser.add_argument("--pages", type=int, default=200)
    arguments = parser.parse_args()
    if not cuda_devices():
        sys.stderr.write("Nothing was measured: there is no NVIDIA GPU, or its driver is not installed.\n")
        return 3
    benchmark_set = BenchmarkSet(tuple(pages_from_inputs(arguments.page)), arguments.truth, arguments.pages)
    figures = check(benchmark_set)
    write_result(arguments.result, "gpu_check", usable_cpus(), figures)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
