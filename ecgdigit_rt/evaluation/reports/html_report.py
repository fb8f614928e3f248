"""HTML report of an evaluation: one file with sortable tables, plots and definitions (extra `report`).

The file makes no network requests. A content security policy prevents them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecgdigit_rt import __version__
from ecgdigit_rt.evaluation.measures import DTW_BAND_S, Agreement, Summary, measure_values, summarize
from ecgdigit_rt.evaluation.metric import PERFECT_RATIO, competition_score, db_from_ratio
from ecgdigit_rt.evaluation.r_peaks import MARGIN_S, TOLERANCE_S
from ecgdigit_rt.evaluation.reports.distributions import box_plot_svg, histogram_svg
from ecgdigit_rt.evaluation.scores import Evaluation, ImageScore, mean_db, summarize_images
from ecgdigit_rt.optional_dependency import missing_dependency_as_error
from ecgdigit_rt.results import ALL_LEADS

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a table. `value` is the sort key. It is None for a missing value."""

    text: str
    value: str | None
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: its heading and tooltip, and the format of its numbers.

    A float is multiplied by `factor` and shown with `decimals` decimals. An integer is shown unchanged.
    """

    name: str
    meaning: str = ""
    decimals: int = 2
    factor: float = 1

    def cell(self, value: str | float) -> Cell:
        """Return the cell of a value. NaN is a missing value and is shown as a dash."""
        if isinstance(value, str):
            return Cell(value, value, is_text=True)
        if isinstance(value, int):
            return Cell(f"{value}", f"{value}")
        if math.isnan(value):
            return Cell("–", None)
        text = f"{value * self.factor:.{self.decimals}f}" if math.isfinite(value) else f"{value}"
        return Cell(
            text.replace("inf", "∞").replace("-", "−"),
            f"{value:.6g}".replace("inf", "Infinity"),
        )


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and rows with one cell for each of them."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Section:
    """One section of the report. `plot` is an SVG element."""

    heading: str
    plot: str = ""
    table: Table | None = None
    note: str = ""


_MEASURES = {
    "nrmse_percent": Column("NRMSE %", "root mean square error in % of the range of the truth"),
    "pearson": Column("r", "Pearson correlation where both curves are present", 4),
    "rmse_mv": Column("RMSE mV", "root mean square error; missing samples count as 0 mV", 4),
    "dtw_mv": Column("DTW mV", f"mean distance after dynamic time warping within ±{DTW_BAND_S:g} s", 4),
    "r_peak_ms": Column("R ms", "median distance of matched R peaks after the alignment", 1),
    "r_peak_unaligned_ms": Column(
        "R ms, unaligned", "median distance of matched R peaks before the alignment", 1
    ),
    "r_peak_sensitivity": Column(
        "R sens %",
        f"true R peaks with a predicted R peak within {1000 * TOLERANCE_S:.0f} ms",
        1,
        100,
    ),
    "r_peak_precision": Column(
        "R prec %", f"predicted R peaks with a true R peak within {1000 * TOLERANCE_S:.0f} ms", 1, 100
    ),
}
"""Columns of the measures, by their names in `measure_values`."""

_DB = Column("dB", "Σ truth² over Σ error², uncapped")
_MEAN_DB = Column("mean dB", "mean over images, uncapped")
_STATUS = Column("status", "doubtful: the run reported that the signals may be wrong")
_WEAKEST = Column("weakest lead", "lowest dB")
_SCORE = Column(
    "score", f"competition score: mean over images of the ratio capped at {PERFECT_RATIO:g}, in dB"
)


def html_from_evaluation(evaluation: Evaluation, title: str) -> str:
    """Return the HTML document. `title` is the name of the evaluated output. Raises DependencyMissing."""
    images = evaluation.images
    by_lead = {
        name: [(image.image, image.leads[name].db) for image in images if name in image.leads]
        for name in ALL_LEADS
    }
    template = template_environment().get_template("report.html.jinja")
    return template.render(
        title=title,
        version=__version__,
        sections=[
            _overall_section(evaluation),
            Section("Images", histogram_svg([image.db for image in images], "images")),
            *_group_section("Kinds", "kind", evaluation.kinds),
            *_group_section("Layouts", "layout", evaluation.layouts),
            *_group_section("Statuses", "status", evaluation.statuses),
            Section("Leads", box_plot_svg(by_lead, "lead"), _lead_table(evaluation)),
            Section("All images", table=_image_table(images)),
        ],
        definitions=_definitions(),
    )


def template_environment() -> Environment:
    """Return the Jinja environment of the templates, with autoescape. Raises DependencyMissing."""
    with missing_dependency_as_error("an HTML report", "jinja2", "report"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    return Environment(
        loader=PackageLoader(__package__, "."),
        autoescape=True,
        keep_trailing_newline=True,
        undefined=StrictUndefined,
    )


def _table(columns: Sequence[Column], rows: Sequence[Sequence[str | float]]) -> Table:
    cells = [[column.cell(value) for column, value in zip(columns, row, strict=True)] for row in rows]
    return Table(columns, cells)


def _overall_section(evaluation: Evaluation) -> Section:
    images = evaluation.images
    columns = [Column("images"), _MEAN_DB, _SCORE, *_MEASURES.values()]
    row = [len(images), evaluation.mean_db, evaluation.score, *_measures(summarize_images(images))]
    unscored = ", ".join(evaluation.without_truth)
    return Section(
        "Overall", table=_table(columns, [row]), note=unscored and f"Not scored, without truth: {unscored}"
    )


def _group_section(heading: str, noun: str, groups: Mapping[str, Sequence[ImageScore]]) -> list[Section]:
    if not groups:
        return []
    named = {name or "(other)": images for name, images in groups.items()}
    plot = box_plot_svg({name: [(i.image, i.db) for i in images] for name, images in named.items()}, noun)
    columns = [Column(noun), Column("images"), _MEAN_DB, _SCORE, *_MEASURES.values()]
    rows: list[list[str | float]] = [
        [
            name,
            len(images),
            mean_db(images),
            competition_score([image.ratio for image in images]),
            *_measures(summarize_images(images)),
        ]
        for name, images in named.items()
    ]
    return [Section(heading, plot, _table(columns, rows))]


def _lead_table(evaluation: Evaluation) -> Table:
    agreements = evaluation.lead_agreements
    rows: list[list[str | float]] = [
        [name, db, *_measures(summarize(agreements[name]))] for name, db in evaluation.lead_db.items()
    ]
    return _table([Column("lead"), _MEAN_DB, *_MEASURES.values()], rows)


def _image_table(images: Sequence[ImageScore]) -> Table:
    columns = [Column("image"), Column("kind"), Column("layout"), _STATUS, _DB, _WEAKEST]
    columns += [*_MEASURES.values(), Column("missing", "leads without a prediction, or predicted as zeros")]
    rows: list[list[str | float]] = [
        [
            image.image,
            image.kind,
            image.layout,
            image.status,
            image.db,
            f"{image.weakest_lead} {image.leads[image.weakest_lead].db:.1f}",
            *_measures(summarize_images([image])),
            " ".join(image.missing),
        ]
        for image in images
    ]
    return _table(columns, rows)


def _measures(of: Summary | Agreement) -> list[float]:
    values = measure_values(of)
    return [values[name] for name in _MEASURES]


def _definitions() -> dict[str, str]:
    cap_db = db_from_ratio(PERFECT_RATIO)
    return {
        "dB": "10·log10 of Σ truth² over Σ error², after the alignment of the competition metric: the best "
        "lag within ±0.2 s, then the best offset. For an image, both sums are over all its leads.",
        "score": "Competition score: 10·log10 of the mean over images of the ratio, which is capped at "
        f"{PERFECT_RATIO:g} ({cap_db:.2f} dB).",
        **{column.name: f"{column.meaning[0].upper()}{column.meaning[1:]}." for column in _MEASURES.values()},
        "R peaks": f"Beats within {1000 * MARGIN_S:.0f} ms of the ends of a lead are not counted. Peaks are "
        "pooled over all leads. The other measures are means over leads, with equal weight for each "
        "lead of each image.",
    }
