"""Tests of every output format with the tools that read it."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import duckdb
import jsonschema
import numpy as np
import pandas as pd
import polars as pl
import pydicom
import pytest
import wfdb
from format_runs import (
    CSV_MV,
    NAMES,
    PROVENANCE,
    STEP_MV,
    TARGETS,
    assert_near,
    expected_table,
    page,
    run_format,
    visible_files,
)
from paper_page import (
    digitized_page,
    signals,
    window_start_s,
)
from pyarrow import parquet
from pydicom.waveforms.numpy_handler import multiplex_array

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.dataframe import dataframe_from_page
from ecgdigit_rt.formats.dicom_folder import dicom_from_page
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.formats.wfdb_folder import record_name, wfdb_from_page
from ecgdigit_rt.results import LEADS, PageRef


def test_csv_output_is_valid_truth_for_evaluate(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run_format("csv")
    names = [f"{name}.{end}" for name in NAMES for end in ("csv", "json")]
    assert visible_files(out) == {*names, "report.json"}
    for seed, name in enumerate(NAMES):
        frame = pd.read_csv(out / f"{name}.csv", index_col="time_s")
        assert list(frame.columns) == list(LEADS)
        np.testing.assert_allclose(frame.index, np.arange(5000) / 500)
        assert_near(frame, expected_table(seed), CSV_MV)
        truth = read_truth(out / f"{name}.csv")
        assert (truth.rate_hz, truth.leads["V4"].size) == (500, 1250)
    metadata = json.loads((out / "01_render.json").read_text(encoding="utf-8"))
    assert metadata["source"].endswith("01_render.png")
    assert (metadata["software"], metadata["models"], metadata["unit"]) == (
        PROVENANCE.software,
        PROVENANCE.models,
        "mV",
    )
    assert metadata["leads"]["V1"]["start_s"] == 5
    assert metadata["leads"]["V1"]["end_s"] == 7.5
    run_format("submission")
    capsys.readouterr()
    assert exit_code(["evaluate", TARGETS["submission"], str(out), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["score_db"] == pytest.approx(25.84, abs=0.01)


def test_parquet_reads_in_pandas_polars_and_duckdb(scans: Path) -> None:
    out = run_format("parquet")
    table = parquet.read_table(out)
    assert table.num_rows == 2 * 12 + 1
    assert str(table.schema.field("mv").type) == "list<element: float>"
    frame = pd.read_parquet(out)
    lead = frame[(frame.page_id == NAMES[1]) & (frame.lead == "V4")].iloc[0]
    assert_near(lead.mv, signals(1)["V4"], 0)
    assert (lead.rate_hz, lead.start_s, lead.end_s, lead.unit) == (500, 7.5, 10, "mV")
    assert (lead.confidence, lead.expected_error_mv) == (0.97, 0.0125)
    assert (lead.software, lead.models, lead.device) == (
        PROVENANCE.software,
        PROVENANCE.models,
        PROVENANCE.device,
    )
    assert (lead.layout, lead.speed_mm_s, lead.gain_mm_mv, lead.page) == ("3x4+1", 25, 10, 1)
    bad = frame[frame.error_id.notna()].iloc[0]
    assert (bad.page_id, bad.error_id, pd.isna(bad.lead)) == ("03_bad", "E-INPUT-03", True)
    counts = pl.read_parquet(out).filter(pl.col("lead") == "II")["mv"].list.len().to_list()
    assert counts == [5000, 5000]
    query = f"SELECT page_id, list_max(mv) FROM '{out}' WHERE lead = 'I' ORDER BY page_id"
    with duckdb.connect() as connection:
        rows = connection.execute(query).fetchall()
    assert rows == [(n, pytest.approx(signals(k)["I"].max(), abs=1e-4)) for k, n in enumerate(NAMES)]


def test_wfdb_reads_in_millivolts(scans: Path) -> None:
    out = run_format("wfdb")
    second = record_name(NAMES[1])
    assert visible_files(out) == {
        "report.json", *(f"{n}.{end}" for n in ("01_render", second) for end in ("hea", "dat"))
    }  # fmt: skip
    for seed, name in enumerate(("01_render", second)):
        record = wfdb.rdrecord(str(out / name))
        assert (record.fs, record.sig_name) == (500, list(LEADS))
        assert set(record.units) == {"mV"}
        assert set(record.fmt) == {"16"}
        assert_near(record.p_signal, expected_table(seed), STEP_MV)
    comments = "\n".join(record.comments)
    for words in (
        "page id: 02 plan.\\xe9",
        PROVENANCE.software,
        PROVENANCE.models,
        "layout: 3x4+1, 25 mm/s, 10 mm/mV",
        "lead V1: printed from 5.0000 s to 7.5000 s, confidence 0.97, expected error 0.013 mV",
    ):
        assert words in comments


def test_record_names_are_valid_and_unique() -> None:
    ids = ["01_render", "a b", "a_b", "a/b", "é", "x" * 80, "x" * 81, "report", ""]
    names = [record_name(page_id) for page_id in ids]
    assert len(set(names)) == len(ids)
    assert names[0] == "01_render"
    assert names == [record_name(page_id) for page_id in ids]
    for name in names:
        assert name.replace("_", "").replace("-", "").isascii()
        assert all(c.isalnum() or c in "_-" for c in name)
        assert 0 < len(name) <= 50


def test_dicom_is_a_twelve_lead_ecg(scans: Path) -> None:
    out = run_format("dicom")
    assert visible_files(out) == {*(f"{n}.dcm" for n in NAMES), "report.json"}
    for seed, name in enumerate(NAMES):
        dataset = pydicom.dcmread(out / f"{name}.dcm")
        assert dataset.SOPClassUID.name == "12-lead ECG Waveform Storage"
        (group,) = dataset.WaveformSequence
        assert (group.SamplingFrequency, group.NumberOfWaveformSamples) == (500, 5000)
        raw = multiplex_array(dataset, 0)
        padding = int.from_bytes(group.WaveformPaddingValue, "little", signed=True)
        microvolt = np.where(raw == padding, np.nan, multiplex_array(dataset, 0, as_raw=False))
        assert_near(microvolt / 1000, expected_table(seed), STEP_MV)
        channels = group.ChannelDefinitionSequence
        assert [channel.ChannelLabel for channel in channels] == list(LEADS)
        assert {c.ChannelSensitivityUnitsSequence[0].CodeValue for c in channels} == {"uV"}
    assert (dataset.Modality, dataset.PatientName, dataset.PatientID, dataset.StudyDate) == (
        "ECG",
        "",
        "",
        "",
    )
    assert dataset.ManufacturerModelName == PROVENANCE.models
    assert list(dataset.SoftwareVersions) == [PROVENANCE.software, PROVENANCE.models, PROVENANCE.device]
    first, *windows = dataset.WaveformAnnotationSequence
    assert "padding value" in first.UnformattedTextValue
    assert "02 plan.é.png, page 1" in first.UnformattedTextValue
    assert list(windows[6].ReferencedWaveformChannels) == [1, 7]
    assert list(windows[6].ReferencedSamplePositions) == [2501, 3750]


def test_dicom_codes_match_the_standard() -> None:
    from pydicom.sr.codedict import codes

    standard = {code.value: code.meaning for code in codes.cid3001.concepts.values()}
    for channel in dicom_from_page(page()).WaveformSequence[0].ChannelDefinitionSequence:
        code = channel.ChannelSourceSequence[0]
        assert code.CodeMeaning == standard[code.CodeValue]
        assert channel.ChannelLabel in code.CodeMeaning
    lead_system = dicom_from_page(page()).AcquisitionContextSequence[0].ConceptCodeSequence[0]
    assert codes.cid3263.Unspecified12LeadSystem.value == lead_system.CodeValue


def test_dicom_with_missing_leads_is_a_general_ecg() -> None:
    complete = page()
    partial = dicom_from_page(replace(complete, leads={name: complete.leads[name] for name in ("V1", "II")}))
    assert partial.SOPClassUID.name == "General ECG Waveform Storage"
    labels = [c.ChannelLabel for c in partial.WaveformSequence[0].ChannelDefinitionSequence]
    assert labels == ["II", "V1"], "in the standard order"
    long = replace(complete.leads["II"], mv=np.zeros(16385, np.float32))
    long_page = dicom_from_page(replace(complete, leads={**complete.leads, "II": long}))
    assert long_page.SOPClassUID == partial.SOPClassUID


@pytest.mark.parametrize("tool", ["dcmdump", "dciodvfy"])
def test_dicom_validates_with_other_tools(scans: Path, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    completed = subprocess.run(
        [tool, run_format("dicom") / "01_render.dcm"],
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
    )
    output = completed.stdout + completed.stderr
    assert "Error" not in output, output
    assert ("TwelveLeadECGWaveformStorage" if tool == "dcmdump" else "TwelveLeadECG") in output


def test_npz_loads_without_pickle(scans: Path) -> None:
    out = run_format("npz")
    with np.load(out / f"{NAMES[1]}.npz", allow_pickle=False) as arrays:
        assert arrays["leads"].tolist() == list(LEADS)
        for name, mv in signals(1).items():
            assert arrays[name].dtype == np.float32
            assert_near(arrays[name], mv, 0)
        assert set(arrays["rate_hz"]) == {500}
        assert arrays["start_s"].tolist() == [0 if n == "II" else window_start_s(n) for n in LEADS]
        assert arrays["end_s"][LEADS.index("V6")] == 10
        metadata = json.loads(str(arrays["metadata"]))
    assert (metadata["id"], metadata["unit"], metadata["models"]) == (NAMES[1], "mV", PROVENANCE.models)


def schema() -> dict[str, object]:
    text = files("ecgdigit_rt.formats").joinpath("page.schema.json").read_text(encoding="utf-8")
    document: dict[str, object] = json.loads(text)
    return document


def test_json_lines_validate_against_the_schema(scans: Path) -> None:
    lines = run_format("json").read_text(encoding="utf-8").splitlines()
    pages = [json.loads(line) for line in lines]
    jsonschema.Draft202012Validator.check_schema(schema())
    for line in pages:
        jsonschema.validate(line, schema(), jsonschema.Draft202012Validator)
    assert [(line["id"], line["status"]) for line in pages] == [
        (NAMES[0], "digitized"), (NAMES[1], "digitized"), ("03_bad", "failed")
    ]  # fmt: skip
    assert pages[2]["error_id"] == "E-INPUT-03"
    lead = pages[1]["leads"]["aVR"]
    assert (lead["start_s"], lead["end_s"], lead["samples"]) == (2.5, 5, 1250)
    assert_near(lead["mv"], signals(1)["aVR"], CSV_MV)
    assert (pages[0]["software"], pages[0]["models"]) == (PROVENANCE.software, PROVENANCE.models)


def test_json_streams_to_stdout(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["run", "scans", "--out", "-", "--format", "json"]) == 2
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()][-1] == "03_bad"
    assert not list(Path().glob("*.json"))


def test_unknown_values_are_null(scans: Path) -> None:
    plain = digitized_page(PageRef(Path("a.png"), 2), {"I": signals(0)["I"]})
    with FORMATS["json"].open_writer(OutputDestination(Path("s.jsonl"))) as writer:
        writer.write("a_p3", plain)
    line = json.loads(Path("s.jsonl").read_text(encoding="utf-8"))
    jsonschema.validate(line, schema(), jsonschema.Draft202012Validator)
    assert (line["page"], line["software"], line["expected_db"]) == (3, None, None)
    assert line["leads"]["I"]["expected_error_mv"] is None
    assert (line["status"], len(line["missing"])) == ("digitized", 11)


def test_dataframe_from_page() -> None:
    frame = dataframe_from_page(page())
    assert (frame.index.name, list(frame.columns)) == ("time_s", list(LEADS))
    assert_near(frame, expected_table(0), 0)
    assert frame.loc[5.0:5.1, "V1"].notna().all()
    assert frame.attrs["models"] == PROVENANCE.models
    assert frame.attrs["leads"]["V1"]["end_s"] == 7.5


def test_wfdb_from_page(tmp_path: Path) -> None:
    assert wfdb_from_page(page(), tmp_path / "new" / "x.hea") == tmp_path / "new" / "x.hea"
    assert wfdb.rdheader(str(tmp_path / "new" / "x")).n_sig == 12
    assert wfdb_from_page(page(), tmp_path / "a b").name == f"{record_name('a b')}.hea"
    with pytest.raises(ValueError, match="no lead"):
        wfdb_from_page(page(leads={}), tmp_path / "y")
