"""`ecgdigit-rt train`: train networks on pages with truth, synthetic or your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    stage: Annotated[
        str, typer.Argument(metavar="STAGE", help="Network to train: locate, grid, trace, or all.")
    ],
    config: Annotated[
        str,
        typer.Option("--config", help="Settings: a YAML file, or one of lite, base, direct, multitask."),
    ] = "lite",
    pages: Annotated[
        Path | None, typer.Option("--pages", help="Folder of pages from `synth` or `label`.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Folder for weights, checkpoints and logs.")
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            "--init-from", help="Initial weights for fine-tuning: a model family or a folder with STAGE.pt."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", min=1, help="Number of optimizer steps per stage.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="KEY=VALUE", help="Override any other setting, such as trace.rate=5e-4."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume from the checkpoint OUT/STAGE.ckpt.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Start over and replace the checkpoint.")
    ] = False,
    overfit: Annotated[
        int | None,
        typer.Option(
            "--overfit",
            min=1,
            metavar="N",
            help="Train on the same N batches only, to check that the network can learn.",
        ),
    ] = None,
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Run only three steps, check for NaN, and write an image of the samples."
        ),
    ] = False,
) -> None:
    """Train networks on synthetic or labelled pages.

    After every epoch, the score on held-out pages is printed in dB, and OUT/STAGE.pt is written. `export`
    converts OUT to ONNX graphs for `run` with --models.
    """
    from ecgdigit_rt.cli.console import print_message
    from ecgdigit_rt.models import STAGES
    from ecgdigit_rt.optional_dependency import missing_dependency_as_error

    stages = STAGES if stage == "all" else (stage,)
    if not set(stages) <= set(STAGES):
        raise typer.BadParameter(f"unknown stage {stage}. Choose one of {', '.join(STAGES)}, all")
    with missing_dependency_as_error("ecgdigit-rt train", "torch", "export"):
        from ecgdigit_export.train.config_files import load_settings
        from ecgdigit_export.train.fit import train_stage
        from ecgdigit_export.train.pages import ensure_pages
        from ecgdigit_export.train.trainer import RunMode
    flags = [
        f"{key}={value}"
        for key, value in {"pages": pages, "out": out, "init_from": init_from}.items()
        if value
    ]
    flags += [] if steps is None else [f"{name}.steps={steps}" for name in stages]
    settings = load_settings(config, [*flags, *(changes or ())])
    ensure_pages(settings, lambda text: typer.echo(text, err=True))
    mode = RunMode(resume, restart, overfit, debug)
    for name in stages:
        weights = train_stage(name, settings, mode, lambda note: typer.echo(str(note), err=True))
        print_message("trained", f"{name} · {weights}")
