"""Losses of the networks that regress heights: Laplace's likelihood where `trace_loss` has an entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ecgdigit_export.models.alternatives import Direct, MultiTask, Regressed
from ecgdigit_export.train.trace import importance, presence_entropy
from ecgdigit_rt.stages import BINS_PER_MM

_BEGIN_COLUMNS = 4.0
_FINE = 4  # rows and columns of a strip per cell of the mask


def direct_loss(model: Direct, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """The heights' likelihood and the presence; readings as `trace_loss` has them."""
    return _regression(model.regress(batch["pixels"]), batch)


def multitask_loss(model: MultiTask, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """The same, with cross-entropies of the mask and of the leads' begins.

    Readings also: the share of the mask's true cells that were seen.
    """
    seen = model.see(batch["pixels"])
    loss, readings = _regression(seen.regressed, batch)
    mask, begins = _mask(batch, seen.mask.shape[1]), _begins(batch)
    positive = torch.tensor(8.0, device=mask.device)
    masked = functional.binary_cross_entropy_with_logits(seen.mask, mask, pos_weight=positive)
    begun = functional.binary_cross_entropy_with_logits(seen.starts, begins, pos_weight=positive)
    true = mask > 0.5
    readings["mask"] = float((seen.mask.detach()[true] > 0).float().mean()) if true.any() else 0.0
    return loss + masked + 0.3 * begun, readings


def _regression(said: Regressed, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    bins = batch["bins"]
    inside = torch.isfinite(bins)
    limit = float(batch["pixels"].shape[1] // 2) - 0.5
    truth = torch.nan_to_num(bins.clamp(0.5, limit))
    weight = inside.float() * importance(bins)
    share = weight.sum().clamp_min(1)
    error = (said.height - truth).abs()
    likelihood = error * (-said.log_scale).exp() + said.log_scale
    seen = presence_entropy(said.presence, batch["covered"])
    readings = {
        "error_mm": float((error.detach() * weight).sum() / share) / BINS_PER_MM,
        "lost": float(((error.detach() > 4) & inside).float().sum() / share),
        "presence": float(seen.detach()),
    }
    return (likelihood * weight).sum() / share + 0.05 * (error * weight).sum() / share + seen, readings


def _mask(batch: dict[str, Tensor], rows: int) -> Tensor:
    """(batch, rows, columns / 8): where the curve runs, one cell thick or as tall as its flank."""
    bins = batch["bins"]
    count, columns = bins.shape
    cells = torch.nan_to_num(bins, nan=-1.0).view(count, columns // (2 * _FINE), 2 * _FINE) * 2 / _FINE
    present = torch.isfinite(bins).view_as(cells).any(2)
    low = torch.where(cells < 0, torch.inf, cells).amin(2).floor()
    high = cells.amax(2).ceil()
    row = torch.arange(rows, device=bins.device).view(1, -1, 1)
    return ((row >= low[:, None]) & (row < high[:, None]) & present[:, None]).float()


def _begins(batch: dict[str, Tensor]) -> Tensor:
    """(batch, columns / 8): a bump where a lead begins."""
    nearest = -functional.max_pool1d(-batch["from_begin"][:, None], 2 * _FINE)[:, 0]
    return torch.exp(-0.5 * (nearest / _BEGIN_COLUMNS).square())
