"""Alternative networks of the trace stage, for experiments. docs/alternatives.md compares them with `Trace`.

Both networks have the same outputs as `Trace`, so the rest of the pipeline is unchanged. The regressed height
is converted to a Laplace distribution over the bins, with the predicted scale.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from ecgdigit_export.models.resnet import coordinates
from ecgdigit_export.models.stages import Body
from ecgdigit_export.models.unet import planes_from_bytes

_COLUMNS = 8  # number of output columns per column of features at stride 4
_HIDDEN = 96  # channels of the layers along time; hand-picked, not tuned


class HeightRegression(NamedTuple):
    """Regression outputs, each (batch, columns), with one value per output column.

    `height` is the height of the trace in bins from the top of the strip. `log_scale` is the logarithm of the
    scale of the Laplace distribution in bins. `presence` is the logit of the fraction of the column that the
    trace covers.
    """

    height: Tensor
    log_scale: Tensor
    presence: Tensor


class MultiTaskOutput(NamedTuple):
    """Outputs of the multi-task network.

    `mask`, (batch, height / 4, width / 4), contains the logits of the mask of the row's trace. `starts`,
    (batch, width / 4), contains the logits of lead starts.
    """

    regression: HeightRegression
    mask: Tensor
    starts: Tensor


def _laplace_logits(regression: HeightRegression, bins: int) -> Tensor:
    """Return the log probabilities of the bins up to a constant per column, (batch, bins, columns)."""
    centres = torch.arange(bins, device=regression.height.device, dtype=torch.float32) + 0.5
    return -(centres.view(1, -1, 1) - regression.height[:, None]).abs() / regression.log_scale.exp()[:, None]


class _Heights(nn.Module):
    """Head that converts column features, (batch, channels, columns / 8), to a regression of heights."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out = nn.Conv1d(channels, 3 * _COLUMNS, 1)

    def forward(self, columns: Tensor, bins: int) -> HeightRegression:
        batch, _, count = columns.shape
        maps = self.out(columns).float().view(batch, 3, _COLUMNS, count)
        fine = maps.permute(0, 1, 3, 2).reshape(batch, 3, count * _COLUMNS)
        height = 0.5 * bins + 40 * fine[:, 0]
        return HeightRegression(height, fine[:, 1].clamp(-2, 4), fine[:, 2])


def _pool_height(features: Tensor) -> Tensor:
    """Return the mean, the maximum and the softmax-weighted position of each channel over the height.

    `features` is (batch, channels, height, width). The result is (batch, 3 · channels, width).
    """
    down = coordinates(features)[:, 1:]
    weight = features.softmax(2)
    return torch.cat([features.mean(2), features.amax(2), (weight * down).sum(2)], 1)


def _planes_with_offset(pixels: Tensor, dtype: torch.dtype) -> Tensor:
    """Return planes with an additional channel, the distance from the centre of the strip, as in `Trace`."""
    planes = planes_from_bytes(pixels, dtype)
    return torch.cat([planes, coordinates(planes)[:, 1:] * (planes.shape[2] / 320.0)], 1)


class Direct(nn.Module):
    """Network that regresses heights directly.

    Features are pooled over the height and followed by convolutions along time.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        layers: list[nn.Module] = [nn.Conv1d(3 * body.width, _HIDDEN, 1), nn.ReLU()]
        for dilation in (1, 2, 4, 1):
            layers += [nn.Conv1d(_HIDDEN, _HIDDEN, 3, padding=dilation, dilation=dilation), nn.ReLU()]
        self.along = nn.Sequential(*layers)
        self.heights = _Heights(_HIDDEN)

    def regress(self, pixels: Tensor) -> HeightRegression:
        """Return the regression of all output columns."""
        features, _ = self.body(_planes_with_offset(pixels, self.heights.out.weight.dtype))
        regression: HeightRegression = self.heights(self.along(_pool_height(features)), pixels.shape[1] // 2)
        return regression

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `height_logits` and `presence_logits`."""
        regression = self.regress(pixels)
        return _laplace_logits(regression, pixels.shape[1] // 2), regression.presence


class MultiTask(nn.Module):
    """Network for three tasks: the mask of the trace, the starts of leads, and the regression of heights.

    The features are weighted by the mask and pooled over the height. A bidirectional LSTM along the strip
    regresses the heights from them.
    """

    def __init__(self, body: Body) -> None:
        super().__init__()
        self.body = body
        self.mask = nn.Conv2d(body.width, 1, 1)
        self.starts = nn.Conv1d(3 * body.width, 1, 3, padding=1)
        self.along = nn.LSTM(3 * body.width, _HIDDEN, batch_first=True, bidirectional=True)
        self.heights = _Heights(2 * _HIDDEN)

    def predict(self, pixels: Tensor) -> MultiTaskOutput:
        """Return the outputs of all three tasks."""
        features, _ = self.body(_planes_with_offset(pixels, self.mask.weight.dtype))
        mask = self.mask(features)
        columns = _pool_height(features * (0.2 + mask.sigmoid()))
        along, _ = self.along(columns.transpose(1, 2))
        regression = self.heights(along.transpose(1, 2), pixels.shape[1] // 2)
        return MultiTaskOutput(regression, mask[:, 0].float(), self.starts(columns)[:, 0].float())

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Return `height_logits` and `presence_logits`."""
        regression = self.predict(pixels).regression
        return _laplace_logits(regression, pixels.shape[1] // 2), regression.presence
