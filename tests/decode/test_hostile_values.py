"""Property tests with hostile values: every function raises a named error or returns a finite result."""

from __future__ import annotations

import csv
import io
import string
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn
from numpy.typing import NDArray

from ecgdigit_rt.doubts import DOUBTS
from ecgdigit_rt.errors import (
    EcgDigitError,
    InvalidLayout,
    NoGridFound,
    PageError,
    SubmissionMalformed,
    TestCsvMalformed,
    TruthMalformed,
)
from ecgdigit_rt.evaluation.truth import read_truth
from ecgdigit_rt.formats.page_folder import file_stem
from ecgdigit_rt.formats.submission_csv import SubmissionLeadWriter, read_submission
from ecgdigit_rt.formats.test_csv import COLUMNS, LeadRequest, read_test_csv
from ecgdigit_rt.geometry.mesh_fit import mesh_from_phase
from ecgdigit_rt.layout.baselines import find_baselines
from ecgdigit_rt.layout.catalog import LAYOUTS, plan_from_text
from ecgdigit_rt.layout.match import LayoutOverrides, read_layout
from ecgdigit_rt.layout.page_text import FurtherName, PageText
from ecgdigit_rt.layout.paper_heatmap import CELL_U_MM, CELL_V_MM, PaperHeatmap
from ecgdigit_rt.layout.row_curve import RowCurve
from ecgdigit_rt.results import ALL_LEADS, FURTHER_LEADS, LEADS
from ecgdigit_rt.sanitize import escape_control_chars
from ecgdigit_rt.stages import BASELINE, HEATMAPS
from ecgdigit_rt.text.facts import PrintedFacts
from ecgdigit_rt.tracing.lead_trace import trace_between
from ecgdigit_rt.tracing.strip_prediction import StripPrediction

property_test = settings(
    max_examples=50,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

CELLS = st.sampled_from([*LEADS, *(f"-{lead}" for lead in LEADS)])
ROWS = st.lists(st.lists(CELLS, min_size=1, max_size=4), min_size=1, max_size=12)
FILES = st.text(st.characters(exclude_characters="\0/"), min_size=1, max_size=60)
IDS = FILES.map(str.strip).filter(bool).filter(lambda text: text.encode("utf-8", "ignore").decode() == text)
HOSTILE = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e38, -1e38, 65504.0, 1e-40])


@property_test
@given(st.one_of(st.text(), st.text(alphabet="IVaRLF123456,/-+x "), st.sampled_from(list(LAYOUTS))))
@example("")
@example("-")
@example("I,,II")
def test_any_text_is_a_plan_or_raises(text: str) -> None:
    try:
        plan = plan_from_text(text)
    except InvalidLayout:
        return
    assert all(lead.removeprefix("-") in ALL_LEADS for row in plan.rows for lead in row)
    assert all(plan.rows)


@property_test
@given(ROWS)
def test_listed_rows_are_parsed(rows: list[list[str]]) -> None:
    text = " / ".join(",".join(row) for row in rows)
    assert plan_from_text(text.lower()).rows == plan_from_text(text).rows == tuple(map(tuple, rows))


@st.composite
def heatmaps(draw: st.DrawFn) -> PaperHeatmap:
    """Draw heatmaps with random baselines and marks, partly outside the value range of a network."""
    height, width = draw(st.integers(2, 160)), draw(st.integers(2, 280))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    heat = np.asarray(rng.uniform(0, draw(st.sampled_from([0, 0.05, 0.4])), (len(HEATMAPS), height, width)))
    for row in draw(st.lists(st.integers(0, height - 1), max_size=14)):
        first, stop = sorted(draw(st.tuples(st.integers(0, width), st.integers(0, width))))
        heat[HEATMAPS.index(BASELINE), row, first:stop] = draw(st.sampled_from([0.3, 1.0]))
    for _ in range(draw(st.integers(0, 30))):
        channel, row, column = rng.integers(0, heat.shape)
        heat[channel, row : row + 3, column : column + 3] = draw(st.sampled_from([1.0, 0.3, 2.0, -1.0]))
    u, v = np.arange(width) * CELL_U_MM, np.arange(height) * CELL_V_MM
    return PaperHeatmap(heat.astype(np.float32), u.astype(np.float32), v.astype(np.float32))


@st.composite
def curves_of(draw: st.DrawFn, heatmap: PaperHeatmap) -> list[RowCurve]:
    """Draw a curve for each detected baseline: beats, noise or a straight line of at least 2 mm."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    curves = []
    for line in find_baselines(heatmap):
        count = draw(st.sampled_from([10, 11, 60, 500, 1250]))
        beats = 10.0 * (np.arange(count) % draw(st.integers(2, 300)) < 4)
        heights = draw(st.sampled_from([0, 1])) * beats + draw(st.sampled_from([0, 0.1, 15])) * rng.normal(
            size=count
        )
        start = line.start_mm + draw(st.floats(-30, 30))
        curves.append(RowCurve(line, start, heights.clip(-20, 20), *rng.random(2) < 0.5))
    return curves


FACTS = st.builds(
    PrintedFacts,
    speed_mm_s=st.sampled_from([None, 12.5, 50.0]),
    gain_mm_mv=st.sampled_from([None, 2.5, 20.0]),
    single_lead=st.sampled_from([None, "I", "V9"]),
    rows=st.sampled_from([None, 0, 3, 12]),
    columns=st.sampled_from([None, 0, 4]),
    rhythm_rows=st.sampled_from([None, 0, 3]),
    groups=st.sampled_from([None, 2, 12]),
)
POSITIONS_MM = st.floats(-50, 300)
FURTHER = st.lists(
    st.builds(FurtherName, st.sampled_from(FURTHER_LEADS), POSITIONS_MM, POSITIONS_MM), max_size=8
)
SPECIFIED = st.sampled_from([None, None, "II", "I/I", "V7,-V8", "3x4", "6x2"]).map(
    lambda layout: LayoutOverrides(plan_from_text(layout) if layout else None)
)


@property_test
@given(st.data(), heatmaps(), FACTS, FURTHER, SPECIFIED)
def test_any_marks_are_a_layout_or_raise(
    data: st.DataObject,
    heatmap: PaperHeatmap,
    facts: PrintedFacts,
    further: list[FurtherName],
    specified: LayoutOverrides,
) -> None:
    with np.errstate(all="ignore"):
        try:
            curves = data.draw(curves_of(heatmap))
            reading = read_layout(PageText(heatmap, facts, tuple(further)), curves, specified)
        except PageError:
            return
    event("read")
    assert all(np.isfinite(hypothesis.points) for hypothesis in reading.hypotheses)
    assert {doubt.id for doubt in reading.doubts} <= set(DOUBTS)
    layout = reading.layout
    assert layout.rows
    for row in layout.rows:
        positions = [row.baseline_mm, row.start_mm, row.end_mm]
        assert np.isfinite(positions).all()
        assert row.start_mm < row.end_mm
    assert 0 < layout.speed_mm_s < 1000
    assert 0 < layout.gain_mm_mv < 1000


@st.composite
def phases(draw: st.DrawFn) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """Draw phase fields of line patterns, noise or a constant, with holes of hostile values."""
    is_page = draw(st.booleans())
    shape = (160, 200) if is_page else draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
    angle, frequency = draw(st.floats(-0.3, 0.3)), draw(st.floats(0.05, 0.3))
    fields = []
    for cos_part, sin_part in ((np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))):
        phase = (cos_part * x + sin_part * y) * frequency
        if not is_page:
            phase = draw(st.floats(-1, 1)) * x + draw(st.floats(-1, 1)) * y
        noise = draw(st.sampled_from([0, 0.02, 0.05, 30])) * rng.normal(size=shape)
        field = draw(st.sampled_from([1, 1, 1, 0.3, 0, 1e30])) * np.exp(2j * np.pi * (phase + noise))
        if draw(st.booleans()):
            field[rng.random(shape) < draw(st.sampled_from([0.001, 0.02, 1]))] = draw(HOSTILE)
        fields.append(field.astype(np.complex64))
    return fields[0], fields[1]


@settings(property_test, max_examples=150)
@given(phases(), st.sampled_from([1.0, 5.9]))
def test_any_phases_are_a_mesh_or_raise(
    fields: tuple[NDArray[np.complex64], NDArray[np.complex64]], scale: float
) -> None:
    with np.errstate(all="ignore"):
        try:
            mesh = mesh_from_phase(*fields, scale)
        except NoGridFound:
            return
    event("mesh")
    assert np.isfinite(mesh.pixels).all()
    assert np.isfinite([mesh.residual_px, mesh.coverage]).all()


@st.composite
def strips(draw: st.DrawFn) -> StripPrediction:
    columns = draw(st.integers(1, 400))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    amplitude = draw(st.sampled_from([0.0, 1.0, 50.0, 1e30]))
    logits = (amplitude * rng.normal(size=(160, columns))).astype(np.float32)
    presence = (10 * rng.normal(size=columns) + draw(st.sampled_from([-5, 0, 8]))).astype(np.float32)
    for array in (logits, presence):
        if draw(st.booleans()):
            array[rng.random(array.shape) < draw(st.sampled_from([0.001, 0.3, 1]))] = draw(HOSTILE)
    return StripPrediction(logits, presence, draw(st.floats(-20, 300)))


@property_test
@given(strips(), st.floats(-30, 30), st.floats(0.1, 60))
def test_any_logits_are_a_finite_trace(strip: StripPrediction, offset_mm: float, length_mm: float) -> None:
    start = strip.start_mm + offset_mm
    with np.errstate(all="ignore"):
        trace = trace_between(strip, start, start + length_mm)
        assert np.isfinite(strip.extent_mm).all()
    assert np.isfinite(trace.height_mm).all()
    assert np.isfinite(trace.confidence).all()
    assert np.isfinite(trace.spread_mm).all()
    assert (np.abs(trace.height_mm) <= strip.half_height_mm + 0.01).all()


REQUESTS = st.builds(
    LeadRequest, st.sampled_from(LEADS), st.sampled_from([250.0, 500.0, 1025.0, 0.5]), st.integers(1, 99_999)
)


@property_test
@given(
    st.dictionaries(
        IDS, st.lists(REQUESTS, min_size=1, max_size=3, unique_by=lambda request: request.lead), min_size=1
    ),
    st.sampled_from(["\n", "\r\n"]),
)
def test_test_csv_round_trip(tmp_path: Path, requests: dict[str, list[LeadRequest]], end: str) -> None:
    text = io.StringIO()
    lines = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL)
    lines.writerow(COLUMNS)
    lines.writerows(
        (image, request.lead, request.rate_hz, request.rows)
        for image, of_image in requests.items()
        for request in of_image
    )
    (tmp_path / "test.csv").write_bytes(text.getvalue().encode())
    assert read_test_csv(tmp_path / "test.csv") == requests


@property_test
@given(st.one_of(st.binary(), st.text(alphabet='id,lead"\n\r\0 5IV_-.e').map(str.encode)))
@example(b'id,lead,fs,number_of_rows\n"' + b"x" * 200_000)
@example(b"id,lead,fs,number_of_rows\n1,I,1e400,1\n")
@example(b"id,lead,fs,number_of_rows\n1,I,500,1_0\n")
def test_any_bytes_as_a_table_raise_named_errors(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "1.csv"
    path.write_bytes(data)
    for read, error_type in (
        (read_test_csv, TestCsvMalformed),
        (read_submission, SubmissionMalformed),
        (read_truth, TruthMalformed),
    ):
        try:
            read(path)
        except EcgDigitError as error:
            assert type(error) is error_type


SIGNALS = stn.arrays(np.float64, st.integers(1, 5), elements=st.floats(-20, 20))


@property_test
@given(st.dictionaries(IDS, st.dictionaries(st.sampled_from(LEADS), SIGNALS, min_size=1), min_size=1))
@example({'"': {"I": np.zeros(1)}, "a\nb": {"V1": np.ones(2)}, 'x"\r\n"': {"II": np.ones(1)}})
@example({"7_0": {"I": np.zeros(1)}, "%s,%d": {"I": np.ones(1)}, "=1+1": {"I": np.ones(1)}})
def test_submission_round_trip(tmp_path: Path, pages: dict[str, dict[str, NDArray[np.float64]]]) -> None:
    path = tmp_path / "submission.csv"
    with SubmissionLeadWriter(path) as writer:
        for image, leads in pages.items():
            for lead, mv in leads.items():
                writer.write(image, lead, mv)
    found = read_submission(path)
    assert found.keys() == pages.keys()
    for image, leads in pages.items():
        assert found[image].keys() == leads.keys()
        for lead, mv in leads.items():
            np.testing.assert_allclose(found[image][lead], mv, atol=6e-6)
    with path.open(encoding="utf-8", newline="") as text:  # parsed with the csv module
        ids = [cells[0].rsplit("_", 2)[0] for cells in csv.reader(text)][1:]
    assert set(ids) == set(pages)


@property_test
@given(st.dictionaries(st.sampled_from(LEADS), SIGNALS, min_size=1), st.integers(0, 3))
def test_truth_round_trip(tmp_path: Path, leads: dict[str, NDArray[np.float64]], leading: int) -> None:
    rows = max(mv.size for mv in leads.values()) + leading
    columns = [[""] * leading + [repr(value) for value in mv.tolist()] for mv in leads.values()]
    padded = [column + [""] * (rows - len(column)) for column in columns]
    lines = [",".join(leads), *(",".join(cells) for cells in zip(*padded, strict=True))]
    (tmp_path / "1.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    found = read_truth(tmp_path / "1.csv").leads
    assert found.keys() == leads.keys()
    for name, mv in leads.items():
        np.testing.assert_array_equal(found[name], mv)


@property_test
@given(st.lists(FILES, min_size=2, max_size=2, unique=True))
@example(["\u00e9", "e\u0301"])
@example(["a\udce9", "a\\udce9"])
@example(["report", "Report"])
def test_distinct_ids_give_distinct_file_stems(ids: list[str]) -> None:
    stems = [file_stem(page_id) for page_id in ids]
    assert unicodedata.normalize("NFC", stems[0]) != unicodedata.normalize("NFC", stems[1])
    for stem in stems:
        assert 0 < len(stem.encode("utf-8")) <= 200
        assert not set(stem) & {*string.whitespace, *'/\\:*?"<>|'} - {" "}
        assert escape_control_chars(stem) == stem


@pytest.mark.parametrize("text", ["plain ä 心 🫀 א.png", "a b"])
def test_harmless_text_is_unchanged(text: str) -> None:
    assert escape_control_chars(text) == text
