"""`ecgdigit-rt build-engines`: build TensorRT engines, also on a machine without a GPU."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class EnginePrecision(StrEnum):
    """Numeric type of the engines."""

    fp16 = "fp16"
    fp32 = "fp32"


def build_engines(
    models: Annotated[str, typer.Option("--models", help="Model family, such as lite.")] = "lite",
    backend: Annotated[
        str,
        typer.Option(
            "--backend", help="tensorrt, tensorrt-rtx, or auto: an installed one that can build for --target."
        ),
    ] = "auto",
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", help="GPU type: local, sm75 (T4), sm80, sm86, sm89, sm120 or sm121. May be repeated."
        ),
    ] = None,
    device: Annotated[
        str, typer.Option("--device", help="GPU of --target local: cuda or cuda:N, such as cuda:1.")
    ] = "cuda",
    batch: Annotated[
        str | None,
        typer.Option(
            "--batch",
            help="Batch size as MINIMUM:TYPICAL:MAXIMUM, such as 1:4:8. Default: depends on the stage.",
        ),
    ] = None,
    max_side: Annotated[
        int | None,
        typer.Option(
            "--max-side",
            min=320,
            help="Maximum side of inputs in pixels, to save GPU memory. Sizes of usual pages stay possible. "
            "Default: depends on the stage.",
        ),
    ] = None,
    precision: Annotated[
        EnginePrecision, typer.Option("--precision", help="Numeric type of the engines.")
    ] = EnginePrecision.fp16,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder for the engines. Default: the user's cache folder."),
    ] = None,
) -> None:
    """Build one TensorRT engine per stage. Existing engines with the same settings are not rebuilt.

    --target local, the default, builds for the GPU of this machine. The other targets need tensorrt-rtx,
    which compiles engines without a GPU.
    """
    from ecgdigit_engine.device import CPU, device_from_text
    from ecgdigit_engine.errors import UnknownChoice
    from ecgdigit_engine.tensorrt.profile import Sizes, batch_from_text
    from ecgdigit_engine.tensorrt.store import EngineStore, engine_folder
    from ecgdigit_engine.tensorrt.target import LOCAL
    from ecgdigit_rt.cli.console import elapsed_spinner, print_message
    from ecgdigit_rt.models.engine_builds import EngineBuildRequest, build_engines

    sizes = Sizes(None if batch is None else batch_from_text(batch), max_side)
    gpu = device_from_text(device)
    if gpu is None or gpu == CPU:
        raise UnknownChoice("device", device, ("cuda", "cuda:N"))
    targets = tuple(target or [LOCAL])
    request = EngineBuildRequest(models, backend, targets, precision.value, sizes, gpu.index)
    store = EngineStore(out or engine_folder())
    with elapsed_spinner() as show:
        results = build_engines(request, store, lambda stage: show(f"building {stage}"))
    for result in results:
        identity = result.engine.identity
        duration = f"{result.engine.seconds:.1f} s" if result.is_new else "unchanged"
        axes = " · ".join(f"{axis.name} {axis.low}:{axis.tuned}:{axis.high}" for axis in identity.axes)
        print_message(
            identity.stage,
            f"{', '.join(identity.targets)} {identity.precision} "
            f"{result.engine.size / 1e6:5.1f} MB  {duration:9}  {axes}",
        )
    identity = results[0].engine.identity
    builder = f"{identity.backend} {identity.backend_version}"
    print_message("engines", f"{identity.models} by {builder} · {store.folder}")
