"""Comparison of trace networks: accuracy of the whole pipeline with each of them in the trace stage.

    python benchmarks/alternatives.py RESULT.json --truth TRUTH_DIR PAGES... --weights NAME=FOLDER...
        [--threads 2]

FOLDER contains trace.pt as written by `ecgdigit-rt train` or `distill`. All networks run in FP32 in eager
PyTorch, with the packaged networks in the other stages. A failed page counts as 0 dB.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ecgdigit_export.onnx_graph import fuse_batchnorm, load_trained
from ecgdigit_export.train.page_score import opener_with_network
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.metric import competition_score
from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest, values_for
from ecgdigit_rt.results import Digitized

_STRIP = (1, 320, 2752, 3)
_ROUNDS = 5


def load_network(weights: Path) -> tuple[nn.Module, dict[str, str]]:
    """Return the trace network of a folder, with fused batch norm, and the metadata of its training."""
    options = torch.load(weights / "trace.pt", map_location="cpu", weights_only=True)["options"]
    model, metadata = load_trained(options["family"], "trace", weights / "trace.pt")
    return fuse_batchnorm(model), metadata


def strip_seconds(network: nn.Module) -> float:
    """Return the median inference time in seconds for a strip of 10 s."""
    strip = torch.randint(0, 256, _STRIP, dtype=torch.uint8)
    seconds = []
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            network(strip)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measure(network: nn.Module, truth_dir: Path, pages: list[str], threads: int) -> dict[str, Any]:
    """Score every page, and return the scores and their means."""
    digitizer = Digitizer("lite", threads, opener=opener_with_network("trace", network))
    test_csv = find_test_csv(truth_dir)
    by_page, ratios, failed = {}, [], []
    for page in pages_from_inputs(pages):
        (result,) = digitizer.digitize_many([page])
        name = page.path.stem
        if not isinstance(result, Digitized):
            failed.append(name)
            by_page[name] = 0.0
            ratios.append(1.0)
            continue
        truth = read_truth(truth_dir / f"{name}.csv", test_csv.get(name, []))
        requests = [LeadRequest(lead, truth.rate_hz, mv.size) for lead, mv in truth.leads.items()]
        score = image_score(truth, values_for(result, requests).values, truth.rate_hz)
        by_page[name] = round(score.db, 2)
        ratios.append(score.ratio)
    return {
        "mean_db": round(statistics.fmean(by_page.values()), 2),
        "median_db": round(statistics.median(by_page.values()), 2),
        "score_db": round(competition_score(ratios), 2),
        "failed": failed,
        "parameters": sum(p.numel() for p in network.parameters()),
        "strip_seconds": round(strip_seconds(network), 3),
        "pages": by_page,
    }


def main() -> None:
    """Parse the arguments, measure and write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    figures: dict[str, Any] = {}
    for entry in arguments.weights:
        name, _, folder = entry.partition("=")
        network, metadata = load_network(Path(folder))
        figures[name] = {"family": metadata["family"], "steps": int(metadata["steps"])}
        figures[name] |= measure(network, arguments.truth, arguments.pages, arguments.threads)
        sys.stderr.write(f"{name:16} {figures[name]['mean_db']} dB\n")
    write_result(arguments.result, "alternatives", arguments.threads, figures, ", ".join(figures))
    sys.stdout.write(json.dumps({k: {**v, "pages": None} for k, v in figures.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
