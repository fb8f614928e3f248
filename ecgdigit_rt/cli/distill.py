"""`ecgdigit-rt distill`: a small trace network learns from larger ones, or from several, on any pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.options import Threads


def distill(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Pages, with or without truth: files, folders, globs."),
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for rectified pages, labels and the student.")],
    teacher: Annotated[
        list[str] | None,
        typer.Option("--teacher", help="Models to learn from; several are an ensemble. Default: lite."),
    ] = None,
    student: Annotated[
        str, typer.Option("--student", help="A YAML file or a shipped one, as for `train --config`.")
    ] = "lite",
    start: Annotated[
        str | None,
        typer.Option("--init-from", help="Models or a folder of trace.pt for the student to begin with."),
    ] = None,
    validation: Annotated[
        Path | None, typer.Option("--validation", help="Pages that `synth` or `label` wrote: dB every epoch.")
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Optimizer steps.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other key, such as trace.rate=5e-4."),
    ] = None,
    labels_only: Annotated[bool, typer.Option("--labels-only", help="Train no student.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where OUT/trace.ckpt left off.")] = False,
    fresh: Annotated[
        bool, typer.Option("--restart", help="Begin anew, though there is a checkpoint.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Lay pages flat, let the teachers say where the curves are, and train a student on that.

    Writes OUT/rectified/ID/NAME.rect.png and OUT/rectified_labels/ID/NAME.npy, then OUT/trace.pt. Pages
    that are labelled already are not labelled again; pages that cannot be read are named and left out.
    """
    from ecgdigit_rt.cli.export_extra import needed_for
    from ecgdigit_rt.cli.skipped import count_left_out
    from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs

    with needed_for("distill"):
        from ecgdigit_export.distill.curriculum import student_curriculum
        from ecgdigit_export.distill.folder import write_rectified
        from ecgdigit_export.distill.teacher import Teachers
        from ecgdigit_export.train.config_files import settings_from
        from ecgdigit_export.train.fit import checked_checkpoint, train_on
        from ecgdigit_export.train.trainer import Trial
    pages = pages_from_inputs(inputs)
    named = list(zip(page_ids(pages), pages, strict=True))
    flags = [f"pages={out}", f"out={out}"]
    flags += [
        f"{key}={value}" for key, value in {"start": start, "validation.pages": validation}.items() if value
    ]
    flags += [] if steps is None else [f"trace.steps={steps}"]
    settings = settings_from(student, [*flags, *(changes or ())])
    trial = Trial(resume, fresh)
    if not labels_only:
        checked_checkpoint("trace", settings, trial)  # before the teachers' long work
    teachers = Teachers(teacher or ["lite"], threads)
    typer.echo(f"teacher  {' and '.join(teachers.names)}", err=True)
    left_out = count_left_out(write_rectified(named, teachers, out), len(named))
    typer.echo(f"labelled {len(named) - left_out} pages in {out}", err=True)
    if not labels_only:
        lessons = student_curriculum(out, settings)
        weights = train_on(lessons, "trace", settings, trial, lambda note: typer.echo(str(note), err=True))
        typer.echo(f"trained  trace · {weights}", err=True)
    raise typer.Exit(2 if left_out else 0)
