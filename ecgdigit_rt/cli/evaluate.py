"""`ecgdigit-rt evaluate`: what a run wrote against the truth."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecgdigit_rt.evaluation.evaluate import Evaluation


class Format(StrEnum):
    """For a person, a program, a spreadsheet."""

    text = "text"
    json = "json"
    csv = "csv"


def evaluate(
    submission: Annotated[
        Path, typer.Argument(help="What `run` wrote: submission.csv, a folder of NAME.csv, a .parquet file.")
    ],
    truth_dir: Annotated[Path, typer.Argument(help="Folder with a NAME.csv per image, in millivolt.")],
    format: Annotated[  # noqa: A002 the option's name
        Format, typer.Option("--format", help="Tables, JSON for programs, or a CSV line per image and lead.")
    ] = Format.text,
    submitted_only: Annotated[
        bool,
        typer.Option("--submitted-only", help="Leave out images that the submission lacks."),
    ] = False,
    html: Annotated[
        Path | None, typer.Option("--html", help="Also write a report: one file, with plots and tables.")
    ] = None,
    worst: Annotated[
        int | None, typer.Option("--worst", min=1, help="Read the N worst pages again and show every step.")
    ] = None,
    pages: Annotated[
        Path | None, typer.Option("--pages", help="With --worst: the folder that holds the page images.")
    ] = None,
    look: Annotated[
        Path | None,
        typer.Option("--inspect-dir", help="With --worst: folder for NAME/, as `inspect` writes it."),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="With --worst: CPU threads. Default: all there are."),
    ] = None,
) -> None:
    """Score with the competition's metric, capped and uncapped, and in the measures that papers state.

    Beside dB: error in mV and in % of the range, correlation, distance after warping, R peaks. Every image
    with truth counts; one that the submission lacks counts with all leads missing. A test.csv in the
    truth folder or beside it tells the sampling rates, a NAME.json there or the run's report the layouts.
    """
    from ecgdigit_rt.evaluation.evaluate import evaluate as evaluated
    from ecgdigit_rt.evaluation.predictions import read_predictions

    if (worst is None) != (pages is None) or (worst is None) != (look is None):
        raise typer.BadParameter("--worst, --pages and --inspect-dir belong together")
    evaluation = evaluated(read_predictions(submission), truth_dir, submitted_only=submitted_only)
    if html is not None:
        from ecgdigit_rt.atomic_files import write_text_atomically
        from ecgdigit_rt.evaluation.evaluation_html import html_from_evaluation

        write_text_atomically(html_from_evaluation(evaluation, submission.name), html)
        typer.echo(f"written  {html}", err=True)
    typer.echo(_text(evaluation, format), nl=False)
    if evaluation.untrue:
        count = len(evaluation.untrue)
        shown = ", ".join(evaluation.untrue[:5]) + (" …" if count > 5 else "")
        typer.echo(f"not scored, no truth for {count}: {shown}", err=True)
    if worst is not None and pages is not None and look is not None:
        from ecgdigit_rt.cli.worst_pages import look_at_worst

        look_at_worst(evaluation.images, worst, pages, truth_dir, look, threads)


def _text(evaluation: Evaluation, form: Format) -> str:
    from ecgdigit_rt.evaluation.evaluation_json import csv_from_evaluation, json_from_evaluation
    from ecgdigit_rt.evaluation.evaluation_text import text_from_evaluation

    match form:
        case Format.json:
            return json_from_evaluation(evaluation)
        case Format.csv:
            return csv_from_evaluation(evaluation)
        case Format.text:
            return text_from_evaluation(evaluation)
