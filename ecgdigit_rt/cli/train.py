"""`ecgdigit-rt train`: a stage's network from a folder of synthetic pages."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    stage: Annotated[str, typer.Argument(help="locate, grid, trace, or all.")],
    pages: Annotated[Path, typer.Option("--pages", help="Folder that `synth` wrote.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for checkpoints and logs.")],
    family: Annotated[str, typer.Option("--family", help="lite, for CPUs, or base, for GPUs.")] = "lite",
    steps: Annotated[int, typer.Option("--steps", min=1, help="Optimizer steps a stage.")] = 4000,
    batch: Annotated[
        int | None, typer.Option("--batch", min=1, help="Samples a step. Default: the recipe's.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", min=1, help="CPU threads.")] = 2,
    workers: Annotated[int, typer.Option("--workers", min=0, help="Loader processes.")] = 1,
    start: Annotated[
        Path | None, typer.Option("--start", help="Folder of STAGE.pt to begin with, to fine-tune.")
    ] = None,
    device: Annotated[str, typer.Option("--device", help="cpu or cuda.")] = "cpu",
    precision: Annotated[
        str, typer.Option("--precision", help="fp32, bf16, or auto: bf16 where the device computes in it.")
    ] = "auto",
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same order of pages.")] = 0,
) -> None:
    """Train, or resume where OUT/STAGE.ckpt.pt left off; the averaged weights are OUT/STAGE.pt."""
    from ecgdigit_rt.cli.export_extra import needed_for
    from ecgdigit_rt.models import STAGES

    with needed_for("train"):
        from ecgdigit_export.train.loop import RATES, TrainOptions, train_stage
    stages = STAGES if stage == "all" else (stage,)
    if not set(stages) <= set(STAGES):
        raise typer.BadParameter(f"{stage} is none of {', '.join(STAGES)}, all")
    if family not in RATES:
        raise typer.BadParameter(f"{family} is none of {', '.join(RATES)}")
    options = TrainOptions(
        pages,
        out,
        steps,
        batch=batch,
        threads=threads,
        workers=workers,
        device=device,
        seed=seed,
        start=start,
        precision=precision,
        family=family,
    )
    for name in stages:
        typer.echo(f"trained  {name} · {train_stage(name, options)}", err=True)
