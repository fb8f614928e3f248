"""Contract of the output formats: tests that run over every format."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest
import wfdb
from format_runs import (
    STEP_MV,
    TARGETS,
    assert_near,
    page,
    run_format,
)
from paper_page import (
    TruthDigitizer,
    signals,
    write_truth,
)
from pyarrow import parquet
from pydicom.waveforms.numpy_handler import multiplex_array

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.errors import OutputNotWritable
from ecgdigit_rt.formats import parquet_file
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.results import Failed, PageRef


@pytest.mark.parametrize("fmt", FORMATS)
def test_report_lists_every_page(scans: Path, fmt: str) -> None:
    out = run_format(fmt)
    report = out / "report.json" if out.is_dir() else out.with_name("s.report.json")
    results = json.loads(report.read_text(encoding="utf-8"))["results"]
    assert [r["status"] for r in results] == ["digitized", "digitized", "failed"]
    others = [report.name, f"{out.name}.journal", f"{out.name}.spool"]  # stored to resume the failed page
    assert {path.name for path in out.parent.iterdir()} == {out.name, *([] if out.is_dir() else others)}


@pytest.mark.parametrize("fmt", FORMATS)
def test_second_run_replaces_the_output(scans: Path, fmt: str) -> None:
    before = {path.name for path in run_format(fmt).rglob("*")}
    write_truth(TruthDigitizer.truth / "01_render.csv", signals(7))
    out = run_format(fmt, "--restart")
    assert {path.name for path in out.rglob("*")} == before
    assert_near(first_lead(fmt, out), signals(7)["I"], STEP_MV)


def first_lead(fmt: str, out: Path) -> object:
    """Return lead I of the first page, which is printed from the start of the record."""
    if fmt == "submission":
        return read_submission(out)["01_render"]["I"]
    if fmt == "csv":
        return pd.read_csv(out / "01_render.csv")["I"][:1250]
    if fmt == "parquet":
        return parquet.read_table(out)["mv"][0].as_py()
    if fmt == "wfdb":
        return wfdb.rdrecord(str(out / "01_render")).p_signal[:1250, 0]
    if fmt == "dicom":
        return multiplex_array(pydicom.dcmread(out / "01_render.dcm"), 0)[:1250, 0] / 1000
    if fmt == "npz":
        return np.load(out / "01_render.npz")["I"]
    return json.loads(out.read_text(encoding="utf-8").splitlines()[0])["leads"]["I"]["mv"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_interrupt_leaves_no_partial_file(tmp_path: Path, fmt: str) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), FORMATS[fmt].open_writer(OutputDestination(out)) as writer:
        writer.write("1", page())
        if not FORMATS[fmt].is_folder:
            assert not out.exists(), "the file appears when it is complete"
        raise KeyboardInterrupt
    remaining = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert not [name for name in remaining if name.endswith(".part")]
    assert bool(remaining) == FORMATS[fmt].is_folder, "complete files of finished pages stay"


@pytest.mark.parametrize("fmt", FORMATS)
def test_page_without_leads_has_no_file(tmp_path: Path, fmt: str) -> None:
    with FORMATS[fmt].open_writer(OutputDestination(tmp_path / "out")) as writer:
        writer.write("1", page(leads={}))
        writer.write("2", Failed(PageRef(Path("2.png")), "E-GRID-01", "no grid", ""))
    assert (tmp_path / "out").exists() != FORMATS[fmt].is_folder


@pytest.mark.parametrize("fmt", FORMATS)
def test_unwritable_target_fails_before_the_first_page(tmp_path: Path, fmt: str) -> None:
    (tmp_path / "file").write_text("")
    targets = [tmp_path / "file" / "out"]
    targets.append(tmp_path / "file" if FORMATS[fmt].is_folder else tmp_path)
    for path in targets:
        with pytest.raises(OutputNotWritable) as caught, FORMATS[fmt].open_writer(OutputDestination(path)):
            pytest.fail("the writer was opened")
        assert caught.value.path == path
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_full_disk_raises_output_not_writable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", full)
    with (
        pytest.raises(OutputNotWritable, match="No space left"),
        FORMATS["npz"].open_writer(OutputDestination(tmp_path / "out")) as writer,
    ):
        writer.write("1", page())
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(("fmt", "package"), [("parquet", "pyarrow"), ("wfdb", "wfdb"), ("dicom", "pydicom")])
def test_missing_package_names_the_extra(
    scans: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], fmt: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    assert exit_code(["run", "scans", "--out", TARGETS[fmt], "--format", fmt]) == 3
    output = capsys.readouterr().err
    assert f"pip install 'ecgdigit-rt[{fmt}]'" in output
    assert "device" not in output, "fails before the models are loaded"
    assert not Path("out").exists()


def test_row_groups_are_written_during_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_file, "PAGES_PER_ROW_GROUP", 2)
    with FORMATS["parquet"].open_writer(OutputDestination(tmp_path / "s.parquet")) as writer:
        for k in range(5):
            writer.write(str(k), page())
    metadata = parquet.ParquetFile(tmp_path / "s.parquet").metadata
    assert [metadata.row_group(k).num_rows for k in range(metadata.num_row_groups)] == [24, 24, 12]
