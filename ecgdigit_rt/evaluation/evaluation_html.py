"""An evaluation as one HTML file: tables, plots, and what each figure means. It asks nothing of any host."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from ecgdigit_rt import __version__
from ecgdigit_rt.evaluation.distributions import boxes, histogram
from ecgdigit_rt.evaluation.evaluate import Evaluation, ImageScore, mean_db
from ecgdigit_rt.evaluation.html_table import SORT_SCRIPT, Cell, Column, table
from ecgdigit_rt.evaluation.measures import DTW_BAND_S, Agreement
from ecgdigit_rt.evaluation.metric import PERFECT_RATIO, competition_score, decibel
from ecgdigit_rt.evaluation.r_peaks import END_S, TOLERANCE_S
from ecgdigit_rt.evaluation.summary import Summary, images_summary, measures, summary
from ecgdigit_rt.results import LEADS

MEASURES = {
    "nrmse_percent": Column("NRMSE %", "root mean square error, in % of the truth's highest minus lowest"),
    "pearson": Column("r", "Pearson's correlation where both are known", 4),
    "rmse_mv": Column("RMSE mV", "root mean square error; what is missing counts as 0 mV", 4),
    "dtw_mv": Column("DTW mV", f"mean distance where time may give way by up to {DTW_BAND_S:g} s", 4),
    "r_peak_ms": Column("R ms", "median distance of matched R peaks, after the alignment", 1),
    "r_peak_unaligned_ms": Column("R ms, unaligned", "the same before the alignment", 1),
    "r_peak_sensitivity": Column(
        "R found %", f"true R peaks with one of the prediction within {1000 * TOLERANCE_S:.0f} ms", 1, 100
    ),
    "r_peak_precision": Column("R true %", "R peaks of the prediction with a true one as near", 1, 100),
}
"""By the names of `measures`."""

_DB = Column("dB", "Σ truth² over Σ error², uncapped")
_MEAN_DB = Column("mean dB", "mean over images, uncapped")
_SCORE = Column(
    "score", f"the competition's: decibel of the mean ratio, capped at {PERFECT_RATIO:g} per image"
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --quiet: #6a7280; --grid: #e3e6ea; --accent: #0064be;
  --soft: #b9d6f2; --paper: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e8eb; --quiet: #9aa3b0; --grid: #333a44;
  --accent: #63acf0; --soft: #274a6d; --paper: #15181c; } }
body { margin: 2rem auto; max-width: 76rem; padding: 0 1rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.scroll { overflow-x: auto; } svg { max-width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.2rem 0.7rem; text-align: right; white-space: nowrap;
  border-bottom: 1px solid var(--grid); }
th { cursor: pointer; color: var(--quiet); } td.text, th:first-child { text-align: left; }
th[aria-sort=ascending]::after { content: " ↑"; } th[aria-sort=descending]::after { content: " ↓"; }
dt { font-weight: 600; } dd { margin: 0 0 0.4rem 1.2rem; color: var(--quiet); }
"""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
"""Whatever a page's name might smuggle in, the browser fetches nothing."""


def html_from_evaluation(evaluation: Evaluation, title: str) -> str:
    """The whole file. title: what was evaluated."""
    by_lead = {
        name: [(image.image, image.leads[name].db) for image in evaluation.images if name in image.leads]
        for name in LEADS
    }
    parts = [
        _overall(evaluation),
        _section("Images", histogram([image.db for image in evaluation.images], "images")),
        _groups("Kinds", "kind", evaluation.kinds),
        _groups("Layouts", "layout", evaluation.layouts),
        _section("Leads", boxes(by_lead, "lead") + _leads(evaluation)),
        _section("Every image", _images(evaluation.images)),
        _section("What the figures mean", _meanings()),
    ]
    head = html.escape(title)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>Evaluation of {head}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"<h1>Evaluation of {head}</h1>\n{''.join(parts)}"
        f"<script>{SORT_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _section(heading: str, body: str) -> str:
    return f'<section>\n<h2>{heading}</h2>\n<div class="scroll">\n{body}</div>\n</section>\n' if body else ""


def _overall(evaluation: Evaluation) -> str:
    columns = [Column("images"), _MEAN_DB, _SCORE, *MEASURES.values()]
    figures = _measures(images_summary(evaluation.images))
    row: list[Cell] = [len(evaluation.images), evaluation.mean_db, evaluation.score, *figures]
    untrue = ", ".join(evaluation.untrue)
    note = f"<p>Not scored, since there is no truth for them: {html.escape(untrue)}</p>\n" if untrue else ""
    return _section("All", table(columns, [row]) + note) + f"<p>ecgdigit-rt {__version__}</p>\n"


def _groups(heading: str, what: str, groups: Mapping[str, Sequence[ImageScore]]) -> str:
    named = {name or "(other)": images for name, images in groups.items()}
    plot = boxes({name: [(i.image, i.db) for i in images] for name, images in named.items()}, what)
    columns = [Column(what), Column("images"), _MEAN_DB, _SCORE, *MEASURES.values()]
    rows: list[list[Cell]] = [
        [
            name,
            len(images),
            mean_db(images),
            competition_score([i.ratio for i in images]),
            *_measures(images_summary(images)),
        ]
        for name, images in named.items()
    ]
    return _section(heading, plot + table(columns, rows)) if rows else ""


def _leads(evaluation: Evaluation) -> str:
    agreements = evaluation.lead_agreements
    rows: list[list[Cell]] = [
        [name, db, *_measures(summary(agreements[name]))] for name, db in evaluation.lead_db.items()
    ]
    return table([Column("lead"), _MEAN_DB, *MEASURES.values()], rows)


def _images(images: Sequence[ImageScore]) -> str:
    names = [Column("image"), Column("kind"), Column("layout"), _DB, Column("weakest lead", "by dB")]
    rows: list[list[Cell]] = []
    for image in images:
        weakest = min(image.leads, key=lambda name: image.leads[name].db)
        about: list[Cell] = [
            image.image,
            image.kind,
            image.layout,
            image.db,
            f"{weakest} {image.leads[weakest].db:.1f}",
        ]
        rows.append([*about, *_measures(images_summary([image])), " ".join(image.missing)])
    return table([*names, *MEASURES.values(), Column("missing", "leads that were not read")], rows)


def _measures(of: Summary | Agreement) -> list[float]:
    return list(measures(of).values())


def _meanings() -> str:
    cap = decibel(PERFECT_RATIO)
    meanings = {
        "dB": "10·log10 of Σ truth² over Σ error², after the competition's alignment: the best lag within "
        "±0.2 s, then the best height. Of an image: both sums over all its leads.",
        "score": f"The competition's: 10·log10 of the images' mean ratio, each capped ({cap:.2f} dB).",
        **{one.name: f"{one.meaning[0].upper()}{one.meaning[1:]}." for one in MEASURES.values()},
        "R peaks": f"Beats within {1000 * END_S:.0f} ms of a lead's ends are not counted. Peaks of all leads "
        "are taken together; the other figures are means over leads, each lead of each image once.",
    }
    terms = (f"<dt>{html.escape(name)}</dt><dd>{html.escape(text)}</dd>" for name, text in meanings.items())
    return f"<dl>{''.join(terms)}</dl>\n"
