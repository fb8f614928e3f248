"""Predictions to evaluate, read from submission.csv, a folder of NAME.csv or a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ecgdigit_rt.errors import PredictionsMalformed, TruthMalformed
from ecgdigit_rt.evaluation.run_metadata import (
    id_from_json,
    layout_from_json,
    layouts_from_report,
    status_from_json,
    statuses_from_report,
)
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.submission_csv import Submission, read_submission
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import ALL_LEADS, RATE_HZ

_COLUMNS = ("page_id", "lead", "rate_hz", "layout", "mv")
_STATUS = "status"

MAX_RATE_HZ = 100_000.0
"""Maximum sampling rate in Hz. Hand-picked, not tuned: a hundred times the rate of usual recordings."""


@dataclass(frozen=True, slots=True)
class Predictions:
    """Predicted signals of several images.

    `leads` maps image id and lead name to samples (n,) in mV. `rates_hz` lacks images whose sampling rate is
    unknown. `layouts` and `statuses` lack images whose layout or status is unknown, or contain an empty
    string for them.
    """

    leads: Submission
    rates_hz: Mapping[str, float] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)
    statuses: Mapping[str, str] = field(default_factory=dict)


def read_predictions(path: Path) -> Predictions:
    """Read the output of a run.

    A folder is read in the format `csv`, a file with a Parquet suffix in the format `parquet`, and any other
    file in the format `submission`. Raises InputNotFound, SubmissionMalformed, PredictionsMalformed or
    DependencyMissing.
    """
    if path.is_dir():
        return _predictions_from_csv_folder(path)
    if path.suffix.lower() in FORMATS["parquet"].suffixes and path.is_file():
        return _predictions_from_parquet(path)
    report = FORMATS["submission"].report_path(path)
    layouts, statuses = layouts_from_report(report), statuses_from_report(report)
    return Predictions(read_submission(path), layouts=layouts, statuses=statuses)


def _predictions_from_csv_folder(folder: Path) -> Predictions:
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise PredictionsMalformed(folder, "it contains no NAME.csv")
    leads: Submission = {}
    layouts: dict[str, str] = {}
    statuses = statuses_from_report(FORMATS["csv"].report_path(folder))
    for path in paths:
        metadata = path.with_suffix(".json")
        image = id_from_json(metadata) or path.stem
        if layout := layout_from_json(metadata):
            layouts[image] = layout
        if status := status_from_json(metadata):
            statuses[image] = status
        try:
            leads[image] = dict(read_truth(path).leads)  # the files have the format of the truth
        except TruthMalformed as error:
            raise PredictionsMalformed(path, error.message.removeprefix(f"{path}, ")) from error
    return Predictions(leads, dict.fromkeys(leads, RATE_HZ), layouts, statuses)


def _check_row(path: Path, number: int, row: Mapping[str, Any]) -> None:
    """Raise PredictionsMalformed unless the row of a lead has an id, a rate and samples that are usable."""
    if not isinstance(row["page_id"], str):
        raise PredictionsMalformed(path, f"row {number} has no page_id")
    if row["lead"] not in ALL_LEADS:
        return
    rate_hz, samples = row["rate_hz"], row["mv"]
    if not isinstance(rate_hz, int | float) or not 0 < rate_hz <= MAX_RATE_HZ:
        problem = f"rate_hz of row {number} is {rate_hz}, which is not between 0 and {MAX_RATE_HZ:g}"
        raise PredictionsMalformed(path, problem)
    is_list = isinstance(samples, list) and all(isinstance(value, int | float) for value in samples)
    if not is_list or not np.isfinite(np.array(samples, np.float64)).all():
        raise PredictionsMalformed(path, f"mv of row {number} is not a list of finite numbers")


def _predictions_from_parquet(path: Path) -> Predictions:
    with missing_dependency_as_error("reading Parquet", "pyarrow", "parquet"):
        import pyarrow as pa
        from pyarrow import parquet
    try:
        rows = parquet.read_table(path, columns=[*_COLUMNS, _STATUS]).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise PredictionsMalformed(path, str(error)) from error
    if rows and not set(_COLUMNS) <= set(rows[0]):
        raise PredictionsMalformed(path, f"it lacks one of the columns {', '.join(_COLUMNS)}")
    leads: Submission = {}
    rates_hz: dict[str, float] = {}
    layouts: dict[str, str] = {}
    statuses: dict[str, str] = {}
    for number, row in enumerate(rows, start=1):
        _check_row(path, number, row)
        image_leads = leads.setdefault(row["page_id"], {})  # a failed page has a row without a lead
        statuses[row["page_id"]] = row.get(_STATUS) or ""
        if row["lead"] in ALL_LEADS:
            image_leads[row["lead"]] = np.array(row["mv"], np.float64)
            rates_hz[row["page_id"]] = float(row["rate_hz"])
            layouts[row["page_id"]] = row["layout"] or ""
    return Predictions(leads, rates_hz, layouts, statuses)
