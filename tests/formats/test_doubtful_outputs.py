"""Status and doubts of pages in every output format."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any

import duckdb
import jsonschema
import numpy as np
import pydicom
import pytest
import wfdb
from doubtful_pages import DOUBTS, METADATA, DoubtfulDigitizer, doubtful_page
from format_runs import TARGETS, run_format
from paper_page import scans_folder, signals
from pyarrow import parquet

from ecgdigit_rt import Doubt
from ecgdigit_rt.formats.dataframe import dataframe_from_page
from ecgdigit_rt.formats.dicom_folder import dicom_from_page
from ecgdigit_rt.formats.json_lines import JsonLinesWriter
from ecgdigit_rt.formats.metadata import page_comments
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.results import PageRef

NAMES = ("01_render", "02_doubt")
COMMENTS = [f"doubt: {doubt}" for doubt in DOUBTS]


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One page without doubts, one doubtful page, and a damaged one."""
    folder = scans_folder(tmp_path, monkeypatch, NAMES, DoubtfulDigitizer)
    (folder / "03_bad.png").touch()
    return folder


def metadata(fmt: str, out: Path, name: str) -> dict[str, Any]:
    """Return the JSON metadata of a page in an output."""
    if fmt == "csv":
        text = (out / f"{name}.json").read_text(encoding="utf-8")
    elif fmt == "npz":
        text = str(np.load(out / f"{name}.npz")["metadata"])
    else:
        text = out.read_text(encoding="utf-8").splitlines()[NAMES.index(name)]
    document: dict[str, Any] = json.loads(text)
    return document


@pytest.mark.parametrize("fmt", ["csv", "npz", "json"])
def test_json_metadata_has_status_and_doubts(scans: Path, fmt: str) -> None:
    out = run_format(fmt)
    clear, doubtful = (metadata(fmt, out, name) for name in NAMES)
    assert (clear["status"], clear["doubts"]) == ("digitized", [])
    assert (doubtful["status"], doubtful["doubts"]) == ("doubtful", METADATA)
    assert doubtful["expected_db"] < clear["expected_db"]


def test_parquet_has_status_and_doubts(scans: Path) -> None:
    out = run_format("parquet")
    rows = parquet.read_table(out).to_pylist()
    statuses = {row["page_id"]: row["status"] for row in rows}
    assert statuses == {NAMES[0]: "digitized", NAMES[1]: "doubtful", "03_bad": "failed"}
    assert all(row["doubts"] == METADATA for row in rows if row["page_id"] == NAMES[1])
    assert rows[0]["doubts"] == rows[0]["missing"] == []
    assert rows[-1]["doubts"] is None
    query = (
        f"SELECT DISTINCT page_id, unnest(doubts, recursive := true) FROM '{out}' WHERE status = 'doubtful'"
    )
    with duckdb.connect() as connection:
        found = connection.execute(query).fetchall()
    assert sorted(found) == [(NAMES[1], doubt.id, doubt.message) for doubt in DOUBTS]


def test_parquet_lists_missing_leads(tmp_path: Path) -> None:
    page = doubtful_page()
    leads = {name: lead for name, lead in page.leads.items() if name not in {"V5", "aVR"}}
    path = tmp_path / "s.parquet"
    with FORMATS["parquet"].open_writer(OutputDestination(path)) as writer:
        writer.write("page", replace(page, leads=leads))
    row = parquet.read_table(path).to_pylist()[0]
    assert (row["status"], row["missing"]) == ("doubtful", ["aVR", "V5"])


def test_wfdb_has_one_comment_per_doubt(scans: Path) -> None:
    out = run_format("wfdb")
    clear, doubtful = (wfdb.rdheader(str(out / name)).comments for name in NAMES)
    assert "status: digitized" in clear
    assert "status: doubtful" in doubtful
    assert not [comment for comment in clear if comment.startswith("doubt:")]
    found = [comment for comment in doubtful if comment.startswith("doubt:")]
    assert found == [comment.replace("−", "\\u2212") for comment in COMMENTS]


def test_dicom_has_one_annotation_per_doubt(scans: Path) -> None:
    out = run_format("dicom")
    clear, doubtful = (
        [
            item.UnformattedTextValue
            for item in pydicom.dcmread(out / f"{name}.dcm").WaveformAnnotationSequence
        ]
        for name in NAMES
    )
    assert "status: digitized" in clear[0]
    assert "status: doubtful" in doubtful[0]
    assert doubtful[1:3] == COMMENTS
    assert len(doubtful) == len(clear) + 2


def test_long_annotations_of_dicom_do_not_displace_doubts() -> None:
    page = replace(doubtful_page(), source=PageRef(Path("x" * 2000)), notes=("y" * 2000,))
    texts = [item.UnformattedTextValue for item in dicom_from_page(page).WaveformAnnotationSequence]
    assert texts[1:3] == COMMENTS


def test_doubtful_pages_are_part_of_a_submission(scans: Path) -> None:
    Path("test.csv").write_text("id,lead,fs,number_of_rows\n02_doubt,V2,500,1250\n03_bad,I,500,9\n")
    submission = read_submission(run_format("submission", "--test", "test.csv"))
    np.testing.assert_allclose(submission["02_doubt"]["V2"], signals(1)["V2"], atol=1e-4)


def test_dataframe_attributes_have_doubts() -> None:
    attributes = dataframe_from_page(doubtful_page()).attrs
    assert (attributes["status"], attributes["doubts"]) == ("doubtful", METADATA)


def test_schema_accepts_doubts_of_doubtful_pages_only(scans: Path) -> None:
    schema = json.loads(files("ecgdigit_rt.formats").joinpath("page.schema.json").read_text(encoding="utf-8"))
    validator = jsonschema.Draft202012Validator(schema)
    run_format("json")
    clear, doubtful = (metadata("json", Path(TARGETS["json"]), name) for name in NAMES)
    assert validator.is_valid(clear)
    assert validator.is_valid(doubtful)
    assert not validator.is_valid({**clear, "status": "doubtful"})
    assert not validator.is_valid({**doubtful, "status": "digitized"})
    assert not validator.is_valid({**doubtful, "status": "partial"})
    changed = copy.deepcopy(doubtful)
    changed["doubts"][0]["id"] = "E-LEADS-01"
    assert not validator.is_valid(changed)


def test_unknown_expected_quality_of_a_doubtful_page_is_null(tmp_path: Path) -> None:
    with JsonLinesWriter(OutputDestination(tmp_path / "s.jsonl")) as writer:
        writer.write("page", doubtful_page())
    line = json.loads((tmp_path / "s.jsonl").read_text(encoding="utf-8"))
    assert (line["expected_db"], line["status"]) == (None, "doubtful")


def test_status_follows_from_doubts() -> None:
    page = doubtful_page()
    assert page.status == "doubtful"
    assert repr(page).endswith("dB, doubtful: D-LAYOUT-01, D-LEADS-01>")
    clear = replace(page, doubts=())
    assert clear.status == "digitized"
    assert "doubtful" not in repr(clear)
    assert "status: digitized" in page_comments(clear)
    assert str(Doubt("D-GAIN-01", "5 or 10 mm/mV.")) == "5 or 10 mm/mV. [D-GAIN-01]"
