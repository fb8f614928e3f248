"""`ecgdigit-rt evaluate`: a submission against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.format import Format


def evaluate(
    submission: Annotated[Path, typer.Argument(help="The submission.csv to score.")],
    truth_dir: Annotated[Path, typer.Argument(help="Folder with a NAME.csv per image, in millivolt.")],
    format: Annotated[  # noqa: A002 the option's name
        Format, typer.Option("--format", help="A table, or JSON for programs.")
    ] = Format.text,
    submitted_only: Annotated[
        bool,
        typer.Option("--submitted-only", help="Leave out images that the submission lacks."),
    ] = False,
) -> None:
    """Score a submission with the competition's metric, capped and uncapped.

    Every image with truth counts; one that the submission lacks counts with all leads missing.
    A test.csv in the truth folder or beside it tells the sampling rates.
    """
    from ecgdigit_rt.outputs.submission import read_submission
    from ecgdigit_rt.scoring.evaluate import evaluate as evaluated
    from ecgdigit_rt.scoring.evaluation_text import json_from_evaluation, text_from_evaluation

    evaluation = evaluated(read_submission(submission), truth_dir, submitted_only=submitted_only)
    as_text = json_from_evaluation if format is Format.json else text_from_evaluation
    typer.echo(as_text(evaluation), nl=False)
    if evaluation.untrue:
        count = len(evaluation.untrue)
        shown = ", ".join(evaluation.untrue[:5]) + (" …" if count > 5 else "")
        typer.echo(f"not scored, no truth for {count}: {shown}", err=True)
