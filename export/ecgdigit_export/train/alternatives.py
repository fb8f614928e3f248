"""Losses of the networks that regress heights. They use a Laplace likelihood instead of the cross-entropy."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ecgdigit_export.models.alternatives import Direct, HeightRegression, MultiTask
from ecgdigit_export.train.trace import importance, presence_entropy
from ecgdigit_rt.stages import BINS_PER_MM

# Standard deviation of the target at the start of a lead, in output columns. Hand-picked, not tuned.
_START_COLUMNS = 4.0
_STRIDE = 4  # number of strip rows, and of strip columns, per cell of the mask


def direct_loss(model: Direct, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the loss of heights and presence, and the metrics of `trace_loss`."""
    return _regression_loss(model.regress(batch["pixels"]), batch)


def multitask_loss(model: MultiTask, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]]:
    """Return the weighted sum of the losses of regression, mask and lead starts, and metrics.

    The loss of the regression is that of `direct_loss`. The metric `mask` is the fraction of the true cells
    of the mask that are predicted. The other metrics are those of `direct_loss`.
    """
    predicted = model.predict(batch["pixels"])
    loss, metrics = _regression_loss(predicted.regression, batch)
    mask, starts = _mask_target(batch, predicted.mask.shape[1]), _starts_target(batch)
    positive = torch.tensor(8.0, device=mask.device)
    mask_loss = functional.binary_cross_entropy_with_logits(predicted.mask, mask, pos_weight=positive)
    starts_loss = functional.binary_cross_entropy_with_logits(predicted.starts, starts, pos_weight=positive)
    true = mask > 0.5
    metrics["mask"] = float((predicted.mask.detach()[true] > 0).float().mean()) if true.any() else 0.0
    return loss + mask_loss + 0.3 * starts_loss, metrics


def _regression_loss(
    predicted: HeightRegression, batch: dict[str, Tensor]
) -> tuple[Tensor, dict[str, float]]:
    bins = batch["bins"]
    inside = torch.isfinite(bins)
    limit = float(batch["pixels"].shape[1] // 2) - 0.5
    truth = torch.nan_to_num(bins.clamp(0.5, limit))
    weight = inside.float() * importance(bins)
    total_weight = weight.sum().clamp_min(1)
    error = (predicted.height - truth).abs()
    likelihood = error * (-predicted.log_scale).exp() + predicted.log_scale
    presence_loss = presence_entropy(predicted.presence, batch["covered"])
    metrics = {
        "error_mm": float((error.detach() * weight).sum() / total_weight) / BINS_PER_MM,
        "lost": float(((error.detach() > 4) & inside).float().sum() / total_weight),
        "presence": float(presence_loss.detach()),
    }
    return (likelihood * weight).sum() / total_weight + 0.05 * (
        error * weight
    ).sum() / total_weight + presence_loss, metrics


def _mask_target(batch: dict[str, Tensor], rows: int) -> Tensor:
    """Return the mask of the trace, (batch, rows, columns / 8), from its lowest to its highest cell."""
    bins = batch["bins"]
    count, columns = bins.shape
    cells = torch.nan_to_num(bins, nan=-1.0).view(count, columns // (2 * _STRIDE), 2 * _STRIDE) * 2 / _STRIDE
    present = torch.isfinite(bins).view_as(cells).any(2)
    low = torch.where(cells < 0, torch.inf, cells).amin(2).floor()
    high = cells.amax(2).ceil()
    row = torch.arange(rows, device=bins.device).view(1, -1, 1)
    return ((row >= low[:, None]) & (row < high[:, None]) & present[:, None]).float()


def _starts_target(batch: dict[str, Tensor]) -> Tensor:
    """Return a Gaussian at the start of each lead, (batch, columns / 8)."""
    nearest = -functional.max_pool1d(-batch["from_start"][:, None], 2 * _STRIDE)[:, 0]
    return torch.exp(-0.5 * (nearest / _START_COLUMNS).square())
