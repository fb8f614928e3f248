"""Doubtful pages and mean accuracy of folders whose pages are right.

    python benchmarks/false_alarms.py FOLDER... [--result RESULT.json] [--models lite] [--ocr auto]
        [--threads 2]

The script counts the pages of each folder by status. If a folder contains truth, truth/NAME.csv or NAME.csv
in the format of the competition, the mean uncapped SNR of its pages is measured too. A failed page has 0 dB.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import fmean

from page_verdicts import PageVerdict, VerdictFile, add_options, digitizer_from_options, truths_of_folder

from ecgdigit_rt.evaluation.scores import image_score
from ecgdigit_rt.evaluation.truth import Truth
from ecgdigit_rt.formats.test_csv import values_for
from ecgdigit_rt.results import Failed, Result


def page_db(truth: Truth, result: Result) -> float:
    """Return the SNR of a page in dB, uncapped. It is 0 if the page failed."""
    return image_score(truth, values_for(result, None).values).db


def status_verdict(result: Result, db: float | None) -> PageVerdict:
    """Return the status of a page as its verdict, with its error id, its SNR or its layout."""
    if isinstance(result, Failed):
        return PageVerdict(result.status, result.error_id)
    detail = result.layout.name if db is None else f"{db:.2f} dB"
    return PageVerdict(result.status, detail, tuple(doubt.id for doubt in result.doubts))


def main() -> None:
    """Parse the arguments, digitize, and write the status of each page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="+")
    add_options(parser)
    arguments = parser.parse_args()
    with digitizer_from_options(arguments) as digitizer:
        file = VerdictFile("false_alarms", arguments, digitizer)
        mean_db = file.figures.setdefault("mean_db", {})
        for folder in arguments.folder:
            truths, dbs = truths_of_folder(folder), list[float]()
            for result in digitizer.digitize_many([folder]):
                truth = truths.get(result.source.id)
                db = None if truth is None else page_db(truth, result)
                if db is not None:
                    dbs.append(db)
                    mean_db[folder.name] = round(fmean(dbs), 3)
                file.add(f"{folder.name}/{result.source.id}", folder.name, status_verdict(result, db))
    file.print_tally()
    for name, db in mean_db.items():
        sys.stdout.write(f"{name:18} mean {db:.2f} dB\n")


if __name__ == "__main__":
    main()
