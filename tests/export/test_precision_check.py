"""Limits of the loss of a precision compared with FP32, in the median and in the mean over pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from ecgdigit_export import precision_check

FP32_DB = (20.0, 21.0, 22.0, 23.0, 24.0)


def check(monkeypatch: pytest.MonkeyPatch, folder: Path, int8_db: tuple[float, ...]) -> dict[str, object]:
    for k in range(5):
        for suffix in ("jpg", "npz"):
            (folder / f"{k}.{suffix}").touch()
    scores: Iterator[float] = iter((*FP32_DB, *int8_db))
    monkeypatch.setattr(precision_check, "Pipeline", lambda runners: runners)
    monkeypatch.setattr(precision_check, "clipped_page_db", lambda *_: next(scores))
    return precision_check.check_precisions({"fp32": {}, "int8": {}}, folder)


def test_a_small_loss_is_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    summary = check(monkeypatch, tmp_path, tuple(db - 0.1 for db in FP32_DB))
    assert summary["int8"] == {"mean_db": 21.9, "median_lost_db": 0.1}


@pytest.mark.parametrize(
    ("int8_db", "message"),
    [
        (tuple(db - 0.3 for db in FP32_DB), "the median loss"),
        ((20.0, 21.0, 22.0, 2.0, 24.0), "is 4.20 dB, more than 0.5 dB"),
    ],
)
def test_a_large_loss_is_rejected(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, int8_db: tuple[float, ...], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        check(monkeypatch, tmp_path, int8_db)
