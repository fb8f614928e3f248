"""`ecgdigit-rt build-engines`: the models as FP16 TensorRT engines, also on a machine without a card."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Precision(StrEnum):
    """What the engines compute in."""

    fp16 = "fp16"
    fp32 = "fp32"


def build_engines(
    models: Annotated[str, typer.Option("--models", help="The family of models.")] = "lite",
    backend: Annotated[
        str, typer.Option("--backend", help="tensorrt, tensorrt-rtx, or auto: what is installed.")
    ] = "auto",
    target: Annotated[
        list[str] | None,
        typer.Option("--target", help="local, or sm75 (T4), sm80, sm86, sm89, sm120; may be repeated."),
    ] = None,
    batch: Annotated[
        str | None, typer.Option("--batch", help="LOW:TUNED:HIGH, such as 1:4:8. Default: each stage's own.")
    ] = None,
    max_side: Annotated[
        int | None,
        typer.Option("--max-side", min=320, help="Longest side in pixels. Default: each stage's own."),
    ] = None,
    precision: Annotated[
        Precision, typer.Option("--precision", help="What the engines compute in.")
    ] = Precision.fp16,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of engines. Default: the user's cache folder.")
    ] = None,
) -> None:
    """Build one engine a stage, unless the same one is there already.

    --target local builds for the card at hand. A named target is compiled ahead of time by tensorrt-rtx,
    which needs no card.
    """
    from ecgdigit_engine.tensorrt.profile import Sizes, batch_from_text
    from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder
    from ecgdigit_engine.tensorrt.target import LOCAL
    from ecgdigit_rt.cli.progress import elapsed_spinner
    from ecgdigit_rt.models.engine_builds import EngineBuildRequest, build_engines

    sizes = Sizes(None if batch is None else batch_from_text(batch), max_side)
    order = EngineBuildRequest(models, backend, tuple(target or [LOCAL]), precision.value, sizes)
    store = EngineStore(out or engine_folder())
    with elapsed_spinner() as say:
        built = build_engines(order, store, lambda stage: say(f"building {stage}"))
    for one in built:
        papers = one.engine.papers
        how = f"{one.engine.seconds:.1f} s" if one.fresh else "was there"
        axes = " · ".join(f"{axis.name} {axis.low}:{axis.tuned}:{axis.high}" for axis in papers.axes)
        typer.echo(
            f"{papers.stage:8} {', '.join(papers.targets)} {papers.precision} "
            f"{one.engine.size / 1e6:5.1f} MB  {how:9}  {axes}",
            err=True,
        )
    papers = built[0].engine.papers
    typer.echo(
        f"engines  {papers.models} by {papers.backend} {papers.backend_version} · {store.folder}", err=True
    )
