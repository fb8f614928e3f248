"""`ecgdigit-rt evaluate`: score the output of a run against the truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecgdigit_rt.cli.console import print_message

if TYPE_CHECKING:
    from ecgdigit_rt.evaluation.scores import Evaluation

_LISTED = 5
"""Maximum number of images without truth in the message. The JSON lists all. Hand-picked, not tuned."""


class Format(StrEnum):
    """Format of the printed scores."""

    text = "text"
    json = "json"
    csv = "csv"


def evaluate(
    submission: Annotated[
        Path,
        typer.Argument(
            metavar="SUBMISSION",
            help="Output of `run`: submission.csv, a folder of NAME.csv files or a .parquet file.",
        ),
    ],
    truth_dir: Annotated[
        Path, typer.Argument(metavar="TRUTH_DIR", help="Folder with a NAME.csv per image, in millivolts.")
    ],
    format: Annotated[  # noqa: A002 the name of the option
        Format,
        typer.Option("--format", help="text: tables, json: all scores, csv: one line per image and lead."),
    ] = Format.text,
    submitted_only: Annotated[
        bool,
        typer.Option("--submitted-only", help="Score only images that are in the submission."),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(
            "--html", help="Also write a single-file HTML report with plots. Requires the extra `report`."
        ),
    ] = None,
    worst: Annotated[
        int | None,
        typer.Option(
            "--worst", metavar="N", min=1, help="Run `inspect` on the N pages with the lowest scores."
        ),
    ] = None,
    pages: Annotated[
        Path | None, typer.Option("--pages", help="With --worst: folder of the page images.")
    ] = None,
    inspect_dir: Annotated[
        Path | None,
        typer.Option(
            "--inspect-dir", help="With --worst: folder for the output of `inspect`, a folder NAME/ per page."
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="With --worst: number of CPU threads. Default: all available."),
    ] = None,
) -> None:
    """Score predictions with the competition metric and the accuracy measures of the literature.

    The measures are error in mV and in % of the range, correlation, distance after dynamic time warping, and
    R peaks. Every image with truth is scored. If an image is not in the submission, all its leads count as
    missing. Sampling rates are read from a test.csv in the truth folder or its parent folder. Layouts are
    read from NAME.json in the truth folder or from the report of the run.
    """
    from ecgdigit_rt.evaluation.predictions import read_predictions
    from ecgdigit_rt.evaluation.scores import evaluate as evaluate_submission

    if (worst is None) != (pages is None) or (worst is None) != (inspect_dir is None):
        raise typer.BadParameter("--worst, --pages and --inspect-dir must be used together")
    predictions = read_predictions(submission)
    evaluation = evaluate_submission(predictions, truth_dir, submitted_only=submitted_only)
    if html is not None:
        from ecgdigit_rt.atomic_files import write_text_atomically
        from ecgdigit_rt.evaluation.reports.html_report import html_from_evaluation

        write_text_atomically(html_from_evaluation(evaluation, submission.name), html)
        print_message("written", str(html))
    typer.echo(_formatted(evaluation, format), nl=False)
    unscored = evaluation.without_truth
    if unscored:
        names = ", ".join(unscored[:_LISTED]) + (" …" if len(unscored) > _LISTED else "")
        images = "1 image" if len(unscored) == 1 else f"{len(unscored)} images"
        print_message("unscored", f"{images} without truth: {names}")
    if worst is not None and pages is not None and inspect_dir is not None:
        from ecgdigit_rt.cli.worst_pages import inspect_worst_pages

        inspect_worst_pages(evaluation.images, worst, pages, truth_dir, inspect_dir, threads)


def _formatted(evaluation: Evaluation, form: Format) -> str:
    from ecgdigit_rt.evaluation.reports.json_report import csv_from_evaluation, json_from_evaluation
    from ecgdigit_rt.evaluation.reports.text_report import text_from_evaluation

    match form:
        case Format.json:
            return json_from_evaluation(evaluation)
        case Format.csv:
            return csv_from_evaluation(evaluation)
        case Format.text:
            return text_from_evaluation(evaluation)
