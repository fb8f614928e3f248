"""Tests of the benchmark: result with speed and accuracy, instrumented runners, and the README's table."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest
from backend_table import BEGIN, END, table

from ecgdigit_engine.backends.onnxruntime import OnnxRuntimeRunner
from ecgdigit_engine.stage_opener import StageRequest
from ecgdigit_export.eager import eager_stages
from ecgdigit_rt.bench import benchmark
from ecgdigit_rt.bench.benchmark import speedups
from ecgdigit_rt.bench.instrumented import CountingRunner, StageCounters
from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.models import STAGES, load_models
from ecgdigit_rt.results import PageRef

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.slow
def test_benchmark_of_two_pages_compared_with_torch(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pages = [str(page) for page in sorted(EXAMPLES.glob("*.jpg"))[:2]]
    out = tmp_path / "bench.json"
    truth = ["--truth", str(EXAMPLES / "truth"), "--pages", "8", "--threads", "1"]
    assert exit_code(["bench", *pages, *truth, "--compare-with", "torch", "--out", str(out)]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads(out.read_text())
    assert printed["schema"] == "ecgdigit-rt/bench/1"
    assert set(printed) == {"schema", "provenance", "machine", "ours", "other", "times_as_fast"}
    for result in (printed["ours"], printed["other"]):
        assert set(result["latency_s"]) == {"p50", "p95", "mean"}
        assert set(result["networks"]) == set(STAGES)
        assert (result["folder"]["pages"], result["folder"]["failed"]) == (8, 0)
        assert len(result["folder"]["resident_mb_by_quarter"]) == 4
        assert result["accuracy"]["pages"] == 2
        assert result["accuracy"]["mean_db"] > 12
        assert {"decode", "locate", "grid", "rectify", "trace"} <= set(result["steps_ms"])
        assert all(network["gflops"] > 1 for network in result["networks"].values())
    assert abs(printed["ours"]["accuracy"]["mean_db"] - printed["other"]["accuracy"]["mean_db"]) < 0.5


@pytest.mark.parametrize("stage", STAGES)
def test_eager_torch_has_the_weights_of_the_graph(stage: str) -> None:
    graph = load_models().graphs[stage]
    shape = (1, 320, 96, 3) if stage == "trace" else (2, 64, 96, 3)
    feeds = {"pixels": np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)}
    eager = eager_stages().open(StageRequest(graph))
    assert eager.spec.stage == stage
    outputs, expected = eager.run(feeds), OnnxRuntimeRunner(graph, 1).run(feeds)
    for name, values in expected.items():
        assert np.abs(outputs[name] - values).max() < 1e-4 * np.abs(values).max()


def test_counting_runner_counts_calls_and_operations() -> None:
    graph, counters = load_models().graphs["grid"], StageCounters()
    runner = CountingRunner(OnnxRuntimeRunner(graph, 1), counters)
    for batch in (1, 3):
        runner.run({"pixels": np.zeros((batch, 64, 96, 3), np.uint8)})
    counter = counters.stages["grid"]
    assert counter.calls == 2
    assert counter.seconds > 0
    assert counter.flops == pytest.approx(4 * 64 * 96 * float(runner.spec.metadata["flops_per_pixel"]))
    assert 5_000 < float(runner.spec.metadata["flops_per_pixel"]) < 50_000


def test_benchmark_counts_no_calls_of_the_warm_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class FakeDigitizer:
        device, models = "cpu", "fake"

        def __init__(self, threads: int, opener: StageCounters) -> None:
            assert threads == 2
            self._counters = opener

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def digitize_many(self, sources: Iterable[PageRef]) -> Iterator[None]:
            for _ in sources:
                self._counters.add("grid", 1.0, 1e9)
                yield None

    monkeypatch.setattr(benchmark, "Digitizer", FakeDigitizer)
    monkeypatch.setattr(benchmark, "count_calls", lambda _, counters: counters)
    monkeypatch.setattr(benchmark, "_measure_latency", lambda *_: ({}, {}))
    monkeypatch.setattr(benchmark, "_measure_accuracy", lambda *_: {})
    pages = benchmark.BenchmarkSet((PageRef(tmp_path / "a.png"),), tmp_path, count=4)
    result = benchmark.run_benchmark(pages, eager_stages(), threads=2)
    assert result["networks"]["grid"] == {"calls_per_page": 1.0, "ms_per_page": 1000.0, "gflops": 1.0}


def test_speedups_are_ratios_of_seconds() -> None:
    quick = {"latency_s": {"p50": 0.5}, "folder": {"s_per_page": 0.25}}
    slow = {"latency_s": {"p50": 2.0}, "folder": {"s_per_page": 1.0}}
    assert speedups(quick, slow) == {"folder_against_loop": 8.0, "page_after_page": 4.0, "folder": 4.0}


def test_readme_table_equals_the_stored_result() -> None:
    root = EXAMPLES.parent
    figures = json.loads((root / "benchmarks" / "results" / "backends-cpu2.json").read_text())["figures"]
    readme = (root / "README.md").read_text(encoding="utf-8")
    assert readme.split(BEGIN)[1].split(END)[0].strip() == table(figures)
