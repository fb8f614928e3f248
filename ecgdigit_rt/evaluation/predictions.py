"""What `run` wrote, read back to be scored: submission.csv, a folder of NAME.csv, or a Parquet file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ecgdigit_rt.errors import PredictionsMalformed, TruthMalformed
from ecgdigit_rt.evaluation.page_layouts import id_from_json, layout_from_json, layouts_from_report
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.signal_table import RATE_HZ
from ecgdigit_rt.formats.submission_csv import Submission, read_submission
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import LEADS
from ecgdigit_rt.runs.report import report_path

_COLUMNS = ("page_id", "lead", "rate_hz", "layout", "mv")


@dataclass(frozen=True, slots=True)
class Predictions:
    """leads: image id → lead → (samples,) mV. rates_hz, layouts: of the images of which they are known."""

    leads: Submission
    rates_hz: Mapping[str, float] = field(default_factory=dict)
    layouts: Mapping[str, str] = field(default_factory=dict)


def read_predictions(path: Path) -> Predictions:
    """Read a run's output; a folder and the suffix tell which form it has.

    Raises InputNotFound, SubmissionMalformed, PredictionsMalformed and DependencyMissing.
    """
    if path.is_dir():
        return _from_csv_pages(path)
    if path.suffix.lower() in FORMATS["parquet"].suffixes and path.is_file():
        return _from_parquet(path)
    return Predictions(read_submission(path), layouts=layouts_from_report(report_path(path)))


def _from_csv_pages(folder: Path) -> Predictions:
    paths = sorted(folder.glob("*.csv"))
    if not paths:
        raise PredictionsMalformed(folder, "no NAME.csv is in it")
    leads: Submission = {}
    layouts: dict[str, str] = {}
    for path in paths:
        papers = path.with_suffix(".json")
        image = id_from_json(papers) or path.stem
        if layout := layout_from_json(papers):
            layouts[image] = layout
        try:
            leads[image] = dict(read_truth(path).leads)  # of the same form
        except TruthMalformed as error:
            raise PredictionsMalformed(path, error.message.removeprefix(f"{path}, ")) from error
    return Predictions(leads, dict.fromkeys(leads, RATE_HZ), layouts)


def _from_parquet(path: Path) -> Predictions:
    with missing_dependency_as_error("reading Parquet", "pyarrow", "parquet"):
        import pyarrow as pa
        from pyarrow import parquet
    try:
        lines = parquet.read_table(path, columns=list(_COLUMNS)).to_pylist()
    except (pa.ArrowInvalid, pa.ArrowKeyError, OSError) as error:
        raise PredictionsMalformed(path, str(error)) from error
    if lines and not set(_COLUMNS) <= set(lines[0]):
        raise PredictionsMalformed(path, f"its columns are not {', '.join(_COLUMNS)}")
    leads: Submission = {}
    rates: dict[str, float] = {}
    layouts: dict[str, str] = {}
    for line in lines:
        of_image = leads.setdefault(line["page_id"], {})  # a page that failed has no lead
        if line["lead"] in LEADS:
            of_image[line["lead"]] = np.array(line["mv"], np.float64)
            rates[line["page_id"]] = float(line["rate_hz"])
            layouts[line["page_id"]] = line["layout"] or ""
    return Predictions(leads, rates, layouts)
