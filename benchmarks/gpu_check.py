"""Check of one NVIDIA GPU: usable backends, parity, speed and accuracy.

    python benchmarks/gpu_check.py TRUTH RESULT.json PAGE... [--pages 200] [--scaling] [--seconds 480]
        [--device cuda:0]

The script measures every backend that is ready on the GPU, in each of its precisions:

- parity with ONNX Runtime on the CPU in FP32 (maximum difference relative to the maximum value)
- milliseconds of each stage by batch size
- pages per second and accuracy of a folder run
- with `--scaling`, pages per second by number of processes and of page threads per process

Decoding alone, the CPU, and eager PyTorch on the GPU are measured for comparison. A backend that is not
ready is listed with the reason and the fix. The result is written after every measurement, and no
measurement starts after `--seconds`. Without a GPU nothing is measured, and the exit code is 3. Use
`--device cpu` to test the script.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.synchronize import Barrier
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
from ecgdigit_engine.device import CPU, Device, cuda_devices, device_from_text
from ecgdigit_engine.errors import EcgDigitError
from ecgdigit_engine.runner import Feed, Fetches, Runner, SharedInput, close_runner
from ecgdigit_engine.selection import BackendSelection, select_backend
from ecgdigit_engine.stage_opener import StageRequest
from ecgdigit_rt.bench.benchmark import BenchmarkSet, run_benchmark
from ecgdigit_rt.bench.hardware_limits import machine_limits
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.models import STAGES, load_models, load_sampler
from ecgdigit_rt.results import PageRef
from ecgdigit_rt.stages import SAMPLED_TRACE

SHAPES = {"locate": (608, 768, 3), "grid": (1184, 1536, 3), "trace": (320, 2752, 3)}
BATCHES = (1, 2, 4, 8)
REPEATS, WARMUP = 20, 3
_WARM_UP_S = 300.0  # maximum time until all processes have digitized their first pages

Work = Callable[[], Any]
"""A measurement, which returns its figures."""


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


def measure_stage(selection: BackendSelection, stage: str) -> dict[str, Any]:
    """Measure parity and speed of a stage."""
    runner = selection.open_stage(
        StageRequest(load_models(precision=selection.graph_precision).graphs[stage])
    )
    try:
        return {
            "parity": parity(stage, runner),
            "ms_by_batch": {str(batch): stage_ms(stage, runner, batch) for batch in BATCHES},
        }
    finally:
        close_runner(runner)


def measure_sampled_trace(selection: BackendSelection) -> dict[str, Any]:
    """Measure sampling and prediction of four strips on the GPU: parity with the CPU, and milliseconds."""
    graph = load_models(precision=selection.graph_precision).graphs["trace"]
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


def scaling(selection: BackendSelection, pages: Sequence[PageRef]) -> Iterator[tuple[str, Work]]:
    """Yield the measurements of folder runs with several processes and threads, by name.

    The page threads of a process share one worker thread per stage, which has its own stream and buffers.
    """
    cpus = usable_cpus()
    threads = sorted({1, cpus // 2, cpus, 2 * cpus} - {0})
    shapes = [(1, count) for count in threads]
    shapes += [(processes, cpus // processes) for processes in (2, 4, 8, 16) if processes <= cpus]
    for processes, per_process in shapes:
        name = f"{processes} x {per_process}"
        yield name, partial(pages_per_second, selection, pages, processes, per_process)


def pages_per_second(
    selection: BackendSelection, pages: Sequence[PageRef], processes: int, threads: int
) -> dict[str, float]:
    """Return the speed of `processes` processes with `threads` page threads each, after their warm-up."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(processes + 1)
    workers = [
        context.Process(
            target=_digitize_share,
            args=(
                selection.backend.name,
                str(selection.device),
                selection.precision,
                share,
                threads,
                barrier,
            ),
        )
        for share in (pages[k::processes] for k in range(processes))
    ]
    for worker in workers:
        worker.start()
    barrier.wait(_WARM_UP_S)
    started = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - started
    for worker in workers:
        worker.join()
    return {
        "pages_per_s": round(len(pages) / seconds, 2),
        "seconds": round(seconds, 2),
        "failed_processes": float(sum(worker.exitcode != 0 for worker in workers)),
    }


def _digitize_share(
    backend: str, device: str, precision: str, pages: list[PageRef], threads: int, barrier: Barrier
) -> None:
    """Digitize pages in this process, between two waits for the barrier."""
    with Digitizer(threads=threads, opener=select_backend(backend, device, precision).opener()) as digitizer:
        list(digitizer.digitize_many(pages[: 2 * threads], network_threads=1))
        barrier.wait()
        for _ in digitizer.digitize_many(pages, network_threads=1):
            pass
        barrier.wait()


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


class Record:
    """Figures of a check, which are written after every measurement, so that a time limit loses none.

    No measurement starts after `seconds`.
    """

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._end = path, time.monotonic() + seconds
        self.figures: dict[str, Any] = {"skipped": []}

    def measure(self, name: Sequence[str], work: Work) -> None:
        """Measure and store under the keys `name`. Errors of the program are stored as the figure."""
        if time.monotonic() > self._end:
            self.figures["skipped"].append(" · ".join(name))
        else:
            sys.stderr.write(f"{' · '.join(name)}\n")
            figures = self.figures
            for key in name[:-1]:
                figures = figures.setdefault(key, {})
            try:
                figures[name[-1]] = work()
            except EcgDigitError as error:  # the other measurements continue
                figures[name[-1]] = {"failed": f"{error.message} [{error.id}]"}
        write_result(self._path, "gpu_check", usable_cpus(), self.figures)


def check(record: Record, benchmark_set: BenchmarkSet, device: Device, *, with_scaling: bool) -> None:
    """Check every backend on a device."""
    record.measure(["machine"], lambda: machine_limits(benchmark_set.repeated, usable_cpus()))
    selections = []
    for name, backend in all_backends().items():
        probe = backend.probe()
        if isinstance(probe, Ready) and device in probe.devices:
            selections += [select_backend(name, str(device), each) for each in probe.devices[device]]
        else:
            reason = "not for this device" if isinstance(probe, Ready) else f"{probe.reason}. {probe.fix}"
            record.measure(["backends", name], lambda reason=reason: {"unavailable": reason})  # type: ignore[misc]
    names = {id(selection): f"{selection.backend.name} {selection.precision}" for selection in selections}
    for selection in selections:
        keys = ["backends", names[id(selection)]]
        for stage in STAGES:
            record.measure([*keys, "stages", stage], partial(measure_stage, selection, stage))
        record.measure([*keys, "stages", SAMPLED_TRACE], partial(measure_sampled_trace, selection))
    for selection in selections:
        keys = ["backends", names[id(selection)]]
        run = partial(run_benchmark, benchmark_set, selection.opener(), usable_cpus())
        record.measure([*keys, "run"], run)
    for selection in selections if with_scaling else []:
        keys = ["backends", names[id(selection)]]
        for shape, work in scaling(selection, benchmark_set.repeated):
            record.measure([*keys, "processes x threads", shape], work)
    cpu_opener = select_backend(device=str(CPU)).opener()
    record.measure(["cpu"], lambda: run_benchmark(benchmark_set, cpu_opener, usable_cpus()))
    record.measure(["eager_ms"], lambda: eager_ms(device))


def main() -> int:
    """Parse the arguments, check and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("truth", "result"):
        parser.add_argument(name, type=Path)
    parser.add_argument("page", nargs="+")
    parser.add_argument("--pages", type=int, default=200)
    parser.add_argument("--device", type=device_from_text, default=Device("cuda", 0))
    parser.add_argument("--seconds", type=float, default=3600.0)
    parser.add_argument("--scaling", action="store_true")
    arguments = parser.parse_args()
    if arguments.device != CPU and not cuda_devices():
        sys.stderr.write("Nothing was measured: there is no NVIDIA GPU, or its driver is not installed.\n")
        return 3
    benchmark_set = BenchmarkSet(tuple(pages_from_inputs(arguments.page)), arguments.truth, arguments.pages)
    record = Record(arguments.result, arguments.seconds)
    check(record, benchmark_set, arguments.device, with_scaling=arguments.scaling)
    sys.stdout.write(json.dumps(record.figures, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
