"""Graphs that lose too much on pages are not shipped, whether all pages lose a little or some lose all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")

from ecgdigit_export import page_proof as proof

FP32 = (20.0, 21.0, 22.0, 23.0, 24.0)


def proven(monkeypatch: pytest.MonkeyPatch, folder: Path, short: tuple[float, ...]) -> dict[str, object]:
    for k in range(5):
        for suffix in ("jpg", "npz"):
            (folder / f"{k}.{suffix}").touch()
    figures: Iterator[float] = iter((*FP32, *short))
    monkeypatch.setattr(proof, "PageReader", lambda runners: runners)
    monkeypatch.setattr(proof, "page_db", lambda *_: next(figures))
    return proof.page_proof({"fp32": {}, "int8": {}}, folder)


def test_a_little_is_allowed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    found = proven(monkeypatch, tmp_path, tuple(db - 0.1 for db in FP32))
    assert found["int8"] == {"mean_db": 21.9, "median_lost_db": 0.1}


@pytest.mark.parametrize(
    ("short", "words"),
    [
        (tuple(db - 0.3 for db in FP32), "in the median"),
        ((20.0, 21.0, 22.0, 2.0, 24.0), "4.20 dB in the mean"),
    ],
)
def test_more_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, short: tuple[float, ...], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        proven(monkeypatch, tmp_path, short)
