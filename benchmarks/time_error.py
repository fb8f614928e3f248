"""Accuracy that is lost to errors in time: dB as digitized, and dB if every 0.35 s may shift by up to 14 ms.

    python benchmarks/time_error.py FOLDER... [--result RESULT.json] [--models lite] [--ocr auto] [--threads
    2]

FOLDER contains images with truth: truth/NAME.csv or NAME.csv in the format of the competition. Each lead may
shift as a whole in both cases, as in the metric of the competition. The difference between both values is the
error along time: of the mesh, of the boundaries between leads, and of the start of the record. What the
second value lacks is lost in tracing. The ratios are not capped. A failed page has 0 dB in both.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from page_verdicts import add_options, digitizer_from_options, truths_of_folder

from ecgdigit_rt.bench.provenance import write_result
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.resample import resample
from ecgdigit_rt.results import RATE_HZ, Digitized, PageRef, Result

Values = NDArray[np.float64]

PIECE_S, REACH_S, STEP_S = 0.35, 0.014, 0.001
"""Duration of the pieces that shift, the maximum shift, and the step between shifts. A QRS complex lasts 0.1
s, and 14 ms are 0.35 mm of paper at 25 mm/s."""
_MAX_LAG_S, _LAG_STEP_S = 0.05, 0.0005  # maximum shift of a whole lead, and the step between shifts


def shifted(mv: Values, seconds: float) -> Values:
    """Return a lead (samples,) at times that are later by `seconds`."""
    at = np.arange(mv.size)
    return np.asarray(np.interp(at + seconds * RATE_HZ, at, mv))


def energies(true: Values, found: Values) -> tuple[float, float, float]:
    """Return the energies of a lead, of its error, and of its error with shifted pieces."""

    def error(lag_s: float) -> float:
        difference = true - shifted(found, lag_s)
        return float(np.square(difference - difference.mean()).sum())

    lags = np.arange(-_MAX_LAG_S, _MAX_LAG_S + 1e-9, _LAG_STEP_S)
    lag_s = float(min(lags, key=error))
    options = [shifted(found, lag_s + s) for s in np.arange(-REACH_S, REACH_S + 1e-9, STEP_S)]
    pieces = []
    for first in range(0, true.size, int(PIECE_S * RATE_HZ)):
        part = slice(first, first + int(PIECE_S * RATE_HZ))
        differences = [true[part] - option[part] for option in options]
        pieces.append(min(differences, key=lambda d: float(np.square(d - np.median(d)).sum())))
    free = np.concatenate(pieces)
    return float(np.square(true).sum()), error(lag_s), float(np.square(free - free.mean()).sum())


def page_db(result: Result, truth: Truth) -> tuple[float, float]:
    """Return both ratios of a page in dB."""
    if not isinstance(result, Digitized):
        return 0.0, 0.0
    total = np.zeros(3)
    for name, samples in truth.leads.items():
        if name not in result.leads:
            continue
        true = resample(samples, truth.rate_hz, RATE_HZ, round(samples.size * RATE_HZ / truth.rate_hz))
        found = result.leads[name].mv.astype(np.float64)
        count = min(true.size, found.size)
        total += energies(true[:count], found[:count])
    ratios = 10 * np.log10(total[0] / np.maximum(total[1:], 1e-12))
    return float(ratios[0]), float(ratios[1])


def main() -> None:
    """Parse the arguments, digitize, measure, and write the result."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path)
    add_options(parser)
    arguments = parser.parse_args()
    pages, by_folder = [], defaultdict(list)
    with digitizer_from_options(arguments) as digitizer:
        for folder in arguments.folders:
            truths = truths_of_folder(folder)
            images = [path for path in sorted(folder.glob("*.[jp][pn]g")) if path.stem in truths]
            for path, result in zip(images, digitizer.digitize_many(map(PageRef, images)), strict=True):
                db, free_db = page_db(result, truths[path.stem])
                pages.append(
                    {"page": f"{folder.name}/{path.stem}", "db": round(db, 2), "free_db": round(free_db, 2)}
                )
                by_folder[folder.name].append((db, free_db))
                sys.stdout.write(f"{path.stem:24} {db:6.2f} dB   time free {free_db:6.2f} dB\n")
                sys.stdout.flush()
        means = {
            name: [round(float(mean), 2) for mean in np.mean(rows, axis=0)]
            for name, rows in by_folder.items()
        }
        for name, (db, free_db) in means.items():
            sys.stdout.write(f"{name:24} {db:6.2f} dB   time free {free_db:6.2f} dB\n")
        if arguments.result is not None:
            figures = {"device": digitizer.device, "mean_db": means, "pages": pages}
            write_result(arguments.result, "time_error", digitizer.threads, figures, digitizer.models)


if __name__ == "__main__":
    main()
