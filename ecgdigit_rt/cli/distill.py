"""`ecgdigit-rt distill`: train a trace network on the output of other, usually larger networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.console import SOME_FAILED
from ecgdigit_rt.cli.options import Threads


def distill(
    inputs: Annotated[
        list[str],
        typer.Argument(metavar="INPUT...", help="Pages, with or without truth: files, folders or globs."),
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for rectified pages, labels and weights.")],
    teacher: Annotated[
        list[str] | None,
        typer.Option("--teacher", help="Models to learn from. Several form an ensemble. Default: lite."),
    ] = None,
    student: Annotated[
        str, typer.Option("--student", help="Settings of the student, as for --config of `train`.")
    ] = "lite",
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from", help="Initial weights of the student: a model family or a folder with trace.pt."
        ),
    ] = None,
    validation: Annotated[
        Path | None,
        typer.Option(
            "--validation",
            help="Pages from `synth` or `label`, to score the student after every epoch.",
        ),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Number of optimizer steps.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override any other setting, such as trace.rate=5e-4."
        ),
    ] = None,
    labels_only: Annotated[
        bool, typer.Option("--labels-only", help="Write the labels, but do not train a student.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the checkpoint OUT/trace.ckpt.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over and replace the checkpoint.")
    ] = False,
    threads: Threads = None,
) -> None:
    """Rectify pages, label their traces with the teachers, and train a student on the labels.

    Writes OUT/rectified/ID/NAME.rect.png and OUT/rectified_labels/ID/NAME.npy, then OUT/trace.pt. Pages
    that already have labels are not labelled again. Pages that cannot be digitized are skipped and listed at
    the end, and the exit code is 2.
    """
    from ecgdigit_rt.cli.console import print_message, print_skipped
    from ecgdigit_rt.decode.page_list import page_ids, pages_from_inputs
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    with missing_dependency_as_error("ecgdigit-rt distill", "torch", "export"):
        from ecgdigit_export.distill.student import student_curriculum
        from ecgdigit_export.distill.teacher import Teachers, write_rectified
        from ecgdigit_export.train.config_files import load_settings
        from ecgdigit_export.train.fit import resolve_checkpoint, train_on_curriculum
        from ecgdigit_export.train.trainer import RunMode
    pages = pages_from_inputs(inputs)
    named = list(zip(page_ids(pages), pages, strict=True))
    flags = [f"pages={out}", f"out={out}"]
    flags += [
        f"{key}={value}"
        for key, value in {"init_from": init_from, "validation.pages": validation}.items()
        if value
    ]
    flags += [] if steps is None else [f"trace.steps={steps}"]
    settings = load_settings(student, [*flags, *(changes or ())])
    mode = RunMode(resume, restart)
    if not labels_only:
        resolve_checkpoint("trace", settings, mode)  # before the slow labelling of the pages
    teachers = Teachers(teacher or ["lite"], threads)
    print_message("teacher", " and ".join(teachers.names))
    skipped = print_skipped(write_rectified(named, teachers, out), len(named))
    print_message("labelled", f"{len(named) - skipped} pages in {out}")
    if not labels_only:
        curriculum = student_curriculum(out, settings)
        weights = train_on_curriculum(
            curriculum, "trace", settings, mode, lambda note: typer.echo(str(note), err=True)
        )
        print_message("trained", f"trace · {weights}")
    raise typer.Exit(SOME_FAILED if skipped else 0)
