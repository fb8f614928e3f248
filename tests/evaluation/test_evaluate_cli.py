"""Tests of the command `evaluate`: inputs, HTML and CSV reports, and inspection of the worst pages."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from paper_page import digitized_page, signals, write_truth

from ecgdigit_rt.cli.app import exit_code
from ecgdigit_rt.doubts import Doubt
from ecgdigit_rt.formats.csv_folder import csv_from_page
from ecgdigit_rt.formats.metadata import page_metadata
from ecgdigit_rt.formats.registry import FORMATS, OutputDestination
from ecgdigit_rt.formats.submission_csv import SubmissionLeadWriter
from ecgdigit_rt.results import Failed, PageRef

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("01_render", "02_photo", "03_photo")
Capture = pytest.CaptureFixture[str]


def predict(k: int) -> dict[str, NDArray[np.float64]]:
    """Return the prediction of page k: the truth with noise that grows with k."""
    rng = np.random.default_rng(k)
    return {name: mv + rng.normal(0, 0.01 * (k + 1), mv.size) for name, mv in signals(k).items()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder with the truth of three pages, submission.csv with its report, and a layout file of one page."""
    (tmp_path / "truth").mkdir()
    with SubmissionLeadWriter(tmp_path / "submission.csv") as writer:
        for k, name in enumerate(NAMES):
            write_truth(tmp_path / "truth" / f"{name}.csv", signals(k))
            for lead, mv in predict(k).items():
                writer.write(name, lead, mv)
    (tmp_path / "02_photo.json").write_text('{"layout": "12x1"}')
    results = [{"id": name, "layout": {"name": "3x4+1"}} for name in NAMES[:2]]
    results.append({"id": NAMES[2], "layout": {}})
    (tmp_path / "submission.report.json").write_text(json.dumps({"results": results}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run_evaluate(capsys: Capture, *arguments: str) -> tuple[int, str, str]:
    code = exit_code(["evaluate", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def document(capsys: Capture, predictions: str) -> dict[str, object]:
    code, out, _ = run_evaluate(capsys, predictions, "truth", "--format", "json")
    assert code == 0
    scores: dict[str, object] = json.loads(out)
    return scores


def test_text_json_and_csv_agree(folder: Path, capsys: Capture) -> None:
    code, text, err = run_evaluate(capsys, "submission.csv", "truth")
    assert (code, err) == (0, "")
    scores = json.loads(run_evaluate(capsys, "submission.csv", "truth", "--format", "json")[1])
    table = run_evaluate(capsys, "submission.csv", "truth", "--format", "csv")[1]
    lines = list(csv.DictReader(io.StringIO(table)))
    assert len(lines) == 36
    for line in lines:
        image = next(image for image in scores["images"] if image["image"] == line["image"])
        lead = image["leads"][line["lead"]]
        assert float(line["image_db"]) == image["db"]
        assert line["layout"] == (image["layout"] or "")
        assert {name: float(line[name]) for name in lead} == lead
    assert f"NRMSE      {scores['nrmse_percent']:.2f} %" in text
    assert f"DTW        {scores['dtw_mv']:.4f} mV" in text
    kind = next(line for line in text.splitlines() if line.startswith("photo"))
    assert f"{scores['kinds']['photo']['rmse_mv']:.4f}" in kind.split()
    lead = next(line for line in text.splitlines() if line.startswith("aVR "))
    assert f"{scores['lead_measures']['aVR']['nrmse_percent']:.2f}" in lead.split()
    assert scores["leads"]["aVR"] == pytest.approx(
        np.mean([image["leads"]["aVR"]["db"] for image in scores["images"]])
    )


def test_layouts_of_the_truth_have_precedence_over_those_of_the_run(folder: Path, capsys: Capture) -> None:
    scores = json.loads(run_evaluate(capsys, "submission.csv", "truth", "--format", "json")[1])
    assert [image["layout"] for image in scores["images"]] == ["3x4+1", "12x1", None]
    assert {name: group["images"] for name, group in scores["layouts"].items()} == {
        "3x4+1": 1,
        "12x1": 1,
        "": 1,
    }
    assert "\nlayout " in run_evaluate(capsys, "submission.csv", "truth")[1]
    (folder / "submission.report.json").write_text("[1, {}")
    (folder / "02_photo.json").write_text('{"layout": 7}')
    assert json.loads(run_evaluate(capsys, "submission.csv", "truth", "--format", "json")[1])["layouts"] == {}


def test_images_are_grouped_by_the_status_of_the_run(folder: Path, capsys: Capture) -> None:
    pytest.importorskip("pyarrow")
    scores = json.loads(run_evaluate(capsys, "submission.csv", "truth", "--format", "json")[1])
    assert scores["statuses"] == {}, "the report of the run has no statuses"
    assert "\nstatus " not in run_evaluate(capsys, "submission.csv", "truth")[1]
    statuses = ("digitized", "doubtful", "failed")
    pages = [{"id": name, "status": status} for name, status in zip(NAMES, statuses, strict=True)]
    (folder / "submission.report.json").write_text(
        json.dumps({"results": [*pages, {"id": "x", "status": 7}]})
    )
    (folder / "pages").mkdir()
    (folder / "pages" / "report.json").write_text(json.dumps({"results": pages[2:]}))
    with FORMATS["parquet"].open_writer(OutputDestination(folder / "all.parquet")) as parquet:
        for k, name in enumerate(NAMES[:2]):
            doubts = (Doubt("D-SPEED-01", "25 or 50 mm/s."),) if k else ()
            page = replace(digitized_page(PageRef(Path(f"{name}.png")), predict(k)), doubts=doubts)
            parquet.write(name, page)
            (folder / "pages" / f"{name}.csv").write_text(csv_from_page(page))
            (folder / "pages" / f"{name}.json").write_text(json.dumps(page_metadata(page, name)))
        parquet.write(NAMES[2], Failed(PageRef(Path("gone.png")), "E-GRID-01", "no grid", "none"))
    for predictions in ("submission.csv", "pages", "all.parquet"):
        scores = json.loads(run_evaluate(capsys, predictions, "truth", "--format", "json")[1])
        assert [image["status"] for image in scores["images"]] == list(statuses), predictions
        assert {name: group["images"] for name, group in scores["statuses"].items()} == dict.fromkeys(
            statuses, 1
        )
    text = run_evaluate(capsys, "submission.csv", "truth", "--html", "report.html")[1]
    row = next(line for line in text.splitlines() if line.startswith("doubtful "))
    assert f"{scores['images'][1]['db']:.2f}" in row.split()
    table = csv.DictReader(io.StringIO(run_evaluate(capsys, "pages", "truth", "--format", "csv")[1]))
    assert {line["image"]: line["status"] for line in table} == dict(zip(NAMES, statuses, strict=True))
    html = (folder / "report.html").read_text(encoding="utf-8")
    assert "<h2>Statuses</h2>" in html
    assert '<td class="text" data-value="doubtful">doubtful</td>' in html


def test_csv_folder_and_parquet_file_have_equal_scores(folder: Path, capsys: Capture) -> None:
    pytest.importorskip("pyarrow")
    (folder / "pages").mkdir()
    with FORMATS["parquet"].open_writer(OutputDestination(folder / "all.parquet")) as parquet:
        for k, name in enumerate(NAMES):
            page = digitized_page(PageRef(Path(f"{name}.png")), predict(k))
            parquet.write(name, page)
            (folder / "pages" / f"{name}.csv").write_text(csv_from_page(page))
            (folder / "pages" / f"{name}.json").write_text('{"layout": {"name": "3x4+1"}}')
        parquet.write("gone", Failed(PageRef(Path("gone.png")), "E-GRID-01", "no grid", "none"))
    expected = document(capsys, "submission.csv")
    for predictions in ("pages", "all.parquet"):
        scores = document(capsys, predictions)
        assert scores["score_db"] == pytest.approx(expected["score_db"], abs=1e-3)
        assert scores["dtw_mv"] == pytest.approx(expected["dtw_mv"], abs=1e-5)
        images = scores["images"]
        assert isinstance(images, list)
        assert [image["layout"] for image in images] == ["3x4+1", "12x1", "3x4+1"]
    assert document(capsys, "all.parquet")["without_truth"] == ["gone"]


def test_invalid_predictions_are_reported(folder: Path, capsys: Capture) -> None:
    (folder / "empty").mkdir()
    (folder / "bad").mkdir()
    (folder / "bad" / "01_render.csv").write_text("time_s,X\n0,1\n")
    (folder / "bad.parquet").write_text("not a Parquet file")
    for predictions, words in (
        ("empty", "no NAME.csv"),
        ("bad", "does not name a lead"),
        ("bad.parquet", "bad.parquet"),
    ):
        if predictions.endswith("parquet"):
            pytest.importorskip("pyarrow")
        code, out, err = run_evaluate(capsys, predictions, "truth")
        assert (code, out) == (1, "")
        assert words in err
        assert "[E-SUBMISSION-02]" in err
    assert "E-INPUT-01" in run_evaluate(capsys, "absent.parquet", "truth")[2]


def test_parquet_file_with_other_columns_is_reported(folder: Path, capsys: Capture) -> None:
    pa = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pa.table({"lead": ["I"]}), folder / "other.pq")
    code, _, err = run_evaluate(capsys, "other.pq", "truth")
    assert code == 1
    assert "E-SUBMISSION-02" in err


def test_html_report_contains_the_scores_and_makes_no_network_request(folder: Path, capsys: Capture) -> None:
    (folder / "submission.csv").rename(folder / "a<b>&.csv")
    code, out, err = run_evaluate(
        capsys, "a<b>&.csv", "truth", "--format", "json", "--html", "out/report.html"
    )
    assert code == 0
    assert "written  out/report.html" in err
    scores, page = json.loads(out), (folder / "out" / "report.html").read_text(encoding="utf-8")
    assert "<h1>Evaluation of a&lt;b&gt;&amp;.csv</h1>" in page
    for image in scores["images"]:
        row = next(
            line for line in page.splitlines() if line.startswith("<tr>") and f">{image['image']}<" in line
        )
        for name, digits in (
            ("db", 2),
            ("nrmse_percent", 2),
            ("pearson", 4),
            ("dtw_mv", 4),
            ("r_peak_ms", 1),
        ):
            assert f">{image[name]:.{digits}f}<" in row, name
        assert f"{image['image']}: {image['leads']['V3']['db']:.1f} dB</title>" in page
    assert f">{scores['score_db']:.2f}<" in page
    assert f">{scores['lead_measures']['V6']['rmse_mv']:.4f}<" in page
    assert "default-src 'none'" in page
    inside = re.sub(r' xmlns(:xlink)?="http://www\.w3\.org/[\w/]+"|xlink:href="#|url\(#', "", page)
    assert not re.search(r"https?:|//|\bsrc=|\bhref=|url\(|@import|<link|<img|<iframe|data:", inside)
    assert page.count("<svg") == 4, "images, kinds, layouts, leads"
    assert page.count("<h2>") == page.count("</section>") == 7


def test_html_and_text_of_pages_without_predictions(folder: Path, capsys: Capture) -> None:
    """All leads are missing or zero."""
    with SubmissionLeadWriter(folder / "none.csv") as writer:
        writer.write("02_photo", "I", np.zeros(1250))
    code, out, _ = run_evaluate(capsys, "none.csv", "truth", "--html", "none.html")
    assert code == 0
    assert "r          –" in out
    page = (folder / "none.html").read_text(encoding="utf-8")
    assert not re.search(r">(nan|inf|None)<|\"(nan|None)\"", page)
    assert "<td>–</td>" in page


def test_worst_pages_are_inspected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    names = ("000000_render", "000001_colour_scan")
    with SubmissionLeadWriter(tmp_path / "s.csv") as writer:
        writer.write(names[0], "II", np.sin(np.arange(5000.0)))
    monkeypatch.chdir(tmp_path)
    truth = str(EXAMPLES / "truth")
    arguments = (
        "s.csv",
        truth,
        "--submitted-only",
        "--worst",
        "3",
        "--pages",
        str(EXAMPLES),
        "--inspect-dir",
        "inspected",
    )
    code, out, err = run_evaluate(capsys, *arguments, "--threads", "1")
    assert code == 0
    assert "score" in out
    facts = json.loads((tmp_path / "inspected" / names[0] / "inspect.json").read_text(encoding="utf-8"))
    assert facts["status"] == "digitized"
    assert facts["leads"]["II"]["snr_db"] > 10, "the page is digitized again"
    assert len(list((tmp_path / "inspected" / names[0]).glob("*.png"))) == 8
    assert [path.name for path in (tmp_path / "inspected").iterdir()] == [names[0]]
    assert re.search(rf"worst +-?\d+\.\d+ dB +inspected/{names[0]}", err)


def test_absent_and_unreadable_worst_pages_are_reported(folder: Path, capsys: Capture) -> None:
    (folder / "scans").mkdir()
    (folder / "scans" / "02_photo.png").write_text("not an image")
    arguments = ("submission.csv", "truth", "--worst", "2", "--pages", "scans", "--inspect-dir", "inspected")
    code, _, err = run_evaluate(capsys, *arguments, "--threads", "1")
    assert code == 0
    assert "absent   03_photo: no page with this id in scans" in err
    assert re.search(r"absent   02_photo: .*\[E-INPUT-03\]", err)
    assert not (folder / "inspected").exists()


@pytest.mark.parametrize("options", [["--worst", "2"], ["--pages", "x"], ["--worst", "1", "--pages", "x"]])
def test_worst_requires_pages_and_inspect_dir(folder: Path, capsys: Capture, options: list[str]) -> None:
    code, out, err = run_evaluate(capsys, "submission.csv", "truth", *options)
    assert (code, out) == (1, "")
    assert "--inspect-dir" in err
