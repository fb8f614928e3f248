"""Format `csv`: for each page, NAME.csv with the signals and NAME.json with the metadata.

NAME.csv has the column `time_s` and one column per lead in standard order. Each line below the header is one
sample of the record at 500 Hz. Values are in millivolts with 5 decimals (10 nV). Cells outside the printed
part of a lead are empty. NAME.json contains `page_metadata`. `ecgdigit-rt evaluate` also accepts NAME.csv
as truth.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ecgdigit_rt.atomic_files import write_text_atomically
from ecgdigit_rt.formats.metadata import page_metadata
from ecgdigit_rt.formats.page_folder import PageFolder, file_stem
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names, lead_slice, signal_table
from ecgdigit_rt.results import RATE_HZ, Digitized


def open_writer(destination: OutputDestination) -> PageFolder:
    """Return the page writer of this format."""
    return PageFolder(destination.path, _write_page, (".csv", ".json"))


def csv_from_page(page: Digitized) -> str:
    """Return the text of NAME.csv."""
    table = np.round(signal_table(page).astype(np.float64), 5) + 0.0  # + 0.0 turns −0.0 into 0.0
    columns = [[f"{k / RATE_HZ:.3f}" for k in range(table.shape[0])]]
    for mv, name in zip(table.T, lead_names(page), strict=True):
        printed = lead_slice(page.leads[name])
        cells = [""] * table.shape[0]
        cells[printed] = [f"{value:.5f}" for value in mv[printed].tolist()]
        columns.append(cells)
    lines = [",".join(["time_s", *lead_names(page)]), *map(",".join, zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    stem = file_stem(page_id)
    metadata = json.dumps(page_metadata(page, page_id), indent=1, ensure_ascii=False, allow_nan=False)
    write_text_atomically(metadata + "\n", folder / f"{stem}.json")
    write_text_atomically(csv_from_page(page), folder / f"{stem}.csv")
