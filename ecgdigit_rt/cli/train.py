"""`ecgdigit-rt train`: the networks from pages with truth, synthetic or your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="locate, grid, trace, or all.")],
    config: Annotated[
        str, typer.Option("--config", help="A YAML file, or a shipped one: lite, base, direct, multitask.")
    ] = "lite",
    pages: Annotated[
        Path | None, typer.Option("--pages", help="Folder that `synth` or `label` wrote.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for weights, checkpoints and logs.")
    ] = None,
    start: Annotated[
        str | None,
        typer.Option("--init-from", help="Models or a folder of STAGE.pt to begin with, to fine-tune: lite."),
    ] = None,
    steps: Annotated[int | None, typer.Option("--steps", min=1, help="Optimizer steps a stage.")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other key, such as trace.rate=5e-4."),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where OUT/STAGE.ckpt left off.")] = False,
    fresh: Annotated[
        bool, typer.Option("--restart", help="Begin anew, though there is a checkpoint.")
    ] = False,
    overfit: Annotated[
        int | None,
        typer.Option("--overfit", min=1, metavar="N", help="The same N batches again and again."),
    ] = None,
    debug: Annotated[
        bool, typer.Option("--debug", help="Three steps, checked for NaN, and a picture of the samples.")
    ] = False,
) -> None:
    """Train networks. Every epoch tells the dB of held-out pages and writes OUT/STAGE.pt for `export`.

    `export` makes graphs of OUT; `run --models` reads pages with these.
    """
    from ecgdigit_rt.cli.export_extra import needed_for
    from ecgdigit_rt.models import STAGES

    stages = STAGES if stage == "all" else (stage,)
    if not set(stages) <= set(STAGES):
        raise typer.BadParameter(f"{stage} is none of {', '.join(STAGES)}, all")
    with needed_for("train"):
        from ecgdigit_export.train.config_files import settings_from
        from ecgdigit_export.train.fit import train_stage
        from ecgdigit_export.train.page_source import ensure_pages
        from ecgdigit_export.train.trainer import Trial
    flags = [f"{key}={value}" for key, value in {"pages": pages, "out": out, "start": start}.items() if value]
    flags += [] if steps is None else [f"{name}.steps={steps}" for name in stages]
    settings = settings_from(config, [*flags, *(changes or ())])
    ensure_pages(settings, lambda text: typer.echo(text, err=True))
    trial = Trial(resume, fresh, overfit, debug)
    for name in stages:
        weights = train_stage(name, settings, trial, lambda note: typer.echo(str(note), err=True))
        typer.echo(f"trained  {name} · {weights}", err=True)
