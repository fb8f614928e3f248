"""`ecgdigit-rt deploy triton`: a model repository for NVIDIA's Triton Inference Server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.options import Gain, LayoutName, Speed

app = typer.Typer(help="Folders for servers: triton.", no_args_is_help=True)


class StageBackend(StrEnum):
    """What runs the stage models in Triton."""

    onnxruntime = "onnxruntime"
    tensorrt = "tensorrt"


class Networks(StrEnum):
    """Where the model `ecgdigit` runs its networks."""

    auto = "auto"
    in_process = "in-process"
    stage_models = "stage-models"


@app.callback()
def _group() -> None:
    pass


@app.command("triton")
def triton(
    out: Annotated[Path, typer.Option("--out", help="The model repository: a folder to make.")],
    backend: Annotated[
        StageBackend, typer.Option("--backend", help="Triton's backend of the stage models.")
    ] = StageBackend.onnxruntime,
    models: Annotated[str, typer.Option("--models", help="The family of models.")] = "lite",
    device: Annotated[
        str, typer.Option("--device", help="auto, cpu or cuda:N; auto: the CPU, a card with tensorrt.")
    ] = "auto",
    precision: Annotated[
        str, typer.Option("--precision", help="auto, fp32, fp16 or int8; auto: fp32, fp16 on a card.")
    ] = "auto",
    networks: Annotated[
        Networks,
        typer.Option("--networks", help="Where `ecgdigit` runs them; auto: in process, on a card as models."),
    ] = Networks.auto,
    instances: Annotated[
        int, typer.Option("--instances", min=1, help="How many processes of `ecgdigit` run at once.")
    ] = 1,
    threads: Annotated[
        int | None,
        typer.Option("--threads", min=1, help="CPU threads of each. Default: an equal share of all."),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Images that `ecgdigit` takes at once, at most.")
    ] = 8,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", help="A Python environment on the server, for EXECUTION_ENV_PATH."),
    ] = None,
    engines: Annotated[
        Path | None, typer.Option("--engines", help="Folder of engines. Default: the user's cache folder.")
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", help="Whose engines, such as sm75. Default: the newest.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a repository that this verb wrote.")
    ] = False,
) -> None:
    """Write a model repository for Triton: the model ecgdigit, from image files to signals, and each stage.

    --layout, --speed and --gain hold for requests that do not say otherwise. Engines are those that
    build-engines made with tensorrt on the server's kind of card.
    """
    from ecgdigit_rt.triton.page_service import Page
    from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

    order = RepositoryRequest(
        models,
        backend.value,
        device,
        precision,
        instances,
        threads,
        batch,
        networks.value,
        Page(layout, speed, gain),
        environment,
        engines,
        target,
    )
    names = write_repository(order, out, overwrite=overwrite)
    typer.echo(f"models   {', '.join(names)}", err=True)
    typer.echo(f"networks {order.runs_networks} · {order.on}", err=True)
    typer.echo(f"start    tritonserver --model-repository {out.absolute()}", err=True)
