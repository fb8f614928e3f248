"""Mistakes and damage that users can cause have named errors: none of them is reported as a bug."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from command_line import Capture, call
from paper_page import TruthDigitizer, scans_folder, signals, write_truth
from scripted_digitizer import install_scripted_digitizer, write_scripted_pages

import ecgdigit_rt.models
from ecgdigit_rt.errors import InternalError, OutOfMemory, named_error

LITE = Path(ecgdigit_rt.models.__file__).parent / "lite"
EXAMPLE = Path(__file__).parents[2] / "examples" / "000001_colour_scan.jpg"
DEEP = "[" * 100_000 + "]" * 100_000


def failure(capsys: Capture, *arguments: str | Path) -> tuple[int, str]:
    """Run a command that fails. Return its exit code and its messages, and check that they report no bug."""
    code, _, messages = call(capsys, *arguments)
    assert code != 0
    assert "E-BUG-01" not in messages
    return code, messages


def test_deeply_nested_report(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "r.json").write_text(DEEP)
    assert "[E-REPORT-01]" in failure(capsys, "report", tmp_path / "r.json")[1]


def test_deeply_nested_manifest(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "manifest.json").write_text(DEEP)
    messages = failure(capsys, "run", EXAMPLE, "--out", tmp_path / "x.csv", "--models", tmp_path)[1]
    assert "[E-MODEL-02]" in messages


def test_deeply_nested_journal(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    scans_folder(tmp_path, monkeypatch, ["a"], TruthDigitizer)
    Path("s.csv.journal").write_text(DEEP + "\n")
    assert "[E-JOURNAL-02]" in failure(capsys, "run", "scans", "--out", "s.csv")[1]
    Path("s.csv.journal").unlink()
    assert call(capsys, "run", "scans", "--out", "s.csv")[0] == 0
    with Path("s.csv.journal").open("a") as journal:
        journal.write(DEEP + "\n")
    assert call(capsys, "run", "scans", "--out", "s.csv")[0] == 0, "a damaged line is skipped"


def test_deeply_nested_metadata_of_a_page(tmp_path: Path, capsys: Capture) -> None:
    for folder in ("out", "truth"):
        (tmp_path / folder).mkdir()
        write_truth(tmp_path / folder / "a.csv", signals(0))
        (tmp_path / folder / "a.json").write_text(DEEP)
    (tmp_path / "out" / "report.json").write_text(DEEP)
    assert call(capsys, "evaluate", tmp_path / "out", tmp_path / "truth")[0] == 0


def test_deeply_nested_manifest_of_an_engine(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "x.json").write_text(DEEP)
    code, out, messages = call(capsys, "engines", "list", "--out", tmp_path)
    assert (code, "damaged" in out, "E-BUG" in messages) == (0, True, False)


def models_with(folder: Path, graph: bytes, stages: tuple[str, ...] = ("locate", "grid", "trace")) -> Path:
    """Return a copy of the shipped models in which the graphs of these stages are replaced, with digests."""
    shutil.copytree(LITE, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    for stage in stages:
        for entry in manifest["stages"][stage]["graphs"].values():
            (folder / entry["file"]).write_bytes(graph)
            entry["sha256"] = hashlib.sha256(graph).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_models_that_are_no_graphs(tmp_path: Path, capsys: Capture, backend: str) -> None:
    pytest.importorskip(backend)
    models = models_with(tmp_path / "models", b"garbage" * 100)
    arguments = ("run", EXAMPLE, "--out", tmp_path / "x.csv", "--models", models, "--backend", backend)
    code, messages = failure(capsys, *arguments)
    assert code == 3
    assert "The network locate of models" in messages
    assert "[E-MODEL-03]" in messages


def test_models_of_another_stage(tmp_path: Path, capsys: Capture) -> None:
    models = models_with(tmp_path / "models", (LITE / "locate.onnx").read_bytes(), ("grid",))
    arguments = ("run", EXAMPLE, "--out", tmp_path / "x.csv", "--models", models)
    assert "grid of models" in failure(capsys, *arguments)[1]
    assert "it has no output phase" in failure(capsys, *arguments)[1]


def parquet_predictions(path: Path, **changes: object) -> Path:
    """Write the predictions of one page with one lead."""
    import pyarrow as pa
    from pyarrow import parquet

    row = {
        "page_id": "a",
        "lead": "I",
        "rate_hz": 500.0,
        "layout": "3x4+1",
        "status": "digitized",
        "mv": [0.0] * 1250,
    }
    columns: Mapping[str, list[object]] = {name: [value] for name, value in {**row, **changes}.items()}
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        *({"rate_hz": rate} for rate in (np.nan, np.inf, -np.inf, 0.0, -500.0, 1e300, None, "fast")),
        *({"mv": samples} for samples in ([0.0, np.nan], [np.inf], None, ["x"], 5.0)),
        {"page_id": None},
    ],
    ids=str,
)
def test_unusable_numbers_in_predictions(tmp_path: Path, capsys: Capture, changes: dict[str, object]) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "truth").mkdir()
    write_truth(tmp_path / "truth" / "a.csv", signals(0))
    valid = parquet_predictions(tmp_path / "valid.parquet")
    assert call(capsys, "evaluate", valid, tmp_path / "truth")[0] == 0
    invalid = parquet_predictions(tmp_path / "invalid.parquet", **changes)
    assert "[E-SUBMISSION-02]" in failure(capsys, "evaluate", invalid, tmp_path / "truth")[1]


def test_export_of_weights_that_are_missing_or_damaged(tmp_path: Path, capsys: Capture) -> None:
    torch = pytest.importorskip("torch")
    from ecgdigit_export.models.families import stage_network

    def export(*more: str | Path) -> str:
        arguments = ("export", tmp_path, "--out", tmp_path / "out", "--model-version", "1", *more)
        return failure(capsys, *arguments)[1]

    assert "locate.pt: the file does not exist" in export()
    for content, problem in ((b"garbage", "not a checkpoint"), (b"", "not a checkpoint")):
        (tmp_path / "locate.pt").write_bytes(content)
        assert problem in export()
    torch.save([1], tmp_path / "locate.pt")
    assert "not a checkpoint" in export()
    weights = {"weights": stage_network("lite", "grid").state_dict(), "step": 1, "options": {}}
    torch.save(weights, tmp_path / "locate.pt")
    messages = export()
    assert "they do not fit the network lite locate" in messages
    assert "[E-TRAIN-06]" in messages
    assert "[E-BACKEND-02]" in export("--family", "huge")


@pytest.fixture
def pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Write pages whose digitization takes a moment. Return the environment of the commands."""
    monkeypatch.chdir(tmp_path)
    write_scripted_pages(tmp_path, [f"p{number:02}" for number in range(30)])
    return install_scripted_digitizer(tmp_path)


@pytest.mark.skipif(os.name == "nt", reason="Windows does not delete open files")
@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("is_moved", [False, True])
def test_output_folder_is_removed_during_the_run(
    tmp_path: Path, pages: dict[str, str], form: str, is_moved: bool
) -> None:
    out = tmp_path / "out" if form == "csv" else tmp_path / "out" / "o.parquet"
    out.parent.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "ecgdigit_rt", "run", "scans", "--out", str(out), "--format", form]
    process = subprocess.Popen(command, env=pages, stderr=subprocess.PIPE, text=True)
    journal = out / ".csv.journal" if form == "csv" else out.with_name("o.parquet.journal")
    while process.poll() is None and not (journal.exists() and b'"page"' in journal.read_bytes()):
        time.sleep(0.01)
    (tmp_path / "out").rename(tmp_path / "moved")
    if not is_moved:
        shutil.rmtree(tmp_path / "moved")
    messages = process.communicate(timeout=100)[1]
    assert process.returncode == 4, messages
    assert "it was deleted or moved during the run" in messages
    assert "[E-OUTPUT-01]" in messages
    again = subprocess.run(command, env=pages, capture_output=True, text=True, check=False, timeout=100)
    assert again.returncode == 0, again.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a folder in which no file can be created")
def test_unwritable_folder_is_not_in_use(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In /proc, files cannot be created although its permissions allow it to root."""
    scans_folder(tmp_path, monkeypatch, ["a"], TruthDigitizer)
    code, messages = failure(capsys, "run", "scans", "--out", "/proc/s.csv")
    assert (code, "[E-OUTPUT-01]" in messages, "another run" in messages) == (4, True, False)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="macOS does not limit the address space")
def test_small_address_space(tmp_path: Path) -> None:
    """With this limit, a library waits for memory forever while it is loaded."""
    command = f"ulimit -v 700000; exec {sys.executable} -m ecgdigit_rt run {EXAMPLE} --out {tmp_path}/x.csv"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 3, done.stderr
    assert "limited to 0.7 GB" in done.stderr
    assert "[E-MEMORY-01]" in done.stderr


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("can't start new thread"),
        RuntimeError("Exception from src/inference/src/cpp/core.cpp:117:\nstd::bad_alloc\n"),
        ImportError("libopenvino.so: failed to map segment from shared object"),
        OSError(12, "Cannot allocate memory"),
    ],
    ids=str,
)
def test_exhausted_memory_of_libraries(
    error: Exception, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("ecgdigit_rt.evaluation.predictions.read_predictions", fail)
    assert "[E-PAGE-05]" in failure(capsys, "evaluate", "x", "y")[1]
    assert isinstance(named_error(error), OutOfMemory)
    assert isinstance(named_error(ValueError("allocated twice")), InternalError)
