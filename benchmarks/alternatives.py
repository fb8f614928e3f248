"""Other trace networks against each other: what the whole pipeline reads with each in stage 2's place.

    python benchmarks/alternatives.py RESULT.json --truth TRUTH_DIR PAGES... --weights NAME=FOLDER...
        [--threads 2]

FOLDER holds trace.pt as `ecgdigit-rt train` or `distill` wrote it. All run in eager PyTorch and FP32, with
the shipped networks in the other stages' places. A page that cannot be read counts as 0 dB.
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

from ecgdigit_export.onnx_graph import folded
from ecgdigit_export.onnx_graph import trained as trained_network
from ecgdigit_export.train.page_score import WithStage
from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.decode.page_list import pages_from_inputs
from ecgdigit_rt.digitizer import Digitizer
from ecgdigit_rt.evaluation.evaluate import image_score
from ecgdigit_rt.evaluation.metric import competition_score
from ecgdigit_rt.evaluation.truth import find_test_csv, read_truth
from ecgdigit_rt.formats.test_csv import LeadRequest, values_for
from ecgdigit_rt.results import Digitized

_STRIP = (1, 320, 2752, 3)
_ROUNDS = 5


def network_of(weights: Path) -> tuple[nn.Module, dict[str, str]]:
    """The folder's trace network, norms folded, and how it was trained."""
    options = torch.load(weights / "trace.pt", map_location="cpu", weights_only=True)["options"]
    model, how = trained_network(options["family"], "trace", weights / "trace.pt")
    return folded(model), how


def strip_seconds(network: nn.Module) -> float:
    """The median time of one strip of 10 s."""
    strip = torch.randint(0, 256, _STRIP, dtype=torch.uint8)
    seconds = []
    with torch.inference_mode():
        for _ in range(_ROUNDS):
            started = time.perf_counter()
            network(strip)
            seconds.append(time.perf_counter() - started)
    return statistics.median(seconds)


def measured(network: nn.Module, truth: Path, pages: list[str], threads: int) -> dict[str, Any]:
    """Every page, and their means."""
    digitizer = Digitizer("lite", threads, opener=WithStage("trace", network))
    questions = find_test_csv(truth)
    by_page, ratios, failed = {}, [], []
    for page in pages_from_inputs(pages):
        (result,) = digitizer.digitize_many([page])
        name = page.path.stem
        if not isinstance(result, Digitized):
            failed.append(name)
            by_page[name] = 0.0
            ratios.append(1.0)
            continue
        true = read_truth(truth / f"{name}.csv", questions.get(name, []))
        asked = [LeadRequest(lead, true.rate_hz, mv.size) for lead, mv in true.leads.items()]
        score = image_score(true, values_for(result, asked).values, true.rate_hz)
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
    """Parse, measure, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("result", type=Path)
    parser.add_argument("pages", nargs="+")
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--weights", nargs="+", required=True, metavar="NAME=FOLDER")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    figures: dict[str, Any] = {}
    for named in given.weights:
        name, _, folder = named.partition("=")
        network, how = network_of(Path(folder))
        figures[name] = {"family": how["family"], "steps": int(how["steps"])}
        figures[name] |= measured(network, given.truth, given.pages, given.threads)
        sys.stderr.write(f"{name:16} {figures[name]['mean_db']} dB\n")
    write_result(given.result, "alternatives", given.threads, figures, ", ".join(figures))
    sys.stdout.write(json.dumps({k: {**v, "pages": None} for k, v in figures.items()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
