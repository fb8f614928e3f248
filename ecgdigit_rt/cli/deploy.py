"""`ecgdigit-rt deploy triton`: write a model repository for NVIDIA's Triton Inference Server."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecgdigit_rt.cli.options import Gain, LayoutName, ModelsName, Speed

app = typer.Typer(help="Write the files for deployment on an inference server.", no_args_is_help=True)


class StageBackend(StrEnum):
    """Triton backend that runs the stage models."""

    onnxruntime = "onnxruntime"
    tensorrt = "tensorrt"


class NetworkMode(StrEnum):
    """Place in which the networks of the model `ecgdigit` run: its own process or the stage models."""

    auto = "auto"
    in_process = "in-process"
    stage_models = "stage-models"


@app.callback()
def _group() -> None:
    pass


@app.command("triton")
def triton(
    out: Annotated[Path, typer.Option("--out", "-o", help="Model repository to create.")],
    backend: Annotated[
        StageBackend, typer.Option("--backend", help="Triton backend of the stage models.")
    ] = StageBackend.onnxruntime,
    models: ModelsName = "lite",
    device: Annotated[
        str,
        typer.Option("--device", help="auto, cpu or cuda:N. auto: cpu, or cuda:0 with --backend tensorrt."),
    ] = "auto",
    precision: Annotated[
        str,
        typer.Option("--precision", help="auto, fp32, fp16 or int8. auto: fp32 on the CPU, fp16 on a GPU."),
    ] = "auto",
    networks: Annotated[
        NetworkMode,
        typer.Option(
            "--networks",
            help="Run the networks of `ecgdigit` in its process or in the stage models. auto: in-process on "
            "the CPU, stage-models on a GPU.",
        ),
    ] = NetworkMode.auto,
    instances: Annotated[
        int,
        typer.Option(
            "--instances", min=1, help="Number of instances of `ecgdigit`, each in a separate process."
        ),
    ] = 1,
    threads: Annotated[
        int | None,
        typer.Option(
            "--threads", min=1, help="CPU threads per instance. Default: CPUs divided by instances."
        ),
    ] = None,
    batch: Annotated[
        int, typer.Option("--batch", min=1, help="Maximum number of images per batch of `ecgdigit`.")
    ] = 8,
    layout: LayoutName = None,
    speed: Speed = None,
    gain: Gain = None,
    environment: Annotated[
        str | None,
        typer.Option("--environment", help="Python environment on the server (EXECUTION_ENV_PATH)."),
    ] = None,
    engines: Annotated[
        Path | None,
        typer.Option("--engines", help="Folder of engines. Default: the user's cache folder."),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option("--target", help="GPU type of the engines, such as sm75. Default: the newest engines."),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a repository that this command wrote.")
    ] = False,
) -> None:
    """Write a Triton model repository.

    The repository contains the model `ecgdigit`, which converts image files to signals, and one model per
    stage. --layout, --speed and --gain apply to requests that do not specify them. With --backend tensorrt,
    engines must first be built with `build-engines` and the same --backend, on a GPU of the same type as that
    of the server.
    """
    from ecgdigit_rt.triton.page_service import PageOptions
    from ecgdigit_rt.triton.repository import RepositoryRequest, write_repository

    request = RepositoryRequest(
        models,
        backend.value,
        device,
        precision,
        instances,
        threads,
        batch,
        networks.value,
        PageOptions(layout, speed, gain),
        environment,
        engines,
        target,
    )
    names = write_repository(request, out, overwrite=overwrite)
    typer.echo(f"models   {', '.join(names)}", err=True)
    typer.echo(f"networks {request.network_mode} · {request.target_device}", err=True)
    typer.echo(f"start    tritonserver --model-repository {out.absolute()}", err=True)
