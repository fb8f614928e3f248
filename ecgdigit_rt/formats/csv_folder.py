"""`csv`: NAME.csv per page, the shape that `ecgdigit-rt evaluate` takes as truth, and NAME.json beside it.

First column `time_s`, then one per lead in the standard order, one line per sample of the record at
500 Hz, millivolt at 5 decimals (10 nanovolt), empty where nothing was printed. NAME.json holds `page_facts`.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ecgdigit_rt.atomic_files import write_text_atomically
from ecgdigit_rt.formats.file_names import file_stem
from ecgdigit_rt.formats.metadata import page_facts
from ecgdigit_rt.formats.page_folder import PageFolder
from ecgdigit_rt.formats.signal_table import RATE_HZ, lead_names, signal_table, window
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.results import Digitized


def csv_folder(to: OutputDestination) -> PageFolder:
    return PageFolder(to.path, _write_page, (".csv", ".json"))


def csv_from_page(page: Digitized) -> str:
    """The text of NAME.csv."""
    table = np.round(signal_table(page).astype(np.float64), 5) + 0.0  # + 0.0 turns −0.0 into 0.0
    columns = [[f"{k / RATE_HZ:.3f}" for k in range(table.shape[0])]]
    for values, name in zip(table.T, lead_names(page), strict=True):
        printed = window(page.leads[name])
        cells = [""] * table.shape[0]
        cells[printed] = [f"{value:.5f}" for value in values[printed].tolist()]
        columns.append(cells)
    lines = [",".join(["time_s", *lead_names(page)]), *map(",".join, zip(*columns, strict=True))]
    return "\n".join(lines) + "\n"


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    stem = file_stem(page_id)
    facts = json.dumps(page_facts(page, page_id), indent=1, ensure_ascii=False, allow_nan=False)
    write_text_atomically(facts + "\n", folder / f"{stem}.json")
    write_text_atomically(csv_from_page(page), folder / f"{stem}.csv")
