"""Ports of the Triton model `ecgdigit`, and the conversion of results to output tensors.

The first axis is the batch: the images of one request. The axis `leads` has the largest number of leads of a
page, the axis `samples` the largest number of samples, and the axis `doubts` the largest number of doubts.
Other pages are padded with empty strings or NaN.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ecgdigit_engine.spec import Port
from ecgdigit_engine.tensorrt.profile import BATCH
from ecgdigit_rt.formats.json_lines import JsonLinesWriter
from ecgdigit_rt.formats.registry import OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names, signal_table
from ecgdigit_rt.results import RATE_HZ, Digitized, Failed, Lead, Result

IMAGE, LAYOUT, SPEED, GAIN = "image", "layout", "speed_mm_s", "gain_mm_mv"

INPUTS = (
    Port(IMAGE, "bytes", (BATCH, 1)),
    Port(LAYOUT, "bytes", (BATCH, 1)),
    Port(SPEED, "float32", (BATCH, 1)),
    Port(GAIN, "float32", (BATCH, 1)),
)
OPTIONAL = frozenset({LAYOUT, SPEED, GAIN})

OUTPUTS = (
    Port("lead_names", "bytes", (BATCH, "leads")),
    Port("signals_mv", "float32", (BATCH, "leads", "samples")),
    Port("windows_s", "float32", (BATCH, "leads", 2)),
    Port("rate_hz", "float32", (BATCH, 1)),
    Port("confidence", "float32", (BATCH, "leads")),
    Port("expected_error_mv", "float32", (BATCH, "leads")),
    Port("expected_db", "float32", (BATCH, 1)),
    Port("status", "bytes", (BATCH, 1)),
    Port("doubts", "bytes", (BATCH, "doubts")),
    Port("error_id", "bytes", (BATCH, 1)),
    Port("report", "bytes", (BATCH, 1)),
)


def outputs_from_results(results: Sequence[Result], names: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Return the named output tensors for the pages of one request."""
    return {name: _OUTPUT_FUNCTIONS[name](results) for name in names}


def _lead_names(results: Sequence[Result]) -> NDArray[Any]:
    names = [[lead.name.encode() for lead in _leads(result)] for result in results]
    return _padded(names, b"", object)


def _signals_mv(results: Sequence[Result]) -> NDArray[Any]:
    tables = [signal_table(result).T if isinstance(result, Digitized) else _NO_SIGNALS for result in results]
    shape = tuple(max(1, *(table.shape[axis] for table in tables)) for axis in range(2))
    signals = np.full((len(results), *shape), np.nan, np.float32)
    for page, table in zip(signals, tables, strict=True):
        page[: table.shape[0], : table.shape[1]] = table
    return signals


def _windows_s(results: Sequence[Result]) -> NDArray[Any]:
    windows = [_per_lead(results, lambda lead: lead.start_s), _per_lead(results, lambda lead: lead.end_s)]
    return np.stack(windows, axis=-1)


def _rates_hz(results: Sequence[Result]) -> NDArray[Any]:
    return np.full((len(results), 1), RATE_HZ, np.float32)


def _expected_db(results: Sequence[Result]) -> NDArray[Any]:
    ratios = [result.expected_db if isinstance(result, Digitized) else math.nan for result in results]
    return np.array(ratios, np.float32)[:, None]


def _statuses(results: Sequence[Result]) -> NDArray[Any]:
    return np.array([result.status.encode() for result in results], object)[:, None]


def _doubts(results: Sequence[Result]) -> NDArray[Any]:
    """Return message and id of each doubt as (batch, doubts) strings, padded with empty strings."""
    doubts = [result.doubts if isinstance(result, Digitized) else () for result in results]
    return _padded([[str(doubt).encode() for doubt in of_page] for of_page in doubts], b"", object)


def _error_ids(results: Sequence[Result]) -> NDArray[Any]:
    ids = [result.error_id.encode() if isinstance(result, Failed) else b"" for result in results]
    return np.array(ids, object)[:, None]


def _reports(results: Sequence[Result]) -> NDArray[Any]:
    return np.array([_json_from_result(result) for result in results], object)[:, None]


def _json_from_result(result: Result) -> bytes:
    """Return the JSON object that `run --format json` writes."""
    text = io.StringIO()
    with JsonLinesWriter(OutputDestination(Path("-"), text)) as writer:
        writer.write(result.source.id, result)
    return text.getvalue().strip().encode()


def _per_lead(results: Sequence[Result], value: Callable[[Lead], float]) -> NDArray[Any]:
    """Return one number per lead as (batch, leads) float32, padded with NaN."""
    return _padded([[value(lead) for lead in _leads(result)] for result in results], math.nan, np.float32)


def _leads(result: Result) -> list[Lead]:
    if isinstance(result, Failed):
        return []
    return [result.leads[name] for name in lead_names(result)]


def _padded(rows: Sequence[Sequence[Any]], fill_value: object, dtype: type) -> NDArray[Any]:
    width = max(1, *(len(row) for row in rows))
    table: NDArray[Any] = np.full((len(rows), width), fill_value, dtype)
    for table_row, row in zip(table, rows, strict=True):
        table_row[: len(row)] = row
    return table


_NO_SIGNALS = np.empty((0, 0), np.float32)
_OUTPUT_FUNCTIONS: Mapping[str, Callable[[Sequence[Result]], NDArray[Any]]] = {
    "lead_names": _lead_names,
    "signals_mv": _signals_mv,
    "windows_s": _windows_s,
    "rate_hz": _rates_hz,
    "confidence": lambda results: _per_lead(results, lambda lead: lead.confidence),
    "expected_error_mv": lambda results: _per_lead(results, lambda lead: lead.expected_error_mv),
    "expected_db": _expected_db,
    "status": _statuses,
    "doubts": _doubts,
    "error_id": _error_ids,
    "report": _reports,
}
