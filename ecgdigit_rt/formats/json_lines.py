"""Format `json`: JSON Lines, one object per page, described by `page.schema.json`.

| key | content |
|---|---|
| schema_version, id, source, page | 3; page id; path of the file; page number in the file, from 1 |
| status | digitized, doubtful or failed |
| doubts | reasons why the signals may be wrong: id and message of each |
| software, models, device | provenance; null if unknown |
| signal_source | picture, or vector if the signals are the lines of a vector file |
| unit, duration_s, layout, missing, expected_db, quality, notes | properties of the page |
| leads | by lead: samples, rate_hz, start_s, end_s, duration_s, confidence, expected_error_mv, mv |
| error_id, message, hint | error of a failed page; these keys replace all keys from `doubts` on |

`mv` contains only the printed samples, from `start_s` on, in millivolts with 5 decimals (10 nV).
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from types import TracebackType
from typing import Self

import numpy as np

from ecgdigit_rt.atomic_files import atomic_text_file, reraise_as_output_error
from ecgdigit_rt.formats.metadata import failure_metadata, lead_metadata, page_metadata
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.results import Failed, Lead, Result


def open_writer(destination: OutputDestination) -> JsonLinesWriter:
    """Return the page writer of this format."""
    return JsonLinesWriter(destination)


class JsonLinesWriter:
    """Page writer of one JSON Lines file or stream. A file appears under its final name on closing."""

    def __init__(self, destination: OutputDestination) -> None:
        self._destination = destination
        self._resources = ExitStack()

    def __enter__(self) -> Self:
        file = atomic_text_file(self._destination.path, self._destination.stream)
        self._stream = self._resources.enter_context(file)
        return self

    def write(self, page_id: str, result: Result) -> None:
        """Write one line. Raises OutputNotWritable."""
        line = json.dumps(_page_object(page_id, result), ensure_ascii=False, allow_nan=False)
        with reraise_as_output_error(self._destination.path):
            self._stream.write(line + "\n")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._resources.__exit__(kind, error, trace)


def _page_object(page_id: str, result: Result) -> dict[str, object]:
    if isinstance(result, Failed):
        return failure_metadata(result, page_id)
    leads = [result.leads[name] for name in lead_names(result)]
    with_samples = {lead.name: {**lead_metadata(lead), "mv": _samples(lead)} for lead in leads}
    return {**page_metadata(result, page_id), "leads": with_samples}


def _samples(lead: Lead) -> list[float]:
    samples: list[float] = (np.round(lead.mv.astype(np.float64), 5) + 0.0).tolist()
    return samples
