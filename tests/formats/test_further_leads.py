"""Right-sided and posterior chest leads in every output format."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import jsonschema
import numpy as np
import pytest
import wfdb
from paper_page import digitized_page, signals
from pyarrow import parquet
from pydicom.sr.codedict import codes

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.formats.dicom_folder import dicom_from_page
from ecgdigit_rt.formats.json_lines import JsonLinesWriter
from ecgdigit_rt.formats.metadata import missing_leads
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.formats.signal_table import lead_names
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.formats.wfdb_folder import wfdb_from_page
from ecgdigit_rt.results import ALL_LEADS, FURTHER_LEADS, Digitized, PageRef, Row, Segment
from ecgdigit_rt.tracing.ecg_check import confident_leads

NAME = "page"


def further_page() -> Digitized:
    """Return a page with the standard leads and, in an additional row each, the further leads."""
    page = digitized_page(PageRef(Path(f"{NAME}.png")), signals(0))
    further = {
        name: replace(page.leads["V1"], name=name, start_s=0.0, mv=page.leads["V1"].mv + np.float32(k + 1))
        for k, name in enumerate(FURTHER_LEADS)
    }
    rows = tuple(
        Row(200 + 10 * k, (Segment(name, 15, 77.5, 0, 2.5),)) for k, name in enumerate(FURTHER_LEADS)
    )
    leads = {**dict(reversed(further.items())), **page.leads}
    return replace(page, leads=leads, layout=replace(page.layout, rows=(*page.layout.rows, *rows)))


def written(fmt: str, folder: Path) -> Path:
    """Write the page in a format, and return the path of the output."""
    out = folder / f"out{'' if FORMATS[fmt].is_folder else FORMATS[fmt].suffixes[0]}"
    with FORMATS[fmt].open_writer(OutputDestination(out)) as writer:
        writer.write(NAME, further_page())
    return out


def test_they_follow_the_standard_leads() -> None:
    page = further_page()
    assert lead_names(page) == list(ALL_LEADS)
    assert csv_from_page(page).splitlines()[0] == ",".join(["time_s", *ALL_LEADS])
    without = {name: lead for name, lead in page.leads.items() if name not in {"V8", "V2"}}
    assert missing_leads(replace(page, leads=without)) == ["V2", "V8"]


def test_confident_further_leads_are_returned() -> None:
    leads = [lead for lead in further_page().leads.values() if lead.name in {"V7", "V4R", "II"}]
    assert list(confident_leads(leads)) == ["II", "V4R", "V7"]


def test_dicom_codes_match_the_standard() -> None:
    dataset = dicom_from_page(further_page())
    assert dataset.SOPClassUID.name == "General ECG Waveform Storage"
    standard = {code.value: code.meaning for code in codes.cid3001.concepts.values()}
    channels = dataset.WaveformSequence[0].ChannelDefinitionSequence
    assert [channel.ChannelLabel for channel in channels] == list(ALL_LEADS)
    for channel in channels:
        code = channel.ChannelSourceSequence[0]
        assert code.CodeMeaning == standard[code.CodeValue]
        assert channel.ChannelLabel in code.CodeMeaning.replace(",", "").split()


def test_json_is_valid() -> None:
    text = io.StringIO()
    with JsonLinesWriter(OutputDestination(Path("-"), text)) as writer:
        writer.write(NAME, further_page())
    schema = json.loads(files("ecgdigit_rt.formats").joinpath("page.schema.json").read_text(encoding="utf-8"))
    line = json.loads(text.getvalue())
    jsonschema.validate(line, schema, jsonschema.Draft202012Validator)
    assert list(line["leads"]) == list(ALL_LEADS)


def test_other_formats_contain_them(tmp_path: Path) -> None:
    page = further_page()
    record = wfdb.rdrecord(str(wfdb_from_page(page, tmp_path / NAME).with_suffix("")))
    assert record.sig_name == list(ALL_LEADS)
    table = parquet.read_table(written("parquet", tmp_path)).to_pylist()
    assert [row["lead"] for row in table] == list(ALL_LEADS)
    with np.load(written("npz", tmp_path) / f"{NAME}.npz") as arrays:
        assert np.array_equal(arrays["V9"], page.leads["V9"].mv)
    submission = read_submission(written("submission", tmp_path))
    assert list(submission[NAME]) == list(ALL_LEADS)


@pytest.mark.parametrize("fmt", ["submission", "csv", "parquet"])
def test_they_are_evaluated(tmp_path: Path, fmt: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / f"{NAME}.csv").write_text(csv_from_page(further_page()))
    assert set(read_truth(tmp_path / "truth" / f"{NAME}.csv").leads) == set(ALL_LEADS)
    arguments = ["evaluate", str(written(fmt, tmp_path)), str(tmp_path / "truth"), "--format", "json"]
    assert exit_code(arguments) == 0
    scores = json.loads(capsys.readouterr().out)
    assert list(scores["leads"]) == list(ALL_LEADS)
    assert scores["images"][0]["missing"] == []
