"""The training loop: AdamW, one cosine, averaged weights, checkpoints that resume."""

from __future__ import annotations

import copy
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ecgdigit_export.models.families import stage_network
from ecgdigit_export.train.grid import grid_loss, grid_samples
from ecgdigit_export.train.locate import locate_loss, page_samples
from ecgdigit_export.train.pages import PageStream, Sampler
from ecgdigit_export.train.trace import strip_samples, trace_loss

log = logging.getLogger(__name__)
Loss = Callable[[nn.Module, dict[str, Tensor]], tuple[Tensor, dict[str, float]]]


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one stage is trained. `batch` counts samples of `sample_px` pixels; of smaller ones more fit."""

    sampler: Sampler
    loss: Loss
    batch: int
    sample_px: int
    rate: float


RECIPES: dict[str, Recipe] = {
    "locate": Recipe(page_samples, locate_loss, 3, 768 * 768, 1.5e-3),  # type: ignore[arg-type]
    "grid": Recipe(grid_samples, grid_loss, 6, 448 * 448, 2e-3),  # type: ignore[arg-type]
    "trace": Recipe(strip_samples, trace_loss, 8, 320 * 512, 2e-3),  # type: ignore[arg-type]
}

RATES = {"lite": 1.0, "base": 0.3}
"""By family, the learning rate relative to the recipe's."""
PRECISIONS = ("auto", "bf16", "fp32")


@dataclass(frozen=True, slots=True)
class TrainOptions:
    """Where and how long. `steps` is the length of the cosine; a resumed run may name another.

    start: folder with STAGE.pt whose weights a new run begins with. family: `lite` or `base`, see
    `ecgdigit_export.models.families`. precision: `fp32`, `bf16` (mixed; the weights stay FP32), or `auto`:
    bf16 where the device computes in it.
    """

    folder: Path
    out: Path
    steps: int
    batch: int | None = None
    threads: int = 1
    workers: int = 1
    seed: int = 0
    device: str = "cpu"
    save_every: int = 200
    start: Path | None = None
    precision: str = "auto"
    family: str = "lite"


def computes_in_bf16(device: str) -> bool:
    """Whether bf16 is quicker there: emulated, as on CPUs before AVX512-BF16, it is slower than FP32."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _autocast(options: TrainOptions) -> torch.autocast:
    """Raises ValueError for a precision of another name."""
    if options.precision not in PRECISIONS:
        raise ValueError(f"precision is {' or '.join(PRECISIONS)}, got {options.precision}")
    wanted = options.precision == "bf16" or (options.precision == "auto" and computes_in_bf16(options.device))
    return torch.autocast(torch.device(options.device).type, torch.bfloat16, enabled=wanted)


def _averaged(average: nn.Module, model: nn.Module, step: int) -> None:
    """Exponential moving average whose memory grows with the run, up to some 400 steps."""
    decay = min(0.9975, (1 + step) / (10 + step))
    with torch.no_grad():
        for kept, fresh in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(fresh, 1 - decay)
            else:
                kept.copy_(fresh)


def train_stage(stage: str, options: TrainOptions) -> Path:
    """Train one stage of a family and return its checkpoint.

    Resumes from OUT/STAGE.ckpt.pt where there is one. Writes that file, OUT/STAGE.pt with the averaged
    weights alone, and a line of readings per 20 steps to OUT/STAGE.log.jsonl.
    """
    recipe = RECIPES[stage]
    autocast = _autocast(options)
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    options.out.mkdir(parents=True, exist_ok=True)
    checkpoint = options.out / f"{stage}.ckpt.pt"
    model = stage_network(options.family, stage).to(options.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    top_rate = recipe.rate * RATES[options.family]
    optimizer = torch.optim.AdamW(model.parameters(), top_rate, weight_decay=0.01)
    if options.start is not None and not checkpoint.exists():
        _begin(model, options.start / f"{stage}.pt")
    average = copy.deepcopy(model)
    step = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, map_location=options.device, weights_only=True)
        model.load_state_dict(state["model"])
        average.load_state_dict(state["average"])
        optimizer.load_state_dict(state["optimizer"])
        step = int(state["step"])
    batch_px = (options.batch or recipe.batch) * recipe.sample_px
    stream = PageStream(options.folder, recipe.sampler, batch_px, seed=options.seed + step)
    loader = DataLoader(
        stream,
        batch_size=None,
        num_workers=options.workers,
        prefetch_factor=4 if options.workers else None,
    )
    started, readings = time.perf_counter(), dict[str, float]()
    for batch in loader:
        if step >= options.steps:
            break
        warm = min(1.0, (step + 1) / 100)
        for group in optimizer.param_groups:
            group["lr"] = (
                top_rate * warm * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / options.steps)))
            )
        with autocast:
            loss, seen = recipe.loss(model, {k: v.to(options.device) for k, v in batch.items()})
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        _averaged(average, model, step)
        for key, value in {"loss": float(loss.detach()), **seen}.items():
            readings[key] = 0.9 * readings.get(key, value) + 0.1 * value
        if step % 20 == 0:
            line = {"step": step, "seconds": round(time.perf_counter() - started, 1), **readings}
            with (options.out / f"{stage}.log.jsonl").open("a") as file:
                file.write(json.dumps(line) + "\n")
        if step % options.save_every == 0 or step >= options.steps:
            _save(checkpoint, model, average, optimizer, step, options)
    return checkpoint


def _begin(model: nn.Module, path: Path) -> None:
    """Take the weights that fit by name and shape: an earlier shape of a network is a good beginning too."""
    found = torch.load(path, map_location="cpu", weights_only=True)["weights"]
    own = model.state_dict()
    fitting = {k: v for k, v in found.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fitting, strict=False)
    log.info("%d of %d tensors begin as in %s", len(fitting), len(own), path)


def _save(
    path: Path,
    model: nn.Module,
    average: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    options: TrainOptions,
) -> None:
    state = {
        "model": model.state_dict(),
        "average": average.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
    }
    fresh = path.with_suffix(".new")
    torch.save(state, fresh)
    fresh.replace(path)
    lean = path.with_name(path.name.replace(".ckpt.pt", ".pt"))
    recipe = {k: str(v) for k, v in asdict(options).items()}
    torch.save({"weights": average.state_dict(), "step": step, "options": recipe}, lean)
