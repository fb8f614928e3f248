"""End-to-end tests of the command line with real image files, real output and every exit code."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import pytest
from command_line import Capture, call
from paper_page import TruthDigitizer, scans_folder, signals, write_page, write_truth

from ecgdigit_rt.cli.app import app
from ecgdigit_rt.formats.submission_csv import read_submission
from ecgdigit_rt.models import load_models

HEADER = "id,lead,fs,number_of_rows\n"
NAMES = ("01_render", "02_render")


def all_commands() -> list[list[str]]:
    """Return the words of every command, group, and command of a group."""
    groups = [(str(group.name), group.typer_instance) for group in app.registered_groups]
    return [
        *([str(command.name)] for command in app.registered_commands),
        *([name] for name, _ in groups),
        *(
            [name, str(command.name)]
            for name, group in groups
            if group is not None
            for command in group.registered_commands
        ),
    ]


@pytest.fixture
def scans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write two pages, install a digitizer that returns their truth, and make their parent folder current."""
    return scans_folder(tmp_path, monkeypatch, NAMES, TruthDigitizer)


def test_run_writes_a_submission_that_evaluate_scores(scans: Path, capsys: Capture) -> None:
    code, out, err = call(capsys, "run", scans, "--out", "out/submission.csv", "--overlay", "overlays")
    assert (code, out) == (0, "")
    assert "2 digitized · 0 failed" in err
    assert "note     results are the truth" in err
    submission = read_submission(Path("out/submission.csv"))
    assert list(submission) == list(NAMES)
    assert submission["01_render"]["II"].size == 5000
    for name in NAMES:
        assert cv2.imread(f"overlays/{name}.png") is not None
    report = json.loads(Path("out/submission.report.json").read_text(encoding="utf-8"))
    assert (report["digitized"], report["failed"]) == (2, 0)
    page = report["results"][0]
    assert page["leads"]["II"]["duration_s"] == 10
    assert page["layout"] == {"name": "3x4+1", "speed_mm_s": 25.0, "gain_mm_mv": 10.0}
    assert page["quality"]["residual_px"] == 0.21

    code, out, err = call(capsys, "evaluate", "out/submission.csv", "truth")
    assert (code, err) == (0, "")
    assert "score      25.84" in out
    code, out, _ = call(capsys, "evaluate", "out/submission.csv", "truth", "--format", "json")
    assert code == 0
    assert json.loads(out)["kinds"]["render"]["images"] == 2


def test_test_csv_determines_the_submission(scans: Path, capsys: Capture) -> None:
    (scans / "03_extra.png").write_bytes((scans / "01_render.png").read_bytes())
    lines = ["02_render,II,250,2500", "01_render,V3,1025,2562", "9,I,500,1250"]
    Path("test.csv").write_text(HEADER + "\n".join(lines) + "\n")
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--test", "test.csv")
    assert code == 2, "one requested image is missing"
    submission = read_submission(Path("s.csv"))
    counts = {image: {lead: mv.size for lead, mv in leads.items()} for image, leads in submission.items()}
    assert counts == {"02_render": {"II": 2500}, "01_render": {"V3": 2562}, "9": {"I": 1250}}
    assert not submission["9"]["I"].any()
    assert "[E-INPUT-07]" in err
    assert "1 skipped (not in test.csv)" in err
    code, out, _ = call(capsys, "evaluate", "s.csv", "truth", "--format", "json")
    by_image = {image["image"]: image for image in json.loads(out)["images"]}
    assert by_image["02_render"]["leads"]["II"]["db"] > 35
    assert by_image["01_render"]["leads"]["V3"]["db"] > 30
    assert json.loads(out)["without_truth"] == ["9"]


def test_failed_page_does_not_stop_the_others(scans: Path, capsys: Capture) -> None:
    (scans / "00_empty.png").touch()
    (scans / "03_text.jpg").write_text("not an image")
    write_page(scans / "04_no_truth.png", {})
    write_page(scans / "05_bug.png", {})
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--overlay", "overlays")
    assert code == 2
    assert "2 digitized · 4 failed" in err
    for words in ("00_empty.png", "E-INPUT-03", "E-GRID-01", "E-BUG-01"):
        assert words in err
    results = json.loads(Path("s.report.json").read_text(encoding="utf-8"))["results"]
    assert [r["status"] for r in results] == ["failed", *["digitized"] * 2, *["failed"] * 3]
    assert all(r["error_id"] and r["hint"] for r in results if r["status"] == "failed")
    assert list(read_submission(Path("s.csv"))) == list(NAMES)
    assert len(list(Path("overlays").glob("*.png"))) == 6


def test_requested_leads_of_failed_pages_are_zeros(scans: Path, capsys: Capture) -> None:
    (scans / "7.png").touch()
    Path("test.csv").write_text(HEADER + "7,I,250,625\n01_render,I,250,625\n")
    code, _, _ = call(capsys, "run", scans, "--out", "s.csv", "--test", "test.csv")
    submission = read_submission(Path("s.csv"))
    assert code == 2
    assert list(submission) == ["7", "01_render"]
    assert submission["7"]["I"].tolist() == [0.0] * 625
    assert submission["01_render"]["I"].any()


def test_missing_leads_are_reported(scans: Path, capsys: Capture) -> None:
    leads = signals(0)
    leads.pop("V5")
    write_truth(TruthDigitizer.truth / "01_render.csv", leads)
    code, _, err = call(capsys, "run", scans, "--out", "s.csv")
    assert code == 2
    assert "Leads not found: V5" in err
    assert "[E-LEADS-01]" in err
    page = json.loads(Path("s.report.json").read_text(encoding="utf-8"))["results"][0]
    assert (page["status"], page["error_id"], page["missing"]) == ("digitized", "E-LEADS-01", ["V5"])
    assert "2 digitized · 0 failed · 1 with missing leads" in err


def test_stdout_has_only_data(scans: Path, capsys: Capture) -> None:
    code, out, _ = call(capsys, "run", scans / "01_render.png", "--out", "-")
    assert code == 0
    assert out.startswith("id,value\n01_render_0_I,")
    assert out.count("\n") == 1 + 5000 + 11 * 1250
    assert not list(Path().glob("*.json"))


def test_equal_names_in_two_folders_get_distinct_ids(scans: Path, capsys: Capture) -> None:
    other = scans / "more"
    other.mkdir()
    write_page(other / "01_render.png", signals(5))
    code, _, _ = call(capsys, "run", scans, "--out", "s.csv", "--overlay", "overlays")
    assert code == 0
    names = {"more-01_render", "scans-01_render", "02_render"}
    assert set(read_submission(Path("s.csv"))) == names
    assert {path.stem for path in Path("overlays").iterdir()} == names
    Path("test.csv").write_text(HEADER + "01_render,I,500,1250\n")
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--test", "test.csv")
    assert code == 1
    assert "[E-INPUT-06]" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["run", "absent", "--out", "s.csv"], 1, "[E-INPUT-01]"),
        (["run", "truth", "--out", "s.csv"], 1, "[E-INPUT-02]"),
        (["run", "scans", "--out", "s.csv", "--test", "absent.csv"], 1, "[E-INPUT-01]"),
        (["run", "scans"], 1, "--out"),
        (["run", "scans", "--out", "s.csv", "--threads", "0"], 1, "--threads"),
        (["run", "scans", "--out", "s.csv", "--nonsense"], 1, "--nonsense"),
        (["nonsense"], 1, "nonsense"),
        (["run", "scans", "--out", "scans", "--format", "submission"], 4, "[E-OUTPUT-01]"),
        (["run", "scans", "--out", "scans/01_render.png/s.csv"], 4, "[E-OUTPUT-01]"),
        (["run", "scans", "--out", "s.csv", "--overlay", "scans/01_render.png"], 4, "E-OUTPUT-01"),
        (["evaluate", "absent.csv", "truth"], 1, "[E-INPUT-01]"),
        (["evaluate", "truth/01_render.csv", "truth"], 1, "[E-SUBMISSION-01]"),
    ],
)
def test_exit_codes(scans: Path, capsys: Capture, arguments: list[str], code: int, words: str) -> None:
    actual, out, err = call(capsys, *arguments)
    assert (actual, out) == (code, "")
    assert words in err
    assert not Path("s.csv").exists()


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("surprise"), 70, "[E-BUG-01]"),
        (MemoryError("no room"), 2, "[E-PAGE-05]"),
    ],
)
def test_interrupt_bug_and_lack_of_memory_leave_no_file(
    scans: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch,
    error: BaseException, code: int, words: str,
) -> None:  # fmt: skip
    def stop(self: TruthDigitizer, page: object) -> None:
        raise error

    monkeypatch.setattr(TruthDigitizer, "_digitize", stop)
    actual, _, err = call(capsys, "run", scans, "--out", "s.csv")
    assert actual == code
    assert words in err
    assert sorted(path.name for path in Path().iterdir()) == ["scans", "truth"]


def test_version_and_help(capsys: Capture) -> None:
    import ecgdigit_rt

    versions = f"ecgdigit-rt {ecgdigit_rt.__version__} · models lite {load_models().version}\n"
    assert call(capsys, "--version") == (0, versions, "")
    code, out, _ = call(capsys, "run", "--help")
    assert code == 0
    assert "--overlay" in out
    assert call(capsys, "run", "-h")[1] == out


@pytest.mark.parametrize("command", [[], *all_commands()], ids=" ".join)
def test_every_command_has_short_options(capsys: Capture, command: list[str]) -> None:
    code, out, err = call(capsys, *command, "-h")
    assert (code, err) == (0, "")
    assert ("--out" in out) == ("-o" in out.replace("--out", "").split())


@pytest.mark.parametrize(
    ("options", "code", "error_id"),
    [
        (["--backend", "magic"], 1, "E-BACKEND-02"),
        (["--device", "cuda:9"], 3, "E-BACKEND-01"),
        (["--precision", "fp16", "--device", "cpu"], 3, "E-BACKEND-01"),
    ],
)
def test_unavailable_device_is_rejected(
    tmp_path: Path, capsys: Capture, options: list[str], code: int, error_id: str
) -> None:
    write_page(tmp_path / "page.png", signals(0))
    actual, out, err = call(capsys, "run", tmp_path / "page.png", "--out", tmp_path / "out.csv", *options)
    assert (actual, out) == (code, "")
    assert error_id in err
    assert not (tmp_path / "out.csv").exists()


def test_doctor_lists_backends(capsys: Capture) -> None:
    code, out, _ = call(capsys, "doctor")
    assert code in {0, 3}
    lines = out.splitlines()
    assert any("backend  onnxruntime " in line and "ready: " in line for line in lines)
    assert any("tensorrt " in line and "pip install tensorrt" in line for line in lines)
    assert lines[-1].startswith("+ run      auto")
    _, out, _ = call(capsys, "doctor", "--format", "json")
    assert {finding["category"] for finding in json.loads(out)} >= {
        "machine",
        "package",
        "backend",
        "models",
        "run",
    }


def test_layout_overrides_reach_the_digitizer(scans: Path, capsys: Capture) -> None:
    overrides = ("--layout", "II", "--speed", "50", "--gain", "5", "--min-quality", "12.5")
    code, _, _ = call(capsys, "run", scans, "--out", "s.csv", *overrides)
    assert code == 0
    options = TruthDigitizer.received_options
    assert (options["layout"], options["speed_mm_s"], options["gain_mm_mv"]) == ("II", 50.0, 5.0)
    assert options["min_quality_db"] == 12.5
    code, _, err = call(capsys, "run", scans, "--out", "s.csv", "--speed", "0")
    assert code == 1
    assert "--speed" in err


def test_report_lists_pages_worst_first(scans: Path, capsys: Capture) -> None:
    (scans / "00_empty.png").touch()
    leads = signals(1)
    leads.pop("V5")
    write_truth(TruthDigitizer.truth / "02_render.csv", leads)
    call(capsys, "run", scans, "--out", "s.csv")
    code, out, err = call(capsys, "report", "s.report.json")
    assert (code, err) == (0, "")
    head, *lines = out.splitlines()
    assert head.split() == ["page", "status", "quality", "dB", "worst", "lead", "layout"]
    assert [line.split()[:2] for line in lines] == [
        ["00_empty", "failed"], ["02_render", "digitized"], ["01_render", "digitized"]
    ]  # fmt: skip
    assert "[E-INPUT-03]" in lines[0]
    assert "Leads not found: V5 [E-LEADS-01]" in lines[1]
    assert "3x4+1, 25 mm/s, 10 mm/mV" in lines[2]
    assert len(call(capsys, "report", "s.report.json", "--worst", "1")[1].splitlines()) == 2
    for text in ("", "[]", '{"results": [{}]}'):
        Path("other.json").write_text(text)
        code, out, err = call(capsys, "report", "other.json")
        assert (code, out) == (1, "")
        assert "[E-REPORT-01]" in err
    assert "[E-INPUT-01]" in call(capsys, "report", "none.json")[2]


def test_file_name_that_is_not_utf8(scans: Path, capsys: Capture) -> None:
    path = scans / os.fsdecode(b"ecg-\xe9.png")
    path.write_bytes((scans / "01_render.png").read_bytes())
    truth = TruthDigitizer.truth
    (truth / os.fsdecode(b"ecg-\xe9.csv")).write_bytes((truth / "01_render.csv").read_bytes())
    code, _, _ = call(capsys, "run", scans, "--out", "s.csv", "--overlay", "overlays")
    assert code == 0
    assert set(read_submission(Path("s.csv"))) == {*NAMES, "ecg-\\udce9"}
    assert json.loads(Path("s.report.json").read_text())["digitized"] == 3
    assert len(list(Path("overlays").iterdir())) == 3
