"""Format `npz`: one file NAME.npz per page, for NumPy, without pickled objects.

The file contains one float32 array in millivolts per lead. The array has the name of the lead and contains
only the printed samples. `leads` lists the names in standard order. `rate_hz`, `start_s` and `end_s` are
float64 arrays (leads,). `metadata` is `page_metadata` as a JSON string.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from ecgdigit_rt.atomic_files import atomic_file, reraise_as_output_error
from ecgdigit_rt.formats.metadata import page_metadata
from ecgdigit_rt.formats.page_folder import PageFolder, file_stem
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import Digitized


def open_writer(destination: OutputDestination) -> PageFolder:
    """Return the page writer of this format."""
    return PageFolder(destination.path, _write_page, (".npz",))


def _write_page(folder: Path, page_id: str, page: Digitized) -> None:
    leads = [page.leads[name] for name in lead_names(page)]
    arrays = {
        **{lead.name: lead.mv for lead in leads},
        "leads": np.array([lead.name for lead in leads]),
        "rate_hz": np.array([lead.rate_hz for lead in leads]),
        "start_s": np.array([lead.start_s for lead in leads]),
        "end_s": np.array([lead.end_s for lead in leads]),
        "metadata": np.array(json.dumps(page_metadata(page, page_id), allow_nan=False)),
    }
    path = folder / f"{file_stem(page_id)}.npz"
    with atomic_file(path) as partial, reraise_as_output_error(path), partial.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
