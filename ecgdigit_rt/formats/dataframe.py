"""Pandas data frame of one page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ecgdigit_rt.formats.metadata import page_metadata
from ecgdigit_rt.formats.signal_table import lead_names, signal_table
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import RATE_HZ, Digitized

if TYPE_CHECKING:
    import pandas as pd


def dataframe_from_page(page: Digitized) -> pd.DataFrame:
    """Return the signals in millivolts, float32, as a data frame with one column per lead in standard order.

    Samples outside the printed part of a lead are NaN. The index `time_s` is the time in seconds since the
    start of the record, at 500 Hz. `attrs` contains `page_metadata`. Raises DependencyMissing if pandas is
    not installed.
    """
    with missing_dependency_as_error("a data frame", "pandas", "pandas"):
        import pandas as pd
    table = signal_table(page)
    time_s = pd.Index(np.arange(table.shape[0]) / RATE_HZ, name="time_s")
    frame = pd.DataFrame(table, index=time_s, columns=lead_names(page))
    frame.attrs.update(page_metadata(page))
    return frame
