"""Every output format from end to end: written by the command line, read by the tools that people use."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
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
from numpy.typing import NDArray
from paper_page import (
    TruthDigitizer,
    digitized,
    scans_folder,
    signals,
    window_start_s,
    write_truth,
)
from pyarrow import parquet
from pydicom.waveforms.numpy_handler import multiplex_array

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.errors import OutputNotWritable
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats import parquet_file
from ecgdigit_rt.formats.dataframe import dataframe_from_page
from ecgdigit_rt.formats.dicom_folder import dicom_from_page
from ecgdigit_rt.formats.registry import FORMATS
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.formats.wfdb_folder import record_name, wfdb_from_page
from ecgdigit_rt.formats.writer import OutputDestination
from ecgdigit_rt.results import LEADS, Digitized, Failed, PageRef, Provenance

NAMES = ("01_render", "02 plan.é")
MAKER = Provenance("ecgdigit-rt 9.8.7", "lite 4.5.6", "onnxruntime 1.31 (cpu, fp32)")
CSV_MV, STEP_MV = 1e-5, 1e-3
"""What a CSV's or JSON's last decimal, and a 16-bit step, are worth. Rounding costs half of it."""

TARGETS = {
    "submission": "out/s.csv",
    "csv": "out/csv",
    "parquet": "out/s.parquet",
    "wfdb": "out/wfdb",
    "dicom": "out/dicom",
    "npz": "out/npz",
    "json": "out/s.jsonl",
}


def made(page: Digitized) -> Digitized:
    """The page with a maker and expected errors, as the real digitizer gives it."""
    leads = {name: replace(lead, expected_error_mv=0.0125) for name, lead in page.leads.items()}
    return replace(page, leads=leads, provenance=MAKER)


class Signing(TruthDigitizer):
    def _digitized(self, page: PageRef) -> Digitized:
        return made(super()._digitized(page))


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two pages whose truth is known and one that fails; their folder's parent as cwd."""
    folder = scans_folder(tmp_path, monkeypatch, NAMES, Signing)
    (folder / "03_bad.png").touch()
    return folder


def run(form: str, *more: str) -> Path:
    out = Path(TARGETS[form])
    assert exit_code(["run", "scans", "--out", str(out), "--format", form, *more]) == 2, "one page fails"
    return out


def shown(folder: Path) -> set[str]:
    """The names of a folder's files, but for those that a run hides."""
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def page(**changed: object) -> Digitized:
    return replace(made(digitized(PageRef(Path("scans/01_render.png")), signals(0))), **changed)  # type: ignore[arg-type]


def expected_table(seed: int) -> NDArray[np.float64]:
    table = np.full((5000, 12), np.nan)
    for column, (name, mv) in enumerate(signals(seed).items()):
        start = 0 if name == "II" else round(window_start_s(name) * 500)
        table[start : start + mv.size, column] = mv
    return table


def assert_near(got: object, expected: NDArray[np.float64], step: float) -> None:
    """NaN in the same places, else within half a step, and half of the truth's fourth and last decimal."""
    np.testing.assert_allclose(np.asarray(got, float), expected, rtol=0, atol=step / 2 + 5.1e-5)


def test_csv_is_what_evaluate_takes_as_truth(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = run("csv")
    names = [f"{name}.{end}" for name in NAMES for end in ("csv", "json")]
    assert shown(out) == {*names, "report.json"}
    for seed, name in enumerate(NAMES):
        frame = pd.read_csv(out / f"{name}.csv", index_col="time_s")
        assert list(frame.columns) == list(LEADS)
        np.testing.assert_allclose(frame.index, np.arange(5000) / 500)
        assert_near(frame, expected_table(seed), CSV_MV)
        truth = read_truth(out / f"{name}.csv")
        assert (truth.rate_hz, truth.leads["V4"].size) == (500, 1250)
    facts = json.loads((out / "01_render.json").read_text(encoding="utf-8"))
    assert facts["source"].endswith("01_render.png")
    assert (facts["software"], facts["models"], facts["unit"]) == (MAKER.software, MAKER.models, "mV")
    assert facts["leads"]["V1"]["start_s"] == 5
    assert facts["leads"]["V1"]["end_s"] == 7.5
    run("submission")
    capsys.readouterr()
    assert exit_code(["evaluate", TARGETS["submission"], str(out), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["score_db"] == pytest.approx(25.84, abs=0.01)


def test_parquet_is_ready_for_tables(scans: Path) -> None:
    out = run("parquet")
    table = parquet.read_table(out)
    assert table.num_rows == 2 * 12 + 1
    assert str(table.schema.field("mv").type) == "list<element: float>"
    frame = pd.read_parquet(out)
    lead = frame[(frame.page_id == NAMES[1]) & (frame.lead == "V4")].iloc[0]
    assert_near(lead.mv, signals(1)["V4"], 0)
    assert (lead.rate_hz, lead.start_s, lead.end_s, lead.unit) == (500, 7.5, 10, "mV")
    assert (lead.confidence, lead.expected_error_mv) == (0.97, 0.0125)
    assert (lead.software, lead.models, lead.device) == (MAKER.software, MAKER.models, MAKER.device)
    assert (lead.layout, lead.speed_mm_s, lead.gain_mm_mv, lead.page) == ("3x4+1", 25, 10, 1)
    bad = frame[frame.error_id.notna()].iloc[0]
    assert (bad.page_id, bad.error_id, pd.isna(bad.lead)) == ("03_bad", "E-INPUT-03", True)
    found = pl.read_parquet(out).filter(pl.col("lead") == "II")["mv"].list.len().to_list()
    assert found == [5000, 5000]
    query = f"SELECT page_id, list_max(mv) FROM '{out}' WHERE lead = 'I' ORDER BY page_id"
    with duckdb.connect() as connection:
        rows = connection.execute(query).fetchall()
    assert rows == [(n, pytest.approx(signals(k)["I"].max(), abs=1e-4)) for k, n in enumerate(NAMES)]


def test_wfdb_reads_as_millivolt(scans: Path) -> None:
    out = run("wfdb")
    second = record_name(NAMES[1])
    assert shown(out) == {
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
        MAKER.software,
        MAKER.models,
        "layout: 3x4+1, 25 mm/s, 10 mm/mV",
        "lead V1: printed from 5.0000 s to 7.5000 s, confidence 0.97, expected error 0.013 mV",
    ):
        assert words in comments


def test_record_names_are_safe_and_stay_apart() -> None:
    ids = ["01_render", "a b", "a_b", "a/b", "é", "x" * 80, "x" * 81, "report", ""]
    names = [record_name(one) for one in ids]
    assert len(set(names)) == len(ids)
    assert names[0] == "01_render"
    assert names == [record_name(one) for one in ids]
    for name in names:
        assert name.replace("_", "").replace("-", "").isascii()
        assert all(c.isalnum() or c in "_-" for c in name)
        assert 0 < len(name) <= 50


def test_dicom_is_a_twelve_lead_ecg(scans: Path) -> None:
    out = run("dicom")
    assert shown(out) == {*(f"{n}.dcm" for n in NAMES), "report.json"}
    for seed, name in enumerate(NAMES):
        found = pydicom.dcmread(out / f"{name}.dcm")
        assert found.SOPClassUID.name == "12-lead ECG Waveform Storage"
        (group,) = found.WaveformSequence
        assert (group.SamplingFrequency, group.NumberOfWaveformSamples) == (500, 5000)
        raw = multiplex_array(found, 0)
        padding = int.from_bytes(group.WaveformPaddingValue, "little", signed=True)
        microvolt = np.where(raw == padding, np.nan, multiplex_array(found, 0, as_raw=False))
        assert_near(microvolt / 1000, expected_table(seed), STEP_MV)
        channels = group.ChannelDefinitionSequence
        assert [channel.ChannelLabel for channel in channels] == list(LEADS)
        assert {c.ChannelSensitivityUnitsSequence[0].CodeValue for c in channels} == {"uV"}
    assert (found.Modality, found.PatientName, found.PatientID, found.StudyDate) == ("ECG", "", "", "")
    assert found.ManufacturerModelName == MAKER.models
    assert list(found.SoftwareVersions) == [MAKER.software, MAKER.models, MAKER.device]
    first, *windows = found.WaveformAnnotationSequence
    assert "padding value" in first.UnformattedTextValue
    assert "02 plan.é.png, page 1" in first.UnformattedTextValue
    assert list(windows[6].ReferencedWaveformChannels) == [1, 7]
    assert list(windows[6].ReferencedSamplePositions) == [2501, 3750]


def test_dicom_codes_are_those_of_the_standard() -> None:
    from pydicom.sr.codedict import codes

    standard = {code.value: code.meaning for code in codes.cid3001.concepts.values()}
    for channel in dicom_from_page(page()).WaveformSequence[0].ChannelDefinitionSequence:
        code = channel.ChannelSourceSequence[0]
        assert code.CodeMeaning == standard[code.CodeValue]
        assert channel.ChannelLabel in code.CodeMeaning
    lead_system = dicom_from_page(page()).AcquisitionContextSequence[0].ConceptCodeSequence[0]
    assert codes.cid3263.Unspecified12LeadSystem.value == lead_system.CodeValue


def test_dicom_of_fewer_leads_is_a_general_ecg() -> None:
    whole = page()
    few = dicom_from_page(replace(whole, leads={name: whole.leads[name] for name in ("V1", "II")}))
    assert few.SOPClassUID.name == "General ECG Waveform Storage"
    labels = [c.ChannelLabel for c in few.WaveformSequence[0].ChannelDefinitionSequence]
    assert labels == ["II", "V1"], "in the standard order"
    long = replace(whole.leads["II"], mv=np.zeros(16385, np.float32))
    much = dicom_from_page(replace(whole, leads={**whole.leads, "II": long}))
    assert much.SOPClassUID == few.SOPClassUID


@pytest.mark.parametrize("tool", ["dcmdump", "dciodvfy"])
def test_other_dicom_tools_agree(scans: Path, tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    done = subprocess.run(
        [tool, run("dicom") / "01_render.dcm"], capture_output=True, text=True, errors="replace", check=True
    )
    said = done.stdout + done.stderr
    assert "Error" not in said, said
    assert ("TwelveLeadECGWaveformStorage" if tool == "dcmdump" else "TwelveLeadECG") in said


def test_npz_loads_without_pickle(scans: Path) -> None:
    out = run("npz")
    with np.load(out / f"{NAMES[1]}.npz", allow_pickle=False) as found:
        assert found["leads"].tolist() == list(LEADS)
        for name, mv in signals(1).items():
            assert found[name].dtype == np.float32
            assert_near(found[name], mv, 0)
        assert set(found["rate_hz"]) == {500}
        assert found["start_s"].tolist() == [0 if n == "II" else window_start_s(n) for n in LEADS]
        assert found["end_s"][LEADS.index("V6")] == 10
        facts = json.loads(str(found["facts"]))
    assert (facts["id"], facts["unit"], facts["models"]) == (NAMES[1], "mV", MAKER.models)


def schema() -> dict[str, object]:
    text = files("ecgdigit_rt.formats").joinpath("page.schema.json").read_text(encoding="utf-8")
    found: dict[str, object] = json.loads(text)
    return found


def test_json_lines_obey_their_schema(scans: Path) -> None:
    lines = run("json").read_text(encoding="utf-8").splitlines()
    pages = [json.loads(line) for line in lines]
    jsonschema.Draft202012Validator.check_schema(schema())
    for one in pages:
        jsonschema.validate(one, schema(), jsonschema.Draft202012Validator)
    assert [(one["id"], one["status"]) for one in pages] == [
        (NAMES[0], "digitized"), (NAMES[1], "digitized"), ("03_bad", "failed")
    ]  # fmt: skip
    assert pages[2]["error_id"] == "E-INPUT-03"
    lead = pages[1]["leads"]["aVR"]
    assert (lead["start_s"], lead["end_s"], lead["samples"]) == (2.5, 5, 1250)
    assert_near(lead["mv"], signals(1)["aVR"], CSV_MV)
    assert (pages[0]["software"], pages[0]["models"]) == (MAKER.software, MAKER.models)


def test_json_goes_to_stdout_too(scans: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code(["run", "scans", "--out", "-", "--format", "json"]) == 2
    assert [json.loads(line)["id"] for line in capsys.readouterr().out.splitlines()][-1] == "03_bad"
    assert not list(Path().glob("*.json"))


def test_what_nobody_knows_is_null(scans: Path) -> None:
    plain = digitized(PageRef(Path("a.png"), 2), {"I": signals(0)["I"]})
    with FORMATS["json"].opener(OutputDestination(Path("s.jsonl"))) as writer:
        writer.write("a_p3", plain)
    found = json.loads(Path("s.jsonl").read_text(encoding="utf-8"))
    jsonschema.validate(found, schema(), jsonschema.Draft202012Validator)
    assert (found["page"], found["software"], found["expected_db"]) == (3, None, None)
    assert found["leads"]["I"]["expected_error_mv"] is None
    assert (found["status"], len(found["missing"])) == ("partial", 11)


@pytest.mark.parametrize("form", FORMATS)
def test_the_report_names_every_page(scans: Path, form: str) -> None:
    out = run(form)
    report = out / "report.json" if out.is_dir() else out.with_name("s.report.json")
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    assert [r["status"] for r in results] == ["digitized", "digitized", "failed"]
    beside = [report.name, f"{out.name}.journal", f"{out.name}.spool"]  # it is kept: one page failed
    assert {path.name for path in out.parent.iterdir()} == {out.name, *([] if out.is_dir() else beside)}


@pytest.mark.parametrize("form", FORMATS)
def test_a_second_run_replaces_the_first(scans: Path, form: str) -> None:
    before = {path.name for path in run(form).rglob("*")}
    write_truth(TruthDigitizer.truth / "01_render.csv", signals(7))
    out = run(form, "--restart")
    assert {path.name for path in out.rglob("*")} == before
    assert_near(lead_one(form, out), signals(7)["I"], STEP_MV)


def lead_one(form: str, out: Path) -> object:
    """Lead I of the first page, which is printed from the record's start."""
    if form == "submission":
        return read_submission(out)["01_render"]["I"]
    if form == "csv":
        return pd.read_csv(out / "01_render.csv")["I"][:1250]
    if form == "parquet":
        return parquet.read_table(out)["mv"][0].as_py()
    if form == "wfdb":
        return wfdb.rdrecord(str(out / "01_render")).p_signal[:1250, 0]
    if form == "dicom":
        return multiplex_array(pydicom.dcmread(out / "01_render.dcm"), 0)[:1250, 0] / 1000
    if form == "npz":
        return np.load(out / "01_render.npz")["I"]
    return json.loads(out.read_text(encoding="utf-8").splitlines()[0])["leads"]["I"]["mv"]


@pytest.mark.parametrize("form", FORMATS)
def test_an_interrupt_leaves_nothing_half(tmp_path: Path, form: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), FORMATS[form].opener(OutputDestination(out)) as writer:
        writer.write("1", page())
        if not FORMATS[form].is_folder:
            assert not out.exists(), "it appears when it is whole"
        raise KeyboardInterrupt
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not [name for name in left if name.endswith(".part")]
    assert bool(left) == FORMATS[form].is_folder, "whole files of pages that were done stay"


@pytest.mark.parametrize("form", FORMATS)
def test_a_page_without_leads_has_no_file(tmp_path: Path, form: str) -> None:
    with FORMATS[form].opener(OutputDestination(tmp_path / "out")) as writer:
        writer.write("1", page(leads={}))
        writer.write("2", Failed(PageRef(Path("2.png")), "E-GRID-01", "no grid", ""))
    assert (tmp_path / "out").exists() != FORMATS[form].is_folder


@pytest.mark.parametrize("form", FORMATS)
def test_an_unwritable_target_is_named_before_a_page_is_read(tmp_path: Path, form: str) -> None:
    (tmp_path / "file").write_text("")
    targets = [tmp_path / "file" / "out"]
    targets.append(tmp_path / "file" if FORMATS[form].is_folder else tmp_path)
    for path in targets:
        with pytest.raises(OutputNotWritable) as caught, FORMATS[form].opener(OutputDestination(path)):
            pytest.fail("it was opened")
        assert caught.value.path == path
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_full_disk_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with (
        pytest.raises(OutputNotWritable, match="No space left"),
        FORMATS["npz"].opener(OutputDestination(tmp_path / "out")) as writer,
    ):
        writer.write("1", page())
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("form", "package"), [("parquet", "pyarrow"), ("wfdb", "wfdb"), ("dicom", "pydicom")]
)
def test_a_missing_package_is_named_with_its_extra(
    scans: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert exit_code(["run", "scans", "--out", TARGETS[form], "--format", form]) == 3
    said = capsys.readouterr().err
    assert f"pip install 'ecgdigit-rt[{form}]'" in said
    assert "device" not in said, "before the models are loaded"
    assert not Path("out").exists()


def test_row_groups_go_out_as_pages_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "PAGES_A_GROUP", 2)
    with FORMATS["parquet"].opener(OutputDestination(tmp_path / "s.parquet")) as writer:
        for k in range(5):
            writer.write(str(k), page())
    found = parquet.ParquetFile(tmp_path / "s.parquet").metadata
    assert [found.row_group(k).num_rows for k in range(found.num_row_groups)] == [24, 24, 12]


def test_a_data_frame_of_a_page() -> None:
    frame = dataframe_from_page(page())
    assert (frame.index.name, list(frame.columns)) == ("time_s", list(LEADS))
    assert_near(frame, expected_table(0), 0)
    assert frame.loc[5.0:5.1, "V1"].notna().all()
    assert frame.attrs["models"] == MAKER.models
    assert frame.attrs["leads"]["V1"]["end_s"] == 7.5


def test_a_record_of_a_page(tmp_path: Path) -> None:
    assert wfdb_from_page(page(), tmp_path / "new" / "x.hea") == tmp_path / "new" / "x.hea"
    assert wfdb.rdheader(str(tmp_path / "new" / "x")).n_sig == 12
    assert wfdb_from_page(page(), tmp_path / "a b").name == f"{record_name('a b')}.hea"
    with pytest.raises(ValueError, match="no lead"):
        wfdb_from_page(page(leads={}), tmp_path / "y")
